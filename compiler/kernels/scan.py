"""Running totals along an axis, and binary search in sorted rows.

A unit of a running total is up to 64 elements beside each other across the axis, or one row along the last axis.
"""

from __future__ import annotations

import math

from ...runtime.spec import DType, i64
from ..ir.core import Value
from ..ir.types import MemRefType
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..target import Target
from .build import Index
from .dialect_kern import Kernel
from .family import lowers
from .scalar import ScalarBuilder

#: elements of a unit
BLOCK = 64
_START = {"sum": 0.0, "prod": 1.0, "log_sum_exp": -math.inf}


@lowers("cumulative")
def lower_cumulative(kernel: Kernel, target: Target) -> FuncOp:
    """`(x[outer, k, inner], y[outer, k, inner])`."""
    b, p = ScalarBuilder(kernel), kernel.params
    dtype: DType = p["dtype"]
    outer, size, inner = kernel.inputs[0].shape
    count, width, s = b.dim(size), 2 * target.lanes, b.scalars
    start = b.c(_START[p["kind"]], dtype).v

    def run(x: Value, y: Value, at: Index, column: Index | None) -> None:
        initial = start if column is None else b.splat(start, (width,))
        with b.loop(0, count, 1, [initial]) as loop:
            k = b.sub(b.sub(count, 1), loop.iv) if p["reverse"] else loop.iv
            where = [at, k] if column is None else [at, k, column]
            v = b.load(x, *where) if column is None else b.read(x, where, (width,), (2,), False)
            total = Num(s, loop.carried[0], dtype)
            after = _step(p["kind"], total, Num(s, v, dtype))
            out = total if p["exclusive"] else after
            if column is None:
                b.store(out.v, y, *where)
            else:
                b.write(out.v, y, where, (2,), False)
            loop.yielded = (after.v,)

    if inner == 1:
        flat = (outer, size)
        strides = MemRefType(flat, kernel.inputs[0].dtype).element_strides
        x, y = (b.reinterpret(v, flat, strides) for v in (b.inputs[0], b.outputs[0]))
        with b.loop(b.lo, b.hi) as unit:
            run(x, y, unit.iv, None)
        return b.finish()
    chunks = b.div(b.add(b.dim(inner), BLOCK - 1), BLOCK)
    with b.loop(b.lo, b.hi) as unit:
        at, first = b.div(unit.iv, chunks), b.mul(b.rem(unit.iv, chunks), BLOCK)
        with b.loop(first, b.min(b.add(first, BLOCK), b.dim(inner)), width) as columns:
            run(b.inputs[0], b.outputs[0], at, columns.iv)
    return b.finish()


def _step(kind: str, total: Num, x: Num) -> Num:
    if kind == "sum":
        return total + x
    if kind == "prod":
        return total * x
    low, high = total.min(x), total.max(x)
    return low.eq(-math.inf).where(high, high + (low - high).f("exp").f("log1p"))


@lowers("search_sorted")
def lower_search_sorted(kernel: Kernel, target: Target) -> FuncOp:
    """`(sorted[b, n], values[b, m], y[b, m])`; a value is a unit."""
    b, p = ScalarBuilder(kernel), kernel.params
    dtype: DType = p["dtype"]
    count, columns = b.dim(kernel.inputs[0].shape[1]), b.dim(kernel.inputs[1].shape[1])
    with b.loop(b.lo, b.hi) as unit:
        row, column = b.div(unit.iv, columns), b.rem(unit.iv, columns)
        v = b.get(b.inputs[1], dtype, row, column)

        def halve(_: Value, low: Num, high: Num, v: Num = v, row: Index = row) -> list[Num]:
            """Elements below `low` go before the value, those from `high` on behind it."""
            middle = (low + high).op("shr", 1)
            at = b.index(middle.min(b.of_index(b.sub(count, 1))))
            a = b.get(b.inputs[0], dtype, row, at)
            before = ~(v < a) if p["upper"] else a < v
            open_ = low < high
            return [(open_ & before).where(middle + 1, low), (open_ & ~before).where(middle, high)]

        found = b.either(
            b.holds("eq", count, 0),
            lambda: [b.c(0, i64)],
            lambda: b.repeat(0, p["rounds"], [b.c(0, i64), b.of_index(count)], halve)[:1],
        )
        b.put(found[0].to(p["index"]), b.outputs[0], row, column)
    return b.finish()
