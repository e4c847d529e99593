"""The gradient of rows gathered into segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ir.core import Builder, Value
from .base import Gradients
from .gradient import Term, flows, terms

if TYPE_CHECKING:
    from .segment import SegmentReduce


def segment_gradient(op: SegmentReduce, b: Builder, *dy: Value | None) -> Gradients:
    """Of sums, the segment's gradient for each row; of the largest and smallest, shared by the rows equal to it; of
    products, times the product of the other rows, also where some are 0. Dropped rows get 0."""
    d, x, ids, y = terms(b, *dy, op.x, op.ids, op.result)
    inside: Term | None = None
    if not op.sorted:
        inside = (ids >= 0).reshape((ids.shape[0], *(1,) * (x.rank - 1)))
        ids = (ids >= 0).where(ids, 0)

    def rows(segments: Term) -> Term:
        return segments.make("gather", ids)

    def total(t: Term, kind: str = "sum") -> Term:
        return t.make("segment_reduce", op_ids, count=op.count, kind=kind, sorted=op.sorted)

    op_ids = Term(b, op.ids)
    if op.kind == "sum":
        dx = rows(d)
    elif op.kind == "prod":
        none = x.eq(0)
        others = total(none.where(1, x), "prod")
        single = (total(none.cast(x.dtype)) > 1).where(0, d)
        dx = rows(single) * none.where(rows(others), rows(y) / x)
    else:
        here = x.eq(rows(y))
        if inside is not None:
            here = here & inside
        dx = here.where(rows(d / total(here.cast(x.dtype))), 0)
    return flows(op, dx if inside is None else inside.where(dx, 0), None)
