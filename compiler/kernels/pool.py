"""Pooling: vectors run along the channels, windows are clipped to the image; an output row is a unit."""

from __future__ import annotations

from typing import Any

from ...runtime.spec import i64
from ..ir.core import Value
from ..ir.types import MemRefType, ScalarType
from ..ops.builtin import FuncOp
from ..ops.pool import lowest
from ..target import Target
from . import dialect_arith as arith
from .body import signless
from .build import Index
from .dialect_kern import Kernel
from .family import KernelBuilder, lowers
from .reduce import Reducer


@lowers("pool")
def lower_pool(kernel: Kernel, target: Target) -> FuncOp:
    return _PoolLowering(kernel, target).function()


class _PoolLowering:
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
        rows = b.dim(self.y.shape[1])
        with b.loop(b.lo, b.hi) as unit:
            image, row = b.div(unit.iv, rows), b.rem(unit.iv, rows)
            top, bottom = self._span(0, row)
            with b.loop(0, b.dim(self.y.shape[2])) as column:
                left, right = self._span(1, column.iv)
                window = (top, bottom, left, right)
                self._channels([image, row, column.iv], window)
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

    def _span(self, axis: int, at: Index) -> tuple[Index, Index]:
        """First and end position of a window inside the image."""
        b = self.b
        begin = b.sub(b.mul(at, self.p["strides"][axis]), self._pads(axis))
        end = b.min(b.add(begin, self.p["kernel"][axis]), b.dim(self.x.shape[1 + axis]))
        return b.max(begin, 0), end

    def _channels(self, where: list[Index], window: tuple[Index, Index, Index, Index]) -> None:
        b = self.b
        channels = b.dim(self.x.shape[3])
        wide = 4 * self.lanes
        whole = b.mul(b.div(channels, wide), wide)
        with b.loop(0, whole, wide) as c:
            self._window(where, window, c.iv, wide, True)
        if not (isinstance(channels, int) and channels % wide == 0):
            with b.loop(whole, channels, self.lanes) as c:
                self._window(where, window, c.iv, self.lanes, False)

    def _window(
        self, where: list[Index], window: tuple[Index, Index, Index, Index], channel: Index, width: int,
        inside: bool,
    ) -> None:  # fmt: skip
        b = self.b
        top, bottom, left, right = window
        start = b.splat(b.number(self._start(), signless(self.x.dtype)), (width,))
        with b.loop(top, bottom, 1, [start]) as y:
            with b.loop(left, right, 1, [y.carried[0]]) as x:
                v = b.read(b.inputs[0], [where[0], y.iv, x.iv, channel], (width,), (3,), inside)
                x.yielded = (self._step(x.carried[0], v),)
            y.yielded = (x.results[0],)
        acc = y.results[0]
        if not self.is_max:
            acc = self._divide(acc, b.mul(b.sub(bottom, top), b.sub(right, left)), width)
        at = [*where, channel]
        b.write(b.apply(1, acc, at, (width,), (3,), inside), b.outputs[0], at, (3,), inside)

    def _start(self) -> float | int:
        return lowest(self.reducer.dtype) if self.is_max else 0

    def _step(self, acc: Value, v: Value) -> Value:
        if not self.is_max or not self.x.dtype.is_float:
            return self.reducer.combine(self.b, acc, v)
        # the larger one and never a NaN, which is one instruction, unlike IEEE's maximum
        return self.b(arith.SelectOp, self.b(arith.CmpF, v, acc, predicate="ogt"), v, acc)

    def _divide(self, acc: Value, count: Index, width: int) -> Value:
        b, dtype = self.b, self.reducer.dtype
        whole = b(arith.CONVERSIONS["index_cast"], b.idx(count), result_types=[ScalarType(i64)])
        number = b(arith.CONVERSIONS["sitofp"], whole, result_types=[ScalarType(dtype)])
        return b(arith.FLOAT["divf"], acc, b.splat(number, (width,)))
