"""Gradients of convolutions by their filters, by Winograd's transforms, to kernel calls."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from ...runtime.spec import DType
from ..cost.winograd_gradient import WinogradGradientChoice
from ..ir.core import Value
from ..ir.dims import Sym
from ..ops.conv_gradient import ConvFilterGradient
from .dialect_kern import THREADS
from .dialect_memory import memref
from .form_border import number
from .former import Former

#: bytes of a line of the caches
LINE = 64


def winograd_gradient_call(
    f: Former, op: ConvFilterGradient, choice: WinogradGradientChoice, x: Value, dy: Value, y: Value
) -> None:
    """Blocks of tiles and the taps of their sums, or all tiles and the taps of their products."""
    images, height, width, columns = (number(d) for d in memref(dy).shape)
    m, taps, lanes = choice.m, choice.taps, f.target.lanes
    grid = (images, -(-height // m[0]), -(-width // m[1]))
    channels, tiles = number(memref(x).shape[-1]), math.prod(grid)
    size = tuple(a + b - 1 for a, b in zip(m, taps, strict=True))
    points, wide = math.prod(size), choice.tile[1] * lanes
    inner, groups = _apart(channels), -(-columns // wide)
    outer = groups * wide
    dtype, threads = memref(y).dtype, Sym.symbol(THREADS)
    params: dict[str, Any] = {
        "m": m, "r": taps, "grid": grid, "tile": choice.tile, "channels": channels, "columns": columns,
    }  # fmt: skip
    call = partial(f.call, algorithm=choice.name, location=op.location)
    work = 2.0 * points * tiles * channels * columns
    if choice.block:
        lines = size[0] if choice.lines else 1
        steps = tuple(_apart(choice.block * row) for row in (inner, outer))
        sums = f.alloc((choice.parts, points, channels, outer), dtype)
        scratch = f.alloc((threads, points // lines * sum(steps)), dtype)
        units = choice.parts * lines
        call(
            "winograd_gradient_blocks", [x, dy], [sums, scratch], units,
            {**params, "block": choice.block, "lines": int(choice.lines), "leading": (inner, wide),
             "strides": steps, "slot": True},
            unit_cost=(work / units, 0), cost_of=[op], why=choice.why(0, 1),
        )  # fmt: skip
        call(
            "winograd_gradient_output", [sums], [y], channels, params,
            unit_cost=(0, 4.0 * points * columns * (choice.parts + 1)), cost_of=(), why=choice.why(1, 2),
        )  # fmt: skip
        return
    parts = -(-channels // choice.rows)
    v, u = (
        _points(f, (n, points, tiles, row), dtype)
        for n, row in ((parts, _apart(choice.rows)), (groups, wide))
    )
    params["rows"] = choice.rows
    call(
        "winograd_gradient_windows", [x, dy], [v, u], tiles, params,
        unit_cost=(0, 4.0 * points * (channels + columns)), cost_of=(), why=choice.why(0, 1),
    )  # fmt: skip
    scratch = f.alloc((threads, points, choice.sums + 1, wide), dtype)
    units = parts * groups
    call(
        "winograd_gradient_product", [v, u], [y, scratch], units, {**params, "sums": choice.sums, "slot": True},
        unit_cost=(work / units, 0), cost_of=[op], why=choice.why(1, 2),
    )  # fmt: skip


def _points(f: Former, shape: tuple[int, int, int, int], dtype: DType) -> Value:
    """Memory for transformed tiles [parts, points, tiles, row]."""
    parts, points, tiles, row = shape
    step = _apart(tiles * row)
    return f.view(f.alloc((parts, points, step), dtype), shape, (points * step, step, row, 1))


def _apart(count: int) -> int:
    """At least so many elements: an odd number of lines, so that points, or tiles, which are read or written one after
    the other, do not fall into the same sets of the first-level cache."""
    unit = LINE // 4
    lines = -(-count // unit)
    return (lines | 1 if lines >= 8 else lines) * unit
