"""Elementwise functions that are short formulas of others: inverse functions, angles, special functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....compiler.ops import elementwise, power, special, trigonometry
from ....runtime.spec import boolean, f64
from ..tensor import Tensor, TensorLike, cast, convert, floats, numbers, op, pair
from .elementwise import (
    abs,
    arctan2,
    equal,
    exp,
    isnan,
    less_equal,
    log1p,
    logaddexp,
    maximum,
    minimum,
    sin,
    where,
)
from .elementwise import sqrt as _sqrt

__all__ = [
    "angle", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "bartlett", "blackman", "cbrt",
    "conj", "conjugate", "deg2rad", "erfc", "erfinv", "exp2", "fabs", "fmax", "fmin", "fmod", "hamming",
    "hanning", "heaviside", "hypot", "i0", "imag", "isclose", "isneginf", "isposinf", "isreal", "kaiser",
    "ldexp", "logaddexp2", "nextafter", "rad2deg", "real", "signbit", "sinc",
]  # fmt: skip


def _leg(x: Tensor) -> Tensor:
    """sqrt(1 - x²), exact near 1 too."""
    return _sqrt((1.0 - x) * (x + 1.0))


def arccos(x: TensorLike) -> Tensor:
    """The angle in [0, π] whose cosine is x."""
    x = floats(x)
    return arctan2(_leg(x), x)


def arcsin(x: TensorLike) -> Tensor:
    """The angle in [-π/2, π/2] whose sine is x."""
    x = floats(x)
    return arctan2(x, _leg(x))


def arctan(x: TensorLike) -> Tensor:
    """The angle in (-π/2, π/2) whose tangent is x."""
    return arctan2(floats(x), 1.0)


def arcsinh(x: TensorLike) -> Tensor:
    """The number whose hyperbolic sine is x."""
    return op(trigonometry.Asinh, floats(x))


def arccosh(x: TensorLike) -> Tensor:
    """The number of at least 0 whose hyperbolic cosine is x."""
    return op(trigonometry.Acosh, floats(x))


def arctanh(x: TensorLike) -> Tensor:
    """The number whose hyperbolic tangent is x."""
    x = floats(x)
    return (log1p(x) - log1p(-x)) * 0.5


def exp2(x: TensorLike) -> Tensor:
    """2 to the power of x."""
    x = floats(x)
    return op(power.Pow, convert(2, x.type.dtype), x)


def cbrt(x: TensorLike) -> Tensor:
    """The cube root; negative for negative numbers."""
    x = floats(x)
    root = op(power.Pow, abs(x), convert(1 / 3, x.type.dtype))
    return where(x < 0, -root, root)


def deg2rad(x: TensorLike) -> Tensor:
    """Degrees as radians."""
    return floats(x) * (math.pi / 180)


def rad2deg(x: TensorLike) -> Tensor:
    """Radians as degrees."""
    return floats(x) * (180 / math.pi)


def hypot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """sqrt(x1² + x2²), without overflow."""
    a, b = pair(floats(x1), floats(x2))
    a, b = abs(a), abs(b)
    high, low = maximum(a, b), minimum(a, b)
    safe = where(high == 0, 1.0, high)
    share = where(low == high, 1.0, low / safe)
    return where(high == 0, 0.0, high * _sqrt(share * share + 1.0))


def sinc(x: TensorLike) -> Tensor:
    """sin(πx) / (πx), and 1 at 0."""
    x = floats(x) * math.pi
    none = x == 0
    safe = where(none, 1.0, x)
    return where(none, 1.0, sin(safe) / safe)


def i0(x: TensorLike) -> Tensor:
    """The modified Bessel function of the first kind and order 0; computed in float64."""
    x = floats(x)
    wide = cast(x, f64)
    half = exp(abs(wide) * 0.5)
    return cast(op(special.Special, wide, function="bessel_i0e") * half * half, x.type.dtype)


def erfc(x: TensorLike) -> Tensor:
    """1 - erf(x)."""
    return op(special.Erfc, floats(x))


def erfinv(x: TensorLike) -> Tensor:
    """The number whose error function is x."""
    return op(special.Special, (floats(x) + 1.0) * 0.5, function="ndtri") * math.sqrt(0.5)


def logaddexp2(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The logarithm to base 2 of 2^x1 + 2^x2."""
    a, b = pair(floats(x1), floats(x2))
    return logaddexp(a * math.log(2), b * math.log(2)) * (1 / math.log(2))


