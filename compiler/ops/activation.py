"""Elementwise functions of one operand: roots, exponentials, activations."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.attributes import Array
from ..ir.opdef import Attr
from .base import Scalars, flushed
from .elementwise import Unary


class Neg(Unary, name="graph.neg"):
    """-x."""

    scalar = "neg"

    def evaluate(self, *arrays: Array) -> Array:
        return np.negative(*arrays)


class Abs(Unary, name="graph.abs"):
    """|x|."""

    scalar = "abs"

    def evaluate(self, *arrays: Array) -> Array:
        return np.abs(*arrays)


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


class Sqrt(FloatUnary, name="graph.sqrt"):
    """The square root; NaN below zero."""

    scalar = "sqrt"

    def evaluate(self, *arrays: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.sqrt(flushed(arrays[0]))


class Rsqrt(FloatUnary, name="graph.rsqrt"):
    """1 / sqrt(x)."""

    def lower(self, e: Scalars, *v: Any) -> Any:
        (x,) = v
        return e.binary("div", e.c(1.0, x), e.unary("sqrt", x))

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        with np.errstate(all="ignore"):
            return (np.ones((), x.dtype) / np.sqrt(flushed(x))).astype(x.dtype)


class Exp(FloatUnary, name="graph.exp"):
    """e to the x."""

    scalar = "exp"

    def evaluate(self, *arrays: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.exp(*arrays)


class Log(FloatUnary, name="graph.log"):
    """The natural logarithm."""

    scalar = "log"

    def evaluate(self, *arrays: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.log(flushed(arrays[0]))


class Expm1(FloatUnary, name="graph.expm1"):
    """e to the x, minus 1, exact for small x."""

    scalar = "expm1"

    def evaluate(self, *arrays: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.expm1(*arrays)


class Log1p(FloatUnary, name="graph.log1p"):
    """The natural logarithm of 1 + x, exact for small x."""

    scalar = "log1p"

    def evaluate(self, *arrays: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.log1p(*arrays)


class Floor(FloatUnary, name="graph.floor"):
    """The largest whole number not above x."""

    scalar = "floor"

    def evaluate(self, *arrays: Array) -> Array:
        return np.floor(flushed(arrays[0]))


class Ceil(FloatUnary, name="graph.ceil"):
    """The smallest whole number not below x."""

    scalar = "ceil"

    def evaluate(self, *arrays: Array) -> Array:
        return np.ceil(flushed(arrays[0]))


class Round(FloatUnary, name="graph.round"):
    """The nearest whole number, of two the even one."""

    scalar = "roundeven"

    def evaluate(self, *arrays: Array) -> Array:
        return np.rint(*arrays)


class Relu(Unary, name="graph.relu"):
    """max(x, 0); NaN stays NaN."""

    def lower(self, e: Scalars, *v: Any) -> Any:
        (x,) = v
        return e.select(e.compare("lt", x, e.c(0.0, x)), e.c(0.0, x), x)

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        return np.where(x < 0, np.zeros((), x.dtype), x)


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


class Sigmoid(FloatUnary, name="graph.sigmoid"):
    """1 / (1 + exp(-x))."""

    scalar = "sigmoid"

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        with np.errstate(all="ignore"):
            t = np.exp(-np.abs(x))
            return np.where(x < 0, t / (1 + t), 1 / (1 + t)).astype(x.dtype)


class Tanh(FloatUnary, name="graph.tanh"):
    """The hyperbolic tangent."""

    scalar = "tanh"

    def evaluate(self, *arrays: Array) -> Array:
        return np.tanh(*arrays)


class Elu(FloatUnary, name="graph.elu"):
    """x, or exp(x) - 1 below zero."""

    def lower(self, e: Scalars, *v: Any) -> Any:
        (x,) = v
        return e.select(e.compare("lt", x, e.c(0.0, x)), e.unary("expm1", x), x)

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        with np.errstate(all="ignore"):
            return np.where(x < 0, np.expm1(x), x)
