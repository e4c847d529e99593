"""Philox 4x32-10 and what is made of its words, number by number; see `ops/random_numbers.py`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ...runtime.spec import DType, boolean, f32, f64, i32, i64, u32, u64
from ..ir.core import Block, Region
from ..ops.expression import Num
from ..ops.random_numbers import MULTIPLIERS, RESERVED, ROUNDS, WEYL
from . import dialect_arith as arith
from . import dialect_control as scf
from .build import Index
from .scalar import ScalarBuilder
from .series import sin_cos


def wrapped(x: Num, value: int) -> Num:
    """An unsigned constant of x's dtype, spelled as the signed number of the same bits."""
    bits = x.dtype.bits
    return x.like(value - (1 << bits) if value >> (bits - 1) else value)


def shifted_right(x: Num, bits: int) -> Num:
    """Of unsigned numbers."""
    e = x.like(bits)
    return Num(x.e, _builder(x)(arith.INTEGER["shrui"], x.v, e.v), x.dtype)


def shifted_left(x: Num, bits: int) -> Num:
    return Num(x.e, _builder(x)(arith.INTEGER["shli"], x.v, x.like(bits).v), x.dtype)


def remainder(x: Num, y: Num) -> Num:
    """Of unsigned numbers, y not 0."""
    return Num(x.e, _builder(x)(arith.INTEGER["remui"], x.v, y.v), x.dtype)


def _builder(x: Num) -> ScalarBuilder:
    return x.e.b  # type: ignore[attr-defined]


class Philox:
    """A state held in a buffer uint64 [3]."""

    def __init__(self, b: ScalarBuilder, key: Num, low: Num, high: Num) -> None:
        self.b, self.key, self.low, self.high = b, key, low, high

    @staticmethod
    def of(b: ScalarBuilder, buffer: int = 0) -> Philox:
        return Philox(b, *(b.get(b.inputs[buffer], u64, k) for k in range(3)))

    def words(self, skip: Num) -> list[Num]:
        """The four words, uint32, of the block `skip` (uint64) after the state's."""
        low = self.low + skip
        high = self.high + (low < skip).to(u64)
        x = [low.to(u32), shifted_right(low, 32).to(u32), high.to(u32), shifted_right(high, 32).to(u32)]
        k = [self.key.to(u32), shifted_right(self.key, 32).to(u32)]
        for i in range(ROUNDS):
            if i:
                k = [word + wrapped(word, w) for word, w in zip(k, WEYL, strict=True)]
            a, b = (x[2 * j].to(u64) * m for j, m in enumerate(MULTIPLIERS))
            upper = [shifted_right(p, 32).to(u32) for p in (a, b)]
            x = [upper[1] ^ x[1] ^ k[0], b.to(u32), upper[0] ^ x[3] ^ k[1], a.to(u32)]
        return x


def unit_floats(words: Sequence[Num], dtype: DType, digits: int) -> list[Num]:
    """Numbers in [0, 1), of a word each or of two for float64."""
    if dtype == f32:
        mask = (1 << digits) - 1
        return [Num(w.e, (w & mask).v, i32).to(f32) * 2.0**-digits for w in words]
    made: list[Num] = []
    for high, low in zip(words[0::2], words[1::2], strict=True):
        bits = shifted_left((high & 0xFFFFF).to(u64), 32) | low.to(u64)
        made.append(Num(bits.e, bits.v, i64).to(f64) * 2.0**-52)
    return made


def normal_pairs(u: Sequence[Num]) -> list[Num]:
    """Standard normals, as many as the uniform numbers."""
    made: list[Num] = []
    for a, b in zip(u[0::2], u[1::2], strict=True):
        radius = (a.max(1e-7).f("log") * -2).f("sqrt")
        angle = (b.to(f64) * (2 * math.pi)).to(b.dtype)
        made += [part * radius for part in sin_cos(angle)]
    return made


def wide_words(words: Sequence[Num]) -> list[Num]:
    """Pairs of words as uint64, the low one first."""
    pairs = zip(words[0::2], words[1::2], strict=True)
    return [shifted_left(high.to(u64), 32) | low.to(u64) for low, high in pairs]


Step = Callable[..., "tuple[Num, Sequence[Num]]"]


def repeat_while(b: ScalarBuilder, start: Sequence[Num], step: Step) -> list[Num]:
    """`step(*values)` gives whether to go on, and the next values; it runs once at least."""
    types = [x.v.type for x in start]
    decide, again = Block(types), Block(types)

    def numbers(values: Sequence[object]) -> list[Num]:
        return [Num(b.scalars, v, x.dtype) for v, x in zip(values, start, strict=True)]

    with b.inside(decide):
        more, values = step(*numbers(decide.args))
        b.create(scf.ScfCondition, more.v, *(x.v for x in values))
    with b.inside(again):
        b.create(scf.ScfYield, *again.args)
    op = b.create(scf.ScfWhile, *(x.v for x in start), regions=[Region(decide), Region(again)])
    return numbers(op.results)


class Stream:
    """Numbers for one result that has blocks of its own. A block gives two float64, the second one first.

    What it holds changes as numbers are taken: `values` before, `hold` after a loop or a branch.
    """

    def __init__(self, b: ScalarBuilder, state: Philox, place: Index) -> None:
        self.b, self.state = b, state
        self.base = b.of_index(place, u64) * RESERVED
        self.used = b.c(0, u64)
        zero, none = b.c(0, f64), Num(b.scalars, b.number(0, boolean), boolean)
        self.waiting = {"uniform": (none, zero), "normal": (none, zero)}

    def values(self) -> list[Num]:
        return [self.used, *(x for kind in ("uniform", "normal") for x in self.waiting[kind])]

    def hold(self, values: Sequence[Num]) -> None:
        self.used, a, b, c, d = values
        self.waiting = {"uniform": (a, b), "normal": (c, d)}

    def take(self, kind: str = "uniform") -> Num:
        has, value = self.waiting[kind]

        def keep() -> list[Num]:
            return [value, self.used, has.like(0), value]

        def draw() -> list[Num]:
            u = unit_floats(self.state.words(self.base + self.used), f64, 52)
            first, second = u if kind == "uniform" else normal_pairs(u)
            return [second, self.used + 1, has.like(1), first]

        taken, self.used, has, value = self.b.either(has, keep, draw)
        self.waiting[kind] = (has, value)
        return taken
