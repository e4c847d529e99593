"""Kernels that count as they go: positions of true elements, different elements. One unit each: every result's
place depends on all before it."""

from __future__ import annotations

from ...runtime.spec import DType, boolean, i32, i64
from ..ir.dims import product
from ..ir.types import ScalarType
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..target import Target
from . import dialect_arith as arith
from .build import Index
from .dialect_kern import Kernel
from .family import lowers
from .scalar import ScalarBuilder


@lowers("nonzero")
def lower_nonzero(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, indices, count, symbols…, lo, hi)`."""
    b = ScalarBuilder(kernel)
    shape = kernel.inputs[0].shape
    size = product(shape)
    x, indices = b.dense(b.inputs[0], (size,)), b.outputs[0]

    def clear(i: Index) -> None:
        for axis in range(len(shape)):
            b.put(b.c(0, i64), indices, i, axis)

    def step(i: Index, count: Num) -> list[Num]:
        clear(i)
        found = b.get(x, boolean, i)
        at = b.index(count)
        with b.when(found.v):
            for axis, k in enumerate(b.unravel(i, shape)):
                b.put(b.of_index(k), indices, at, axis)
        return [found.where(count + 1, count)]

    with b.loop(b.lo, b.hi):
        (count,) = b.repeat(0, b.dim(size), [b.c(0, i64)], step)
        b.put(count, b.outputs[1])
    return b.finish()


@lowers("unique")
def lower_unique(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, values, indices, counts, count, table, symbols…, lo, hi)`; `table` is an open-addressing hash table of
    positions in `values`, -1 where it is free, more than twice as long as x."""
    b = ScalarBuilder(kernel)
    dtype: DType = kernel.params["dtype"]
    index: DType = kernel.params["index"]
    x = b.inputs[0]
    values, indices, counts, total, table = b.outputs
    n, room = b.dim(kernel.inputs[0].shape[0]), b.dim(kernel.outputs[4].shape[0])

    def fill(i: Index, none: Num) -> list[Num]:
        b.put(b.c(-1, i64), table, i)
        return [none]

    def clear(i: Index, none: Num) -> list[Num]:
        b.put(b.c(0, dtype), values, i)
        b.put(b.c(0, index), counts, i)
        return [none]

    def step(i: Index, count: Num) -> list[Num]:
        v = b.get(x, dtype, i)

        def probe(slot: Num, at: Num) -> tuple[Num, list[Num]]:
            held = b.get(table, i64, b.index(slot))
            free = held < 0
            same = v.eq(b.get(values, dtype, b.index(free.where(b.c(0, i64), held)))) & ~free
            following = slot + 1
            wrapped = following.eq(b.of_index(room)).where(b.c(0, i64), following)
            done = free | same
            return done, [done.where(slot, wrapped), free.where(b.c(-1, i64), held)]

        slot, at = b.until([_hash(b, v, room), b.c(-1, i64)], probe)
        is_new = at < 0
        at = is_new.where(count, at)
        place = b.index(at)
        with b.when(is_new.v):
            b.put(at, table, b.index(slot))
            b.put(v, values, place)
        b.put(b.get(counts, index, place) + 1, counts, place)
        b.put(at.to(index), indices, i)
        return [is_new.where(count + 1, count)]

    with b.loop(b.lo, b.hi):
        zero = b.c(0, i64)
        b.repeat(0, room, [zero], fill)
        b.repeat(0, n, [zero], clear)
        (count,) = b.repeat(0, n, [zero], step)
        b.put(count, total)
    return b.finish()


def _hash(b: ScalarBuilder, v: Num, room: Index) -> Num:
    """A place in the table: the bits times an odd number (Knuth's multiplicative hashing), its upper half."""
    if v.dtype.is_float:
        v = v + 0.0  # so that -0 is 0
        bits = i32 if v.dtype.bits == 32 else i64
        raw = b(arith.CONVERSIONS["bitcast"], v.v, result_types=[ScalarType(bits)])
        v = Num(b.scalars, raw, bits)
    product_ = v.to(i64) * 0x1E3779B97F4A7C15
    upper = Num(b.scalars, b(arith.INTEGER["shrui"], product_.v, b.c(32, i64).v), i64)
    rest = b(arith.INTEGER["remui"], upper.v, b.of_index(room).v)
    return Num(b.scalars, rest, i64)
