"""Floating-point operations and bytes of graph ops, as dimensions."""

from __future__ import annotations

from ..ir.core import Op, Value
from ..ir.dims import Dim, product
from ..ir.types import TensorType
from ..ops.base import tensor
from ..ops.conv import Conv2D, Conv3D, ConvTranspose
from ..ops.conv_gradient import ConvFilterGradient
from ..ops.matmul import MatMul
from ..ops.moments import Moments
from ..ops.pool import Dilation2D, Pool
from ..ops.recurrent_base import RecurrentOp
from ..ops.reduce import Reduce


def flops(op: Op) -> Dim:
    """Operations of one op: two for each multiply-add, one for each element of anything else."""
    if isinstance(op, (Conv2D, Conv3D)):
        return 2 * tensor(op.result).size * product(tensor(op.w).shape[:-1])
    if isinstance(op, ConvTranspose):
        return 2 * tensor(op.x).size * product(tensor(op.w).shape[:-1])
    if isinstance(op, ConvFilterGradient):
        return 2 * tensor(op.dy).size * product(tensor(op.result).shape[:-1])
    if isinstance(op, MatMul):
        x = tensor(op.x)
        return 2 * tensor(op.result).size * x.shape[-2 if op.transpose_x else -1]
    if isinstance(op, RecurrentOp):
        # the recurrent product; that of the input is one of its own
        u: Value = op.u  # type: ignore[attr-defined]
        return 2 * product(tensor(op.results[0]).shape[:2]) * tensor(u).size
    if isinstance(op, (Pool, Dilation2D)):
        return tensor(op.results[0]).size * product(op.kernel)
    if isinstance(op, Reduce):
        return tensor(op.x).size
    if isinstance(op, Moments):
        return 5 * tensor(op.x).size
    if op.has("pointwise"):
        return tensor(op.result).size
    return 0


def bytes_moved(op: Op) -> Dim:
    """Bytes of operands and results, each counted once."""
    total: Dim = 0
    for v in dict.fromkeys((*op.operands, *op.results)):
        if isinstance(v.type, TensorType):
            total = total + v.type.size * v.type.dtype.size
    return total