def ldexp(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 * 2^x2."""
    x = floats(x1)
    return x * cast(exp2(cast(x2, x.type.dtype)), x.type.dtype)


def heaviside(x1: TensorLike, x2: TensorLike) -> Tensor:
    """0 below 0, 1 above, and x2 at 0; floats."""
    a, b = pair(floats(x1), floats(x2))
    step = where(a == 0, b, cast(a > 0, a.type.dtype))
    return where(isnan(a), a, step)


def fmod(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The remainder of a division towards 0: with the sign of x1."""
    a, b = pair(x1, x2)
    a, b = numbers(a), numbers(b)
    from ....compiler.ops.integer import TruncateMod

    return op(TruncateMod, a, b)


def fmax(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The larger one; where one is NaN, the other."""
    return _without_nan(maximum, x1, x2)


def fmin(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The smaller one; where one is NaN, the other."""
    return _without_nan(minimum, x1, x2)


def _without_nan(choose: Any, x1: TensorLike, x2: TensorLike) -> Tensor:
    a, b = pair(x1, x2)
    if not a.type.dtype.is_float:
        return choose(a, b)
    return where(isnan(a), b, where(isnan(b), a, choose(a, b)))


def fabs(x: TensorLike) -> Tensor:
    """|x| as a float."""
    return abs(floats(x))


def signbit(x: TensorLike) -> Tensor:
    """Whether x is negative; of -0 too."""
    x = convert(x)
    if not x.type.dtype.is_float:
        return x < 0 if x.type.dtype.kind == "i" else cast(cast(x, boolean) & False, boolean)
    return (x < 0) | ((x == 0) & (1.0 / x < 0))


def isposinf(x: TensorLike) -> Tensor:
    """Whether x is positive infinity."""
    return equal(x, float("inf"))


def isneginf(x: TensorLike) -> Tensor:
    """Whether x is negative infinity."""
    return equal(x, float("-inf"))


def isclose(
    x1: TensorLike, x2: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether |x1 - x2| is at most atol + rtol * |x2|; equal infinities are close, NaN only with `equal_nan`."""
    a, b = pair(floats(x1), floats(x2))
    near = less_equal(abs(a - b), abs(b) * rtol + atol) & (abs(b) < float("inf"))
    near = near | (a == b)
    return near | (isnan(a) & isnan(b)) if equal_nan else near


def nextafter(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The next number after x1 in the direction of x2."""
    a, b = pair(floats(x1), floats(x2))
    return op(power.NextAfter, a, b)


def isreal(x: TensorLike) -> Tensor:
    """Whether x has no imaginary part: tensors are real."""
    return op(elementwise.LogicalNot, cast(convert(x), boolean) & False)


def real(x: TensorLike) -> Tensor:
    """x: tensors are real."""
    return convert(x)


conj = conjugate = real


def imag(x: TensorLike) -> Tensor:
    """0: tensors are real."""
    return convert(x) * 0


def angle(x: TensorLike) -> Tensor:
    """0 for positive numbers, π for negative ones, NaN for NaN."""
    x = floats(x)
    return where(isnan(x), x, where(x < 0, math.pi, 0.0))


def _window(x: TensorLike, shape: Any) -> Tensor:
    """A window of so many numbers, which must be known."""
    return convert(shape(int(x)).astype(np.float32))


def bartlett(x: TensorLike) -> Tensor:
    """A triangular window of x numbers."""
    return _window(x, np.bartlett)


def blackman(x: TensorLike) -> Tensor:
    """Blackman's window of x numbers."""
    return _window(x, np.blackman)


def hamming(x: TensorLike) -> Tensor:
    """Hamming's window of x numbers."""
    return _window(x, np.hamming)


def hanning(x: TensorLike) -> Tensor:
    """Hann's window of x numbers."""
    return _window(x, np.hanning)


def kaiser(x: TensorLike, beta: float) -> Tensor:
    """Kaiser's window of x numbers."""
    return _window(x, lambda n: np.kaiser(n, float(beta)))
