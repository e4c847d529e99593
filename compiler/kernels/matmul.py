"""Matrix products: x [batch…, M, K] by packed constant panels, or by a right operand known at run time.

The parallel range is batch x column groups x blocks of rows. When the number of rows is known only at run
time there are two variants behind one compare: one row (bound by reading the weights once, with several
accumulators), and any number, in tiles of few rows and many columns so that little is left over.

A right operand that is known at run time may be `copied`: each unit puts its columns together, for a block of the
summed dimension if there are any, and turns rows into columns where the operand is transposed. All tiles of rows read
the copy, in the thread's own memory, so that copying takes a small part of the time.

With params["depth_block"] several tiles of rows take so many steps of the summed dimension at a time, and their sums
wait in memory in between: the weights of a block stay in a cache until all tiles have used them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..cost.tiles import PANEL, UNROLL, split_columns, split_rows, steps_at_once
from ..ir.core import Value
from ..ir.dims import product
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_arith as arith
from . import dialect_memory as mem
from .ahead import LINE, MOST_TILES, Ahead, fetch_next, flat
from .build import Index
from .dialect_kern import Kernel
from .family import KernelBuilder, leading_bias, lowers, packed_row, zero_row
from .tiles import LONGEST, Depth, accumulate, accumulate_dynamic
from .transpose import turned


@lowers("matmul")
def lower_matmul(kernel: Kernel, target: Target) -> FuncOp:
    return _MatMulLowering(kernel, target).function()


class _MatMulLowering:
    def __init__(self, kernel: Kernel, target: Target) -> None:
        self.b = KernelBuilder(kernel)
        self.target = target
        p = kernel.params
        self.packed = bool(p["packed"])
        self.transpose_x = bool(p["transpose_x"])
        self.transpose_y = bool(p.get("transpose_y"))
        self.x, self.w, self.y = self.b.inputs[0], self.b.inputs[1], self.b.outputs[0]
        #: where sums wait: the result, or a buffer of its shape when the steps that follow change the data type
        outputs = list(self.b.outputs)
        self.copied = outputs.pop() if p.get("slot") else None
        self.sums = outputs[-1]
        self.depth_block = int(p.get("depth_block", 0))
        self.shape = mem.memref(self.y).shape
        self.rank = len(self.shape)
        self.rows = self.shape[-2]
        x = mem.memref(self.x).shape
        self.depth = x[-2] if self.transpose_x else x[-1]
        self.tile_rows, vectors = p["tile"]
        self.row_block = int(p["row_block"])
        self.width = vectors * target.lanes
        self.dtype = mem.memref(self.x).dtype
        self.bias = leading_bias(kernel, 2)
        columns = self.shape[-1]
        self.columns = split_columns(columns, self.width, target.lanes) if isinstance(columns, int) else None

    def function(self) -> FuncOp:
        b = self.b
        rows = b.dim(self.rows)
        if isinstance(rows, int):
            self._units(rows, self._static_rows)
            return b.finish()
        single, general = b.switch(rows, [1])[::-1]
        with b.filling(single):
            self._units(1, lambda lo, hi, run: run(0, 1))
        with b.filling(general):
            self._units(rows, self._dynamic_rows)
        return b.finish()

    def _units(self, rows: Index, cut: Callable[[Index, Index, Callable[[Index, int], None]], None]) -> None:
        """Walks the parallel range; `cut(lo, hi, run)` covers rows lo..hi with tiles."""
        b = self.b
        blocks = b.div(b.add(rows, self.row_block - 1), self.row_block)
        groups = self._groups()
        with b.loop(b.lo, b.hi) as unit:
            rest, block = b.div(unit.iv, blocks), b.rem(unit.iv, blocks)
            batch, group = b.div(rest, groups), b.rem(rest, groups)
            lead = self._batch_indices(batch)
            lo, hi = (self._first_row(b.add(block, i), rows) for i in (0, 1))
            column = b.mul(group, self.width)
            self._group(group, column, lambda c, w, inside: self._column(lead, c, w, inside, lo, hi, cut))

    def _first_row(self, block: Index, rows: Index) -> Index:
        """Where a block of rows begins; tiles of known rows are not cut."""
        b = self.b
        cut = split_rows(rows, self.tile_rows) if isinstance(rows, int) else None
        if cut is None or not cut.rest_count or block in (0, 1):
            return b.min(b.mul(block, self.row_block), rows)
        tile = b.mul(block, self.row_block // cut.rows)
        lower = b.max(b.sub(tile, cut.count), 0)
        return b.min(b.sub(b.mul(tile, cut.rows), lower), rows)

    def _groups(self) -> Index:
        b, n = self.b, self.shape[-1]
        if isinstance(n, int):
            return -(-n // self.width)
        return b.div(b.add(b.dim(n), self.width - 1), self.width)

    def _batch_indices(self, batch: Index) -> list[Index]:
        b, out = self.b, list[Index]()
        for d in reversed(self.shape[:-2]):
            size = b.dim(d)
            out.append(b.rem(batch, size))
            batch = b.div(batch, size)
        return out[::-1]

    def _group(self, group: Index, column: Index, run: Callable[[Index, int, bool], None]) -> None:
        b, c = self.b, self.columns
        if c is None:
            run(column, self.width, False)
            return
        if not c.tail:
            run(column, c.width, True)
            return
        if not c.full:
            run(0, c.tail_width, c.tail == c.tail_width)
            return
        inside = c.tail == c.tail_width
        apart = self.packed or self.copied is not None  # masks cost a step of a sum as much as a multiply-add
        if c.tail_width == c.width and (inside or (apart and self.target.has_masks)):
            run(column, c.width, inside)
            return
        last = b(arith.SelectOp, b.compare("eq", group, c.full), b.idx(1), b.idx(0))
        body, tail = b.switch(last, [1])
        with b.filling(body):
            run(column, c.width, True)
        with b.filling(tail):
            run(c.full * c.width, c.tail_width, inside)

    def _column(
        self, lead: list[Index], column: Index, width: int, inside: bool, lo: Index, hi: Index,
        cut: Callable[[Index, Index, Callable[[Index, int], None]], None],
    ) -> None:  # fmt: skip
        b = self.b
        if self.bias is None:
            start = zero_row(b, width, self.dtype)
        else:
            bias = b.inputs[2]
            rank = mem.memref(bias).rank
            start = b.read(bias, [*[0] * (rank - 1), column], (width,), (rank - 1,), inside)
        if self.depth_block and not (lo == 0 and hi == 1):
            self._column_by_depth(lead, column, width, inside, lo, hi, cut, start)
            return

        if self.copied is not None:
            self._copy(lead, column, width, 0, int(self.depth), inside)  # type: ignore[arg-type]

        def tile(row: Index, height: int) -> None:
            acc, ahead = b.splat(start, (height, width)), self._ahead(row, height, column, width)
            done = self._tile(lead, row, height, column, width, inside, acc, ahead)
            self._write(done, lead, row, height, column, width, inside)

        cut(lo, hi, tile)

    def _column_by_depth(
        self, lead: list[Index], column: Index, width: int, inside: bool, lo: Index, hi: Index,
        cut: Callable[[Index, Index, Callable[[Index, int], None]], None], start: Value,
    ) -> None:  # fmt: skip
        """A group of columns by blocks of the summed dimension."""
        b, step, depth = self.b, self.depth_block, int(self.depth)  # type: ignore[arg-type]
        axes = (self.rank - 2, self.rank - 1)
        with b.loop(lo, hi) as row:
            b.write(start, self.sums, [*lead, row.iv, column], axes[1:], inside)

        with b.loop(0, depth, step) as block:
            first = block.iv
            count = b.min(step, b.sub(depth, first)) if depth % step else step
            if self.copied is not None:
                self._copy(lead, column, width, first, count, inside)

            def tile(row: Index, height: int) -> None:
                where = [*lead, row, column]
                acc = b.splat(zero_row(b, width, self.dtype), (height, width))
                ahead = self._block_ahead(b.sub(row, lo), height, column, width, first, step)
                acc = self._tile(lead, row, height, column, width, inside, acc, ahead, first, count)
                # a sum of sums of blocks rounds less than one long sum
                waiting = b.read(self.sums, where, (height, width), axes, inside)
                add = arith.FLOAT["addf"] if self.dtype.is_float else arith.INTEGER["addi"]
                b.write(b(add, waiting, acc), self.sums, where, axes, inside)

            cut(lo, hi, tile)
        if self.b.kernel.regions:
            with b.loop(lo, hi) as row:
                sums = b.read(self.sums, [*lead, row.iv, column], (1, width), axes, inside)
                self._write(sums, lead, row.iv, 1, column, width, inside)

    def _write(
        self, acc: Value, lead: list[Index], row: Index, height: int, column: Index, width: int, inside: bool
    ) -> None:
        """The steps that follow, on a tile of sums."""
        b, where, axes = self.b, [*lead, row, column], (self.rank - 2, self.rank - 1)
        b.write(b.apply(2, acc, where, (height, width), axes, inside, self.bias), self.y, where, axes, inside)

    def _static_rows(self, lo: Index, hi: Index, run: Callable[[Index, int], None]) -> None:
        b, cut = self.b, split_rows(int(self.rows), self.tile_rows)  # type: ignore[arg-type]
        last = cut.count * cut.rows
        with b.loop(lo, b.min(hi, last), cut.rows) as row:
            run(row.iv, cut.rows)
        if cut.rest_count:
            with b.loop(b.max(lo, last), hi, cut.rows - 1) as row:
                run(row.iv, cut.rows - 1)

    def _dynamic_rows(self, lo: Index, hi: Index, run: Callable[[Index, int], None]) -> None:
        b, most = self.b, self.tile_rows
        end = b.add(lo, b.mul(b.div(b.sub(hi, lo), most), most))
        with b.loop(lo, end, most) as row:
            run(row.iv, most)
        for height, block in enumerate(b.switch(b.sub(hi, end), range(1, most))):
            if height:
                with b.filling(block):
                    run(end, height)

    def _tile(
        self,
        lead: list[Index],
        row: Index,
        height: int,
        column: Index,
        width: int,
        inside: bool,
        acc: Value,
        ahead: Ahead,
        first: Index = 0,
        count: Index | None = None,
    ) -> Value:
        """The sums of a tile over `count` steps from `first` on, or over all, added to `acc`."""
        b = self.b
        x_lead, w_lead = self._operand_batch(self.x, lead), self._operand_batch(self.w, lead)

        def left(k: Sequence[Index]) -> Value:
            at = b.add(first, k[0])
            if self.transpose_x:
                return b.read(self.x, [*x_lead, at, row], (height,), (len(x_lead) + 1,))
            return b.read(self.x, [*x_lead, row, at], (height,), (len(x_lead),))

        def right(k: Sequence[Index]) -> Value:
            if self.copied is not None and b.slot is not None:
                return b.read(self.copied, [b.slot, k[0], 0], (width,), (2,))
            at = b.add(first, k[0])
            if self.packed:
                return packed_row(b, self.w, w_lead, at, column, width)
            return b.read(self.w, [*w_lead, at, column], (width,), (len(w_lead) + 1,), inside)

        if not isinstance(self.depth, int):
            return accumulate_dynamic(b, acc, b.dim(self.depth), left, right)
        # a single row is over so fast that to put sums away shows
        longest = 4 * LONGEST if height == 1 else LONGEST
        steps = self._depth(self.depth if count is None else count, height, width)
        return accumulate(b, acc, [steps], left, right, ahead, longest=longest)

    def _depth(self, count: Index, height: int, width: int) -> Depth:
        """So many steps of the sum, of a block or of all."""
        total = int(self.depth)  # type: ignore[arg-type]
        most = count if isinstance(count, int) else self.depth_block
        at_once = self._at_once(most, height, width)
        return Depth(count, at_once, most, total % at_once == 0 and most % at_once == 0)

    def _at_once(self, count: int, height: int, width: int) -> int:
        apart = self.packed or self.copied is not None
        return steps_at_once(count, height * width // self.target.lanes if apart else 0)

    def _copy(
        self, lead: list[Index], column: Index, width: int, first: Index, count: Index, inside: bool
    ) -> None:
        """Some columns of the right operand, `count` steps of the sum from `first` on, put together."""
        b, w_lead = self.b, self._operand_batch(self.w, lead)
        if self.copied is None or b.slot is None:
            raise TypeError("no memory to copy to")
        axis = len(w_lead) + 1
        if not self.transpose_y:
            with b.loop(0, count) as k:
                row = b.read(self.w, [*w_lead, b.add(first, k.iv), column], (width,), (axis,), inside)
                b.write(row, self.copied, [b.slot, k.iv, 0], (2,))
            return
        n, depth = self.target.vector_bytes // self.dtype.size, int(self.depth)  # type: ignore[arg-type]
        whole = depth % n == 0 and (not self.depth_block or self.depth_block % n == 0)
        last = b.sub(b.dim(self.shape[-1]), 1)
        with b.loop(0, width, n) as part, b.loop(0, count, n) as k:
            rows = [b.add(column, b.add(part.iv, i)) for i in range(n)]
            rows = rows if inside else [b.min(row, last) for row in rows]
            lines = [b.read(self.w, [*w_lead, row, b.add(first, k.iv)], (n,), (axis,), whole) for row in rows]
            for i, line in enumerate(turned(b, lines)):
                b.write(line, self.copied, [b.slot, b.add(k.iv, i), part.iv], (2,))

    def _ahead(self, row: Index, height: int, column: Index, width: int) -> Ahead:
        """What a tile does for the panels that come next; of unknown rows the first few tiles do it."""
        depth = self.depth
        if not self.packed and isinstance(depth, int):
            return self._open_ahead(row, height, column, width, 0, depth)
        if not self.packed or width < PANEL or height == 1 or not isinstance(depth, int):
            return None
        wide = width // PANEL
        b = self.b
        first = b.mul(b.add(b.div(column, PANEL), wide), PANEL * depth)
        rows = self.rows if isinstance(self.rows, int) else 4 * self.tile_rows
        return fetch_next(b, flat(b, self.w), first, row, height, rows, PANEL * depth * wide, [depth],
                          self._at_once(depth, height, width))  # fmt: skip

    def _block_ahead(
        self, row: Index, height: int, column: Index, width: int, first: Index, count: int
    ) -> Ahead:
        """The same for the block behind one of `count` steps from `first` on, in each of the tile's panels; behind the
        last block comes the first one of the next panels. `row` counts from the first of the unit's."""
        depth = int(self.depth)  # type: ignore[arg-type]
        if not self.packed:
            return self._open_ahead(row, height, column, width, first, count)
        if width < PANEL or height == 1:
            return None
        b, wide = self.b, width // PANEL
        rows = min(self.rows, self.row_block) if isinstance(self.rows, int) else 4 * self.tile_rows
        panel, behind = b.div(column, PANEL), b.add(first, count)
        if isinstance(behind, int):
            skip: Index = wide * depth if behind >= depth else behind
        else:
            last = b.compare("sge", behind, depth)
            skip = b(arith.SelectOp, last, b.idx(wide * depth), b.idx(behind))
        each = [
            fetch_next(
                b, flat(b, self.w), b.mul(b.add(b.mul(b.add(panel, i), depth), skip), PANEL), row, height,
                rows, PANEL * self.depth_block, [count], self._at_once(count, height, width),
            )
            for i in range(wide)
        ]  # fmt: skip

        def ask(at: Sequence[Index]) -> None:
            for one in each:
                if one is not None:
                    one(at)

        return ask

    def _open_ahead(
        self, row: Index, height: int, column: Index, width: int, first: Index, count: int
    ) -> Ahead:
        """The same for a matrix that is known at run time and larger than the second-level cache."""
        b, w, depth = self.b, self.w, int(self.depth)  # type: ignore[arg-type]
        total = product(mem.memref(w).shape)
        rows = min(self.rows, self.row_block) if isinstance(self.rows, int) else 0
        if (
            not isinstance(total, int)
            or mem.memref(w).rank > 2
            or not 0 < rows <= MOST_TILES * height
            or height == 1
        ):
            return None
        if total * self.dtype.size <= self.target.l2 // 2:
            return None
        behind, aside = b.add(first, count), b.add(column, width)
        last = b.compare("sge", behind, depth)
        start = b(arith.SelectOp, last, b.idx(0), b.idx(behind))
        start_column = b(arith.SelectOp, last, b.idx(aside), b.idx(column))
        tiles = -(-rows // height)
        across = -(-(count if self.transpose_y else width) // LINE)
        lines = -(-UNROLL * (width if self.transpose_y else count) * across // (tiles * count))
        before = b.mul(b.div(row, height), -(-count // UNROLL) * lines)
        each = -(-lines * self._at_once(count, height, width) // UNROLL)

        def ask(at: Sequence[Index]) -> None:
            done = b.add(before, b.div(b.mul(at[-1], lines), UNROLL))
            for i in range(each):
                line = b.add(done, i)
                far, near = b.div(line, across), b.mul(b.rem(line, across), LINE)
                where = (b.add(start_column, far), b.add(start, near)) if self.transpose_y else (
                    b.add(start, far), b.add(start_column, near))  # fmt: skip
                b.prefetch(w, *where)

        return ask

    def _operand_batch(self, operand: Value, lead: list[Index]) -> list[Index]:
        """The batch indices of an operand; its sizes 1 repeat."""
        whole = mem.memref(operand).shape
        shape = whole[1:-2] if operand is self.w and self.packed else whole[:-2]
        own = lead[len(lead) - len(shape) :]
        return [0 if d == 1 else i for d, i in zip(shape, own, strict=True)]
