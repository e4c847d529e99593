"""Gathers, scatters, diagonals and counting to kernel calls."""

from __future__ import annotations

from ...runtime.spec import boolean, f32, f64
from ..ir.dims import Dim, product
from ..ir.types import TensorType
from ..ops.base import tensor
from ..ops.diagonal import MatrixDiagPart, MatrixSetDiag
from ..ops.indexing import GatherNd, InvertPermutation, Iota, ScatterNd
from ..ops.shape import Gather
from .form_moves import copy
from .former import Former, Group, forms, refuse

#: elements of one unit of a scatter, which goes over all indices
SCATTER_BLOCK = 512
#: elements of one unit of `iota`
IOTA_BLOCK = 4096
#: slices of fewer elements are gathered many to a unit
SHORT_SLICE = 8


def _dims(t: TensorType, first: int, last: int | None) -> Dim:
    return product(t.shape[first:last])


def _bytes(elements: Dim) -> float:
    return 8.0 * (elements if isinstance(elements, int) else 64)


@forms(Gather)
def form_gather(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, Gather):
        x, i = tensor(op.x), tensor(op.indices)
        axis, batch = op.axis % x.rank, op.batch_dims
        outer, count, inner = _dims(x, 0, axis), _dims(i, batch, None), _dims(x, axis + 1, None)
        many = isinstance(inner, int) and inner < SHORT_SLICE and outer != 1
        f.call(
            "gather",
            [f.buffer(op.x), f.buffer(op.indices)],
            [f.result(op.result)],
            outer if many else outer * count,
            {"axis": axis, "batch": batch, "many": many, "index": i.dtype, "error": True},
            unit_cost=(0, _bytes(inner * count if many else inner)),
            cost_of=[op],
            location=op.location,
        )


@forms(GatherNd)
def form_gather_nd(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, GatherNd):
        i = tensor(op.indices)
        f.call(
            "gather_nd",
            [f.buffer(op.x), f.buffer(op.indices)],
            [f.result(op.result)],
            product(i.shape[:-1]),
            {"index": i.dtype, "error": True},
            unit_cost=(0, _bytes(product(tensor(op.x).shape[int(i.shape[-1]) :]))),  # type: ignore[arg-type]
            cost_of=[op],
            location=op.location,
        )


@forms(ScatterNd)
def form_scatter_nd(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, ScatterNd):
        x, i = tensor(op.x), tensor(op.indices)
        if op.kind != "update" and x.dtype not in (f32, f64, boolean) and not x.dtype.is_integer:
            raise refuse(op, f"{op.kind} of {x.dtype.tf_name}")
        y = f.result(op.result)
        copy(f, f.buffer(op.x), y, location=op.location)
        inner = product(x.shape[int(i.shape[-1]) :])  # type: ignore[arg-type]
        f.call(
            "scatter_nd",
            [f.buffer(op.indices), f.buffer(op.updates)],
            [y],
            (inner + SCATTER_BLOCK - 1) // SCATTER_BLOCK,
            {"kind": op.kind, "dtype": x.dtype, "index": i.dtype, "block": SCATTER_BLOCK, "error": True},
            unit_cost=(0, 12.0 * SCATTER_BLOCK * 64),
            cost_of=[op],
            location=op.location,
        )


@forms(InvertPermutation)
def form_invert_permutation(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, InvertPermutation):
        params = {"index": tensor(op.x).dtype, "error": True}
        f.call(
            "invert_permutation",
            [f.buffer(op.x)],
            [f.result(op.result)],
            1,
            params,
            cost_of=[op],
            location=op.location,
        )


@forms(Iota)
def form_iota(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, Iota):
        f.call(
            "iota",
            [],
            [f.result(op.result)],
            (op.size + IOTA_BLOCK - 1) // IOTA_BLOCK,
            {"dtype": op.dtype, "block": IOTA_BLOCK},
            unit_cost=(0, 8.0 * IOTA_BLOCK),
            location=op.location,
        )


@forms(MatrixDiagPart)
def form_matrix_diag_part(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, MatrixDiagPart):
        count = op.k[1] - op.k[0] + 1
        f.call(
            "matrix_diag_part",
            [f.buffer(op.x), f.buffer(op.padding)],
            [f.result(op.result)],
            _dims(tensor(op.x), 0, -2) * count,
            {"k": op.k, "align": op.align},
            cost_of=[op],
            location=op.location,
        )


@forms(MatrixSetDiag)
def form_matrix_set_diag(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, MatrixSetDiag):
        y = f.result(op.result)
        copy(f, f.buffer(op.x), y, location=op.location)
        count = op.k[1] - op.k[0] + 1
        f.call(
            "matrix_set_diag",
            [f.buffer(op.diagonal)],
            [y],
            _dims(tensor(op.x), 0, -2) * count,
            {"k": op.k, "align": op.align},
            cost_of=[op],
            location=op.location,
        )
