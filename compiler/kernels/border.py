"""Copies an image into a buffer with zeros around it, for kernels that read windows without looking.

With pad None the padding is SAME's: half of what the buffer is larger, the larger half at the end."""

from __future__ import annotations

from collections.abc import Callable

from ..ir.core import Value
from ..ir.types import MemRefType
from ..ops.builtin import FuncOp
from ..target import Target
from .build import Index
from .dialect_kern import Kernel
from .family import KernelBuilder, lowers, zero_row


@lowers("border")
def lower_border(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, y, symbols…, lo, hi)`; a row of the buffer is a unit."""
    return _BorderLowering(kernel, target).function()


class _BorderLowering:
    def __init__(self, kernel: Kernel, target: Target) -> None:
        b = self.b = KernelBuilder(kernel)
        self.x: MemRefType = kernel.inputs[0]
        self.y: MemRefType = kernel.outputs[0]
        self.width = 2 * target.lanes
        self.pads = kernel.params["pads"]
        c = b.dim(self.x.shape[3])
        self.source = self._rows(b.inputs[0], self.x)
        self.target = self._rows(b.outputs[0], self.y)
        left = self._pad(1)
        shown = b.min(b.dim(self.x.shape[2]), b.sub(b.dim(self.y.shape[2]), left))
        self.left = b.mul(left, c)
        self.middle = b.add(self.left, b.mul(shown, c))
        self.end = b.mul(b.dim(self.y.shape[2]), c)

    def _rows(self, v: Value, t: MemRefType) -> Value:
        """An image buffer as [n, H, W * C]."""
        n, h, w, c = t.shape
        return self.b.reinterpret(v, (n, h, w * c), (h * w * c, w * c, 1))

    def _pad(self, axis: int) -> Index:
        given = self.pads[axis]
        if given >= 0:
            return given
        b = self.b
        extra = b.sub(b.dim(self.y.shape[1 + axis]), b.dim(self.x.shape[1 + axis]))
        return b.div(b.max(extra, 0), 2)

    def function(self) -> FuncOp:
        b = self.b
        rows, top = b.dim(self.y.shape[1]), self._pad(0)
        with b.loop(b.lo, b.hi) as unit:
            image, row = b.div(unit.iv, rows), b.rem(unit.iv, rows)
            # one unsigned comparison: rows above the image wrap around to huge numbers
            source = b.sub(row, top)
            inside = b.compare("ult", source, b.dim(self.x.shape[1]))
            with b.when(inside):
                self._fill(image, row, 0, self.left)
                self._copy(image, source, row)
                self._fill(image, row, self.middle, self.end)
            with b.when(b.compare("uge", source, b.dim(self.x.shape[1]))):
                self._fill(image, row, 0, self.end)
        return b.finish()

    def _fill(self, image: Index, row: Index, lo: Index, hi: Index) -> None:
        b = self.b
        self._stretch(lo, hi, lambda at, width: zero_row(b, width, self.y.dtype), image, row)

    def _copy(self, image: Index, source: Index, row: Index) -> None:
        b = self.b

        def value(at: Index, width: int) -> Value:
            return b.read(self.source, [image, source, b.sub(at, self.left)], (width,), (2,))

        self._stretch(self.left, self.middle, value, image, row)

    def _stretch(
        self, lo: Index, hi: Index, value: Callable[[Index, int], Value], image: Index, row: Index
    ) -> None:
        """Writes vectors over lo..hi of a row; single elements at the end, so that nothing is overwritten."""
        b, width = self.b, self.width
        whole = b.add(lo, b.mul(b.div(b.sub(hi, lo), width), width))
        with b.loop(lo, whole, width) as i:
            b.write(value(i.iv, width), self.target, [image, row, i.iv], (2,))
        if not (isinstance(whole, int) and whole == hi):
            with b.loop(whole, hi) as i:
                b.write(value(i.iv, 1), self.target, [image, row, i.iv], (2,))
