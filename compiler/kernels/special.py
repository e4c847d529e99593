"""Functions of several numbers that iterate, number by number: incomplete gamma and beta functions, Hurwitz' zeta
function, powers of integers.

Floats are computed in float64. The number of rounds is limited, so that every input ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ...runtime.abi import STATUS
from ...runtime.spec import DType, f64
from ..ir.core import Value
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..ops.gamma import BERNOULLI, Zeta, lgamma_positive, stirling
from ..target import Target
from .build import Index
from .dialect_kern import Kernel
from .dialect_memory import memref
from .family import lowers
from .scalar import ScalarBuilder

#: rounds of a series or fraction; it takes about 9·sqrt(a)
_ROUNDS = 1 << 20
_EPSILON = 2.0**-54
_TINY = 1e-300


class _Builder(ScalarBuilder):
    """A unit is a number of the result; inputs broadcast to it."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(kernel)
        self.dtype: DType = kernel.params["dtype"]

    def f(self, value: float) -> Num:
        return self.c(value, f64)

    def operand(self, buffer: Value, where: Sequence[Index]) -> Num:
        t = memref(buffer)
        lead = len(where) - t.rank
        return self.get(
            buffer, self.dtype, *(0 if d == 1 else where[lead + i] for i, d in enumerate(t.shape))
        )

    def each(self, f: Callable[..., Num]) -> FuncOp:
        """`f` of the operands for every unit."""
        sizes = self.kernel.outputs[0].shape
        with self.loop(self.lo, self.hi) as unit:
            where = self.unravel(unit.iv, sizes)
            operands = [self.operand(v, where) for v in self.inputs]
            self.put(f(*operands), self.outputs[0], *where)
        return self.finish()

    def each_wide(self, f: Callable[..., Num]) -> FuncOp:
        """The same in float64."""
        return self.each(lambda *x: f(*(v.to(f64) for v in x)).to(self.dtype))

    def first_of(self, *cases: tuple[Num, Callable[[], Num]], last: Callable[[], Num]) -> Num:
        """The value of the first case that holds; only that one runs."""
        if not cases:
            return last()
        (condition, value), *rest = cases
        (result,) = self.either(condition, lambda: [value()], lambda: [self.first_of(*rest, last=last)])
        return result


def _sane(x: Num) -> Num:
    """Whether a number is positive and finite."""
    return (x > 0) & (x < math.inf)


@lowers("igamma")
def lower_igamma(kernel: Kernel, target: Target) -> FuncOp:
    """By the power series below x = a + 1, and above by Legendre's continued fraction after Lentz, "Generating Bessel
    functions in Mie scattering calculations using continued fractions", 1976, in Thompson and Barnett's form."""
    b = _Builder(kernel)
    upper: bool = kernel.params["upper"]

    def lower_part(a: Num, x: Num) -> Num:
        def step(n: Num, term: Num, total: Num) -> tuple[Num, Sequence[Num]]:
            term = term * x / (a + n)
            total = total + term
            return (term <= total * _EPSILON) | (n > _ROUNDS), (n + 1, term, total)

        _, _, total = b.until([b.f(1), b.f(1), b.f(1)], step)
        return _gamma_factor(a, x) * total

    def upper_part(a: Num, x: Num) -> Num:
        first = x + 1 - a

        def step(n: Num, k: Num, c: Num, d: Num, h: Num) -> tuple[Num, Sequence[Num]]:
            k = k + 2
            numerator = n * (a - n)
            d = 1 / _not_zero(numerator * d + k)
            c = _not_zero(k + numerator / c)
            change = c * d
            return _settled(change, n), (n + 1, k, c, d, h * change)

        d = 1 / _not_zero(first)
        values = b.until([b.f(1), first, b.f(1 / _TINY), d, d], step)
        return a * _gamma_factor(a, x) * values[4]

    def value(a: Num, x: Num) -> Num:
        zero, one = (b.f(1), b.f(0)) if upper else (b.f(0), b.f(1))
        near = x <= a + 1

        def series() -> Num:
            return 1 - lower_part(a, x) if upper else lower_part(a, x)

        def fraction() -> Num:
            return upper_part(a, x) if upper else 1 - upper_part(a, x)

        at_zero = x.eq(0) & (a > 0) if upper else x.eq(0)
        far = (a > 0) & x.eq(math.inf) & (a.ne(math.inf) if not upper else a.eq(a))
        return b.first_of(
            (at_zero, lambda: zero),
            (far, lambda: one),
            (a.eq(math.inf) & (x > 0), lambda: zero),
            (_sane(a) & _sane(x) & near, series),
            (_sane(a) & _sane(x), fraction),
            last=lambda: b.f(math.nan),
        )

    return b.each_wide(value)


def _settled(change: Num, n: Num) -> Num:
    """Whether a factor changes nothing any more, or the rounds are used up."""
    return (abs(change - 1) <= _EPSILON * 4) | (n > _ROUNDS) | change.ne(change)


def _not_zero(x: Num) -> Num:
    return x.eq(0).where(x.like(_TINY), x)


