"""Borders of zeros around images: an image is copied into a larger buffer, or lies in one from the beginning."""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.core import Op, Value
from ..ir.dims import Dim, product
from ..ir.location import Location
from ..ops.base import tensor
from ..ops.conv import Conv2D, Conv3D
from ..ops.windows import static_pads
from .dialect_memory import memref
from .former import Bordered, Former
from .frame import row_axis


def number(d: Dim, default: int = 64) -> int:
    """A size for estimates."""
    return d if isinstance(d, int) else default


def conv_pads(op: Conv2D | Conv3D) -> list[tuple[int, int] | None]:
    """The padding of each dimension; None where a symbol decides."""
    rows = zip(tensor(op.x).shape[1:-1], op.kernel, op.strides, op.dilations, strict=True)
    return [
        static_pads(size, k, s, d, op.padding, (op.pads[2 * i], op.pads[2 * i + 1]))
        for i, (size, k, s, d) in enumerate(rows)
    ]


def bordered(f: Former, op: Op, image: Value, pads: Sequence[int], sizes: Sequence[Dim]) -> Value:
    """An image with `pads` zeros in front of it (-1: as SAME has it) in spatial `sizes`. It is only shown where
    it was written into a buffer with a border that is wide enough."""
    room = f.borders.get(image)
    shown = None if room is None else _shown(f, room, pads, sizes)
    return border(f, op, f.buffer(image), pads, sizes) if shown is None else shown


def _shown(f: Former, room: Bordered, pads: Sequence[int], sizes: Sequence[Dim]) -> Value | None:
    t = memref(room.buffer)
    offset: Dim = 0
    rows = zip(room.low, pads, sizes, t.shape[1:], t.element_strides[1:], strict=False)
    for low, pad, size, whole, step in rows:
        left = whole - (low - pad) - size
        if not 0 <= pad <= low or not isinstance(left, int) or left < 0:
            return None
        offset = offset + (low - pad) * step
    shape = (t.shape[0], *sizes, t.shape[-1])
    return room.buffer if shape == t.shape else f.view(room.buffer, shape, t.element_strides, offset)


def border(f: Former, op: Op, x: Value, pads: Sequence[int], sizes: Sequence[Dim]) -> Value:
    """x in a buffer with spatial `sizes`, `pads` zeros in front of it; x itself when it is of these sizes."""
    t = memref(x)
    n, *have, c = t.shape
    if not any(pads) and list(sizes) == have:
        return x
    y = f.alloc((n, *sizes, c), t.dtype)
    f.call(
        "border",
        [x],
        [y],
        product((n, *sizes[:-1])),
        {"pads": tuple(pads)},
        unit_cost=(0, number(sizes[-1]) * number(c) * 8),
        location=op.location,
    )
    return y


def frame(
    f: Former,
    y: Value,
    low: Sequence[Dim],
    inner: Sequence[Dim],
    location: Location,
    value: Value | None = None,
) -> Value:
    """Fills y around the part of shape `inner` from `low` on, with zeros or a scalar; returns that part."""
    t = memref(y)
    if t.shape == tuple(inner):
        return y
    units = product(t.shape[: row_axis(t, tuple(inner))])
    outside = t.size - product(inner)
    share = outside // max(units, 1) if isinstance(outside, int) and isinstance(units, int) else 1024
    f.call(
        "frame",
        [] if value is None else [value],
        [y],
        units,
        {"low": tuple(low), "inner": tuple(inner)},
        unit_cost=(0, t.dtype.size * share + 64),
        location=location,
    )
    offset = sum((a * s for a, s in zip(low, t.element_strides, strict=True)), 0)
    return f.view(y, tuple(inner), t.element_strides, offset)
