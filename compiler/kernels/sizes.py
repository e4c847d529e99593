"""Sizes as numbers: writes the values of symbolic dimensions into a small integer tensor."""

from __future__ import annotations

from ..ir.types import MemRefType, ScalarType
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_arith as arith
from .body import signless
from .dialect_kern import Kernel, as_dims
from .family import KernelBuilder, lowers


@lowers("sizes")
def lower_sizes(kernel: Kernel, target: Target) -> FuncOp:
    b = KernelBuilder(kernel)
    out: MemRefType = kernel.outputs[0]
    y = b.reinterpret(b.outputs[0], (len(kernel.params["value"]),), (1,))
    for i, d in enumerate(as_dims(kernel.params["value"])):
        number = b(
            arith.CONVERSIONS["index_cast"], b.idx(b.dim(d)), result_types=[ScalarType(signless(out.dtype))]
        )
        b.store(number, y, i)
    return b.finish()
