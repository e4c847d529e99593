"""Softmax along the last axis: maximum, exponentials and their sum, quotient; a row is a unit."""

from __future__ import annotations

import math

from ..ir.dims import product
from ..ir.types import MemRefType
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_arith as arith
from . import dialect_memory as mem
from .dialect_kern import Kernel
from .family import KernelBuilder, lowers


@lowers("softmax")
def lower_softmax(kernel: Kernel, target: Target) -> FuncOp:
    b = KernelBuilder(kernel)
    t: MemRefType = kernel.inputs[0]
    shape = (product(t.shape[:-1]), t.shape[-1])
    dense = MemRefType(shape, t.dtype)
    x = b.reinterpret(b.inputs[0], shape, dense.element_strides)
    y = b.reinterpret(b.outputs[0], shape, dense.element_strides)
    width = 2 * target.lanes
    columns = b.dim(t.shape[-1])
    exp, sub, add = arith.MATH_UNARY["exp"], arith.FLOAT["subf"], arith.FLOAT["addf"]
    with b.loop(b.lo, b.hi) as row:
        low = b.splat(b.number(-math.inf, t.dtype), (width,))
        with b.loop(0, columns, width, [low]) as first:
            v = b.read(x, [row.iv, first.iv], (width,), (1,), False, -math.inf)
            first.yielded = (b(arith.FLOAT["maximumf"], first.carried[0], v),)
        top = b(mem.Reduction, first.results[0], kind="maximumf")
        high = b.splat(top, (width,))
        zero = b.splat(b.number(0.0, t.dtype), (width,))
        with b.loop(0, columns, width, [zero]) as second:
            v = b.read(x, [row.iv, second.iv], (width,), (1,), False, -math.inf)
            e = b(exp, b(sub, v, high))
            b.write(e, y, [row.iv, second.iv], (1,), False)
            # lanes past the end hold exp(-inf - top) = 0, but NaN when top is infinite: read them back as 0
            kept = b.read(y, [row.iv, second.iv], (width,), (1,), False, 0.0)
            second.yielded = (b(add, second.carried[0], kept),)
        total = b.splat(b(mem.Reduction, second.results[0], kind="add"), (width,))
        with b.loop(0, columns, width) as third:
            v = b.read(y, [row.iv, third.iv], (width,), (1,), False)
            b.write(b(arith.FLOAT["divf"], v, total), y, [row.iv, third.iv], (1,), False)
    return b.finish()
