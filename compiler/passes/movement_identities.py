"""Identities of ops that move elements: reshape, transpose, broadcast, pad, slice, concat."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.core import Value
from ..ir.dims import Sym
from ..ops.base import tensor
from ..ops.conv import Conv2D, Conv3D
from ..ops.pool import AvgPool2D, AvgPool3D, MaxPool2D, MaxPool3D
from ..ops.rearrange import Reverse
from ..ops.reduce import Reduce
from ..ops.shape import BroadcastTo, Concat, Pad, Reshape, Slice, Transpose
from .identities import Replacement, Site, identity, one_value
from .shared import dense_of


@identity(Reshape, BroadcastTo)
def twice_reshaped(s: Site, op: Any) -> Replacement:
    """Also a reshape or broadcast to the shape that is there already."""
    if tensor(op.x).shape == op.shape:
        return s.forward(op.x)
    inner = op.x.definer
    if type(inner) is not type(op):
        return None
    s.through(inner)
    return s(type(op), inner.operands[0], shape=op.shape)


@identity(Transpose)
def twice_transposed(s: Site, op: Transpose) -> Replacement:
    if op.permutation == tuple(range(len(op.permutation))):
        return s.forward(op.x)
    inner = op.x.definer
    if not isinstance(inner, Transpose):
        return None
    s.through(inner)
    return s(Transpose, inner.x, permutation=tuple(inner.permutation[p] for p in op.permutation))


@identity(Reverse)
def twice_reversed(s: Site, op: Reverse) -> Replacement:
    """Axes of one element at most are as they are in either order."""
    shape = tensor(op.x).shape
    axes = [a % len(shape) for a in op.axes]
    real = tuple(a for a in axes if shape[a] not in (0, 1))
    if not real:
        return s.forward(op.x)
    inner = op.x.definer
    if isinstance(inner, Reverse):
        s.through(inner)
        again = {a % len(shape) for a in inner.axes}
        return s(Reverse, inner.x, axes=tuple(sorted(again ^ set(real))))
    return s(Reverse, op.x, axes=real) if len(real) < len(axes) else None


@identity(Pad)
def pad_by_nothing(s: Site, op: Pad) -> Replacement:
    return None if any(op.low) or any(op.high) else s.forward(op.x)


@identity(Slice)
def slice_of_all(s: Site, op: Slice) -> Replacement:
    whole = all(a == 0 for a in op.starts) and op.stops == tensor(op.x).shape
    return s.forward(op.x) if whole and all(step == 1 for step in op.steps) else None


@identity(Concat)
def concat_of_one(s: Site, op: Concat) -> Replacement:
    """Operands without elements are left out; one alone stands for itself."""
    if len(op.xs) == 1:
        return s.forward(op.xs[0])
    filled = [v for v in op.xs if tensor(v).shape[op.axis] != 0]
    if len(filled) == len(op.xs):
        return None
    return s(Concat, *(filled or op.xs[:1]), axis=op.axis)


@identity(Reduce)
def reduce_nothing(s: Site, op: Reduce) -> Replacement:
    return None if op.axes else s.forward(op.x)


@identity(Conv2D, Conv3D)
def pad_into_conv(s: Site, op: Any) -> Replacement:
    """Zeros around the image become the convolution's own padding."""
    pad = op.x.definer
    if not isinstance(pad, Pad):
        return None
    value = one_value(pad.value)
    if value is None or value != 0 or np.signbit(value):
        return s.refuse("the image is padded with something else than 0")
    return _take_padding(s, op, pad)


@identity(MaxPool2D, MaxPool3D)
def pad_into_max_pool(s: Site, op: Any) -> Replacement:
    """What is lower than everything never is the maximum, as positions of the padding are not."""
    pad = op.x.definer
    if not isinstance(pad, Pad):
        return None
    if not _is_lowest(pad.value):
        return s.refuse("the padding takes part in the maximum: it is not -inf or the lowest integer")
    return _take_padding(s, op, pad)


@identity(AvgPool2D, AvgPool3D)
def pad_before_average(s: Site, op: Any) -> Replacement:
    if isinstance(op.x.definer, Pad):
        s.refuse("the padding takes part in the mean, which the pool's own padding does not")
    return None


def _is_lowest(v: Value) -> bool:
    dense, value = dense_of(v), one_value(v)
    if dense is None or value is None:
        return False
    if dense.dtype.is_float:
        return bool(np.isneginf(value))
    return bool(value == np.iinfo(dense.dtype.numpy).min)


def _take_padding(s: Site, op: Any, pad: Pad) -> Replacement:
    if any((pad.low[0], pad.high[0], pad.low[-1], pad.high[-1])):
        return s.refuse("the padding also goes around the batch or the channels")
    if op.padding == "SAME":
        return s.refuse("SAME padding depends on the padded size")
    if any(isinstance(d, Sym) for d in (*pad.low, *pad.high)):
        return s.refuse("how much is padded is known only at run time")
    around = [p for pair in zip(pad.low[1:-1], pad.high[1:-1], strict=True) for p in pair]
    own = op.pads if op.padding == "EXPLICIT" else (0,) * len(around)
    attributes = dict(op.attributes)
    attributes.update(padding="EXPLICIT", pads=tuple(p + q for p, q in zip(own, around, strict=True)))
    s.through(pad)
    return s(type(op), pad.x, *op.operands[1:], **attributes)
