"""Functions of floats that are short formulas of other ops: inverse and special functions, rectifiers, guards."""

from __future__ import annotations

import math
from collections.abc import Callable

from ...compiler.ir.core import Value
from ...compiler.ir.dims import Sym
from ...compiler.ops import activation as a
from ...compiler.ops.base import tensor
from ...compiler.ops.gamma import Betainc, Digamma, Igamma, Lgamma, Zeta
from ...compiler.ops.power import Pow
from ...compiler.ops.shape import Concat, Slice
from ...compiler.ops.special import Special
from ...compiler.ops.trigonometry import Atan2
from ...runtime.spec import f64
from .context import Context
from .folding import known_array
from .registry import Malformed, converts
from .terms import Term

#: Klambauer et al., "Self-Normalizing Neural Networks", 2017
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _formula(op: str, *ops: str) -> Callable[[Callable[..., Term]], Callable[..., Term]]:
    """Registers a formula of Terms as a converter."""

    def register(f: Callable[..., Term]) -> Callable[..., Term]:
        if f.__code__.co_argcount == 1:

            def unary(c: Context, x: Value) -> Value:
                return f(Term(c, x)).v

            unary.__doc__ = f.__doc__ or "Elementwise."
            converts(op, *ops)(unary)
        else:

            def binary(c: Context, x: Value, y: Value) -> Value:
                return f(Term(c, x), Term(c, y)).v

            binary.__doc__ = f.__doc__ or "Elementwise with broadcasting."
            converts(op, *ops)(binary)
        return f

    return register


@_formula("Acos")
def acos(x: Term) -> Term:
    return _leg(x).op(Atan2, x)


@_formula("Asin")
def asin(x: Term) -> Term:
    return x.op(Atan2, _leg(x))


def _leg(x: Term) -> Term:
    """sqrt(1 - x²), exact near 1 too."""
    return ((1.0 - x) * (x + 1.0)).op(a.Sqrt)


@_formula("Atan")
def atan(x: Term) -> Term:
    return x.op(Atan2, 1.0)


@_formula("Atanh")
def atanh(x: Term) -> Term:
    return (x.op(a.Log1p) - (-x).op(a.Log1p)) * 0.5


@_formula("Reciprocal", "Inv")
def reciprocal(x: Term) -> Term:
    return 1.0 / x


@_formula("IsNan")
def is_nan(x: Term) -> Term:
    return x.ne(x)


@_formula("IsInf")
def is_inf(x: Term) -> Term:
    return abs(x).eq(math.inf)


@_formula("IsFinite")
def is_finite(x: Term) -> Term:
    return abs(x) < math.inf


@_formula("Sign")
def sign(x: Term) -> Term:
    return (x > 0).where(1, (x < 0).where(-1, x))


@_formula("Softplus")
def softplus(x: Term) -> Term:
    return x.op(a.Relu) + (-abs(x)).op(a.Exp).op(a.Log1p)


@_formula("Softsign")
def softsign(x: Term) -> Term:
    return x / (abs(x) + 1.0)


@_formula("Selu")
def selu(x: Term) -> Term:
    return (x < 0.0).where(x.op(a.Expm1) * (SELU_SCALE * SELU_ALPHA), x * SELU_SCALE)


@_formula("Xlogy")
def xlogy(x: Term, y: Term) -> Term:
    return x.eq(0.0).where(0.0, x * y.op(a.Log))


@_formula("Xlog1py")
def xlog1py(x: Term, y: Term) -> Term:
    return x.eq(0.0).where(0.0, x * y.op(a.Log1p))


@_formula("Xdivy")
def xdivy(x: Term, y: Term) -> Term:
    return x.eq(0.0).where(0.0, x / y)


@_formula("DivNoNan")
def div_no_nan(x: Term, y: Term) -> Term:
    return y.eq(0.0).where(0.0, x / y)


@_formula("MulNoNan")
def mul_no_nan(x: Term, y: Term) -> Term:
    return y.eq(0.0).where(0.0, x * y)


@converts("Igammac")
def igammac(c: Context, x: Value, y: Value) -> Value:
    """Elementwise with broadcasting."""
    return c.make(Igamma, x, y, upper=True)


@converts("Betainc")
def betainc(c: Context, p: Value, q: Value, x: Value) -> Value:
    """Of operands that are single numbers or of one shape."""
    shapes = [tensor(v).shape for v in (p, q, x) if tensor(v).rank]
    if not all(_may_equal(s, shapes[0]) for s in shapes):
        raise Malformed(
            "expected operands of one shape, found " + ", ".join(str(tensor(v)) for v in (p, q, x))
        )
    return c.make(Betainc, p, q, x)


