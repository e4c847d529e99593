"""Products of matrices, and einsum, which is made of them."""

from __future__ import annotations

from ...compiler.ir.core import Value
from ...compiler.ops.base import tensor
from ...compiler.ops.elementwise import Cast
from ...compiler.ops.matmul import MatMul
from ...runtime.spec import i8, i32, u8
from .context import Context
from .einsum import Equation, contract
from .registry import Malformed, Refused, converts


@converts("MatMul")
def matmul(c: Context, x: Value, y: Value) -> Value:
    """Of matrices, either of them transposed."""
    return _of_matrices(c, x, y, c.flag("transpose_a", False), c.flag("transpose_b", False))


@converts("SparseMatMul")
def sparse_matmul(c: Context, x: Value, y: Value) -> Value:
    """Like MatMul; that an operand has many zeros is not made use of."""
    if tensor(x).dtype != tensor(y).dtype:
        raise Refused(f"a product of {tensor(x).dtype} and {tensor(y).dtype} is not supported")
    return _of_matrices(c, x, y, c.flag("transpose_a", False), c.flag("transpose_b", False))


def _of_matrices(c: Context, x: Value, y: Value, transpose_x: bool, transpose_y: bool) -> Value:
    if tensor(x).rank != 2 or tensor(y).rank != 2:
        raise Malformed(f"expected two matrices, found {tensor(x)} and {tensor(y)}")
    return c.make(MatMul, x, y, transpose_x=transpose_x, transpose_y=transpose_y)


@converts("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")
def batch_matmul(c: Context, x: Value, y: Value) -> Value:
    """Of stacks of matrices that broadcast, either side transposed; of int8 and uint8 as int32."""
    out = c.dtype("Tout", tensor(x).dtype)
    have = (tensor(x).dtype, tensor(y).dtype)
    if out == i32 and all(d in (i8, u8) for d in have):
        x, y = (c.make(Cast, v, dtype=i32) for v in (x, y))
    elif have != (out, out):
        raise Refused(f"a product of {have[0]} and {have[1]} as {out} is not supported")
    transposed = {"transpose_x": c.flag("adj_x", False), "transpose_y": c.flag("adj_y", False)}
    if tensor(x).rank < 2 or tensor(y).rank < 2:
        raise Malformed(f"expected stacks of matrices, found {tensor(x)} and {tensor(y)}")
    return c.make(MatMul, x, y, **transposed)


@converts("Einsum")
def einsum(c: Context, first: Value, *rest: Value) -> Value:
    """Of any number of operands, two at a time: labels that repeat (diagonals), ellipses, sums."""
    operands = [first, *rest]
    ranks = [tensor(v).rank for v in operands]
    return contract(c, Equation.parse(c.text("equation"), ranks), operands)
