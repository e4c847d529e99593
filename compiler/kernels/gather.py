"""Rows of a table by index, every index checked: one outside copies nothing and notes the error INDEX."""

from __future__ import annotations

from ...runtime.abi import STATUS
from ...runtime.spec import i64
from ..ir.dims import product
from ..ir.types import MemRefType, ScalarType
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_arith as arith
from .dialect_kern import Kernel
from .family import KernelBuilder, lowers


@lowers("gather")
def lower_gather(kernel: Kernel, target: Target) -> FuncOp:
    """`(table, indices, y, error, symbols…, site, lo, hi)`; an index is a unit."""
    b = KernelBuilder(kernel)
    table: MemRefType = kernel.inputs[0]
    indices: MemRefType = kernel.inputs[1]
    count, row = product(indices.shape), product(table.shape[1:])
    flat = b.reinterpret(b.inputs[1], (count,), (1,))
    x = b.reinterpret(b.inputs[0], (table.shape[0], row), (row, 1))
    y = b.reinterpret(b.outputs[0], (count, row), (row, 1))
    rows, width, columns = b.dim(table.shape[0]), 2 * target.lanes, b.dim(row)
    with b.loop(b.lo, b.hi) as unit:
        raw = b.load(flat, unit.iv)
        if indices.dtype != i64:
            name = "extui" if kernel.params["unsigned"] else "extsi"
            raw = b(arith.CONVERSIONS[name], raw, result_types=[ScalarType(i64)])
        at = b(arith.CONVERSIONS["index_cast"], raw, result_types=[b.lo.type])
        with b.when(b.compare("uge", at, rows)):
            b.report(STATUS["INDEX"])
        with b.when(b.compare("ult", at, rows)), b.loop(0, columns, width) as c:
            b.write(b.read(x, [at, c.iv], (width,), (1,), False), y, [unit.iv, c.iv], (1,), False)
    return b.finish()
