"""Maximum pools that also tell where: number by number, an output row is a unit."""

from __future__ import annotations

from ...runtime.spec import DType, i64
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..target import Target
from .build import Index
from .dialect_kern import Kernel
from .family import lowers
from .scalar import ScalarBuilder


@lowers("pool_argmax")
def lower_pool_argmax(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, y, where, symbols…, lo, hi)`: y starts as a window's first number, until one is greater."""
    b = ScalarBuilder(kernel)
    p, x = kernel.params, kernel.inputs[0]
    dtype: DType = p["dtype"]
    out = kernel.outputs[0].shape
    height, width, channels = (b.dim(d) for d in x.shape[1:])

    def span(axis: int, at: Index) -> tuple[Index, Index]:
        given = p["pads"][2 * axis]
        k, s = p["kernel"][axis], p["strides"][axis]
        if not isinstance(given, int):
            total = b.sub(b.add(b.mul(b.sub(b.dim(out[1 + axis]), 1), s), k), b.dim(x.shape[1 + axis]))
            given = b.div(b.max(total, 0), 2)
        begin = b.sub(b.mul(at, s), given)
        return b.max(begin, 0), b.min(b.add(begin, k), b.dim(x.shape[1 + axis]))

    with b.loop(b.lo, b.hi) as unit:
        image, row = b.unravel(unit.iv, out[:2])
        top, bottom = span(0, row)
        with b.loop(0, b.dim(out[2])) as column, b.loop(0, channels) as c:
            left, right = span(1, column.iv)
            base = b.mul(b.mul(image, height), width) if p["batch"] else 0

            def position(i: Index, j: Index, base: Index = base, c: Index = c.iv) -> Num:
                pixel = b.add(b.mul(b.add(b.mul(i, width), j), 1), base)
                return b.of_index(b.add(b.mul(pixel, channels), c), i64)

            def over_row(i: Index, best: Num, where: Num, c: Index = c.iv) -> list[Num]:
                def over_column(j: Index, best: Num, where: Num) -> list[Num]:
                    v = b.get(b.inputs[0], dtype, image, i, j, c)
                    better = best < v
                    return [better.where(v, best), better.where(position(i, j), where)]

                return b.repeat(left, right, [best, where], over_column)

            start = [b.get(b.inputs[0], dtype, image, top, left, c.iv), position(top, left)]
            best, where = b.repeat(top, bottom, start, over_row)
            b.put(best, b.outputs[0], image, row, column.iv, c.iv)
            b.put(where.to(p["index"]), b.outputs[1], image, row, column.iv, c.iv)
    return b.finish()
