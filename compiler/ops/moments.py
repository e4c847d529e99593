"""Mean and variance together."""

from __future__ import annotations

import math

import numpy as np

from ...runtime.errors import DTypeError
from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import Gradients, GraphOp, normal_axis, shape_error, tensor
from .gradient import flows, static, terms


class Moments(GraphOp, name="graph.moments"):
    """Mean and variance of floats over `axes`: of n numbers x, with m their mean, m and Σ (x - m)² / n; NaN of nothing.

    The gradient of x is (dm + 2 (x - m) dv) / n: what flows back through m in the variance cancels.
    """

    x = Operand()
    axes = Attr(tuple[int, ...])
    keep_dims = Attr(bool, default=False)

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.x)
        if not t.dtype.is_float:
            raise DTypeError(f"{self.name} ({self.location}): expected floats, received {t.dtype.tf_name}")
        axes = {normal_axis(self, a, t.rank) for a in self.axes}
        if len(axes) != len(self.axes) or not axes:
            raise shape_error(self, f"expected one or more different axes, received {self.axes}")
        sizes = enumerate(t.shape)
        shape = tuple(1 if i in axes else d for i, d in sizes if self.keep_dims or i not in axes)
        return (TensorType(shape, t.dtype), TensorType(shape, t.dtype))

    def evaluate(self, *arrays: Array) -> tuple[Array, ...]:
        (x,) = arrays
        wide = x.astype(np.float64)
        if any(x.shape[a] == 0 for a in self.axes):
            nan = np.full(wide.sum(axis=self.axes, keepdims=self.keep_dims).shape, np.nan, x.dtype)
            return nan, nan
        with np.errstate(all="ignore"):
            found = (f(wide, axis=self.axes, keepdims=self.keep_dims) for f in (np.mean, np.var))
            return tuple(np.asarray(a).astype(x.dtype) for a in found)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        x, mean = terms(b, self.x, self.results[0])
        axes = {a % x.rank for a in self.axes}
        kept = tuple(1 if i in axes else d for i, d in enumerate(x.shape))
        count = math.prod(static(self, [x.shape[a] for a in axes]))
        dm, dv = (None if d is None else terms(b, d)[0].reshape(kept) for d in dy)
        total = None if dm is None else (dm / count).broadcast(x.shape)
        if dv is not None:
            through = (x - mean.reshape(kept)) * (dv * (2 / count))
            total = through if total is None else total + through
        return flows(self, total)
