"""Diagonals and triangles of matrices, and products that need them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....compiler.ops.diagonal import MatrixDiagPart, MatrixSetDiag
from ....runtime.errors import ShapeError
from ....runtime.spec import boolean
from ..tensor import Tensor, TensorLike, convert, floats, numbers, op, pair
from .arrays import broadcast_dims, concatenate, expand_dims, iota, moveaxis, ravel, reshape_to, transpose
from .elementwise import sqrt, square, where
from .products import matmul
from .reductions import mean, sum

__all__ = [
    "cdist", "corrcoef", "correlate", "cross", "diag", "diagflat", "diagonal", "kron", "trace", "tril",
    "triu",
]  # fmt: skip


def _triangle(x: TensorLike, k: int, lower: bool) -> Tensor:
    x = convert(x)
    if x.ndim < 2:
        raise ShapeError(f"expected matrices, received {x.shape}")
    rows, columns = x.type.shape[-2:]
    if isinstance(rows, int) and isinstance(columns, int):
        distance = np.arange(columns)[None, :] - np.arange(rows)[:, None]
        mask = convert(distance <= k if lower else distance >= k, boolean)
    else:
        apart = iota(columns) - expand_dims(iota(rows), 1)
        mask = apart <= k if lower else apart >= k
    return where(mask, x, convert(0, x.type.dtype))


def tril(x: TensorLike, k: int = 0) -> Tensor:
    """The lower triangle of matrices; zeros above the k-th diagonal."""
    return _triangle(x, k, True)


def triu(x: TensorLike, k: int = 0) -> Tensor:
    """The upper triangle of matrices; zeros below the k-th diagonal."""
    return _triangle(x, k, False)


def diagonal(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The diagonal of the matrices that two axes make, as the last axis."""
    x = moveaxis(convert(x), (axis1, axis2), (-2, -1))
    rows, columns = x.shape[-2:]
    if (rows is not None and -offset >= rows) or (columns is not None and offset >= columns):
        return reshape_to(x[..., :0, 0], (*x.type.shape[:-2], 0))
    return op(MatrixDiagPart, x, convert(0, x.type.dtype), k=(offset, offset))


def diag(x: TensorLike, k: int = 0) -> Tensor:
    """The k-th diagonal of a matrix; of a vector the matrix that has it there.

    Raises:
        ShapeError: x is neither.
    """
    x = convert(x)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ShapeError(f"expected a vector or a matrix, received {x.shape}")
    size = x.type.shape[0] + abs(k)
    blank = broadcast_dims(convert(0, x.type.dtype), (size, size))
    return op(MatrixSetDiag, blank, x, k=(k, k))


def diagflat(x: TensorLike, k: int = 0) -> Tensor:
    """The matrix with all elements of x on its k-th diagonal."""
    return diag(ravel(x), k)


def trace(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum of a diagonal; small integers are added up as int32."""
    return sum(diagonal(numbers(x), offset, axis1, axis2), -1)


def kron(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The Kronecker product: every element of x1 times all of x2."""
    a, b = pair(convert(x1), convert(x2))
    rank = max(a.ndim, b.ndim)
    first, second = ((*(1,) * (rank - t.ndim), *t.type.shape) for t in (a, b))
    outer = tuple(d for size in first for d in (size, 1))
    inner = tuple(d for size in second for d in (1, size))
    sizes = tuple(p * q for p, q in zip(first, second, strict=True))
    return reshape_to(reshape_to(a, outer) * reshape_to(b, inner), sizes)


def cross(
    x1: TensorLike, x2: TensorLike, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Tensor:
    """The cross product of vectors of 2 or 3 numbers along an axis; of two with 2 only its last number.

    Raises:
        ShapeError: vectors of another size.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = pair(convert(x1), convert(x2))
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise ShapeError(f"expected vectors of 2 or 3 numbers, received {a.shape} and {b.shape}")
    flat = a.shape[-1] == 2 and b.shape[-1] == 2
    p, q = ([t[..., i] if i < (t.shape[-1] or 0) else None for i in range(3)] for t in (a, b))
    last = _minus(p[0], q[1], p[1], q[0])
    if flat:
        return last
    parts = [_minus(p[1], q[2], p[2], q[1]), _minus(p[2], q[0], p[0], q[2]), last]
    return moveaxis(concatenate([expand_dims(v, -1) for v in parts], -1), -1, axisc)


def _minus(a: Any, b: Any, c: Any, d: Any) -> Any:
    """a * b - c * d, where None is 0."""
    if a is None or b is None:
        return -(c * d)
    return a * b if c is None or d is None else a * b - c * d


def correlate(x1: TensorLike, x2: TensorLike, mode: str = "valid") -> Tensor:
    """The sums of products of two vectors at every shift: all of them ("full"), as many as the longer vector has
    ("same"), or those where the shorter one lies inside ("valid")."""
    from .arrays import pad
    from .convolutions import conv

    a, b = pair(floats(x1), floats(x2))
    if a.ndim != 1 or b.ndim != 1 or a.shape[0] is None or b.shape[0] is None:
        raise ShapeError(f"expected vectors of known sizes, received {a.shape} and {b.shape}")
    if mode not in ("valid", "same", "full"):
        raise ShapeError(f"expected mode 'valid', 'same' or 'full', received {mode!r}")
    n, m = a.shape[0], b.shape[0]
    a = a if mode == "valid" else pad(a, m - 1)
    made = conv(reshape_to(a, (1, -1, 1)), reshape_to(b, (m, 1, 1)))[0, :, 0]
    if mode != "same":
        return made
    start = (n + m - 1 - max(n, m)) // 2
    return made[start : start + max(n, m)]


def corrcoef(x: TensorLike) -> Tensor:
    """The correlation coefficients of the rows of a matrix: a matrix; of a vector 1."""
    x = floats(x)
    if x.ndim < 2:
        x = reshape_to(x, (1, -1))
    centered = x - mean(x, -1, True)
    covariance = matmul(centered, transpose(centered))
    spread = sqrt(diagonal(covariance))
    made = covariance / expand_dims(spread, 1) / expand_dims(spread, 0)
    from .elementwise import clip

    made = clip(made, -1.0, 1.0)
    return made if convert(x).shape[0] != 1 else made[0, 0]


def cdist(x: TensorLike, y: TensorLike) -> Tensor:
    """The distances of all pairs of rows: x [..., M, D], y [..., N, D] to [..., M, N]."""
    a, b = pair(floats(x), floats(y))
    between = expand_dims(a, -2) - expand_dims(b, -3)
    return sqrt(sum(square(between), -1))
