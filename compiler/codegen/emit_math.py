"""math ops: roots and rounding by intrinsics, exponentials and logarithms by our own polynomials.

No call of a math library: a loop over vectors would fall apart into scalar calls. Series are Taylor's and
the inverse hyperbolic tangent's after the usual reductions (Cody and Waite, "Software Manual for the
Elementary Functions", 1980), long enough for about one unit in the last place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...runtime.spec import DType
from ..ir.core import Op
from .emit_arith import literal
from .emit_core import llvm_scalar
from .emit_vector import VectorEmitter


@dataclass(frozen=True)
class _Format:
    """Facts of a binary floating-point format, and the lengths of the series."""

    bits: int
    mantissa: int
    bias: int
    lowest_exp: float  # below, exp gives 0
    highest_exp: float  # above, exp gives infinity
    ln2_high: float
    exp_terms: int
    log_terms: int


_FORMATS = {
    "f32": _Format(32, 23, 127, -104.0, 89.0, 0.693145751953125, 7, 5),
    "f64": _Format(64, 52, 1023, -746.0, 710.0, float.fromhex("0x1.62e42fee00000p-1"), 13, 11),
}


class _Chunk:
    """Arithmetic on one register of a type."""

    def __init__(self, e: MathEmitter, kind: str, dtype: DType, width: int) -> None:
        self.e, self.kind, self.dtype, self.width = e, kind, dtype, width
        self.format = _FORMATS[dtype.name]
        integer = f"i{self.format.bits}"
        self.int_kind = f"<{width} x {integer}>" if width else integer

    def c(self, value: float) -> str:
        text = literal(value, self.dtype)
        return f"splat ({llvm_scalar(self.dtype)} {text})" if self.width else text

    def ci(self, value: int) -> str:
        return f"splat (i{self.format.bits} {value})" if self.width else str(value)

    def f(self, name: str, a: str, b: str) -> str:
        return self.e.emit(f"{name} {self.kind} {a}, {b}")

    def i(self, name: str, a: str, b: str) -> str:
        return self.e.emit(f"{name} {self.int_kind} {a}, {b}")

    def fma(self, a: str, b: str, c: str) -> str:
        return self.e.intrinsic("fmuladd", self.kind, self.dtype, self.width, a, b, c)

    def bits(self, a: str) -> str:
        return self.e.emit(f"bitcast {self.kind} {a} to {self.int_kind}")

    def value(self, a: str) -> str:
        return self.e.emit(f"bitcast {self.int_kind} {a} to {self.kind}")

    def to_float(self, a: str) -> str:
        return self.e.emit(f"sitofp {self.int_kind} {a} to {self.kind}")

    def where(self, predicate: str, a: str, b: str, yes: str, no: str) -> str:
        """yes where `a predicate b`, else no."""
        flag = f"<{self.width} x i1>" if self.width else "i1"
        condition = self.e.emit(f"fcmp {predicate} {self.kind} {a}, {b}")
        return self.e.emit(f"select {flag} {condition}, {self.kind} {yes}, {self.kind} {no}")

    def polynomial(self, x: str, coefficients: Sequence[float]) -> str:
        """Σ coefficients[i] · x^i by Horner's rule."""
        total = self.c(coefficients[-1])
        for k in reversed(coefficients[:-1]):
            total = self.fma(total, x, self.c(k))
        return total

    def power_of_two(self, n: str) -> str:
        """2^n for an integer n in the range of normal numbers."""
        f = self.format
        return self.value(self.i("shl", self.i("add", n, self.ci(f.bias)), self.ci(f.mantissa)))

    def reduce(self, x: str) -> tuple[str, str]:
        """n and r with x = n·ln 2 + r, |r| <= ln 2 / 2; n as an integer."""
        f = self.format
        magic = 1.5 * 2.0**f.mantissa  # adding it rounds to a whole number and leaves that in the low bits
        t = self.fma(x, self.c(1 / math.log(2)), self.c(magic))
        whole = self.f("fsub", t, self.c(magic))
        n = self.i("sub", self.bits(t), self.bits(self.c(magic)))
        r = self.fma(whole, self.c(-f.ln2_high), x)
        r = self.fma(whole, self.c(-_ln2_low(f)), r)
        return n, r


def _ln2_low(f: _Format) -> float:
    """ln 2 - ln2_high, from more digits of ln 2 than a double holds."""
    if f.bits == 32:
        return math.log(2) - f.ln2_high
    return float.fromhex("0x1.a39ef35793c76p-33")


