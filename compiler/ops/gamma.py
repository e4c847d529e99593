"""The gamma function and its relatives. All are computed in float64, for float32 too."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ...runtime.spec import f64, i32, i64
from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .activation import FloatUnary
from .base import (
    Gradients,
    GraphOp,
    NoGradient,
    Scalars,
    broadcast_shapes,
    same_dtype,
    shape_error,
    tensor,
)
from .expression import Num
from .gamma_reference import betainc, digamma, igamma, lgamma, zeta
from .gradient import Term, flows, terms
from .trigonometry import in_double

#: Bernoulli's numbers B2, B4, …
BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330,
    854513 / 138, -236364091 / 2730,
)  # fmt: skip
_STIRLING = [b / (2 * k * (2 * k - 1)) for k, b in enumerate(BERNOULLI[:9], 1)]
_PSI = [-b / (2 * k) for k, b in enumerate(BERNOULLI[:10], 1)]
#: log Γ(x) / ((x - 1)(x - 2)) in x - 3/2 for 1 <= x <= 2: our own minimax fit, error 1.4e-19
_NEAR = [
    0.4831289505409809, -0.14595989591430608, 0.06291140107456494, -0.031308487501009494,
    0.016797098631185916, -0.009425622448625905, 0.005446457844650585, -0.003212074069736748,
    0.0019229161355079497, -0.0011644146716071257, 0.0007115223848906008, -0.00043799193485690124,
    0.00027127505354773154, -0.00016892719402703723, 0.00010564474884131882, -6.609271409301556e-05,
    4.1635136148902716e-05, -2.7356444761067124e-05, 1.734263784459851e-05, -8.07952925042159e-06,
    5.129828644815147e-06, -7.970873319492813e-06, 5.1046182161001864e-06,
]  # fmt: skip


def in_f64(e: Scalars, v: Any, f: Callable[[Num], Num]) -> Any:
    """`f` of a float as float64, back in the float's own dtype."""
    x = Num(e, v, e.dtype)
    return f(x.to(f64)).to(x.dtype).v


def stirling(z: Num) -> Num:
    """log Γ(z) - (z - 1/2)·log z + z - log(2π) / 2 for z >= 8."""
    w = 1 / z
    return w * (w * w).polynomial(_STIRLING)


def lgamma_positive(x: Num) -> Num:
    """log Γ(x) for x >= 0: below 3 by its values between 1 and 2, above by Stirling's series, which from 8 on
    is exact; what is less is moved up by 8."""
    t = (x < 1).where(x + 1, (x < 2).where(x, x - 1))
    jump = (x < 1).where(x, (x < 2).where(x.like(1), x - 1)).f("log")
    u = t - 1.5
    near = (t - 1) * (t - 2) * u.polynomial(_NEAR) + (x < 1).where(-jump, jump)
    low = x < 8
    z = low.where(x + 8, x)
    moved = x
    for k in range(1, 8):
        moved = moved * (x + k)
    far = (z - 0.5) * (z.f("log") - 1) + (stirling(z) + (math.log(2 * math.pi) - 1) / 2)
    far = far - low.where(moved, 1).f("log")
    return (x < 3).where(near, far)


def lgamma_of(x: Num) -> Num:
    """By reflection for negative x: Γ(-a)·Γ(a) = -π / (a·sin(πa))."""
    a = abs(x)
    r = a - a.f("roundeven")
    reflected = (math.pi / (a * abs((r * math.pi).f("sin")))).f("log") - lgamma_positive(a)
    y = (x > 0).where(lgamma_positive(a), r.eq(0).where(x.like(math.inf), reflected))
    return a.eq(math.inf).where(a, y)


def digamma_of(x: Num) -> Num:
    """The asymptotic series from 8 on, after moving up by 8; by reflection for negative x."""
    below = x < 0
    y = below.where(1 - x, x)
    low = y < 8
    # P'/P of P = y(y + 1)…(y + 7)
    product, slope = y, y.like(1)
    for k in range(1, 8):
        product, slope = product * (y + k), slope * (y + k) + product
    z = low.where(y + 8, y)
    w = 1 / z
    psi = z.f("log") - w * 0.5 + w * w * (w * w).polynomial(_PSI)
    psi = psi - low.where(slope / product, 0)
    r = x - x.f("roundeven")
    psi = below.where(psi - math.pi / (r * math.pi).f("tan"), psi)
    return ((x <= 0) & r.eq(0)).where(x.like(math.nan), psi)


