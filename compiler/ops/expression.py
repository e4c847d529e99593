"""Expressions with Python's operators, for ops' pointwise lowerings and for the scalar code of kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Union

from ...runtime.spec import DType, boolean
from .base import Scalars

Operand = Union["Num", float, int, bool]


class Num:
    """A value of a known graph dtype in the hands of a `Scalars`; plain numbers become constants of its dtype.

    `+ - * /` are the dtype's own (integers wrap, `/` of floats only), `// %` are not defined: integer division
    has rules that ops state themselves. Comparisons give bools; `&`, `|`, `^`, `~` work on bools and integers.
    """

    __slots__ = ("dtype", "e", "v")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, e: Scalars, v: Any, dtype: DType) -> None:
        self.e, self.v, self.dtype = e, v, dtype

    def like(self, x: Operand) -> Num:
        """`x` itself, or the number as a constant of this dtype and shape."""
        return x if isinstance(x, Num) else Num(self.e, self.at().c(x, self.v), self.dtype)

    def at(self) -> Scalars:
        """The Scalars, told of this dtype."""
        self.e.dtype = self.dtype
        return self.e

    def f(self, name: str) -> Num:
        """A function of one operand by its name in `Scalars.unary`."""
        return Num(self.e, self.at().unary(name, self.v), self.dtype)

    def op(self, name: str, other: Operand) -> Num:
        """A function of two operands by its name in `Scalars.binary`."""
        y = self.like(other)
        return Num(self.e, self.at().binary(name, self.v, y.v), self.dtype)

    def is_(self, name: str, other: Operand) -> Num:
        """A comparison by its name in `Scalars.compare`."""
        y = self.like(other)
        return Num(self.e, self.at().compare(name, self.v, y.v), boolean)

    def where(self, yes: Num, no: Operand) -> Num:
        """Of a bool: `yes` where it holds, else `no`."""
        y = yes.like(no)
        return Num(self.e, yes.at().select(self.v, yes.v, y.v), yes.dtype)

    def to(self, dtype: DType) -> Num:
        """The value cast to another dtype."""
        return self if dtype == self.dtype else Num(self.e, self.at().cast(self.v, dtype), dtype)

    def __add__(self, y: Operand) -> Num:
        return self.op("add", y)

    def __sub__(self, y: Operand) -> Num:
        return self.op("sub", y)

    def __mul__(self, y: Operand) -> Num:
        return self.op("mul", y)

    def __truediv__(self, y: Operand) -> Num:
        return self.op("div", y)

    def __radd__(self, y: Operand) -> Num:
        return self.op("add", y)

    def __rmul__(self, y: Operand) -> Num:
        return self.op("mul", y)

    def __rsub__(self, y: Operand) -> Num:
        return self.like(y) - self

    def __rtruediv__(self, y: Operand) -> Num:
        return self.like(y) / self

    def __and__(self, y: Operand) -> Num:
        return self.op("and", y)

    def __or__(self, y: Operand) -> Num:
        return self.op("or", y)

    def __xor__(self, y: Operand) -> Num:
        return self.op("xor", y)

    def __invert__(self) -> Num:
        return self.f("not")

    def __neg__(self) -> Num:
        return self.f("neg")

    def __abs__(self) -> Num:
        return self.f("abs")

    def __lt__(self, y: Operand) -> Num:
        return self.is_("lt", y)

    def __le__(self, y: Operand) -> Num:
        return self.is_("le", y)

    def __gt__(self, y: Operand) -> Num:
        return self.is_("gt", y)

    def __ge__(self, y: Operand) -> Num:
        return self.is_("ge", y)

    def eq(self, y: Operand) -> Num:
        """Whether equal; a method, so that `==` of Python objects stays what it is."""
        return self.is_("eq", y)

    def ne(self, y: Operand) -> Num:
        """Whether unequal."""
        return self.is_("ne", y)

    def max(self, y: Operand) -> Num:
        """The larger one; NaN when either is."""
        return self.op("max", y)

    def min(self, y: Operand) -> Num:
        """The smaller one; NaN when either is."""
        return self.op("min", y)

    def polynomial(self, coefficients: list[float]) -> Num:
        """Σ coefficients[i] · x^i by Horner's rule."""
        total = self.like(coefficients[-1])
        for k in reversed(coefficients[:-1]):
            total = total * self + k
        return total


Expression = Callable[..., Num]
