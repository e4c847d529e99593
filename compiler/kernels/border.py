"""Copies an image into a buffer with zeros around it, for kernels that read windows without looking.

With pad None the padding is SAME's: half of what the buffer is larger, the larger half at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..ir.core import Value
from ..ir.types import MemRefType
from ..ops.builtin import FuncOp
from ..target import Target
from .build import Index
from .dialect_kern import Kernel
from .family import KernelBuilder, lowers, zero_row


def stretch(
    b: KernelBuilder, target: Value, row: Sequence[Index], span: tuple[Index, Index], width: int,
    value: Callable[[Index, int], Value],
) -> None:  # fmt: skip
    """Writes vectors over a span of a row; single elements at the end, so that nothing is overwritten."""
    (lo, hi), axis = span, len(row)
    whole = b.add(lo, b.mul(b.div(b.sub(hi, lo), width), width))
    if not (isinstance(whole, int) and whole == lo):
        with b.loop(lo, whole, width) as i:
            b.write(value(i.iv, width), target, [*row, i.iv], (axis,))
    if not (isinstance(whole, int) and whole == hi):
        with b.loop(whole, hi) as i:
            b.write(value(i.iv, 1), target, [*row, i.iv], (axis,))


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
        c = b.dim(self.x.shape[-1])
        #: whether the pixels of a row of the image follow each other
        self.dense = self.x.element_strides[-2:] == (self.x.shape[-1], 1)
        self.source = self._rows(b.inputs[0], self.x) if self.dense else b.inputs[0]
        self.target = self._rows(b.outputs[0], self.y)
        columns = self.x.rank - 2
        left = self._pad(columns - 1)
        self.shown = b.min(b.dim(self.x.shape[columns]), b.sub(b.dim(self.y.shape[columns]), left))
        self.left = b.mul(left, c)
        self.middle = b.add(self.left, b.mul(self.shown, c))
        self.end = b.mul(b.dim(self.y.shape[columns]), c)

    def _rows(self, v: Value, t: MemRefType) -> Value:
        """An image buffer as [n, size…, W * C]."""
        shape = (*t.shape[:-2], t.shape[-2] * t.shape[-1])
        return self.b.reinterpret(v, shape, (*t.element_strides[:-2], 1))

    def _pad(self, axis: int) -> Index:
        given = self.pads[axis]
        if given >= 0:
            return given
        b = self.b
        extra = b.sub(b.dim(self.y.shape[1 + axis]), b.dim(self.x.shape[1 + axis]))
        return b.div(b.max(extra, 0), 2)

    def function(self) -> FuncOp:
        b = self.b
        with b.loop(b.lo, b.hi) as unit:
            at = b.unravel(unit.iv, self.y.shape[:-2])
            self._row(at, at[:1])
        return b.finish()

    def _row(self, at: list[Index], source: list[Index]) -> None:
        """The row `at` of the buffer; `source` is its place in the image as far as that is known."""
        b, axis = self.b, len(source)
        if axis == len(at):
            self._fill(at, 0, self.left)
            self._copy(source, at)
            self._fill(at, self.middle, self.end)
            return
        # one unsigned comparison: rows above the image wrap around to huge numbers
        here = b.sub(at[axis], self._pad(axis - 1))
        inside = b.compare("ult", here, b.dim(self.x.shape[axis]))
        with b.when(inside):
            self._row(at, [*source, here])
        with b.when(b.compare("uge", here, b.dim(self.x.shape[axis]))):
            self._fill(at, 0, self.end)

    def _fill(self, row: list[Index], lo: Index, hi: Index) -> None:
        b = self.b
        stretch(b, self.target, row, (lo, hi), self.width, lambda at, width: zero_row(b, width, self.y.dtype))

    def _copy(self, source: list[Index], row: list[Index]) -> None:
        b = self.b

        def values(first: Index, lead: list[Index]) -> Callable[[Index, int], Value]:
            return lambda at, width: b.read(self.source, [*lead, b.sub(at, first)], (width,), (len(lead),))

        if self.dense:
            stretch(b, self.target, row, (self.left, self.middle), self.width, values(self.left, source))
            return
        c = b.dim(self.x.shape[-1])
        with b.loop(0, self.shown) as pixel:
            lo = b.add(self.left, b.mul(pixel.iv, c))
            stretch(b, self.target, row, (lo, b.add(lo, c)), self.width, values(lo, [*source, pixel.iv]))
