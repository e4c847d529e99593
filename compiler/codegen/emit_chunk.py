"""Arithmetic on registers, for series: numbers with operators that become LLVM text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...runtime.spec import DType, f32, f64
from .emit_arith import literal
from .emit_core import llvm_scalar

if TYPE_CHECKING:
    from .emit_vector import VectorEmitter


@dataclass(frozen=True)
class Format:
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
    "f32": Format(32, 23, 127, -104.0, 89.0, 0.693145751953125, 7, 5),
    "f64": Format(64, 52, 1023, -746.0, 710.0, float.fromhex("0x1.62e42fee00000p-1"), 13, 11),
}


class Chunk:
    """The type of a register: floats of one format, `width` lanes or, with 0, one number."""

    def __init__(self, e: VectorEmitter, dtype: DType, width: int) -> None:
        self.e, self.dtype, self.width = e, dtype, width
        self.format = _FORMATS[dtype.name]
        self.kind = self._vector(llvm_scalar(dtype))
        self.int_kind = self._vector(f"i{self.format.bits}")
        #: whether the target multiplies and adds with one rounding
        self.fused = e.target.vector_bytes > 16

    def _vector(self, scalar: str) -> str:
        return f"<{self.width} x {scalar}>" if self.width else scalar

    @property
    def single(self) -> bool:
        """Whether these are float32."""
        return self.dtype == f32

    def c(self, value: float) -> Reg:
        text = literal(value, self.dtype)
        return Reg(self, f"splat ({llvm_scalar(self.dtype)} {text})" if self.width else text)

    def ci(self, value: int) -> str:
        return f"splat (i{self.format.bits} {value})" if self.width else str(value)

    def i(self, name: str, a: str, b: str) -> str:
        """An operation on integers of the format's size."""
        return self.e.emit(f"{name} {self.int_kind} {a}, {b}")

    def value(self, bits: str) -> Reg:
        """The number with these bits."""
        return Reg(self, self.e.emit(f"bitcast {self.int_kind} {bits} to {self.kind}"))

    def of_int(self, a: str) -> Reg:
        """An integer as a number."""
        return Reg(self, self.e.emit(f"sitofp {self.int_kind} {a} to {self.kind}"))

    def power_of_two(self, n: str) -> Reg:
        """2^n for an integer n in the range of normal numbers."""
        f = self.format
        return self.value(self.i("shl", self.i("add", n, self.ci(f.bias)), self.ci(f.mantissa)))

    @property
    def magic(self) -> float:
        """Adding it rounds to a whole number and leaves that in the low bits."""
        return 1.5 * 2.0**self.format.mantissa

    def wide(self) -> Chunk:
        """As many lanes of float64."""
        return Chunk(self.e, f64, self.width)


