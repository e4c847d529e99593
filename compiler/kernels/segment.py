"""Rows gathered into segments by number; counts of numbers. A unit of the former is up to 64 columns, of the latter
one row of counts: what is added to one place is added by one thread, in order."""

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
from .scalar import ScalarBuilder

#: columns of a unit
BLOCK = 64


@lowers("segment")
def lower_segment(kernel: Kernel, target: Target) -> FuncOp:
    """`(x[n, inner], ids[n], y[count, inner])`."""
    return _Segment(kernel, target).function()


class _Segment:
    def __init__(self, kernel: Kernel, target: Target) -> None:
        self.b = ScalarBuilder(kernel)
        self.p = kernel.params
        self.dtype: DType = self.p["dtype"]
        self.rows, self.inner = kernel.inputs[0].shape
        self.count = kernel.outputs[0].shape[0]
        self.width = 1 if self.inner == 1 else 2 * target.lanes

    def function(self) -> FuncOp:
        b = self.b
        inner = b.dim(self.inner)
        with b.loop(b.lo, b.hi) as unit:
            first = b.mul(unit.iv, BLOCK)
            last = b.min(b.add(first, BLOCK), inner)
            with b.loop(0, b.dim(self.count)) as k, b.loop(first, last, self.width) as column:
                self._write(self._constant(self.p["empty"]), k.iv, column.iv)
            with b.loop(0, b.dim(self.rows), 1, [b.c(0, i64).v, b.c(-1, i64).v]) as row:
                floor, before = (Num(b.scalars, v, i64) for v in row.carried)
                number = b.get(b.inputs[1], self.p["ids"], row.iv).to(i64)
                wrong = number >= b.of_index(b.dim(self.count))
                if self.p["sorted"]:
                    wrong = wrong | (number < floor)
                with b.when(wrong.v):
                    b.report(STATUS["INDEX"])
                used = ~(wrong | (number < 0))
                with b.when(used.v):
                    self._add(row.iv, b.index(number), number.ne(before), first, last)
                row.yielded = (used.where(number, floor).v, used.where(number, before).v)
        return b.finish()

    def _add(self, row: Index, segment: Index, fresh: Num, first: Index, last: Index) -> None:
        b = self.b
        with b.loop(first, last, self.width) as column:
            x, total = self._read(b.inputs[0], row, column.iv), self._read(b.outputs[0], segment, column.iv)
            combined = self._combine(total, x)
            if self.p["sorted"]:
                each = fresh.v if self.width == 1 else b.splat(fresh.v, (self.width,))
                combined = Num(b.scalars, each, boolean).where(x, combined)
            self._write(combined, segment, column.iv)

    def _combine(self, total: Num, x: Num) -> Num:
        kind = self.p["kind"]
        if kind in ("sum", "prod"):
            return total + x if kind == "sum" else total * x
        return (x < total).where(total, x) if kind == "max" else (total < x).where(total, x)

    def _constant(self, value: float) -> Num:
        b = self.b
        one = b.c(value, self.dtype)
        return one if self.width == 1 else Num(b.scalars, b.splat(one.v, (self.width,)), self.dtype)

    def _read(self, source: Value, row: Index, column: Index) -> Num:
        b = self.b
        if self.width == 1:
            return b.get(source, self.dtype, row, column)
        return Num(b.scalars, b.read(source, [row, column], (self.width,), (1,), False), self.dtype)

    def _write(self, x: Num, row: Index, column: Index) -> None:
        if self.width == 1:
            self.b.put(x, self.b.outputs[0], row, column)
        else:
            self.b.write(x.v, self.b.outputs[0], [row, column], (1,), False)


@lowers("bincount")
def lower_bincount(kernel: Kernel, target: Target) -> FuncOp:
    """`(x[b, n], weights[b, n]…, y[b, size])`."""
    b, p = ScalarBuilder(kernel), kernel.params
    dtype: DType = p["dtype"]
    size = b.dim(kernel.outputs[0].shape[1])
    with b.loop(b.lo, b.hi) as row:
        with b.loop(0, size) as k:
            b.put(b.c(0, dtype), b.outputs[0], row.iv, k.iv)
        with b.loop(0, b.dim(kernel.inputs[0].shape[1])) as i:
            raw = b.get(b.inputs[0], p["numbers"], row.iv, i.iv)
            if raw.dtype.kind == "i":
                with b.when((raw < 0).v):
                    b.report(STATUS["INDEX"])
            at = b.index(raw)
            with b.when(b.compare("ult", at, size)):
                one = (
                    b.c(1, dtype)
                    if len(b.inputs) == 1 or p["binary"]
                    else b.get(b.inputs[1], dtype, row.iv, i.iv)
                )
                total = one if p["binary"] else b.get(b.outputs[0], dtype, row.iv, at) + one
                b.put(total, b.outputs[0], row.iv, at)
    return b.finish()
