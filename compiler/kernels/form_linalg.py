"""Linear algebra to kernel calls: a matrix of the stack is a unit, with memory of its own for what is worked on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...runtime.spec import f32, f64, i64
from ..ir.core import Value
from ..ir.dims import Dim, dim_max, dim_min, product
from ..ir.types import TensorType
from ..ops.base import GraphOp, tensor
from ..ops.linalg import (
    Cholesky,
    Determinant,
    Inverse,
    Lu,
    Qr,
    SelfAdjointEig,
    Solve,
    Svd,
    TriangularSolve,
)
from .former import Former, Group, forms, refuse


def _call(
    f: Former, op: GraphOp, family: str, scratch: Sequence[Value] = (), work: float = 1, **params: Any
) -> None:
    """Calls a kernel on the matrices of the first operand; `work` times size³ is about its work on one."""
    t = tensor(op.operands[0])
    if t.dtype not in (f32, f64):
        raise refuse(op, f"{t.dtype.tf_name} is not supported")
    sizes = [d if isinstance(d, int) else 16 for d in t.shape[-2:]]
    f.call(
        family,
        [f.buffer(v) for v in op.operands],
        [*(f.result(r) for r in op.results), *scratch],
        product(t.shape[:-2]),
        {"dtype": t.dtype, **params},
        unit_cost=(8.0 * work * sizes[0] * sizes[1] * max(sizes), 0),
        cost_of=[op],
        location=op.location,
    )


def _scratch(f: Former, t: TensorType, *sizes: Dim) -> Value:
    """Memory for each matrix."""
    return f.alloc((product(t.shape[:-2]), *sizes), t.dtype)


@forms(Lu, Inverse, Solve, Determinant)
def form_elimination(f: Former, group: Group) -> None:
    op = group.last
    t = tensor(op.operands[0])
    size = t.shape[-1]
    if isinstance(op, Lu):
        _call(f, op, "lu", index=op.index_dtype, error=True)
    elif isinstance(op, Determinant):
        _call(f, op, "determinant", [_scratch(f, t, size, size)])
    elif isinstance(op, (Inverse, Solve)):
        order = f.alloc((product(t.shape[:-2]), size), i64)
        _call(f, op, "solve", [_scratch(f, t, size, size), order], error=True)


@forms(TriangularSolve, Cholesky)
def form_triangular(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, TriangularSolve):
        _call(f, op, "triangular_solve", lower=not op.upper)
    elif isinstance(op, Cholesky):
        _call(f, op, "cholesky")


@forms(Qr)
def form_qr(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, Qr):
        t = tensor(op.x)
        m, n = t.shape[-2:]
        _call(f, op, "qr", [_scratch(f, t, m, n), _scratch(f, t, dim_min(m, n))], 4)


@forms(Svd)
def form_svd(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, Svd):
        t = tensor(op.x)
        m, n = t.shape[-2:]
        few, many = dim_min(m, n), dim_max(m, n)
        rows = many if op.compute_uv and op.full_matrices else few
        _call(f, op, "svd", [_scratch(f, t, rows, many), _scratch(f, t, few, few)], 50)


@forms(SelfAdjointEig)
def form_self_adjoint_eig(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, SelfAdjointEig):
        t = tensor(op.x)
        n = t.shape[-1]
        work = [_scratch(f, t, n, n), _scratch(f, t, n, n), *(_scratch(f, t, n) for _ in range(3))]
        _call(f, op, "self_adjoint_eig", work, 10, vectors=op.compute_v)
