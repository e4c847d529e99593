"""sin, cos, tan and atan2.

Arguments up to 2^20 are reduced by pi / 2 in three parts, whose products with the quotient are exact (Cody and
Waite, "Software Manual for the Elementary Functions", 1980); float32 is reduced in float64. Larger ones, which
are rare, go one by one through a function that multiplies by as many bits of 2 / pi as matter (Payne and Hanek,
"Radian reduction for trigonometric functions", 1983). So every argument is reduced to full precision.
"""

from __future__ import annotations

import math

from ...runtime.spec import f64
from .emit_arith import literal
from .emit_chunk import Chunk, Reg

#: larger arguments take the slow way
_LIMIT = 2.0**20
_PARTS = tuple(map(float.fromhex, ("0x1.921fb544p+0", "0x1.0b4611a6p-34", "0x1.3198a2e037073p-69")))
#: 2 / pi, 64 bits a word, after a word of zeros for arguments whose bits reach beyond the point
_TWO_OVER_PI = (
    0x0000000000000000, 0xA2F9836E4E441529, 0xFC2757D1F534DDC0, 0xDB6295993C439041, 0xFE5163ABDEBBC561,
    0xB7246E3A424DD2E0, 0x06492EEA09D1921C, 0xFE1DEB1CB129A73E, 0xE88235F52EBB4484, 0xE99C7026B45F7E41,
    0x3991D639835339F4, 0x9C845F8BBDF9283B, 0x1FF897FFDE05980F, 0xEF2F118B5A0A6D1F, 0x6D367ECF27CB09B7,
    0x4F463F669E5FEA2D, 0x7527BAC7EBE5F17B, 0x3D0739F78A5292EA, 0x6BFB5FB11F8D5D08, 0x56033046FC7B6BAB,
    0xF0CFBC209AF4361D,
)  # fmt: skip
#: atan(z) / z in z², |z| <= tan(pi / 8): our own minimax fits, errors 6e-10 and 1.3e-18
_ATAN = {
    "f32": (1.0, -0.33333306880874, 0.199981823843304, -0.142395204966560, 0.105697380249157, -0.0602607097049),
    "f64": (
        1.0, -0.3333333333333312, 0.19999999999940837, -0.14285714279244968, 0.11111110744657099,
        -0.09090896801472813, 0.07692045194561481, -0.06662950246036792, 0.05846866752275139,
        -0.05035049795312439, 0.03796390316111083, -0.017803896394812564,
    ),
}  # fmt: skip


def sin(x: Reg) -> Reg:
    r, n = _reduce(x)
    return _quadrant(x, _sin_series(r), _cos_series(r), n)


def cos(x: Reg) -> Reg:
    r, n = _reduce(x)
    return _quadrant(x, _sin_series(r), _cos_series(r), x.m.i("add", n, x.m.ci(1)))


def tan(x: Reg) -> Reg:
    m = x.m
    r, n = _reduce(x)
    s, c = _sin_series(r), _cos_series(r)
    odd = m.i("and", n, m.ci(1))
    return _select(m, odd, -c, s) / _select(m, odd, s, c)


def _quadrant(x: Reg, s: Reg, c: Reg, n: str) -> Reg:
    """s, c, -s or -c."""
    m = x.m
    size = _select(m, m.i("and", n, m.ci(1)), c, s)
    sign = m.i("shl", m.i("and", n, m.ci(2)), m.ci(m.format.bits - 2))
    return m.value(m.i("xor", size.bits(), sign))


def _select(m: Chunk, odd: str, yes: Reg, no: Reg) -> Reg:
    flag = m.e.emit(f"icmp ne {m.int_kind} {odd}, {'zeroinitializer' if m.width else '0'}")
    kind = f"<{m.width} x i1>" if m.width else "i1"
    return Reg(m, m.e.emit(f"select {kind} {flag}, {m.kind} {yes.name}, {m.kind} {no.name}"))


def _sin_series(r: Reg) -> Reg:
    terms = 5 if r.m.single else 9
    return r * (r * r).polynomial([(-1) ** k / math.factorial(2 * k + 1) for k in range(terms)])


def _cos_series(r: Reg) -> Reg:
    terms = 6 if r.m.single else 10
    return (r * r).polynomial([(-1) ** k / math.factorial(2 * k) for k in range(terms)])


