"""Reductions that leave NaN out, and weighted means."""

from __future__ import annotations

from typing import Any

from ....runtime.errors import ShapeError
from ..tensor import Tensor, TensorLike, cast, convert, floats, pair
from .arrays import reshape_to
from .elementwise import isnan, logical_not, sqrt, square, where
from .reductions import all, argmax, argmin, axes_of, max, mean, min, prod, sum

__all__ = [
    "average", "nanargmax", "nanargmin", "nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum",
    "nanvar", "ptp",
]  # fmt: skip

Axis = Any


def _filled(x: TensorLike, value: float) -> Tensor:
    x = convert(x)
    return where(isnan(x), value, x) if x.type.dtype.is_float else x


def nansum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum of what is not NaN."""
    return sum(_filled(x, 0.0), axis, keepdims)


def nanprod(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The product of what is not NaN."""
    return prod(_filled(x, 1.0), axis, keepdims)


def _extreme(choose: Any, x: TensorLike, worst: float, axis: Axis, keepdims: bool) -> Tensor:
    x = convert(x)
    if not x.type.dtype.is_float:
        return choose(x, axis, keepdims)
    found = choose(_filled(x, worst), axis, keepdims)
    return where(all(isnan(x), axis, keepdims), float("nan"), found)


def nanmax(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest of what is not NaN; NaN where all is."""
    return _extreme(max, x, float("-inf"), axis, keepdims)


def nanmin(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest of what is not NaN; NaN where all is."""
    return _extreme(min, x, float("inf"), axis, keepdims)


def _count(x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    return sum(cast(logical_not(isnan(x)), x.type.dtype), axis, keepdims)


def nanmean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean of what is not NaN; NaN where all is."""
    x = floats(x)
    return nansum(x, axis, keepdims) / _count(x, axis, keepdims)


def nanvar(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The variance of what is not NaN; NaN where all is."""
    x = floats(x)
    return nanmean(square(x - nanmean(x, axis, True)), axis, keepdims)


def nanstd(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The standard deviation of what is not NaN."""
    return sqrt(nanvar(x, axis, keepdims))


def nanargmax(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the first largest of what is not NaN is; -1 where all is NaN."""
    return _place(argmax, x, float("-inf"), axis, keepdims)


def nanargmin(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the first smallest of what is not NaN is; -1 where all is NaN."""
    return _place(argmin, x, float("inf"), axis, keepdims)


def _place(find: Any, x: TensorLike, worst: float, axis: int | None, keepdims: bool) -> Tensor:
    x = convert(x)
    found = find(_filled(x, worst), axis, keepdims)
    return where(all(isnan(x), axis, keepdims), -1, found) if x.type.dtype.is_float else found


def average(x: TensorLike, axis: Axis = None, weights: TensorLike = None) -> Tensor:
    """The mean over axes, or the weighted one; weights are of x's shape, or a vector for one axis.

    Raises:
        ShapeError: weights that do not fit.
    """
    if weights is None:
        return mean(x, axis)
    a, w = pair(floats(x), floats(weights))
    if w.ndim != a.ndim:
        axes = axes_of(a, axis)
        if axis is None or w.ndim != len(axes):
            raise ShapeError(f"expected weights of shape {a.shape} or for the axis, received {w.shape}")
        w = reshape_to(w, tuple(a.type.shape[i] if i in axes else 1 for i in range(a.ndim)))
    return sum(a * w, axis) / sum(w, axis)


def ptp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest less the smallest."""
    return max(x, axis, keepdims) - min(x, axis, keepdims)
