"""Linear algebra over stacks of matrices. All of it is computed in float64, whatever the operands are: a result of
float32 is then as good as its data."""

from __future__ import annotations

from collections.abc import Sequence

from ...compiler.ir.core import Op, Value
from ...compiler.ops import linalg as la
from ...compiler.ops.base import tensor
from ...compiler.ops.elementwise import Cast
from ...runtime.spec import f64, i32
from .context import Context
from .nodes_array import broadcast
from .registry import Malformed, Missing, Refused, converts


def _apply(c: Context, cls: type[Op], *operands: Value, **attributes: object) -> tuple[Value, ...]:
    """The results of an op on matrices, float ones in the operands' data type."""
    dtype = tensor(operands[0]).dtype
    for v in operands:
        if tensor(v).rank < 2:
            raise Malformed(f"expected matrices, found {tensor(v)}")
        if not tensor(v).dtype.is_float:
            raise Refused(f"linear algebra of {tensor(v).dtype} is not supported")
    wide = [v if dtype == f64 else c.make(Cast, v, dtype=f64) for v in operands]
    results = c.results(cls, *wide, **attributes)
    if dtype == f64:
        return results
    return tuple(c.make(Cast, r, dtype=dtype) if tensor(r).dtype == f64 else r for r in results)


def _transposed(c: Context, x: Value) -> Value:
    rank = tensor(x).rank
    if rank < 2:
        raise Malformed(f"expected matrices, found {tensor(x)}")
    return c.transpose(x, [*range(rank - 2), rank - 1, rank - 2])


def _adjoint(c: Context, x: Value) -> Value:
    return _transposed(c, x) if c.flag("adjoint", False) else x


def _absent(c: Context, flag: str) -> Missing:
    return Missing(c.node.op, c.name, f"a result that {flag}=false leaves out is not supported")


@converts("MatrixInverse", "BatchMatrixInverse")
def inverse(c: Context, x: Value) -> Value:
    """A matrix that is not invertible is an error at run time."""
    return _apply(c, la.Inverse, _adjoint(c, x))[0]


@converts("MatrixSolve", "BatchMatrixSolve")
def solve(c: Context, x: Value, y: Value) -> Value:
    """A matrix that is not invertible is an error at run time."""
    if tensor(x).rank != tensor(y).rank:
        raise Malformed(f"expected operands of one rank, found {tensor(x)} and {tensor(y)}")
    return _apply(c, la.Solve, _adjoint(c, x), y)[0]


@converts("MatrixTriangularSolve", "BatchMatrixTriangularSolve")
def triangular_solve(c: Context, x: Value, y: Value) -> Value:
    """Lower or upper, with stacks that broadcast."""
    lower = c.flag("lower", True)
    if c.flag("adjoint", False):
        x, lower = _transposed(c, x), not lower
    if tensor(x).rank < 2 or tensor(y).rank < 2:
        raise Malformed(f"expected matrices, found {tensor(x)} and {tensor(y)}")
    x, y = _stacks_of_one_shape(c, x, y)
    return _apply(c, la.TriangularSolve, x, y, upper=not lower)[0]


def _stacks_of_one_shape(c: Context, x: Value, y: Value) -> tuple[Value, Value]:
    """Two stacks of matrices, either of them repeated where the other has more."""
    shapes = [tensor(v).shape for v in (x, y)]
    if shapes[0][:-2] == shapes[1][:-2]:
        return x, y
    rank = max(map(len, shapes)) - 2
    padded = [(*(1,) * (rank + 2 - len(s)), *s[:-2]) for s in shapes]
    lead = [b if a == 1 or (isinstance(b, int) and b != 1) else a for a, b in zip(*padded, strict=True)]
    out = [broadcast(c, v, (*lead, *s[-2:])) for v, s in zip((x, y), shapes, strict=True)]
    return out[0], out[1]


@converts("MatrixDeterminant", "BatchMatrixDeterminant")
def determinant(c: Context, x: Value) -> Value:
    """Of square matrices."""
    return _apply(c, la.Determinant, x)[0]


@converts("LogMatrixDeterminant", outputs=("sign", "log_abs_determinant"))
def log_determinant(c: Context, x: Value) -> Sequence[Value]:
    """Of square matrices."""
    return _apply(c, la.Determinant, x, log=True)


@converts("Cholesky", "BatchCholesky")
def cholesky(c: Context, x: Value) -> Value:
    """NaN where a matrix is not positive definite."""
    return _apply(c, la.Cholesky, x)[0]


@converts("Lu", outputs=("lu", "p"))
def lu(c: Context, x: Value) -> Sequence[Value]:
    """A matrix that is not invertible is an error at run time."""
    return _apply(c, la.Lu, x, index_dtype=c.dtype("output_idx_type", i32))


@converts("Qr", outputs=("q", "r"))
def qr(c: Context, x: Value) -> Sequence[Value]:
    """With reduced or full matrices."""
    return _apply(c, la.Qr, x, full_matrices=c.flag("full_matrices", False))


@converts("Svd", "BatchSvd", outputs=("s", "u", "v"))
def svd(c: Context, x: Value) -> Sequence[Value | Missing]:
    """With reduced or full matrices, or singular values alone; the signs of singular vectors are free."""
    full = c.flag("full_matrices", False)
    if c.flag("compute_uv", True):
        return _apply(c, la.Svd, x, full_matrices=full)
    (s,) = _apply(c, la.Svd, x, compute_uv=False)
    return s, _absent(c, "compute_uv"), _absent(c, "compute_uv")


@converts("SelfAdjointEigV2", "BatchSelfAdjointEigV2", outputs=("e", "v"))
def self_adjoint_eig(c: Context, x: Value) -> Sequence[Value | Missing]:
    """With or without eigenvectors, whose signs are free."""
    if c.flag("compute_v", True):
        return _apply(c, la.SelfAdjointEig, x)
    (e,) = _apply(c, la.SelfAdjointEig, x, compute_v=False)
    return e, _absent(c, "compute_v")
