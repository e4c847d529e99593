"""Filters and right operands as kernels want them: constants are packed into panels at compile time, those that are
known at run time in each call, where that pays."""

from __future__ import annotations

import math

from ..cost.tiles import PANEL
from ..ir.attributes import Array
from ..ir.core import Op, Value
from ..ir.dims import Dim, product
from ..ir.location import Location
from ..ops.base import tensor
from ..ops.constant import constant_value
from .dialect_memory import memref
from .family import pack_panels
from .form_border import number
from .form_moves import copy
from .former import Former

#: rows so many elements apart fall into few sets of the first-level cache, and two into a page
FAR_ROWS = 512
#: pixels for each of which a filter is read again, so that packing it takes little beside
MANY_PIXELS = 1000


def columns(f: Former, v: Value, first: int, width: int, step: int = 1) -> Value:
    """`width` channels of a buffer from `first` on, `step` apart."""
    t = memref(v)
    if t.shape[-1] == width:
        return v
    strides = t.element_strides
    return f.view(v, (*t.shape[:-1], width), (*strides[:-1], strides[-1] * step), first * strides[-1])


def group_filter(f: Former, op: Op, w: Value, g: int, o: int) -> tuple[Value, bool]:
    """The filter of group `g`, which makes `o` channels, and whether it is packed."""
    array = constant_value(w)
    if array is None:
        return columns(f, f.buffer(w), g * o, o), False
    return filter_of(f, op, w, array[..., g * o : (g + 1) * o], f":{g * o}")


def filter_of(f: Former, op: Op, w: Value, part: Array | None, suffix: str = "") -> tuple[Value, bool]:
    """A filter's buffer, and whether it is packed: `part` of the constant `w`, or `w` known at run time."""
    if part is None:
        return packed_view(f, f.buffer(w), product(tensor(op.result).shape[:-1]), op.location)
    *lead, kw, c, o = part.shape
    packed = pack_panels(part.reshape(math.prod(lead), kw * c, o))
    return f.constant(packed, filter_name(op, w) + suffix, tensor(w).dtype), True


def filter_name(op: Op, w: Value) -> str:
    """What a packed filter is called in dumps."""
    return (w.definer.attributes["value"].name if w.definer else "") or str(op.location)


def packed_view(f: Former, w: Value, pixels: Dim, location: Location) -> tuple[Value, bool]:
    """A filter [K…, C, O] known at run time, and whether it is packed: as it is where it lies well enough for the
    `pixels` that read it."""
    t = memref(w)
    *lead, kw, c, o = (d for d in t.shape if isinstance(d, int))
    *outer, tap, row, step = t.element_strides
    # kernels read the taps and channels of a row as one dimension, and the rows of all planes as one
    together = (kw == 1 or tap == c * row) and all(
        a == n * b for a, b, n in zip(outer, outer[1:], lead[1:], strict=False)
    )
    if len(lead) + 3 != t.rank or not worth_packing(o, row, number(pixels), step == 1 and together):
        return w, False
    return f.reshaped(pack(f, w, location), (-(-o // PANEL), math.prod(lead), kw * c, PANEL)), True


def worth_packing(columns: int, row: Dim, times: int, dense: bool) -> bool:
    """Whether a right operand of so many columns, with rows `row` elements apart, is better copied into panels when it
    is read `times` times. Where a row is not `dense` it must be."""
    if not dense or columns <= PANEL:
        return not dense
    return times >= MANY_PIXELS or not isinstance(row, int) or row >= FAR_ROWS


def pack(f: Former, w: Value, location: Location) -> Value:
    """A view [lead…, K, N] as panels [panels, lead…, K, 32]. What the last panel has beyond N is not written: such
    columns of a product are never stored."""
    t = memref(w)
    *lead, n = t.shape
    if not isinstance(n, int):
        raise TypeError("columns of a filter")
    *steps, step = t.element_strides
    panels, tail = -(-n // PANEL), n % PANEL
    out = f.alloc((panels, *lead, PANEL), t.dtype)
    strides = memref(out).element_strides
    for first, count, width in ((0, n // PANEL, PANEL), (n // PANEL, 1 if tail else 0, tail)):
        if count:
            shape = (count, *lead, width)
            source = f.view(w, shape, (PANEL * step, *steps, step), first * PANEL * step)
            copy(f, source, f.view(out, shape, strides, first * strides[0]), location=location)
    return out
