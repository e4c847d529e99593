"""Products of rows with one vector: a matrix by a column, or a row by a matrix that is transposed.

Both operands are dense along the summed dimension, so that vectors run along it; several rows at a time share the
vector's loads. The sum of a row has the same order whatever the split.
"""

from __future__ import annotations

from ..ir.core import Value
from ..ir.dims import Dim
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_arith as arith
from . import dialect_memory as mem
from .build import Index
from .dialect_kern import Kernel
from .family import KernelBuilder, lowers

#: rows of a unit of the parallel range
BLOCK = 64
#: rows that are summed at a time
TOGETHER = 4


@lowers("matvec")
def lower_matvec(kernel: Kernel, target: Target) -> FuncOp:
    """`(a, v, extras…, y, sums?, symbols…, lo, hi)` with a[batch…, R, K] and v[batch…, K]; R is y's axis
    params["axis"], of its last two, and the other one is 1. A unit is a block of rows."""
    return _MatVec(kernel, target).function()


class _MatVec:
    def __init__(self, kernel: Kernel, target: Target) -> None:
        b = self.b = KernelBuilder(kernel)
        self.a, self.v, self.y = b.inputs[0], b.inputs[1], b.outputs[0]
        self.sums = b.outputs[-1]
        self.shape = mem.memref(self.y).shape
        self.axis: int = kernel.params["axis"]
        self.rows = b.dim(self.shape[self.axis])
        self.depth = b.dim(mem.memref(self.a).shape[-1])
        self.dtype = mem.memref(self.a).dtype
        self.width = (4 if target.registers >= 32 else 2) * target.lanes
        self.has_body = bool(kernel.regions)

    def function(self) -> FuncOp:
        b = self.b
        blocks = b.div(b.add(self.rows, BLOCK - 1), BLOCK)
        with b.loop(b.lo, b.hi) as unit:
            lead = b.unravel(b.div(unit.iv, blocks), self.shape[:-2])
            lo = b.mul(b.rem(unit.iv, blocks), BLOCK)
            hi = b.min(b.add(lo, BLOCK), self.rows)
            whole = b.add(lo, b.mul(b.div(b.sub(hi, lo), TOGETHER), TOGETHER))
            with b.loop(lo, whole, TOGETHER) as row:
                self._sums(lead, row.iv, TOGETHER)
            with b.loop(whole, hi) as row:
                self._sums(lead, row.iv, 1)
            if self.has_body:
                with b.loop(lo, hi, self._step()) as row:
                    self._finish(lead, row.iv)
        return b.finish()

    def _step(self) -> int:
        return min(self.width, BLOCK)

    def _batch(self, operand: Value, lead: list[Index], own: int) -> list[Index]:
        """The batch indices of an operand with `own` dimensions beside them; its sizes 1 repeat."""
        shape: tuple[Dim, ...] = mem.memref(operand).shape
        shape = shape[: len(shape) - own]
        return [0 if d == 1 else i for d, i in zip(shape, lead[len(lead) - len(shape) :], strict=True)]

    def _where(self, lead: list[Index], row: Index) -> list[Index]:
        return [*lead, row, 0] if self.axis == -2 else [*lead, 0, row]

    def _sums(self, lead: list[Index], row: Index, count: int) -> None:
        """Some rows' sums."""
        b, width = self.b, self.width
        a_lead, v_lead = self._batch(self.a, lead, 2), self._batch(self.v, lead, 1)
        axes = (len(a_lead), len(a_lead) + 1)
        start = b.splat(b.number(0.0 if self.dtype.is_float else 0, self.dtype), (count, width))
        whole = b.mul(b.div(self.depth, width), width)

        def step(k: Index, acc: Value, inside: bool) -> Value:
            rows = b.read(self.a, [*a_lead, row, k], (count, width), axes, inside)
            other = b.read(self.v, [*v_lead, k], (width,), (len(v_lead),), inside)
            return _multiply_add(b, rows, b.splat(other, (count, width)), acc, self.dtype.is_float)

        with b.loop(0, whole, width, [start]) as k:
            k.yielded = (step(k.iv, k.carried[0], True),)
        with b.loop(whole, self.depth, width, [k.results[0]]) as tail:
            tail.yielded = (step(tail.iv, tail.carried[0], False),)
        for i in range(count):
            line = b(mem.VectorExtract, tail.results[0], position=(i,))
            b.store(b(mem.Reduction, line, kind="add"), self.sums, *self._where(lead, b.add(row, i)))

    def _finish(self, lead: list[Index], row: Index) -> None:
        """The steps that follow, on a vector of results; blocks begin at multiples of it."""
        b, rank = self.b, len(self.shape)
        where, axes, shape = self._where(lead, row), (rank + self.axis,), (self._step(),)
        value = b.read(self.sums, where, shape, axes, False)
        b.write(b.apply(2, value, where, shape, axes, False), self.y, where, axes, False)


def _multiply_add(b: KernelBuilder, x: Value, y: Value, acc: Value, is_float: bool) -> Value:
    if is_float:
        return b(arith.Fma, x, y, acc)
    return b(arith.INTEGER["addi"], acc, b(arith.INTEGER["muli"], x, y))
