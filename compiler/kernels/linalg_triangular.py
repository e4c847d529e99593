"""Triangular systems and Cholesky's factor."""

from __future__ import annotations

import math

from ...runtime.spec import boolean
from ..ir.core import Value
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..target import Target
from .dialect_kern import Kernel
from .family import lowers
from .linalg_rows import MatrixBuilder


@lowers("triangular_solve")
def lower_triangular_solve(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, right sides, result, symbols…, lo, hi)`."""
    b = MatrixBuilder(kernel, target)
    x, rhs, y = b.stack(b.inputs[0]), b.stack(b.inputs[1]), b.stack(b.outputs[0])
    size, columns = (b.dim(d) for d in kernel.outputs[0].shape[-2:])
    with b.loop(b.lo, b.hi) as unit:
        b.copy_rows(rhs, y, unit.iv, size, columns)
        b.substitute(x, y, unit.iv, size, columns, kernel.params["lower"])
    return b.finish()


@lowers("cholesky")
def lower_cholesky(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, result, symbols…, lo, hi)`. Row by row; a row is zero from the column on that is being made, so that the
    products of rows may run over whole vectors."""
    b = MatrixBuilder(kernel, target)
    x, y = b.stack(b.inputs[0]), b.stack(b.outputs[0])
    size = b.dim(kernel.outputs[0].shape[-1])

    def row(i: Value, wrong: Num) -> list[Num]:
        with b.columns(0, size) as c:
            b.put_row(b.spread(b.number_of(0)), y, u, i, c)
        with b.loop(0, i) as j:
            rest = b.at(x, u, i, j.iv) - b.dot(y, (u, i), y, (u, j.iv), 0, j.iv)
            b.put(rest / b.at(y, u, j.iv, j.iv), y, u, i, j.iv)
        rest = b.at(x, u, i, i) - b.dot(y, (u, i), y, (u, i), 0, i)
        b.put(rest.f("sqrt"), y, u, i, i)
        return [wrong | (rest <= 0)]

    with b.loop(b.lo, b.hi) as unit:
        u = unit.iv
        (wrong,) = b.repeat(0, size, [b.c(0, boolean)], row)
        with b.when(wrong.v), b.loop(0, size) as i, b.loop(0, b.add(i.iv, 1)) as j:
            b.put(b.number_of(math.nan), y, u, i.iv, j.iv)
    return b.finish()
