"""Elements as several narrower ones, and back; the first has the lowest bits. A wide element is a unit."""

from __future__ import annotations

from ...runtime.spec import BY_NAME, DType
from ..ir.dims import product
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..target import Target
from .dialect_kern import Kernel
from .family import lowers
from .scalar import ScalarBuilder


def _unsigned(dtype: DType) -> DType:
    return BY_NAME[f"ui{dtype.bits}"]


@lowers("bytes")
def lower_bytes(kernel: Kernel, target: Target) -> FuncOp:
    b = ScalarBuilder(kernel)
    have, want = kernel.inputs[0].dtype, kernel.outputs[0].dtype
    wide, narrow = sorted((have, want), key=lambda d: -d.size)
    parts, wide_bits, bits = wide.size // narrow.size, _unsigned(wide), _unsigned(narrow)
    splits = have is wide
    shape = kernel.inputs[0].shape if splits else kernel.outputs[0].shape
    count = product(shape)
    shapes = ((count,), (count, parts)) if splits else ((count, parts), (count,))
    x, y = b.dense(b.inputs[0], shapes[0]), b.dense(b.outputs[0], shapes[1])
    with b.loop(b.lo, b.hi) as unit:
        if splits:
            whole = Num(b.scalars, b.scalars.bitcast(b.load(x, unit.iv), wide_bits), wide_bits)
            for k in range(parts):
                part = whole.op("shr", k * narrow.bits).to(bits)
                b.store(b.scalars.bitcast(part.v, want), y, unit.iv, k)
        else:
            total = b.c(0, wide_bits)
            for k in range(parts):
                part = Num(b.scalars, b.scalars.bitcast(b.load(x, unit.iv, k), bits), bits)
                total = total | part.to(wide_bits).op("shl", k * narrow.bits)
            b.store(b.scalars.bitcast(total.v, want), y, unit.iv)
    return b.finish()