class Lgamma(FloatUnary, name="graph.lgamma"):
    """The logarithm of the gamma function's absolute value. Denormals count as half the smallest one, not as 0,
    where it is infinite: so they do in TensorFlow."""

    def lower(self, e: Scalars, *v: Any) -> Any:
        x = Num(e, v[0], e.dtype)
        y = lgamma_of(x.to(f64)).to(x.dtype)
        whole, digits = (i64, 63) if x.dtype.size == 8 else (i32, 31)
        e.dtype = x.dtype
        bits = Num(e, e.bitcast(x.v, whole), whole) & (2**digits - 1)
        denormal = x.eq(0) & bits.ne(0)
        return denormal.where(x.like(_of_denormals(x.dtype.size)), y).v

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        y = in_double(lgamma, x)
        if x.dtype.itemsize < 4:
            return y
        value = x.dtype.type(_of_denormals(x.dtype.itemsize))
        return np.where((x != 0) & (np.abs(x) < np.finfo(x.dtype).tiny), value, y)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x = terms(b, *dy, self.x)
        return flows(self, d * x.point("digamma"))


def _of_denormals(size: int) -> float:
    """log Γ of half the smallest denormal of a format of `size` bytes."""
    return math.log(2) * (1075 if size == 8 else 150)


class Digamma(FloatUnary, name="graph.digamma"):
    """The derivative of the gamma function's logarithm; NaN at 0 and at negative whole numbers."""

    def lower(self, e: Scalars, *v: Any) -> Any:
        return in_f64(e, v[0], digamma_of)

    def evaluate(self, *arrays: Array) -> Array:
        return in_double(digamma, *arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x = terms(b, *dy, self.x)
        return flows(self, d * x.like(2).broadcast(x.shape).make("zeta", x))


class _Iterated(GraphOp, name=""):
    """A function of several floats that broadcast, computed by iteration, number by number."""

    def infer(self) -> tuple[Type, ...]:
        dtype = same_dtype(self, *self.operands)
        if not dtype.is_float:
            raise shape_error(self, f"expected floats, received {dtype.tf_name}")
        return (TensorType(broadcast_shapes(self, *(tensor(v).shape for v in self.operands)), dtype),)


class Igamma(_Iterated, name="graph.igamma"):
    """The regularized incomplete gamma function P(a, x), or with `upper` 1 - P; NaN for negative x and, unless
    P is asked for at x = 0, for a <= 0."""

    a = Operand()
    x = Operand()
    upper = Attr(bool, default=False)

    def evaluate(self, *arrays: Array) -> Array:
        return in_double(partial(igamma, upper=self.upper), *arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, a, x = terms(b, *dy, self.a, self.x)
        slope = ((a - 1) * x.point("log") - x - a.point("lgamma")).point("exp")
        why = "the derivative of the incomplete gamma function by its first operand is not implemented"
        return flows(self, NoGradient(why), -d * slope if self.upper else d * slope)


class Betainc(_Iterated, name="graph.betainc"):
    """The regularized incomplete beta function I_x(a, b); NaN outside of 0 <= x <= 1, for a or b up to 0 and,
    between x = 0 and x = 1, for infinite ones."""

    a = Operand()
    b = Operand()
    x = Operand()

    def evaluate(self, *arrays: Array) -> Array:
        return in_double(betainc, *arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, p, q, x = terms(b, *dy, *self.operands)
        whole = p.point("lgamma") + q.point("lgamma") - (p + q).point("lgamma")
        powers = _times_log(q - 1, (-x).point("log1p")) + _times_log(p - 1, x.point("log"))
        return flows(self, None, None, d * (powers - whole).point("exp"))


def _times_log(x: Term, log: Term) -> Term:
    """x times a logarithm; 0 where x is 0."""
    return x.eq(0).where(0, x * log)


class Zeta(_Iterated, name="graph.zeta"):
    """Hurwitz' zeta function Σ (q + k)^-x over k >= 0; infinite at x = 1 and NaN below. For q <= 0, where one
    of the terms or its sign is undefined: infinite for whole q and even x, NaN for whole q and other x, NaN
    for other q unless x is whole."""

    x = Operand()
    q = Operand()
    most_terms: ClassVar[int] = 1 << 18  # in front of q + k > 10; what q < -262144 adds is below float32

    def evaluate(self, *arrays: Array) -> Array:
        return in_double(zeta, *arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x, q = terms(b, *dy, self.x, self.q)
        return flows(self, None, -d * x * (x + 1).make("zeta", q))
