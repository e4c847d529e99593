"""Nodes whose results have as many elements as the data says."""

from __future__ import annotations

from collections.abc import Sequence

from ...compiler.ir.core import Value
from ...compiler.ir.dims import Dim
from ...compiler.ops import elementwise as e
from ...compiler.ops.base import tensor
from ...compiler.ops.nonzero import Nonzero, Unique
from ...compiler.ops.reduce import ReduceSum
from ...compiler.ops.shape import Gather, Slice
from ...runtime.spec import boolean, i32, i64
from .context import Context
from .registry import Malformed, converts


def trim(c: Context, padded: Value, count: Value) -> Value:
    """The first `count` rows, a scalar computed at run time."""
    shape = tensor(padded).shape
    stops: tuple[Dim, ...] = (c.define_size(count), *shape[1:])
    return c.make(Slice, padded, starts=(0,) * len(shape), stops=stops, steps=(1,) * len(shape))


def positions(c: Context, mask: Value) -> Value:
    """Where a bool tensor is true, [count, rank] of i64."""
    indices, count = c.results(Nonzero, mask)
    return trim(c, indices, count)


def _as_bool(c: Context, x: Value) -> Value:
    return x if tensor(x).dtype == boolean else c.make(e.Cast, x, dtype=boolean)


@converts("Where")
def where(c: Context, x: Value) -> Value:
    """The indices of elements that are true, or other than zero."""
    return positions(c, _as_bool(c, x))


def _selected(c: Context, mask: Value, x: Value) -> Value:
    """Rows of x where a mask of rank 1 is true."""
    at = positions(c, mask)
    return c.make(Gather, x, c.reshape(at, tensor(at).shape[:1]))


@converts("DynamicPartition")
def dynamic_partition(c: Context, data: Value, partitions: Value) -> Sequence[Value]:
    """By partition numbers; those out of range drop their rows."""
    of, by = tensor(data), tensor(partitions)
    if of.rank < by.rank:
        raise Malformed(f"expected partitions for the first axes of {of}, found {by}")
    count = c.integer("num_partitions")
    c.importer.spend(8 * count)
    rows = c.count(by.shape)
    flat = c.reshape(data, (rows, *of.shape[by.rank :]))
    numbers = c.reshape(partitions, (rows,))
    return [_selected(c, c.make(e.Equal, numbers, c.scalar(k, by.dtype)), flat) for k in range(max(count, 0))]


def _unique(c: Context, x: Value) -> list[Value]:
    of = tensor(x)
    if of.rank != 1:
        raise Malformed(f"expected a tensor of rank 1, found {of}")
    values, indices, counts, count = c.results(Unique, x, index_dtype=c.dtype("out_idx", i32))
    return [trim(c, values, count), indices, trim(c, counts, count)]


@converts("Unique", outputs=("y", "idx"))
def unique(c: Context, x: Value) -> Sequence[Value]:
    """Of a tensor of rank 1, in order of first occurrence."""
    return _unique(c, x)[:2]


@converts("UniqueWithCounts", outputs=("y", "idx", "count"))
def unique_with_counts(c: Context, x: Value) -> Sequence[Value]:
    """Of a tensor of rank 1, in order of first occurrence."""
    return _unique(c, x)


@converts("ListDiff", outputs=("out", "idx"))
def list_diff(c: Context, x: Value, y: Value) -> Sequence[Value]:
    """Elements of x that are not in y; all pairs are compared."""
    of, out = tensor(x), c.dtype("out_idx", i32)
    if of.rank != 1 or tensor(y).rank != 1:
        raise Malformed(f"expected two tensors of rank 1, found {of} and {tensor(y)}")
    pairs = c.make(e.Equal, c.reshape(x, (of.shape[0], 1)), y)
    counted = c.make(ReduceSum, c.make(e.Cast, pairs, dtype=i64), axes=(1,))
    missing = c.make(e.Equal, counted, c.scalar(0, i64))
    at = positions(c, missing)
    rows = c.reshape(at, tensor(at).shape[:1])
    return [c.make(Gather, x, rows), rows if out == i64 else c.make(e.Cast, rows, dtype=out)]
