"""Slices of a table by index, every index checked: one outside copies nothing and notes the error INDEX."""

from __future__ import annotations

from collections.abc import Sequence

from ...runtime.abi import STATUS
from ...runtime.spec import DType, boolean
from ..ir.core import Value
from ..ir.dims import product
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..target import Target
from .build import Index
from .channels import across, get_row, put_row
from .dialect_kern import Kernel
from .family import lowers
from .scalar import ScalarBuilder


def checked(b: ScalarBuilder, at: Sequence[Value], sizes: Sequence[Index]) -> Num:
    """Whether all indices are inside; notes the error INDEX when not. Negative ones are huge unsigned numbers."""
    fine = b.c(1, boolean)
    for i, size in zip(at, sizes, strict=True):
        fine = fine & b.holds("ult", i, size)
    with b.when((~fine).v):
        b.report(STATUS["INDEX"])
    return fine


@lowers("gather")
def lower_gather(kernel: Kernel, target: Target) -> FuncOp:
    """`(table, indices, y, error, symbols…, site, lo, hi)`; a unit is one slice, or with "many" all slices of one
    place in front of the axis."""
    b = ScalarBuilder(kernel)
    axis, batch = kernel.params["axis"], kernel.params["batch"]
    table, indices = kernel.inputs
    front, middle = product(table.shape[:batch]), product(table.shape[batch:axis])
    rows, inner = table.shape[axis], product(table.shape[axis + 1 :])
    count = product(indices.shape[batch:])
    x = b.dense(b.inputs[0], (front, middle, rows, inner))
    which = b.dense(b.inputs[1], (front, count))
    y = b.dense(b.outputs[0], (front, middle, count, inner))
    dtype: DType = table.dtype

    def one(n: Index, m: Index, k: Index) -> None:
        at = b.index(b.get(which, kernel.params["index"], n, k))
        with b.when(checked(b, [at], [b.dim(rows)]).v):

            def move(c: Index, width: int, inside: bool) -> None:
                row = get_row(b, x, dtype, [n, m, at, c], width, inside)
                put_row(b, row, y, [n, m, k, c], inside)

            across(b, b.dim(inner), 2 * target.lanes, move)

    with b.loop(b.lo, b.hi) as unit:
        if not kernel.params["many"]:
            one(*b.unravel(unit.iv, (front, middle, count)))
        else:
            n, m = b.unravel(unit.iv, (front, middle))
            with b.loop(0, b.dim(count)) as k:
                one(n, m, k.iv)
    return b.finish()


@lowers("gather_nd")
def lower_gather_nd(kernel: Kernel, target: Target) -> FuncOp:
    """`(table, indices, y, error, symbols…, site, lo, hi)`; a unit is one slice."""
    b = ScalarBuilder(kernel)
    table, indices = kernel.inputs
    depth = int(indices.shape[-1])  # type: ignore[arg-type]
    count, inner = product(indices.shape[:-1]), product(table.shape[depth:])
    x = b.dense(b.inputs[0], (*table.shape[:depth], inner))
    which = b.dense(b.inputs[1], (count, depth))
    y = b.dense(b.outputs[0], (count, inner))
    sizes = [b.dim(d) for d in table.shape[:depth]]
    with b.loop(b.lo, b.hi) as unit:
        at = [b.index(b.get(which, kernel.params["index"], unit.iv, j)) for j in range(depth)]

        def move(c: Index, width: int, inside: bool) -> None:
            row = get_row(b, x, table.dtype, [*at, c], width, inside)
            put_row(b, row, y, [unit.iv, c], inside)

        with b.when(checked(b, at, sizes).v):
            across(b, b.dim(inner), 2 * target.lanes, move)
    return b.finish()
