"""Pools over windows of images: channels last, or first by transposing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....compiler.ir.core import Op
from ....compiler.ops.pool import AvgPool2D, AvgPool3D, MaxPool2D, MaxPool3D
from ....runtime.errors import InputError, ShapeError
from ..tensor import Tensor, TensorLike, convert, floats, op
from .arrays import concatenate, take
from .convolutions import Images, per_axis

__all__ = ["adaptive_average_pool", "adaptive_max_pool", "average_pool", "max_pool"]


def max_pool(
    inputs: TensorLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The largest number of every window of inputs [N, size…, C]; strides are by default the window's sizes."""
    return _pooled(MaxPool2D, MaxPool3D, convert(inputs), pool_size, strides, padding, data_format)


def average_pool(
    inputs: TensorLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The mean of every window of inputs [N, size…, C]; the padding does not count."""
    return _pooled(AvgPool2D, AvgPool3D, floats(inputs), pool_size, strides, padding, data_format)


def _pooled(
    flat: type[Op],
    deep: type[Op],
    x: Tensor,
    pool_size: Any,
    strides: Any,
    padding: str,
    data_format: str | None,
) -> Tensor:
    images = Images(x, data_format)
    name = padding.upper()
    if name not in ("SAME", "VALID"):
        raise InputError(f"expected padding 'valid' or 'same', received {padding!r}")
    window = per_axis(pool_size, images.rank, "pool_size")
    steps = window if strides is None else per_axis(strides, images.rank, "strides")
    if min(*window, *steps) < 1:
        raise InputError(f"expected windows and strides of at least 1, received {window} and {steps}")
    cls = deep if images.rank == 3 else flat
    y = op(cls, images.x, kernel=images.values(window), strides=images.values(steps), padding=name)
    return images.back(y)


def adaptive_average_pool(
    inputs: TensorLike, output_size: int | Sequence[int], data_format: str | None = None
) -> Tensor:
    """Means over so many windows along every spatial axis as `output_size` says; they cover the axis evenly."""
    return _adaptive(AvgPool2D, AvgPool3D, floats(inputs), output_size, data_format)


def adaptive_max_pool(
    inputs: TensorLike, output_size: int | Sequence[int], data_format: str | None = None
) -> Tensor:
    """The same with the largest number of every window."""
    return _adaptive(MaxPool2D, MaxPool3D, convert(inputs), output_size, data_format)


def _adaptive(flat: type[Op], deep: type[Op], x: Tensor, output_size: Any, data_format: str | None) -> Tensor:
    """Axis by axis: the windows have at most two sizes, so that two pools and a choice give all of them."""
    images = Images(x, data_format)
    wanted = images.values(per_axis(output_size, images.rank, "output_size"))
    cls, y = deep if images.rank == 3 else flat, images.x
    for axis, count in enumerate(wanted, 1):
        size = y.type.shape[axis]
        if not isinstance(size, int):
            raise ShapeError(f"expected known spatial sizes for an adaptive pool, received {x.shape}")
        y = _adaptive_axis(cls, y, axis, size, count)
    return images.back(y)


def _adaptive_axis(cls: type[Op], x: Tensor, axis: int, size: int, count: int) -> Tensor:
    at = np.arange(count)
    start, stop = at * size // count, -(-(at + 1) * size // count)
    ones = (1,) * (x.ndim - 2)
    pools: list[Tensor] = []
    places = np.zeros(count, np.int32)
    offset = 0
    for length in sorted(set((stop - start).tolist())):
        kernel = (*ones[: axis - 1], length, *ones[axis:])
        chosen = stop - start == length
        first, step = int(start[chosen][0]), np.unique(np.diff(start[chosen]))
        if len(pools) == 0 and chosen.all() and len(step) == 1 and first == 0 and size % count == 0:
            return op(cls, x, kernel=kernel, strides=(*ones[: axis - 1], length, *ones[axis:]))
        pools.append(op(cls, x, kernel=kernel, strides=ones))
        places[chosen] = offset + start[chosen]
        offset += size - length + 1
    return take(concatenate(pools, axis), places, axis)
