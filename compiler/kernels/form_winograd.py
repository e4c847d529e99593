"""Convolutions by Winograd's transforms to kernel calls."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..cost.tiles import UNROLL
from ..cost.winograd import WinogradChoice, transformed
from ..ir.attributes import Array
from ..ir.core import Value
from ..ir.dims import Dim, Sym, ceildiv, dim_max, product
from ..ops.base import tensor
from ..ops.conv import Conv2D, Conv3D
from ..ops.pool import MaxPool2D
from .dialect_kern import THREADS
from .dialect_memory import memref
from .family import pack_panels
from .form_border import number
from .former import Former, Group
from .winograd_product import block_size


def computed(op: Conv2D | Conv3D, pool: MaxPool2D | None) -> tuple[Dim, ...]:
    """The shape of the results that a convolution's kernel has to compute: a pool may leave out the last row and
    column."""
    out = tensor(op.result).shape
    if pool is None:
        return out
    pooled = zip(tensor(pool.result).shape[1:-1], pool.kernel, strict=True)
    return (out[0], *(d * k for d, k in pooled), out[-1])


def image_sizes(op: Conv2D | Conv3D, pool: MaxPool2D | None, m: tuple[int, ...]) -> list[Dim]:
    """The padded image, larger where the last tiles reach out of it."""
    sizes = zip(tensor(op.result).shape[1:-1], computed(op, pool)[1:-1], m, op.kernel, strict=True)
    return [dim_max(whole, ceildiv(d, step) * step) + r - 1 for whole, d, step, r in sizes]


def winograd_call(
    f: Former,
    group: Group,
    op: Conv2D | Conv3D,
    choice: WinogradChoice,
    w: Array,
    name: str,
    bordered: Callable[[list[Dim]], Value],
) -> None:
    """One kernel for blocks of tiles, or two for all tiles. `bordered` gives the image within given spatial sizes, so
    that whole tiles fit; `w` is the filter [rh, rw, C, K]."""
    y = f.result(group.result)
    n, height, width, _ = computed(op, group.pool)
    grid = (n, ceildiv(height, choice.m[0]), ceildiv(width, choice.m[1]))
    taps = w.shape[:2]
    x = bordered(image_sizes(op, group.pool, choice.m))
    channels, columns = w.shape[2:]
    dtype, threads = memref(y).dtype, Sym.symbol(THREADS)
    points = math.prod(m + r - 1 for m, r in zip(choice.m, taps, strict=True))
    params: dict[str, Any] = {
        "m": choice.m, "r": taps, "grid": grid, "tile": choice.tile, "channels": channels, "columns": columns,
    }  # fmt: skip
    final = params if group.pool is None else {**params, "pool": group.pool.kernel}
    tiles, count = product(grid[1:]), product(grid)
    wide = choice.tile[1] * f.target.lanes
    rows = choice.block or tiles
    inner, outer = (_leading(c, f.target.lanes) for c in (channels, -(-columns // wide) * wide))
    v = partial(f.alloc, dtype=dtype)
    name = f"{name}:winograd"
    work = 2.0 * points * channels * columns
    call = partial(f.call, algorithm=choice.name, why=choice.why(n))
    if not choice.block:
        windows = f.alloc((n, tiles, points, inner), dtype)
        call(
            "winograd_input", [x], [windows], n * tiles, params, unit_cost=(0, 8.0 * points * channels),
            location=op.location, why=choice.why(n, 0, 1),
        )  # fmt: skip
        x = windows
    if not choice.chunk:
        stored = f.constant(_transformed(w, choice.m, wide), name, dtype)
        if choice.block:
            scratch = [(points, rows + 1, outer), (choice.block, points, inner)]
            call(
                "winograd_blocks", [x, stored], [y, *(v((threads, *shape)) for shape in scratch)],
                ceildiv(count, choice.block), {**final, "block": choice.block, "slot": True},
                group=group, unit_cost=(work * rows, 0),
            )  # fmt: skip
            return
        m = v((n, points, tiles, outer))
        units = points * -(-columns // wide)
        call(
            "winograd_product", [x, stored], [m], units, params, unit_cost=(work * number(count) / units, 0),
            location=op.location, cost_of=[op], why=choice.why(n, 1, 2),
        )  # fmt: skip
        call(
            "winograd_output", [m], [y], n * tiles, final, group=group, unit_cost=(0, 8.0 * points * columns),
            cost_of=[o for o in group.ops if o is not op], why=choice.why(n, 2, 3),
        )  # fmt: skip
        return
    shapes: list[tuple[Dim, ...]] = [
        (points, rows + 1, wide),
        (choice.chunk // UNROLL * block_size(points, wide),),
    ]
    if choice.block:
        shapes.append((choice.block, points, inner))
    units = ceildiv(count, choice.block) if choice.block else -(-columns // wide)
    call(
        "winograd", [x, f.constant(_filters(w), name, dtype)], [y, *(v((threads, *shape)) for shape in shapes)], units,
        {**final, "block": choice.block, "chunk": choice.chunk, "slot": True},
        group=group, unit_cost=(work * number(count) / number(units), 0),
    )  # fmt: skip


def _filters(w: Array) -> Array:
    """Filters as they are, in panels [panels, C, taps, 32]."""
    *taps, channels, columns = w.shape
    return pack_panels(w.transpose(2, 0, 1, 3).reshape(channels, math.prod(taps), columns))


def _transformed(w: Array, m: tuple[int, int], wide: int) -> Array:
    """Transformed filters [points, groups, C, wide]."""
    made = transformed(w, m)
    points, channels, columns = made.shape
    groups = -(-columns // wide)
    out = np.zeros((points, groups, channels, wide), w.dtype)
    for g in range(groups):
        part = made[:, :, g * wide : (g + 1) * wide]
        out[:, g, :, : part.shape[-1]] = part
    return out


def _leading(columns: int, unit: int) -> int:
    """A row of scratch memory: whole vectors, and rows not a multiple of 4096 bytes apart, which would fall into
    one set of the first-level cache."""
    whole = -(-columns // unit) * unit
    return whole + 16 if whole * 4 % 4096 == 0 else whole
