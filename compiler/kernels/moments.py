"""Mean and variance of the same numbers: over a part that stays in the cache the mean first, then sums of differences
from it and of their squares, so that numbers far from 0 lose nothing. What is left of the sum of differences corrects
both (Chan, Golub and LeVeque: Algorithms for Computing the Sample Variance, 1983).

Moments of parts, which params["rows"] makes as for reductions, are put together by a kernel of its own: the squares
of parts, and those of the distances between their means.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from ...runtime.spec import i64
from ..ir.core import Value
from ..ir.types import MemRefType, ScalarType, VectorType
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_arith as arith
from .build import Index
from .dialect_kern import Kernel
from .family import KernelBuilder, lowers
from .reduce import Reducer
from .reductions import COLUMNS, ReductionLowering


@lowers("moments")
def lower_moments(kernel: Kernel, target: Target) -> FuncOp:
    return _MomentsLowering(kernel, target).function()


@lowers("moments_of_parts")
def lower_moments_of_parts(kernel: Kernel, target: Target) -> FuncOp:
    return _Joining(kernel, target).function()


class _MomentsLowering(ReductionLowering):
    """Means, and variances; of parts sums of squares in place of variances."""

    def __init__(self, kernel: Kernel, target: Target) -> None:
        super().__init__(kernel, target)
        self.shift: Value | None = None

    def _values(self, at: list[Index], width: int, inside: bool, fixed: dict[int, Value]) -> list[Value]:
        x = self._read(self.inputs[0], at, width, inside)
        if self.shift is None:
            return [x]
        shift = self.shift
        if not isinstance(shift.type, VectorType):
            shift = self.b.splat(shift, (width,))
        away = self.b(arith.FLOAT["subf"], x, shift)
        return [away, self.b(arith.FLOAT["mulf"], away, away)]

    def _columns(
        self, where: list[Index], outer: list[Index], column: Index, width: int, inside: bool, lo: Index, hi: Index
    ) -> None:  # fmt: skip
        place = [*where, *outer, column]
        found = self._moments(lo, hi, lambda: self._column_totals(outer, column, width, inside, lo, hi))
        for v, out in zip(found, self.outputs, strict=True):
            self.b.write(v, out, place, (len(place) - 1,), inside)

    def _along(self, where: list[Index], outer: list[Index], lo: Index, hi: Index) -> None:
        found = self._moments(lo, hi, lambda: self._row_totals(outer, lo, hi))
        for v, out in zip(found, self.outputs, strict=True):
            self.b.store(v, out, *([*where, *outer] or [0]))

    def _moments(self, lo: Index, hi: Index, totals: Callable[[], list[Value]]) -> tuple[Value, Value]:
        b = self.b
        sums = [Reducer("sum", self.dtype) for _ in range(2)]
        self.shift, self.reducers = None, sums[:1]
        (total,) = totals()
        count = self._count(lo, hi)
        shape = getattr(total.type, "shape", None)
        count = b.splat(count, shape) if shape else count
        mean = b(arith.FLOAT["divf"], total, count)
        self.shift, self.reducers = mean, sums
        away, squares = totals()
        rest = b(arith.FLOAT["divf"], away, count)
        squares = b(arith.FLOAT["subf"], squares, b(arith.FLOAT["mulf"], away, rest))
        zero = b.number(0.0, self.dtype)
        squares = b(arith.FLOAT["maximumf"], squares, b.splat(zero, shape) if shape else zero)
        second = squares if self.rows else b(arith.FLOAT["divf"], squares, count)
        # an infinite mean stays: its distance from infinities is no number
        exact = b(arith.FLOAT["addf"], mean, rest)
        return b(arith.SelectOp, b(arith.CmpF, rest, rest, predicate="oeq"), exact, mean), second

    def _count(self, lo: Index, hi: Index) -> Value:
        """How many numbers a unit takes."""
        b, space = self.b, self.space
        others = self.divisor // space.sizes[space.first]
        whole = b(
            arith.CONVERSIONS["index_cast"],
            b.idx(b.mul(b.sub(hi, lo), others)),
            result_types=[ScalarType(i64)],
        )
        return b(arith.CONVERSIONS["sitofp"], whole, result_types=[ScalarType(self.dtype)])


class _Joining:
    """Means and sums of squares [parts, kept] to mean and variance [kept]; all parts but the last are of
    params["each"] numbers, all together of params["count"]."""

    def __init__(self, kernel: Kernel, target: Target) -> None:
        self.b = b = KernelBuilder(kernel)
        p: dict[str, Any] = kernel.params
        t: MemRefType = kernel.inputs[0]
        self.parts, self.kept = int(t.shape[0]), prod(int(d) for d in t.shape[1:])  # type: ignore[arg-type]
        self.each, self.count = p["each"], p["count"]
        self.dtype = t.dtype
        self.lanes = target.vector_bytes // t.dtype.size
        self.inputs = [b.reinterpret(v, (self.parts, self.kept), (self.kept, 1)) for v in b.inputs]
        self.outputs = [b.reinterpret(v, (self.kept,), (1,)) for v in b.outputs]

    def function(self) -> FuncOp:
        b = self.b
        with b.loop(b.lo, b.hi) as unit:
            first = b.mul(unit.iv, COLUMNS)
            with b.loop(first, b.min(b.add(first, COLUMNS), self.kept), self.lanes) as column:
                self._columns(column.iv)
        return b.finish()

    def _columns(self, column: Index) -> None:
        b = self.b
        origin = self._read(0, 0, column)
        zero = self._splat(0.0)

        def over_parts(step: Callable[[Index, float, Value], Value]) -> Value:
            with b.loop(0, self.parts - 1, 1, [zero]) as loop:
                loop.yielded = (step(loop.iv, float(self.each), loop.carried[0]),)
            last = self.count - (self.parts - 1) * self.each
            return step(self.parts - 1, float(last), loop.results[0])

        def distance(part: Index, size: float, acc: Value) -> Value:
            away = self._sub(self._read(0, part, column), origin)
            return b(arith.FLOAT["addf"], acc, self._mul(away, self._splat(size / self.count)))

        def plain(part: Index, size: float, acc: Value) -> Value:
            return b(
                arith.FLOAT["addf"],
                acc,
                self._mul(self._read(0, part, column), self._splat(size / self.count)),
            )

        mean = b(arith.FLOAT["addf"], origin, over_parts(distance))
        mean = b(arith.SelectOp, b(arith.CmpF, mean, mean, predicate="oeq"), mean, over_parts(plain))

        def spread(part: Index, size: float, acc: Value) -> Value:
            away = self._sub(self._read(0, part, column), mean)
            square = self._mul(self._mul(away, away), self._splat(size / self.count))
            own = self._mul(self._read(1, part, column), self._splat(1.0 / self.count))
            return b(arith.FLOAT["addf"], acc, b(arith.FLOAT["addf"], square, own))

        for v, out in zip((mean, over_parts(spread)), self.outputs, strict=True):
            b.write(v, out, [column], (0,), False)

    def _read(self, i: int, part: Index, column: Index) -> Value:
        return self.b.read(self.inputs[i], [part, column], (self.lanes,), (1,), False)

    def _splat(self, x: float) -> Value:
        return self.b.splat(self.b.number(x, self.dtype), (self.lanes,))

    def _sub(self, x: Value, y: Value) -> Value:
        return self.b(arith.FLOAT["subf"], x, y)

    def _mul(self, x: Value, y: Value) -> Value:
        return self.b(arith.FLOAT["mulf"], x, y)
