"""Normalisations."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.opdef import Attr, Operand
from ..ir.types import Type
from .base import Gradients, GraphOp, Scalars, same_dtype, shape_error, tensor
from .expression import Num
from .gradient import flows, terms


class BatchNorm(GraphOp, name="graph.batch_norm", traits={"pointwise"}):
    """(x - mean) * scale / sqrt(variance + epsilon) + offset, with given statistics, over the last axis."""

    x = Operand()
    scale = Operand()
    offset = Operand()
    mean = Operand()
    variance = Operand()
    epsilon = Attr(float, default=1e-3)

    def infer(self) -> tuple[Type, ...]:
        same_dtype(self, *self.operands)
        if tensor(self.x).rank < 1:
            raise shape_error(self, "a scalar has no channels")
        c = tensor(self.x).shape[-1]
        for v in self.operands[1:]:
            if tensor(v).shape != (c,):
                raise shape_error(self, f"statistics must have shape [{c}], received {tensor(v)}")
        return (self.x.type,)

    def lower(self, e: Scalars, *v: Any) -> Any:
        dtype = tensor(self.x).dtype
        x, scale, offset, mean, variance = (Num(e, a, dtype) for a in v)
        return ((x - mean) * (scale / (variance + self.epsilon).f("sqrt")) + offset).v

    def evaluate(self, *arrays: Array) -> Array:
        x, scale, offset, mean, variance = arrays
        with np.errstate(all="ignore"):
            factor = scale / np.sqrt(variance + np.asarray(self.epsilon, x.dtype))
            return ((x - mean) * factor + offset).astype(x.dtype)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x, scale, mean, variance = terms(b, *dy, self.x, self.scale, self.mean, self.variance)
        lead = range(x.rank - 1)
        inverse = (variance + self.epsilon).point("rsqrt")
        factor, total = scale * inverse, d.sum(lead)
        slope = (d * (x - mean)).sum(lead) * inverse
        return flows(self, d * factor, slope, total, -total * factor, slope * factor * inverse * -0.5)


class Softmax(GraphOp, name="graph.softmax"):
    """exp(x - max) over its sum, along the last axis."""

    x = Operand()

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.x)
        if t.rank < 1 or not t.dtype.is_float:
            raise shape_error(self, f"expected floats of rank 1 or more, received {t}")
        return (t,)

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        if x.size == 0:
            return x
        with np.errstate(all="ignore"):
            e = np.exp(x - x.max(axis=-1, keepdims=True))
            return (e / e.sum(axis=-1, keepdims=True)).astype(x.dtype)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, y = terms(b, *dy, self.result)
        return flows(self, (d - (d * y).sum((y.rank - 1,), keep_dims=True)) * y)
