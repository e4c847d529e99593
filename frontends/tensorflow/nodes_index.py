"""Gathers, scatters and what else reads or writes by index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...compiler.ir.core import Value
from ...compiler.ir.dims import Dim, Sym
from ...compiler.ops import elementwise as e
from ...compiler.ops.base import tensor
from ...compiler.ops.indexing import GatherNd, InvertPermutation, ScatterNd
from ...compiler.ops.reduce import ReduceMax
from ...compiler.ops.shape import BroadcastTo, Concat, Gather
from ...runtime.spec import boolean
from .context import Context
from .nodes_reduce import normal_axis
from .registry import Convert, Malformed, Refused, converts


@converts("Gather")
def gather(c: Context, x: Value, indices: Value) -> Value:
    """Rows; the index of a row that is not there is an error at run time."""
    return _gather(c, x, indices, None)


@converts("GatherV2")
def gather_v2(c: Context, x: Value, indices: Value, axis: Value) -> Value:
    """Along a constant axis, also with batch_dims; an index outside is an error at run time."""
    return _gather(c, x, indices, normal_axis(c.number(axis, "axis"), tensor(x).rank))


def _gather(c: Context, x: Value, indices: Value, axis: int | None) -> Value:
    """Along an axis, or the one behind the batch."""
    batch = c.integer("batch_dims", 0)
    if batch < 0:
        batch += tensor(indices).rank
    axis = batch if axis is None else axis
    if not 0 <= batch <= min(tensor(indices).rank, axis):
        raise Malformed(f"expected batch_dims within {tensor(indices)} and axis {axis}, found {batch}")
    return c.make(Gather, x, indices, axis=axis, batch_dims=batch)


@converts("GatherNd")
def gather_nd(c: Context, x: Value, indices: Value) -> Value:
    """Slices by indices of any depth; an index outside is an error at run time."""
    _check_depth(indices)
    return c.make(GatherNd, x, indices)


def _check_depth(indices: Value) -> None:
    of = tensor(indices)
    if of.rank < 1:
        raise Malformed(f"expected indices of rank 1 and above, found {of}")
    if isinstance(of.shape[-1], Sym):
        raise Refused("how many axes its indices choose from is known only at run time")


# Scatters.


def scatter(c: Context, x: Value, indices: Value, updates: Value, kind: str) -> Value:
    """x with slices combined with updates; bools are added by `or`."""
    _check_depth(indices)
    if tensor(indices).shape[-1] == 0:
        raise Refused(f"indices {tensor(indices)}, which choose the whole tensor, are not supported")
    if tensor(x).dtype == boolean and kind == "add":
        kind = "max"
    return c.make(ScatterNd, x, indices, updates, kind=kind)


def zeros(c: Context, of: Value, shape: Sequence[Dim]) -> Value:
    """Zeros of a value's data type."""
    return c.make(BroadcastTo, c.scalar(0, tensor(of).dtype), shape=tuple(shape))


@converts("ScatterNd")
def scatter_nd(c: Context, indices: Value, updates: Value, shape: Value) -> Value:
    """Into zeros of a shape that is constant or computed from sizes; equal indices add up."""
    return scatter(c, zeros(c, updates, c.sizes(shape, "shape")), indices, updates, "add")


def _tensor_scatter(kind: str) -> Convert:
    def convert(c: Context, x: Value, indices: Value, updates: Value) -> Value:
        """Equal indices take effect in order; an index outside is an error at run time."""
        return scatter(c, x, indices, updates, kind)

    return convert


_SCATTERS = {
    "ScatterNdNonAliasingAdd": "add",
    "TensorScatterAdd": "add",
    "TensorScatterMax": "max",
    "TensorScatterMin": "min",
    "TensorScatterSub": "sub",
    "TensorScatterUpdate": "update",
}
for _op, _kind in _SCATTERS.items():
    converts(_op)(_tensor_scatter(_kind))


@converts("InvertPermutation")
def invert_permutation(c: Context, x: Value) -> Value:
    """Of a tensor of rank 1; what is no permutation is an error at run time."""
    return c.make(InvertPermutation, x)


@converts("DynamicStitch", "ParallelDynamicStitch")
def dynamic_stitch(c: Context, first: Value, *rest: Value) -> Value:
    """As many rows as the largest index says, which may be known only at run time; rows no index names are 0."""
    operands, count = (first, *rest), c.integer("N", (1 + len(rest)) // 2)
    if len(operands) != 2 * count:
        raise Malformed(f"expected {count} index tensors and as many of data, found {len(operands)} inputs")
    flat, rows = [], []
    for indices, data in zip(operands[:count], operands[count:], strict=True):
        of, by = tensor(data), tensor(indices)
        if of.rank < by.rank:
            raise Malformed(f"expected data for indices {by}, found {of}")
        size = c.count(by.shape)
        flat.append(c.reshape(indices, (size,)))
        rows.append(c.reshape(data, (size, *of.shape[by.rank :])))
    where, updates = _joined(c, flat), _joined(c, rows)
    total = _row_count(c, where)
    shape = tensor(updates).shape
    places = c.reshape(where, (*tensor(where).shape, 1))
    return scatter(c, zeros(c, updates, (total, *shape[1:])), places, updates, "update")


def _joined(c: Context, parts: Sequence[Value]) -> Value:
    return parts[0] if len(parts) == 1 else c.make(Concat, *parts, axis=0)


def _row_count(c: Context, indices: Value) -> Dim:
    """One more than the largest index."""
    dtype = tensor(indices).dtype
    none = c.constant(np.array([-1], dtype.numpy), dtype)
    largest = c.make(ReduceMax, c.make(Concat, indices, none, axis=0), axes=(0,))
    sizes = c.sizes(c.make(e.Add, largest, c.scalar(1, dtype)), "indices")
    return sizes[0]
