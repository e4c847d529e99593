"""Rows gathered into segments by number, and counts of numbers."""

from __future__ import annotations

from typing import Any, Union

import numpy as np

from ...runtime.errors import DTypeError
from ...runtime.spec import DType, i32
from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.dims import Dim, Sym, evaluate_dim, product
from ..ir.opdef import Attr, Operand, Variadic
from ..ir.types import TensorType, Type
from .base import (
    Env,
    Gradients,
    GraphOp,
    dims_text,
    no_gradient,
    none_flows,
    require_equal,
    shape_error,
    tensor,
)
from .gradient import flows, terms
from .segment_gradient import segment_gradient

KINDS = ("sum", "prod", "max", "min")


class SegmentReduce(GraphOp, name="graph.segment_reduce", traits={"symbolic"}):
    """`y[k]` is the sum, product, largest or smallest of the rows `x[i]` with `ids[i] == k`, for k below `count`; the
    first of equals by later rows, NaN by any. Without rows it is 0, or 1 for the product.

    Numbers of `sorted` ids must not descend nor be negative. Else negative ones drop their row, and without rows the
    largest is the lowest finite value, the smallest the highest. Other numbers are the error INDEX.
    """

    x = Operand()
    ids = Operand()
    count = Attr(Union[int, Sym])  # type: ignore[arg-type]
    kind = Attr(str, default="sum", choices=KINDS)
    sorted = Attr(bool, default=False)
    #: the highest finite value where it is another than the dtype's: a 16-bit float's, computed as float32
    limit = Attr(float, default=0.0)

    def infer(self) -> tuple[Type, ...]:
        x, ids = tensor(self.x), tensor(self.ids)
        if not ids.dtype.is_integer or x.dtype.kind == "b":
            raise DTypeError(f"{self.name} ({self.location}) is not defined for {x} by {ids}")
        if ids.rank != 1 or x.rank < 1:
            raise shape_error(self, f"expected a number for each row, received {x} and {ids}")
        require_equal(self, x.shape[0], ids.shape[0])
        return (TensorType((self.count, *x.shape[1:]), x.dtype),)

    def evaluate_dims(self, env: Env, *arrays: Array) -> Array:
        x, ids = arrays
        count = evaluate_dim(self.count, env)
        y = np.full((count, *x.shape[1:]), self.empty(x.dtype), x.dtype)
        last, seen = 0, set[int]()
        for row, k in zip(x, (int(i) for i in ids), strict=True):
            if k >= count or (self.sorted and k < last):
                raise IndexError(f"segment {k} is out of range or out of order")
            if k < 0:
                continue
            last = k
            if self.sorted and k not in seen:
                y[k] = row
            else:
                y[k] = combined(self.kind, y[k], row)
            seen.add(k)
        return y

    def empty(self, dtype: np.dtype[Any]) -> float:
        """What a segment without rows is."""
        if self.kind in ("sum", "prod") or self.sorted:
            return 1 if self.kind == "prod" else 0
        if dtype.kind == "f":
            high = self.limit or float(np.finfo(dtype).max)
            return -high if self.kind == "max" else high
        return int(np.iinfo(dtype).min if self.kind == "max" else np.iinfo(dtype).max)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        return segment_gradient(self, b, *dy)


def combined(kind: str, total: Array, x: Array) -> Array:
    """A segment with one more row."""
    if kind == "sum":
        return (total + x).astype(x.dtype)
    if kind == "prod":
        return (total * x).astype(x.dtype)
    return np.where(x < total, total, x) if kind == "max" else np.where(total < x, total, x)


class Bincount(GraphOp, name="graph.bincount", traits={"symbolic"}):
    """How often each number below `size` occurs in `x[n]`, or in each row of `x[b, n]`; the sum of its `weights` when
    there are any; whether it occurs at all (1 or 0) with `binary`. Larger numbers do not count; negative ones are the
    error INDEX."""

    x = Operand()
    weights = Variadic()
    size = Attr(Union[int, Sym])  # type: ignore[arg-type]
    binary = Attr(bool, default=False)
    dtype = Attr(DType, default=i32)

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.x)
        if not t.dtype.is_integer:
            raise DTypeError(f"{self.name} ({self.location}) counts integers, received {t}")
        if t.rank not in (1, 2):
            raise shape_error(self, f"expected rank 1 or 2, received {dims_text(t.shape)}")
        for w in self.weights:
            if tensor(w).rank != t.rank or tensor(w).dtype != self.dtype:
                raise shape_error(
                    self, f"expected weights for {t} as {self.dtype.tf_name}, received {tensor(w)}"
                )
            for a, b in zip(t.shape, tensor(w).shape, strict=True):
                require_equal(self, a, b)
        shape: tuple[Dim, ...] = (*t.shape[:-1], self.size)
        return (TensorType(shape, self.dtype),)

    def evaluate_dims(self, env: Env, *arrays: Array) -> Array:
        x = arrays[0]
        if np.any(x < 0):
            raise IndexError("a number to count is negative")
        size = evaluate_dim(self.size, env)
        rows = x.reshape(-1, x.shape[-1]) if x.size else x.reshape(int(np.prod(x.shape[:-1])), 0)
        dtype = (
            arrays[1].dtype
            if len(arrays) > 1
            else np.dtype(np.float32)
            if self.dtype.is_half
            else self.dtype.numpy
        )
        weights = (
            arrays[1].reshape(rows.shape)
            if len(arrays) > 1 and not self.binary
            else np.ones(rows.shape, dtype)
        )
        y = np.zeros((len(rows), size), dtype)
        for row, w, out in zip(rows, weights, y, strict=True):
            for value, one in zip(row, w, strict=True):
                if value < size:
                    out[value] = one if self.binary else out[value] + one
        return y.reshape(*x.shape[:-1], size)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        """The counts of weights' places; larger numbers than there are counts for have none."""
        if not self.weights or self.binary:
            return none_flows(self, b, *dy)
        d, x = terms(b, *dy, self.x)
        lead = product(x.shape[:-1])
        fits = x < self.size if isinstance(self.size, int) else None
        if fits is None:
            raise no_gradient(self, f"for that its size must be known, received {self.size}")
        at = fits.where(x, 0).reshape((lead, x.shape[-1]))
        picked = d.reshape((lead, self.size)).make("gather", at, axis=1, batch_dims=1).reshape(x.shape)
        return flows(self, None, fits.where(picked, 0))
