"""Pooling: vectors run along the channels, windows are clipped to the image; an output row is a unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...runtime.spec import DType, i64
from ..ir.core import Value
from ..ir.types import MemRefType, ScalarType
from ..ops.builtin import FuncOp
from ..ops.pool import lowest
from ..target import Target
from . import dialect_arith as arith
from .body import signless
from .build import Index, LoopBuilder
from .dialect_kern import Kernel
from .family import KernelBuilder, lowers
from .reduce import Reducer

#: a range of positions or taps
Span = tuple[Index, Index]


@lowers("pool")
def lower_pool(kernel: Kernel, target: Target) -> FuncOp:
    return PoolLowering(kernel, target).function()


def largest(b: LoopBuilder, values: Sequence[Value], start: Value) -> Value:
    """The largest of `start` and values of its type: NaN takes no part, so that each step is one instruction, unlike
    IEEE's maximum."""
    for v in values:
        start = b(arith.SelectOp, b(arith.CmpF, v, start, predicate="ogt"), v, start)
    return start


def lowest_row(b: LoopBuilder, dtype: DType, width: int) -> Value:
    """What a maximum of floats starts from, as a vector."""
    return b.splat(b.number(lowest(dtype), dtype), (width,))


class PoolLowering:
    """Pools over images and volumes, by one window after the other."""

    def __init__(self, kernel: Kernel, target: Target) -> None:
        self.b = KernelBuilder(kernel)
        self.p: dict[str, Any] = kernel.params
        self.x: MemRefType = kernel.inputs[0]
        self.y: MemRefType = kernel.outputs[0]
        self.lanes = target.lanes
        self.is_max = self.p["kind"] == "max"
        self.reducer = Reducer("max" if self.is_max else "sum", self.p["dtype"])

    def function(self) -> FuncOp:
        b = self.b
        with b.loop(b.lo, b.hi) as unit:
            where = b.unravel(unit.iv, self.y.shape[:-2])
            spans = [self._span(axis, at) for axis, at in enumerate(where[1:])]
            with b.loop(0, b.dim(self.y.shape[-2])) as column:
                window = [*spans, self._span(len(spans), column.iv)]
                self._channels([*where, column.iv], window)
        return b.finish()

    def _pads(self, axis: int) -> Index:
        """Padding in front; SAME over a size known only at run time is computed here."""
        given = self.p["pads"][2 * axis]
        if isinstance(given, int):
            return given
        b = self.b
        k, s = self.p["kernel"][axis], self.p["strides"][axis]
        size, out = b.dim(self.x.shape[1 + axis]), b.dim(self.y.shape[1 + axis])
        total = b.sub(b.add(b.mul(b.sub(out, 1), s), k), size)
        return b.div(b.max(total, 0), 2)

    def _span(self, axis: int, at: Index) -> Span:
        """First and end position of a window inside the image."""
        b = self.b
        begin = b.sub(b.mul(at, self.p["strides"][axis]), self._pads(axis))
        end = b.min(b.add(begin, self.p["kernel"][axis]), b.dim(self.x.shape[1 + axis]))
        return b.max(begin, 0), end

    def _channels(self, where: list[Index], window: list[Span]) -> None:
        b = self.b
        channels = b.dim(self.x.shape[-1])
        wide = 4 * self.lanes
        whole = b.mul(b.div(channels, wide), wide)
        with b.loop(0, whole, wide) as c:
            self._window(where, window, c.iv, wide, True)
        if not (isinstance(channels, int) and channels % wide == 0):
            with b.loop(whole, channels, self.lanes) as c:
                self._window(where, window, c.iv, self.lanes, False)

    def _window(
        self, where: list[Index], window: list[Span], channel: Index, width: int, inside: bool
    ) -> None:
        b, axis = self.b, len(where)

        def step(at: list[Index], acc: Value) -> Value:
            v = b.read(b.inputs[0], [where[0], *at, channel], (width,), (axis,), inside)
            return self._step(acc, v)

        acc = self._nest(window, step, b.splat(b.number(self._start(), signless(self.x.dtype)), (width,)))
        if not self.is_max:
            count: Index = 1
            for first, end in window:
                count = b.mul(count, b.sub(end, first))
            acc = self._divide(acc, count, width)
        at = [*where, channel]
        b.write(b.apply(1, acc, at, (width,), (axis,), inside), b.outputs[0], at, (axis,), inside)

    def _nest(self, window: list[Span], step: Callable[[list[Index], Value], Value], start: Value) -> Value:
        """`step(position, acc)` over all positions of a window, from `start` on."""
        b = self.b

        def level(at: list[Index], acc: Value) -> Value:
            if len(at) == len(window):
                return step(at, acc)
            with b.loop(*window[len(at)], 1, [acc]) as loop:
                loop.yielded = (level([*at, loop.iv], loop.carried[0]),)
            return loop.results[0]

        return level([], start)

    def _start(self) -> float | int:
        return lowest(self.reducer.dtype) if self.is_max else 0

    def _step(self, acc: Value, v: Value) -> Value:
        if not self.is_max or not self.x.dtype.is_float:
            return self.reducer.combine(self.b, acc, v)
        return largest(self.b, [v], acc)

    def _divide(self, acc: Value, count: Index, width: int) -> Value:
        b, dtype = self.b, self.reducer.dtype
        whole = b(arith.CONVERSIONS["index_cast"], b.idx(count), result_types=[ScalarType(i64)])
        number = b(arith.CONVERSIONS["sitofp"], whole, result_types=[ScalarType(dtype)])
        return b(arith.FLOAT["divf"], acc, b.splat(number, (width,)))
