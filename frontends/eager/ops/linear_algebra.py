"""Linear algebra over stacks of matrices. It is computed in float64, whatever the operands are: a result of float32 is
then as good as its data."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....compiler.ir.core import Op
from ....compiler.ops import linalg as la
from ....runtime.errors import InputError, ShapeError
from ....runtime.spec import f64, i32
from ..tensor import Tensor, TensorLike, cast, floats, ops, pair
from .arrays import expand_dims, moveaxis, swapaxes
from .elementwise import absolute, log, power, sqrt, square, where
from .matrices import diagonal, tril, triu
from .ordering import argsort
from .products import matmul
from .reductions import axes_of, max, min, sum

__all__ = [
    "cholesky", "cholesky_inverse", "det", "eigh", "inv", "logdet", "lstsq", "lu_factor", "matrix_rank",
    "norm", "pinv", "qr", "slogdet", "solve", "solve_triangular", "svd",
]  # fmt: skip


def _apply(cls: type[Op], *operands: Tensor, **attributes: Any) -> list[Tensor]:
    """The results of an op on matrices, float ones in the operands' data type."""
    dtype = operands[0].type.dtype
    for x in operands:
        if x.ndim < 2:
            raise ShapeError(f"expected matrices, received {x.shape}")
    results = ops(cls, *(cast(x, f64) for x in operands), **attributes)
    return [cast(r, dtype) if r.type.dtype == f64 else r for r in results]


def _turned(x: Tensor) -> Tensor:
    return swapaxes(x, -1, -2)


def cholesky(x: TensorLike, upper: bool = False) -> Tensor:
    """The lower triangular L with L·Lᵀ = x, or its transpose; NaN where x is not positive definite."""
    (made,) = _apply(la.Cholesky, floats(x))
    return _turned(made) if upper else made


def cholesky_inverse(x: TensorLike, upper: bool = False) -> Tensor:
    """The inverse of the matrix whose Cholesky factor x is."""
    x = floats(x)
    factor = triu(x) if upper else tril(x)
    own = matmul(_turned(factor), factor) if upper else matmul(factor, _turned(factor))
    return inv(own)


def det(x: TensorLike) -> Tensor:
    """The determinants of square matrices."""
    return _apply(la.Determinant, floats(x))[0]


def slogdet(x: TensorLike) -> tuple[Tensor, Tensor]:
    """The signs of determinants, and the logarithms of their absolute values."""
    sign, size = _apply(la.Determinant, floats(x), log=True)
    return sign, size


def logdet(x: TensorLike) -> Tensor:
    """The logarithms of the determinants of positive definite matrices."""
    x = floats(x)
    return sum(log(diagonal(cholesky(x), 0, -2, -1)), -1) * 2.0


def inv(x: TensorLike) -> Tensor:
    """The inverse matrices; one that has none is an error when it is computed."""
    return _apply(la.Inverse, floats(x))[0]


def solve(a: TensorLike, b: TensorLike) -> Tensor:
    """The x with a · x = b, for right sides as matrices or, one rank lower than a, vectors."""
    return _solved(la.Solve, a, b)


def solve_triangular(a: TensorLike, b: TensorLike, lower: bool = False) -> Tensor:
    """The x with a · x = b for upper (or lower) triangular matrices, of which only that triangle is read."""
    return _solved(la.TriangularSolve, a, b, upper=not lower)


def _solved(cls: type[Op], a: TensorLike, b: TensorLike, **attributes: Any) -> Tensor:
    x, y = pair(floats(a), floats(b))
    vectors = y.ndim == x.ndim - 1
    y = expand_dims(y, -1) if vectors else y
    (z,) = _apply(cls, x, y, **attributes)
    return z[..., 0] if vectors else z


def qr(x: TensorLike, mode: str = "reduced") -> tuple[Tensor, Tensor]:
    """Orthogonal and upper triangular matrices whose product is x; "complete" with a square first one."""
    if mode not in ("reduced", "complete"):
        raise InputError(f"expected mode 'reduced' or 'complete', received {mode!r}")
    q, r = _apply(la.Qr, floats(x), full_matrices=mode == "complete")
    return q, r


