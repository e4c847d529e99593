"""The k largest elements of rows in the order of a binary heap, the smallest in front (Williams 1964, Floyd 1964).

The heap holds positions; of equal elements the one that comes first counts as larger.
"""

from __future__ import annotations

from ...runtime.spec import boolean, i32, i64
from ..ir.core import Value
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..target import Target
from .build import Index
from .dialect_kern import Kernel
from .family import lowers
from .sort import BLOCK, RowSorter, beats


@lowers("top_heap")
def lower_top_heap(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, values, indices, heaps of k + 1, symbols…, lo, hi)`; a unit is a share of the rows."""
    return _TopHeap(kernel).function()


class _TopHeap(RowSorter):
    def __init__(self, kernel: Kernel) -> None:
        super().__init__(kernel)
        self.heap = self.b.outputs[2]

    def row(self, unit: Value, row: Value) -> None:
        b, k = self.b, self.k
        first = b.add(k, 1)
        with b.loop(0, first) as i:
            self._put(unit, i.iv, b.of_index(i.iv))
        inner = b.div(first, 2)
        with b.loop(0, inner) as step:
            hole = b.idx(b.sub(b.sub(inner, 1), step.iv))
            self._sift(unit, row, hole, self._get(unit, hole), first)
        self._sift(unit, row, b.idx(0), self._get(unit, k), k)
        last = b.idx(b.sub(k, 1))
        with b.loop(first, self.size, BLOCK) as block:
            hi = b.min(b.add(block.iv, BLOCK), self.size)
            some = beats(self.largest(row, block.iv), self._smallest(unit, row))
            with b.when(some.v), b.loop(block.iv, hi) as i:
                x = b.get(self.x, self.dtype, row, i.iv)
                with b.when(beats(x, self._smallest(unit, row)).v):
                    self._sift(unit, row, b.idx(0), self._get(unit, last), last)
                    self._rise(unit, row, last, b.of_index(i.iv))
        with b.loop(0, k) as i:
            place = self._get(unit, i.iv)
            b.put(b.get(self.x, self.dtype, row, b.index(place)), self.y, row, i.iv)
            b.put(place.to(self.index), self.at, row, i.iv)

    def _get(self, unit: Value, i: Index) -> Num:
        return self.b.get(self.heap, i32, unit, i).to(i64)

    def _put(self, unit: Value, i: Index, place: Num) -> None:
        self.b.put(place.to(i32), self.heap, unit, i)

    def _smallest(self, unit: Value, row: Value) -> Num:
        return self.b.get(self.x, self.dtype, row, self.b.index(self._get(unit, 0)))

    def _larger(self, row: Value, p: Num, q: Num) -> Num:
        """Whether the element at p counts as larger than that at q."""
        x, y = (self.b.get(self.x, self.dtype, row, self.b.index(i)) for i in (p, q))
        return beats(x, y) | (~beats(y, x) & (p < q))

    def _sift(self, unit: Value, row: Value, hole: Value, place: Num, count: Index) -> None:
        """Puts `place` into the heap of `count` elements at or below the hole."""
        b = self.b

        def down(at: Num) -> tuple[Num, list[Num]]:
            left = b.index(at + at + 1)
            right = b.add(left, 1)

            def smaller() -> list[Num]:
                p = self._get(unit, left)
                chosen = b.either(
                    b.holds("slt", right, count), lambda: [self._get(unit, right)], lambda: [p]
                )[0]
                other = self._larger(row, p, chosen)
                return [other.where(chosen, p), other.where(b.of_index(right), b.of_index(left))]

            is_inner = b.holds("slt", left, count)
            child, child_at = b.either(is_inner, smaller, lambda: [place, at])
            moves = b.either(is_inner, lambda: [self._larger(row, place, child)], lambda: [b.c(0, boolean)])[
                0
            ]
            with b.when(moves.v):
                self._put(unit, b.index(at), child)
            return ~moves, [moves.where(child_at, at)]

        (end,) = b.until([b.of_index(hole)], down)
        self._put(unit, b.index(end), place)

    def _rise(self, unit: Value, row: Value, hole: Value, place: Num) -> None:
        """Puts `place` into the heap at or above the hole."""
        b = self.b

        def up(at: Num) -> tuple[Num, list[Num]]:
            above = b.div(b.sub(b.max(b.index(at), 1), 1), 2)
            parent = self._get(unit, above)
            moves = (at > 0) & self._larger(row, parent, place)
            with b.when(moves.v):
                self._put(unit, b.index(at), parent)
            return ~moves, [moves.where(b.of_index(above), at)]

        (end,) = b.until([b.of_index(hole)], up)
        self._put(unit, b.index(end), place)
