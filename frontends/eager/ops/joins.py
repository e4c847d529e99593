"""Joining and splitting tensors along fixed axes; rolling and turning them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....compiler.ir.dims import Dim
from ....compiler.ops.constant import Dims
from ....runtime.errors import ShapeError
from ....runtime.spec import i32
from ..tensor import Tensor, TensorLike, convert, op
from .arrays import concatenate, expand_dims, flip, iota, ravel, reshape_to, split, take, transpose

__all__ = [
    "append", "array_split", "dsplit", "dstack", "fliplr", "flipud", "hsplit", "hstack", "roll", "rot90",
    "vsplit", "vstack",
]  # fmt: skip


def _at_least(x: TensorLike, rank: int) -> Tensor:
    """x with axes of size 1 as numpy's atleast_1d, 2d, 3d add them."""
    x = convert(x)
    if x.ndim >= rank:
        return x
    if rank == 3 and x.ndim == 2:
        return expand_dims(x, 2)
    if rank == 3 and x.ndim == 1:
        return expand_dims(x, (0, 2))
    return reshape_to(x, (*(1,) * (rank - x.ndim), *x.type.shape))


def hstack(xs: Sequence[TensorLike]) -> Tensor:
    """Tensors side by side: along the second axis, vectors along the only one."""
    made = [_at_least(x, 1) for x in xs]
    return concatenate(made, 0 if made[0].ndim == 1 else 1)


def vstack(xs: Sequence[TensorLike]) -> Tensor:
    """Tensors one below the other: along the first axis; vectors are rows."""
    return concatenate([_at_least(x, 2) for x in xs], 0)


def dstack(xs: Sequence[TensorLike]) -> Tensor:
    """Tensors one behind the other: along the third axis."""
    return concatenate([_at_least(x, 3) for x in xs], 2)


def append(x1: TensorLike, x2: TensorLike, axis: int | None = None) -> Tensor:
    """x1, then x2 along an axis; both flattened for None."""
    return concatenate([ravel(x1), ravel(x2)], 0) if axis is None else concatenate([x1, x2], axis)


def array_split(x: TensorLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """x in so many parts along an axis, the first ones larger by 1 where it does not divide; or cut at places."""
    x = convert(x)
    if not isinstance(indices_or_sections, int):
        return split(x, indices_or_sections, axis)
    size, count = x.shape[axis], indices_or_sections
    if size is None:
        raise ShapeError(f"expected a known size along axis {axis}, received {x.shape}")
    sizes = [size // count + (i < size % count) for i in range(count)]
    return split(x, np.cumsum(sizes)[:-1].tolist(), axis)


def hsplit(x: TensorLike, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """x cut along its second axis, a vector along its only one."""
    x = convert(x)
    return split(x, indices_or_sections, 0 if x.ndim == 1 else 1)


def vsplit(x: TensorLike, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """x cut along its first axis."""
    return split(x, indices_or_sections, 0)


def dsplit(x: TensorLike, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """x cut along its third axis."""
    return split(x, indices_or_sections, 2)


def roll(x: TensorLike, shift: int | Sequence[int], axis: Any = None) -> Tensor:
    """x moved along axes, what falls out coming in at the other end; in the flattened tensor for None."""
    x = convert(x)
    if axis is None:
        return reshape_to(roll(ravel(x), shift, 0), x.type.shape)
    axes = [axis] if isinstance(axis, int) else list(axis)
    shifts = [shift] * len(axes) if isinstance(shift, int) else list(shift)
    for a, by in zip(axes, shifts, strict=True):
        size = x.type.shape[a]
        before = (slice(None),) * (a % x.ndim)
        if isinstance(size, int):
            by = by % size if size else 0
            x = concatenate([x[(*before, slice(-by, None))], x[(*before, slice(None, -by))]], a) if by else x
        else:
            x = take(x, (iota(size) - by) % _as_tensor(size), a)
    return x


def _as_tensor(size: Dim) -> Tensor:
    return op(Dims, value=(size,), shape=(), dtype=i32)


def rot90(array: TensorLike, k: int = 1, axes: Sequence[int] = (0, 1)) -> Tensor:
    """x turned by a right angle `k` times, from the first of two axes to the second.

    Raises:
        ShapeError: not two different axes of a tensor of rank 2 or more.
    """
    x = convert(array)
    if x.ndim < 2 or len(axes) != 2 or (axes[0] - axes[1]) % x.ndim == 0:
        raise ShapeError(
            f"expected two different axes of a tensor of rank 2 or more, received {tuple(axes)} of {x.shape}"
        )
    first, second = (a % x.ndim for a in axes)
    turns = k % 4
    if turns == 0:
        return x
    if turns == 2:
        return flip(x, (first, second))
    order = list(range(x.ndim))
    order[first], order[second] = second, first
    return transpose(flip(x, second), order) if turns == 1 else flip(transpose(x, order), second)


def fliplr(x: TensorLike) -> Tensor:
    """x backwards along its second axis."""
    return flip(x, 1)


def flipud(x: TensorLike) -> Tensor:
    """x backwards along its first axis."""
    return flip(x, 0)
