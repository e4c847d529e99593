"""Products of Winograd's small constant matrices with vectors, written with few operations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple, TypeVar

from ...runtime.spec import DType
from ..cost.winograd import Matrix, Transform, transform
from ..ir.core import Value
from . import dialect_arith as arith
from .build import LoopBuilder
from .family import zero_row

Vectors = Sequence[Value]
Row = tuple[float, ...]
T = TypeVar("T")


class Rows(NamedTuple):
    """A row of a product, by its number: the sum `even` of coefficients and positions. Or two rows that differ in signs
    alone: even + odd, and even - odd with the number `other`."""

    number: int
    even: list[tuple[float, int]]
    other: int | None = None
    odd: Sequence[tuple[float, int]] = ()


class Factor:
    """A constant matrix, and how vectors are multiplied with it: columns, then rows, that differ in signs alone share
    their sums and differences."""

    def __init__(self, matrix: Matrix) -> None:
        #: the matrix as numbers: equal fractions are equal numbers, and so are opposite ones but for the sign
        self.matrix: list[Row] = [tuple(map(float, row)) for row in matrix]
        #: vectors to combine, by number: x[i] alone, or with j x[i] + x[j] and x[i] - x[j]
        self.combined: list[tuple[int, int | None]] = []
        columns: list[Row] = []
        for i, j, first, second in _paired(list(zip(*self.matrix, strict=True))):
            self.combined.append((i, j))
            if j is None:
                columns.append(first)
                continue
            same = tuple(a if a == b else 0.0 for a, b in zip(first, second, strict=True))
            columns += [same, tuple(a - s for a, s in zip(first, same, strict=True))]
        self.rows: list[Rows] = []
        for i, j, first, second in _paired(list(zip(*columns, strict=True))):
            signs = list(enumerate(zip(first, second, strict=True)))
            even = ordered((a, k) for k, (a, b) in signs if a == b)
            odd = ordered((a, k) for k, (a, b) in signs if a != b)
            self.rows.append(Rows(i, even, j, odd))


def ordered(terms: Iterable[tuple[float, T]]) -> list[tuple[float, T]]:
    """The terms of a sum that are not 0, those with coefficient 1 first, so that the others are multiply-adds."""
    return sorted((t for t in terms if t[0]), key=lambda t: (t[0] != 1, t[0] != -1))


def _paired(lines: list[Row]) -> list[tuple[int, int | None, Row, Row]]:
    """The lines of a matrix, each with the next one that differs from it in signs alone, where there is one: numbers
    and lines; without one, twice the same line."""
    out: list[tuple[int, int | None, Row, Row]] = []
    left = list(range(len(lines)))
    while left:
        i = left.pop(0)
        other = next((j for j in left if _opposite(lines[i], lines[j])), None)
        if other is not None:
            left.remove(other)
        out.append((i, other, lines[i], lines[i if other is None else other]))
    return out


def _opposite(a: Row, b: Row) -> bool:
    """Whether two lines of a matrix are equal up to signs, some equal and some not."""
    if any(abs(x) != abs(y) for x, y in zip(a, b, strict=True)):
        return False
    return any(x == y != 0 for x, y in zip(a, b, strict=True)) and a != b


@cache
def factors(m: int, r: int) -> Transform[Factor]:
    """The matrices of F(m, r), ready to multiply with."""
    t = transform(m, r)
    return Transform(m, r, Factor(t.output), Factor(t.weights), Factor(t.input))


class Combiner:
    """Writes products of constant matrices with vectors."""

    def __init__(self, b: LoopBuilder, dtype: DType, width: int) -> None:
        self.b, self.dtype, self.width = b, dtype, width

    def _splat(self, c: float) -> Value:
        return self.b.splat(self.b.number(c, self.dtype), (self.width,))

    def _add(self, x: Value, y: Value) -> Value:
        return self.b(arith.FLOAT["addf"], x, y)

    def _sub(self, x: Value, y: Value) -> Value:
        return self.b(arith.FLOAT["subf"], x, y)

    def sum(self, terms: Sequence[tuple[float, Value]]) -> Value:
        """Σ c · x of terms as `ordered` gives them."""
        total: Value | None = None
        for c, x in terms:
            if total is None:
                total = x if c == 1 else self.b(arith.FLOAT["mulf"], x, self._splat(c))
            elif abs(c) == 1:
                total = self._add(total, x) if c == 1 else self._sub(total, x)
            else:
                total = self.b(arith.Fma, x, self._splat(c), total)
        return zero_row(self.b, self.width, self.dtype) if total is None else total

    def apply(self, factor: Factor, xs: Vectors) -> list[Value]:
        """The matrix times xs."""
        parts: list[Value] = []
        for i, j in factor.combined:
            parts += [xs[i]] if j is None else [self._add(xs[i], xs[j]), self._sub(xs[i], xs[j])]
        out: dict[int, Value] = {}
        for row in factor.rows:
            even = self.sum([(c, parts[k]) for c, k in row.even])
            if row.other is None:
                out[row.number] = even
                continue
            odd = self.sum([(c, parts[k]) for c, k in row.odd])
            out[row.number], out[row.other] = self._add(even, odd), self._sub(even, odd)
        return [out[i] for i in range(len(out))]

    def both_sides(self, left: Factor, xs: Sequence[Vectors], right: Factor) -> list[list[Value]]:
        """left · xs · rightᵀ, for xs by rows."""
        columns = [self.apply(left, [row[j] for row in xs]) for j in range(len(xs[0]))]
        return [self.apply(right, [column[i] for column in columns]) for i in range(len(left.matrix))]
