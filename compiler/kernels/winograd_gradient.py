"""Gradients of convolutions by their filters, by Winograd's transforms: windows of the image and tiles of dy become
points, whose outer products are summed over all tiles and transformed to taps.

It is minimal filtering with the roles exchanged: r taps are the outputs of a "filter" of the m numbers of a tile of dy
(A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2016, section 4). Either blocks of tiles
are transformed into memory of the thread and multiplied there, and the sums P [points, C, O] of each part of the tiles
are transformed by a kernel of their own (`winograd_gradient_blocks`, `winograd_gradient_output`); or all tiles are
transformed first, and sums over all of them never leave the cache (`winograd_gradient_windows`,
`winograd_gradient_product`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...runtime.spec import DType
from ..cost.tiles import UNROLL, split_columns, split_rows
from ..cost.winograd import Matrix, transform
from ..ir.core import Value
from ..ir.dims import product
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_arith as arith
from . import dialect_memory as mem
from .build import Index
from .channels import across
from .dialect_kern import Kernel
from .family import KernelBuilder, lowers, zero_row
from .tiles import Depth, accumulate
from .winograd_transforms import Combiner

#: takes point, first channel and vector of a transformed tile
Put = Callable[[int, Index, Value], None]


class _Gradient:
    """What the stages share. Tiles are counted over all images, row by row."""

    def __init__(self, kernel: Kernel, target: Target) -> None:
        self.b = KernelBuilder(kernel)
        self.target, self.lanes = target, target.lanes
        p: dict[str, Any] = kernel.params
        self.steps: tuple[int, int] = p["m"]
        self.taps: tuple[int, int] = p["r"]
        self.rows, self.columns = (transform(r, m) for m, r in zip(self.steps, self.taps, strict=True))
        self.size = (self.rows.size, self.columns.size)
        self.points = self.size[0] * self.size[1]
        self.grid: tuple[int, int, int] = p["grid"]
        self.tiles = int(product(self.grid))
        self.channels, self.outputs = int(p["channels"]), int(p["columns"])
        self.high, vectors = p["tile"]
        self.cut = split_columns(self.outputs, vectors * target.lanes, target.lanes)
        self.groups = self.cut.full + (1 if self.cut.tail else 0)
        self.dtype: DType = kernel.inputs[0].dtype
        self.combiner = Combiner(self.b, self.dtype, target.lanes)

    # transforms

    def transformed(self, x: Value, dy: Value, tile: Index, line: int | None, put: tuple[Put, Put]) -> None:
        """The window of x and the tile of dy, all channels; of the points a `line`, or all."""
        image, row, column = self.b.unravel(tile, self.grid)
        at = [image, self.b.mul(row, self.steps[0]), self.b.mul(column, self.steps[1])]
        self._side(x, at, self.size, self.taps, (self.rows.input, self.columns.input), line, put[0])
        self._side(dy, at, self.steps, (1, 1), (self.rows.weights, self.columns.weights), line, put[1])

    def _side(
        self, source: Value, at: list[Index], size: tuple[int, int], sure: tuple[int, int],
        matrices: tuple[Matrix, Matrix], line: int | None, put: Put,
    ) -> None:  # fmt: skip
        """`size` pixels of `source` from `at` on, of which `sure` ones lie inside; the others are 0 where they do
        not."""
        b = self.b
        sizes = [int(d) for d in mem.memref(source).shape[1:3]]  # type: ignore[arg-type]
        channels = int(mem.memref(source).shape[3])  # type: ignore[arg-type]
        whole = channels % self.lanes == 0
        ends = [(n - 1) * s + k for n, s, k in zip(self.grid[1:], self.steps, size, strict=True)]
        ragged = [end > have for end, have in zip(ends, sizes, strict=True)]

        def run(checked: bool) -> None:
            with b.loop(0, channels, self.lanes) as c:

                def pixel(i: int, j: int) -> Value:
                    def read() -> Value:
                        where = [at[0], b.add(at[1], i), b.add(at[2], j), c.iv]
                        return b.read(source, where, (self.lanes,), (3,), whole)

                    if not checked:
                        return read()
                    return self._if_inside(at, (i, j), sizes, [
                        ragged[0] and i >= sure[0], ragged[1] and j >= sure[1],
                    ], read)  # fmt: skip

                self._points(pixel, size, matrices, line, lambda p, value: put(p, c.iv, value))

        if not any(ragged):
            run(False)
            return
        free = b.min(*(
            b.min(b.sub(sizes[a] - size[a], at[1 + a]), 0) if ragged[a] else 0 for a in range(2)
        ))  # fmt: skip
        with b.when(b.compare("eq", free, 0)):
            run(False)
        with b.when(b.compare("slt", free, 0)):
            run(True)

    def _if_inside(
        self, at: list[Index], offset: tuple[int, int], sizes: list[int], check: list[bool],
        read: Callable[[], Value],
    ) -> Value:  # fmt: skip
        b = self.b
        axes = [a for a in range(2) if check[a]]
        zero = zero_row(b, self.lanes, self.dtype)

        def nest(k: int) -> Value:
            if k == len(axes):
                return read()
            a = axes[k]
            inside = b.compare("slt", b.add(at[1 + a], offset[a]), sizes[a])
            return b.choose(inside, lambda: [nest(k + 1)], lambda: [zero])[0]

        return nest(0)

    def _points(
        self, pixel: Callable[[int, int], Value], size: tuple[int, int], matrices: tuple[Matrix, Matrix],
        line: int | None, put: Callable[[int, Value], None],
    ) -> None:  # fmt: skip
        left, right = matrices
        if line is None:
            xs = [[pixel(i, j) for j in range(size[1])] for i in range(size[0])]
            made = [v for row in self.combiner.both_sides(left, xs, right) for v in row]
        else:
            sums: list[Value] = []
            for j in range(size[1]):
                total = self.combiner.sum([(f, pixel(i, j)) for i, f in enumerate(left[line]) if f])
                sums.append(zero_row(self.b, self.lanes, self.dtype) if total is None else total)
            made = self.combiner.apply(right, sums)
        for p, value in enumerate(made):
            put(p, value)

    def taps_of(
        self, read: Callable[[int], Value], y: Value, channel: Index, column: Index, count: int, inside: bool
    ) -> None:
        """`count` columns of the points that `read` gives as taps y [taps, taps, C, O] of a channel."""
        b, wide = self.b, self.size[1]
        found = [[read(i * wide + j) for j in range(wide)] for i in range(self.size[0])]
        combiner = Combiner(b, self.dtype, count)
        made = combiner.both_sides(self.rows.output, found, self.columns.output)
        for i, row in enumerate(made):
            for j, value in enumerate(row):
                b.write(value, y, [i, j, channel, column], (3,), inside)

    # products

    def each_group(self, run: Callable[[Index, int], None]) -> None:
        """`run(first column, width)` for all groups of columns."""
        b, c = self.b, self.cut
        if c.full:
            with b.loop(0, c.full) as g:
                run(b.mul(g.iv, c.width), c.width)
        if c.tail:
            run(c.full * c.width, c.tail_width)

    def one_group(self, g: Index, run: Callable[[Index, int], None]) -> None:
        """The same for group `g` alone."""
        b, c = self.b, self.cut
        if c.full:
            with b.when(b.compare("slt", g, c.full)):
                run(b.mul(g, c.width), c.width)
        if c.tail:
            with b.when(b.compare("eq", g, c.full)):
                run(c.full * c.width, c.tail_width)

    def outer(
        self, v: Value, u: Value, lead: Sequence[Index], depth: int, rows: tuple[Index, int],
        column: Index, width: int, put: Callable[[Index, int, Value], None],
    ) -> None:  # fmt: skip
        """Σ v[lead…, k, rows] ⊗ u[lead…, k, columns] over `depth` tiles: `put(first of the rows, height, sums)` for
        tiles of `rows`, the first and their number."""
        b, axis = self.b, len(lead) + 1
        cut = split_rows(rows[1], self.high)

        def tile(row: Index, height: int) -> None:
            at = b.add(rows[0], row)
            acc = accumulate(
                b,
                b.splat(zero_row(b, width, self.dtype), (height, width)),
                [Depth(depth, UNROLL)],
                lambda k: b.read(v, [*lead, k[0], at], (height,), (axis,)),
                lambda k: b.read(u, [*lead, k[0], column], (width,), (axis,)),
            )
            put(row, height, acc)

        with b.loop(0, cut.count * cut.rows, cut.rows) as row:
            tile(row.iv, cut.rows)
        if cut.rest_count:
            with b.loop(cut.count * cut.rows, rows[1], cut.rows - 1) as row:
                tile(row.iv, cut.rows - 1)


@lowers("winograd_gradient_blocks")
def lower_blocks(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, dy, sums, scratch, symbols…, slot, lo, hi)`: the sums [parts, points, C, O] of all tiles, params["block"]
    of them at a time. A unit is a part of the blocks, or with params["lines"] a line of points of a part."""
    return _Blocks(kernel, target).function()