def _reduce(x: Reg) -> tuple[Reg, str]:
    """r and n with x = n·pi/2 + r, |r| <= pi/4; of n, an integer, the two lowest bits count."""
    m = x.m
    v = x.wide() if m.single else x
    w = v.m
    t = v.fma(2 / math.pi, w.magic)
    q = t - w.magic
    r = v
    for part in _PARTS[: 2 if m.single else 3]:
        r = r - q * part if not m.fused else q.fma(-part, r)
    size = abs(v)
    large = size.compare("ogt", _LIMIT) & size.compare("olt", math.inf)
    r, t = _slow_where(large.any(), v, r, t)
    n = t.bits()
    if not m.single:
        return r, n
    return r.narrow(m), m.e.emit(f"trunc {w.int_kind} {n} to {m.int_kind}")


def _slow_where(condition: str, v: Reg, r: Reg, t: Reg) -> tuple[Reg, Reg]:
    """r and t, corrected by `_helper` if the condition holds in some lane."""
    e, kind = v.m.e, v.m.kind
    fast, slow, join = e.scope.label, e.label("large"), e.label("reduced")
    e.line(f"br i1 {condition}, label %{slow}, label %{join}")
    e.scope.lines.append(f"{slow}:")
    args = ", ".join(f"{kind} {a.name}" for a in (v, r, t))
    pair = f"{{ {kind}, {kind} }}"
    both = e.emit(f"call {pair} @{_helper(v.m)}({args})")
    better = [e.emit(f"extractvalue {pair} {both}, {i}") for i in (0, 1)]
    e.line(f"br label %{join}")
    e.scope.lines.append(f"{join}:")
    e.scope.label = join
    r, t = (
        Reg(v.m, e.emit(f"phi {kind} [ {a.name}, %{fast} ], [ {b}, %{slow} ]"))
        for a, b in zip((r, t), better, strict=True)
    )
    return r, t


def _helper(m: Chunk) -> str:
    """The name of the function that reduces large lanes; it goes into the text where it is needed."""
    e = m.e
    attributes = f'"target-cpu"="{e.target.cpu}" nounwind noinline'
    words = ", ".join(f"i64 {w}" for w in _TWO_OVER_PI)
    e.declare("@nw.two_over_pi", f"@nw.two_over_pi = internal constant [{len(_TWO_OVER_PI)} x i64] [{words}]")
    magic = literal(m.magic, f64)
    e.declare("@nw.rem_pio2", _ONE.format(attributes=attributes, magic=magic))
    if not m.width:
        return "nw.rem_pio2"
    name = f"nw.rem_pio2.v{m.width}"
    limit = literal(_LIMIT, f64)
    e.declare("@" + name, _MANY.format(attributes=attributes, name=name, w=m.width, v=m.kind, limit=limit))
    return name


#: x = ±m·2^e with a whole m of 53 bits. Bits of 2/pi in front of bit s = e - 2 give multiples of 4; the product
#: with the next 192, from which the top 128 are kept, has two bits in front of the point.
_ONE = """define internal {{ double, double }} @nw.rem_pio2(double %x, double %r0, double %t0) {attributes} {{
  %b = bitcast double %x to i64
  %shifted = lshr i64 %b, 52
  %exponent = and i64 %shifted, 2047
  %fraction = and i64 %b, 4503599627370495
  %m = or i64 %fraction, 4503599627370496
  %s = sub i64 %exponent, 1013
  %k = lshr i64 %s, 6
  %sh = and i64 %s, 63
  %p0 = getelementptr i64, ptr @nw.two_over_pi, i64 %k
  %p1 = getelementptr i64, ptr %p0, i64 1
  %p2 = getelementptr i64, ptr %p0, i64 2
  %p3 = getelementptr i64, ptr %p0, i64 3
  %a0 = load i64, ptr %p0
  %a1 = load i64, ptr %p1
  %a2 = load i64, ptr %p2
  %a3 = load i64, ptr %p3
  %w0 = call i64 @llvm.fshl.i64(i64 %a0, i64 %a1, i64 %sh)
  %w1 = call i64 @llvm.fshl.i64(i64 %a1, i64 %a2, i64 %sh)
  %w2 = call i64 @llvm.fshl.i64(i64 %a2, i64 %a3, i64 %sh)
  %mw = zext i64 %m to i128
  %ww1 = zext i64 %w1 to i128
  %ww2 = zext i64 %w2 to i128
  %high64 = mul i64 %m, %w0
  %high128 = zext i64 %high64 to i128
  %high = shl i128 %high128, 64
  %middle = mul i128 %mw, %ww1
  %low192 = mul i128 %mw, %ww2
  %low = lshr i128 %low192, 64
  %sum = add i128 %high, %middle
  %p = add i128 %sum, %low
  %top = lshr i128 %p, 64
  %p64 = trunc i128 %top to i64
  %up = add i64 %p64, 2305843009213693952
  %n = lshr i64 %up, 62
  %n64 = shl i64 %n, 62
  %f64 = sub i64 %p64, %n64
  %rest = trunc i128 %p to i64
  %fh = sitofp i64 %f64 to double
  %fl = uitofp i64 %rest to double
  %fh1 = fmul double %fh, 0x3C10000000000000
  %fl1 = fmul double %fl, 0x3810000000000000
  %f = fadd double %fh1, %fl1
  %rp = fmul double %f, 0x3FF921FB54442D18
  %rn = fneg double %rp
  %nf = uitofp i64 %n to double
  %nn = fsub double 4.0, %nf
  %negative = icmp slt i64 %b, 0
  %r = select i1 %negative, double %rn, double %rp
  %q = select i1 %negative, double %nn, double %nf
  %t = fadd double %q, {magic}
  %y0 = insertvalue {{ double, double }} poison, double %r, 0
  %y1 = insertvalue {{ double, double }} %y0, double %t, 1
  ret {{ double, double }} %y1
}}
declare i64 @llvm.fshl.i64(i64, i64, i64)"""

