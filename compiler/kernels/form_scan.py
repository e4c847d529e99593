"""Places of largest elements, running totals, searches, segments and counts to kernel calls."""

from __future__ import annotations

import numpy as np

from ...runtime.spec import i32
from ..ir.core import Value
from ..ir.dims import Dim, product
from ..ops.base import tensor
from ..ops.reduce import ArgMax
from ..ops.scan import Cumulative, SearchSorted
from ..ops.segment import Bincount, SegmentReduce
from . import arg_reduce, scan, segment
from .former import Former, Group, forms

#: a binary search of what memory can hold
MOST_ROUNDS = 48


def _around(shape: tuple[Dim, ...], axis: int) -> tuple[Dim, Dim, Dim]:
    """The shape merged to what is before an axis, the axis, and what is behind it."""
    axis %= len(shape)
    return product(shape[:axis]), shape[axis], product(shape[axis + 1 :])


def _blocks(inner: Dim, block: int) -> Dim:
    return 1 if inner == 1 else (inner + block - 1) // block


@forms(ArgMax)
def form_arg_max(f: Former, group: Group) -> None:
    op = group.last
    if not isinstance(op, ArgMax):
        return
    t = tensor(op.x)
    outer, size, inner = _around(t.shape, op.axis)
    lanes = f.constant(np.arange(arg_reduce.LANES, dtype=np.int32), "lanes", i32)
    f.call(
        "arg_reduce",
        [f.reshaped(f.buffer(op.x), (outer, size, inner)), lanes],
        [f.reshaped(f.result(op.result), (outer, inner))],
        outer * _blocks(inner, arg_reduce.BLOCK),
        {"kind": "max" if op.sign > 0 else "min", "dtype": t.dtype, "index": op.dtype},
        unit_cost=(0, 4096),
        cost_of=[op],
        location=op.location,
    )


@forms(Cumulative)
def form_cumulative(f: Former, group: Group) -> None:
    op = group.last
    if not isinstance(op, Cumulative):
        return
    t = tensor(op.x)
    shape = _around(t.shape, op.axis)
    x, y = f.reshaped(f.buffer(op.x), shape), f.reshaped(f.result(op.result), shape)
    params = {"kind": op.kind, "exclusive": op.exclusive, "reverse": op.reverse, "dtype": t.dtype}
    units = shape[0] * _blocks(shape[2], scan.BLOCK)
    f.call("cumulative", [x], [y], units, params, unit_cost=(0, 8192), cost_of=[op], location=op.location)


@forms(SearchSorted)
def form_search_sorted(f: Former, group: Group) -> None:
    op = group.last
    if not isinstance(op, SearchSorted):
        return
    rows, values = tensor(op.sorted), tensor(op.values)
    length = rows.shape[1]
    params = {
        "upper": op.upper,
        "dtype": rows.dtype,
        "index": op.dtype,
        "rounds": length.bit_length() if isinstance(length, int) else MOST_ROUNDS,
    }
    buffers = [f.buffer(op.sorted), f.buffer(op.values)]
    f.call("search_sorted", buffers, [f.result(op.result)], values.size, params, unit_cost=(1000, 0), cost_of=[op],
           location=op.location)  # fmt: skip


@forms(SegmentReduce)
def form_segment(f: Former, group: Group) -> None:
    op = group.last
    if not isinstance(op, SegmentReduce):
        return
    x, ids = tensor(op.x), tensor(op.ids)
    inner = product(x.shape[1:])
    params = {
        "kind": op.kind,
        "sorted": op.sorted,
        "empty": op.empty(x.dtype.numpy),
        "dtype": x.dtype,
        "ids": ids.dtype,
        "error": True,
    }
    buffers: list[Value] = [f.reshaped(f.buffer(op.x), (x.shape[0], inner)), f.buffer(op.ids)]
    y = f.reshaped(f.result(op.result), (op.count, inner))
    units = _blocks(inner, segment.BLOCK)
    f.call("segment", buffers, [y], units, params, unit_cost=(0, 65536), cost_of=[op], location=op.location)


@forms(Bincount)
def form_bincount(f: Former, group: Group) -> None:
    op = group.last
    if not isinstance(op, Bincount):
        return
    t = tensor(op.x)
    shape = (product(t.shape[:-1]), t.shape[-1])
    buffers = [f.reshaped(f.buffer(v), shape) for v in op.operands]
    y = f.reshaped(f.result(op.result), (shape[0], op.size))
    params = {"binary": op.binary, "dtype": op.dtype, "numbers": t.dtype, "error": True}
    f.call(
        "bincount", buffers, [y], shape[0], params, unit_cost=(0, 8192), cost_of=[op], location=op.location
    )
