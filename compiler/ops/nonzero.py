"""Ops whose results have as many elements as the data says. Each fills buffers of the largest possible size and
counts; `graph.define_size` and a slice take what is in use."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...runtime.errors import DTypeError
from ...runtime.spec import DType, boolean, i32, i64
from ..ir.attributes import Array
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import GraphOp, none_flows, shape_error, tensor


class Nonzero(GraphOp, name="graph.nonzero"):
    """Where a bool tensor is true: `indices[size, rank]` of i64 in row-major order, zeros behind the last one; and
    their number, an i64 scalar."""

    x = Operand()

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.x)
        if t.dtype != boolean:
            raise DTypeError(f"{self.name} ({self.location}) takes bools, received {t}")
        return TensorType((t.size, t.rank), i64), TensorType((), i64)

    def evaluate(self, *arrays: Array) -> tuple[Array, ...]:
        (x,) = arrays
        found = np.argwhere(x)
        out = np.zeros((x.size, x.ndim), np.int64)
        out[: len(found)] = found
        return out, np.array(len(found))

    gradient = none_flows


class Unique(GraphOp, name="graph.unique"):
    """The different elements of x[n], in order of first occurrence: `values[n]` and how often each occurs,
    `counts[n]`, zeros behind the last one; for each element the position of its value, `indices[n]`; and the number
    of values, an i64 scalar. NaN equals nothing; -0 equals 0."""

    x = Operand()
    index_dtype = Attr(DType, default=i32)

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.x)
        if t.rank != 1:
            raise shape_error(self, f"expected rank 1, received {t}")
        index = TensorType(t.shape, self.index_dtype)
        return t, index, index, TensorType((), i64)

    def evaluate(self, *arrays: Array) -> tuple[Array, ...]:
        (x,) = arrays
        known: dict[Any, int] = {}
        values, counts = np.zeros_like(x), np.zeros(len(x), self.index_dtype.numpy)
        indices = np.zeros_like(counts)
        for i, v in enumerate(x):
            at = known.setdefault(v.item() if v == v else object(), len(known))
            if counts[at] == 0:
                values[at] = v
            counts[at] += 1
            indices[i] = at
        return values, indices, counts, np.array(len(known))
