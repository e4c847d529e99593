"""Conversions whose results LLVM leaves open or leaves to a library: floats to integers out of range, 16-bit
floats, and the remainder of floats.

float16 has instructions of its own from x86-64-v3 on (F16C); elsewhere, and for bfloat16 everywhere, it is
integer arithmetic: widening moves the exponent, narrowing rounds to the nearest, ties to even, in the bits that are
cut off. A register holds 16-bit floats as i16.
"""

from __future__ import annotations

from ...runtime.spec import DType, bf16, f32
from .emit_core import EmitterBase, llvm_scalar


class Lanes:
    """Text of instructions on `width` lanes (0: a scalar) of 32 or other numbers of bits."""

    def __init__(self, e: EmitterBase, width: int) -> None:
        self.e, self.width = e, width

    def kind(self, scalar: str) -> str:
        return f"<{self.width} x {scalar}>" if self.width else scalar

    def c(self, scalar: str, value: int | str) -> str:
        return f"splat ({scalar} {value})" if self.width else str(value)

    def op(self, name: str, scalar: str, a: str, b: str | int) -> str:
        return self.e.emit(
            f"{name} {self.kind(scalar)} {a}, {self.c(scalar, b) if isinstance(b, int) else b}"
        )

    def to(self, name: str, have: str, a: str, want: str) -> str:
        return self.e.emit(f"{name} {self.kind(have)} {a} to {self.kind(want)}")

    def select(self, flag: str, scalar: str, a: str, b: str | int) -> str:
        other = self.c(scalar, b) if isinstance(b, int) else b
        kind = self.kind(scalar)
        return self.e.emit(f"select {self.kind('i1')} {flag}, {kind} {a}, {kind} {other}")


def widen_half(e: EmitterBase, dtype: DType, width: int, a: str) -> str:
    """16-bit floats, given as i16, as float."""
    m = Lanes(e, width)
    if dtype == bf16:
        bits = m.op("shl", "i32", m.to("zext", "i16", a, "i32"), 16)
        return m.to("bitcast", "i32", bits, "float")
    if e.target.has_f16c:
        return m.to("fpext", "half", m.to("bitcast", "i16", a, "half"), "float")
    h = m.to("zext", "i16", a, "i32")
    sign = m.op("shl", "i32", m.op("and", "i32", h, 0x8000), 16)
    digits = m.op("shl", "i32", m.op("and", "i32", h, 0x7FFF), 13)
    normal = m.op("add", "i32", digits, 112 << 23)  # from bias 15 to bias 127
    special = m.op("add", "i32", digits, 224 << 23)
    # a denormal is its digits as the fraction of 2^-14, with that 2^-14 taken off again
    raised = m.to("bitcast", "i32", m.op("add", "i32", digits, 113 << 23), "float")
    small = m.to("bitcast", "float", m.op("fsub", "float", raised, m.c("float", "0x3F10000000000000")), "i32")
    bits = m.select(m.op("icmp uge", "i32", digits, 0x0F800000), "i32", special, normal)
    bits = m.select(m.op("icmp ult", "i32", digits, 1 << 23), "i32", small, bits)
    return m.to("bitcast", "i32", m.op("or", "i32", bits, sign), "float")


