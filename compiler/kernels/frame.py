"""Fills a buffer around a part of it that other kernels write: the border of an image, the padding of a tensor."""

from __future__ import annotations

from ..ir.core import Value
from ..ir.dims import Dim, product
from ..ir.types import MemRefType
from ..ops.builtin import FuncOp
from ..target import Target
from .border import stretch
from .build import Index
from .dialect_kern import Kernel, as_dims
from .family import KernelBuilder, lowers


def row_axis(y: MemRefType, inner: tuple[Dim, ...]) -> int:
    """The dimension from which on the buffer is filled in stretches; the ones before it are a unit each.

    It is the last one that is larger than the part inside, where those behind it are one dense row; but not the
    first one of several, so that threads can share the work.
    """
    axis = max((i for i, (d, n) in enumerate(zip(y.shape, inner, strict=True)) if d != n), default=0)
    axis = min(max(axis, 1), y.rank - 1)
    steps = y.element_strides
    dense = steps[-1] == 1 and all(steps[i] == steps[i + 1] * y.shape[i + 1] for i in range(axis, y.rank - 1))
    return axis if dense else y.rank - 1


@lowers("frame")
def lower_frame(kernel: Kernel, target: Target) -> FuncOp:
    """`(value?, y, symbols…, lo, hi)`; zeros without a value."""
    return _FrameLowering(kernel, target).function()


class _FrameLowering:
    def __init__(self, kernel: Kernel, target: Target) -> None:
        b = self.b = KernelBuilder(kernel)
        self.y: MemRefType = kernel.outputs[0]
        self.low: tuple[Dim, ...] = as_dims(kernel.params["low"])
        self.inner: tuple[Dim, ...] = as_dims(kernel.params["inner"])
        self.width = 2 * target.lanes
        self.axis = row_axis(self.y, self.inner)
        rest = product(self.y.shape[self.axis + 1 :])
        shape = (*self.y.shape[: self.axis], self.y.shape[self.axis] * rest)
        self.rows = b.reinterpret(b.outputs[0], shape, (*self.y.element_strides[: self.axis], 1))
        self.first = b.dim(self.low[self.axis] * rest)
        self.last = b.dim((self.low[self.axis] + self.inner[self.axis]) * rest)
        self.end = b.dim(shape[-1])
        dtype = self.y.dtype
        self.value = b.load(b.inputs[0]) if b.inputs else b.number(0.0 if dtype.is_float else 0, dtype)

    def function(self) -> FuncOp:
        b = self.b
        with b.loop(b.lo, b.hi) as unit:
            self._row(b.unravel(unit.iv, self.y.shape[: self.axis]), 0)
        return b.finish()

    def _row(self, at: list[Index], axis: int) -> None:
        """A row that lies inside along the dimensions before `axis`."""
        b = self.b
        if axis == len(at):
            self._fill(at, 0, self.first)
            self._fill(at, self.last, self.end)
            return
        if self.y.shape[axis] == self.inner[axis]:
            self._row(at, axis + 1)
            return
        # one unsigned comparison: what is in front of the part inside wraps around to huge numbers
        here, size = b.sub(at[axis], b.dim(self.low[axis])), b.dim(self.inner[axis])
        with b.when(b.compare("ult", here, size)):
            self._row(at, axis + 1)
        with b.when(b.compare("uge", here, size)):
            self._fill(at, 0, self.end)

    def _fill(self, row: list[Index], lo: Index, hi: Index) -> None:
        if isinstance(lo, int) and isinstance(hi, int) and lo >= hi:
            return

        def value(at: Index, width: int) -> Value:
            return self.b.splat(self.value, (width,))

        stretch(self.b, self.rows, row, (lo, hi), self.width, value)
