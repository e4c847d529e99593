"""Products of Winograd's small constant matrices with vectors, written with few operations."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ...runtime.spec import DType
from ..cost.winograd import Matrix
from ..ir.core import Value
from . import dialect_arith as arith
from .build import LoopBuilder
from .family import zero_row

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

    def both_sides(self, left: Matrix, xs: Sequence[Vectors], right: Matrix) -> list[list[Value]]:
        """left · xs · rightᵀ, for xs by rows."""
        columns = [self.apply(left, [row[j] for row in xs]) for j in range(len(xs[0]))]
        return [self.apply(right, [column[i] for column in columns]) for i in range(len(left))]


def _opposite(a: Sequence[Fraction], b: Sequence[Fraction]) -> bool:
    """Whether two lines of a matrix are equal up to signs, some equal and some not."""
    if [abs(x) for x in a] != [abs(x) for x in b]:
        return False
    return any(x == y != 0 for x, y in zip(a, b, strict=True)) and any(
        x != y for x, y in zip(a, b, strict=True)
    )
