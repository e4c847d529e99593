"""Powers, and the numbers next to a number."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.attributes import Array
from ..ir.core import Builder, Value
from .base import Gradients, Scalars
from .elementwise import Binary
from .gradient import flows, terms
from .trigonometry import in_double


class Pow(Binary, name="graph.pow"):
    """x to the y. Floats as IEEE 754's pow: 1 for y = 0 and for x = 1, NaN of negative x and y not whole.
    Integers wrap, and a negative y is the error ARITH."""

    kinds = "fi"
    scalar = "powf"

    def evaluate(self, *arrays: Array) -> Array:
        x, y = arrays
        if x.dtype.kind == "f":
            return in_double(np.power, x, y)
        if np.any(y < 0) and np.broadcast(x, y).size:
            raise ZeroDivisionError("an integer to a negative power")
        with np.errstate(all="ignore"):
            return np.power(x, y)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x, y, z = terms(b, *dy, self.x, self.y, self.result)
        positive = x > 0
        log = positive.where(positive.where(x, 1).point("log"), 0)
        return flows(self, d * y * x.point("pow", y - 1), d * z * log)


class NextAfter(Binary, name="graph.next_after"):
    """The number next to x in the direction of y; y where they are equal."""

    kinds = "f"

    def lower(self, e: Scalars, *v: Any) -> Any:
        return e.binary("nextafter", *v)

    def evaluate(self, *arrays: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.nextafter(*arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        (d,) = terms(b, *dy)
        return flows(self, d, d * 0)
