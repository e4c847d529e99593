"""The gradient of a depthwise convolution by its filter: vectors run along the channels.

For each tap of the window the image's numbers under it times dy's are summed over pixels. The taps of a window, or of a
row of it where they are many, have an accumulator each, so that a vector of dy is loaded once for all of them. The
parallel range is parts of the rows by vectors of channels; what some rows give is added to the sums so far.
"""

from __future__ import annotations

import math

from ..ir.core import Value
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_arith as arith
from .build import Index, LoopNest
from .dialect_kern import Kernel
from .family import KernelBuilder, lowers, zero_row

#: accumulators at a time
MOST_TAPS = 16
#: rows of dy whose sums are added up apart from the others
ROWS = 4


@lowers("depthwise_filter")
def lower_depthwise_filter(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, dy, sums, symbols…, lo, hi)` with x [n, H, W, C] and its border, dy [n, OH, OW, C], sums
    [parts, KH * KW, C]."""
    return _DepthwiseFilter(kernel, target).function()


class _DepthwiseFilter:
    def __init__(self, kernel: Kernel, target: Target) -> None:
        b = self.b = KernelBuilder(kernel)
        p = kernel.params
        self.kernel: tuple[int, int] = p["kernel"]
        self.strides: tuple[int, int] = p["strides"]
        self.dilations: tuple[int, int] = p["dilations"]
        self.x, self.dy, self.sums = b.inputs[0], b.inputs[1], b.outputs[0]
        out = kernel.inputs[1]
        self.dtype, self.count = out.dtype, b.dim(out.shape[0])
        self.height, self.width, self.channels = (int(d) for d in out.shape[1:])  # type: ignore[arg-type]
        self.parts = int(kernel.outputs[0].shape[0])  # type: ignore[arg-type]
        self.lanes = target.lanes
        self.blocks = -(-self.height // ROWS)

    def function(self) -> FuncOp:
        b = self.b
        vectors = -(-self.channels // self.lanes)
        total = b.mul(self.count, self.blocks)
        with b.loop(b.lo, b.hi) as unit:
            part, c = b.div(unit.iv, vectors), b.mul(b.rem(unit.iv, vectors), self.lanes)
            first, last = (b.div(b.mul(at, total), self.parts) for at in (part, b.add(part, 1)))
            with b.loop(0, math.prod(self.kernel)) as tap:
                self._write(zero_row(b, self.lanes, self.dtype), part, tap.iv, c)
            with b.loop(first, last) as block:
                image, top = b.div(block.iv, self.blocks), b.mul(b.rem(block.iv, self.blocks), ROWS)
                end = b.min(b.add(top, ROWS), self.height)
                self._window(part, image, top, end, c)
        return b.finish()

    def _write(self, value: Value, part: Index, tap: Index, c: Index) -> None:
        self.b.write(value, self.sums, [part, tap, c], (2,), self.channels % self.lanes == 0)

    def _window(self, part: Index, image: Index, top: Index, end: Index, c: Index) -> None:
        """What some rows add to the sums of all taps."""
        b, (kh, kw) = self.b, self.kernel
        if kh * kw <= MOST_TAPS:
            self._taps(part, image, top, end, c, [(i, j) for i in range(kh) for j in range(kw)])
            return
        with b.loop(0, kh) as row:
            for first in range(0, kw, MOST_TAPS):
                taps = range(first, min(first + MOST_TAPS, kw))
                self._taps(part, image, top, end, c, [(row.iv, j) for j in taps])

    def _taps(
        self, part: Index, image: Index, top: Index, end: Index, c: Index, taps: list[tuple[Index, int]]
    ) -> None:
        b, inside = self.b, self.channels % self.lanes == 0
        zeros = [zero_row(b, self.lanes, self.dtype)] * len(taps)
        with b.loop(top, end, 1, zeros) as y:
            self._row(image, y, c, taps)
        for (i, j), total in zip(taps, y.results, strict=True):
            tap = b.add(b.mul(i, self.kernel[1]), j)
            have = b.read(self.sums, [part, tap, c], (self.lanes,), (2,), inside)
            add = arith.FLOAT["addf"] if self.dtype.is_float else arith.INTEGER["addi"]
            self._write(b(add, have, total), part, tap, c)

    def _row(self, image: Index, y: LoopNest, c: Index, taps: list[tuple[Index, int]]) -> None:
        """A row of pixels; it yields the sums of the loop over rows."""
        b, inside = self.b, self.channels % self.lanes == 0
        with b.loop(0, self.width, 1, y.carried) as x:
            given = b.read(self.dy, [image, y.iv, x.iv, c], (self.lanes,), (3,), inside)
            sums: list[Value] = []
            for (i, j), total in zip(taps, x.carried, strict=True):
                row = b.add(b.mul(y.iv, self.strides[0]), b.mul(i, self.dilations[0]))
                at = [image, row, b.add(b.mul(x.iv, self.strides[1]), j * self.dilations[1]), c]
                sums.append(self._step(b.read(self.x, at, (self.lanes,), (3,), inside), given, total))
            x.yielded = tuple(sums)
        y.yielded = x.results

    def _step(self, x: Value, dy: Value, total: Value) -> Value:
        if self.dtype.is_float:
            return self.b(arith.Fma, x, dy, total)
        return self.b(arith.INTEGER["addi"], total, self.b(arith.INTEGER["muli"], x, dy))
