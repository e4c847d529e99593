"""Grey-scale dilation: like a maximum pool, of image plus filter; windows have gaps between their positions."""

from __future__ import annotations

from ..ir.core import Value
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_arith as arith
from .body import signless
from .build import Index
from .dialect_kern import Kernel
from .family import lowers
from .pool import PoolLowering, Span


@lowers("dilation")
def lower_dilation(kernel: Kernel, target: Target) -> FuncOp:
    """The function `(x, w, extras…, y, symbols…, lo, hi)`; an output row is a unit."""
    return _DilationLowering(kernel, target).function()


class _DilationLowering(PoolLowering):
    def _reach(self, axis: int) -> int:
        return (self.p["kernel"][axis] - 1) * self.p["rates"][axis] + 1

    def _begin(self, axis: int, at: Index) -> Index:
        """The position of a window's first tap, which may lie in the padding."""
        b = self.b
        given = self.p["pads"][2 * axis]
        if not isinstance(given, int):
            size, out = b.dim(self.x.shape[1 + axis]), b.dim(self.y.shape[1 + axis])
            s = self.p["strides"][axis]
            total = b.sub(b.add(b.mul(b.sub(out, 1), s), self._reach(axis)), size)
            given = b.div(b.max(total, 0), 2)
        return b.sub(b.mul(at, self.p["strides"][axis]), given)

    def _span(self, axis: int, at: Index) -> Span:
        """The taps of a window that lie inside the image."""
        b, rate = self.b, self.p["rates"][axis]
        begin = self._begin(axis, at)
        first = b.div(b.add(b.max(b.sub(0, begin), 0), rate - 1), rate)
        room = b.max(b.sub(b.dim(self.x.shape[1 + axis]), begin), 0)
        return first, b.min(b.div(b.add(room, rate - 1), rate), self.p["kernel"][axis])

    def _window(
        self, where: list[Index], window: list[Span], channel: Index, width: int, inside: bool
    ) -> None:
        b = self.b
        begin = [self._begin(axis, at) for axis, at in enumerate(where[1:])]

        def step(taps: list[Index], acc: Value) -> Value:
            at = [b.add(o, b.mul(t, r)) for o, t, r in zip(begin, taps, self.p["rates"], strict=True)]
            x = b.read(b.inputs[0], [where[0], *at, channel], (width,), (3,), inside)
            w = b.read(b.inputs[1], [*taps, channel], (width,), (2,), inside)
            add = arith.FLOAT["addf"] if self.x.dtype.is_float else arith.INTEGER["addi"]
            return self._step(acc, b(add, x, w))

        start = b.splat(b.number(self._start(), signless(self.x.dtype)), (width,))
        acc = self._nest(window, step, start)
        at = [*where, channel]
        b.write(b.apply(2, acc, at, (width,), (3,), inside), b.outputs[0], at, (3,), inside)
