"""Convolutions of stride 1 by Winograd's transforms: windows of the image and the filter become a * a smaller
matrices each, whose products are transformed back.

`winograd_input` makes V [a * a, tiles, C] from the bordered image, a batched matrix product makes M [a * a, tiles,
K], `winograd_output` makes the image and finishes it with the kernel's body. `winograd` does all three for blocks
of tiles that stay in the second-level cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from ...runtime.spec import DType
from ..cost.tiles import split_columns, split_rows
from ..cost.winograd import Matrix, Transform, transform
from ..ir.core import Value
from ..ir.dims import product
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_arith as arith
from . import dialect_memory as mem
from .build import Index, LoopBuilder
from .dialect_kern import Kernel
from .family import KernelBuilder, lowers, packed_row, zero_row
from .tiles import UNROLL, Depth, accumulate

Vectors = Sequence[Value]


class Combiner:
    """Products of a constant matrix with vectors, written with few operations."""

    def __init__(self, b: LoopBuilder, dtype: DType, width: int) -> None:
        self.b, self.dtype, self.width = b, dtype, width

    def _splat(self, c: Fraction) -> Value:
        return self.b.splat(self.b.number(float(c), self.dtype), (self.width,))

    def _add(self, x: Value, y: Value) -> Value:
        return self.b(arith.FLOAT["addf"], x, y)

    def _sub(self, x: Value, y: Value) -> Value:
        return self.b(arith.FLOAT["subf"], x, y)

    def sum(self, terms: Sequence[tuple[Fraction, Value]]) -> Value | None:
        """Σ c · x; terms with coefficient 1 come first, so that the others are multiply-adds."""
        total: Value | None = None
        for c, x in sorted((t for t in terms if t[0]), key=lambda t: (t[0] != 1, t[0] != -1)):
            if total is None:
                total = x if c == 1 else self.b(arith.FLOAT["mulf"], x, self._splat(c))
            elif abs(c) == 1:
                total = self._add(total, x) if c == 1 else self._sub(total, x)
            else:
                total = self.b(arith.Fma, x, self._splat(c), total)
        return total

    def apply(self, matrix: Matrix, xs: Vectors) -> list[Value]:
        """matrix · xs. Columns, then rows, that differ in signs alone share their sums and differences."""
        columns = list(zip(*matrix, strict=True))
        terms: list[tuple[tuple[Fraction, ...], Value]] = []
        left = list(range(len(xs)))
        while left:
            i = left.pop(0)
            other = next((j for j in left if _opposite(columns[i], columns[j])), None)
            if other is None:
                terms.append((columns[i], xs[i]))
                continue
            left.remove(other)
            same = tuple(
                a if a == b else Fraction(0) for a, b in zip(columns[i], columns[other], strict=True)
            )
            rest = tuple(a - s for a, s in zip(columns[i], same, strict=True))
            terms.append((same, self._add(xs[i], xs[other])))
            terms.append((rest, self._sub(xs[i], xs[other])))
        rows = [[(column[r], x) for column, x in terms] for r in range(len(matrix))]
        return self._rows(rows)

    def _rows(self, rows: list[list[tuple[Fraction, Value]]]) -> list[Value]:
        out: dict[int, Value] = {}
        for i, row in enumerate(rows):
            if i in out:
                continue
            coefficients = [c for c, _ in row]
            other = next(
                (j for j in range(i + 1, len(rows)) if _opposite(coefficients, [c for c, _ in rows[j]])), None
            )
            if other is None:
                out[i] = self._whole(row)
                continue
            even = self._whole([t for t, u in zip(row, rows[other], strict=True) if t[0] == u[0]])
            odd = self._whole([t for t, u in zip(row, rows[other], strict=True) if t[0] != u[0]])
            out[i], out[other] = self._add(even, odd), self._sub(even, odd)
        return [out[i] for i in range(len(rows))]

    def _whole(self, terms: Sequence[tuple[Fraction, Value]]) -> Value:
        total = self.sum(terms)
        return zero_row(self.b, self.width, self.dtype) if total is None else total

    def both_sides(self, matrix: Matrix, xs: Sequence[Vectors]) -> list[list[Value]]:
        """matrix · xs · matrixᵀ, for xs by rows."""
        columns = [self.apply(matrix, [row[j] for row in xs]) for j in range(len(xs[0]))]
        return [self.apply(matrix, [column[i] for column in columns]) for i in range(len(matrix))]


def _opposite(a: Sequence[Fraction], b: Sequence[Fraction]) -> bool:
    """Whether two lines of a matrix are equal up to signs, some equal and some not."""
    if [abs(x) for x in a] != [abs(x) for x in b]:
        return False
    return any(x == y != 0 for x, y in zip(a, b, strict=True)) and any(
        x != y for x, y in zip(a, b, strict=True)
    )


class _Winograd:
    """What the three stages share. Tiles are counted over all images, row by row."""

    def __init__(self, kernel: Kernel, target: Target) -> None:
        self.b = KernelBuilder(kernel)
        self.kernel, self.target, self.lanes = kernel, target, target.lanes
        p = kernel.params
        self.t: Transform = transform(p["m"], p["r"])
        self.dtype: DType = kernel.inputs[0].dtype
        self.grid = tuple(p["grid"])  # images, rows and columns of tiles
        self.combiner = Combiner(self.b, self.dtype, self.lanes)

    def position(self, tile: Index) -> tuple[Index, Index, Index]:
        """Image, first output row and first output column of a tile."""
        image, row, column = self.b.unravel(tile, self.grid)
        return image, self.b.mul(row, self.t.m), self.b.mul(column, self.t.m)

    @property
    def own(self) -> list[Index]:
        """The leading index of this thread's part of a scratch buffer."""
        return [] if self.b.slot is None else [self.b.slot]

    def input_tile(self, x: Value, tile: Index, v: Value, row: Index) -> None:
        """One window of x, all channels, into a row of v [a * a, rows, C]."""
        b, a = self.b, self.t.size
        image, top, left = self.position(tile)
        channels = mem.memref(x).shape[3]
        whole = isinstance(channels, int) and channels % self.lanes == 0
        with b.loop(0, b.dim(channels), self.lanes) as c:
            window = [
                [
                    b.read(x, [image, b.add(top, i), b.add(left, j), c.iv], (self.lanes,), (3,), whole)
                    for j in range(a)
                ]
                for i in range(a)
            ]
            for p, value in enumerate(
                x for row in self.combiner.both_sides(self.t.input, window) for x in row
            ):
                b.write(value, v, [*self.own, p, row, c.iv], (len(self.own) + 2,))

    def output_tile(self, m: Value, row: Index, tile: Index, y: Value, first_extra: int) -> None:
        """A row of m [a * a, rows, K] into the image, finished by the body, cut at the image's edges."""
        b, a = self.b, self.t.size
        image, top, left = self.position(tile)
        _, height, width, columns = mem.memref(y).shape
        whole = isinstance(columns, int) and columns % self.lanes == 0
        with b.loop(0, b.dim(columns), self.lanes) as c:
            rows = [
                [
                    b.read(m, [*self.own, i * a + j, row, c.iv], (self.lanes,), (len(self.own) + 2,))
                    for j in range(a)
                ]
                for i in range(a)
            ]
            results = self.combiner.both_sides(self.t.output, rows)
            for i, j in ((i, j) for i in range(self.t.m) for j in range(self.t.m)):
                where = [image, b.add(top, i), b.add(left, j), c.iv]

                def store(value: Value = results[i][j], where: list[Index] = where) -> None:
                    done = b.apply(first_extra, value, where, (self.lanes,), (3,), whole)
                    b.write(done, y, where, (3,), whole)

                self._inside(where[1], height if self._ragged(height) and i else None,
                             where[2], width if self._ragged(width) and j else None, store)  # fmt: skip

    def _ragged(self, size: object) -> bool:
        return not isinstance(size, int) or size % self.t.m != 0

    def _inside(
        self, row: Index, height: object, column: Index, width: object, run: Callable[[], None]
    ) -> None:
        b = self.b
        checks = [(at, d) for at, d in ((row, height), (column, width)) if d is not None]

        def nest(k: int) -> None:
            if k == len(checks):
                run()
                return
            at, d = checks[k]
            with b.when(b.compare("slt", at, b.dim(d))):  # type: ignore[arg-type]
                nest(k + 1)

        nest(0)


