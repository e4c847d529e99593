"""x[...]: what Python's brackets mean on tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...compiler.ir.dims import Dim, dim_max, dim_min
from ...compiler.ops.rearrange import Reverse
from ...compiler.ops.shape import Gather, Reshape, Slice
from ...runtime.errors import InputError, ShapeError
from .tensor import Tensor, convert, op


def index(x: Tensor, key: Any) -> Tensor:
    """Numbers, slices, `...`, None, and at most one tensor of integers."""
    keys = list(key) if isinstance(key, tuple) else [key]
    if any(k is Ellipsis for k in keys):
        at = next(i for i, k in enumerate(keys) if k is Ellipsis)
        used = sum(k is not None and k is not Ellipsis for k in keys)
        keys[at : at + 1] = [slice(None)] * (x.ndim - used)
    used = sum(k is not None for k in keys)
    if used > x.ndim:
        raise ShapeError(f"expected at most {x.ndim} subscripts for a tensor of that rank, received {used}")
    keys += [slice(None)] * (x.ndim - used)
    listed = [(i, k) for i, k in enumerate(keys) if _is_list(k)]
    if len(listed) > 1:
        raise InputError(
            "expected at most one tensor or list among the subscripts: use gather_nd for several"
        )
    x = _cut(x, keys)
    if listed:
        place, chosen = listed[0]
        axis = sum(k is not None for k in keys[:place])
        x = op(Gather, x, _positive(convert(chosen), x, axis), axis=axis)
    return _shaped(x, keys)


def _is_list(k: Any) -> bool:
    if isinstance(k, (Tensor, list, np.ndarray)):
        t = convert(k)
        if not t.type.dtype.is_integer:
            raise InputError(f"expected integers as subscripts, received {t.dtype}: use where for a mask")
        return True
    return hasattr(k, "__tensor__")


def _positive(indices: Tensor, x: Tensor, axis: int) -> Tensor:
    """Indices counted from the front."""
    from .ops.elementwise import where

    size = x.shape[axis]
    return indices if size is None else where(indices < 0, indices + size, indices)


def _cut(x: Tensor, keys: list[Any]) -> Tensor:
    """The slices and single numbers among the subscripts; what those give keeps a dimension of 1."""
    starts: list[Any] = []
    stops: list[Any] = []
    steps: list[int] = []
    backwards: list[int] = []
    for k in keys:
        if k is None:
            continue
        axis = len(starts)
        size = x.type.shape[axis]
        if isinstance(k, slice) and isinstance(size, int):
            first, last, step = k.indices(size)
            if step < 0:
                backwards.append(axis)
                count = max(-(-(first - last) // -step), 0)
                first, last, step = first + (count - 1) * step, first + 1, -step
                last = max(last, first) if count else first
            starts.append(first)
            stops.append(max(last, first))
            steps.append(step)
        elif isinstance(k, slice):
            if k.step not in (None, 1):
                raise ShapeError(
                    f"expected a known size for the slice {k}, received one known when it is computed"
                )
            first = _from_front(k.start or 0, size)
            starts.append(first)
            stops.append(size if k.stop is None else dim_max(_from_front(k.stop, size), first))
            steps.append(1)
        elif _is_list(k):
            starts.append(0)
            stops.append(size)
            steps.append(1)
        else:
            number = int(k)
            if isinstance(size, int) and not -size <= number < size:
                raise IndexError(f"expected a subscript below {size}, received {number}")
            first = number + size if number < 0 else number
            starts.append(first)
            stops.append(first + 1)
            steps.append(1)
    whole = all(isinstance(a, int) and a == 0 for a in starts) and tuple(stops) == x.type.shape
    if not whole or any(s != 1 for s in steps):
        x = op(Slice, x, starts=tuple(starts), stops=tuple(stops), steps=tuple(steps))
    return op(Reverse, x, axes=tuple(backwards)) if backwards else x


def _from_front(place: int, size: Dim) -> Dim:
    """A slice's end, counted from the front, in a size that is known when it is computed."""
    if place == 0:
        return 0
    return dim_max(size + place, 0) if place < 0 else dim_min(size, place)


def _shaped(x: Tensor, keys: list[Any]) -> Tensor:
    """Without the dimensions of single numbers, and with new ones for None."""
    shape: list[Any] = []
    axis = 0
    for k in keys:
        if k is None:
            shape.append(1)
        elif _is_list(k):
            rank = convert(k).ndim
            shape += x.type.shape[axis : axis + rank]
            axis += rank
        else:
            if isinstance(k, slice):
                shape.append(x.type.shape[axis])
            axis += 1
    return x if tuple(shape) == x.type.shape else op(Reshape, x, shape=tuple(shape))
