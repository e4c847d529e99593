"""Gradients of filters by Winograd's transforms in blocks of tiles.

A block of tiles is transformed into memory of the thread that stays in the second-level cache, and multiplied; what it
gives is added to the sums P [points, C, O] of its part. With many channels these sums do not stay in the cache beside
the block: then a unit makes those of a line of points alone, and x and dy are read once for each line. In the end the
parts are added in their order and transformed to taps.
"""

from __future__ import annotations

from ..ir.core import Value
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_arith as arith
from . import dialect_memory as mem
from .build import Index
from .channels import across
from .dialect_kern import Kernel
from .family import lowers, zero_row
from .winograd_gradient import Gradient


@lowers("winograd_gradient_blocks")
def lower_blocks(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, dy, sums, scratch, symbols…, slot, lo, hi)`: the sums [parts, points, C, O] of all tiles, params["block"]
    of them at a time. A unit is a part of the blocks, or with params["lines"] a line of points of a part."""
    return _Blocks(kernel, target).function()


class _Blocks(Gradient):
    def __init__(self, kernel: Kernel, target: Target) -> None:
        super().__init__(kernel, target)
        b, p = self.b, kernel.params
        self.block, self.by_lines = int(p["block"]), bool(p["lines"])
        self.x, self.dy = b.inputs
        self.sums, scratch = b.outputs
        self.parts = int(kernel.outputs[0].shape[0])  # type: ignore[arg-type]
        self.blocks = -(-self.tiles // self.block)
        self.once = self.blocks == self.parts
        self.own = self.size[1] if self.by_lines else self.points
        threads = mem.memref(scratch).shape[0]
        (a, c), (first, second) = p["leading"], p["strides"]
        size = self.own * (first + second)
        self.v, self.u = (
            b.reinterpret(
                scratch,
                (threads, self.own, parts, self.block, row),
                (size, step, self.block * row, row, 1),
                offset,
            )
            for row, parts, step, offset in ((a, 1, first, 0), (c, self.groups, second, self.own * first))
        )
        if b.slot is None:
            raise TypeError("no memory for transformed tiles")
        self.slot = b.slot

    def function(self) -> FuncOp:
        b = self.b
        lines = self.size[0] if self.by_lines else 1
        with b.loop(b.lo, b.hi) as unit:
            part, line = b.div(unit.iv, lines), b.rem(unit.iv, lines)
            first = b.div(b.mul(part, self.blocks), self.parts)
            last = b.div(b.mul(b.add(part, 1), self.blocks), self.parts)
            if not self.once:
                self._clear(part, b.mul(line, self.own))
            with b.loop(first, last) as block:
                self._transforms(block.iv, line)
                self._products(part, b.mul(line, self.own))
        return b.finish()

    def _clear(self, part: Index, point: Index) -> None:
        b = self.b
        zero, wide = zero_row(b, self.lanes, self.dtype), self.groups * self.cut.width
        with b.loop(0, self.own) as p, b.loop(0, self.channels) as c, b.loop(0, wide, self.lanes) as o:
            b.write(zero, self.sums, [part, b.add(point, p.iv), c.iv, o.iv], (3,))

    def _transforms(self, block: Index, line: Index) -> None:
        b = self.b
        start = b.mul(block, self.block)
        count = b.min(self.block, b.sub(self.tiles, start))

        with b.loop(0, count) as row:

            def window(p: int, c: Index, value: Value) -> None:
                self._write(self.v, p, row.iv, (0, c), value)

            def given(p: int, c: Index, value: Value) -> None:
                self._write(self.u, p, row.iv, self.in_parts(c, self.cut.width), value)

            tile = b.add(start, row.iv)
            self.transformed(self.x, self.dy, tile, line if self.by_lines else None, (window, given))
        if self.tiles % self.block:
            self._zeros(count)

    def _write(self, to: Value, p: Index, row: Index, at: tuple[Index, Index], value: Value) -> None:
        self.b.write(value, to, [self.slot, p, at[0], row, at[1]], (4,))

    def _zeros(self, count: Index) -> None:
        """Rows of the last block that no tile fills."""
        b = self.b
        zero = zero_row(b, self.lanes, self.dtype)
        for v in (self.v, self.u):
            many, _, wide = (int(d) for d in mem.memref(v).shape[2:])  # type: ignore[arg-type]
            units = self.own * many
            with b.loop(count, self.block) as row, b.loop(0, units) as unit, b.loop(0, wide, self.lanes) as c:
                p, part = b.unravel(unit.iv, (self.own, many))
                self._write(v, p, row.iv, (part, c.iv), zero)

    def _products(self, part: Index, point: Index) -> None:
        b = self.b
        with b.loop(0, self.own) as p:

            def group(column: Index, width: int) -> None:
                def put(row: Index, height: int, done: Value) -> None:
                    at = [part, b.add(point, p.iv), row, column]
                    if not self.once:
                        have = b.read(self.sums, at, (height, width), (2, 3))
                        done = b(arith.FLOAT["addf"], have, done)
                    b.write(done, self.sums, at, (2, 3))

                lead, own = [self.slot, p.iv, 0], [self.slot, p.iv, b.div(column, self.cut.width)]
                self.outer(self.v, lead, (0, self.channels), self.u, own, self.block, width, put)

            self.each_group(group)


@lowers("winograd_gradient_output")
def lower_output(kernel: Kernel, target: Target) -> FuncOp:
    """`(sums, y, symbols…, lo, hi)`: the taps y [taps, taps, C, O] of the sums [parts, points, C, O], whose parts are
    added in their order; a unit is a channel."""
    g = Gradient(kernel, target)
    b, (sums,), (y,) = g.b, g.b.inputs, g.b.outputs
    parts = int(kernel.inputs[0].shape[0])  # type: ignore[arg-type]
    with b.loop(b.lo, b.hi) as channel:

        def columns(column: Index, count: int, inside: bool) -> None:
            def point(part: Index, p: int) -> Value:
                return b.read(sums, [part, p, channel.iv, column], (count,), (3,), inside)

            found = [point(0, p) for p in range(g.points)]
            if parts > 1:
                with b.loop(1, parts, 1, found) as part:
                    added = [b(arith.FLOAT["addf"], s, point(part.iv, p)) for p, s in enumerate(part.carried)]
                    part.yielded = tuple(added)
                found = list(part.results)
            g.taps_of(lambda p: found[p], y, channel.iv, column, count, inside)

        across(b, g.outputs, g.lanes, columns)
    return b.finish()
