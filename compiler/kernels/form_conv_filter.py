"""Gradients of convolutions by their filters to kernel calls."""

from __future__ import annotations

import math
from typing import NamedTuple

from ...runtime.spec import f32
from ..cost.filter_gradient import BLOCK_PIXELS, UNITS, choose_filter_gradient
from ..cost.reasons import Why
from ..cost.winograd_gradient import WinogradGradientChoice, choose_winograd_gradient
from ..ir.core import Value
from ..ir.dims import Dim, Sym, product
from ..ir.types import MemRefType
from ..ops.base import tensor
from ..ops.conv_gradient import ConvFilterGradient
from ..ops.windows import static_pads
from .conv_filter import lies_together
from .dialect_kern import THREADS
from .dialect_memory import memref
from .form_border import bordered, number
from .form_conv import known
from .form_filters import columns
from .form_gemm import as_rows, gemm_of, strided
from .form_moves import copy
from .form_winograd_gradient import winograd_gradient_call
from .former import Former, Group, forms

#: channels of a panel; numbers of channels for which panels pay; the shortest rows that blocks are made of
WIDTH, MANY_CHANNELS, LEAST_ROW = 64, 512, 32


class _Sum(NamedTuple):
    """What one call computes: buffers, and how the window slides."""

    x: Value
    dy: Value
    y: Value
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]


