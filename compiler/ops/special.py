"""Special functions of one operand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir.attributes import Array
from ..ir.opdef import Attr
from .activation import FloatUnary
from .base import Scalars
from .gamma import in_f64
from .special_functions import FUNCTIONS
from .special_reference import REFERENCES
from .trigonometry import Function, in_double


class Erf(Function, name="graph.erf"):
    """The error function."""

    scalar = "erf"
    reference = np.vectorize(math.erf, otypes=[np.float64])


class Erfc(Function, name="graph.erfc"):
    """1 minus the error function, exact where that is close to 1."""

    scalar = "erfc"
    reference = np.vectorize(math.erfc, otypes=[np.float64])


class Special(FloatUnary, name="graph.special"):
    """One of the functions that models seldom use, computed in float64: the normal distribution's quantile
    `ndtri`, Bessel functions of orders 0 and 1 (the modified ones scaled by an exponential), Dawson's and
    Fresnel's integrals, the exponential integral and Spence's function."""

    function = Attr(str, choices=tuple(FUNCTIONS))

    def lower(self, e: Scalars, *v: Any) -> Any:
        return in_f64(e, v[0], FUNCTIONS[self.function])

    def evaluate(self, *arrays: Array) -> Array:
        return in_double(REFERENCES[self.function], *arrays)