def narrow_half(e: EmitterBase, dtype: DType, width: int, a: str) -> str:
    """Floats rounded to 16-bit ones, as i16."""
    m = Lanes(e, width)
    if dtype == bf16:
        bits = m.to("bitcast", "float", a, "i32")
        odd = m.op("and", "i32", m.op("lshr", "i32", bits, 16), 1)
        rounded = m.op("add", "i32", m.op("add", "i32", bits, 0x7FFF), odd)
        quiet = m.op("or", "i32", bits, 0x400000)
        bits = m.select(m.op("fcmp uno", "float", a, a), "i32", quiet, rounded)
        return m.to("trunc", "i32", m.op("lshr", "i32", bits, 16), "i16")
    if e.target.has_f16c:
        return m.to("bitcast", "half", m.to("fptrunc", "float", a, "half"), "i16")
    whole = m.to("bitcast", "float", a, "i32")
    sign = m.op("and", "i32", whole, -(1 << 31))
    size = m.op("xor", "i32", whole, sign)
    # below 2^-14: adding 0.5 leaves the digits of the denormal, rounded, in the low bits
    shifted = m.op("fadd", "float", m.to("bitcast", "i32", size, "float"), m.c("float", "0x3FE0000000000000"))
    small = m.op("sub", "i32", m.to("bitcast", "float", shifted, "i32"), 126 << 23)
    odd = m.op("and", "i32", m.op("lshr", "i32", size, 13), 1)
    rounded = m.op("add", "i32", m.op("add", "i32", size, 0xFFF - (112 << 23)), odd)
    half = m.op("lshr", "i32", rounded, 13)
    half = m.select(m.op("icmp ult", "i32", size, 113 << 23), "i32", small, half)
    big = m.select(m.op("icmp ugt", "i32", size, 0x7F800000), "i32", m.c("i32", 0x7E00), 0x7C00)
    half = m.select(m.op("icmp uge", "i32", size, 143 << 23), "i32", big, half)
    half = m.op("or", "i32", half, m.op("lshr", "i32", sign, 16))
    return m.to("trunc", "i32", half, "i16")


def to_signed(e: EmitterBase, dtype: DType, to: DType, width: int, a: str) -> str:
    """Towards zero, as the processor does it: NaN and what is out of range give the smallest integer."""
    m, scalar, whole = Lanes(e, width), llvm_scalar(dtype), f"i{to.bits}"
    bound = "0x" + {32: "41E", 64: "43E"}[to.bits] + "0" * 13
    call = f"@llvm.fabs.{f'v{width}' if width else ''}{dtype.name}"
    e.declare(call, f"declare {m.kind(scalar)} {call}({m.kind(scalar)})")
    size = e.emit(f"call {m.kind(scalar)} {call}({m.kind(scalar)} {a})")
    fits = m.op("fcmp olt", scalar, size, m.c(scalar, bound))
    safe = m.select(fits, scalar, a, m.c(scalar, "0x0000000000000000"))
    return m.select(fits, whole, m.to("fptosi", scalar, safe, whole), -(1 << (to.bits - 1)))


def to_unsigned(e: EmitterBase, dtype: DType, to: DType, width: int, a: str) -> str:
    """Towards zero; negative numbers wrap, and what is out of range gives the highest bit alone."""
    m, scalar, whole = Lanes(e, width), llvm_scalar(dtype), f"i{to.bits}"
    low = to_signed(e, dtype, to, width, a)
    bound = "0x" + {32: "41E", 64: "43E"}[to.bits] + "0" * 13
    high = to_signed(e, dtype, to, width, m.op("fsub", scalar, a, m.c(scalar, bound)))
    negative = m.op("ashr", whole, low, to.bits - 1)
    return m.op("or", whole, low, m.op("and", whole, high, negative))


def float_remainder(e: EmitterBase, dtype: DType, width: int, x: str, y: str) -> str:
    """x - trunc(x / y) * y, exact, with the sign of x."""
    scalar = llvm_scalar(dtype)
    one = f"@nw.remainder.{dtype.name}"
    e.declare(one, _remainder_text(one, dtype == f32, e.target.cpu))
    e.declare("@llvm.ctlz.i64", "declare i64 @llvm.ctlz.i64(i64, i1)")
    if not width:
        return e.emit(f"call {scalar} {one}({scalar} {x}, {scalar} {y})")
    if dtype != f32 and e.target.vector_bytes <= 16:
        return _lane_by_lane(e, scalar, width, one, x, y)
    name, kind = f"@nw.remainder.v{width}{dtype.name}", f"<{width} x {scalar}>"
    if name not in e.declared:
        e.declare(name, _vector_text(e, name, one, dtype, width))
    return e.emit(f"call {kind} {name}({kind} {x}, {kind} {y})")


