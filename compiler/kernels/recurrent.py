"""What the kernels of recurrent layers share: rows of the batch, one after the other all steps, a product each.

A task takes some rows of the batch through all steps. In every step comes a product of the rows' states with the
recurrent weights, tile by tile, whose sums go into scratch memory of these rows; then the gates, row by row. What the
input adds to the gates was computed for all steps before, as one product.

Buffers are called by the names in params["reads"] and params["writes"]; a result that nothing uses has none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...runtime.spec import DType
from ..cost.recurrent import recurrent_tile, recurrent_vectors
from ..cost.tiles import PANEL, split_columns, steps_at_once
from ..ir.core import Value
from ..ir.dims import Dim
from ..ir.types import MemRefType
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..ops.recurrent_activation import ACTIVATIONS
from ..target import Target
from . import dialect_memory as mem
from .body import LoopScalars
from .build import Index
from .dialect_kern import Kernel
from .family import KernelBuilder, packed_row, zero_row
from .tiles import Depth, accumulate

#: a row, the first of some units, and whether a whole vector of units lies inside
Cell = Callable[[Value, Index, bool], None]


class Recurrence:
    """The loops of one recurrent kernel; `step` is what happens in each step."""

    #: from the last step to the first
    backward = False

    def __init__(self, kernel: Kernel, target: Target) -> None:
        self.b = KernelBuilder(kernel)
        self.target, self.params = target, kernel.params
        names = [*kernel.params["reads"], *kernel.params["writes"]]
        self.buffers = dict(zip(names, (*self.b.inputs, *self.b.outputs), strict=True))
        self.dtype: DType = kernel.params["dtype"]
        self.units = int(kernel.params["units"])
        self.batch: Dim = self.shape(kernel.params["over"])[0]
        self.count: Dim = self.shape(kernel.params["over"])[1]
        #: elements of a vector
        self.lanes = target.lanes * 4 // self.dtype.size
        self.scalars = LoopScalars(self.b)
        #: rows of a unit of the parallel range: a tile, of scratch memory that has room for whole ones
        self.high = int(kernel.params["rows"])
        self.lo: Index = self.b.mul(self.b.lo, self.high)
        self.past: Index = self.b.mul(self.b.hi, self.high)
        self.hi = self.past if self.high == 1 else self.b.min(self.past, self.b.dim(self.batch))
        if self.batch == 1:
            self.lo, self.hi, self.past = 0, 1, 1
        self.masked = "mask" in self.buffers

    def has(self, name: str) -> bool:
        """Whether there is such a buffer."""
        return name in self.buffers

    def shape(self, name: str) -> tuple[Dim, ...]:
        return self.type(name).shape

    def type(self, name: str) -> MemRefType:
        return mem.memref(self.buffers[name])

    def function(self) -> FuncOp:
        b, count = self.b, self.b.dim(self.count)
        self.begin()
        with b.loop(0, count) as loop:
            last = b.sub(count, 1)
            s = b.sub(last, loop.iv) if self.backward else loop.iv
            t = b.sub(last, s) if self.params["reverse"] else s
            self.step(s, t)
        self.end()
        return b.finish()

    def begin(self) -> None:
        """What comes in front of the first step taken."""
        raise NotImplementedError

    def step(self, s: Index, t: Index) -> None:
        """Step number `s` of the layer, at place `t` of its input."""
        raise NotImplementedError

    def end(self) -> None:
        """What comes behind the last step taken."""
        raise NotImplementedError

    # elements of rows

    def each(self, cell: Cell, missing: Cell | None = None, t: Index = 0) -> None:
        """`cell` for all rows and units; with a mask `missing` for rows whose step at `t` is not there."""
        b = self.b
        with b.loop(self.lo, self.hi) as row:
            if missing is None or not self.masked:
                self._across(row.iv, cell)
            else:
                live = b.load(self.buffers["mask"], row.iv, t)
                b.choose(live, lambda: self._across(row.iv, cell), lambda: self._across(row.iv, missing))

    def _across(self, row: Value, cell: Cell) -> Sequence[Value]:
        whole = self.units // self.lanes * self.lanes
        with self.b.loop(0, whole, self.lanes) as j:
            cell(row, j.iv, True)
        if whole < self.units:
            cell(row, whole, False)
        return ()

    def get(self, name: str, *at: Index, inside: bool = True) -> Num:
        """A vector along the last axis."""
        last = len(at) - 1
        return Num(
            self.scalars, self.b.read(self.buffers[name], at, (self.lanes,), (last,), inside), self.dtype
        )

    def put(self, x: Num, name: str, *at: Index, inside: bool = True) -> None:
        """Writes a vector; nothing where there is no such buffer."""
        if self.has(name):
            self.b.write(x.v, self.buffers[name], at, (len(at) - 1,), inside)

    def zero(self) -> Num:
        return Num(self.scalars, zero_row(self.b, self.lanes, self.dtype), self.dtype)

    def given(self, name: str, *at: Index, inside: bool = True) -> Num:
        """A vector of an operand, zeros where it is not given."""
        return self.get(name, *at, inside=inside) if self.has(name) else self.zero()

    def act(self, x: Num) -> Num:
        return ACTIVATIONS[self.params["activation"]].value(x)

    def gate(self, x: Num) -> Num:
        return ACTIVATIONS[self.params["recurrent_activation"]].value(x)

    def slope(self, y: Num) -> Num:
        return ACTIVATIONS[self.params["activation"]].slope(y)

    def gate_slope(self, y: Num) -> Num:
        return ACTIVATIONS[self.params["recurrent_activation"]].slope(y)

    # products

    def product(self, left: str, weights: str, sums: str, depth: int, columns: int) -> None:
        """sums[rows, columns] = left[rows, depth] · weights, which lie in panels."""
        b = self.b
        if isinstance(self.batch, int) and self.batch > 1:
            tall, vectors = self.high, recurrent_vectors(self.target, self.high, columns, self.dtype.size)
        else:
            tall, vectors = recurrent_tile(self.target, self.batch, columns, self.dtype.size)
        cut = split_columns(columns, vectors * self.target.lanes, self.target.lanes)
        a, w, out = (self.buffers[n] for n in (left, weights, sums))

        def group(column: Index, width: int) -> None:
            def right(k: Sequence[Index]) -> Value:
                return packed_row(b, w, (), k[0], column, width)

            def tile(row: Index, height: int) -> None:
                start = b.splat(zero_row(b, width, self.dtype), (height, width))
                column_of = lambda k: b.read(a, [row, k[0]], (height,), (0,))  # noqa: E731
                at_once = steps_at_once(depth, height * width // self.target.lanes)
                acc = accumulate(b, start, [Depth(depth, at_once)], column_of, right)
                b.write(acc, out, [row, column], (0, 1))

            self._rows(tall, tile)

        # scratch rows and panels have room for whole groups, if these do not begin panels that are not there
        alike = (cut.full + 1) * cut.width <= -(-columns // PANEL) * PANEL
        with b.loop(0, columns if alike else cut.full * cut.width, cut.width) as column:
            group(column.iv, cut.width)
        if cut.tail and not alike:
            group(cut.full * cut.width, cut.tail_width)

    def _rows(self, most: int, tile: Callable[[Index, int], None]) -> None:
        """All rows in tiles of at most `most`."""
        b, lo, hi = self.b, self.lo, self.hi
        if isinstance(self.batch, int):
            with b.loop(lo, self.past, self.high) as row:
                tile(row.iv, self.high)
            return
        end = b.add(lo, b.mul(b.div(b.sub(hi, lo), most), most))
        with b.loop(lo, end, most) as row:
            tile(row.iv, most)
        for height, block in enumerate(b.switch(b.sub(hi, end), range(1, most))):
            if height:
                with b.filling(block):
                    tile(end, height)