@forms(ConvFilterGradient)
def form_conv_filter_gradient(f: Former, group: Group) -> None:
    op = group.last
    if not isinstance(op, ConvFilterGradient):
        raise TypeError("a filter gradient's group")
    known(op, *tensor(op.x).shape[1:], *tensor(op.dy).shape[1:])
    x, dy, y = _image(f, op), f.buffer(op.dy), f.result(op.result)
    if op.groups == 1:
        _call(f, op, x, dy, y, True)
        return
    c, o = (tensor(v).shape[-1] // op.groups for v in (op.x, op.dy))
    if c == 1 and len(op.kernel) == 2 and op.groups > 4 and number(o) < f.target.lanes:
        _depthwise(f, op, x, dy, y, number(o))
        return
    for g in range(op.groups):
        own_x, own_dy, own_y = (columns(f, v, g * number(d), number(d)) for v, d in ((x, c), (dy, o), (y, o)))
        _call(f, op, own_x, own_dy, own_y, g == 0)


def _image(f: Former, op: ConvFilterGradient) -> Value:
    """The image with its padding around it."""
    sizes, low, whole = tensor(op.x).shape[1:-1], list[int](), list[Dim]()
    rows = zip(sizes, op.kernel, op.strides, op.dilations, strict=True)
    for i, (size, k, s, d) in enumerate(rows):
        pads = static_pads(size, k, s, d, op.padding, (op.pads[2 * i], op.pads[2 * i + 1])) or (0, 0)
        low.append(pads[0])
        whole.append(size + sum(pads))
    return bordered(f, op, op.x, low, whole)


def _call(f: Former, op: ConvFilterGradient, x: Value, dy: Value, y: Value, counted: bool) -> None:
    """The gradient of one group: partial sums, and their sum."""
    if _as_product(f, op, x, dy, y, counted):
        return
    flat = _flat(f, op, x, dy, y)
    call = flat or _Sum(x, dy, y, op.kernel, op.strides, op.dilations)
    x, dy, y, kernel, dilations = call.x, call.dy, call.y, call.kernel, call.dilations
    xt, dt, yt = memref(x), memref(dy), memref(y)
    channels, outputs, threads = number(xt.shape[-1]), number(dt.shape[-1]), Sym.symbol(THREADS)
    dense = lies_together(xt, kernel, dilations)
    inner = channels * (kernel[-1] if dense else 1)
    outer = (number(product(kernel[:-2])) * (1 if dense else kernel[-1]), kernel[-2])
    images = (product(dt.shape[:-3]), *dt.shape[-3:])
    choice = choose_filter_gradient(f.target, images, outer, inner, outputs, dt.dtype.size)
    fast, against = _winograd(f, op, dt, channels, choice.why)
    if fast is not None:
        winograd_gradient_call(f, op, fast, x, dy, y)
        return
    wide = choice.vectors * f.target.lanes
    sums = y if choice.parts == 1 else f.alloc((choice.parts, *yt.shape), yt.dtype)
    if choice.parts == 1:
        sums = f.view(y, (1, *yt.shape), (0, *yt.element_strides))
    copied: list[Value] = []
    if outputs > wide:
        block = choice.images * choice.image_rows * number(dt.shape[-2]) * wide
        copied.append(f.alloc((threads, block), dt.dtype))
    units = choice.parts * -(-outputs // (wide * choice.groups))
    f.call(
        "conv_filter",
        [x, dy],
        [sums, *copied],
        units,
        {
            "kernel": kernel,
            "strides": call.strides,
            "dilations": dilations,
            "tile": (choice.taps, choice.rows, choice.vectors),
            "block": (choice.images, choice.image_rows),
            "groups": choice.groups,
            **({"slot": True} if copied else {}),
        },
        unit_cost=(2.0 * number(product(images)) * inner * outer[0] * outer[1] / units, 0),
        cost_of=[op] if counted else (),
        location=op.location,
        why=choice.why._replace(text=f"{choice.why.text}; {against}" if against else choice.why.text),
    )
    if choice.parts > 1:
        _add_up(f, op, sums, y)


def _winograd(
    f: Former, op: ConvFilterGradient, dy: MemRefType, channels: int, direct: Why
) -> tuple[WinogradGradientChoice | None, str]:
    """How to compute it by Winograd's transforms; None where directly is better, and why."""
    if {*op.strides, *op.dilations, op.groups} != {1} or len(op.kernel) != 2 or dy.dtype != f32:
        return None, ""
    cycles = direct.cycles if isinstance(direct.cycles, int) else 0
    found = choose_winograd_gradient(f.target, dy.shape, channels, op.kernel, cycles)
    return (None, "no transforms asked for") if f.precise and found[0] else found


def _as_product(f: Former, op: ConvFilterGradient, x: Value, dy: Value, y: Value, counted: bool) -> bool:
    """Windows of one pixel: calls the kernel of products, with pixels as the summed dimension, if that pays."""
    if {*op.kernel} != {1}:
        return False
    c, o = memref(y).shape[-2:]
    rows = as_rows(f, dy)
    if rows is None or memref(y).element_strides[-2:] != (o, 1):
        return False
    pixels = strided(f, x, op.strides, memref(dy).shape)
    cost = [op] if counted else ()
    return gemm_of(f, pixels, rows, f.reshaped(y, (c, o)), True, cost_of=cost, location=op.location)


def _flat(f: Former, op: ConvFilterGradient, x: Value, dy: Value, y: Value) -> _Sum | None:
    """Windows of one pixel: all images as rows of so many pixels that blocks consist of whole rows. Many channels are
    put into panels first, as pixels far apart lie in many pages; the panels are then taps of a window that is one
    pixel high."""
    t, out = memref(x), memref(dy)
    shape = tuple(d for d in out.shape if isinstance(d, int))
    pixels, outputs, channels = math.prod(shape[:-1]), shape[-1], number(t.shape[-1])
    wide = next((d for d in range(min(BLOCK_PIXELS, pixels), 0, -1) if pixels % d == 0), 0)
    if (
        {*op.kernel} != {1}
        or op.groups > 1
        or len(shape) != out.rank
        or wide < min(LEAST_ROW, pixels)
        or not wide
    ):
        return None
    rows = pixels // wide
    dy = f.reshaped(dy, (1, rows, wide, outputs))
    if channels < MANY_CHANNELS or outputs < MANY_CHANNELS or channels % WIDTH:
        whole = {*op.strides} == {1} and t.element_strides == MemRefType(t.shape, t.dtype).element_strides
        x = f.reshaped(x, (1, rows, wide, channels)) if whole else x
        return (
            _Sum(x, dy, f.reshaped(y, (1, 1, channels, outputs)), (1, 1), (1, 1), (1, 1)) if whole else None
        )
    panels, (first, *steps, last) = channels // WIDTH, t.element_strides
    places = (a * b for a, b in zip(steps, op.strides, strict=True))
    put = f.alloc((panels, *shape[:-1], WIDTH), t.dtype)
    copy(f, f.view(x, memref(put).shape, (WIDTH, first, *places, last)), put, location=op.location)
    x = f.view(put, (1, rows, wide, WIDTH), (pixels * WIDTH, wide * WIDTH, WIDTH, 1))
    return _Sum(x, dy, f.reshaped(y, (1, panels, WIDTH, outputs)), (1, panels), (1, 1), (1, pixels))


def _depthwise(f: Former, op: ConvFilterGradient, x: Value, dy: Value, y: Value, many: int) -> None:
    """Each channel on its own; where it made several, one of each at a time, put together first."""
    taps, channels = number(product(op.kernel)), op.groups
    for j in range(many):
        given, made = (
            columns(f, dy, j, channels, many),
            f.view(y, (taps, channels), (channels * many, many), j),
        )
        if many > 1:
            given, made = (
                f.alloc(memref(given).shape, memref(dy).dtype),
                f.alloc((taps, channels), memref(y).dtype),
            )
            copy(f, columns(f, dy, j, channels, many), given, location=op.location)
        _depthwise_call(f, op, x, given, made, j == 0)
        if many > 1:
            copy(f, made, f.view(y, (taps, channels), (channels * many, many), j), location=op.location)


def _depthwise_call(f: Former, op: ConvFilterGradient, x: Value, dy: Value, y: Value, counted: bool) -> None:
    taps, channels = (number(d) for d in memref(y).shape)
    shape = memref(dy).shape
    vectors, rows = -(-channels // f.target.lanes), product(shape[:2])
    parts = max(1, min(-(-UNITS // vectors), rows // 16)) if isinstance(rows, int) else 1
    sums = f.alloc((parts, taps, channels), memref(y).dtype)
    cycles = number(product(shape[:3])) * vectors * (taps / 2 + 1)
    f.call(
        "depthwise_filter",
        [x, dy],
        [sums],
        parts * vectors,
        {"kernel": op.kernel, "strides": op.strides, "dilations": op.dilations},
        unit_cost=(3 * 2.0 * taps * number(product(shape)) / (parts * vectors), 0),
        cost_of=[op] if counted else (),
        location=op.location,
        why=Why(f"each channel on its own, the sum in {parts} parts", round(cycles)),
    )
    _add_up(f, op, sums, y)


def _add_up(f: Former, op: ConvFilterGradient, sums: Value, y: Value) -> None:
    """The parts of a sum, one after the other."""
    t, out = memref(sums), memref(y)
    f.call(
        "reduce",
        [sums],
        [y],
        (out.size + 63) // 64,
        {"kind": "sum", "axes": (0,), "dtype": t.dtype},
        unit_cost=(0, 4.0 * 64 * number(t.shape[0])),
        cost_of=(),
        location=op.location,
    )
