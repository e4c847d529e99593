"""Reference evaluations of the gamma function's relatives, in extended precision, by sums that are plain but
slow: independent of how compiled code computes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.attributes import Array

Wide = np.ndarray[Any, Any]  # of np.longdouble
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)
_START = 40  # where asymptotic series begin
_ROUNDS = 100_000


def _lgamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):  # a pole, or infinite
        return math.inf


lgamma: Callable[..., Array] = np.vectorize(_lgamma, otypes=[np.float64])


def digamma(x: Array) -> Array:
    """ψ(x + N) - Σ 1 / (x + k); below zero by reflection."""
    y = np.where(x < 0, 1 - x, x).astype(np.longdouble)
    z = y + _START
    psi = np.log(z) - 0.5 / z
    for k, b in enumerate(_BERNOULLI, 1):
        psi -= b / (2 * k) / z ** (2 * k)
    for k in range(_START):
        psi -= 1 / (y + k)
    r = (x - np.rint(x)).astype(np.longdouble)
    pi = np.arctan2(np.longdouble(0), np.longdouble(-1))
    psi = np.where(x < 0, psi - pi / np.tan(pi * r), psi)
    return np.where((x <= 0) & (r == 0), np.nan, psi)


def _factor(a: Wide, x: Wide) -> Wide:
    """x^a·e^-x / Γ(a + 1), with Γ moved up to where Stirling's series holds."""
    moved = np.zeros_like(a)
    for k in range(1, _START):
        moved += np.log(a + k)
    z = a + _START
    log_gamma = (z - 0.5) * np.log(z) - z + 0.5 * np.log(2 * np.pi * np.ones_like(a))
    for k, b in enumerate(_BERNOULLI, 1):
        log_gamma += b / (2 * k * (2 * k - 1)) / z ** (2 * k - 1)
    return np.exp(a * np.log(x) - x - log_gamma + moved)


def _lower(a: Wide, x: Wide) -> Wide:
    """P(a, x) for x up to a + 1: Σ x^n / ((a + 1)…(a + n))."""
    term, total = np.ones_like(a), np.ones_like(a)
    for n in range(1, _ROUNDS):
        term = term * x / (a + n)
        total = total + term
        if np.all(~(term > 1e-21 * total)):
            break
    return _factor(a, x) * total


def _upper(a: Wide, x: Wide) -> Wide:
    """1 - P(a, x) for x from a + 1 on: Legendre's continued fraction from front to back."""
    tiny = np.longdouble(1e-300)
    b = x + 1 - a
    c, d = np.full_like(a, 1 / tiny), 1 / np.where(b == 0, tiny, b)
    h = d
    for n in range(1, _ROUNDS):
        b = b + 2
        k = n * (a - n)
        d, c = k * d + b, b + k / c
        d = 1 / np.where(d == 0, tiny, d)
        c = np.where(c == 0, tiny, c)
        h = h * (c * d)
        if np.all(~(abs(c * d - 1) > 1e-18)):
            break
    return a * _factor(a, x) * h


def igamma(a: Array, x: Array, upper: bool) -> Array:
    a, x = np.broadcast_arrays(a, x)
    good = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
    wide = np.where(good, a, 1).astype(np.longdouble), np.where(good, x, 1).astype(np.longdouble)
    near = wide[1] <= wide[0] + 1
    low = _lower(*(np.where(near, v, 1) for v in wide))
    high = _upper(*(np.where(near, v, w) for v, w in zip((1.0, 3.0), wide, strict=True)))
    p = np.where(near, low, 1 - high)
    value = np.where(near, 1 - low, high) if upper else p
    value = np.where(good, value, np.nan)
    zero, one = (1.0, 0.0) if upper else (0.0, 1.0)
    value = np.where((a > 0) & (x == np.inf), one, value)
    value = np.where((a == np.inf) & (x >= 0), one if upper else zero, value)
    if upper:
        value = np.where((a == np.inf) & (x >= 0), np.where(x == np.inf, 0.0, 1.0), value)
        return np.where((a > 0) & (x == 0), 1.0, value)
    return np.where(x == 0, 0.0, value)


def betainc(a: Array, b: Array, x: Array) -> Array:
    """By x^a·(1 - x)^b / (a·B(a, b))·Σ (a + b)…(a + b + n - 1) / ((a + 1)…(a + n))·x^n on the smaller side."""
    a, b, x = np.broadcast_arrays(a, b, x)
    good = (a > 0) & (b > 0) & np.isfinite(a) & np.isfinite(b) & (x > 0) & (x < 1)
    p, q, y = (np.where(good, v, 0.5).astype(np.longdouble) for v in (a, b, x))
    swap = y > p / (p + q)
    p, q = np.where(swap, q, p), np.where(swap, p, q)
    y, z = np.where(swap, 1 - y, y), np.where(swap, y, 1 - y)
    term, total = np.ones_like(p), np.ones_like(p)
    for n in range(1, _ROUNDS):
        term = term * (p + q + n - 1) / (p + n) * y
        total = total + term
        if np.all(~(term > 1e-21 * total)):
            break
    # B(p, q) = Γ(p)·Γ(q) / Γ(p + q), each Γ as in _factor at x = 1
    one = np.ones_like(p)
    gammas = _factor(p, one) * _factor(q, one) * p * q / (_factor(p + q, one) * (p + q)) * np.exp(one)
    value = np.exp(p * np.log(y) + q * np.log(z)) / p * gammas * total
    value = np.where(swap, 1 - value, value)
    value = np.where(good, value, np.nan)
    edge = ~((a <= 0) | (b <= 0))
    return np.where(edge & (x == 0), 0.0, np.where(edge & (x == 1), 1.0, value))


def _zeta(x: float, q: float) -> float:
    if math.isnan(x) or x < 1:
        return math.nan
    if x == 1:
        return math.inf
    if math.isnan(q):
        return math.nan
    even = math.isinf(x) or x % 2 == 0
    if q <= 0:
        if q == -math.inf or q % 1 == 0:
            return math.inf if even else math.nan
        if not math.isinf(x) and x % 1 != 0:
            return math.nan
    if q == math.inf:
        return 0.0
    n = max(_START, _START + math.ceil(-q))
    k = q + np.arange(min(n, 1 << 20), dtype=np.longdouble)
    total = np.sum(np.abs(k) ** -x * (1.0 if even else np.sign(k)))
    if x > 200:
        return float(total)
    w = np.longdouble(q) + n
    total += w ** (1 - x) / (x - 1) + w**-x / 2
    term = w**-x * x / w
    for j, b in enumerate(_BERNOULLI, 1):
        total += b * term / math.factorial(2 * j)
        term = term * (x + 2 * j - 1) * (x + 2 * j) / w**2
    return float(total)


zeta: Callable[..., Array] = np.vectorize(_zeta, otypes=[np.float64])
