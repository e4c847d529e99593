"""Diagonals of matrices: read into a tensor, or written from one.

A band of diagonals k[0]..k[1] (0 the main one, positive above it) is a tensor [..., count, length], the highest
diagonal first. Shorter diagonals stand at the left or the right end of their row, as `align` says for those above
(and the main one) and for those below.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.dims import Dim, dim_min
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import Gradients, GraphOp, require_at_least, require_equal, same_dtype, shape_error, tensor
from .gradient import flows, terms, zeros

ALIGNMENTS = ("LEFT_LEFT", "LEFT_RIGHT", "RIGHT_LEFT", "RIGHT_RIGHT")


def band_length(rows: Dim, columns: Dim, k: tuple[int, ...]) -> Dim:
    """The length of the longest diagonal of a band."""
    return dim_min(rows + min(k[1], 0), columns - max(k[0], 0))


def band_shape(op: GraphOp, x: TensorType, k: tuple[int, ...]) -> tuple[Dim, ...]:
    """The shape of a band of x[..., rows, columns]; of one diagonal without an axis of its own."""
    if x.rank < 2:
        raise shape_error(op, f"expected matrices, received {x}")
    if len(k) != 2 or k[0] > k[1]:
        raise shape_error(op, f"expected k as a lower and an upper diagonal, received {list(k)}")
    *batch, rows, columns = x.shape
    for d in k:
        outside = f"diagonal {d} is outside of {x}"
        if d:
            require_at_least(op, rows + d if d < 0 else columns - d, 1, outside)
    count = k[1] - k[0] + 1
    return (*batch, *([count] if count > 1 else []), band_length(rows, columns, k))


def places(
    shape: tuple[int, ...], k: tuple[int, ...], align: str
) -> Iterator[tuple[int, int, int, int, int]]:
    """Of each diagonal: its place in the band, where it begins there, first row, first column, length."""
    rows, columns = shape
    longest = max(int(band_length(rows, columns, k)), 0)  # type: ignore[arg-type]
    above, below = align.split("_")
    for at, d in enumerate(range(k[1], k[0] - 1, -1)):
        row, column = max(-d, 0), max(d, 0)
        length = max(min(rows - row, columns - column), 0)
        left = (above if d >= 0 else below) == "LEFT"
        yield at, 0 if left else longest - length, row, column, length


class MatrixDiagPart(GraphOp, name="graph.matrix_diag_part"):
    """The band k[0]..k[1] of x[..., rows, columns]; what is behind the ends of diagonals is `padding`."""

    x = Operand()
    padding = Operand()
    k = Attr(tuple[int, ...], default=(0, 0))
    align = Attr(str, default="RIGHT_LEFT", choices=ALIGNMENTS)

    def infer(self) -> tuple[Type, ...]:
        dtype = same_dtype(self, self.x, self.padding)
        if tensor(self.padding).shape != ():
            raise shape_error(self, "the padding value must be a scalar")
        return (TensorType(band_shape(self, tensor(self.x), self.k), dtype),)

    def evaluate(self, *arrays: Array) -> Array:
        x, padding = arrays
        count = self.k[1] - self.k[0] + 1
        length = int(band_length(x.shape[-2], x.shape[-1], self.k))  # type: ignore[arg-type]
        out = np.full((*x.shape[:-2], count, length), padding, x.dtype)
        for at, begin, row, column, size in places(x.shape[-2:], self.k, self.align):
            i = np.arange(size)
            out[..., at, begin : begin + size] = x[..., row + i, column + i]
        return out if count > 1 else out[..., 0, :]

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        (d,) = terms(b, *dy)
        return flows(self, zeros(b, self.x).make("matrix_set_diag", d, k=self.k, align=self.align), None)


class MatrixSetDiag(GraphOp, name="graph.matrix_set_diag"):
    """x[..., rows, columns] with the band k[0]..k[1] replaced by `diagonal`."""

    x = Operand()
    diagonal = Operand()
    k = Attr(tuple[int, ...], default=(0, 0))
    align = Attr(str, default="RIGHT_LEFT", choices=ALIGNMENTS)

    def infer(self) -> tuple[Type, ...]:
        same_dtype(self, self.x, self.diagonal)
        x, d = tensor(self.x), tensor(self.diagonal)
        expected = band_shape(self, x, self.k)
        if d.rank != len(expected):
            raise shape_error(self, f"diagonals {d} do not fit diagonals {list(self.k)} of {x}")
        for have, want in zip(d.shape, expected, strict=True):
            require_equal(self, have, want)
        return (x,)

    def evaluate(self, *arrays: Array) -> Array:
        x, diagonal = arrays
        out = x.copy()
        band = diagonal if self.k[0] != self.k[1] else diagonal[..., None, :]
        for at, begin, row, column, size in places(x.shape[-2:], self.k, self.align):
            i = np.arange(size)
            out[..., row + i, column + i] = band[..., at, begin : begin + size]
        return out

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        (d,) = terms(b, *dy)
        dx = d.make("matrix_set_diag", zeros(b, self.diagonal), k=self.k, align=self.align)
        return flows(self, dx, d.make("matrix_diag_part", 0, k=self.k, align=self.align))
