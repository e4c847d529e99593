"""Matrix products."""

from __future__ import annotations

import numpy as np

from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.dims import Dim, product
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import Gradients, GraphOp, broadcast_shapes, require_equal, same_dtype, shape_error, tensor
from .gradient import Term, flows, terms


class MatMul(GraphOp, name="graph.matmul"):
    """x[..., M, K] · y[..., K, N]; leading dimensions broadcast; either side may be transposed."""

    x = Operand()
    y = Operand()
    transpose_x = Attr(bool, default=False)
    transpose_y = Attr(bool, default=False)

    def infer(self) -> tuple[Type, ...]:
        return (matmul_type(self),)

    def evaluate(self, *arrays: Array) -> Array:
        x, y = arrays
        x = np.swapaxes(x, -1, -2) if self.transpose_x else x
        y = np.swapaxes(y, -1, -2) if self.transpose_y else y
        return np.matmul(x, y)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        """Of one matrix for a whole stack of x, two products over all rows of the stack."""
        d, x, y = terms(b, *dy, self.x, self.y)
        if x.rank > 2 and y.rank == 2 and not self.transpose_x:
            rows = product(x.shape[:-1])
            dx, dw = self._gradient(d.reshape((rows, d.shape[-1])), x.reshape((rows, x.shape[-1])), y)
            return dx.reshape(x.shape).v, dw.v
        return flows(self, *self._gradient(d, x, y))

    def _gradient(self, d: Term, x: Term, y: Term) -> tuple[Term, Term]:
        tx, ty = self.transpose_x, self.transpose_y
        dx = y.matmul(d, ty, True) if tx else d.matmul(y, False, not ty)
        return dx, d.matmul(x, True, tx) if ty else x.matmul(d, not tx)


def matmul_type(op: MatMul) -> TensorType:
    """The result type of a product."""
    dtype = same_dtype(op, op.x, op.y)
    xs, ys = tensor(op.x).shape, tensor(op.y).shape
    if len(xs) < 2 or len(ys) < 2:
        raise shape_error(op, f"operands need two or more dimensions, received ranks {len(xs)} and {len(ys)}")
    m, k = (xs[-1], xs[-2]) if op.transpose_x else (xs[-2], xs[-1])
    k2, n = (ys[-1], ys[-2]) if op.transpose_y else (ys[-2], ys[-1])
    require_equal(op, k, k2)
    batch: tuple[Dim, ...] = broadcast_shapes(op, xs[:-2], ys[:-2], provably=True)
    return TensorType((*batch, m, n), dtype)