def _gamma_factor(a: Num, x: Num) -> Num:
    """x^a·e^-x / Γ(a + 1). For large a the three factors are huge, and only differences are taken: with
    m = (x - a) / a it is exp(-a·(m - log(1 + m))) over the square root of 2πa, but for Stirling's series."""
    direct = (a * x.f("log") - x - lgamma_positive(a + 1)).f("exp")
    m = (x - a) / a
    log_ratio = (abs(m) > 0.5).where((x / a).f("log"), m.f("log1p"))
    large = (a >= 8).where(a, 8)
    tail = (-large * (m - log_ratio) - stirling(large)).f("exp") / (large * (2 * math.pi)).f("sqrt")
    return (a >= 8).where(tail, direct)


@lowers("betainc")
def lower_betainc(kernel: Kernel, target: Target) -> FuncOp:
    """The continued fraction 26.5.8 of Abramowitz and Stegun, "Handbook of Mathematical Functions", on the side
    where it converges fast, after Lentz as above."""
    b = _Builder(kernel)

    def fraction(p: Num, q: Num, x: Num) -> Num:
        def further(numerator: Num, c: Num, d: Num) -> tuple[Num, Num]:
            return _not_zero(1 + numerator / c), 1 / _not_zero(1 + numerator * d)

        def step(m: Num, c: Num, d: Num, h: Num) -> tuple[Num, Sequence[Num]]:
            k = p + m * 2
            c, d = further(m * (q - m) * x / ((k - 1) * k), c, d)
            h = h * (c * d)
            c, d = further(-(p + m) * (p + q + m) * x / (k * (k + 1)), c, d)
            return _settled(c * d, m), (m + 1, c, d, h * (c * d))

        d = 1 / _not_zero(1 - (p + q) * x / (p + 1))
        return b.until([b.f(1), b.f(1), d, d], step)[3]

    def inside(p: Num, q: Num, x: Num) -> Num:
        swap = x > (p + 1) / (p + q + 2)
        log_x, log_rest = x.f("log"), (-x).f("log1p")
        log_beta = lgamma_positive(p) + lgamma_positive(q) - lgamma_positive(p + q)
        factor = (p * log_x + q * log_rest - log_beta).f("exp")
        p, q = swap.where(q, p), swap.where(p, q)
        part = factor * fraction(p, q, swap.where(1 - x, x)) / p
        return swap.where(1 - part, part)

    def value(p: Num, q: Num, x: Num) -> Num:
        sane = _sane(p) & _sane(q)
        return b.first_of(
            (sane & (x > 0) & (x < 1), lambda: inside(p, q, x)),
            (~((p <= 0) | (q <= 0)) & (x.eq(0) | x.eq(1)), lambda: x),
            last=lambda: b.f(math.nan),
        )

    return b.each_wide(value)


@lowers("zeta")
def lower_zeta(kernel: Kernel, target: Target) -> FuncOp:
    """The terms up to q + k > x + 10, or as many as count, and the others by Euler and Maclaurin's formula."""
    b = _Builder(kernel)

    def inside(x: Num, q: Num) -> Num:
        def step(k: Num, w: Num, total: Num) -> tuple[Num, Sequence[Num]]:
            term, following = w.op("powf", -x), w + 1
            total = total + term
            enough = (following > x + 10) | (term <= total * _EPSILON)
            return (enough & (following > 10)) | (k > Zeta.most_terms), (k + 1, following, total)

        _, w, total = b.until([b.f(0), q, b.f(0)], step)
        last = w.op("powf", -x)
        rest = w.op("powf", 1 - x) / (x - 1) + last * 0.5
        square = 1 / (w * w)
        factor = last * x / w
        for j, bernoulli in enumerate(BERNOULLI, 1):
            rest = rest + factor * (bernoulli / math.factorial(2 * j))
            factor = factor * ((x + (2 * j - 1)) * (x + 2 * j)) * square
        # of powers below 10^-300 the factors are infinite
        return total + (x < 300).where(rest, 0)

    def value(x: Num, q: Num) -> Num:
        whole = q.eq(q.f("floor"))
        half = x * 0.5
        pole = (q <= 0) & whole
        return b.first_of(
            ((x >= 1).f("not") | (x.ne(1) & q.ne(q)), lambda: b.f(math.nan)),
            (x.eq(1), lambda: b.f(math.inf)),
            (pole & half.eq(half.f("floor")), lambda: b.f(math.inf)),
            (pole | ((q <= 0) & x.ne(x.f("floor"))), lambda: b.f(math.nan)),
            (q.eq(math.inf), lambda: b.f(0)),
            last=lambda: inside(x, q),
        )

    return b.each_wide(value)


@lowers("integer_pow")
def lower_integer_pow(kernel: Kernel, target: Target) -> FuncOp:
    """By squaring; a negative exponent notes the error ARITH and gives 0."""
    b = _Builder(kernel)

    def value(x: Num, y: Num) -> Num:
        with b.when((y < 0).v):
            b.report(STATUS["ARITH"])

        def step(base: Num, rest: Num, total: Num) -> tuple[Num, Sequence[Num]]:
            total = (rest & 1).ne(0).where(total * base, total)
            half = rest.op("shr", 1)
            return half <= 0, (base * base, half, total)

        return b.until([x, y, (y < 0).where(b.c(0, x.dtype), 1)], step)[2]

    return b.each(value)