class _Blocks(_Gradient):
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
            b.reinterpret(scratch, (threads, self.own, self.block, row), (size, step, row, 1), offset)
            for row, step, offset in ((a, first, 0), (c, second, self.own * first))
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
        zero, wide = zero_row(b, self.lanes, self.dtype), int(mem.memref(self.sums).shape[3])  # type: ignore[arg-type]
        with b.loop(0, self.own) as p, b.loop(0, self.channels) as c, b.loop(0, wide, self.lanes) as o:
            b.write(zero, self.sums, [part, b.add(point, p.iv), c.iv, o.iv], (3,))

    def _transforms(self, block: Index, line: Index) -> None:
        b = self.b
        start = b.mul(block, self.block)
        count = b.min(self.block, b.sub(self.tiles, start))

        def run(line: int | None) -> None:
            with b.loop(0, count) as row:
                put = (
                    lambda p, c, value: b.write(value, self.v, [self.slot, p, row.iv, c], (3,)),
                    lambda p, c, value: b.write(value, self.u, [self.slot, p, row.iv, c], (3,)),
                )
                self.transformed(self.x, self.dy, b.add(start, row.iv), line, put)

        if self.by_lines:
            others, *blocks = b.switch(line, range(1, self.size[0]))
            for i, here in enumerate((others, *blocks)):
                with b.filling(here):
                    run(i)
        else:
            run(None)
        if self.tiles % self.block:
            self._zeros(count)

    def _zeros(self, count: Index) -> None:
        """Rows of the last block that no tile fills."""
        b = self.b
        zero = zero_row(b, self.lanes, self.dtype)
        for v in (self.v, self.u):
            wide = int(mem.memref(v).shape[3])  # type: ignore[arg-type]
            with b.loop(count, self.block) as row, b.loop(0, self.own) as p, b.loop(0, wide, self.lanes) as c:
                b.write(zero, v, [self.slot, p.iv, row.iv, c.iv], (3,))

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

                lead = [self.slot, p.iv]
                self.outer(self.v, self.u, lead, self.block, (0, self.channels), column, width, put)

            self.each_group(group)


