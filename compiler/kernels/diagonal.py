"""Diagonals of matrices, one a unit: read into a band, or written from one."""

from __future__ import annotations

from collections.abc import Callable

from ..ir.core import Value
from ..ir.dims import product
from ..ir.types import MemRefType
from ..ops.builtin import FuncOp
from ..ops.diagonal import band_length
from ..target import Target
from .build import Index
from .dialect_kern import Kernel
from .family import lowers
from .scalar import ScalarBuilder


class _Band:
    """The band of `matrices` in `band`, with the walk along one of its diagonals."""

    def __init__(self, b: ScalarBuilder, matrices: tuple[Value, MemRefType], band: Value) -> None:
        self.b = b
        buffer, t = matrices
        *batch, rows, columns = t.shape
        self.k: tuple[int, ...] = b.kernel.params["k"]
        self.sizes = (rows, columns)
        self.count = self.k[1] - self.k[0] + 1
        self.batch = product(batch)
        length = band_length(rows, columns, self.k)
        self.length = b.dim(length)
        self.matrices = b.dense(buffer, (self.batch, rows, columns))
        self.band = b.dense(band, (self.batch, self.count, length))

    def diagonal(self, at: Index) -> tuple[Index, Index, Index, Index]:
        """Of diagonal number `at`: first row, first column, length, and where it begins in the band."""
        b = self.b
        rows, columns = (b.dim(d) for d in self.sizes)
        d = b.sub(self.k[1], at)
        row, column = b.max(b.sub(0, d), 0), b.max(d, 0)
        size = b.max(b.min(b.sub(rows, row), b.sub(columns, column)), 0)
        above, below = (0 if side == "LEFT" else 1 for side in b.kernel.params["align"].split("_"))
        rest = b.sub(self.length, size)
        if above == below:
            return row, column, size, b.mul(above, rest)
        is_above = b.holds("sge", d, 0).v
        (begin,) = b.choose(
            is_above, lambda: [b.idx(b.mul(above, rest))], lambda: [b.idx(b.mul(below, rest))]
        )
        return row, column, size, begin

    def each(self, body: Callable[[Index, Index, tuple[Index, Index, Index, Index]], None]) -> FuncOp:
        """`body(matrix, number, diagonal)` for the diagonals of all units."""
        b = self.b
        with b.loop(b.lo, b.hi) as unit:
            matrix, at = b.unravel(unit.iv, (self.batch, self.count))
            body(matrix, at, self.diagonal(at))
        return b.finish()


@lowers("matrix_diag_part")
def lower_matrix_diag_part(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, padding, y, symbols…, lo, hi)`."""
    b = ScalarBuilder(kernel)
    band = _Band(b, (b.inputs[0], kernel.inputs[0]), b.outputs[0])

    def read(matrix: Index, at: Index, found: tuple[Index, Index, Index, Index]) -> None:
        row, column, size, begin = found
        padding = b.load(b.inputs[1])
        end = b.add(begin, size)
        for lo, hi in ((0, begin), (end, band.length)):
            with b.loop(lo, hi) as i:
                b.store(padding, band.band, matrix, at, i.iv)
        with b.loop(0, size) as i:
            value = b.load(band.matrices, matrix, b.add(row, i.iv), b.add(column, i.iv))
            b.store(value, band.band, matrix, at, b.add(begin, i.iv))

    return band.each(read)


@lowers("matrix_set_diag")
def lower_matrix_set_diag(kernel: Kernel, target: Target) -> FuncOp:
    """`(diagonal, y, symbols…, lo, hi)`; y holds the matrices already."""
    b = ScalarBuilder(kernel)
    band = _Band(b, (b.outputs[0], kernel.outputs[0]), b.inputs[0])

    def write(matrix: Index, at: Index, found: tuple[Index, Index, Index, Index]) -> None:
        row, column, size, begin = found
        with b.loop(0, size) as i:
            value = b.load(band.band, matrix, at, b.add(begin, i.iv))
            b.store(value, band.matrices, matrix, b.add(row, i.iv), b.add(column, i.iv))

    return band.each(write)
