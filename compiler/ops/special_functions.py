"""Formulas of special functions of one operand, in float64.

Unless a source is named, pieces of a function's range are polynomials fitted by ourselves (`special_tables.py`), after
singular factors are taken out: for small arguments in the argument or its square, for large ones in its inverse.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .expression import Num
from .special_tables import TABLES

#: numerators and denominators of Wichura, "Algorithm AS 241: The percentage points of the normal distribution", 1988
_MIDDLE = (
    [
        3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
        4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3,
    ],
    [
        1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
        3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3,
    ],
)  # fmt: skip
_SIDE = (
    [
        1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
        1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4,
    ],
    [
        1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
        1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ],
)  # fmt: skip
_TAIL = (
    [
        6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
        2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5,
        2.01033439929228813265e-7,
    ],
    [
        1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
        7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    ],
)  # fmt: skip


def _ratio(x: Num, of: tuple[list[float], list[float]]) -> Num:
    return x.polynomial(of[0]) / x.polynomial(of[1])


def _fit(name: str, u: Num) -> Num:
    """A fitted polynomial; `u` runs from -1 to 1."""
    return u.polynomial(list(TABLES[name]))


def ndtri(p: Num) -> Num:
    q = p - 0.5
    rest = (p < 0.5).where(p, 1 - p)
    r = (-rest.f("log")).f("sqrt")
    side = (r <= 5).where(_ratio(r - 1.6, _SIDE), _ratio(r - 5, _TAIL))
    side = rest.eq(0).where(p.like(math.inf), side).op("copysign", q)
    y = (abs(q) <= 0.425).where(q * _ratio(0.180625 - q * q, _MIDDLE), side)
    return ((p >= 0) & (p <= 1)).where(y, math.nan)


def _bessel_i(x: Num, order: int) -> Num:
    """e^-|x|·I(x)."""
    a = abs(x)
    near = _fit(f"i{order}e_near", a * 0.25 - 1)
    far = _fit(f"i{order}e_far", 16 / a - 1) / a.f("sqrt")
    if order == 0:
        return (a < 8).where(near, far)
    return (a < 8).where(a * near, far).op("copysign", x)


def _bessel_k(x: Num, order: int) -> Num:
    """e^x·K(x), near 0 by the logarithm times I(x), whose series is short there."""
    z = x * x
    terms = [1 / (4.0**k * math.factorial(k) * math.factorial(k + order)) for k in range(13)]
    log, i = (x * 0.5).f("log"), z.polynomial(terms)
    smooth = _fit(f"k{order}_near", z * 0.5 - 1)
    near = smooth - log * i if order == 0 else smooth / x + log * (i * x * 0.5)
    far = _fit(f"k{order}e_far", 4 / x - 1) / x.f("sqrt")
    y = (x < 2).where(near * x.f("exp"), far)
    return (x <= 0).where(x.like(math.inf), y)


def _amplitudes(a: Num, order: int) -> tuple[Num, Num]:
    """For a >= 8 the two functions, without the first one's part below: Hankel's expansion, whose phase is a less
    45 or 135 degrees."""
    inverse = 1 / a
    u = inverse * inverse * 128 - 1
    p, q = _fit(f"p{order}", u), _fit(f"q{order}", u) * inverse
    s, c = a.f("sin"), a.f("cos")
    cos, sin = (c + s, s - c) if order == 0 else (s - c, -(s + c))
    scale = (1 / (a * math.pi)).f("sqrt")
    return scale * (p * cos - q * sin), scale * (p * sin + q * cos)


def _bessel_j(x: Num, order: int) -> Num:
    a = abs(x)
    near = _fit(f"j{order}_near", a * a * (1 / 32) - 1)
    far, _ = _amplitudes(a, order)
    if order == 0:
        return (a < 8).where(near, far)
    y = (a < 8).where(a * near, far)
    return (x < 0).where(-y, y)


def _bessel_y(x: Num, order: int) -> Num:
    u = x * x * (1 / 32) - 1
    smooth, j = _fit(f"y{order}_near", u), _fit(f"j{order}_near", u)
    log = x.f("log")
    if order == 0:
        near = smooth + log * j * (2 / math.pi)
    else:
        near = x * smooth + (log * (x * j) - 1 / x) * (2 / math.pi)
    _, far = _amplitudes(x, order)
    return (x <= 0).where(x.like(-math.inf), (x < 8).where(near, far))


def dawsn(x: Num) -> Num:
    a = abs(x)
    z = a * a
    near = a * (a < 3).where(
        _fit("dawsn_near", z * (1 / 4.5) - 1), _fit("dawsn_middle", (z - 22.5) * (1 / 13.5))
    )
    far = _fit("dawsn_far", 72 / z - 1) * 0.5 / a
    return (a < 6).where(near, far).op("copysign", x)


def expint(x: Num) -> Num:
    """Ei(x) of positive numbers."""
    near = x * _fit("expint_near", x * 0.25 - 1) + x.f("log") + 0.5772156649015329
    w = 1 / x
    middle = (x < 16).where(_fit("expint_8", w * 32 - 3), _fit("expint_16", w * (160 / 3) - 7 / 3))
    far = (x < 40).where(middle, _fit("expint_40", w * 80 - 1))
    half = (x * 0.5).f("exp")
    y = (x < 8).where(near, far * w * half * half)
    y = x.eq(0).where(x.like(-math.inf), y)
    return ((x >= 0) & (x < math.inf)).where(y, math.nan)


def _fresnel(x: Num, sine: bool) -> Num:
    """The integral of sin or cos of (π/2)·t² from 0 to x."""
    a = abs(x)
    square = a * a
    z = square * square
    u = z * (1 / 3.2768) - 1
    near = a * square * _fit("fresnel_sin_near", u) if sine else a * _fit("fresnel_cos_near", u)
    inverse = 1 / a
    v = inverse * inverse * 2.56
    v = v * v * 2 - 1
    f = _fit("fresnel_f", v) * inverse * (1 / math.pi)
    g = _fit("fresnel_g", v) * (inverse * inverse * inverse) * (1 / math.pi**2)
    # the angle repeats when the square grows by 4
    turn = (square - (square * 0.25).f("floor") * 4) * (math.pi / 2)
    s, c = turn.f("sin"), turn.f("cos")
    far = 0.5 - (f * c + g * s) if sine else 0.5 + (f * s - g * c)
    # from here on the square has no digits behind the point, and what oscillates is below its rounding
    far = (a > 1e8).where(a.like(0.5), far)
    return (a < 1.6).where(near, far).op("copysign", x)


def spence(x: Num) -> Num:
    """The integral of -log t / (t - 1) from 1 to x: by Euler's and Landen's identities for the dilogarithm, which
    leave arguments between 1/2 and 3/2."""
    large = x > 1.5
    y = large.where(1 / x, x)
    low = y < 0.5
    w = low.where(-y, y - 1)
    part = w * _fit("spence", w * 2)
    log = y.f("log")
    whole = low.where(math.pi**2 / 6 - log * (-y).f("log1p") - part, part)
    whole = y.eq(0).where(x.like(math.pi**2 / 6), whole)
    flipped = -(log * log * 0.5) - whole
    return ((x >= 0) & (x < math.inf)).where(large.where(flipped, whole), math.nan)


FUNCTIONS: dict[str, Callable[[Num], Num]] = {
    "ndtri": ndtri,
    "bessel_i0e": lambda x: _bessel_i(x, 0),
    "bessel_i1e": lambda x: _bessel_i(x, 1),
    "bessel_j0": lambda x: _bessel_j(x, 0),
    "bessel_j1": lambda x: _bessel_j(x, 1),
    "bessel_k0e": lambda x: _bessel_k(x, 0),
    "bessel_k1e": lambda x: _bessel_k(x, 1),
    "bessel_y0": lambda x: _bessel_y(x, 0),
    "bessel_y1": lambda x: _bessel_y(x, 1),
    "dawsn": dawsn,
    "expint": expint,
    "fresnel_cos": lambda x: _fresnel(x, sine=False),
    "fresnel_sin": lambda x: _fresnel(x, sine=True),
    "spence": spence,
}