_MANY = """define internal {{ {v}, {v} }} @{name}({v} %x, {v} %r0, {v} %t0) {attributes} {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %done ]
  %r = phi {v} [ %r0, %entry ], [ %r2, %done ]
  %t = phi {v} [ %t0, %entry ], [ %t2, %done ]
  %v = extractelement {v} %x, i64 %i
  %b = bitcast double %v to i64
  %sizebits = and i64 %b, 9223372036854775807
  %size = bitcast i64 %sizebits to double
  %above = fcmp ogt double %size, {limit}
  %finite = fcmp olt double %size, 0x7FF0000000000000
  %large = and i1 %above, %finite
  br i1 %large, label %slow, label %done
slow:
  %pair = call {{ double, double }} @nw.rem_pio2(double %v, double 0.0, double 0.0)
  %ri = extractvalue {{ double, double }} %pair, 0
  %ti = extractvalue {{ double, double }} %pair, 1
  %r1 = insertelement {v} %r, double %ri, i64 %i
  %t1 = insertelement {v} %t, double %ti, i64 %i
  br label %done
done:
  %r2 = phi {v} [ %r, %loop ], [ %r1, %slow ]
  %t2 = phi {v} [ %t, %loop ], [ %t1, %slow ]
  %next = add i64 %i, 1
  %again = icmp ult i64 %next, {w}
  br i1 %again, label %loop, label %exit
exit:
  %y0 = insertvalue {{ {v}, {v} }} poison, {v} %r2, 0
  %y1 = insertvalue {{ {v}, {v} }} %y0, {v} %t2, 1
  ret {{ {v}, {v} }} %y1
}}"""


def atan2(y: Reg, x: Reg) -> Reg:
    """The angle of the point (x, y): the arc tangent of the smaller coordinate over the larger, by one series
    around 0 and, above tan(pi/8), around 45 degrees."""
    m = x.m
    ax, ay = abs(x), abs(y)
    steep = ay.compare("ogt", ax)
    low, high = steep.choose(ax, ay), steep.choose(ay, ax)
    # equal sides make 45 degrees, infinities and denormals that count as zero too, but not two zeros
    alike = low.compare("oeq", high)
    low, high = alike.choose(m.c(1.0), low), alike.choose(m.c(1.0), high)
    low = _select(m, m.i("or", ax.bits(), ay.bits()), low, m.c(0.0))
    # sums of huge numbers must not overflow
    huge = 2.0 ** (m.format.bias - 1)
    shrink = high.choose("oge", huge, 0.25, 1.0)
    low, high = low * shrink, high * shrink
    diagonal = low.compare("ogt", high * (math.sqrt(2) - 1))
    z = diagonal.choose(low - high, low) / diagonal.choose(low + high, high)
    a = z * (z * z).polynomial(_ATAN[m.dtype.name])
    a = diagonal.choose(a + math.pi / 4, a)
    a = steep.choose(math.pi / 2 - a, a)
    left = m.c(1.0).with_sign_of(x).compare("olt", 0.0)
    a = left.choose(math.pi - a, a).with_sign_of(y)
    return (x.compare("uno", 0.0) | y.compare("uno", 0.0)).choose(x + y, a)
