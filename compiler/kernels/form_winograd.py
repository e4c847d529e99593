"""Convolutions by Winograd's transforms to kernel calls."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...runtime.spec import f32
from ..cost.tiles import UNROLL
from ..cost.winograd import WinogradChoice, transformed
from ..ir.attributes import Array
from ..ir.core import Value
from ..ir.dims import Dim, Sym, ceildiv, dim_max, product
from ..ir.location import Location
from ..ops.base import tensor
from ..ops.conv import Conv2D, Conv3D, ConvTranspose
from ..ops.pool import MaxPool2D
from .dialect_kern import THREADS
from .dialect_memory import memref
from .family import pack_panels
from .form_border import number
from .form_filters import pack
from .former import Former, Group
from .winograd_product import block_size

#: ops that transforms can compute
Convolution = Conv2D | Conv3D | ConvTranspose


@dataclass
class Filters:
    """Filters [rh, rw, C, K] of a convolution: a constant, or a view that is known at run time."""

    f: Former
    shape: tuple[int, ...]
    name: str
    location: Location
    array: Array | None
    view: Callable[[], Value]

    def packed(self) -> Value:
        """As they are, in panels [panels, C, taps, 32]."""
        *taps, channels, columns = self.shape
        if self.array is not None:
            by_channel = self.array.transpose(2, 0, 1, 3).reshape(channels, math.prod(taps), columns)
            return self.f.constant(pack_panels(by_channel), self.name, f32)
        w = self.view()
        steps = memref(w).element_strides
        by_channel = self.f.view(w, (channels, math.prod(taps), columns), (steps[2], steps[1], steps[3]))
        return pack(self.f, by_channel, self.location)

    def stored(self, choice: WinogradChoice, wide: int) -> Value:
        """Transformed, as [points, groups, C, wide]."""
        if self.array is not None:
            return self.f.constant(_transformed(self.array, choice.m, wide), self.name, f32)
        *taps, channels, columns = self.shape
        points = math.prod(m + r - 1 for m, r in zip(choice.m, taps, strict=True))
        out = self.f.alloc((points, -(-columns // wide), channels, wide), f32)
        self.f.call(
            "winograd_filter", [self.packed()], [out], channels * -(-columns // wide),
            {"m": choice.m, "r": tuple(taps), "grid": (1, 1, 1)}, algorithm=choice.name,
            unit_cost=(0, 8.0 * points * wide), cost_of=(), location=self.location,
        )  # fmt: skip
        return out


def computed(op: Convolution, pool: MaxPool2D | None) -> tuple[Dim, ...]:
    """The shape of the results that a convolution's kernel has to compute: a pool may leave out the last row and
    column."""
    out = tensor(op.result).shape
    if pool is None:
        return out
    pooled = zip(tensor(pool.result).shape[1:-1], pool.kernel, strict=True)
    return (out[0], *(d * k for d, k in pooled), out[-1])


def image_sizes(op: Convolution, pool: MaxPool2D | None, m: tuple[int, ...]) -> list[Dim]:
    """The padded image, larger where the last tiles reach out of it."""
    sizes = zip(tensor(op.result).shape[1:-1], computed(op, pool)[1:-1], m, op.kernel, strict=True)
    return [dim_max(whole, ceildiv(d, step) * step) + r - 1 for whole, d, step, r in sizes]


def winograd_call(
    f: Former,
    group: Group,
    op: Convolution,
    choice: WinogradChoice,
    w: Filters,
    bordered: Callable[[list[Dim]], Value],
) -> None:
    """One kernel for blocks of tiles, or two for all tiles. `bordered` gives the image within given spatial sizes, so
    that whole tiles fit; `w` are the filters [rh, rw, C, K]."""
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
    images, tiles, count = n, product(grid[1:]), product(grid)
    if choice.images > 1 and not choice.block:  # their number is known: all tiles are one matrix's rows
        params["together"] = True
        images, tiles = 1, count
    final = params if group.pool is None else {**params, "pool": group.pool.kernel}
    wide = choice.tile[1] * f.target.lanes
    rows = choice.block or tiles
    inner, outer = (_leading(c, f.target.lanes) for c in (channels, -(-columns // wide) * wide))
    v = partial(f.alloc, dtype=dtype)
    work = 2.0 * points * channels * columns
    call = partial(f.call, algorithm=choice.name, why=choice.why(n))
    if not choice.block:
        windows = f.alloc((images, tiles, points, inner), dtype)
        call(
            "winograd_input", [x], [windows], count, params, unit_cost=(0, 8.0 * points * channels),
            location=op.location, why=choice.why(n, 0, 1),
        )  # fmt: skip
        x = windows
    if not choice.chunk:
        stored = w.stored(choice, wide)
        if choice.block:
            scratch = [(points, rows + 1, outer), (choice.block, points, inner)]
            call(
                "winograd_blocks", [x, stored], [y, *(v((threads, *shape)) for shape in scratch)],
                ceildiv(count, choice.block), {**final, "block": choice.block, "slot": True},
                group=group, unit_cost=(work * number(rows), 0),
            )  # fmt: skip
            return
        m = v((images, points, tiles, outer))
        units = points * -(-columns // wide)
        call(
            "winograd_product", [x, stored], [m], units, params, unit_cost=(work * number(count) / units, 0),
            location=op.location, cost_of=[op], why=choice.why(n, 1, 2),
        )  # fmt: skip
        call(
            "winograd_output", [m], [y], count, final, group=group, unit_cost=(0, 8.0 * points * columns),
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
        "winograd", [x, w.packed()], [y, *(v((threads, *shape)) for shape in shapes)], units,
        {**final, "block": choice.block, "chunk": choice.chunk, "slot": True},
        group=group, unit_cost=(work * number(count) / number(units), 0),
    )  # fmt: skip


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
