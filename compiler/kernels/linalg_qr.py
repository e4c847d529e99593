"""Householder's reflections (Golub and Van Loan, "Matrix Computations", 5.1 and 5.2)."""

from __future__ import annotations

from ..ir.core import Value
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..target import Target
from .build import Index
from .dialect_kern import Kernel
from .family import lowers
from .linalg_rows import MatrixBuilder


def reflection(head: Num, tail: Num) -> tuple[Num, Num, Num]:
    """For a vector with first element `head` and `tail` as the sum of the others' squares: the first element of
    its mirror image, the reflection's factor τ, and by what the other elements are divided. A vector without
    others stays: τ is 0."""
    still = tail.eq(0)
    norm = (head * head + tail).f("sqrt")
    image = still.where(head, (head >= 0).where(-norm, norm))
    factor = still.where(head.like(0), (image - head) / image)
    return image, factor, still.where(head.like(1), head - image)


@lowers("qr")
def lower_qr(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, q, r, work, factors, symbols…, lo, hi)`. `work` has r on and above the diagonal, and below it the
    reflections' vectors, whose first elements are 1."""
    b = MatrixBuilder(kernel, target)
    x, q, r, work = (b.stack(v) for v in (b.inputs[0], *b.outputs[:3]))
    factors = b.stack(b.outputs[3], 1)
    rows, columns = (b.dim(d) for d in kernel.inputs[0].shape[-2:])
    wide = b.dim(kernel.outputs[0].shape[-1])
    count = b.min(rows, columns)

    def reflect(u: Value, k: Index, on: Value, first: Index, end: Index) -> None:
        """Applies reflection k to the columns of a matrix."""
        factor, below = b.spread(b.at(factors, u, k)), b.add(k, 1)
        with b.columns(first, end) as c:
            top = b.row(on, u, k, c)

            def collect(i: Value, sum: Num) -> list[Num]:
                return [sum + b.spread(b.at(work, u, i, k)) * b.row(on, u, i, c)]

            scaled = b.repeat(below, rows, [top], collect)[0] * factor
            b.put_row(top - scaled, on, u, k, c)
            with b.loop(below, rows) as i:
                rest = b.row(on, u, i.iv, c) - b.spread(b.at(work, u, i.iv, k)) * scaled
                b.put_row(rest, on, u, i.iv, c)

    with b.loop(b.lo, b.hi) as unit:
        u = unit.iv
        b.copy_rows(x, work, u, rows, columns)
        with b.loop(0, count) as step:
            k = step.iv
            below = b.add(k, 1)

            def squares(i: Value, sum: Num, k: Value = k) -> list[Num]:
                a = b.at(work, u, i, k)
                return [sum + a * a]

            (tail,) = b.repeat(below, rows, [b.number_of(0)], squares)
            image, factor, divisor = reflection(b.at(work, u, k, k), tail)
            b.put(factor, factors, u, k)
            b.put(image, work, u, k, k)
            with b.when(factor.ne(0).v):
                with b.loop(below, rows) as i:
                    b.put(b.at(work, u, i.iv, k) / divisor, work, u, i.iv, k)
                reflect(u, k, work, below, columns)
        b.fill_unit(q, u, rows, wide)
        with b.loop(0, count) as step:
            k = b.backwards(step.iv, count)
            with b.when(b.at(factors, u, k).ne(0).v):
                reflect(u, k, q, 0, wide)
        with b.loop(0, wide) as i, b.loop(0, columns) as j:
            above = b.holds("sge", j.iv, i.iv)
            b.put(above.where(b.at(work, u, i.iv, j.iv), 0.0), r, u, i.iv, j.iv)
    return b.finish()