def svd(x: TensorLike, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """u, s, vᵀ with u · diag(s) · vᵀ = x, the largest singular value first; s alone without `compute_uv`."""
    x = floats(x)
    if not compute_uv:
        return _apply(la.Svd, x, compute_uv=False)[0]
    s, u, v = _apply(la.Svd, x, full_matrices=full_matrices)
    return u, s, _turned(v)


def eigh(x: TensorLike) -> tuple[Tensor, Tensor]:
    """The eigenvalues of symmetric matrices, the smallest first, and the eigenvectors as columns."""
    e, v = _apply(la.SelfAdjointEig, floats(x))
    return e, v


def lu_factor(x: TensorLike) -> tuple[Tensor, Tensor]:
    """L and U in one matrix, and for every row of x which row of their product it is, int32."""
    lu, order = _apply(la.Lu, floats(x), index_dtype=i32)
    return lu, argsort(order)


def _epsilon(x: Tensor) -> float:
    return float(np.finfo(x.type.dtype.numpy).eps) if x.type.dtype.tf_name != "bfloat16" else 2.0**-7


def _sides(x: Tensor) -> tuple[int, int]:
    rows, columns = x.shape[-2:]
    if rows is None or columns is None:
        raise ShapeError(f"expected matrices of a known size, received {x.shape}")
    return rows, columns


def matrix_rank(x: TensorLike, tol: TensorLike = None) -> Tensor:
    """How many singular values are above a tolerance, int32; by default the rounding of the largest one."""
    x = floats(x)
    s = svd(x, compute_uv=False)
    if tol is None:
        tol = max(s, -1, True) * (_epsilon(x) * np.max(_sides(x)).item())
    return sum(cast(s > tol, i32), -1)


def pinv(x: TensorLike, rcond: TensorLike = None) -> Tensor:
    """The pseudo-inverse: singular values up to `rcond` times the largest one count as 0."""
    x = floats(x)
    u, s, v = svd(x, full_matrices=False)
    rcond = 10.0 * np.max(_sides(x)).item() * _epsilon(x) if rcond is None else rcond
    kept = s > max(s, -1, True) * rcond
    inverse = where(kept, 1.0 / where(kept, s, 1.0), 0.0)
    return matmul(_turned(v) * expand_dims(inverse, -2), _turned(u))


def lstsq(a: TensorLike, b: TensorLike, rcond: float | None = None) -> Tensor:
    """The x for which a · x is nearest to b; of several the shortest."""
    x, y = pair(floats(a), floats(b))
    if x.ndim != 2 or y.ndim not in (1, 2) or x.shape[0] != y.shape[0]:
        raise ShapeError(
            f"expected a matrix and right sides of as many rows, received {x.shape} and {y.shape}"
        )
    vector = y.ndim == 1
    y = expand_dims(y, 1) if vector else y
    u, s, v = svd(x, full_matrices=False)
    least = _epsilon(x) * np.max(_sides(x)).item() if rcond is None else _epsilon(x) if rcond < 0 else rcond
    kept = s >= s[0] * least
    inverse = where(kept, 1.0 / where(kept, s, 1.0), 0.0)
    found = matmul(_turned(v), expand_dims(inverse, 1) * matmul(_turned(u), y))
    return found[:, 0] if vector else found


def norm(x: TensorLike, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The norm of vectors along one axis, or of the matrices that two axes make; without an axis, of all numbers.

    Of vectors ord None or 2 is the Euclidean norm, infinity and -infinity the largest and the smallest absolute
    value, 0 how many are not 0, any other p the p-norm. Of matrices None and "fro" are the Frobenius norm, "nuc" the
    sum of singular values, 2 and -2 the largest and smallest of these, 1, -1 and the infinities sums of columns or
    rows.

    Raises:
        InputError: an order that there is not, or more than two axes.
    """
    x = floats(x)
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    axes_of(x, axes)
    axes = tuple(a % x.ndim for a in axes)
    if len(axes) > 2 and ord is not None:
        raise InputError(f"expected one or two axes for ord {ord!r}, received {axes}")
    if ord is None or (ord == "fro" and len(axes) == 2) or (ord == 2 and len(axes) == 1):
        return sqrt(sum(square(x), axes, keepdims))
    return _vector_norm(x, ord, axes[0], keepdims) if len(axes) == 1 else _matrix_norm(x, ord, axes, keepdims)


def _vector_norm(x: Tensor, ord: Any, axis: int, keepdims: bool) -> Tensor:
    if isinstance(ord, str):
        raise InputError(f"expected a number as the order of a vector's norm, received {ord!r}")
    if ord in (float("inf"), float("-inf")):
        return (max if ord > 0 else min)(absolute(x), axis, keepdims)
    if ord == 0:
        return sum(cast(x != 0, x.type.dtype), axis, keepdims)
    if ord == 1:
        return sum(absolute(x), axis, keepdims)
    return power(sum(power(absolute(x), float(ord)), axis, keepdims), 1 / ord)


def _matrix_norm(x: Tensor, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    if ord not in ("nuc", 1, -1, 2, -2, float("inf"), float("-inf")):
        raise InputError(
            f"expected ord 'fro', 'nuc', 1, -1, 2, -2 or an infinity for matrices, received {ord!r}"
        )
    moved = moveaxis(x, axes, (-2, -1))
    if ord in ("nuc", 2, -2):
        found = {"nuc": sum, 2: max, -2: min}[ord](svd(moved, compute_uv=False), -1)
    else:
        totals = sum(absolute(moved), -2 if abs(ord) == 1 else -1)
        found = (max if ord > 0 else min)(totals, -1)
    return expand_dims(found, sorted(axes)) if keepdims else found
