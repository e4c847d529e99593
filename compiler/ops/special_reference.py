"""Reference evaluations of special functions: integrals and sums that converge fast, none of them a fitted formula."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from ..ir.attributes import Array

_EULER = 0.5772156649015329


def _each(f: Callable[[float], float]) -> Callable[..., Array]:
    return np.vectorize(f, otypes=[np.float64])


def _ndtri(p: float) -> float:
    if 0 < p < 1:
        from statistics import NormalDist  # with all of fractions and decimal

        return NormalDist().inv_cdf(p)
    return -math.inf if p == 0 else math.inf if p == 1 else math.nan


@cache
def _legendre() -> tuple[Array, Array]:
    """Nodes and weights; not at import, for they take longer than all the rest."""
    return np.polynomial.legendre.leggauss(400)


def _integral(f: Callable[[Array], Array], upper: float) -> float:
    """From 0 to `upper` by Gauss and Legendre."""
    nodes, weights = _legendre()
    return float(np.sum(weights * f((nodes + 1) * (upper / 2))) * (upper / 2))


def _bessel_ie(x: float, order: int) -> float:
    """Parseval's integral, by the trapezoidal rule: exact for periodic functions; e^-|x| is inside."""
    a = abs(x)
    if a == math.inf:
        return math.copysign(0.0, x) if order else 0.0
    if a > 1e4:
        mu, term, total = 4.0 * order, 1.0, 1.0
        for k in range(1, 8):
            term *= -(mu - (2 * k - 1) ** 2) / (k * 8 * a)
            total += term
        y = total / math.sqrt(2 * math.pi * a)
    else:
        t = (np.arange(2000) + 0.5) * (math.pi / 2000)
        y = float(np.mean(np.exp(a * (np.cos(t) - 1)) * np.cos(order * t)))
    return math.copysign(y, x) if order else y


def _bessel_ke(x: float, order: int) -> float:
    if math.isnan(x):
        return x
    if x <= 0:
        return math.inf
    if x == math.inf:
        return 0.0
    top = math.acosh(1 + min(745 / x, 1e300))
    if x > 1e6:  # cosh t - 1 has no digits left
        top = math.sqrt(1490 / x)
    t = np.linspace(0, top, 4001)
    f = np.exp(-2 * x * np.sinh(t / 2) ** 2) * np.cosh(order * t)
    return float((np.sum(f) - f[0] / 2) * (t[1] - t[0]))


def _bessel_j_of(m: Array, x: float) -> Array:
    """J of several orders, by Bessel's integral and the trapezoidal rule."""
    t = (np.arange(1024) + 0.5) * (math.pi / 1024)
    return np.mean(np.cos(m[:, None] * t - x * np.sin(t)), axis=1)


