"""Linear algebra over stacks of matrices: the last two axes are a matrix, all others count matrices.

Floats only. The references work matrix by matrix; a matrix that cannot be inverted is the error ARITH.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ...runtime.errors import DTypeError
from ...runtime.spec import DType, i32
from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.dims import dim_min
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import Gradients, GraphOp, require_equal, same_dtype, shape_error, tensor
from .gradient import flows, terms
from .linalg_gradient import (
    cholesky_gradient,
    determinant_gradient,
    eigen_gradient,
    qr_gradient,
    svd_gradient,
    triangle,
)

NOT_INVERTIBLE = "the matrix is not invertible"


def matrix_type(op: GraphOp, square: bool = True) -> TensorType:
    """The type of the first operand, which must hold floats in (square) matrices."""
    t = tensor(op.operands[0])
    if t.rank < 2:
        raise shape_error(op, f"expected matrices, received {t}")
    if not t.dtype.is_float:
        raise DTypeError(f"{op.name} ({op.location}) is not defined for {t.dtype.tf_name}")
    if square:
        require_equal(op, t.shape[-2], t.shape[-1])
    return t


def right_sides(op: GraphOp) -> TensorType:
    """The type of the second operand: as many matrices as the first has, of as many rows."""
    same_dtype(op, *op.operands)
    a, y = matrix_type(op), tensor(op.operands[1])
    if y.rank != a.rank:
        raise shape_error(op, f"expected {a} and right sides of the same rank, received {y}")
    for have, want in zip(y.shape[:-1], a.shape[:-1], strict=True):
        require_equal(op, have, want)
    return y


def each(f: Callable[..., tuple[Array, ...]], *stacks: Array) -> tuple[Array, ...]:
    """The results of `f` for each matrix of the stacks; ZeroDivisionError and non-finite results pass through."""
    lead = stacks[0].shape[:-2]
    if not lead:
        return f(*stacks)
    count = math.prod(lead)
    flat = [s.reshape(count, *s.shape[-2:]) for s in stacks]
    if not count:
        shapes = f(*(np.zeros(s.shape[-2:], s.dtype) + np.eye(*s.shape[-2:], dtype=s.dtype) for s in stacks))
        return tuple(np.zeros((*lead, *r.shape), r.dtype) for r in shapes)
    columns = zip(*(f(*row) for row in zip(*flat, strict=True)), strict=True)
    return tuple(np.stack(c).reshape(*lead, *c[0].shape) for c in columns)


def factor(a: Array) -> tuple[Array, Array, int]:
    """P·a = L·U by Gauss's elimination with partial pivoting: L and U in one matrix, the permutation, its sign."""
    lu, p, sign = a.copy(), np.arange(len(a)), 1
    for k in range(len(a)):
        size = np.abs(lu[k:, k])
        best = k if np.isnan(size[0]) else k + int(np.nanargmax(size))
        if best != k:
            lu[[k, best]], p[[k, best]], sign = lu[[best, k]], p[[best, k]], -sign
        if lu[k, k] != 0:
            lu[k + 1 :, k] /= lu[k, k]
            lu[k + 1 :, k + 1 :] -= np.outer(lu[k + 1 :, k], lu[k, k + 1 :])
    return lu, p, sign


def invertible(a: Array) -> tuple[Array, Array]:
    """Factors and permutation; ZeroDivisionError where a pivot is zero."""
    lu, p, _ = factor(a)
    if np.any(np.diagonal(lu) == 0):
        raise ZeroDivisionError(NOT_INVERTIBLE)
    return lu, p


def substitute(a: Array, y: Array, lower: bool, unit: bool = False) -> Array:
    """The solution of a triangular system by rows; only the triangle is read, with `unit` ones as its diagonal."""
    x = y.copy()
    for i in range(len(a)) if lower else range(len(a) - 1, -1, -1):
        others = slice(0, i) if lower else slice(i + 1, None)
        x[i] -= a[i, others] @ x[others]
        if not unit:
            x[i] /= a[i, i]
    return x


