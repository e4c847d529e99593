"""Eigenvalues of symmetric matrices: reflections make the matrix tridiagonal, implicit QR steps with Wilkinson's
shift diagonal (Golub and Van Loan, "Matrix Computations", 8.3). Eigenvectors are rows while they are made."""

from __future__ import annotations

import math

from ...runtime.spec import boolean, i64
from ..ir.core import Value
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..target import Target
from .dialect_kern import Kernel
from .family import lowers
from .linalg_qr import reflection
from .linalg_rows import MatrixBuilder, sign_of

#: QR steps for each eigenvalue at most; two are usual
MOST_STEPS = 40


@lowers("self_adjoint_eig")
def lower_self_adjoint_eig(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, e, v?, work, vectors, below the diagonal, factors, a row, symbols…, lo, hi)`."""
    return _Eigen(kernel, target).function()


class _Eigen:
    def __init__(self, kernel: Kernel, target: Target) -> None:
        b = self.b = MatrixBuilder(kernel, target)
        self.x, self.e = b.stack(b.inputs[0]), b.stack(b.outputs[0], 1)
        self.with_vectors = bool(kernel.params["vectors"])
        self.v = b.stack(b.outputs[1]) if self.with_vectors else None
        work = b.outputs[2 if self.with_vectors else 1 :]
        self.a, self.q = b.stack(work[0]), b.stack(work[1])
        self.below, self.factors, self.line = (b.stack(w, 1) for w in work[2:])
        self.size = b.dim(kernel.inputs[0].shape[-1])
        self.last = b.sub(self.size, 1)

    def function(self) -> FuncOp:
        b = self.b
        with b.loop(b.lo, b.hi) as unit:
            u = unit.iv
            good = self._symmetric(u)
            self._tridiagonal(u)
            if self.with_vectors:
                self._vectors(u)
            with b.when(b.compare("sgt", self.size, 1)):
                self._diagonal(u)
                self._sort(u)
            with b.when((~good).v):
                with b.loop(0, self.size) as i:
                    b.put(b.number_of(math.nan), self.e, u, i.iv)
                b.fill_unit(self.q, u, self.size if self.with_vectors else 0, self.size)
            if self.v is not None:
                b.copy_transposed(self.q, self.v, u, self.size, self.size)
        return b.finish()

    def _symmetric(self, u: Value) -> Num:
        """The whole matrix from its lower triangle; whether that is finite."""
        b = self.b

        def row(i: Value, good: Num) -> list[Num]:
            def element(j: Value, good: Num) -> list[Num]:
                x = b.at(self.x, u, i, j)
                b.put(x, self.a, u, i, j)
                b.put(x, self.a, u, j, i)
                return [good & (abs(x) < math.inf)]

            return b.repeat(0, b.add(i, 1), [good], element)

        return b.repeat(0, self.size, [b.c(1, boolean)], row)[0]

    def _tridiagonal(self, u: Value) -> None:
        """Row i of `a` keeps the vector of reflection i from column i + 1 on, its first element being 1."""
        b, n, a, line = self.b, self.size, self.a, self.line
        with b.loop(0, self.last) as step:
            i, first = step.iv, b.add(step.iv, 1)
            tail = b.dot(a, (u, i), a, (u, i), b.add(i, 2), n)
            image, factor, divisor = reflection(b.at(a, u, i, first), tail)
            b.put(image, self.below, u, i)
            b.put(factor, self.factors, u, i)
            with b.when(factor.ne(0).v):
                with b.columns(first, n) as c:
                    b.put_row(b.row(a, u, i, c) / b.spread(divisor), a, u, i, c)
                b.put(b.number_of(1), a, u, i, first)
                with b.loop(first, n) as r:
                    b.put(factor * b.dot(a, (u, r.iv), a, (u, i), first, n), line, u, r.iv)
                half = factor * 0.5 * b.dot(line, (u,), a, (u, i), first, n)
                with b.columns(first, n) as c:
                    b.put_row(b.row(line, u, c) - b.spread(half) * b.row(a, u, i, c), line, u, c)
                with b.loop(first, n) as r:
                    p, q = b.spread(b.at(a, u, i, r.iv)), b.spread(b.at(line, u, r.iv))
                    with b.columns(first, n) as c:
                        change = p * b.row(line, u, c) + q * b.row(a, u, i, c)
                        b.put_row(b.row(a, u, r.iv, c) - change, a, u, r.iv, c)
        with b.loop(0, n) as k:
            b.put(b.at(a, u, k.iv, k.iv), self.e, u, k.iv)
            with b.when(b.compare("eq", k.iv, self.last)):
                b.put(b.number_of(0), self.below, u, k.iv)

    def _vectors(self, u: Value) -> None:
        """The product of the reflections, transposed."""
        b, n, a, q = self.b, self.size, self.a, self.q
        b.fill_unit(q, u, n, n)
        with b.loop(0, self.last) as step:
            i = b.idx(b.backwards(step.iv, self.last))
            factor, first = b.at(self.factors, u, i), b.add(i, 1)
            with b.when(factor.ne(0).v), b.loop(0, n) as r:
                part = b.spread(factor * b.dot(q, (u, r.iv), a, (u, i), first, n))
                with b.columns(first, n) as c:
                    b.put_row(b.row(q, u, r.iv, c) - part * b.row(a, u, i, c), q, u, r.iv, c)

    def _diagonal(self, u: Value) -> None:
        """QR steps on the last block that is not diagonal yet, until there is none."""
        b, e, below = self.b, self.e, self.below
        limit = b.mul(self.size, MOST_STEPS)

        def step(end: Num, count: Num) -> tuple[Num, list[Num]]:
            last = b.index(end)
            with b.loop(0, last) as j:
                near = abs(b.at(e, u, j.iv)) + abs(b.at(e, u, b.add(j.iv, 1)))
                x = b.at(below, u, j.iv)
                b.put((abs(x) <= near * b.epsilon).where(x.like(0), x), below, u, j.iv)

            def block() -> list[Num]:
                def cut(j: Value, start: Num) -> list[Num]:
                    return [b.at(below, u, b.sub(j, 1)).eq(0).where(b.of_index(j), start)]

                (start,) = b.repeat(1, last, [b.c(0, i64)], cut)
                self._qr_step(u, b.index(start), last)
                return [end]

            split = b.at(below, u, b.sub(last, 1)).eq(0)
            (following,) = b.either(split, lambda: [end - 1], block)
            stop = (following <= 0) | b.holds("sge", b.index(count), limit)
            return stop, [following, count + 1]

        b.until([b.of_index(self.last), b.c(0, i64)], step)

    def _qr_step(self, u: Value, start: Value, end: Value) -> None:
        b, e, below = self.b, self.e, self.below
        corner, off = b.at(e, u, end), b.at(below, u, b.sub(end, 1))
        half = (b.at(e, u, b.sub(end, 1)) - corner) * 0.5
        shift = corner - off * (off / (half + sign_of(half) * _hypot(half, off)))

        def chase(k: Value, x: Num, z: Num) -> list[Num]:
            following = b.add(k, 1)
            r = _hypot(x, z)
            still = r.eq(0)
            c, s = still.where(x.like(1), x / r), still.where(x.like(0), -z / r)
            p, o, q = b.at(e, u, k), b.at(below, u, k), b.at(e, u, following)
            cross = c * s * o * 2
            b.put(c * c * p - cross + s * s * q, e, u, k)
            b.put(s * s * p + cross + c * c * q, e, u, following)
            turned = c * s * (p - q) + (c * c - s * s) * o
            b.put(turned, below, u, k)
            with b.when(b.compare("sgt", k, start)):
                b.put(r, below, u, b.sub(k, 1))
            # behind the block's end there is a zero
            more = b.at(below, u, following)
            b.put(c * more, below, u, following)
            if self.with_vectors:
                b.rotate(self.q, u, k, following, c, s, self.size)
            return [turned, -s * more]

        b.repeat(start, end, [b.at(e, u, start) - shift, b.at(below, u, start)], chase)

    def _sort(self, u: Value) -> None:
        """Ascending, by exchanges."""
        b, e = self.b, self.e
        with b.loop(0, self.last) as i:

            def search(j: Value, best: Num, place: Num) -> list[Num]:
                x = b.at(e, u, j)
                less = x < best
                return [less.where(x, best), less.where(b.of_index(j), place)]

            mine = b.at(e, u, i.iv)
            best, place = b.repeat(b.add(i.iv, 1), self.size, [mine, b.of_index(i.iv)], search)
            chosen = b.index(place)
            b.put(mine, e, u, chosen)
            b.put(best, e, u, i.iv)
            if self.with_vectors:
                with b.when(b.compare("ne", chosen, i.iv)):
                    b.exchange(self.q, u, i.iv, chosen, self.size)


def _hypot(x: Num, y: Num) -> Num:
    """The root of x² + y², without overflow."""
    top = abs(x).max(abs(y))
    p, q = x / top, y / top
    return top.eq(0).where(top, top * (p * p + q * q).f("sqrt"))
