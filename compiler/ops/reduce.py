"""Reductions over chosen axes."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from ...runtime.errors import DTypeError
from ...runtime.spec import DType, i64
from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.dims import Dim, product
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import Gradients, GraphOp, flushed, none_flows, normal_axis, require_at_least, tensor
from .elementwise import truncated_division
from .gradient import flows, static, terms


class Reduce(GraphOp, name=""):
    """Reduces `axes`, which are counted from the front, without repetition, in order; without axes it
    gives x as it is."""

    x = Operand()
    axes = Attr(tuple[int, ...])
    keep_dims = Attr(bool, default=False)
    kinds: ClassVar[str] = "fiu"

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.x)
        if t.dtype.kind not in self.kinds:
            raise DTypeError(f"{self.name} ({self.location}) is not defined for {t.dtype.tf_name}")
        axes = {normal_axis(self, a, t.rank) for a in self.axes}
        if self.keep_dims:
            shape = tuple(1 if i in axes else d for i, d in enumerate(t.shape))
        else:
            shape = tuple(d for i, d in enumerate(t.shape) if i not in axes)
        return (TensorType(shape, t.dtype),)

    @property
    def normal_axes(self) -> tuple[int, ...]:
        """The axes counted from the front, in order."""
        return tuple(sorted(a % tensor(self.x).rank for a in self.axes))

    @property
    def kept(self) -> tuple[Dim, ...]:
        """The result's shape with 1 for each reduced axis."""
        axes = self.normal_axes
        return tuple(1 if i in axes else d for i, d in enumerate(tensor(self.x).shape))


class ReduceSum(Reduce, name="graph.reduce_sum"):
    """The sum; 0 of nothing."""

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        if not self.axes:  # numpy would add 0, which turns -0.0 into 0.0
            return x
        return np.asarray(np.sum(x, axis=self.axes, keepdims=self.keep_dims, dtype=x.dtype))

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x = terms(b, *dy, self.x)
        return flows(self, d.reshape(self.kept).broadcast(x.shape))


class ReduceMean(Reduce, name="graph.reduce_mean"):
    """The mean; NaN of nothing. Of integers: summed in 64 bits, divided towards zero, 0 of nothing."""

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        if not self.axes:
            return x
        wide = {"f": x.dtype, "u": np.dtype(np.uint64)}.get(x.dtype.kind, np.dtype(np.int64))
        total = np.asarray(np.sum(x, axis=self.axes, keepdims=self.keep_dims, dtype=wide))
        count = int(np.prod([x.shape[a] for a in self.axes], dtype=np.int64))
        if x.dtype.kind == "f":
            with np.errstate(all="ignore"):
                return np.asarray(total / np.asarray(count, x.dtype)).astype(x.dtype)
        return truncated_division(total, np.asarray(max(count, 1), wide)).astype(x.dtype)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x = terms(b, *dy, self.x)
        count = math.prod(static(self, [x.shape[a] for a in self.axes]))
        return flows(self, (d / count if self.axes else d).reshape(self.kept).broadcast(x.shape))


class ReduceProd(Reduce, name="graph.reduce_prod"):
    """The product; 1 of nothing."""

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        return np.asarray(np.prod(x, axis=self.axes, keepdims=self.keep_dims, dtype=x.dtype))

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        """Of every number, the product of those before and behind it: right where some are 0."""
        d, x = terms(b, *dy, self.x)
        axes = self.normal_axes
        if not axes:
            return flows(self, d)
        order = (*axes, *(i for i in range(x.rank) if i not in axes))
        moved = x.transpose(order)
        rows = moved.reshape((product(moved.shape[: len(axes)]), *moved.shape[len(axes) :]))
        before, behind = (
            rows.make("cumulative", axis=0, kind="prod", exclusive=True, reverse=reverse)
            for reverse in (False, True)
        )
        found = before * behind * d.reshape((1, *rows.shape[1:]))
        back = tuple(order.index(i) for i in range(x.rank))
        return flows(self, found.reshape(moved.shape).transpose(back))


def ends(dtype: np.dtype[Any]) -> tuple[float, float]:
    """The lowest and the highest value of a dtype."""
    if dtype.kind == "f":
        return -np.inf, np.inf
    return (0, 1) if dtype.kind == "b" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))


def _shared(op: Reduce, b: Builder, *dy: Value | None) -> Gradients:
    """Of a maximum or minimum: shared by all that are equal to it; NaN for all when it is NaN."""
    d, x, y = terms(b, *dy, op.x, op.result)
    here = x.eq(y.reshape(op.kept)).cast(x.dtype)
    return flows(op, here * (d.reshape(op.kept) / here.sum(op.normal_axes, keep_dims=True)))


class ReduceMax(Reduce, name="graph.reduce_max"):
    """The maximum, of bools whether any is true; NaN when there is one; the lowest value of nothing."""

    kinds = "fiub"

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        low = x.dtype.type(ends(x.dtype)[0])
        return np.asarray(np.max(x, axis=self.axes, keepdims=self.keep_dims, initial=low))

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        return _shared(self, b, *dy)


class ReduceMin(Reduce, name="graph.reduce_min"):
    """The minimum, of bools whether all are true; NaN when there is one; the highest value of nothing."""

    kinds = "fiub"

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        high = x.dtype.type(ends(x.dtype)[1])
        return np.asarray(np.min(x, axis=self.axes, keepdims=self.keep_dims, initial=high))

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        return _shared(self, b, *dy)


class ArgMax(GraphOp, name="graph.arg_max"):
    """The place of the first maximum along an axis, passing over NaN; 0 where all are NaN. The axis goes."""

    x = Operand()
    axis = Attr(int)
    dtype = Attr(DType, default=i64)
    #: 1 for the largest, -1 for the smallest
    sign: ClassVar[int] = 1

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.x)
        axis = normal_axis(self, self.axis, t.rank)
        require_at_least(self, t.shape[axis], 1, f"axis {axis} has size 0")
        return (TensorType((*t.shape[:axis], *t.shape[axis + 1 :]), self.dtype),)

    def evaluate(self, *arrays: Array) -> Array:
        x = flushed(arrays[0])
        worst = ends(x.dtype)[0 if self.sign > 0 else 1]
        if x.dtype.kind == "f":
            x = np.where(np.isnan(x), x.dtype.type(worst), x)
        find = np.argmax if self.sign > 0 else np.argmin
        return np.asarray(find(x, axis=self.axis)).astype(self.dtype.numpy)

    gradient = none_flows


class ArgMin(ArgMax, name="graph.arg_min"):
    """The place of the first minimum along an axis, passing over NaN; 0 where all are NaN. The axis goes."""

    sign = -1
