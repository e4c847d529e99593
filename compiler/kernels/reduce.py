"""Reductions, means among them. Kept and reduced dimensions are merged into alternating groups; when the last
group is kept it is the vector dimension, else vectors run along the reduced one and are folded at the end."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...runtime.spec import DType, i64, u64
from ..ir.core import Value
from ..ir.dims import Dim, product
from ..ir.types import MemRefType, ScalarType
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_arith as arith
from . import dialect_memory as mem
from .body import LoopScalars, signless
from .build import Index, LoopBuilder
from .dialect_kern import Kernel
from .family import KernelBuilder, lowers


def groups(shape: tuple[Dim, ...], axes: tuple[int, ...]) -> list[tuple[bool, Dim]]:
    """(reduced, size) of merged dimensions, kept and reduced in turn."""
    out: list[tuple[bool, Dim]] = []
    for i, d in enumerate(shape):
        reduced = i in axes
        if out and out[-1][0] == reduced:
            out[-1] = (reduced, out[-1][1] * d)
        else:
            out.append((reduced, d))
    return out or [(False, 1)]


def units(shape: tuple[Dim, ...], axes: tuple[int, ...]) -> Dim:
    """The parallel range: kept elements, those of a kept last group in vectors of 64."""
    g = groups(shape, axes)
    outer = product(d for reduced, d in g[:-1] if not reduced)
    return outer if g[-1][0] else outer * ((g[-1][1] + 63) // 64)


class Reducer:
    """One kind of reduction: its start value, its step, and its step between lanes."""

    def __init__(self, kind: str, dtype: DType) -> None:
        self.kind = kind
        self.given = dtype
        #: integers are summed in 64 bits for their mean
        wide = kind == "mean" and dtype.is_integer
        self.dtype = (u64 if dtype.kind == "u" else i64) if wide else dtype
        self.step = {"sum": "add", "mean": "add", "prod": "mul", "max": "max", "min": "min"}[kind]

    @property
    def start(self) -> float | int:
        if self.kind in ("sum", "mean"):
            return 0
        if self.kind == "prod":
            return 1
        if self.dtype.is_float:
            return -math.inf if self.kind == "max" else math.inf
        bits = self.dtype.bits
        signed = self.dtype.kind == "i"
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        return low if self.kind == "max" else high

    def combine(self, b: LoopBuilder, x: Value, y: Value) -> Value:
        """`x`, which has been combined already, with an element or a vector of them."""
        s = LoopScalars(b)
        s.dtype = self.given
        y = s.cast(y, self.dtype)
        s.dtype = self.dtype
        return s.binary(self.step, x, y)

    def fold(self, b: LoopBuilder, x: Value) -> Value:
        if self.step in ("add", "mul"):
            kind = self.step
        elif self.dtype.is_float:
            kind = "maximumf" if self.step == "max" else "minimumf"
        else:
            kind = self.step + ("si" if self.dtype.kind == "i" else "ui")
        return b(mem.Reduction, x, kind=kind)


@lowers("reduce")
def lower_reduce(kernel: Kernel, target: Target) -> FuncOp:
    return _ReduceLowering(kernel, target).function()


class _ReduceLowering:
    def __init__(self, kernel: Kernel, target: Target) -> None:
        self.b = KernelBuilder(kernel)
        p: dict[str, Any] = kernel.params
        x: MemRefType = kernel.inputs[0]
        self.groups = groups(x.shape, tuple(p["axes"]))
        self.storage = x.dtype
        self.reducer = Reducer(p["kind"], p["dtype"])
        self.width = 64 if target.lanes >= 16 else 2 * target.lanes
        self.width = min(self.width, 64)
        self.lanes = target.lanes
        sizes = tuple(d for _, d in self.groups)
        dense = MemRefType(sizes, self.storage)
        self.x = self.b.reinterpret(self.b.inputs[0], sizes, dense.element_strides)
        kept = tuple(d for reduced, d in self.groups if not reduced) or (1,)
        out = MemRefType(kept, self.storage)
        self.y = self.b.reinterpret(self.b.outputs[0], kept, out.element_strides)
        #: how many numbers a mean is of, where x has sums of them
        self.count: int = p.get("count", 0)
        self.has_kept = any(not reduced for reduced, _ in self.groups)

    def function(self) -> FuncOp:
        b = self.b
        last_reduced, last = self.groups[-1]
        outer = [d for reduced, d in (self.groups if last_reduced else self.groups[:-1]) if not reduced]
        with b.loop(b.lo, b.hi) as unit:
            rest: Index = unit.iv
            if not last_reduced:
                chunks = b.div(b.add(b.dim(last), 63), 64)
                chunk = b.rem(rest, chunks)
                rest = b.div(rest, chunks)
            where = b.unravel(rest, outer)
            if last_reduced:
                self._along(where)
            else:
                self._across(where, b.mul(chunk, 64))
        return b.finish()

    def _nest(
        self, where: list[Index], carried: Value, inner: Callable[[list[Index], Value], Value], upto: int
    ) -> Value:
        """Loops over the reduced groups among the first `upto`; `inner` steps at full indices."""
        b = self.b
        kept = iter(where)

        def level(g: int, at: list[Index], acc: Value) -> Value:
            if g == upto:
                return inner(at, acc)
            reduced, size = self.groups[g]
            if not reduced:
                return level(g + 1, [*at, next(kept)], acc)
            with b.loop(0, b.dim(size), 1, [acc]) as loop:
                loop.yielded = (level(g + 1, [*at, loop.iv], loop.carried[0]),)
            return loop.results[0]

        return level(0, [], carried)

    def _start(self, shape: tuple[int, ...]) -> Value:
        b = self.b
        return b.splat(b.number(self.reducer.start, signless(self.reducer.dtype)), shape)

    def _across(self, where: list[Index], first: Index) -> None:
        """Up to 64 neighbouring kept elements at once."""
        b, axis = self.b, len(self.groups) - 1
        size = self.groups[-1][1]

        def columns(at: Index, width: int, inside: bool) -> None:
            def step(index: list[Index], acc: Value) -> Value:
                x = b.read(self.x, [*index, at], (width,), (axis,), inside)
                return self.reducer.combine(b, acc, x)

            total = self._nest(where, self._start((width,)), step, axis)
            b.write(self._mean(total), self.y, [*where, at], (len(where),), inside)

        step = self.width
        end = b.min(b.add(first, 64), b.dim(size))
        whole = b.add(first, b.mul(b.div(b.sub(end, first), step), step))
        with b.loop(first, whole, step) as loop:
            columns(loop.iv, step, True)
        if not (isinstance(size, int) and size % step == 0):
            with b.loop(whole, end, self.lanes) as loop:
                columns(loop.iv, self.lanes, False)

    def _along(self, where: list[Index]) -> None:
        """One kept element; vectors run along the last group."""
        b, axis, width = self.b, len(self.groups) - 1, self.width
        size = b.dim(self.groups[-1][1])
        whole = b.mul(b.div(size, width), width)

        def stretch(at: list[Index], acc: Value) -> Value:
            with b.loop(0, whole, width, [acc]) as loop:
                x = b.read(self.x, [*at, loop.iv], (width,), (axis,))
                loop.yielded = (self.reducer.combine(b, loop.carried[0], x),)
            with b.loop(whole, size, width, [loop.results[0]]) as tail:
                x = b.read(self.x, [*at, tail.iv], (width,), (axis,), False, self.reducer.start)
                tail.yielded = (self.reducer.combine(b, tail.carried[0], x),)
            return tail.results[0]

        acc = self._nest(where, self._start((width,)), stretch, axis)
        total = self.reducer.fold(b, acc)
        b.store(self._mean(total), self.y, *(where if self.has_kept else [0]))

    def _mean(self, total: Value) -> Value:
        if self.reducer.kind != "mean":
            return total
        b, dtype = self.b, self.reducer.dtype
        count = b.idx(self.count or b.dim(product(d for reduced, d in self.groups if reduced)))
        shape = getattr(total.type, "shape", None)
        whole = b(arith.CONVERSIONS["index_cast"], count, result_types=[ScalarType(i64)])
        if dtype.is_integer:
            s = LoopScalars(b)
            s.dtype = dtype
            some = s.binary("max", whole, s.c(1, whole))
            mean = s.binary("div", total, b.splat(some, shape) if shape else some)
            return s.cast(mean, self.reducer.given)
        number = b(arith.CONVERSIONS["sitofp"], whole, result_types=[ScalarType(dtype)])
        return b(arith.FLOAT["divf"], total, b.splat(number, shape) if shape else number)
