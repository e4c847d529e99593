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
from typing import NamedTuple

from ..cost.gemm import columns_of, one_width
from ..cost.tiles import UNROLL, split_rows, steps_at_once
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
from .gemm_memory import thread_memory
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
#: lower tiles that are so many times fewer are written in a short way
FEW = 4


class _Block(NamedTuple):
    """Steps `first` and on of the sum; `start` and `end` tell whether sums begin and end with them: a condition where
    the same code computes several blocks."""

    first: Index
    count: Index
    start: bool | Value
    end: bool | Value


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
        #: whether the last group of columns is computed as the others are
        self.alike = bool(self.columns.full) and one_width(target, self.columns, self.way_w)
        self.tiles = self.rows.count + self.rows.rest_count
        self.groups = self.columns.full + (1 if self.columns.tail else 0)
        self.bias = leading_bias(kernel, 2)
        #: the thread's panels of w, and its tiles or rows of x
        self.packed_w, self.packed_x = thread_memory(b, target) if p.get("slot") else (None, None)

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
            first = b.mul(b.div(b.mul(self.part, blocks), self.parts), step)
            last = b.mul(b.div(b.mul(b.add(self.part, 1), blocks), self.parts), step)
            with b.loop(first, last, step) as block:
                self._block(_Block(block.iv, step, b.compare("eq", block.iv, first), False))
        elif self.k <= step:
            self._block(_Block(0, self.k, True, True))
        else:
            with b.loop(0, self.k, step) as block:
                left = b.sub(self.k, block.iv)
                count = b.min(step, left) if self.k % step else step
                start, end = b.compare("eq", block.iv, 0), b.compare("sle", left, step)
                self._block(_Block(block.iv, count, start, end))

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
        if self.alike:
            with b.loop(self.first_group, self.end_group) as group:
                run(b.sub(group.iv, self.first_group), group.iv, c.width)
            return
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
        whole, inside = self._whole(n), self._inside(group, width)
        with b.loop(0, width, n) as part, b.loop(0, block.count, n) as k:
            rows = [b.add(column, b.add(part.iv, i)) for i in range(n)]
            rows = rows if inside else [b.min(row, self.n - 1) for row in rows]
            lines = [b.read(self.w, [row, b.add(block.first, k.iv)], (n,), (1,), whole) for row in rows]
            for i, line in enumerate(turned(b, lines)):
                b.write(line, self._panels, [self._slot, number, b.add(k.iv, i), part.iv], (3,))

    def _whole(self, n: int) -> bool:
        """Whether blocks consist of vectors of `n` steps."""
        return self.k % n == 0 and self.step % n == 0

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

            def move(k: Index, wide: int, inside: bool) -> None:
                part = b.read(self.x, [*lead, b.add(block.first, k)], (wide,), (len(lead),), inside)
                b.write(part, self._rows, [self._slot, near, k], (2,))

            most = b.mul(b.div(count, 4 * n), 4 * n)
            with b.loop(0, most, 4 * n) as k:
                move(k.iv, 4 * n, True)
            with b.loop(most, count, n) as k:
                move(k.iv, n, self._whole(n))

    # one tile

    def _inside(self, group: Index, width: int) -> bool:
        if self.alike:
            return not self.columns.tail
        return not isinstance(group, int) or self.columns.tail == width

    def _tile(
        self, block: _Block, t: Index, row: Index, height: int, g: Index, group: Index, width: int
    ) -> None:
        b = self.b
        column, inside = b.mul(group, self.width), self._inside(group, width)
        where, shape = [*self._place(row), column], (height, width)
        axes = (len(where) - 2, len(where) - 1)
        once = block.start is True
        start = self._start(column, width, inside) if once else zero_row(b, width, self.dtype)
        left, right = self._left(block, t, row, height), self._right(block, g, group, column, width, inside)
        self._fetch(where, height, width)
        at_once = self._at_once(block, height, width)
        even = self.k % at_once == 0 and self.step % at_once == 0
        depth = Depth(block.count, at_once, self.step, even)
        acc = accumulate(
            b, b.splat(start, shape), [depth], left, right, self._ahead(block, t, width, group, at_once)
        )
        if block.start is not True:
            acc = self._added(block, acc, where, inside)
        b.write(self._finished(block, acc, where, inside), self.y, where, axes, inside)

    def _added(self, block: _Block, acc: Value, where: list[Index], inside: bool) -> Value:
        """The sums of a block, and those of the blocks before or what the first one begins with."""
        b, shape = self.b, mem.vector(acc).shape
        add, axes = arith.FLOAT["addf"], (len(where) - 2, len(where) - 1)

        def begun() -> Value:
            if self.bias is None:
                return acc
            return b(add, acc, b.splat(self._start(where[-1], shape[1], inside), shape))

        def more() -> Value:
            return b(add, b.read(self.y, where, shape, axes, inside), acc)

        return b.choose(b.idx(block.start), lambda: [begun()], lambda: [more()])[0]

    def _finished(self, block: _Block, acc: Value, where: list[Index], inside: bool) -> Value:
        """Sums, with the steps that follow behind the last block."""
        b, shape = self.b, mem.vector(acc).shape
        axes = (len(where) - 2, len(where) - 1)

        def finished() -> Value:
            return b.apply(2, acc, where, shape, axes, inside, self.bias)

        if isinstance(block.end, bool):
            return finished() if block.end else acc
        if not b.kernel.regions:
            return acc
        return b.choose(block.end, lambda: [finished()], lambda: [acc])[0]

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

    def _ahead(self, block: _Block, t: Index, width: int, group: Index, at_once: int) -> Ahead:
        """What a tile does for the block behind: it asks for its share of that block's numbers in its columns of w. A
        few lines are asked for when the tile begins, more over its steps. The last block asks for itself, which is
        near."""
        if block.end is True:
            return None
        b, behind, column = self.b, self.b.add(block.first, self.step), self.b.mul(group, self.width)
        if isinstance(block.end, Value):
            behind = b(arith.SelectOp, block.end, b.idx(block.first), b.idx(behind))
        along, own = self._share(width)
        steps = max(1, self.step // at_once)
        before = b.mul(t, own)

        def fetch(line: Index) -> None:
            far, near = b.div(line, along), b.mul(b.rem(line, along), LINE)
            row, at = (column, behind) if self.turned_w else (behind, column)
            b.prefetch(self.w, b.add(row, far), b.add(at, near))

        if own <= AT_ONCE:
            for i in range(own):
                fetch(b.add(before, i))
            return None
        each = -(-own // steps)

        def ask(at: Sequence[Index]) -> None:
            line = b.add(before, b.mul(b.div(at[-1], at_once), each))
            for i in range(each):
                fetch(b.add(line, i))

        return ask

    def _share(self, width: int) -> tuple[int, int]:
        """Lines that follow each other in a block of w, and how many of all its lines a tile asks for."""
        along = -(-(self.step if self.turned_w else width) // LINE)
        lines = (width if self.turned_w else self.step) * along
        return along, -(-lines // self.tiles_each)

    def _at_once(self, block: _Block, height: int, width: int) -> int:
        """Steps of a tile that are written out, of which each group asks for lines."""
        if height < self.rows.rows and self.rows.rest_count <= self.rows.count // FEW:
            return 1
        if block.end is not True and self._share(width)[1] > AT_ONCE:
            return UNROLL
        return steps_at_once(self.step, height * width // self.target.lanes)

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
