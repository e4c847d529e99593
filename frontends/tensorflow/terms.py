"""Tensors with operators, for converters whose node is a formula of simpler ops."""

from __future__ import annotations

from ...compiler.ir.core import Op, Value
from ...compiler.ops import activation as a
from ...compiler.ops import elementwise as e
from ...compiler.ops import reduce as r
from ...compiler.ops.base import tensor
from ...runtime.spec import DType
from .context import Context


class Term:
    """A tensor in a formula; the other side of an operator may be a plain number of its dtype."""

    __slots__ = ("c", "v")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, c: Context, v: Value) -> None:
        self.c, self.v = c, v

    @property
    def dtype(self) -> DType:
        return tensor(self.v).dtype

    def like(self, y: Term | float) -> Term:
        """`y` itself, or the number as a tensor of rank 0."""
        return y if isinstance(y, Term) else Term(self.c, self.c.scalar(y, self.dtype))

    def op(self, cls: type[Op], *others: Term | float, **attributes: object) -> Term:
        return Term(self.c, self.c.make(cls, self.v, *(self.like(y).v for y in others), **attributes))

    def __add__(self, y: Term | float) -> Term:
        return self.op(e.Add, y)

    def __sub__(self, y: Term | float) -> Term:
        return self.op(e.Sub, y)

    def __mul__(self, y: Term | float) -> Term:
        return self.op(e.Mul, y)

    def __truediv__(self, y: Term | float) -> Term:
        return self.op(e.Div, y)

    def __radd__(self, y: float) -> Term:
        return self.like(y) + self

    def __rsub__(self, y: float) -> Term:
        return self.like(y) - self

    def __rmul__(self, y: float) -> Term:
        return self.like(y) * self

    def __rtruediv__(self, y: float) -> Term:
        return self.like(y) / self

    def __neg__(self) -> Term:
        return self.op(a.Neg)

    def __abs__(self) -> Term:
        return self.op(a.Abs)

    def __lt__(self, y: Term | float) -> Term:
        return self.op(e.Less, y)

    def __gt__(self, y: Term | float) -> Term:
        return self.op(e.Greater, y)

    def __and__(self, y: Term) -> Term:
        return self.op(e.LogicalAnd, y)

    def eq(self, y: Term | float) -> Term:
        return self.op(e.Equal, y)

    def ne(self, y: Term | float) -> Term:
        return self.op(e.NotEqual, y)

    def where(self, yes: Term | float, no: Term | float) -> Term:
        """Of bools: `yes` where true, else `no`; one of them is a tensor."""
        one = yes if isinstance(yes, Term) else no
        if not isinstance(one, Term):
            raise TypeError("a choice between two numbers has no dtype")
        return self.op(e.Select, one.like(yes), one.like(no))

    def to(self, dtype: DType) -> Term:
        return self if dtype == self.dtype else self.op(e.Cast, dtype=dtype)

    def total(self, *axes: int, keep_dims: bool = False) -> Term:
        """The sum over axes counted from the front."""
        return self.op(r.ReduceSum, axes=axes, keep_dims=keep_dims) if axes else self

    def highest(self, *axes: int, keep_dims: bool = False) -> Term:
        """The maximum over axes counted from the front."""
        return self.op(r.ReduceMax, axes=axes, keep_dims=keep_dims) if axes else self
