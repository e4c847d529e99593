"""Running sums and products, differences."""

from __future__ import annotations

from typing import Any

from ....compiler.ops.scan import Cumulative
from ..tensor import Tensor, TensorLike, as_dtype, cast, convert, floats, numbers, op
from .arrays import moveaxis, ravel
from .elementwise import isnan, not_equal, where
from .reductions import sum

__all__ = ["cumprod", "cumsum", "diff", "nancumprod", "nancumsum", "trapezoid"]


def _running(kind: str, x: TensorLike, axis: int | None, dtype: Any) -> Tensor:
    x = convert(x)
    x = numbers(x) if dtype is None else cast(x, as_dtype(dtype))
    if axis is None:
        x, axis = ravel(x), 0
    return op(Cumulative, x, axis=axis % x.ndim, kind=kind)


def cumsum(x: TensorLike, axis: int | None = None, dtype: Any = None) -> Tensor:
    """At every place the sum up to it along an axis; of the flattened tensor for None."""
    return _running("sum", x, axis, dtype)


def cumprod(x: TensorLike, axis: int | None = None, dtype: Any = None) -> Tensor:
    """At every place the product up to it along an axis; of the flattened tensor for None."""
    return _running("prod", x, axis, dtype)


def nancumsum(x: TensorLike, axis: int | None = None, dtype: Any = None) -> Tensor:
    """cumsum with NaN as 0."""
    x = convert(x)
    return cumsum(where(isnan(x), 0, x) if x.type.dtype.is_float else x, axis, dtype)


def nancumprod(x: TensorLike, axis: int | None = None, dtype: Any = None) -> Tensor:
    """cumprod with NaN as 1."""
    x = convert(x)
    return cumprod(where(isnan(x), 1, x) if x.type.dtype.is_float else x, axis, dtype)


def diff(a: TensorLike, n: int = 1, axis: int = -1) -> Tensor:
    """The differences of neighbours along an axis, `n` times; of bools whether they differ."""
    x = convert(a)
    for _ in range(n):
        after, before = _part(x, axis, slice(1, None)), _part(x, axis, slice(None, -1))
        x = not_equal(after, before) if x.dtype == "bool" else after - before
    return x


def _part(x: Tensor, axis: int, part: slice) -> Tensor:
    return x[(*(slice(None),) * (axis % x.ndim), part)]


def trapezoid(y: TensorLike, x: TensorLike = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """The integral of y along an axis by the trapezoidal rule, at places x or `dx` apart."""
    values = moveaxis(floats(y), axis, -1)
    middle = (values[..., 1:] + values[..., :-1]) * 0.5
    if x is None:
        return sum(middle * float(dx), -1)
    places = floats(x)
    width = diff(moveaxis(places, axis, -1) if places.ndim > 1 else places)
    return sum(middle * width, -1)
