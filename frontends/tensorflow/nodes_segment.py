"""Rows gathered into segments."""

from __future__ import annotations

from ...compiler.ir.core import Value
from ...compiler.ir.dims import Dim, Sym
from ...compiler.ops import elementwise as e
from ...compiler.ops.activation import Sqrt
from ...compiler.ops.base import tensor
from ...compiler.ops.constant import constant_value
from ...compiler.ops.reduce import ReduceMax
from ...compiler.ops.segment import SegmentReduce
from ...compiler.ops.shape import BroadcastTo, Gather
from ...runtime.spec import bf16, f16
from .context import Context
from .registry import Convert, Malformed, converts

#: the largest finite 16-bit floats
_LIMITS = {f16: 65504.0, bf16: 3.3895313892515355e38}


def segments(c: Context, x: Value, ids: Value, count: Dim, kind: str, ordered: bool) -> Value:
    """Rows of x by the numbers `ids`, whose axes are the first ones of x."""
    t, by = tensor(x), tensor(ids)
    if t.rank < by.rank:
        raise Malformed(f"expected numbers for the first axes of {t}, found {by}")
    if not isinstance(count, Sym) and count < 0:
        raise Malformed(f"expected a number of segments, found {count}")
    rows = c.count(by.shape)
    flat = c.reshape(x, (rows, *t.shape[by.rank :]))
    numbers = c.reshape(ids, (rows,))
    limit = _LIMITS.get(t.dtype, 0.0)
    return c.make(SegmentReduce, flat, numbers, count=count, kind=kind, sorted=ordered, limit=limit)


def _count(c: Context, ids: Value) -> Dim:
    """How many segments ascending numbers make."""
    known = constant_value(ids)
    if known is not None:
        return int(known.max()) + 1 if known.size else 0
    dtype = tensor(ids).dtype
    if tensor(ids).rank != 1:
        raise Malformed(f"expected numbers of rank 1, found {tensor(ids)}")
    last = c.make(e.Maximum, c.make(ReduceMax, ids, axes=(0,)), c.scalar(-1, dtype))
    return c.define_size(c.make(e.Add, last, c.scalar(1, dtype)))


def mean(c: Context, x: Value, ids: Value, count: Dim, root: bool = False) -> Value:
    """Means of segments; with `root`, sums divided by the root of how many rows they have."""
    t = tensor(x)
    total = segments(c, x, ids, count, "sum", True)
    ones = c.make(BroadcastTo, c.scalar(1, t.dtype), shape=tensor(ids).shape)
    rows = c.make(e.Maximum, segments(c, ones, ids, count, "sum", True), c.scalar(1, t.dtype))
    by = c.make(Sqrt, rows) if root else rows
    return c.make(e.Div, total, c.reshape(by, (*tensor(rows).shape, *(1,) * (t.rank - 1))))


def _sorted(kind: str) -> Convert:
    def convert(c: Context, x: Value, ids: Value) -> Value:
        """By ascending numbers."""
        count = _count(c, ids)
        return mean(c, x, ids, count) if kind == "mean" else segments(c, x, ids, count, kind, True)

    return convert


def _counted(kind: str, ordered: bool) -> Convert:
    def convert(c: Context, x: Value, ids: Value, number: Value) -> Value:
        """By numbers below a given one."""
        (count,) = c.sizes(number, "num_segments")
        return segments(c, x, ids, count, kind, ordered)

    return convert


for _name, _kind in {"Max": "max", "Min": "min", "Prod": "prod", "Sum": "sum"}.items():
    converts("Segment" + _name)(_sorted(_kind))
    converts("UnsortedSegment" + _name)(_counted(_kind, False))
    converts(f"Segment{_name}V2")(_counted(_kind, True))
converts("SegmentMean")(_sorted("mean"))


def _sparse(kind: str) -> Convert:
    def convert(c: Context, x: Value, indices: Value, ids: Value) -> Value:
        """Of chosen rows, by ascending numbers."""
        return _of_rows(c, kind, x, indices, ids, _count(c, ids))

    return convert


def _sparse_counted(kind: str) -> Convert:
    def convert(c: Context, x: Value, indices: Value, ids: Value, number: Value) -> Value:
        """Of chosen rows, by ascending numbers below a given one."""
        (count,) = c.sizes(number, "num_segments")
        return _of_rows(c, kind, x, indices, ids, count)

    return convert


def _of_rows(c: Context, kind: str, x: Value, indices: Value, ids: Value, count: Dim) -> Value:
    rows = c.make(Gather, x, indices)
    return (
        segments(c, rows, ids, count, "sum", True)
        if kind == "Sum"
        else mean(c, rows, ids, count, kind == "SqrtN")
    )


for _kind in ("Sum", "Mean", "SqrtN"):
    converts("SparseSegment" + _kind)(_sparse(_kind))
    converts(f"SparseSegment{_kind}WithNumSegments")(_sparse_counted(_kind))
