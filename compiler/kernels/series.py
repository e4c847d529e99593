"""Functions of one number that kernels need and no op is."""

from __future__ import annotations

import math

from ...runtime.spec import f64, i32
from ..ops.expression import Num

_SIN = [(-1) ** k / math.factorial(2 * k + 1) for k in range(8)]
_COS = [(-1) ** k / math.factorial(2 * k) for k in range(9)]


def sin_cos(x: Num) -> tuple[Num, Num]:
    """Sine and cosine of a few turns at most, by Taylor's series in float64 after taking out quarter turns."""
    wide = x.to(f64)
    quarters = (wide * (2 / math.pi)).f("roundeven")
    r = wide - quarters * (math.pi / 2)
    z = r * r
    s, c = r * z.polynomial(_SIN), z.polynomial(_COS)
    q = quarters.to(i32)
    odd, low, high = (q & 1).ne(0), (q & 2).ne(0), ((q + 1) & 2).ne(0)
    sine, cosine = odd.where(c, s), odd.where(s, c)
    return low.where(-sine, sine).to(x.dtype), high.where(-cosine, cosine).to(x.dtype)


def log_gamma(x: Num) -> Num:
    """log Γ(x) of x >= 1 in float64: Stirling's series, after steps of Γ(x + 1) = x Γ(x) up to 8."""
    y, factor = x.to(f64), x.to(f64).like(1.0)
    for _ in range(8):
        small = y < 8.0
        factor = small.where(factor * y, factor)
        y = small.where(y + 1.0, y)
    z = 1.0 / (y * y)
    tail = z.polynomial([1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156]) / y
    return (y - 0.5) * y.f("log") - y + 0.5 * math.log(2 * math.pi) + tail - factor.f("log")