def _hankel(x: float, order: int) -> tuple[float, float]:
    """J and Y of large numbers by Hankel's expansion."""
    p, q, term = 1.0, 0.0, 1.0
    for k in range(1, 30):
        term *= (4.0 * order - (2 * k - 1) ** 2) / (k * 8 * x)
        if k % 2:
            q += term * (-1) ** (k // 2)
        else:
            p += term * (-1) ** (k // 2)
    turn = (2 * order + 1) * math.pi / 4
    c = math.cos(x) * math.cos(turn) + math.sin(x) * math.sin(turn)
    s = math.sin(x) * math.cos(turn) - math.cos(x) * math.sin(turn)
    size = math.sqrt(2 / math.pi / x)
    return size * (p * c - q * s), size * (p * s + q * c)


def _bessel_j(x: float, order: int) -> float:
    a = abs(x)
    if not a < math.inf:
        return math.nan
    y = float(_bessel_j_of(np.array([order]), a)[0]) if a < 40 else _hankel(a, order)[0]
    return -y if order and x < 0 else y


def _bessel_y(x: float, order: int) -> float:
    """Neumann's expansion in J of higher orders."""
    if x <= 0:
        return -math.inf
    if not x < math.inf:
        return math.nan
    if x >= 40:
        return _hankel(x, order)[1]
    k = np.arange(1, 60)
    j = _bessel_j_of(np.array([0, 1, *(2 * k + order)]), x)
    sign = (-1.0) ** k * (2 * k + order) / (k * (k + order))
    if order == 0:
        head = (math.log(x / 2) + _EULER) * j[0]
    else:
        head = (math.log(x / 2) + _EULER - 1) * j[1] - j[0] / x
    return float(2 / math.pi * (head - np.sum(sign * j[2:])))


def _dawsn(x: float) -> float:
    """Rybicki's sum of Gaussians, "Dawson's integral and the sampling theorem", 1989."""
    a = abs(x)
    if not a < 1e15:
        return math.nan if math.isnan(x) else 0.5 / x
    h = 0.2
    whole = 2 * round(a / (2 * h))
    n = np.arange(-61, 62, 2)
    f = np.exp(-((a - whole * h - n * h) ** 2)) / (n + whole)
    return math.copysign(float(np.sum(f)) / math.sqrt(math.pi), x)


def _expint(x: float) -> float:
    if x == 0:
        return -math.inf
    if not 0 < x < math.inf:
        return math.nan
    if x > 716:
        return math.inf
    # the sum of x^k / (k·k!), in two factors, neither of which overflows
    ratios = x / np.arange(1, int(3 * x) + 60)
    ratios[0] *= math.exp(-x / 2)
    total = float(np.sum(np.cumprod(ratios) / np.arange(1, len(ratios) + 1)))
    return _EULER + math.log(x) + total * math.exp(x / 2)


def _fresnel(x: float, sine: bool) -> float:
    a = abs(x)
    if math.isnan(x):
        return x
    if a < 5:
        f = np.sin if sine else np.cos
        return math.copysign(_integral(lambda t: f(t * t * (math.pi / 2)), a), x)
    if a > 1e8:
        return math.copysign(0.5, x)
    p = math.pi * a * a
    f, g, term = 0.0, 0.0, 1.0
    for k in range(20):
        f, g = (f + term, g) if k % 2 == 0 else (f, g + term)
        term *= (2 * k + 1) / p * (-1 if k % 2 else 1)
    angle = math.fmod(a * a, 4) * (math.pi / 2)
    s, c = math.sin(angle), math.cos(angle)
    oscillating = f * c + g * s if sine else g * c - f * s
    return math.copysign(0.5 - oscillating / (math.pi * a), x)


def _spence(x: float) -> float:
    """The integral of -v / (1 - e^-v), which is smooth, from 0 to log x."""
    if not 0 <= x < math.inf:
        return math.nan
    if x == 0:
        return math.pi**2 / 6
    if x == 1:
        return 0.0
    return -_integral(lambda v: v / -np.expm1(-v), math.log(x))


REFERENCES: dict[str, Callable[..., Array]] = {
    "ndtri": _each(_ndtri),
    "bessel_i0e": _each(lambda x: _bessel_ie(x, 0)),
    "bessel_i1e": _each(lambda x: _bessel_ie(x, 1)),
    "bessel_j0": _each(lambda x: _bessel_j(x, 0)),
    "bessel_j1": _each(lambda x: _bessel_j(x, 1)),
    "bessel_k0e": _each(lambda x: _bessel_ke(x, 0)),
    "bessel_k1e": _each(lambda x: _bessel_ke(x, 1)),
    "bessel_y0": _each(lambda x: _bessel_y(x, 0)),
    "bessel_y1": _each(lambda x: _bessel_y(x, 1)),
    "dawsn": _each(_dawsn),
    "expint": _each(_expint),
    "fresnel_cos": _each(lambda x: _fresnel(x, sine=False)),
    "fresnel_sin": _each(lambda x: _fresnel(x, sine=True)),
    "spence": _each(_spence),
}