def _lane_by_lane(e: EmitterBase, scalar: str, width: int, one: str, x: str, y: str) -> str:
    kind, out = f"<{width} x {scalar}>", "poison"
    for lane in range(width):
        p, q = (e.emit(f"extractelement {kind} {v}, i64 {lane}") for v in (x, y))
        r = e.emit(f"call {scalar} {one}({scalar} {p}, {scalar} {q})")
        out = e.emit(f"insertelement {kind} {out}, {scalar} {r}, i64 {lane}")
    return out


def _vector_text(e: EmitterBase, name: str, one: str, dtype: DType, width: int) -> str:
    """Vectors whose quotients are of moderate size at once, others number by number.

    The quotient of float32 numbers is cut off and multiplied back in float64, where that is exact; of float64 by a
    fused multiply-add, where there is one. Division may have rounded up to a whole number: then the rest has the
    wrong sign, and is one divisor short.
    """
    single = dtype == f32
    scalar = llvm_scalar(dtype)
    kind, wide, flags = (f"<{width} x {t}>" for t in (scalar, "double", "i1"))
    for call in ("fabs", "copysign", *(() if single else ("trunc", "fma"))):
        count = {"fabs": 1, "trunc": 1, "copysign": 2, "fma": 3}[call]
        full = f"@llvm.{call}.v{width}f64"
        e.declare(full, f"declare {wide} {full}({', '.join([wide] * count)})")
    every = f"@llvm.vector.reduce.and.v{width}i1"
    e.declare(every, f"declare i1 {every}({flags})")
    widen = "  %{0}d = fpext {1} %{0} to {2}" if single else "  %{0}d = fadd {2} %{0}, splat (double -0.0)"
    most = "0x41C0000000000000" if single else "0x4330000000000000"  # 2^29, 2^52
    if single:
        whole = f"""  %n = fptosi {wide} %some to <{width} x i32>
  %q = sitofp <{width} x i32> %n to {wide}
  %back = fmul {wide} %q, %yd
  %r = fsub {wide} %xd, %back"""
        end = f"  %fast = fptrunc {wide} %signed to {kind}"
    else:
        whole = f"""  %q = call {wide} @llvm.trunc.v{width}f64({wide} %some)
  %minus = fneg {wide} %q
  %r = call {wide} @llvm.fma.v{width}f64({wide} %minus, {wide} %yd, {wide} %xd)"""
        end = f"  %fast = fadd {wide} %signed, splat (double -0.0)"
    return f"""define internal {kind} {name}({kind} %x, {kind} %y) nounwind "target-cpu"="{e.target.cpu}" {{
entry:
{widen.format("x", kind, wide)}
{widen.format("y", kind, wide)}
  %q0 = fdiv {wide} %xd, %yd
  %aq = call {wide} @llvm.fabs.v{width}f64({wide} %q0)
  %ay = call {wide} @llvm.fabs.v{width}f64({wide} %yd)
  %small = fcmp olt {wide} %aq, splat (double {most})
  %finite = fcmp olt {wide} %ay, splat (double 0x7FF0000000000000)
  %easy = and {flags} %small, %finite
  %all = call i1 {every}({flags} %easy)
  br i1 %all, label %fast.path, label %loop
fast.path:
  %some = select {flags} %easy, {wide} %q0, {wide} zeroinitializer
{whole}
  %step = call {wide} @llvm.copysign.v{width}f64({wide} %ay, {wide} %xd)
  %more = fadd {wide} %r, %step
  %side = call {wide} @llvm.copysign.v{width}f64({wide} splat (double 1.0), {wide} %xd)
  %turned = fmul {wide} %r, %side
  %short = fcmp olt {wide} %turned, zeroinitializer
  %rest = select {flags} %short, {wide} %more, {wide} %r
  %signed = call {wide} @llvm.copysign.v{width}f64({wide} %rest, {wide} %xd)
{end}
  ret {kind} %fast
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %acc = phi {kind} [ zeroinitializer, %entry ], [ %new, %loop ]
  %p = extractelement {kind} %x, i64 %i
  %d = extractelement {kind} %y, i64 %i
  %m = call {scalar} {one}({scalar} %p, {scalar} %d)
  %new = insertelement {kind} %acc, {scalar} %m, i64 %i
  %next = add i64 %i, 1
  %done = icmp eq i64 %next, {width}
  br i1 %done, label %end, label %loop
end:
  ret {kind} %new
}}"""


