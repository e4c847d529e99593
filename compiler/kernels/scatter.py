"""Slices written by index, and what else stores to computed places; every index is checked.

Equal indices write in order. So one unit takes all indices, and what runs in parallel is the inside of the slices.
"""

from __future__ import annotations

from collections.abc import Callable

from ...runtime.abi import STATUS
from ...runtime.spec import DType
from ..ir.dims import product
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..target import Target
from .build import Index
from .channels import get_row, put_row
from .dialect_kern import Kernel
from .family import lowers
from .gather import checked
from .scalar import ScalarBuilder

_COMBINED: dict[str, Callable[[Num, Num], Num]] = {
    "add": lambda old, new: old + new,
    "sub": lambda old, new: old - new,
    "min": lambda old, new: (new < old).where(new, old),
    "max": lambda old, new: (new > old).where(new, old),
}


@lowers("scatter_nd")
def lower_scatter_nd(kernel: Kernel, target: Target) -> FuncOp:
    """`(indices, updates, y, error, symbols…, site, lo, hi)`; a unit is a block of the slices."""
    b = ScalarBuilder(kernel)
    indices, whole = kernel.inputs[0], kernel.outputs[0]
    depth, block, dtype = int(indices.shape[-1]), kernel.params["block"], kernel.params["dtype"]  # type: ignore[arg-type]
    count, inner = product(indices.shape[:-1]), product(whole.shape[depth:])
    which = b.dense(b.inputs[0], (count, depth))
    updates = b.dense(b.inputs[1], (count, inner))
    y = b.dense(b.outputs[0], (*whole.shape[:depth], inner))
    sizes = [b.dim(d) for d in whole.shape[:depth]]
    wide = 2 * target.lanes if inner != 1 else 1
    combine = _COMBINED.get(kernel.params["kind"])

    def put(at: list[Index], k: Index, c: Index, width: int, inside: bool) -> None:
        new = get_row(b, updates, dtype, [k, c], width, inside)
        if combine is not None:
            new = combine(get_row(b, y, dtype, [*at, c], width, inside), new)
        put_row(b, new, y, [*at, c], inside)

    with b.loop(b.lo, b.hi) as unit:
        first = b.mul(unit.iv, block)
        end = b.min(b.add(first, block), b.dim(inner))
        full = b.add(first, b.mul(b.div(b.sub(end, first), wide), wide))
        with b.loop(0, b.dim(count)) as k:
            at: list[Index] = [b.index(b.get(which, kernel.params["index"], k.iv, j)) for j in range(depth)]
            with b.when(checked(b, [b.idx(i) for i in at], sizes).v):
                with b.loop(first, full, wide) as c:
                    put(at, k.iv, c.iv, wide, True)
                if wide > 1:
                    with b.loop(full, end, wide) as c:
                        put(at, k.iv, c.iv, wide, False)
    return b.finish()


@lowers("invert_permutation")
def lower_invert_permutation(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, y, error, symbols…, site, lo, hi)`, one unit; places of y still free hold -1."""
    b = ScalarBuilder(kernel)
    index: DType = kernel.params["index"]
    n = b.dim(kernel.inputs[0].shape[0])
    x, y = b.inputs[0], b.outputs[0]
    with b.loop(b.lo, b.hi):
        with b.loop(0, n) as i:
            b.put(b.c(-1, index), y, i.iv)
        with b.loop(0, n) as i:
            at = b.index(b.get(x, index, i.iv))
            with b.when(checked(b, [at], [n]).v):
                free = b.get(y, index, at).eq(-1)
                with b.when((~free).v):
                    b.report(STATUS["INDEX"])
                b.put(b.of_index(i.iv, index), y, at)
    return b.finish()


@lowers("iota")
def lower_iota(kernel: Kernel, target: Target) -> FuncOp:
    """`(y, symbols…, lo, hi)`; a unit is a block."""
    b = ScalarBuilder(kernel)
    block, dtype = kernel.params["block"], kernel.params["dtype"]
    with b.loop(b.lo, b.hi) as unit:
        first = b.mul(unit.iv, block)
        with b.loop(first, b.min(b.add(first, block), b.dim(kernel.outputs[0].shape[0]))) as i:
            b.put(b.of_index(i.iv, dtype), b.outputs[0], i.iv)
    return b.finish()
