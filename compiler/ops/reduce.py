"""Reductions over chosen axes."""

from __future__ import annotations

import numpy as np

from ...runtime.errors import DTypeError
from ...runtime.spec import boolean
from ..ir.attributes import Array
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import GraphOp, normal_axis, tensor
from .elementwise import truncated_division


class Reduce(GraphOp, name=""):
    """Reduces `axes`, which are counted from the front, without repetition, in order; without axes it
    gives x as it is."""

    x = Operand()
    axes = Attr(tuple[int, ...])
    keep_dims = Attr(bool, default=False)

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.x)
        if t.dtype == boolean:
            raise DTypeError(f"{self.name} ({self.location}) is not defined for {t.dtype.tf_name}")
        axes = {normal_axis(self, a, t.rank) for a in self.axes}
        if self.keep_dims:
            shape = tuple(1 if i in axes else d for i, d in enumerate(t.shape))
        else:
            shape = tuple(d for i, d in enumerate(t.shape) if i not in axes)
        return (TensorType(shape, t.dtype),)


class ReduceSum(Reduce, name="graph.reduce_sum"):
    """The sum; 0 of nothing."""

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        if not self.axes:  # numpy would add 0, which turns -0.0 into 0.0
            return x
        return np.asarray(np.sum(x, axis=self.axes, keepdims=self.keep_dims, dtype=x.dtype))


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


class ReduceProd(Reduce, name="graph.reduce_prod"):
    """The product; 1 of nothing."""

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        return np.asarray(np.prod(x, axis=self.axes, keepdims=self.keep_dims, dtype=x.dtype))


class ReduceMax(Reduce, name="graph.reduce_max"):
    """The maximum; NaN when there is one; the lowest value of nothing."""

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        low = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        return np.asarray(np.max(x, axis=self.axes, keepdims=self.keep_dims, initial=low))


class ReduceMin(Reduce, name="graph.reduce_min"):
    """The minimum; NaN when there is one; the highest value of nothing."""

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        high = np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).max
        return np.asarray(np.min(x, axis=self.axes, keepdims=self.keep_dims, initial=high))