def solve(a: Array, y: Array) -> tuple[Array]:
    lu, p = invertible(a)
    return (substitute(lu, substitute(lu, y[p], True, unit=True), False),)


class Lu(GraphOp, name="graph.lu"):
    """Rows of x in the order of the second result are L·U: the factors in one matrix, L below the diagonal with
    ones on it. Partial pivoting; of equal candidates the first. A zero pivot is the error ARITH."""

    x = Operand()
    index_dtype = Attr(DType, default=i32)

    def infer(self) -> tuple[Type, ...]:
        t = matrix_type(self)
        return t, TensorType(t.shape[:-1], self.index_dtype)

    def evaluate(self, *arrays: Array) -> tuple[Array, ...]:
        index = self.index_dtype.numpy

        def one(a: Array) -> tuple[Array, ...]:
            lu, p = invertible(a)
            return lu, p.astype(index)

        return each(one, *arrays)


class Inverse(GraphOp, name="graph.inverse"):
    """The inverse matrix. A zero pivot is the error ARITH."""

    x = Operand()

    def infer(self) -> tuple[Type, ...]:
        return (matrix_type(self),)

    def evaluate(self, *arrays: Array) -> tuple[Array, ...]:
        def one(a: Array) -> tuple[Array]:
            return solve(a, np.eye(len(a), dtype=a.dtype))

        return each(one, *arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, y = terms(b, *dy, self.result)
        return flows(self, -y.matmul(d, True).matmul(y, False, True))


class Solve(GraphOp, name="graph.solve"):
    """The z with x·z = y, for y of as many matrices as x. A zero pivot is the error ARITH."""

    x = Operand()
    y = Operand()

    def infer(self) -> tuple[Type, ...]:
        return (right_sides(self),)

    def evaluate(self, *arrays: Array) -> tuple[Array, ...]:
        return each(solve, *arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x, z = terms(b, *dy, self.x, self.result)
        right = x.t.make("solve", d)
        return flows(self, -right.matmul(z, False, True), right)


class Determinant(GraphOp, name="graph.determinant"):
    """The determinant; with `log` its sign, and the logarithm of its absolute value. 1 of an empty matrix."""

    x = Operand()
    log = Attr(bool, default=False)

    def infer(self) -> tuple[Type, ...]:
        t = matrix_type(self)
        out = TensorType(t.shape[:-2], t.dtype)
        return (out, out) if self.log else (out,)

    def evaluate(self, *arrays: Array) -> tuple[Array, ...]:
        def one(a: Array) -> tuple[Array, ...]:
            lu, _, sign = factor(a)
            d = np.diagonal(lu)
            if not self.log:
                return (np.asarray(np.prod(d) * a.dtype.type(sign)),)
            return np.asarray(np.prod(np.sign(d)) * a.dtype.type(sign)), np.asarray(np.sum(np.log(np.abs(d))))

        return each(one, *arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        return determinant_gradient(self, b, *dy)


class TriangularSolve(GraphOp, name="graph.triangular_solve"):
    """The z with x·z = y for lower or upper triangular x; its other triangle is not read. Zeros on the diagonal give
    infinities and NaN."""

    x = Operand()
    y = Operand()
    upper = Attr(bool, default=False)

    def infer(self) -> tuple[Type, ...]:
        return (right_sides(self),)

    def evaluate(self, *arrays: Array) -> tuple[Array, ...]:
        def one(a: Array, y: Array) -> tuple[Array]:
            return (substitute(a, y, not self.upper),)

        return each(one, *arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x, z = terms(b, *dy, self.x, self.result)
        right = x.t.make("triangular_solve", d, upper=not self.upper)
        return flows(self, triangle(self, -right.matmul(z, False, True), upper=self.upper), right)


class Cholesky(GraphOp, name="graph.cholesky"):
    """The lower triangular L with L·Lᵀ = x, of which only the lower triangle is read; NaN in L's whole triangle when
    x is not positive definite."""

    x = Operand()

    def infer(self) -> tuple[Type, ...]:
        return (matrix_type(self),)

    def evaluate(self, *arrays: Array) -> tuple[Array, ...]:
        return each(_cholesky, *arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        return cholesky_gradient(self, b, *dy)


def _cholesky(a: Array) -> tuple[Array]:
    y = np.zeros_like(a)
    for i in range(len(a)):
        for j in range(i):
            y[i, j] = (a[i, j] - y[i, :j] @ y[j, :j]) / y[j, j]
        rest = a[i, i] - y[i, :i] @ y[i, :i]
        if rest <= 0:
            y[np.tri(len(a), dtype=bool)] = np.nan
            return (y,)
        y[i, i] = np.sqrt(rest)
    return (y,)


class Qr(GraphOp, name="graph.qr"):
    """x[M, N] = q·r with orthonormal columns of q[M, P] and upper triangular r[P, N]; P is min(M, N), or M with
    `full_matrices`. By Householder's reflections, whose signs are LAPACK's."""

    x = Operand()
    full_matrices = Attr(bool, default=False)

    def infer(self) -> tuple[Type, ...]:
        t = matrix_type(self, square=False)
        *lead, m, n = t.shape
        p = m if self.full_matrices else dim_min(m, n)
        return TensorType((*lead, m, p), t.dtype), TensorType((*lead, p, n), t.dtype)

    def evaluate(self, *arrays: Array) -> tuple[Array, ...]:
        mode = "complete" if self.full_matrices else "reduced"

        def one(a: Array) -> tuple[Array, ...]:
            q, r = np.linalg.qr(a, mode)
            return q, r

        return each(one, *arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        return qr_gradient(self, b, *dy)


class Svd(GraphOp, name="graph.svd"):
    """x[M, N] = u·diag(s)·vᵀ with s descending; u[M, P] and v[N, Q] have orthonormal columns, whose signs are free.
    P and Q are min(M, N), or with `full_matrices` M and N. Without `compute_uv` only s. Of a matrix with NaN or
    infinity all is NaN."""

    x = Operand()
    compute_uv = Attr(bool, default=True)
    full_matrices = Attr(bool, default=False)

    def infer(self) -> tuple[Type, ...]:
        t = matrix_type(self, square=False)
        *lead, m, n = t.shape
        least = dim_min(m, n)
        s = TensorType((*lead, least), t.dtype)
        if not self.compute_uv:
            return (s,)
        p, q = (m, n) if self.full_matrices else (least, least)
        return s, TensorType((*lead, m, p), t.dtype), TensorType((*lead, n, q), t.dtype)

    def evaluate(self, *arrays: Array) -> tuple[Array, ...]:
        def one(a: Array) -> tuple[Array, ...]:
            u, s, vt = np.linalg.svd(np.where(np.isfinite(a), a, 0), self.full_matrices)
            wrong = a.dtype.type(0 if np.isfinite(a).all() else np.nan)
            return (s + wrong, u + wrong, vt.T + wrong) if self.compute_uv else (s + wrong,)

        return each(one, *arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        return svd_gradient(self, b, *dy)


class SelfAdjointEig(GraphOp, name="graph.self_adjoint_eig"):
    """x·v = v·diag(e) for symmetric x, of which only the lower triangle is read; e ascending, v orthonormal with
    free signs. Without `compute_v` only e. Of a matrix with NaN or infinity e is NaN and v the unit matrix."""

    x = Operand()
    compute_v = Attr(bool, default=True)

    def infer(self) -> tuple[Type, ...]:
        t = matrix_type(self)
        e = TensorType(t.shape[:-1], t.dtype)
        return (e, t) if self.compute_v else (e,)

    def evaluate(self, *arrays: Array) -> tuple[Array, ...]:
        def one(a: Array) -> tuple[Array, ...]:
            good = bool(np.isfinite(np.tril(a)).all())
            e, v = np.linalg.eigh(a if good else np.eye(len(a), dtype=a.dtype), "L")
            e = e if good else np.full_like(e, np.nan)
            return (e, v) if self.compute_v else (e,)

        return each(one, *arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        return eigen_gradient(self, b, *dy)
