"""Gradients of filters by Winograd's transforms in stages: all tiles are transformed, then sums over all of them are
made for some channels at a time, which become taps without leaving the cache.

That is for many channels and few tiles, whose sums P [points, C, O] are far larger than the transformed tiles. These
lie as they are read: those of a range of channels, of a group of columns, follow each other point by point.
"""

from __future__ import annotations

from functools import partial

from ..cost.tiles import split_rows
from ..ir.core import Value
from ..ops.builtin import FuncOp
from ..target import Target
from .build import Index
from .channels import across
from .dialect_kern import Kernel
from .family import lowers
from .winograd_gradient import Gradient


@lowers("winograd_gradient_windows")
def lower_windows(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, dy, v, u, symbols…, lo, hi)`: all windows v [parts, points, tiles, channels] and tiles of dy u [groups,
    points, tiles, width], by parts of channels that are multiplied; a tile is a unit."""
    g = Gradient(kernel, target)
    b, (x, dy), many = g.b, g.b.inputs, (int(kernel.params["rows"]), g.cut.width)
    with b.loop(b.lo, b.hi) as tile:

        def put(side: int, p: int, channel: Index, value: Value) -> None:
            part, c = g.in_parts(channel, many[side])
            b.write(value, b.outputs[side], [part, p, tile.iv, c], (3,))

        g.transformed(x, dy, tile.iv, None, (partial(put, 0), partial(put, 1)))
    return b.finish()


@lowers("winograd_gradient_product")
def lower_product(kernel: Kernel, target: Target) -> FuncOp:
    """`(v, u, y, scratch, symbols…, slot, lo, hi)`: taps of all products v [parts, points, tiles, channels] ⊗
    u [groups, points, tiles, width]. A unit is a group of columns of params["rows"] channels; the sums
    [points, channels, width] of params["sums"] of them at a time stay in the cache."""
    g = Gradient(kernel, target)
    b, (v, u), (y, scratch) = g.b, g.b.inputs, g.b.outputs
    many, few = int(kernel.params["rows"]), int(kernel.params["sums"])
    whole, rest = divmod(g.channels, many)
    if b.slot is None:
        raise TypeError("no memory for sums")
    own = b.slot

    def unit_of(first: Index, rows: int, column: Index, width: int) -> None:
        cut = split_rows(rows, few)
        with b.loop(0, cut.count * cut.rows, cut.rows) as row:
            some(b.add(first, row.iv), cut.rows, column, width)
        if cut.rest_count:
            with b.loop(cut.count * cut.rows, rows, cut.rows - 1) as row:
                some(b.add(first, row.iv), cut.rows - 1, column, width)

    def some(first: Index, rows: int, column: Index, width: int) -> None:
        with b.loop(0, g.points) as p:

            def put(row: Index, height: int, done: Value) -> None:
                b.write(done, scratch, [own, p.iv, row, 0], (2, 3))

            part, at = g.in_parts(first, many)
            g.outer(v, [part, p.iv], (at, rows), u, [b.div(column, g.cut.width), p.iv], g.tiles, width, put)
        real = width if not isinstance(column, int) else min(width, g.outputs - column)
        with b.loop(0, rows) as row:

            def columns(at: Index, count: int, inside: bool) -> None:
                def point(p: int) -> Value:
                    return b.read(scratch, [own, p, row.iv, at], (count,), (3,))

                g.taps_of(point, y, b.add(first, row.iv), b.add(column, at), count, inside)

            across(b, real, g.lanes, columns)

    with b.loop(b.lo, b.hi) as unit:
        part, group = b.div(unit.iv, g.groups), b.rem(unit.iv, g.groups)

        def columns_of(column: Index, width: int) -> None:
            if whole:
                with b.when(b.compare("slt", part, whole)):
                    unit_of(b.mul(part, many), many, column, width)
            if rest:
                with b.when(b.compare("eq", part, whole)):
                    unit_of(whole * many, rest, column, width)

        g.one_group(group, columns_of)
    return b.finish()
