"""Reductions over constant axes."""

from __future__ import annotations

from ...compiler.ir.core import Op, Value
from ...compiler.ops import reduce as r
from ...compiler.ops.base import tensor
from .context import Context
from .registry import Convert, Malformed, converts

_REDUCTIONS: dict[str, type[Op]] = {
    "Max": r.ReduceMax,
    "Mean": r.ReduceMean,
    "Min": r.ReduceMin,
    "Prod": r.ReduceProd,
    "Sum": r.ReduceSum,
}


def _reduction(cls: type[Op]) -> Convert:
    def convert(c: Context, x: Value, axes: Value) -> Value:
        """Over constant axes."""
        chosen = normal_axes(c.numbers(axes, "axes"), tensor(x).rank)
        if not chosen:
            return x
        return c.make(cls, x, axes=chosen, keep_dims=c.flag("keep_dims", False))

    return convert


for _op, _cls in _REDUCTIONS.items():
    converts(_op)(_reduction(_cls))


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