class Reg:
    """A register; with operators, whose other side may be a plain number."""

    __slots__ = ("m", "name")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, m: Chunk, name: str) -> None:
        self.m, self.name = m, name

    def _of(self, y: Reg | float) -> Reg:
        return y if isinstance(y, Reg) else self.m.c(y)

    def _op(self, name: str, y: Reg | float) -> Reg:
        return Reg(self.m, self.m.e.emit(f"{name} {self.m.kind} {self.name}, {self._of(y).name}"))

    def __add__(self, y: Reg | float) -> Reg:
        return self._op("fadd", y)

    def __sub__(self, y: Reg | float) -> Reg:
        return self._op("fsub", y)

    def __mul__(self, y: Reg | float) -> Reg:
        return self._op("fmul", y)

    def __truediv__(self, y: Reg | float) -> Reg:
        return self._op("fdiv", y)

    def __radd__(self, y: float) -> Reg:
        return self._of(y) + self

    def __rsub__(self, y: float) -> Reg:
        return self._of(y) - self

    def __rmul__(self, y: float) -> Reg:
        return self._of(y) * self

    def __rtruediv__(self, y: float) -> Reg:
        return self._of(y) / self

    def __neg__(self) -> Reg:
        return Reg(self.m, self.m.e.emit(f"fneg {self.m.kind} {self.name}"))

    def __abs__(self) -> Reg:
        return self.call("fabs")

    def call(self, name: str, *others: Reg | float) -> Reg:
        """An LLVM intrinsic."""
        m = self.m
        names = [self.name, *(self._of(y).name for y in others)]
        return Reg(m, m.e.intrinsic(name, m.kind, m.dtype, m.width, *names))

    def fma(self, y: Reg | float, z: Reg | float) -> Reg:
        """self · y + z, rounded once where that is fast."""
        return self.call("fmuladd", y, z)

    def with_sign_of(self, y: Reg) -> Reg:
        return self.call("copysign", y)

    def bits(self) -> str:
        return self.m.e.emit(f"bitcast {self.m.kind} {self.name} to {self.m.int_kind}")

    def where(self, predicate: str, y: Reg | float, no: Reg | float) -> Reg:
        """self where `self predicate y`, else `no`."""
        return self.choose(predicate, y, self, no)

    def choose(self, predicate: str, y: Reg | float, yes: Reg | float, no: Reg | float) -> Reg:
        """`yes` where `self predicate y`, else `no`."""
        return self.compare(predicate, y).choose(self._of(yes), self._of(no))

    def compare(self, predicate: str, y: Reg | float) -> Flag:
        m = self.m
        return Flag(m, m.e.emit(f"fcmp {predicate} {m.kind} {self.name}, {self._of(y).name}"))

    def limited(self, low: float, high: float) -> Reg:
        """Between two numbers; NaN stays."""
        x = self.choose("olt", low, low, self)
        return x.choose("ogt", high, high, x)

    def polynomial(self, coefficients: Sequence[float]) -> Reg:
        """Σ coefficients[i] · self^i by Horner's rule."""
        total = self.m.c(coefficients[-1])
        for k in reversed(coefficients[:-1]):
            total = total.fma(self, k)
        return total

    def times(self, y: Reg) -> tuple[Reg, Reg]:
        """The product and its rounding error (Dekker, "A floating-point technique for extending the
        available precision", 1971, where the target has no fused operation)."""
        p = self * y
        if self.m.fused:
            return p, self.call("fma", y, -p)
        a, b = self.split()
        c, d = y.split()
        return p, (((a * c - p) + a * d) + b * c) + b * d

    def split(self) -> tuple[Reg, Reg]:
        """Two halves whose products are exact: the upper one by cutting off low bits."""
        m = self.m
        cut = (m.format.mantissa + 2) // 2
        high = m.value(m.i("and", self.bits(), m.ci(-(1 << cut))))
        return high, self - high

    def wide(self) -> Reg:
        """As float64."""
        to = self.m.wide()
        return Reg(to, self.m.e.emit(f"fpext {self.m.kind} {self.name} to {to.kind}"))

    def narrow(self, to: Chunk) -> Reg:
        """Rounded to float32."""
        return Reg(to, self.m.e.emit(f"fptrunc {self.m.kind} {self.name} to {to.kind}"))

    def whole(self, name: str) -> Reg:
        """ "floor", "ceil" or "roundeven". The baseline instruction set has no instruction for it: there,
        adding and subtracting a large number rounds to even, and one step back gives the others."""
        if self.m.fused:
            return self.call(name)
        size = abs(self)
        large = 2.0**self.m.format.mantissa
        near = ((size + large) - large).with_sign_of(self)
        if name == "floor":
            near = near.choose("ogt", self, near - 1.0, near)
        elif name == "ceil":
            near = near.choose("olt", self, near + 1.0, near)
        return size.choose("olt", large, near.with_sign_of(self), self)


class Flag:
    """A truth value for each lane."""

    __slots__ = ("m", "name")

    def __init__(self, m: Chunk, name: str) -> None:
        self.m, self.name = m, name

    @property
    def kind(self) -> str:
        return f"<{self.m.width} x i1>" if self.m.width else "i1"

    def __and__(self, y: Flag) -> Flag:
        return Flag(self.m, self.m.e.emit(f"and {self.kind} {self.name}, {y.name}"))

    def __or__(self, y: Flag) -> Flag:
        return Flag(self.m, self.m.e.emit(f"or {self.kind} {self.name}, {y.name}"))

    def choose(self, yes: Reg, no: Reg) -> Reg:
        k = yes.m.kind
        return Reg(yes.m, yes.m.e.emit(f"select {self.kind} {self.name}, {k} {yes.name}, {k} {no.name}"))

    def any(self) -> str:
        """Whether it holds in some lane, as an i1."""
        if not self.m.width:
            return self.name
        w = self.m.width
        bits = self.m.e.emit(f"bitcast {self.kind} {self.name} to i{w}")
        return self.m.e.emit(f"icmp ne i{w} {bits}, 0")


def ln2_low(f: Format) -> float:
    """ln 2 - ln2_high, from more digits of ln 2 than a double holds."""
    if f.bits == 32:
        return math.log(2) - f.ln2_high
    return float.fromhex("0x1.a39ef35793c76p-33")
