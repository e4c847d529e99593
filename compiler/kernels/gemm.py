"""Large products of matrices that are known at run time, in blocks that stay in the caches.

The scheme is that of Goto and van de Geijn (2008). A unit of the parallel range is a part of the sum, a range of tiles
of rows and one of groups of columns. It takes a block of the summed dimension at a time. The right operand's numbers of
a block are put together first, each group of columns in a panel of its own, in the thread's memory; so are the left
operand's where its rows lie far apart, or across. Then come the tiles: for one group of columns after the other, whose
panel stays in the first-level cache; or, with many rows, for one tile of rows after the other, so that whole rows of
the result are written. What a block gives is added to the sums so far: long sums are sums of short ones. Tiles ask for
what the next block reads of the right operand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..cost.gemm import GemmChoice, columns_of
from ..cost.tiles import UNROLL, split_rows
from ..ir.core import Value
from ..ir.dims import product
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_arith as arith
from . import dialect_memory as mem
from .ahead import LINE, Ahead
from .build import Index
from .dialect_kern import Kernel
from .family import KernelBuilder, leading_bias, lowers, zero_row
from .tiles import Depth, accumulate
from .transpose import turned


@lowers("gemm")
def lower_gemm(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, w, extras…, y, memory?, slot?, lo, hi)` with x [rows…, K], or [K…, M] with params["transpose_x"]; w
    [K, N], or [N, K] with params["transpose_y"]; y [M, N], or [parts, M, N] with more than one part of the sum; memory
    [threads, numbers]."""
    return _Gemm(kernel, target).function()


#: so many lines are asked for when a tile begins; more are spread over its steps
AT_ONCE = 16


@dataclass(frozen=True)
class _Block:
    """Steps `first` and on of the sum; `start` and `end` say whether sums begin and end with them."""

    first: Index
    count: int
    start: bool
    end: bool