@_formula("Polygamma")
def polygamma(n: Term, x: Term) -> Term:
    """Elementwise with broadcasting."""
    following = n + 1.0
    size = following.op(Lgamma).op(a.Exp) * following.op(Zeta, x)
    half = following * 0.5
    signed = half.eq(half.op(a.Floor)).where(size, -size)
    value = n.eq(0.0).where(x.op(Digamma), signed)
    return n.eq(n.op(a.Floor)).where(value, math.nan)


def _special(op: str, function: str) -> None:
    def convert(c: Context, x: Value) -> Value:
        """Elementwise."""
        return c.make(Special, x, function=function)

    converts(op)(convert)


for _op, _function in {
    "BesselI0e": "bessel_i0e",
    "BesselI1e": "bessel_i1e",
    "BesselJ0": "bessel_j0",
    "BesselJ1": "bessel_j1",
    "BesselK0e": "bessel_k0e",
    "BesselK1e": "bessel_k1e",
    "BesselY0": "bessel_y0",
    "BesselY1": "bessel_y1",
    "Dawsn": "dawsn",
    "Expint": "expint",
    "FresnelCos": "fresnel_cos",
    "FresnelSin": "fresnel_sin",
    "Ndtri": "ndtri",
    "Spence": "spence",
}.items():
    _special(_op, _function)


def _unscaled(op: str, function: str, sign: float) -> None:
    def convert(c: Context, x: Value) -> Value:
        """Elementwise; computed in float64."""
        t = Term(c, x).to(f64)
        half = ((abs(t) if sign > 0 else t) * (sign * 0.5)).op(a.Exp)
        return (t.op(Special, function=function) * half * half).to(tensor(x).dtype).v

    converts(op)(convert)


for _op, _function, _sign in (
    ("BesselI0", "bessel_i0e", 1.0),
    ("BesselI1", "bessel_i1e", 1.0),
    ("BesselK0", "bessel_k0e", -1.0),
    ("BesselK1", "bessel_k1e", -1.0),
):
    _unscaled(_op, _function, _sign)


@_formula("Erfinv")
def erfinv(x: Term) -> Term:
    """Elementwise, as ndtri((x + 1) / 2) / sqrt(2), with the rounding that this brings near 0."""
    return ((x + 1.0) * 0.5).op(Special, function="ndtri") * math.sqrt(0.5)


@converts("Round")
def round_(c: Context, x: Value) -> Value:
    """Half to even; integers stay as they are."""
    return c.make(a.Round, x) if tensor(x).dtype.is_float else x


@converts("Pow")
def power(c: Context, x: Value, y: Value) -> Value:
    """Elementwise with broadcasting; an integer to a negative power is an error at run time."""
    exponent = known_array(y)
    if exponent is not None and exponent.size == 1 and tensor(y).rank <= tensor(x).rank:
        if float(exponent.reshape(())) == 2:
            return c.make(a.Square, x)
        if float(exponent.reshape(())) == 3:
            t = Term(c, x)
            return (t.op(a.Square) * t).v
    return c.make(Pow, x, y)


@converts("ClipByValue")
def clip_by_value(c: Context, x: Value, low: Value, high: Value) -> Value:
    """Bounds are single numbers or of the tensor's shape."""
    for bound in (low, high):
        if tensor(bound).rank and not _may_equal(tensor(bound).shape, tensor(x).shape):
            raise Malformed(f"expected bounds of shape [] or that of {tensor(x)}, found {tensor(bound)}")
    t, lo, hi = Term(c, x), Term(c, low), Term(c, high)
    t = (t > hi).where(hi, t)
    return (t < lo).where(lo, t).v


def _may_equal(x: tuple[object, ...], y: tuple[object, ...]) -> bool:
    pairs = zip(x, y, strict=False)
    return len(x) == len(y) and all(p == q or isinstance(p, Sym) or isinstance(q, Sym) for p, q in pairs)


@converts("Cross")
def cross(c: Context, x: Value, y: Value) -> Value:
    """The cross product along the last axis, of size 3."""
    kind = tensor(x)
    if kind.rank < 1 or kind.shape[-1] != 3 or not _may_equal(kind.shape, tensor(y).shape):
        raise Malformed(f"expected two tensors of one shape [..., 3], found {kind} and {tensor(y)}")

    def turned(v: Value, by: int) -> Term:
        """Element i + by in place of element i."""
        parts: list[Value] = []
        for start, stop in ((by, 3), (0, by)):
            starts = (*(0,) * (kind.rank - 1), start)
            stops = (*tensor(v).shape[:-1], stop)
            parts.append(c.make(Slice, v, starts=starts, stops=stops, steps=(1,) * kind.rank))
        return Term(c, c.make(Concat, *parts, axis=kind.rank - 1))

    return (turned(x, 1) * turned(y, 2) - turned(x, 2) * turned(y, 1)).v
