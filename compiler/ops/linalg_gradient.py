"""Gradients of matrix factorisations.

M. Giles, "An extended collection of matrix derivative results" (2008); I. Murray, "Differentiation of the Cholesky
decomposition" (2016); J. Townsend, "Differentiating the singular value decomposition" (2016); D. Roberts and
L. Roberts, "QR and LQ decomposition matrix backpropagation algorithms" (2020). Where eigenvalues or singular values
are equal, vectors have no derivative; what would be divided by their difference counts as 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...runtime.spec import boolean
from ..ir.core import Builder, Value
from ..ir.opdef import REGISTRY
from .base import Gradients, GraphOp, NoGradient
from .gradient import Term, constant, flows, static, terms, zeros

if TYPE_CHECKING:
    from .linalg import Cholesky, Determinant, Qr, SelfAdjointEig, Svd


def _given(b: Builder, dy: Value | None, like: Value) -> Term:
    """A result's gradient, zeros where there is none."""
    return Term(b, dy) if dy is not None else zeros(b, like)


def triangle(op: GraphOp, t: Term, upper: bool = False) -> Term:
    """One triangle of square matrices, with 0 in the other."""
    (n,) = static(op, t.shape[-1:])
    inside = np.tri(n, dtype=bool)
    return constant(t.b, inside.T if upper else inside, boolean).where(t, 0)


def _half_lower(op: GraphOp, t: Term) -> Term:
    """The lower triangle, with half of the diagonal."""
    (n,) = static(op, t.shape[-1:])
    return triangle(op, t) * constant(t.b, np.tri(n) - np.eye(n) / 2, t.dtype)


def _safe_inverse(t: Term) -> Term:
    """1 / t, and 0 where t is 0."""
    return t / (t * t + 1e-20)


def _rows(t: Term) -> Term:
    """Vectors as matrices of one row."""
    return t.reshape((*t.shape[:-1], 1, t.shape[-1]))


def _differences(t: Term) -> Term:
    """t[j] - t[i] as element [i, j]."""
    return _rows(t) - t.reshape((*t.shape, 1))


def _diagonal(op: GraphOp, t: Term) -> Term:
    """Vectors as diagonal matrices."""
    (n,) = static(op, t.shape[-1:])
    return constant(t.b, np.eye(n, dtype=bool), boolean).where(_rows(t), 0)


def determinant_gradient(op: Determinant, b: Builder, *dy: Value | None) -> Gradients:
    """The sign of a determinant has the gradient 0."""
    if dy[-1] is None:
        return flows(op, zeros(b, op.x))
    d, x, y = terms(b, dy[-1], op.x, op.results[0])
    d = d if op.log else d * y
    return flows(op, x.make("inverse").t * d.reshape((*d.shape, 1, 1)))


def cholesky_gradient(op: Cholesky, b: Builder, *dy: Value | None) -> Gradients:
    """Symmetric: both triangles share what the lower one alone decides."""
    d, y = terms(b, *dy, op.result)
    middle = _half_lower(op, y.matmul(d, True))
    left = y.t.make("triangular_solve", middle, upper=True)
    whole = y.t.make("triangular_solve", left.t, upper=True)
    return flows(op, (whole + whole.t) * 0.5)


def qr_gradient(op: Qr, b: Builder, *dy: Value | None) -> Gradients:
    dq, dr = (_given(b, g, r) for g, r in zip(dy, op.results, strict=True))
    x, q, r = terms(b, op.x, *op.results)
    rows, columns = static(op, x.shape[-2:])
    if op.full_matrices and rows > columns:
        return (NoGradient("with full matrices of more rows than columns it is not defined"),)
    if rows >= columns:
        return flows(op, _deep_qr(op, q, r, dq, dr))
    last = x.rank - 1
    u, y = r.slice(last, 0, rows), x.slice(last, rows, columns)
    du, dv = dr.slice(last, 0, rows), dr.slice(last, rows, columns)
    square = _deep_qr(op, q, u, dq + y.matmul(dv, False, True), du)
    return flows(op, square.make("concat", q.matmul(dv), axis=last))


def _deep_qr(op: Qr, q: Term, r: Term, dq: Term, dr: Term) -> Term:
    """Of matrices with no more columns than rows."""

    def over_r(t: Term) -> Term:
        """t times the inverse of r transposed."""
        return r.make("triangular_solve", t.t, upper=True).t

    qdq, rdr = q.matmul(dq, True), r.matmul(dr, False, True)
    low = triangle(op, qdq - qdq.t + (rdr - rdr.t))
    return q.matmul(dr + over_r(low)) + over_r(dq - q.matmul(qdq))


def eigen_gradient(op: SelfAdjointEig, b: Builder, *dy: Value | None) -> Gradients:
    """In the lower triangle, which alone is read."""
    if op.compute_v:
        e, v = terms(b, *op.results)
    else:
        e, v = (Term(b, r) for r in b.create(type(op), op.x).results)
    inner: Term | None = None
    if op.compute_v and dy[1] is not None:
        inner = _safe_inverse(_differences(e)) * v.matmul(Term(b, dy[1]), True)
    if dy[0] is not None:
        diagonal = _diagonal(op, Term(b, dy[0]))
        inner = diagonal if inner is None else inner + diagonal
    if inner is None:
        return (None,)
    whole = v.matmul(inner.matmul(v, False, True))
    return flows(op, _half_lower(op, whole + whole.t))


def svd_gradient(op: Svd, b: Builder, *dy: Value | None) -> Gradients:
    ds = _given(b, dy[0], op.results[0])
    if not op.compute_uv:
        _, u, v = b.create(REGISTRY["graph.svd"], op.x).results
        return flows(op, Term(b, u).matmul(_diagonal(op, ds).matmul(Term(b, v), False, True)))
    rows, columns = static(op, Term(b, op.x).shape[-2:])
    if op.full_matrices and abs(rows - columns) > 1:
        return (NoGradient("with full matrices whose sides differ by more than 1 it is not defined"),)
    s, u, v = terms(b, *op.results)
    du, dv = (_given(b, g, r) for g, r in zip(dy[1:], op.results[1:], strict=True))
    if rows > columns:  # of the transposed matrix
        return flows(op, _wide_svd(op, s, v, u, ds, dv, du).t)
    return flows(op, _wide_svd(op, s, u, v, ds, du, dv))


def _wide_svd(op: Svd, s: Term, u: Term, v: Term, ds: Term, du: Term, dv: Term) -> Term:
    """Of matrices with no more rows than columns."""
    last, size = v.rank - 1, u.shape[-1]
    v1, dv1 = v.slice(last, 0, size), dv.slice(last, 0, size)
    f = _safe_inverse(_differences(s * s))
    fu, fv = f * u.matmul(du, True), f * v1.matmul(dv1, True)
    columns, rows = _rows(s), s.reshape((*s.shape, 1))
    inner = _diagonal(op, ds) + (fu + fu.t) * columns + rows * (fv + fv.t)
    found = u.matmul(inner.matmul(v1, False, True))
    if v.shape[-2] == size:
        return found
    rest = dv1.t - dv1.matmul(v1, True).matmul(v1, False, True)
    if op.full_matrices:
        v2, dv2 = v.slice(last, size, v.shape[-1]), dv.slice(last, size, v.shape[-1])
        rest = rest - v1.matmul(dv2, True).matmul(v2, False, True)
    return found + (u * _rows(_safe_inverse(s))).matmul(rest)
