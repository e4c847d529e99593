"""Trigonometric and hyperbolic functions; of their inverses those that no other op gives exactly.

The arc sine, cosine and tangent are `graph.atan2` of suitable sides; the inverse hyperbolic tangent is half
the difference of two `graph.log1p`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..ir.attributes import Array
from ..ir.core import Builder, Value
from .activation import FloatUnary
from .base import Gradients, Scalars
from .elementwise import Binary
from .expression import Num
from .gradient import flows, terms


def in_double(f: Callable[..., Array], *arrays: Array) -> Array:
    """`f` of the arrays in float64, rounded to their own dtype."""
    with np.errstate(all="ignore"):
        return np.asarray(f(*(a.astype(np.float64) for a in arrays))).astype(arrays[0].dtype)


class Function(FloatUnary, name=""):
    """A function of floats that numpy has too."""

    reference: ClassVar[Any]

    def evaluate(self, *arrays: Array) -> Array:
        return in_double(self.reference, *arrays)


class Sin(Function, name="graph.sin"):
    """The sine, right for arguments of any size."""

    scalar = "sin"
    reference = np.sin

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x = terms(b, *dy, self.x)
        return flows(self, d * x.point("cos"))


class Cos(Function, name="graph.cos"):
    """The cosine, right for arguments of any size."""

    scalar = "cos"
    reference = np.cos

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x = terms(b, *dy, self.x)
        return flows(self, -d * x.point("sin"))


class Tan(Function, name="graph.tan"):
    """The tangent, right for arguments of any size."""

    scalar = "tan"
    reference = np.tan

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, y = terms(b, *dy, self.result)
        return flows(self, d * (y * y + 1))


class Sinh(Function, name="graph.sinh"):
    """The hyperbolic sine."""

    reference = np.sinh

    def lower(self, e: Scalars, *v: Any) -> Any:
        # with t = exp(|x| / 2) - 1: a product of factors that overflow only with the result
        x, half = _half_size(e, *v)
        t = half.f("expm1")
        u = t + 1
        return (t * ((t + 2) / u) * ((u + 1 / u) * 0.5)).op("copysign", x).v

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x = terms(b, *dy, self.x)
        return flows(self, d * x.point("cosh"))


class Cosh(Function, name="graph.cosh"):
    """The hyperbolic cosine."""

    reference = np.cosh

    def lower(self, e: Scalars, *v: Any) -> Any:
        _, half = _half_size(e, *v)
        u = half.f("exp")
        return ((u * 0.5) * u + (0.5 / u) / u).v

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x = terms(b, *dy, self.x)
        return flows(self, d * x.point("sinh"))


def _half_size(e: Scalars, v: Any) -> tuple[Num, Num]:
    """x, and |x| / 2, limited to where the exponential is finite but its square is not."""
    x = Num(e, v, e.dtype)
    return x, abs(x).min(740.0 if e.dtype.size == 8 else 120.0) * 0.5


class Asinh(Function, name="graph.asinh"):
    """The inverse hyperbolic sine."""

    reference = np.arcsinh

    def lower(self, e: Scalars, *v: Any) -> Any:
        x = Num(e, v[0], e.dtype)
        a = abs(x)
        square = a * a
        near = a + square / ((square + 1).f("sqrt") + 1)
        return _log1p_of(near, a).op("copysign", x).v

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, y = terms(b, *dy, self.result)
        return flows(self, d / y.point("cosh"))


class Acosh(Function, name="graph.acosh"):
    """The inverse hyperbolic cosine; NaN below 1."""

    reference = np.arccosh

    def lower(self, e: Scalars, *v: Any) -> Any:
        x = Num(e, v[0], e.dtype)
        t = x - 1
        y = _log1p_of(t + (t * (t + 2)).f("sqrt"), x)
        return (x < 1).where(x.like(math.nan), y).v

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, y = terms(b, *dy, self.result)
        return flows(self, d / y.point("sinh"))


def _log1p_of(near: Num, x: Num) -> Num:
    """log(1 + near); for so large an x that its square overflows, log x + log 2."""
    large = x > (1e17 if x.dtype.size == 8 else 1e9)
    return large.where(x, near).f("log1p") + large.where(x.like(math.log(2)), 0)


class Atan2(Binary, name="graph.atan2"):
    """The angle of the point (y, x), its operands being the ordinate x and the abscissa y: in [-pi, pi]."""

    kinds = "f"
    scalar = "atan2"

    def evaluate(self, *arrays: Array) -> Array:
        return in_double(np.arctan2, *arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, y, x = terms(b, *dy, *self.operands)
        part = d / (x * x + y * y)
        return flows(self, part * x, -part * y)