def _exp(m: _Chunk, x: str) -> str:
    f = m.format
    x = m.where("olt", x, m.c(f.lowest_exp), m.c(f.lowest_exp), x)
    x = m.where("ogt", x, m.c(f.highest_exp), m.c(f.highest_exp), x)
    n, r = m.reduce(x)
    p = m.polynomial(r, [1 / math.factorial(k) for k in range(f.exp_terms + 1)])
    # in two steps, so that results at both ends of the range (infinity, denormals) are right
    half = m.i("ashr", n, m.ci(1))
    p = m.f("fmul", p, m.power_of_two(half))
    return m.f("fmul", p, m.power_of_two(m.i("sub", n, half)))


def _expm1(m: _Chunk, x: str) -> str:
    f = m.format
    low = m.where("olt", x, m.c(-60.0), m.c(-60.0), x)
    low = m.where("ogt", low, m.c(60.0), m.c(60.0), low)
    n, r = m.reduce(low)
    tail = m.polynomial(r, [1 / math.factorial(k) for k in range(2, f.exp_terms + 2)])
    em1 = m.fma(m.f("fmul", r, r), tail, r)
    s = m.power_of_two(n)
    small = m.fma(s, em1, m.f("fsub", s, m.c(1.0)))
    small = m.where("oeq", x, m.c(0.0), x, small)
    return m.where("ogt", x, m.c(30.0), _exp(m, x), small)


def _log(m: _Chunk, x: str) -> str:
    f = m.format
    smallest = 2.0 ** (1 - f.bias)
    scale = 2.0 ** (f.mantissa + 1)
    big = m.where("olt", x, m.c(smallest), m.f("fmul", x, m.c(scale)), x)
    shift = m.where("olt", x, m.c(smallest), m.c(float(-(f.mantissa + 1))), m.c(0.0))
    # exponent so that the mantissa lies in [sqrt(1/2), sqrt(2)): subtract the bits of sqrt(1/2) first
    root = m.bits(m.c(math.sqrt(0.5)))
    raw = m.i("sub", m.bits(big), root)
    e = m.i("ashr", raw, m.ci(f.mantissa))
    mantissa = m.value(m.i("sub", m.bits(big), m.i("shl", e, m.ci(f.mantissa))))
    exponent = m.f("fadd", m.to_float(e), shift)
    s = m.f("fdiv", m.f("fsub", mantissa, m.c(1.0)), m.f("fadd", mantissa, m.c(1.0)))
    z = m.f("fmul", s, s)
    series = m.polynomial(z, [2 / (2 * k + 1) for k in range(f.log_terms)])
    low = m.fma(exponent, m.c(_ln2_low(f)), m.f("fmul", s, series))
    y = m.fma(exponent, m.c(f.ln2_high), low)
    y = m.where("oeq", x, m.c(0.0), m.c(-math.inf), y)
    y = m.where("olt", x, m.c(0.0), m.c(math.nan), y)
    y = m.where("oeq", x, m.c(math.inf), x, y)
    return m.where("uno", x, x, x, y)


def _tanh(m: _Chunk, x: str) -> str:
    """-t / (t + 2) with t = expm1(-2|x|), the sign put back."""
    size = m.e.intrinsic("fabs", m.kind, m.dtype, m.width, x)
    t = _expm1(m, m.f("fmul", size, m.c(-2.0)))
    y = m.f("fdiv", m.e.emit(f"fneg {m.kind} {t}"), m.f("fadd", t, m.c(2.0)))
    return m.e.intrinsic("copysign", m.kind, m.dtype, m.width, y, x)


_INTRINSICS = {"absf": "fabs", "sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "roundeven": "roundeven"}
_SERIES = {"exp": _exp, "expm1": _expm1, "log": _log, "tanh": _tanh}


class MathEmitter(VectorEmitter):
    """Handlers of the math dialect."""

    def math_unary(self, op: Op) -> None:
        name = op.name.partition(".")[2]
        if name in _INTRINSICS:
            call = _INTRINSICS[name]
            self.elementwise(op, lambda k, d, w, a: self.intrinsic(call, k, d, w, a), *op.operands)
        elif name == "absi":
            self.elementwise(op, self._abs, *op.operands)
        elif name in _SERIES:
            series = _SERIES[name]
            self.elementwise(op, lambda k, d, w, a: series(_Chunk(self, k, d, w), a), *op.operands)
        else:
            raise self.unsupported(op, "no series for it")

    def _abs(self, k: str, d: DType, w: int, a: str) -> str:
        name = f"@llvm.abs.{f'v{w}' if w else ''}i{d.bits}"
        self.declare(name, f"declare {k} {name}({k}, i1)")
        return self.emit(f"call {k} {name}({k} {a}, i1 false)")
