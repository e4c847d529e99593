"""Sorting: the largest elements, the n-th one, whether a class is among the best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...compiler.ir.core import Value
from ...compiler.ir.dims import Dim
from ...compiler.ops.activation import Abs
from ...compiler.ops.base import tensor
from ...compiler.ops.elementwise import Cast, Equal, Less, LogicalAnd, Select
from ...compiler.ops.elementwise import Greater as Greater_
from ...compiler.ops.reduce import ReduceSum
from ...compiler.ops.shape import Slice
from ...compiler.ops.sort import TopK
from ...runtime.spec import DType, boolean, i32
from .context import Context
from .registry import Malformed, Refused, converts


def _top_k(c: Context, x: Value, k: Dim, index_dtype: DType, is_sorted: bool = True) -> Sequence[Value]:
    of = tensor(x)
    if of.rank < 1:
        raise Malformed(f"expected rank 1 or more, found {of}")
    size = of.shape[-1]
    if _is_negative(k) or _is_negative(size - k):
        raise Malformed(f"expected a number of elements from 0 to {size}, found {k}")
    if of.dtype == boolean:
        raise Refused("an order of bools is not supported")
    is_heap = not is_sorted and isinstance(size, int) and isinstance(k, int) and 1 < k < size
    return c.results(TopK, x, k=k, index_dtype=index_dtype, sorted=not is_heap)


def _is_negative(d: Dim) -> bool:
    """Whether a number is surely negative."""
    return isinstance(d, int) and d < 0


@converts("TopK", outputs=("values", "indices"))
def top_k(c: Context, x: Value) -> Sequence[Value]:
    """The largest first, of equal ones the first one; NaN counts as larger than any number."""
    return _top_k(c, x, c.integer("k"), i32, c.flag("sorted", True))


@converts("TopKV2", outputs=("values", "indices"))
def top_k_v2(c: Context, x: Value, k: Value) -> Sequence[Value]:
    """Like TopK; the number may be computed at run time. With sorted=false TensorFlow's order where sizes are known,
    else sorted."""
    return _top_k(c, x, _one(c, k, "k"), c.dtype("index_type", i32), c.flag("sorted", True))


def _one(c: Context, v: Value, what: str) -> Dim:
    """A number of elements, which may be a symbol."""
    found = c.sizes(v, what)
    if len(found) != 1:
        raise Malformed(f"expected operand {what!r} as one number, found {len(found)}")
    return found[0]


@converts("NthElement")
def nth_element(c: Context, x: Value, n: Value) -> Value:
    """From the smallest or from the largest; n may be computed at run time."""
    at, of = _one(c, n, "n"), tensor(x)
    if of.rank < 1:
        raise Malformed(f"expected rank 1 or more, found {of}")
    size = of.shape[-1]
    if _is_negative(at) or _is_negative(size - at - 1):
        raise Malformed(f"expected a position from 0 to below {size}, found {at}")
    k = at + 1 if c.flag("reverse", False) else size - at
    values = _top_k(c, x, k, i32)[0]
    lead = of.shape[:-1]
    steps, starts = (1,) * of.rank, (*(0,) * len(lead), k - 1)
    return c.reshape(c.make(Slice, values, starts=starts, stops=(*lead, k), steps=steps), lead)


@converts("InTopK")
def in_top_k(c: Context, predictions: Value, targets: Value) -> Value:
    """Whether fewer than k classes are likelier than the target; not, where a prediction is not finite."""
    return _in_top_k(c, predictions, targets, c.constant(np.array(c.integer("k"), np.int32), i32))


@converts("InTopKV2")
def in_top_k_v2(c: Context, predictions: Value, targets: Value, k: Value) -> Value:
    """Like InTopK."""
    if tensor(k).rank != 0 or not tensor(k).dtype.is_integer:
        raise Malformed(f"expected one integer as 'k', found {tensor(k)}")
    return _in_top_k(c, predictions, targets, k)


def _in_top_k(c: Context, x: Value, targets: Value, k: Value) -> Value:
    of, at = tensor(x), tensor(targets)
    if of.rank != 2 or at.rank != 1 or not of.dtype.is_float or not at.dtype.is_integer:
        raise Malformed(f"expected predictions [batch, classes] and targets [batch], found {of} and {at}")
    classes = of.shape[1]
    if not isinstance(classes, int):
        raise Refused("a number of classes that is known only at run time is not supported")

    def count(flags: Value, keep_dims: bool = False) -> Value:
        return c.make(ReduceSum, c.make(Cast, flags, dtype=tensor(k).dtype), axes=(1,), keep_dims=keep_dims)

    numbers = c.constant(np.arange(classes, dtype=at.dtype.numpy), at.dtype)
    chosen = c.make(Equal, c.reshape(targets, (at.shape[0], 1)), numbers)
    zero, infinity = c.scalar(0, of.dtype), c.scalar(float("inf"), of.dtype)
    own = c.make(ReduceSum, c.make(Select, chosen, x, zero), axes=(1,), keep_dims=True)
    finite = c.make(Less, c.make(Abs, x), infinity)
    likelier = count(c.make(Greater_, x, own))
    all_finite = c.make(Equal, count(finite), c.scalar(classes, tensor(k).dtype))
    exists = c.make(Equal, count(chosen), c.scalar(1, tensor(k).dtype))
    return c.make(LogicalAnd, c.make(Less, likelier, k), c.make(LogicalAnd, all_finite, exists))