class _Gemm:
    def __init__(self, kernel: Kernel, target: Target) -> None:
        b = self.b = KernelBuilder(kernel)
        p = kernel.params
        self.target, self.dtype = target, kernel.outputs[0].dtype
        self.x, self.w, self.y = b.inputs[0], b.inputs[1], b.outputs[0]
        self.turned_x, self.turned_w = bool(p["transpose_x"]), bool(p["transpose_y"])
        self.parts = int(p["parts"])
        self.way_x, self.way_w = str(p["x"]), str(p["w"])
        self.by_rows = p["order"] == "rows"
        shape, y = mem.memref(self.x).shape, mem.memref(self.y).shape
        self.lead = shape[:-1]
        self.out = y[1:-1] if self.parts > 1 else y[:-1]
        self.m, self.n = int(product(self.out)), int(y[-1])  # type: ignore[arg-type]
        self.k = int(product(shape[:-1]) if self.turned_x else shape[-1])  # type: ignore[arg-type]
        self.tile_rows, vectors = p["tile"]
        self.width = vectors * target.lanes
        self.tiles_each, self.groups_each, self.step = (int(d) for d in p["block"])
        self.rows = split_rows(self.m, self.tile_rows)
        self.columns = columns_of(target, self.n, p["tile"])
        self.tiles = self.rows.count + self.rows.rest_count
        self.groups = self.columns.full + (1 if self.columns.tail else 0)
        self.bias = leading_bias(kernel, 2)
        self.packed_w, self.packed_x = self._room()

    def _room(self) -> tuple[Value | None, Value | None]:
        """The thread's memory: panels of w, and tiles or rows of x."""
        b, p = self.b, self.b.kernel.params
        if not p.get("slot"):
            return None, None
        memory = b.outputs[-1]
        threads, size = mem.memref(memory).shape
        step, w, x, used = self.step, None, None, 0
        if self.way_w == "copied":
            used = self.groups_each * step * self.width
            shape = (threads, self.groups_each, step, self.width)
            w = b.reinterpret(memory, shape, (size, step * self.width, self.width, 1))
        if self.way_x == "tiles":
            high = self.tile_rows
            shape = (threads, self.tiles_each, step, high)
            x = b.reinterpret(memory, shape, (size, step * high, high, 1), used)
        elif self.way_x == "rows":
            wide = row_of(step)
            shape = (threads, self.tiles_each * self.tile_rows, step)
            x = b.reinterpret(memory, shape, (size, wide, 1), used)
        return w, x

    # the walk over units, blocks and tiles

    def function(self) -> FuncOp:
        b = self.b
        across, down = -(-self.groups // self.groups_each), -(-self.tiles // self.tiles_each)
        with b.loop(b.lo, b.hi) as unit:
            rest, column = b.div(unit.iv, across), b.rem(unit.iv, across)
            self.part, row = b.div(rest, down), b.rem(rest, down)
            self.first_tile = b.mul(row, self.tiles_each)
            self.first_group = b.mul(column, self.groups_each)
            self.end_tile = b.min(b.add(self.first_tile, self.tiles_each), self.tiles)
            self.end_group = b.min(b.add(self.first_group, self.groups_each), self.groups)
            self._blocks()
        return b.finish()

    def _blocks(self) -> None:
        """The blocks of the sum; the first and the last one begin and finish the results."""
        b, step = self.b, self.step
        if self.parts > 1:
            blocks = self.k // step
            first = b.div(b.mul(self.part, blocks), self.parts)
            last = b.div(b.mul(b.add(self.part, 1), blocks), self.parts)
            self._block(_Block(b.mul(first, step), step, True, False))
            with b.loop(b.add(first, 1), last) as block:
                self._block(_Block(b.mul(block.iv, step), step, False, False))
            return
        blocks = -(-self.k // step)
        self._block(_Block(0, min(step, self.k), True, blocks == 1))
        if blocks > 2:
            with b.loop(step, (blocks - 1) * step, step) as first:
                self._block(_Block(first.iv, step, False, False))
        if blocks > 1:
            first = (blocks - 1) * step
            self._block(_Block(first, self.k - first, False, True))

    def _block(self, block: _Block) -> None:
        if self.packed_w is not None:
            self._put_w(block)
        if self.way_x == "tiles":
            self._put_tiles(block)
        elif self.way_x == "rows":
            self._put_rows(block)
        if self.by_rows:
            self._each_tile(
                lambda t, row, height: self._each_group(
                    lambda g, group, width: self._tile(block, t, row, height, g, group, width)
                )
            )
        else:
            self._each_group(
                lambda g, group, width: self._each_tile(
                    lambda t, row, height: self._tile(block, t, row, height, g, group, width)
                )
            )

    def _each_group(self, run: Callable[[Index, Index, int], None]) -> None:
        """`run(number in the unit, group, width)` for the unit's groups; the last of all may be narrower."""
        b, c = self.b, self.columns
        if c.full:
            with b.loop(self.first_group, b.min(self.end_group, c.full)) as group:
                run(b.sub(group.iv, self.first_group), group.iv, c.width)
        if c.tail:
            with b.when(b.compare("sgt", self.end_group, c.full)):
                run(b.sub(c.full, self.first_group), c.full, c.tail_width)

    def _each_tile(self, run: Callable[[Index, Index, int], None]) -> None:
        """`run(number in the unit, first row, height)` for the unit's tiles; the last ones are a row lower."""
        b, cut = self.b, self.rows
        with b.loop(self.first_tile, b.min(self.end_tile, cut.count)) as tile:
            run(b.sub(tile.iv, self.first_tile), b.mul(tile.iv, cut.rows), cut.rows)
        if cut.rest_count:
            with b.loop(b.max(self.first_tile, cut.count), self.end_tile) as tile:
                row = b.add(b.mul(tile.iv, cut.rows - 1), cut.count)
                run(b.sub(tile.iv, self.first_tile), row, cut.rows - 1)

    # putting operands together

    def _put_w(self, block: _Block) -> None:
        """Groups of columns of w as panels."""
        b = self.b
        if self.turned_w:
            self._each_group(lambda i, group, width: self._put_turned(block, i, group, width))
            return

        def row(k: Index) -> None:
            def part(number: Index, group: Index, width: int) -> None:
                at = [b.add(block.first, k), b.mul(group, self.width)]
                line = b.read(self.w, at, (width,), (1,), self._inside(group, width))
                b.write(line, self._panels, [self._slot, number, k, 0], (3,))

            self._each_group(part)

        with b.loop(0, block.count) as k:
            row(k.iv)

    def _put_turned(self, block: _Block, number: Index, group: Index, width: int) -> None:
        """Columns of w [N, K] as a panel: squares are turned in registers."""
        b, n, column = self.b, self.target.lanes, self.b.mul(group, self.width)

        def turn(k: Index, wide: int) -> None:
            for part in range(0, width, n):
                rows = [b.add(column, part + i) for i in range(n)]
                rows = rows if self._inside(group, width) else [b.min(row, self.n - 1) for row in rows]
                lines = [b.read(self.w, [row, b.add(block.first, k)], (n,), (1,), wide == n) for row in rows]
                for i, line in enumerate(turned(b, lines)[:wide]):
                    b.write(line, self._panels, [self._slot, number, b.add(k, i), part], (3,))

        with b.loop(0, block.count // n * n, n) as k:
            turn(k.iv, n)
        if block.count % n:
            turn(block.count // n * n, block.count % n)

    def _put_tiles(self, block: _Block) -> None:
        """Columns of x [K…, M] as tiles [K, height]."""
        b = self.b
        with b.loop(0, block.count) as k:
            step = b.unravel(b.add(block.first, k.iv), self.lead)

            def tile(number: Index, row: Index, height: int) -> None:
                part = b.read(self.x, [*step, row], (height,), (len(step),))
                b.write(part, self._rows, [self._slot, number, k.iv, 0], (3,))

            self._each_tile(tile)

    def _put_rows(self, block: _Block) -> None:
        """Rows of x [rows…, K], far apart, near each other."""
        b, n, count = self.b, self.target.lanes, block.count
        self.base_row = self._first_row(self.first_tile)
        with b.loop(self.base_row, self._first_row(self.end_tile)) as row:
            lead, near = b.unravel(row.iv, self.lead), b.sub(row.iv, self.base_row)
            whole = count // (4 * n) * 4 * n

            def move(k: Index, wide: int) -> None:
                part = b.read(self.x, [*lead, b.add(block.first, k)], (wide,), (len(lead),))
                b.write(part, self._rows, [self._slot, near, k], (2,))

            if whole:
                with b.loop(0, whole, 4 * n) as k:
                    move(k.iv, 4 * n)
            for k in range(whole, count, n):
                move(k, min(n, count - k))

    # one tile

    def _inside(self, group: Index, width: int) -> bool:
        return not isinstance(group, int) or self.columns.tail == width

    def _tile(
        self, block: _Block, t: Index, row: Index, height: int, g: Index, group: Index, width: int
    ) -> None:
        b = self.b
        column, inside = b.mul(group, self.width), self._inside(group, width)
        where, shape = [*self._place(row), column], (height, width)
        axes = (len(where) - 2, len(where) - 1)
        start = self._start(column, width, inside) if block.start else zero_row(b, width, self.dtype)
        left, right = self._left(block, t, row, height), self._right(block, g, group, column, width, inside)
        self._fetch(where, height, width)
        acc = b.splat(start, shape)
        acc = accumulate(
            b, acc, [Depth(block.count, UNROLL)], left, right, self._ahead(block, t, width, group)
        )
        if not block.start:
            acc = b(arith.FLOAT["addf"], b.read(self.y, where, shape, axes, inside), acc)
        if block.end:
            acc = b.apply(2, acc, where, shape, axes, inside, self.bias)
        b.write(acc, self.y, where, axes, inside)

    def _place(self, row: Index) -> list[Index]:
        return [self.part, row] if self.parts > 1 else [row]

    def _start(self, column: Index, width: int, inside: bool) -> Value:
        """The row that accumulators start from: the bias, or zeros."""
        b = self.b
        if self.bias is None:
            return zero_row(b, width, self.dtype)
        rank = mem.memref(b.inputs[2]).rank
        return b.read(b.inputs[2], [*[0] * (rank - 1), column], (width,), (rank - 1,), inside)

    def _fetch(self, where: list[Index], height: int, width: int) -> None:
        b = self.b
        *lead, row, column = where
        for i in range(height):
            for c in range(0, width, LINE):
                b.prefetch(self.y, *lead, b.add(row, i), b.add(column, c), write=True, locality=3)

    def _left(self, block: _Block, t: Index, row: Index, height: int) -> Callable[[Sequence[Index]], Value]:
        b = self.b

        def left(k: Sequence[Index]) -> Value:
            if self.way_x == "tiles":
                return b.read(self._rows, [self._slot, t, k[0], 0], (height,), (3,))
            if self.way_x == "rows":
                at = [self._slot, b.sub(row, self.base_row), k[0]]
                return b.read(self._rows, at, (height,), (1,))
            step = b.add(block.first, k[0])
            if self.turned_x:
                return b.read(self.x, [step, row], (height,), (1,))
            return b.read(self.x, [row, step], (height,), (0,))

        return left

    def _right(
        self, block: _Block, g: Index, group: Index, column: Index, width: int, inside: bool
    ) -> Callable[[Sequence[Index]], Value]:
        b = self.b

        def right(k: Sequence[Index]) -> Value:
            if self.packed_w is not None:
                return b.read(self._panels, [self._slot, g, k[0], 0], (width,), (3,))
            step = b.add(block.first, k[0])
            return b.read(self.w, [step, column], (width,), (1,), inside)

        return right

    def _ahead(self, block: _Block, t: Index, width: int, group: Index) -> Ahead:
        """What a tile does for the block behind: it asks for its share of that block's numbers in its columns of w. A
        few lines are asked for when the tile begins, more over its steps."""
        if block.end:
            return None
        b, behind, column = self.b, self.b.add(block.first, self.step), self.b.mul(group, self.width)
        along = -(-(self.step if self.turned_w else width) // LINE)
        lines = (width if self.turned_w else self.step) * along
        own, steps = -(-lines // self.tiles_each), max(1, block.count // UNROLL)
        before = b.mul(t, own)

        def fetch(line: Index) -> None:
            far, near = b.div(line, along), b.mul(b.rem(line, along), LINE)
            if self.turned_w:
                b.prefetch(self.w, b.add(column, far), b.add(behind, near))
            else:
                b.prefetch(self.w, b.add(behind, far), b.add(column, near))

        if own <= AT_ONCE:
            for i in range(own):
                fetch(b.add(before, i))
            return None
        each = -(-own // steps)

        def ask(at: Sequence[Index]) -> None:
            line = b.add(before, b.mul(b.div(at[-1], UNROLL), each))
            for i in range(each):
                fetch(b.add(line, i))

        return ask

    def _first_row(self, tile: Index) -> Index:
        b, cut = self.b, self.rows
        if not cut.rest_count:
            return b.mul(tile, cut.rows)
        return b.add(b.mul(tile, cut.rows - 1), b.min(tile, cut.count))

    @property
    def _slot(self) -> Value:
        """Which thread's memory."""
        if self.b.slot is None:
            raise TypeError("a product without memory of its threads")
        return self.b.slot

    @property
    def _panels(self) -> Value:
        if self.packed_w is None:
            raise TypeError("no memory for panels")
        return self.packed_w

    @property
    def _rows(self) -> Value:
        if self.packed_x is None:
            raise TypeError("no memory for rows")
        return self.packed_x


def memory_size(target: Target, choice: GemmChoice) -> int:
    """Numbers of a thread's memory."""
    high, width = choice.tile[0], choice.tile[1] * target.lanes
    size = choice.groups * choice.step * width if choice.w == "copied" else 0
    if choice.x == "tiles":
        size += choice.tiles * choice.step * high
    elif choice.x == "rows":
        size += choice.tiles * high * row_of(choice.step)
    return -(-size // LINE) * LINE


def row_of(step: int) -> int:
    """How far rows of so many numbers are put apart: never a multiple of 4096 bytes."""
    return -(-step // LINE) * LINE + LINE
