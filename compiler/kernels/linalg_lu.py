"""Gauss's elimination with partial pivoting, and what follows from it: factors, solutions, inverses, determinants."""

from __future__ import annotations

from ...runtime.abi import STATUS
from ...runtime.spec import DType, boolean, i64
from ..ir.core import Value
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..target import Target
from .build import Index
from .dialect_kern import Kernel
from .family import lowers
from .linalg_rows import MatrixBuilder, sign_of


def _factor(
    b: MatrixBuilder, a: Value, unit: Index, size: Index, order: Value | None = None, index: DType = i64
) -> tuple[Num, Num]:
    """Replaces a matrix by its factors, with its rows' order in `order`. The permutation's sign, and whether a
    pivot is zero."""
    if order is not None:
        with b.loop(0, size) as i:
            b.put(b.of_index(i.iv, index), order, unit, i.iv)

    def column(k: Value, sign: Num, singular: Num) -> list[Num]:
        def search(i: Value, best: Num, place: Num) -> list[Num]:
            found = abs(b.at(a, unit, i, k))
            larger = found > best
            return [larger.where(found, best), larger.where(b.of_index(i), place)]

        following = b.add(k, 1)
        _, place = b.repeat(following, size, [abs(b.at(a, unit, k, k)), b.of_index(k)], search)
        chosen = b.index(place)
        moved = b.holds("ne", chosen, k)
        with b.when(moved.v):
            b.exchange(a, unit, k, chosen, size)
            if order is not None:
                x, y = (b.get(order, index, unit, i) for i in (k, chosen))
                b.put(y, order, unit, k)
                b.put(x, order, unit, chosen)
        pivot = b.at(a, unit, k, k)
        zero = pivot.eq(0)
        with b.loop(following, size) as i:
            below = b.at(a, unit, i.iv, k)
            below = zero.where(below, below / pivot)
            b.put(below, a, unit, i.iv, k)
            factor = b.spread(below)
            with b.columns(following, size) as c:
                b.put_row(b.row(a, unit, i.iv, c) - factor * b.row(a, unit, k, c), a, unit, i.iv, c)
        return [moved.where(-sign, sign), singular | zero]

    sign, singular = b.repeat(0, size, [b.number_of(1), b.c(0, boolean)], column)
    return sign, singular


@lowers("lu")
def lower_lu(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, factors, order, error, symbols…, site, lo, hi)`."""
    b = MatrixBuilder(kernel, target)
    x, y, order = b.stack(b.inputs[0]), b.stack(b.outputs[0]), b.stack(b.outputs[1], 1)
    size = b.dim(kernel.inputs[0].shape[-1])
    with b.loop(b.lo, b.hi) as unit:
        b.copy_rows(x, y, unit.iv, size, size)
        _, singular = _factor(b, y, unit.iv, size, order, kernel.params["index"])
        with b.when(singular.v):
            b.report(STATUS["ARITH"])
    return b.finish()


@lowers("solve")
def lower_solve(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, right sides?, result, factors, order, error, symbols…, site, lo, hi)`; without right sides the inverse."""
    b = MatrixBuilder(kernel, target)
    x, y, lu = b.stack(b.inputs[0]), b.stack(b.outputs[0]), b.stack(b.outputs[1])
    order = b.stack(b.outputs[2], 1)
    size, columns = (b.dim(d) for d in kernel.outputs[0].shape[-2:])
    with b.loop(b.lo, b.hi) as unit:
        u = unit.iv
        b.copy_rows(x, lu, u, size, size)
        _, singular = _factor(b, lu, u, size, order)
        with b.when(singular.v):
            b.report(STATUS["ARITH"])
        with b.loop(0, size) as i:
            # the order is our own: its numbers are rows
            source = b.index(b.get(order, i64, u, i.iv))
            with b.columns(0, columns) as c:
                if len(b.inputs) > 1:
                    b.put_row(b.row(b.stack(b.inputs[1]), u, source, c), y, u, i.iv, c)
                else:
                    b.put_row(b.spread(b.number_of(0)), y, u, i.iv, c)
            if len(b.inputs) == 1:
                b.put(b.number_of(1), y, u, i.iv, source)
        b.substitute(lu, y, u, size, columns, lower=True, one=True)
        b.substitute(lu, y, u, size, columns, lower=False)
    return b.finish()


@lowers("determinant")
def lower_determinant(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, determinant, or sign and logarithm, factors, symbols…, lo, hi)`."""
    b = MatrixBuilder(kernel, target)
    x, lu = b.stack(b.inputs[0]), b.stack(b.outputs[-1])
    results = [b.stack(v, 0) for v in b.outputs[:-1]]
    size = b.dim(kernel.inputs[0].shape[-1])
    log = len(results) == 2

    def step(i: Value, *state: Num) -> list[Num]:
        d = b.at(lu, unit.iv, i, i)
        if not log:
            return [state[0] * d]
        sign = d.eq(0).where(d, d.ne(d).where(d, sign_of(d)))
        return [state[0] * sign, state[1] + abs(d).f("log")]

    with b.loop(b.lo, b.hi) as unit:
        b.copy_rows(x, lu, unit.iv, size, size)
        sign, _ = _factor(b, lu, unit.iv, size)
        start = [sign, b.number_of(0)] if log else [sign]
        for value, out in zip(b.repeat(0, size, start, step), results, strict=True):
            b.put(value, out, unit.iv)
    return b.finish()