def _remainder_text(name: str, single: bool, cpu: str) -> str:
    """Long division of the significands, as many bits at a time as 64-bit division takes. Denormals are zero."""
    bits, digits, scalar = (32, 23, "float") if single else (64, 52, "double")
    i, step = f"i{bits}", 63 - digits
    inf = ((1 << (bits - 1 - digits)) - 1) << digits
    low = (1 << digits) - 1
    wide = "zext {0} %{1} to i64" if single else "add {0} %{1}, 0"
    back = "trunc i64 %{0} to i32" if single else "add i64 %{0}, 0"
    return f"""define internal {scalar} {name}({scalar} %x, {scalar} %y) nounwind "target-cpu"="{cpu}" {{
entry:
  %xb = bitcast {scalar} %x to {i}
  %yb = bitcast {scalar} %y to {i}
  %ax = and {i} %xb, {(1 << (bits - 1)) - 1}
  %ay = and {i} %yb, {(1 << (bits - 1)) - 1}
  %sign = xor {i} %xb, %ax
  %bad.x = icmp uge {i} %ax, {inf}
  %bad.y = icmp ugt {i} %ay, {inf}
  %zero.y = icmp ult {i} %ay, {1 << digits}
  %bad.xy = or i1 %bad.x, %bad.y
  %bad = or i1 %bad.xy, %zero.y
  br i1 %bad, label %nan, label %compare
nan:
  ret {scalar} 0x7FF8000000000000
compare:
  %less = icmp ult {i} %ax, %ay
  br i1 %less, label %same, label %divide
same:
  ret {scalar} %x
divide:
  %ex = lshr {i} %ax, {digits}
  %ey = lshr {i} %ay, {digits}
  %d0 = sub {i} %ex, %ey
  %d = {wide.format(i, "d0")}
  %mx0 = and {i} %ax, {low}
  %my0 = and {i} %ay, {low}
  %mx1 = or {i} %mx0, {1 << digits}
  %my1 = or {i} %my0, {1 << digits}
  %mx = {wide.format(i, "mx1")}
  %my = {wide.format(i, "my1")}
  %r0 = urem i64 %mx, %my
  br label %head
head:
  %r = phi i64 [ %r0, %divide ], [ %r.next, %round ]
  %left = phi i64 [ %d, %divide ], [ %left.next, %round ]
  %more = icmp ne i64 %left, 0
  br i1 %more, label %round, label %done
round:
  %few = icmp ult i64 %left, {step}
  %k = select i1 %few, i64 %left, i64 {step}
  %up = shl i64 %r, %k
  %r.next = urem i64 %up, %my
  %left.next = sub i64 %left, %k
  br label %head
done:
  %none = icmp eq i64 %r, 0
  br i1 %none, label %zero, label %pack
pack:
  %lead = call i64 @llvm.ctlz.i64(i64 %r, i1 true)
  %z = sub i64 %lead, {63 - digits}
  %m = shl i64 %r, %z
  %e0 = {wide.format(i, "ey")}
  %e = sub i64 %e0, %z
  %tiny = icmp slt i64 %e, 1
  br i1 %tiny, label %zero, label %whole
whole:
  %frac = and i64 %m, {low}
  %exp = shl i64 %e, {digits}
  %both = or i64 %frac, %exp
  %packed = {back.format("both")}
  %signed = or {i} %packed, %sign
  %value = bitcast {i} %signed to {scalar}
  ret {scalar} %value
zero:
  %nothing = bitcast {i} %sign to {scalar}
  ret {scalar} %nothing
}}"""
