"""Ops on integers and their bits to kernel calls."""

from __future__ import annotations

from ..ops.base import tensor
from ..ops.integer import Bitcast
from .former import Former, Group, forms


@forms(Bitcast)
def form_bitcast(f: Former, group: Group) -> None:
    """Elements of another size; those of one size are pointwise."""
    op = group.last
    if isinstance(op, Bitcast):
        x, y = tensor(op.x), tensor(op.result)
        units = x.size if x.dtype.size > y.dtype.size else y.size
        f.call("bytes", [f.buffer(op.x)], [f.result(op.result)], units, cost_of=[op], location=op.location)
