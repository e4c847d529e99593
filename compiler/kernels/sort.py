"""The k largest elements of rows.

Candidates gather in a buffer; when it is full it is sorted and cut to the k largest, and from then on an element
must beat the k-th one, which whole blocks of a row are asked at once. So a row takes O(n log k) steps at worst,
and little more than one pass over it as a rule. The buffer is sorted by merging runs from the bottom up, which
keeps equal elements in order (Knuth, "The Art of Computer Programming", volume 3, 5.2.4).
"""

from __future__ import annotations

from ...runtime.spec import boolean, i32, i64
from ..ir.core import Value
from ..ir.dims import product
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..target import Target
from . import dialect_arith as arith
from . import dialect_memory as mem
from .build import Index
from .dialect_kern import Kernel
from .family import lowers
from .reduce import Reducer
from .scalar import ScalarBuilder

#: elements that are compared with the k-th largest one at once
BLOCK = 64


@lowers("top_k")
def lower_top_k(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, values, indices, candidates, their positions, symbols…, lo, hi)`; a unit is a share of the rows."""
    return _TopK(kernel).function()


class RowSorter:
    """What both kinds of sorting share: rows in shares, and elements that are asked block by block."""

    def __init__(self, kernel: Kernel) -> None:
        b = self.b = ScalarBuilder(kernel)
        self.dtype = kernel.params["dtype"]
        self.index = kernel.params["index"]
        shape, out = kernel.inputs[0].shape, kernel.outputs[0].shape
        rows = product(shape[:-1])
        self.rows, self.size, self.k = (b.dim(d) for d in (rows, shape[-1], out[-1]))
        self.units = b.dim(kernel.params["units"])
        self.x = b.dense(b.inputs[0], (rows, shape[-1]))
        self.y, self.at = (b.dense(v, (rows, out[-1])) for v in b.outputs[:2])

    def function(self) -> FuncOp:
        b = self.b
        with b.loop(b.lo, b.hi) as unit:
            first = b.div(b.mul(unit.iv, self.rows), self.units)
            last = b.div(b.mul(b.add(unit.iv, 1), self.rows), self.units)
            with b.loop(first, last) as row:
                self.row(unit.iv, row.iv)
        return b.finish()

    def row(self, unit: Value, row: Value) -> None:
        """Sorts one row, with the unit's memory."""
        raise NotImplementedError

    def largest(self, row: Value, lo: Value) -> Num:
        """The largest of the BLOCK elements from `lo` on."""
        low = Reducer("max", self.dtype).start
        x = self.b.read(self.x, [row, lo], (BLOCK,), (1,), False, low)
        kind = "maximumf" if self.dtype.is_float else "maxui" if self.dtype.kind == "u" else "maxsi"
        return Num(self.b.scalars, self.b(mem.Reduction, x, kind=kind), self.dtype)


class _TopK(RowSorter):
    def __init__(self, kernel: Kernel) -> None:
        super().__init__(kernel)
        b = self.b
        self.own_index = i64 if self.index.size > 4 else i32
        self.room = b.dim(kernel.outputs[2].shape[-1])
        self.values, self.places = b.outputs[2:]

    def row(self, unit: Value, row: Value) -> None:
        b = self.b

        def block(lo: Value, count: Num, worst: Num, full: Num) -> list[Num]:
            hi = b.min(b.add(lo, BLOCK), self.size)
            best = self.largest(row, lo)
            state = [count, worst, full]
            offer = lambda i, *s: self._offer(unit, row, i, *s)  # noqa: E731
            return b.either(~full | beats(best, worst), lambda: b.repeat(lo, hi, state, offer), lambda: state)

        start = [b.c(0, i64), b.c(0, self.dtype), b.c(0, boolean)]
        count, *_ = b.repeat(0, self.size, start, block, BLOCK)
        side = self._sort(unit, b.index(count))
        with b.loop(0, self.k) as i:
            b.put(b.get(self.values, self.dtype, unit, side, i.iv), self.y, row, i.iv)
            place = b.get(self.places, self.own_index, unit, side, i.iv)
            b.put(place.to(self.index), self.at, row, i.iv)

    def _offer(self, unit: Value, row: Value, i: Value, count: Num, worst: Num, full: Num) -> list[Num]:
        """An element becomes a candidate when it beats the k-th largest one, or there are too few yet."""
        b = self.b
        x = b.get(self.x, self.dtype, row, i)

        def cut() -> list[Num]:
            side = self._sort(unit, self.room)
            with b.loop(0, self.k) as j:
                for buffer in (self.values, self.places):
                    b.store(b.load(buffer, unit, side, j.iv), buffer, unit, 0, j.iv)
            last = b.sub(b.max(self.k, 1), 1)
            return [b.of_index(self.k), b.get(self.values, self.dtype, unit, 0, last), b.c(1, boolean)]

        def take() -> list[Num]:
            at = b.index(count)
            b.put(x, self.values, unit, 0, at)
            b.put(b.of_index(i, self.own_index), self.places, unit, 0, at)
            more = count + 1
            is_full = b.holds("eq", b.index(more), self.room)
            return b.either(is_full, cut, lambda: [more, worst, full])

        return b.either(~full | beats(x, worst), take, lambda: [count, worst, full])

    def _sort(self, unit: Value, count: Index) -> Index:
        """Sorts the first candidates, from side 0 of the buffers; the side on which they then are."""
        b = self.b

        def merge(width: Num, side: Num) -> tuple[Num, list[Num]]:
            w, have = b.index(width), b.index(side)
            with b.loop(0, count, b.mul(w, 2)) as pair:
                middle = b.min(b.add(pair.iv, w), count)
                self._merge(unit, have, pair.iv, middle, b.min(b.add(middle, w), count))
            twice = width + width
            return b.holds("sge", b.index(twice), count), [twice, b.c(1, i64) - side]

        _, side = b.until([b.c(1, i64), b.c(0, i64)], merge)
        return b.index(side)

    def _merge(self, unit: Value, side: Value, lo: Value, middle: Index, hi: Index) -> None:
        """Two sorted runs, lo..middle and middle..hi, into one on the other side."""
        b = self.b
        other, last = b.sub(1, side), b.sub(self.room, 1)
        with b.loop(lo, hi, 1, [lo, b.idx(middle)]) as out:
            i, j = out.carried
            left, right = b.min(i, last), b.min(j, last)
            a = b.get(self.values, self.dtype, unit, side, left)
            c = b.get(self.values, self.dtype, unit, side, right)
            second = b.holds("slt", j, hi) & (b.holds("sge", i, middle) | beats(c, a))
            b.put(second.where(c, a), self.values, unit, other, out.iv)
            places = [b.get(self.places, self.own_index, unit, side, at) for at in (right, left)]
            b.put(second.where(places[0], places[1]), self.places, unit, other, out.iv)
            following = [(i, b.add(i, 1)), (b.add(j, 1), j)]
            out.yielded = tuple(b(arith.SelectOp, second.v, b.idx(x), b.idx(y)) for x, y in following)


def beats(x: Num, y: Num) -> Num:
    """Whether x comes before y wherever they stand."""
    return x > y if not x.dtype.is_float else (x > y) | (x.ne(x) & y.eq(y))
