"""Elementwise functions of one operand: roots, exponentials, activations."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.opdef import Attr
from .base import Gradients, Scalars, flushed, none_flows
from .elementwise import Unary
from .gradient import flows, terms


class Neg(Unary, name="graph.neg"):
    """-x."""

    scalar = "neg"

    def evaluate(self, *arrays: Array) -> Array:
        return np.negative(*arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        (d,) = terms(b, *dy)
        return flows(self, -d)


class Abs(Unary, name="graph.abs"):
    """|x|."""

    scalar = "abs"

    def evaluate(self, *arrays: Array) -> Array:
        return np.abs(*arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x = terms(b, *dy, self.x)
        at_zero = d * x  # 0, or NaN
        return flows(self, (x > 0).where(d, (x < 0).where(-d, at_zero)))


class FloatUnary(Unary, name=""):
    """A function defined for floats only."""

    kinds = "f"


class Square(Unary, name="graph.square"):
    """x²."""

    def lower(self, e: Scalars, *v: Any) -> Any:
        (x,) = v
        return e.binary("mul", x, x)

    def evaluate(self, *arrays: Array) -> Array:
        return np.square(*arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x = terms(b, *dy, self.x)
        return flows(self, d * 2 * x)


class Sqrt(FloatUnary, name="graph.sqrt"):
    """The square root; NaN below zero."""

    scalar = "sqrt"

    def evaluate(self, *arrays: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.sqrt(flushed(arrays[0]))

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, y = terms(b, *dy, self.result)
        return flows(self, d * 0.5 / y)


class Rsqrt(FloatUnary, name="graph.rsqrt"):
    """1 / sqrt(x)."""

    def lower(self, e: Scalars, *v: Any) -> Any:
        (x,) = v
        return e.binary("div", e.c(1.0, x), e.unary("sqrt", x))

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        with np.errstate(all="ignore"):
            return (np.ones((), x.dtype) / np.sqrt(flushed(x))).astype(x.dtype)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, y = terms(b, *dy, self.result)
        return flows(self, d * -0.5 * (y * y * y))


class Exp(FloatUnary, name="graph.exp"):
    """e to the x."""

    scalar = "exp"

    def evaluate(self, *arrays: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.exp(*arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, y = terms(b, *dy, self.result)
        return flows(self, d * y)


class Log(FloatUnary, name="graph.log"):
    """The natural logarithm."""

    scalar = "log"

    def evaluate(self, *arrays: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.log(flushed(arrays[0]))

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x = terms(b, *dy, self.x)
        return flows(self, d / x)


class Expm1(FloatUnary, name="graph.expm1"):
    """e to the x, minus 1, exact for small x."""

    scalar = "expm1"

    def evaluate(self, *arrays: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.expm1(*arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x = terms(b, *dy, self.x)
        return flows(self, d * x.point("exp"))


class Log1p(FloatUnary, name="graph.log1p"):
    """The natural logarithm of 1 + x, exact for small x."""

    scalar = "log1p"

    def evaluate(self, *arrays: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.log1p(*arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x = terms(b, *dy, self.x)
        return flows(self, d / (x + 1))


class Floor(FloatUnary, name="graph.floor"):
    """The largest whole number not above x."""

    scalar = "floor"

    def evaluate(self, *arrays: Array) -> Array:
        return np.floor(flushed(arrays[0]))

    gradient = none_flows


class Ceil(FloatUnary, name="graph.ceil"):
    """The smallest whole number not below x."""

    scalar = "ceil"

    def evaluate(self, *arrays: Array) -> Array:
        return np.ceil(flushed(arrays[0]))

    gradient = none_flows


class Round(FloatUnary, name="graph.round"):
    """The nearest whole number, of two the even one."""

    scalar = "roundeven"

    def evaluate(self, *arrays: Array) -> Array:
        return np.rint(*arrays)

    gradient = none_flows


class Relu(Unary, name="graph.relu"):
    """max(x, 0); NaN stays NaN."""

    def lower(self, e: Scalars, *v: Any) -> Any:
        (x,) = v
        return e.select(e.compare("lt", x, e.c(0.0, x)), e.c(0.0, x), x)

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        return np.where(x < 0, np.zeros((), x.dtype), x)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, y = terms(b, *dy, self.result)
        return flows(self, (y > 0).where(d, 0))


def clamp(e: Scalars, x: Any, low: float, high: float) -> Any:
    x = e.select(e.compare("lt", x, e.c(low, x)), e.c(low, x), x)
    return e.select(e.compare("gt", x, e.c(high, x)), e.c(high, x), x)


class Relu6(Unary, name="graph.relu6"):
    """min(max(x, 0), 6); NaN stays NaN."""

    def lower(self, e: Scalars, *v: Any) -> Any:
        (x,) = v
        return clamp(e, x, 0.0, 6.0)

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        low = np.where(x < 0, np.zeros((), x.dtype), x)
        return np.where(low > 6, np.full((), 6, x.dtype), low)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, y = terms(b, *dy, self.result)
        return flows(self, ((y > 0) & (y < 6)).where(d, 0))


class LeakyRelu(FloatUnary, name="graph.leaky_relu"):
    """x, or alpha * x below zero."""

    alpha = Attr(float, default=0.2)

    def lower(self, e: Scalars, *v: Any) -> Any:
        (x,) = v
        scaled = e.binary("mul", x, e.c(self.alpha, x))
        return e.select(e.compare("lt", x, e.c(0.0, x)), scaled, x)

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        return np.where(x < 0, x * np.asarray(self.alpha, x.dtype), x)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x = terms(b, *dy, self.x if self.alpha < 0 else self.result)  # which has the same sign
        return flows(self, (x > 0).where(d, d * self.alpha))


class Sigmoid(FloatUnary, name="graph.sigmoid"):
    """1 / (1 + exp(-x))."""

    scalar = "sigmoid"

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        with np.errstate(all="ignore"):
            t = np.exp(-np.abs(x))
            return np.where(x < 0, t / (1 + t), 1 / (1 + t)).astype(x.dtype)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, y = terms(b, *dy, self.result)
        return flows(self, d * (y * (1 - y)))


class Tanh(FloatUnary, name="graph.tanh"):
    """The hyperbolic tangent."""

    scalar = "tanh"

    def evaluate(self, *arrays: Array) -> Array:
        return np.tanh(*arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, y = terms(b, *dy, self.result)
        return flows(self, d * (1 - y * y))


class Elu(FloatUnary, name="graph.elu"):
    """x, or exp(x) - 1 below zero."""

    def lower(self, e: Scalars, *v: Any) -> Any:
        (x,) = v
        return e.select(e.compare("lt", x, e.c(0.0, x)), e.unary("expm1", x), x)

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        with np.errstate(all="ignore"):
            return np.where(x < 0, np.expm1(x), x)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, y = terms(b, *dy, self.result)
        return flows(self, (y < 0).where(d * (y + 1), d))
