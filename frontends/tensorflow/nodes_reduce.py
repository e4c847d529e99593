"""Reductions over constant axes."""

from __future__ import annotations

from ...compiler.ir.core import Op, Value
from ...compiler.ops import reduce as r
from ...compiler.ops.activation import Sqrt, Square
from ...compiler.ops.base import tensor
from ...compiler.ops.elementwise import Cast
from ...runtime.spec import f64, i64
from .context import Context
from .registry import Convert, Malformed, converts

_REDUCTIONS: dict[str, type[Op]] = {
    "All": r.ReduceMin,
    "Any": r.ReduceMax,
    "Max": r.ReduceMax,
    "Mean": r.ReduceMean,
    "Min": r.ReduceMin,
    "Prod": r.ReduceProd,
    "Sum": r.ReduceSum,
}


def _reduction(cls: type[Op]) -> Convert:
    def convert(c: Context, x: Value, axes: Value) -> Value:
        """Over constant axes."""
        return reduced(c, cls, x, axes)

    return convert


def reduced(c: Context, cls: type[Op], x: Value, axes: Value) -> Value:
    """A reduction over constant axes; x itself over none."""
    chosen = normal_axes(c.numbers(axes, "axes"), tensor(x).rank)
    return c.make(cls, x, axes=chosen, keep_dims=c.flag("keep_dims", False)) if chosen else x


for _op, _cls in _REDUCTIONS.items():
    converts(_op)(_reduction(_cls))


@converts("EuclideanNorm")
def euclidean_norm(c: Context, x: Value, axes: Value) -> Value:
    """Over constant axes; of integers the root of the sum of squares, cut off."""
    t = tensor(x)
    total = reduced(c, r.ReduceSum, c.make(Square, x), axes)
    if t.dtype.is_float:
        return c.make(Sqrt, total)
    return c.make(Cast, c.make(Sqrt, c.make(Cast, total, dtype=f64)), dtype=t.dtype)


def _place(cls: type[Op]) -> Convert:
    def convert(c: Context, x: Value, axis: Value) -> Value:
        """Along a constant axis; the first of equals."""
        at = normal_axis(c.number(axis, "dimension"), tensor(x).rank)
        if tensor(x).shape[at] == 0:
            raise Malformed(f"expected elements along axis {at}, found {tensor(x)}")
        return c.make(cls, x, axis=at, dtype=c.dtype("output_type", i64))

    return convert


converts("ArgMax")(_place(r.ArgMax))
converts("ArgMin")(_place(r.ArgMin))


def normal_axes(axes: tuple[int, ...], rank: int) -> tuple[int, ...]:
    """Axes counted from the front, in order."""
    found = sorted(normal_axis(a, rank) for a in axes)
    if len(set(found)) != len(found):
        raise Malformed(f"expected each axis once, found {list(axes)} for rank {rank}")
    return tuple(found)


def normal_axis(axis: int, rank: int) -> int:
    """An axis counted from the front."""
    if not -rank <= axis < rank:
        raise Malformed(f"expected an axis within rank {rank}, found {axis}")
    return axis % rank
