"""Special functions of one operand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.opdef import Attr
from .activation import FloatUnary
from .base import Gradients, Scalars
from .gamma import in_f64
from .gradient import flows, terms
from .special_functions import FUNCTIONS
from .special_gradient import SLOPES
from .special_reference import REFERENCES
from .trigonometry import Function, in_double


class Erf(Function, name="graph.erf"):
    """The error function."""

    scalar = "erf"
    reference = np.vectorize(math.erf, otypes=[np.float64])

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x = terms(b, *dy, self.x)
        return flows(self, d * (2 / math.sqrt(math.pi)) * (-(x * x)).point("exp"))


class Erfc(Function, name="graph.erfc"):
    """1 minus the error function, exact where that is close to 1."""

    scalar = "erfc"
    reference = np.vectorize(math.erfc, otypes=[np.float64])

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x = terms(b, *dy, self.x)
        return flows(self, d * (-2 / math.sqrt(math.pi)) * (-(x * x)).point("exp"))


class Special(FloatUnary, name="graph.special"):
    """One of the functions that models seldom use, computed in float64: the normal distribution's quantile
    `ndtri`, Bessel functions of orders 0 and 1 (the modified ones scaled by an exponential), Dawson's and
    Fresnel's integrals, the exponential integral and Spence's function."""

    function = Attr(str, choices=tuple(FUNCTIONS))

    def lower(self, e: Scalars, *v: Any) -> Any:
        return in_f64(e, v[0], FUNCTIONS[self.function])

    def evaluate(self, *arrays: Array) -> Array:
        return in_double(REFERENCES[self.function], *arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x, y = terms(b, *dy, self.x, self.result)
        return flows(self, d * SLOPES[self.function](x, y))
