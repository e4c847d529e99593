"""Sorting to kernel calls."""

from __future__ import annotations

from ...runtime.spec import i32, i64
from ..ir.core import Value
from ..ir.dims import Dim, dim_min, product
from ..ops.base import tensor
from ..ops.sort import TopK
from .dialect_memory import memref
from .former import Former, Group, forms

#: parts of the parallel range at most: each has memory for one row's candidates
MOST_UNITS = 64
#: elements that gather beside the k largest ones until they are sorted in
SLACK = 16


@forms(TopK)
def form_top_k(f: Former, group: Group) -> None:
    op = group.last
    if not isinstance(op, TopK):
        raise TypeError("a sort's group")
    x = tensor(op.x)
    n = x.shape[-1]
    if op.k == 0:
        for r in op.results:
            f.result(r)
        return
    if not op.sorted:
        _form_heap(f, op)
        return
    room: Dim = n if op.k == n else dim_min(n, 2 * op.k + SLACK)
    units = dim_min(product(x.shape[:-1]), MOST_UNITS)
    index = i64 if op.index_dtype.size > 4 else i32
    _call(
        f, op, "top_k", [f.alloc((units, 2, room), d) for d in (memref(f.buffer(op.x)).dtype, index)], units
    )


def _form_heap(f: Former, op: TopK) -> None:
    units = dim_min(product(tensor(op.x).shape[:-1]), MOST_UNITS)
    _call(f, op, "top_heap", [f.alloc((units, op.k + 1), i32)], units)


def _call(f: Former, op: TopK, family: str, scratch: list[Value], units: Dim) -> None:
    """Each unit is a share of the rows, which it takes one after the other with one piece of memory."""
    x = tensor(op.x)
    rows, n = product(x.shape[:-1]), x.shape[-1]
    share = max(1, rows // MOST_UNITS) if isinstance(rows, int) else 4
    f.call(
        family,
        [f.buffer(op.x)],
        [*(f.result(r) for r in op.results), *scratch],
        units,
        {"dtype": x.dtype, "index": op.index_dtype, "units": units},
        unit_cost=(60.0 * (n if isinstance(n, int) else 4096) * share, 0),
        cost_of=[op],
        location=op.location,
    )
