"""Making, shaping and joining tensors."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ....compiler.ir.attributes import Array
from ....compiler.ir.dims import Dim, floordiv, product
from ....compiler.ops import rearrange
from ....compiler.ops import shape as moves
from ....compiler.ops.constant import Dims
from ....compiler.ops.indexing import GatherNd, Iota
from ....runtime.errors import InputError, ShapeError
from ....runtime.spec import boolean, i32
from .. import stop
from ..tensor import Tensor, TensorLike, as_dtype, convert, op, pair
from ..tensor import cast as _cast
from .elementwise import clip, where

__all__ = [
    "broadcast_to", "cast", "concatenate", "convert_to_numpy", "convert_to_tensor", "copy", "dtype",
    "expand_dims", "flip", "gather_nd", "get_item", "is_tensor", "moveaxis", "ndim", "pad", "ravel",
    "repeat", "reshape", "saturate_cast", "shape", "shape_of", "size", "slice", "split", "squeeze", "stack",
    "stop_gradient", "swapaxes", "take", "take_along_axis", "tile", "transpose", "unstack",
]  # fmt: skip

stop_gradient = stop.stop_gradient


_F32_MAX = np.finfo(np.float32).max


def cast(x: TensorLike, dtype: Any) -> Tensor:
    """x as another data type."""
    return _cast(x, dtype)


def convert_to_tensor(
    x: TensorLike, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None
) -> Tensor:
    """A tensor for an array, a number, a list of them, a variable. There are no sparse or ragged ones."""
    if sparse or ragged:
        raise InputError("convert_to_tensor has no sparse=True or ragged=True: tensors are dense")
    return convert(x, None if dtype is None else as_dtype(dtype))


def convert_to_numpy(x: TensorLike) -> Array:
    """The value as an array."""
    return convert(x).numpy()


def copy(x: TensorLike) -> Tensor:
    """x; tensors do not change."""
    return convert(x)


def ndim(x: TensorLike) -> int:
    """The number of dimensions."""
    return convert(x).ndim


def size(x: TensorLike) -> Any:
    """The number of elements: an int, or a scalar tensor where it is known only when it is computed."""
    count = convert(x).type.size
    return count if isinstance(count, int) else op(Dims, value=(count,), shape=(), dtype=i32)


def shape(x: TensorLike) -> tuple[Any, ...]:
    """The sizes: ints, and None for those known when it is computed."""
    return convert(x).shape


def dtype(x: TensorLike) -> str:
    """The name of the data type."""
    return convert(x).dtype


def is_tensor(x: Any) -> bool:
    """Whether x is a tensor."""
    return isinstance(x, Tensor)


def get_item(x: TensorLike, key: Any) -> Tensor:
    """x[key]."""
    return convert(x)[key]


def saturate_cast(x: TensorLike, dtype: Any) -> Tensor:
    """x as another data type, with the nearest number of that for what lies outside of it."""
    x, wanted = convert(x), as_dtype(dtype)
    if x.type.dtype == boolean or wanted == boolean:
        return _cast(x, wanted)
    if wanted.is_float:
        if not x.type.dtype.is_float or wanted.size >= x.type.dtype.size:
            return _cast(x, wanted)
        top = (
            65504.0
            if wanted.tf_name == "float16"
            else 3.3895313892515355e38
            if wanted.size == 2
            else float(_F32_MAX)
        )
        return _cast(clip(x, -top, top), wanted)
    ends = np.iinfo(wanted.numpy)
    low, high = int(ends.min), int(ends.max)
    if x.type.dtype.is_float:
        # the largest integers are rounded up to a power of two as floats: those are dealt with by themselves
        over = x >= float(high)
        return where(over, high, _cast(where(over, 0.0, clip(x, float(low), float(high))), wanted))
    have = np.iinfo(x.type.dtype.numpy)
    return _cast(clip(x, max(low, int(have.min)), min(high, int(have.max))), wanted)


def shape_of(x: TensorLike) -> tuple[int | None, ...]:
    """The sizes, None for those known when it is computed."""
    return convert(x).shape


def iota(size: Dim) -> Tensor:
    """0, 1, … below a size, int32."""
    return (
        convert(np.arange(size, dtype=np.int32)) if isinstance(size, int) else op(Iota, size=size, dtype=i32)
    )


def broadcast_dims(x: Tensor, sizes: tuple[Dim, ...]) -> Tensor:
    """x repeated to sizes that may be symbols."""
    return x if x.type.shape == sizes else op(moves.BroadcastTo, x, shape=sizes)


def broadcast_to_shape_of(x: Tensor, y: Tensor) -> Tensor:
    """x repeated to the shape that both have together."""
    return broadcast_dims(x, where(True, x, cast(y, x.type.dtype)).type.shape)


def broadcast_to(x: TensorLike, shape: Sequence[int]) -> Tensor:
    """x repeated to a larger shape. None stands for the size that x has there."""
    x = convert(x)
    aligned = (*(1,) * (len(shape) - x.ndim), *x.type.shape)
    return broadcast_dims(x, tuple(s if d is None else d for d, s in zip(shape, aligned, strict=True)))


def reshape(x: TensorLike, newshape: int | Sequence[int | None]) -> Tensor:
    """The same elements under another shape; one size may be -1. None stands for the size that x has there."""
    x = convert(x)
    given = [int(newshape)] if isinstance(newshape, (int, np.integer)) else list(newshape)
    return reshape_to(x, tuple(x.type.shape[i] if d is None else int(d) for i, d in enumerate(given)))


def reshape_to(x: Tensor, given: tuple[Any, ...]) -> Tensor:
    """The same elements under a shape whose sizes may be symbols; one may be -1."""
    sizes = list(given)
    unknown = [i for i, d in enumerate(sizes) if isinstance(d, int) and d == -1]
    if len(unknown) > 1:
        raise ShapeError(f"expected at most one size of -1, received {given}")
    if unknown:
        rest = product([d for i, d in enumerate(sizes) if i != unknown[0]])
        total = x.type.size
        if isinstance(total, int) and isinstance(rest, int):
            if (rest and total % rest) or (not rest and total):
                raise ShapeError(f"expected a shape of {total} elements, received {given}")
            sizes[unknown[0]] = total // rest if rest else 0
        else:
            sizes[unknown[0]] = floordiv(total, rest)
    return x if tuple(sizes) == x.type.shape else op(moves.Reshape, x, shape=tuple(sizes))


def ravel(x: TensorLike) -> Tensor:
    """All elements in one dimension."""
    return reshape(x, (-1,))


def _new_axes(x: Tensor, axis: int | Sequence[int]) -> list[int]:
    axes = [axis] if isinstance(axis, int) else list(axis)
    rank = x.ndim + len(axes)
    for a in axes:
        if not -rank <= a < rank:
            raise ShapeError(f"expected an axis of a tensor of rank {rank}, received {a}")
    return sorted(a % rank for a in axes)


def expand_dims(x: TensorLike, axis: int | Sequence[int]) -> Tensor:
    """x with dimensions of 1 at these axes."""
    x = convert(x)
    sizes = list(x.type.shape)
    for a in _new_axes(x, axis):
        sizes.insert(a, 1)
    return op(moves.Reshape, x, shape=tuple(sizes))


def squeeze(x: TensorLike, axis: int | Sequence[int] | None = None) -> Tensor:
    """x without dimensions of 1: those at the axes, or all."""
    x = convert(x)
    if axis is None:
        gone = {i for i, d in enumerate(x.type.shape) if d == 1}
    else:
        gone = {a % max(x.ndim, 1) for a in ([axis] if isinstance(axis, int) else axis)}
        wrong = [a for a in gone if x.type.shape[a] != 1]
        if wrong:
            raise ShapeError(f"expected size 1 at axis {wrong[0]}, received {x.shape}")
    return op(moves.Reshape, x, shape=tuple(d for i, d in enumerate(x.type.shape) if i not in gone))


def transpose(x: TensorLike, axes: Sequence[int] | None = None) -> Tensor:
    """x with its axes in another order; without one, reversed."""
    x = convert(x)
    order = tuple(reversed(range(x.ndim))) if axes is None else tuple(a % x.ndim for a in axes)
    return x if order == tuple(range(x.ndim)) else op(moves.Transpose, x, permutation=order)


def swapaxes(x: TensorLike, axis1: int, axis2: int) -> Tensor:
    """x with two axes exchanged."""
    x = convert(x)
    order = list(range(x.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(x, order)


def moveaxis(x: TensorLike, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """x with axes moved to other places."""
    x = convert(x)
    sources = [source] if isinstance(source, int) else list(source)
    targets = [destination] if isinstance(destination, int) else list(destination)
    sources, targets = [s % x.ndim for s in sources], [t % x.ndim for t in targets]
    order = [i for i in range(x.ndim) if i not in sources]
    for target, s in sorted(zip(targets, sources, strict=True)):
        order.insert(target, s)
    return transpose(x, order)


def flip(x: TensorLike, axis: int | Sequence[int] | None = None) -> Tensor:
    """x backwards along axes (None: all)."""
    x = convert(x)
    axes = range(x.ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    return op(rearrange.Reverse, x, axes=tuple(sorted({a % x.ndim for a in axes})))


def concatenate(xs: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Tensors one after the other along an axis."""
    made = [convert(x) for x in xs]
    for i in range(1, len(made)):
        made[0], made[i] = pair(made[0], made[i])
    made = [_cast(x, made[0].type.dtype) for x in made]
    return made[0] if len(made) == 1 else op(moves.Concat, *made, axis=axis % made[0].ndim)


