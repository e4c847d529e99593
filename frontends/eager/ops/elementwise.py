"""Elementwise functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....compiler.ops import activation, elementwise, integer, special, trigonometry
from ....runtime.errors import InputError
from ....runtime.spec import boolean
from ..tensor import (
    Tensor,
    TensorLike,
    binary,
    cast,
    convert,
    divided,
    floats,
    numbers,
    op,
    pair,
    raised_to,
    unary,
)

__all__ = [
    "abs",
    "absolute",
    "add",
    "arctan2",
    "ceil",
    "clip",
    "cos",
    "cosh",
    "divide",
    "divide_no_nan",
    "equal",
    "erf",
    "exp",
    "expm1",
    "floor",
    "floor_divide",
    "greater",
    "greater_equal",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "nan_to_num",
    "negative",
    "not_equal",
    "power",
    "reciprocal",
    "round",
    "rsqrt",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "squared_difference",
    "subtract",
    "tan",
    "tanh",
    "true_divide",
    "trunc",
    "where",
]  # fmt: skip


def add(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 + x2; of bools whether one is true."""
    a, b = pair(x1, x2)
    return op(elementwise.LogicalOr if _bools(a, b) else elementwise.Add, a, b)


def subtract(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 - x2."""
    return binary(elementwise.Sub, x1, x2)


def multiply(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 * x2; of bools whether both are true."""
    a, b = pair(x1, x2)
    return op(elementwise.LogicalAnd if _bools(a, b) else elementwise.Mul, a, b)


def _bools(a: Tensor, b: Tensor) -> bool:
    return a.type.dtype == boolean and b.type.dtype == boolean


def divide(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 / x2; integers become float32."""
    return divided(x1, x2)


true_divide = divide


def divide_no_nan(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 / x2, and 0 where x2 is 0."""
    a, b = pair(floats(x1) if not isinstance(x1, (int, float)) else x1, x2)
    a, b = pair(floats(a), floats(b))
    none = b == 0.0
    return where(none, 0.0, a / where(none, 1.0, b))


def _number_pair(x1: TensorLike, x2: TensorLike) -> tuple[Tensor, Tensor]:
    """Two operands of one data type; bools count as int32."""
    a, b = pair(x1, x2)
    return numbers(a), numbers(b)


def floor_divide(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The largest integer not above x1 / x2."""
    return op(integer.FloorDiv, *_number_pair(x1, x2))


def mod(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 - x2 * floor(x1 / x2)."""
    return op(integer.FloorMod, *_number_pair(x1, x2))


def power(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 ** x2."""
    return raised_to(x1, x2)


def maximum(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The larger one; NaN when either is NaN."""
    a, b = pair(x1, x2)
    return op(elementwise.LogicalOr if _bools(a, b) else elementwise.Maximum, a, b)


def minimum(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The smaller one; NaN when either is NaN."""
    a, b = pair(x1, x2)
    return op(elementwise.LogicalAnd if _bools(a, b) else elementwise.Minimum, a, b)


def clip(x: TensorLike, x_min: TensorLike, x_max: TensorLike) -> Tensor:
    """x, but at least x_min and at most x_max; bools count as int32."""
    return minimum(maximum(numbers(x), x_min), x_max)


def squared_difference(x1: TensorLike, x2: TensorLike) -> Tensor:
    """(x1 - x2)²."""
    return binary(elementwise.SquaredDifference, x1, x2)


def arctan2(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The angle of the point (x2, x1)."""
    return op(trigonometry.Atan2, *pair(floats(x1), floats(x2)))


def logaddexp(x1: TensorLike, x2: TensorLike) -> Tensor:
    """log(exp(x1) + exp(x2))."""
    a, b = pair(floats(x1), floats(x2))
    # equal infinities have no difference
    return where(a == b, a + float(np.log(2)), maximum(a, b) + log1p(exp(negative(abs(a - b)))))


def _float_function(cls: Any, text: str) -> Any:
    def apply_to(x: TensorLike) -> Tensor:
        return op(cls, floats(x))

    apply_to.__doc__ = text
    return apply_to


sqrt = _float_function(activation.Sqrt, "The square root.")
rsqrt = _float_function(activation.Rsqrt, "1 / sqrt(x).")
exp = _float_function(activation.Exp, "e to the power of x.")
log = _float_function(activation.Log, "The natural logarithm.")
expm1 = _float_function(activation.Expm1, "exp(x) - 1.")
log1p = _float_function(activation.Log1p, "log(1 + x).")
sin = _float_function(trigonometry.Sin, "The sine.")
cos = _float_function(trigonometry.Cos, "The cosine.")
tan = _float_function(trigonometry.Tan, "The tangent.")
sinh = _float_function(trigonometry.Sinh, "The hyperbolic sine.")
cosh = _float_function(trigonometry.Cosh, "The hyperbolic cosine.")
erf = _float_function(special.Erf, "The error function.")


tanh = _float_function(activation.Tanh, "The hyperbolic tangent.")


def log2(x: TensorLike) -> Tensor:
    """The logarithm to base 2."""
    return log(x) * float(1 / np.log(2))


def log10(x: TensorLike) -> Tensor:
    """The logarithm to base 10."""
    return log(x) * float(1 / np.log(10))


def negative(x: TensorLike) -> Tensor:
    """-x."""
    return unary(activation.Neg, numbers(x))


def absolute(x: TensorLike) -> Tensor:
    """|x|."""
    x = convert(x)
    return x if x.type.dtype.kind in "ub" else op(activation.Abs, x)


abs = absolute


def square(x: TensorLike) -> Tensor:
    """x²; bools count as int32."""
    return unary(activation.Square, numbers(x))


def reciprocal(x: TensorLike) -> Tensor:
    """1 / x."""
    return divided(1, x)


def sign(x: TensorLike) -> Tensor:
    """-1, 0 or 1; NaN for NaN."""
    x = convert(x)
    made = cast(x > 0, x.type.dtype) - cast(x < 0, x.type.dtype)
    return where(isnan(x), x, made) if x.type.dtype.is_float else made


floor = _float_function(activation.Floor, "The largest integer not above x.")
ceil = _float_function(activation.Ceil, "The smallest integer not below x.")


def round(x: TensorLike, decimals: int = 0) -> Tensor:
    """x rounded to so many decimals; halves go to even numbers. Integers stay integers."""
    x = convert(x)
    if not x.type.dtype.is_float:
        return x if decimals >= 0 else cast(round(floats(x), decimals), x.type.dtype)
    return op(activation.Round, x * 10.0**decimals) / 10.0**decimals if decimals else op(activation.Round, x)


def trunc(x: TensorLike) -> Tensor:
    """x without its fraction; integers stay as they are."""
    x = convert(x)
    return where(x < 0, ceil(x), floor(x)) if x.type.dtype.is_float else x


def isnan(x: TensorLike) -> Tensor:
    """Whether x is NaN."""
    x = convert(x)
    return op(elementwise.NotEqual, x, x)


def isinf(x: TensorLike) -> Tensor:
    """Whether x is infinite."""
    x = convert(x)
    return equal(absolute(x), float("inf")) if x.type.dtype.is_float else not_equal(x, x)


def isfinite(x: TensorLike) -> Tensor:
    """Whether x is neither infinite nor NaN."""
    return absolute(x) < float("inf")


def nan_to_num(
    x: TensorLike, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """x with numbers in the place of NaN and infinities: by default 0 and the largest and smallest of its type."""
    x = floats(x)
    limit = np.finfo(x.type.dtype.numpy)
    high = float(limit.max) if posinf is None else posinf
    low = float(limit.min) if neginf is None else neginf
    x = where(isnan(x), nan, x)
    return where(x == float("inf"), high, where(x == float("-inf"), low, x))


def equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 == x2."""
    return binary(elementwise.Equal, x1, x2)


def not_equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 != x2."""
    return binary(elementwise.NotEqual, x1, x2)


def less(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 < x2."""
    return binary(elementwise.Less, x1, x2)


def less_equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 <= x2."""
    return binary(elementwise.LessEqual, x1, x2)


def greater(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 > x2."""
    return binary(elementwise.Greater, x1, x2)


def greater_equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 >= x2."""
    return binary(elementwise.GreaterEqual, x1, x2)


def _logical(cls: Any, text: str) -> Any:
    def apply_to(x1: TensorLike, x2: TensorLike) -> Tensor:
        return op(cls, cast(x1, boolean), cast(x2, boolean))

    apply_to.__doc__ = text
    return apply_to


logical_and = _logical(elementwise.LogicalAnd, "Whether both are true.")
logical_or = _logical(elementwise.LogicalOr, "Whether one is true, or both are.")
logical_xor = _logical(elementwise.NotEqual, "Whether exactly one is true.")


def logical_not(x: TensorLike) -> Tensor:
    """Whether x is false."""
    return op(elementwise.LogicalNot, cast(x, boolean))


def where(condition: TensorLike, x1: TensorLike = None, x2: TensorLike = None) -> Any:
    """x1 where the condition holds, else x2; without both of them the places where it holds, as `nonzero`."""
    if x1 is None and x2 is None:
        from .selection import nonzero

        return nonzero(condition)
    if x1 is None or x2 is None:
        raise InputError("expected both x1 and x2, or neither, received one")
    a, b = pair(x1, x2)
    return op(elementwise.Select, cast(condition, boolean), a, b)
