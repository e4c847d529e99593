"""Running totals, searches in sorted rows, buckets and counts."""

from __future__ import annotations

import math

import numpy as np

from ...compiler.ir.core import Value
from ...compiler.ops import elementwise as e
from ...compiler.ops.base import tensor
from ...compiler.ops.scan import Cumulative, SearchSorted
from ...compiler.ops.segment import Bincount
from ...compiler.ops.shape import Slice
from ...runtime.spec import f32, f64, i32
from .context import Context
from .folding import known_array
from .nodes_reduce import normal_axis
from .registry import Convert, Malformed, converts


def _cumulative(kind: str) -> Convert:
    def convert(c: Context, x: Value, axis: Value) -> Value:
        """Along a constant axis, exclusive or not, in either direction."""
        at = normal_axis(c.number(axis, "axis"), tensor(x).rank)
        return c.make(
            Cumulative,
            x,
            axis=at,
            kind=kind,
            exclusive=c.flag("exclusive", False),
            reverse=c.flag("reverse", False),
        )

    return convert


for _op, _kind in {"Cumsum": "sum", "Cumprod": "prod", "CumulativeLogsumexp": "log_sum_exp"}.items():
    converts(_op)(_cumulative(_kind))


def _search(upper: bool) -> Convert:
    def convert(c: Context, rows: Value, values: Value) -> Value:
        """Of values in ascending rows."""
        if tensor(rows).rank != 2 or tensor(values).rank != 2:
            raise Malformed(f"expected two matrices, found {tensor(rows)} and {tensor(values)}")
        return c.make(SearchSorted, rows, values, upper=upper, dtype=c.dtype("out_type", i32))

    return convert


converts("LowerBound")(_search(False))
converts("UpperBound")(_search(True))


@converts("Bucketize")
def bucketize(c: Context, x: Value) -> Value:
    """How many of the ascending boundaries each element has reached."""
    bounds = c.reals("boundaries")
    if list(bounds) != sorted(bounds):
        raise Malformed("expected boundaries in ascending order")
    t = tensor(x)
    wide = f32 if t.dtype in (f32, i32) else f64
    values = c.reshape(x if t.dtype == wide else c.make(e.Cast, x, dtype=wide), (1, c.count(t.shape)))
    rows = c.constant(np.array([bounds], wide.numpy).reshape(1, -1), wide)
    return c.reshape(c.make(SearchSorted, rows, values, upper=True), t.shape)


@converts("Bincount", "DenseBincount")
def bincount(c: Context, x: Value, size: Value, weights: Value) -> Value:
    """Of integers, with weights or without, whole or row by row; every occurrence or whether there is one."""
    t, w = tensor(x), tensor(weights)
    (count,) = c.sizes(size, "size")
    if isinstance(count, int) and count < 0:
        raise Malformed(f"expected a size of 0 or more, found {count}")
    if c.node.op == "Bincount" or t.rank == 0:
        x = c.reshape(x, (c.count(t.shape),))
    elif t.rank > 2:
        raise Malformed(f"expected integers of rank 1 or 2, found {t}")
    given = []
    if w.shape != (0,) and w.size != 0:
        given = [c.reshape(weights, tensor(x).shape)]
    return c.make(Bincount, x, *given, size=count, binary=c.flag("binary_output", False), dtype=w.dtype)


@converts("HistogramFixedWidth")
def histogram_fixed_width(c: Context, x: Value, limits: Value, bins: Value) -> Value:
    """In a constant number of bins; what lies outside of the limits counts at the ends."""
    t, count = tensor(x), c.number(bins, "nbins")
    if tensor(limits).shape != (2,) or tensor(limits).dtype != t.dtype or count < 1:
        raise Malformed(f"expected two limits of {t.dtype} and bins, found {tensor(limits)} and {count}")
    known = known_array(limits)
    if known is not None and not known[0] < known[1]:
        raise Malformed(f"expected limits in ascending order, found {list(known)}")
    low, high = (
        c.reshape(c.make(Slice, limits, starts=(k,), stops=(k + 1,), steps=(1,)), ()) for k in (0, 1)
    )
    above = c.make(e.Cast, c.make(e.Sub, c.make(e.Maximum, x, low), low), dtype=f64)
    width = c.make(e.Sub, *(c.make(e.Cast, v, dtype=f64) for v in (high, low)))
    step = c.make(e.Div, width, c.scalar(count, f64))
    # of limits in the wrong order all places are NaN, and then negative: the error INDEX
    step = c.make(e.Select, c.make(e.Less, low, high), step, c.scalar(math.nan, f64))
    place = c.make(e.Minimum, c.make(e.Div, above, step), c.scalar(count - 1, f64))
    numbers = c.reshape(c.make(e.Cast, place, dtype=i32), (c.count(t.shape),))
    return c.make(Bincount, numbers, size=count, dtype=c.dtype("dtype", i32))
