"""The outer-product microkernel: a tile of accumulators in registers, fed by one column of the left operand
and one row of packed weights a step. All products and convolutions are made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..ir.core import Value
from ..ir.types import VectorType
from . import dialect_arith as arith
from . import dialect_memory as mem
from .build import Index, LoopBuilder

#: products that are summed one after the other. Longer sums are sums of such ones, which round less: the error of
#: 25 088 products falls to a tenth, and the accumulators wait in memory for as long as a step or two take
LONGEST = 256


@dataclass(frozen=True)
class Depth:
    """One of the nested loops over the summed dimension: how long it is. The innermost may have a length that is known
    at run time only: it is at most `most`, and a multiple of `unroll` if it is `even`."""

    count: Index
    unroll: int = 1
    most: int = 0
    even: bool = False


def accumulate(
    b: LoopBuilder,
    acc: Value,
    depths: Sequence[Depth],
    left: Callable[[Sequence[Index]], Value],
    right: Callable[[Sequence[Index]], Value],
    ahead: Callable[[Sequence[Index]], None] | None = None,
    apart: bool = False,
    longest: int = LONGEST,
) -> Value:
    """acc + Σ left(k) ⊗ right(k) over the nest of `depths`; the innermost is unrolled.

    `left` gives the column of the left operand and `right` the row of weights at the given indices. `ahead` is
    called at the first of each group of unrolled steps. With `apart` both get the first of the unrolled steps and
    the number among them as two indices. A long innermost sum of floats is a sum of shorter ones.
    """

    return _Sum(b, left, right, ahead, apart, longest).nest(depths, [], acc)


class _Sum(NamedTuple):
    """The arguments of `accumulate`."""

    b: LoopBuilder
    left: Callable[[Sequence[Index]], Value]
    right: Callable[[Sequence[Index]], Value]
    ahead: Callable[[Sequence[Index]], None] | None
    apart: bool
    longest: int

    def nest(self, depths: Sequence[Depth], at: list[Index], acc: Value) -> Value:
        b, (d, *inner) = self.b, depths
        if d.count == 0:
            return acc
        if not inner:
            long = _most(d) > self.longest and _is_float(acc)
            return self.parts(d, at, acc) if long else self.steps(d, at, 0, acc)
        if d.count == 1:
            return self.nest(inner, [*at, 0], acc)
        with b.loop(0, d.count, 1, [acc]) as loop:
            loop.yielded = (self.nest(inner, [*at, loop.iv], loop.carried[0]),)
        return loop.results[0]

    def parts(self, d: Depth, at: list[Index], acc: Value) -> Value:
        """A sum of sums, the last of which may be shorter; single steps behind the unrolled ones come last."""
        b, each = self.b, _part(d, self.longest)
        zero = b.splat(b.number(0.0, acc.type.dtype), acc.type.shape)  # type: ignore[attr-defined]
        whole = d.count if d.even else b.mul(b.div(d.count, d.unroll), d.unroll)
        with b.loop(0, whole, each, [acc]) as loop:
            count = (
                each if isinstance(whole, int) and whole % each == 0 else b.min(each, b.sub(whole, loop.iv))
            )
            done = self.steps(Depth(count, d.unroll, each, True), at, loop.iv, zero)
            loop.yielded = (b(arith.FLOAT["addf"], loop.carried[0], done),)
        return self.singly(d, at, 0, whole, loop.results[0])

    def steps(self, d: Depth, at: list[Index], first: Index, acc: Value) -> Value:
        """`d.count` steps from `first` on, unrolled."""
        b, step = self.b, d.unroll
        if isinstance(d.count, int):
            step = min(step, d.count)
        whole = d.count if d.even else b.mul(b.div(d.count, step), step)
        if whole == step:
            acc = self.unrolled(at, first, step, acc)
        else:
            with b.loop(0, whole, step, [acc]) as loop:
                loop.yielded = (self.unrolled(at, b.add(first, loop.iv), step, loop.carried[0]),)
            acc = loop.results[0]
        return self.singly(d, at, first, whole, acc)

    def singly(self, d: Depth, at: list[Index], first: Index, done: Index, acc: Value) -> Value:
        """The steps behind the first `done` ones."""
        b = self.b
        if isinstance(d.count, int) and isinstance(done, int):
            for k in range(done, d.count):
                acc = self.product(at, b.add(first, done), k - done, acc)
        elif not d.even:
            with b.loop(done, d.count, 1, [acc]) as loop:
                loop.yielded = (self.product(at, b.add(first, loop.iv), 0, loop.carried[0]),)
            acc = loop.results[0]
        return acc

    def unrolled(self, at: list[Index], first: Index, step: int, acc: Value) -> Value:
        if self.ahead is not None:
            self.ahead([*at, first])
        for u in range(step):
            acc = self.product(at, first, u, acc)
        return acc

    def product(self, at: list[Index], k: Index, u: int, acc: Value) -> Value:
        b = self.b
        where = [*at, k, u] if self.apart else [*at, b.add(k, u)]
        weights = self.right(where)
        return b(mem.OuterProduct, self.left(where), weights, acc)


def _is_float(v: Value) -> bool:
    return isinstance(v.type, VectorType) and v.type.dtype.is_float


def _most(d: Depth) -> int:
    return d.count if isinstance(d.count, int) else d.most


def _part(d: Depth, longest: int) -> int:
    """How many steps of a long sum are taken at a time: all parts equal, where that is possible with not much shorter
    ones."""
    count = _most(d)
    least = -(-count // longest)
    even = (p for p in range(least, 2 * least) if count % (p * d.unroll) == 0)
    found = next(even, None)
    return count // found if found else -(-count // (least * d.unroll)) * d.unroll


def accumulate_dynamic(
    b: LoopBuilder,
    acc: Value,
    count: Index,
    left: Callable[[Sequence[Index]], Value],
    right: Callable[[Sequence[Index]], Value],
) -> Value:
    """The same over one loop of a length known at run time; nothing is unrolled."""
    with b.loop(0, count, 1, [acc]) as loop:
        loop.yielded = (b(mem.OuterProduct, left([loop.iv]), right([loop.iv]), loop.carried[0]),)
    return loop.results[0]
