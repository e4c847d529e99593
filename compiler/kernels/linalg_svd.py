"""Singular values by one-sided Jacobi rotations (Hestenes 1958; Golub and Van Loan, "Matrix Computations", 8.6.3).

The columns of the matrix, or its rows where there are fewer, are kept as rows of `left`; rotations of pairs make
them orthogonal, and are collected in `right`. Their lengths are then the singular values.
"""

from __future__ import annotations

import math

from ...runtime.spec import boolean, i64
from ..ir.core import Value
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..target import Target
from .build import Index
from .dialect_kern import Kernel
from .family import lowers
from .linalg_rows import MatrixBuilder, sign_of

#: rounds over all pairs at most; ten are usual
MOST_SWEEPS = 60
#: what counts as orthogonal: so many units in the last place of the rows' lengths
SLACK = 32
#: singular values below it, of a matrix whose largest element is 1, have no direction
NOTHING = {"f32": 1e-17, "f64": 1e-140}


@lowers("svd")
def lower_svd(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, s, u and v?, left, right, symbols…, lo, hi)`."""
    return _Svd(kernel, target).function()


class _Svd:
    def __init__(self, kernel: Kernel, target: Target) -> None:
        b = self.b = MatrixBuilder(kernel, target)
        self.x, self.s = b.stack(b.inputs[0]), b.stack(b.outputs[0], 1)
        self.results = [b.stack(v) for v in b.outputs[1:-2]]
        self.left, self.right = b.stack(b.outputs[-2]), b.stack(b.outputs[-1])
        self.shapes = [kernel.outputs[i].shape[-2:] for i in range(1, 1 + len(self.results))]
        self.rows, self.columns = (b.dim(d) for d in kernel.inputs[0].shape[-2:])
        work = kernel.outputs[-2].shape
        self.length, self.kept = b.dim(work[-1]), b.dim(work[-2])
        self.count = b.dim(kernel.outputs[0].shape[-1])
        self.tall = b.compare("sge", self.rows, self.columns)

    def function(self) -> FuncOp:
        b = self.b
        with b.loop(b.lo, b.hi) as unit:
            u = unit.iv
            top = self._load(u)
            b.fill_unit(self.right, u, self.count, self.count)
            b.until([b.c(0, i64)], lambda sweep: self._sweep(u, sweep))
            with b.loop(0, self.count) as i:
                length = b.dot(self.left, (u, i.iv), self.left, (u, i.iv), 0, self.length).f("sqrt")
                b.put(length, self.s, u, i.iv)
            self._sort(u)
            if self.results:
                self._complete(u)
            self._store(u, top)
        return b.finish()

    def _load(self, u: Value) -> Num:
        """The rows to be made orthogonal, by the largest element; that one, or 1 if all are 0."""
        b = self.b

        def element(i: Value, j: Value, top: Num) -> list[Num]:
            return [top.max(abs(b.at(self.x, u, i, j)))]

        (top,) = b.repeat(
            0,
            self.rows,
            [b.number_of(0)],
            lambda i, top: b.repeat(0, self.columns, [top], lambda j, top: element(i, j, top)),
        )
        top = top.eq(0).where(top.like(1), top)
        with b.when(self.tall):
            b.copy_transposed(self.x, self.left, u, self.columns, self.rows)
        with b.when(b.compare("slt", self.rows, self.columns)):
            b.copy_rows(self.x, self.left, u, self.rows, self.columns)
        with b.loop(0, self.count) as i, b.columns(0, self.length) as c:
            b.put_row(b.row(self.left, u, i.iv, c) / b.spread(top), self.left, u, i.iv, c)
        return top

    def _sweep(self, u: Value, sweep: Num) -> tuple[Num, list[Num]]:
        """One rotation of every pair that is not orthogonal; whether there was none, or it has been enough."""
        b = self.b

        def pair(p: Value, q: Value, changed: Num) -> list[Num]:
            lengths = [b.dot(self.left, (u, i), self.left, (u, i), 0, self.length) for i in (p, q)]
            product = b.dot(self.left, (u, p), self.left, (u, q), 0, self.length)
            bound = lengths[0].f("sqrt") * lengths[1].f("sqrt") * (SLACK * b.epsilon)
            skew = abs(product) > bound
            with b.when(skew.v):
                z = (lengths[1] - lengths[0]) / (product * 2)
                t = sign_of(z) / (abs(z) + (z * z + 1).f("sqrt"))
                c = 1 / (t * t + 1).f("sqrt")
                b.rotate(self.left, u, p, q, c, c * t, self.length)
                b.rotate(self.right, u, p, q, c, c * t, self.count)
            return [changed | skew]

        def row(p: Value, changed: Num) -> list[Num]:
            return b.repeat(b.add(p, 1), self.count, [changed], lambda q, c: pair(p, q, c))

        (changed,) = b.repeat(0, self.count, [b.c(0, boolean)], row)
        return ~changed | (sweep >= MOST_SWEEPS - 1), [sweep + 1]

    def _sort(self, u: Value) -> None:
        """Descending, by exchanges."""
        b, s = self.b, self.s
        with b.loop(0, self.count) as i:

            def search(j: Value, best: Num, place: Num) -> list[Num]:
                x = b.at(s, u, j)
                more = x > best
                return [more.where(x, best), more.where(b.of_index(j), place)]

            mine = b.at(s, u, i.iv)
            best, place = b.repeat(b.add(i.iv, 1), self.count, [mine, b.of_index(i.iv)], search)
            chosen = b.index(place)
            b.put(mine, s, u, chosen)
            b.put(best, s, u, i.iv)
            with b.when(b.compare("ne", chosen, i.iv)):
                b.exchange(self.left, u, i.iv, chosen, self.length)
                b.exchange(self.right, u, i.iv, chosen, self.count)

    def _complete(self, u: Value) -> None:
        """Rows of `left` get length 1. One that has no direction, or is wanted beyond the singular values, becomes
        what is left of a unit vector: of the one that the rows above it cover least."""
        b, left = self.b, self.left
        with b.loop(0, self.kept) as row:
            j = row.iv
            exists = b.holds("slt", j, self.count)
            length = b.either(exists, lambda: [b.at(self.s, u, j)], lambda: [b.number_of(0)])[0]
            lost = length <= NOTHING[b.dtype.name]
            with b.when(lost.v):
                self._unit_vector(u, j)
                for _ in range(2):  # once more, for what rounding has left
                    with b.loop(0, j) as i:
                        part = b.spread(b.dot(left, (u, j), left, (u, i.iv), 0, self.length))
                        with b.columns(0, self.length) as c:
                            rest = b.row(left, u, j, c) - part * b.row(left, u, i.iv, c)
                            b.put_row(rest, left, u, j, c)
            norm = b.dot(left, (u, j), left, (u, j), 0, self.length).f("sqrt")
            with b.columns(0, self.length) as c:
                b.put_row(b.row(left, u, j, c) / b.spread(norm), left, u, j, c)

    def _unit_vector(self, u: Value, j: Value) -> None:
        b, left = self.b, self.left

        def search(c: Value, best: Num, place: Num) -> list[Num]:
            def cover(i: Value, sum: Num) -> list[Num]:
                x = b.at(left, u, i, c)
                return [sum + x * x]

            (covered,) = b.repeat(0, j, [b.number_of(0)], cover)
            less = covered < best
            return [less.where(covered, best), less.where(b.of_index(c), place)]

        _, place = b.repeat(0, self.length, [b.number_of(math.inf), b.c(0, i64)], search)
        with b.columns(0, self.length) as c:
            b.put_row(b.spread(b.number_of(0)), left, u, j, c)
        b.put(b.number_of(1), left, u, j, b.index(place))

    def _store(self, u: Value, top: Num) -> None:
        """Singular values in the matrix's measure, vectors as columns; NaN everywhere if an element was not finite."""
        b = self.b
        wrong = top - top  # 0, or NaN
        with b.loop(0, self.count) as i:
            b.put(b.at(self.s, u, i.iv) * top + wrong, self.s, u, i.iv)
        if not self.results:
            return
        wide = b.compare("slt", self.rows, self.columns)
        for condition, sources in ((self.tall, (self.left, self.right)), (wide, (self.right, self.left))):
            with b.when(condition):
                for source, out, shape in zip(sources, self.results, self.shapes, strict=True):
                    rows, columns = (b.dim(d) for d in shape)
                    self._store_columns(u, source, out, rows, columns, wrong)

    def _store_columns(
        self, u: Value, source: Value, out: Value, rows: Index, columns: Index, wrong: Num
    ) -> None:
        b = self.b
        with b.loop(0, rows) as i, b.loop(0, columns) as j:
            b.put(b.at(source, u, j.iv, i.iv) + wrong, out, u, i.iv, j.iv)