@lowers("winograd_gradient_output")
def lower_output(kernel: Kernel, target: Target) -> FuncOp:
    """`(sums, y, symbols…, lo, hi)`: the taps y [taps, taps, C, O] of the sums [parts, points, C, O], whose parts are
    added in their order; a unit is a channel."""
    g = _Gradient(kernel, target)
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


@lowers("winograd_gradient_windows")
def lower_windows(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, dy, v, u, symbols…, lo, hi)`: all windows v [points, tiles, C] and tiles of dy u [points, tiles, O]; a tile
    is a unit."""
    g = _Gradient(kernel, target)
    b = g.b
    with b.loop(b.lo, b.hi) as tile:
        v, u = (
            lambda p, c, value, to=to: b.write(value, to, [p, tile.iv, c], (2,)) for to in b.outputs
        )
        g.transformed(*b.inputs, tile.iv, None, (v, u))
    return b.finish()


@lowers("winograd_gradient_product")
def lower_product(kernel: Kernel, target: Target) -> FuncOp:
    """`(v, u, y, scratch, symbols…, slot, lo, hi)`: taps of all products v [points, tiles, C] ⊗ u [points, tiles, O].
    A unit is a group of columns of params["rows"] channels, whose sums [points, rows, width] fit the cache."""
    g = _Gradient(kernel, target)
    b, (v, u), (y, scratch) = g.b, g.b.inputs, g.b.outputs
    many = int(kernel.params["rows"])
    whole, rest = divmod(g.channels, many)
    if b.slot is None:
        raise TypeError("no memory for sums")
    own = b.slot

    import os
    few = int(os.environ.get("SUB", "999"))

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

            g.outer(v, u, [p.iv], g.tiles, (first, rows), column, width, put)
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
