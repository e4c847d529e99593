"""Derivatives of the special functions of one operand: Abramowitz and Stegun, "Handbook of Mathematical Functions",
chapters 5, 7, 9 and 27; where a formula has a quotient at 0 or 1, its limit."""

from __future__ import annotations

import math
from collections.abc import Callable

from .gradient import Term


def _f(name: str, x: Term) -> Term:
    return x.point("special", function=name)


def _sign(x: Term) -> Term:
    return (x > 0).where(1, (x < 0).where(-1, x))


def _fresnel(name: str, x: Term) -> Term:
    """Of the integrals of cos and sin of (π/2)·t²."""
    return (x * x * (math.pi / 2)).point(name)


#: the derivative at x of a function whose value there is y
SLOPES: dict[str, Callable[[Term, Term], Term]] = {
    "ndtri": lambda x, y: (y * y * 0.5).point("exp") * math.sqrt(2 * math.pi),
    "bessel_i0e": lambda x, y: _f("bessel_i1e", x) - _sign(x) * y,
    "bessel_i1e": lambda x, y: x.eq(0).where(0.5, _f("bessel_i0e", x) - y * (_sign(x) + 1 / x)),
    "bessel_j0": lambda x, y: -_f("bessel_j1", x),
    "bessel_j1": lambda x, y: x.eq(0).where(0.5, _f("bessel_j0", x) - y / x),
    "bessel_k0e": lambda x, y: y - _f("bessel_k1e", x),
    "bessel_k1e": lambda x, y: y * (1 - 1 / x) - _f("bessel_k0e", x),
    "bessel_y0": lambda x, y: -_f("bessel_y1", x),
    "bessel_y1": lambda x, y: _f("bessel_y0", x) - y / x,
    "dawsn": lambda x, y: 1 - 2 * (x * y),
    "expint": lambda x, y: x.point("exp") / x,
    "fresnel_cos": lambda x, y: _fresnel("cos", x),
    "fresnel_sin": lambda x, y: _fresnel("sin", x),
    "spence": lambda x, y: x.eq(1).where(-1, x.point("log") / (1 - x)),
}