def stack(x: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Tensors of one shape along a new axis."""
    return concatenate([expand_dims(v, axis) for v in x], axis)


def unstack(x: TensorLike, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The parts along an axis, without it."""
    x = convert(x)
    count = x.shape[axis] if num is None else int(num)
    if count is None:
        raise ShapeError(f"expected a known size along axis {axis}, received {x.shape}")
    before = (slice_(None),) * (axis % x.ndim)
    return [x[(*before, i)] for i in range(count)]


slice_ = type(np.s_[:])


def split(x: TensorLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """x in so many equal parts along an axis, or cut at these places."""
    x = convert(x)
    size = x.shape[axis]
    if size is None:
        raise ShapeError(f"expected a known size along axis {axis}, received {x.shape}")
    if isinstance(indices_or_sections, int):
        if size % indices_or_sections:
            raise ShapeError(f"expected a number that divides {size}, received {indices_or_sections}")
        step = size // indices_or_sections
        cuts = list(range(0, size + 1, step))
    else:
        cuts = [0, *indices_or_sections, size]
    before = (slice_(None),) * (axis % x.ndim)
    return [x[(*before, slice_(a, b))] for a, b in itertools.pairwise(cuts)]


def slice(inputs: TensorLike, start_indices: Any, shape: Sequence[int]) -> Tensor:
    """The part of this shape that begins at these indices, which may be tensors; then it is moved inside where it
    reaches out. A size of -1 takes the rest."""
    x = convert(inputs)
    starts = [start_indices[i] for i in range(x.ndim)]
    sizes = [d - a if n == -1 else n for a, n, d in zip(starts, shape, x.type.shape, strict=True)]
    known = tuple(
        slice_(None) if isinstance(a, Tensor) or n == d else slice_(int(a), int(a) + n)
        for a, n, d in zip(starts, sizes, x.type.shape, strict=True)
    )
    cut = x[known]
    for axis, (a, n) in enumerate(zip(starts, sizes, strict=True)):
        size = x.type.shape[axis]
        if isinstance(a, Tensor) and n != size:
            cut = take(cut, clip(a, 0, size - n) + iota(n) if isinstance(size, int) else a + iota(n), axis)
    return cut


def tile(x: TensorLike, repeats: int | Sequence[int]) -> Tensor:
    """x so many times along each axis."""
    x = convert(x)
    times = [repeats] if isinstance(repeats, int) else list(repeats)
    times = [1] * (x.ndim - len(times)) + times
    sizes = (1,) * (len(times) - x.ndim) + x.type.shape
    inner = [d for s in sizes for d in (1, s)]
    outer: list[Dim] = [d for t, s in zip(times, sizes, strict=True) for d in (t, s)]
    spread = broadcast_dims(op(moves.Reshape, x, shape=tuple(inner)), tuple(outer))
    return op(moves.Reshape, spread, shape=tuple(t * s for t, s in zip(times, sizes, strict=True)))


def repeat(x: TensorLike, repeats: int | Sequence[int], axis: int | None = None) -> Tensor:
    """Every element along an axis so many times; in the flattened tensor for None."""
    x = convert(x)
    if axis is None:
        x, axis = ravel(x), 0
    size = x.shape[axis]
    if size is None:
        raise ShapeError(f"expected a known size along axis {axis}, received {x.shape}")
    return take(x, np.repeat(np.arange(size, dtype=np.int32), repeats), axis)


def pad(
    x: TensorLike, pad_width: Any, mode: str = "constant", constant_values: float | None = None
) -> Tensor:
    """x with a border: `pad_width` holds (before, after) for every axis, or for all, or one number."""
    x = convert(x)
    widths = np.broadcast_to(np.asarray(pad_width, np.int64), (x.ndim, 2)).tolist()
    if mode == "constant":
        low, high = (tuple(w[i] for w in widths) for i in (0, 1))
        return op(moves.Pad, x, convert(constant_values or 0, x.type.dtype), low=low, high=high)
    if mode not in ("reflect", "symmetric"):
        raise InputError(f"expected mode 'constant', 'reflect' or 'symmetric', received {mode!r}")
    for axis, (a, b) in enumerate(widths):
        if a or b:
            size = x.shape[axis]
            if size is None:
                raise ShapeError(
                    f"expected a known size along axis {axis} for mode {mode!r}, received {x.shape}"
                )
            x = take(x, np.pad(np.arange(size, dtype=np.int32), (a, b), mode=mode), axis)  # type: ignore[call-overload]
    return x


def take(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Tensor:
    """Elements by their place along an axis; in the flattened tensor for None. Places below 0 count from the end."""
    x, at = convert(x), convert(indices)
    if axis is None:
        x, axis = ravel(x), 0
    if not at.type.dtype.is_integer:
        at = _cast(at, i32)
    return op(moves.Gather, x, from_front(at, x.type.shape[axis]), axis=axis % x.ndim)


def take_along_axis(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Tensor:
    """x[..., indices[..., i, ...], ...]: for each place along the other axes its own places along one. Places below 0
    count from the end; the other axes of the indices broadcast."""
    x, at = convert(x), _cast(indices, i32)
    if axis is None:
        x, at, axis = ravel(x), ravel(at), 0
    last: int = axis % x.ndim
    order = (*(i for i in range(x.ndim) if i != last), last)
    rows, chosen = transpose(x, order), transpose(at, order)
    if chosen.type.shape[:-1] != rows.type.shape[:-1]:
        chosen = broadcast_dims(chosen, (*rows.type.shape[:-1], chosen.type.shape[-1]))
    found = op(
        moves.Gather, rows, from_front(chosen, rows.type.shape[-1]), axis=x.ndim - 1, batch_dims=x.ndim - 1
    )
    return transpose(found, [order.index(i) for i in range(x.ndim)])


def from_front(at: Tensor, size: Dim) -> Tensor:
    """Places counted from the front."""
    if at.node.values is not None and not (at.numpy() < 0).any():
        return at
    return where(at < 0, at + size, at) if isinstance(size, int) and at.type.dtype.kind == "i" else at


def gather_nd(x: TensorLike, indices: TensorLike) -> Tensor:
    """x[indices[i, 0], indices[i, 1], …] for every i."""
    return op(GatherNd, convert(x), _cast(indices, i32))
