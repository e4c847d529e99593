"""Gradients of convolutions by their filters, by Winograd's transforms: windows of the image and tiles of dy become
points, whose outer products are summed over all tiles and transformed to taps.

It is minimal filtering with the roles exchanged: r taps are the outputs of a "filter" of the m numbers of a tile of dy,
so that the transforms are those of F(r, m) (A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks",
2016). Here is what two arrangements share: that in blocks of tiles (`winograd_gradient_blocks.py`) and that in stages
(`winograd_gradient_stages.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ...runtime.spec import DType
from ..cost.tiles import even_rows, split_columns, steps_at_once
from ..cost.winograd_gradient import longest_sum
from ..ir.core import Value
from ..target import Target
from . import dialect_memory as mem
from .build import Index
from .dialect_kern import Kernel
from .family import KernelBuilder, zero_row
from .tiles import Depth, accumulate
from .winograd_transforms import Combiner, Factor, factors, ordered

#: takes point, first channel and vector of a transformed tile
Put = Callable[[int, Index, Value], None]


class Side(NamedTuple):
    """Pixels of a tile, of which the first `sure` ones lie inside of the image, and the matrices of both sides."""

    size: tuple[int, int]
    sure: tuple[int, int]
    left: Factor
    right: Factor


class Gradient:
    """What the stages share. Tiles are counted over all images, row by row."""

    def __init__(self, kernel: Kernel, target: Target) -> None:
        self.b = KernelBuilder(kernel)
        self.target, self.lanes = target, target.lanes
        p: dict[str, Any] = kernel.params
        self.steps: tuple[int, int] = p["m"]
        taps: tuple[int, int] = p["r"]
        self.rows, self.columns = (factors(r, m) for m, r in zip(self.steps, taps, strict=True))
        self.size = (self.rows.size, self.columns.size)
        self.points = math.prod(self.size)
        self.grid: tuple[int, int, int] = p["grid"]
        self.tiles = math.prod(self.grid)
        self.channels, self.outputs = int(p["channels"]), int(p["columns"])
        self.high, vectors = p["tile"]
        self.cut = split_columns(self.outputs, vectors * target.lanes, target.lanes)
        self.groups = self.cut.full + (1 if self.cut.tail else 0)
        self.dtype: DType = kernel.inputs[0].dtype
        self.combiner = Combiner(self.b, self.dtype, target.lanes)
        self.sides = (
            Side(self.size, taps, self.rows.input, self.columns.input),
            Side(self.steps, (1, 1), self.rows.weights, self.columns.weights),
        )

    # transforms

    def transformed(self, x: Value, dy: Value, tile: Index, line: Index | None, put: tuple[Put, Put]) -> None:
        """The window of x and the tile of dy, all channels; of the points a `line`, or all."""
        b = self.b
        image, row, column = b.unravel(tile, self.grid)
        at = [image, b.mul(row, self.steps[0]), b.mul(column, self.steps[1])]
        for source, side, to in zip((x, dy), self.sides, put, strict=True):
            self._side(source, side, at, line, to)

    def _side(self, source: Value, side: Side, at: list[Index], line: Index | None, put: Put) -> None:
        """The pixels of `source` from `at` on; those outside of it are 0."""
        b = self.b
        have = [int(d) for d in mem.memref(source).shape[1:]]  # type: ignore[arg-type]
        whole = have[2] % self.lanes == 0
        ends = [(n - 1) * s + k for n, s, k in zip(self.grid[1:], self.steps, side.size, strict=True)]
        ragged = [end > d for end, d in zip(ends, have[:2], strict=True)]

        def run(checked: bool) -> None:
            with b.loop(0, have[2], self.lanes) as c:

                def pixel(*offset: int) -> Value:
                    where = [at[0], *(b.add(first, i) for first, i in zip(at[1:], offset, strict=True)), c.iv]
                    # rows and columns to look at: only those can lie outside
                    axes = [a for a in range(2) if checked and ragged[a] and offset[a] >= side.sure[a]]
                    return self._inside(source, where, [(where[1 + a], have[a]) for a in axes], whole)

                self._points(pixel, side, line, lambda p, value: put(p, c.iv, value))

        if not any(ragged):
            run(False)
            return
        out: Index = 0
        for a in range(2):
            if ragged[a]:
                out = b.min(out, b.sub(have[a] - side.size[a], at[1 + a]))
        with b.when(b.compare("sge", out, 0)):
            run(False)
        with b.when(b.compare("slt", out, 0)):
            run(True)

    def _inside(
        self, source: Value, where: list[Index], checks: Sequence[tuple[Index, int]], whole: bool
    ) -> Value:
        """The vector at `where`, or zeros where an index is not below its end."""
        b = self.b
        if not checks:
            return b.read(source, where, (self.lanes,), (3,), whole)
        (index, end), *others = checks
        zero = zero_row(b, self.lanes, self.dtype)
        return b.choose(
            b.compare("slt", index, end),
            lambda: [self._inside(source, where, others, whole)],
            lambda: [zero],
        )[0]

    def _points(
        self,
        pixel: Callable[[int, int], Value],
        side: Side,
        line: Index | None,
        put: Callable[[int, Value], None],
    ) -> None:
        rows, columns = (range(n) for n in side.size)
        if line is None:
            xs = [[pixel(i, j) for j in columns] for i in rows]
            made = [v for row in self.combiner.both_sides(side.left, xs, side.right) for v in row]
        else:
            made = self.combiner.apply(side.right, self._line(pixel, side, line, 0))
        for p, value in enumerate(made):
            put(p, value)

    def _line(self, pixel: Callable[[int, int], Value], side: Side, line: Index, first: int) -> list[Value]:
        """Columns of pixels combined to a line of points, one from `first` on."""
        b = self.b

        def combined() -> list[Value]:
            terms = [(f, i) for i, f in enumerate(side.left.matrix[first]) if f]
            columns = range(side.size[1])
            return [self.combiner.sum(ordered((f, pixel(i, j)) for f, i in terms)) for j in columns]

        if first + 1 == len(side.left.matrix):
            return combined()
        here = b.compare("eq", line, first)
        return list(b.choose(here, combined, lambda: self._line(pixel, side, line, first + 1)))

    def taps_of(
        self, read: Callable[[int], Value], y: Value, channel: Index, column: Index, count: int, inside: bool
    ) -> None:
        """`count` columns of the points that `read` gives as taps y [taps, taps, C, O] of a channel."""
        wide = self.size[1]
        found = [[read(i * wide + j) for j in range(wide)] for i in range(self.size[0])]
        combiner = Combiner(self.b, self.dtype, count)
        for i, row in enumerate(combiner.both_sides(self.rows.output, found, self.columns.output)):
            for j, value in enumerate(row):
                self.b.write(value, y, [i, j, channel, column], (3,), inside)

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
        self, v: Value, lead: Sequence[Index], rows: tuple[Index, int], u: Value, own: Sequence[Index],
        depth: int, width: int, put: Callable[[Index, int, Value], None],
    ) -> None:  # fmt: skip
        """Σ v[lead…, k, rows] ⊗ u[own…, k, columns] over `depth` tiles: `put(first of the rows, height, sums)` for
        tiles of `rows`, the first and their number."""
        b = self.b
        vectors = width // self.lanes
        cut = even_rows(self.target, rows[1], self.high, vectors)
        at_once = steps_at_once(depth, cut.rows * vectors)

        def tile(row: Index, height: int) -> None:
            at = b.add(rows[0], row)
            acc = accumulate(
                b,
                b.splat(zero_row(b, width, self.dtype), (height, width)),
                [Depth(depth, at_once)],
                lambda k: b.read(v, [*lead, k[0], at], (height,), (len(lead) + 1,)),
                lambda k: b.read(u, [*own, k[0], 0], (width,), (len(own) + 1,)),
                longest=longest_sum(self.tiles),
            )
            put(row, height, acc)

        with b.loop(0, cut.count * cut.rows, cut.rows) as row:
            tile(row.iv, cut.rows)
        if cut.rest_count:
            with b.loop(cut.count * cut.rows, rows[1], cut.rows - 1) as row:
                tile(row.iv, cut.rows - 1)

    def in_parts(self, channel: Index, width: int) -> tuple[Index, Index]:
        """Which part of `width` channels a channel is in, and where."""
        return self.b.div(channel, width), self.b.rem(channel, width)
