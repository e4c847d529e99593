"""Exponentials, logarithms and powers, after Cody and Waite, "Software Manual for the Elementary Functions", 1980.

Arguments are reduced by multiples of ln 2, kept in two parts; then come Taylor's series and the inverse
hyperbolic tangent's, long enough for about one unit in the last place.
"""

from __future__ import annotations

import math

from .emit_chunk import Reg, ln2_low


def _reduce(x: Reg) -> tuple[str, Reg]:
    """n and r with x = n·ln 2 + r, |r| <= ln 2 / 2; n as an integer."""
    m = x.m
    t = x.fma(1 / math.log(2), m.magic)
    whole = t - m.magic
    n = m.i("sub", t.bits(), m.c(m.magic).bits())
    return n, whole.fma(-ln2_low(m.format), whole.fma(-m.format.ln2_high, x))


def exp(x: Reg, low: Reg | None = None) -> Reg:
    """e to the x + low, where low is so small that it matters next to 1 only."""
    m, f = x.m, x.m.format
    n, r = _reduce(x.limited(f.lowest_exp, f.highest_exp))
    if low is not None:
        r = r + low
    p = r.polynomial([1 / math.factorial(k) for k in range(f.exp_terms + 1)])
    # in two steps, so that results at both ends of the range (infinity, denormals) are right
    half = m.i("ashr", n, m.ci(1))
    return p * m.power_of_two(half) * m.power_of_two(m.i("sub", n, half))


def expm1(x: Reg) -> Reg:
    return x.choose("ogt", 40.0, exp(x), _expm1(x))


def _expm1(x: Reg) -> Reg:
    """exp(x) - 1 for x up to 40."""
    m, f = x.m, x.m.format
    n, r = _reduce(x.limited(-60.0, 60.0))
    tail = r.polynomial([1 / math.factorial(k) for k in range(2, f.exp_terms + 2)])
    em1 = (r * r).fma(tail, r)
    s = m.power_of_two(n)
    small = s.fma(em1, s - 1.0)
    return x.where("oeq", 0.0, small)


def tanh(x: Reg) -> Reg:
    """-t / (t + 2) with t = expm1(-2|x|), the sign put back."""
    t = _expm1(abs(x) * -2.0)
    return (-t / (t + 2.0)).with_sign_of(x)


def _exponent_and_mantissa(x: Reg) -> tuple[Reg, Reg]:
    """e and m with x = 2^e·m and m in [sqrt(1/2), sqrt(2)), for positive numbers, denormals included."""
    m, f = x.m, x.m.format
    smallest = 2.0 ** (1 - f.bias)
    scale = f.mantissa + 1
    big = x.choose("olt", smallest, x * 2.0**scale, x)
    shift = x.choose("olt", smallest, float(-scale), 0.0)
    # subtract the bits of sqrt(1/2) first: what is above the mantissa is then the exponent wanted
    raw = m.i("sub", big.bits(), m.c(math.sqrt(0.5)).bits())
    e = m.i("ashr", raw, m.ci(f.mantissa))
    mantissa = m.value(m.i("sub", big.bits(), m.i("shl", e, m.ci(f.mantissa))))
    return m.of_int(e) + shift, mantissa


def log(x: Reg) -> Reg:
    m, f = x.m, x.m.format
    exponent, mantissa = _exponent_and_mantissa(x)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    series = (s * s).polynomial([2 / (2 * k + 1) for k in range(f.log_terms)])
    y = exponent.fma(f.ln2_high, exponent.fma(ln2_low(f), s * series))
    y = x.choose("oeq", 0.0, -math.inf, y)
    y = x.choose("olt", 0.0, math.nan, y)
    y = x.where("oeq", math.inf, y)
    return x.where("uno", m.c(0.0), y)


def log1p(x: Reg) -> Reg:
    """log(u) for u = 1 + x as rounded, and the rounding error over u."""
    u = x + 1.0
    y = log(u) + (x - (u - 1.0)) / u
    # where nothing is left to correct: infinities, and zeros, which keep their sign
    y = x.where("oeq", 0.0, y)
    y = x.choose("oeq", -1.0, -math.inf, y)
    return x.where("oeq", math.inf, y)


def _log_in_two_parts(x: Reg) -> tuple[Reg, Reg]:
    """The logarithm of a positive number to about 65 bits, as a sum: the first term of the series and its
    rounding errors are kept, the others are a hundredth of it."""
    f = x.m.format
    exponent, mantissa = _exponent_and_mantissa(x)
    d = mantissa + 1.0
    d_low = mantissa - (d - 1.0)
    s = (mantissa - 1.0) / d
    p, p_low = s.times(d)
    s_low = (((mantissa - 1.0) - p) - p_low - s * d_low) / d
    z = s * s
    tail = s * z * z.polynomial([2 / (2 * k + 1) for k in range(1, f.log_terms + 1)])
    a, b = exponent * f.ln2_high, s + s
    high = a + b
    low = (b - (high - a)) + (exponent.fma(ln2_low(f), s_low + s_low) + tail)
    total = high + low
    return total, low - (total - high)


def power(x: Reg, y: Reg) -> Reg:
    """x to the y, as IEEE 754's pow: 1 for y = 0 and for x = 1, NaN of negative x and y not whole.

    float32 goes through float64; float64 keeps y·log |x| in two parts.
    """
    m = x.m
    if m.single:
        return _power(x.wide(), y.wide(), precise=False).narrow(m)
    return _power(x, y, precise=True)


def _power(x: Reg, y: Reg, precise: bool) -> Reg:
    size = abs(x)
    if precise:
        high, low = _log_in_two_parts(size)
        p, p_low = high.times(y)
        limit = x.m.format.highest_exp + 40
        # of what overflows anyway the errors are infinities and NaN
        p_low = abs(p).choose("olt", limit, low.fma(y, p_low), 0.0)
        special = size.choose("oeq", 0.0, -math.inf, math.inf) * y
        odd_one = size.compare("oeq", 0.0) | size.compare("oeq", math.inf)
        p = odd_one.choose(special, p)
        p_low = odd_one.choose(x.m.c(0.0), p_low)
        r = exp(p, p_low)
    else:
        r = exp(log(size) * y)
    half = y * 0.5
    is_whole = y.whole("floor").compare("oeq", y)
    is_odd = is_whole & half.whole("floor").compare("one", half)
    r = is_odd.choose(r.with_sign_of(x), r)
    undefined = x.compare("olt", 0.0) & x.compare("ogt", -math.inf) & y.whole("floor").compare("one", y)
    r = undefined.choose(x.m.c(math.nan), r)
    r = size.choose("oeq", 1.0, abs(y).choose("oeq", math.inf, 1.0, r), r)
    r = (x.compare("uno", 0.0) | y.compare("uno", 0.0)).choose(x + y, r)
    one = x.compare("oeq", 1.0) | y.compare("oeq", 0.0)
    return one.choose(x.m.c(1.0), r)