@lowers("winograd_input")
def lower_input(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, v, symbols…, lo, hi)`; a tile is a unit."""
    w = _Winograd(kernel, target)
    with w.b.loop(w.b.lo, w.b.hi) as tile:
        w.input_tile(w.b.inputs[0], tile.iv, w.b.outputs[0], tile.iv)
    return w.b.finish()


@lowers("winograd_output")
def lower_output(kernel: Kernel, target: Target) -> FuncOp:
    """`(m, extras…, y, symbols…, lo, hi)`; a tile is a unit."""
    w = _Winograd(kernel, target)
    with w.b.loop(w.b.lo, w.b.hi) as tile:
        w.output_tile(w.b.inputs[0], tile.iv, tile.iv, w.b.outputs[0], 1)
    return w.b.finish()


@lowers("winograd")
def lower_fused(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, weights, extras…, y, scratch v, scratch m, symbols…, slot, lo, hi)`; a block of tiles is a unit."""
    return _Fused(kernel, target).function()


class _Fused(_Winograd):
    def function(self) -> FuncOp:
        b, block = self.b, int(self.kernel.params["block"])
        x, y = b.inputs[0], b.outputs[0]
        v, m = b.outputs[1:3]
        tiles = b.dim(product(self.grid))
        with b.loop(b.lo, b.hi) as unit:
            first = b.mul(unit.iv, block)
            count = b.min(block, b.sub(tiles, first))
            with b.loop(0, count) as row:
                self.input_tile(x, b.add(first, row.iv), v, row.iv)
            self.products(v, b.inputs[1], m, block)
            with b.loop(0, count) as row:
                self.output_tile(m, row.iv, b.add(first, row.iv), y, 2)
        return b.finish()

    def products(self, v: Value, weights: Value, m: Value, rows: int) -> None:
        """m[p] = v[p] · weights[p] for all p; weights are panels [panels, a * a, C, 32]."""
        b, target = self.b, self.target
        depth = int(mem.memref(self.b.inputs[0]).shape[3])  # type: ignore[arg-type]
        tile_rows, vectors = self.kernel.params["tile"]
        columns = split_columns(int(mem.memref(b.outputs[0]).shape[3]), vectors * target.lanes, target.lanes)  # type: ignore[arg-type]
        cut = split_rows(rows, tile_rows)
        own = self.own

        def group(p: Index, column: Index, width: int) -> None:
            start = zero_row(b, width, self.dtype)

            def tile(row: Index, height: int) -> None:
                acc = accumulate(
                    b,
                    b.splat(start, (height, width)),
                    [Depth(depth, UNROLL)],
                    lambda k: b.read(v, [*own, p, row, k[0]], (height,), (len(own) + 1,)),
                    lambda k: packed_row(b, weights, [p], k[0], column, width),
                )
                b.write(acc, m, [*own, p, row, column], (len(own) + 1, len(own) + 2))

            with b.loop(0, cut.count * cut.rows, cut.rows) as row:
                tile(row.iv, cut.rows)
            if cut.rest_count:
                with b.loop(cut.count * cut.rows, rows, cut.rows - 1) as row:
                    tile(row.iv, cut.rows - 1)

        with b.loop(0, self.t.size**2) as p:
            with b.loop(0, columns.full) as g:
                group(p.iv, b.mul(g.iv, columns.width), columns.width)
            if columns.tail:
                group(p.iv, columns.full * columns.width, columns.tail_width)
