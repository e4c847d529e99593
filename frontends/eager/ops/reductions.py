"""Sums, means, extremes over axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....compiler.ops import reduce
from ....compiler.ops.moments import Moments
from ....runtime.errors import ShapeError
from ....runtime.spec import boolean, f32, i32
from ..tensor import Tensor, TensorLike, cast, convert, floats, op, ops
from .elementwise import abs, exp, log, maximum, minimum, sqrt, square, where

__all__ = [
    "all", "allclose", "amax", "amin", "any", "argmax", "argmin", "count_nonzero", "logsumexp", "max",
    "mean", "min", "prod", "std", "sum", "var",
]  # fmt: skip

Axis = Any


def axes_of(x: Tensor, axis: int | Sequence[int] | None) -> tuple[int, ...]:
    """Axes counted from the front, in order; all of them for None."""
    if axis is None:
        return tuple(range(x.ndim))
    given = [axis] if isinstance(axis, int) else [int(a) for a in axis]
    for a in given:
        if not -x.ndim <= a < x.ndim:
            raise ShapeError(f"expected an axis of a tensor of rank {x.ndim}, received {a}")
    return tuple(sorted({a % x.ndim for a in given}))


def _reduced(cls: Any, x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    axes = axes_of(x, axis)
    return op(cls, x, axes=axes, keep_dims=keepdims)


def _wide(x: Tensor) -> Tensor:
    """Integers of less than 32 bits, and bools, as those of 32 bits."""
    dtype = x.type.dtype
    if dtype == boolean or (dtype.kind == "i" and dtype.size < 4):
        return cast(x, i32)
    return cast(x, "uint32") if dtype.kind == "u" and dtype.size < 4 else x


def sum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum over axes (None: all); of bools how many are true. Small integers are added up in 32 bits."""
    return _reduced(reduce.ReduceSum, _wide(convert(x)), axis, keepdims)


def mean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean over axes (None: all); of half precision computed in float32."""
    x = floats(x)
    dtype = x.type.dtype
    return cast(_reduced(reduce.ReduceMean, cast(x, f32) if dtype.size < 4 else x, axis, keepdims), dtype)


def prod(x: TensorLike, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """The product over axes (None: all), of small integers in 32 bits, or in a data type."""
    x = convert(x)
    return _reduced(reduce.ReduceProd, _wide(x) if dtype is None else cast(x, dtype), axis, keepdims)


def max(x: TensorLike, axis: Axis = None, keepdims: bool = False, initial: TensorLike = None) -> Tensor:
    """The largest over axes (None: all), at least `initial`."""
    x = convert(x)
    found = _reduced(reduce.ReduceMax, x, axis, keepdims)
    return found if initial is None else maximum(found, convert(initial, x.type.dtype))


def min(x: TensorLike, axis: Axis = None, keepdims: bool = False, initial: TensorLike = None) -> Tensor:
    """The smallest over axes (None: all), at most `initial`."""
    x = convert(x)
    found = _reduced(reduce.ReduceMin, x, axis, keepdims)
    return found if initial is None else minimum(found, convert(initial, x.type.dtype))


amax, amin = max, min


def any(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether one is true."""
    return _reduced(reduce.ReduceMax, cast(x, boolean), axis, keepdims)


def all(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether all are true."""
    return _reduced(reduce.ReduceMin, cast(x, boolean), axis, keepdims)


def allclose(
    x1: TensorLike, x2: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether `isclose` holds everywhere."""
    from .functions import isclose

    return all(isclose(x1, x2, rtol, atol, equal_nan))


def count_nonzero(x: TensorLike, axis: Axis = None) -> Tensor:
    """How many are not 0."""
    return sum(cast(convert(x) != 0, i32), axis)


def var(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean squared distance from the mean; of half precision computed in float32."""
    x = floats(x)
    dtype, axes = x.type.dtype, axes_of(x, axis)
    wide = cast(x, f32) if dtype.size < 4 else x
    if axes and x.type.is_static:
        return cast(ops(Moments, wide, axes=axes, keep_dims=keepdims)[1], dtype)
    return cast(mean(square(wide - mean(wide, axes, True)), axes, keepdims), dtype)


def std(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The square root of the variance."""
    return sqrt(var(x, axis, keepdims))


def logsumexp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))), without overflow."""
    from ..stop import stop_gradient

    x = floats(x)
    high = stop_gradient(max(x, axis, True))
    high = where(abs(high) < float("inf"), high, 0.0)
    total = log(sum(exp(x - high), axis, True)) + high
    if keepdims:
        return total
    from .arrays import squeeze

    return squeeze(total, axes_of(x, axis))


def _arg(cls: Any, x: TensorLike, axis: int | None, keepdims: bool) -> Tensor:
    from .arrays import expand_dims, reshape

    x = convert(x)
    if x.type.dtype == boolean:
        x = cast(x, i32)
    flat = reshape(x, (-1,)) if axis is None else x
    found = op(cls, flat, axis=0 if axis is None else axis % x.ndim, dtype=i32)
    if not keepdims:
        return found
    return reshape(found, (1,) * x.ndim) if axis is None else expand_dims(found, axis)


def argmax(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the first largest is along an axis, int32; in the flattened tensor for None."""
    return _arg(reduce.ArgMax, x, axis, keepdims)


def argmin(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the first smallest is along an axis, int32; in the flattened tensor for None."""
    return _arg(reduce.ArgMin, x, axis, keepdims)
