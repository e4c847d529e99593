"""The outer-product microkernel: a tile of accumulators in registers, fed by one column of the left operand
and one row of packed weights a step. All products and convolutions are made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..ir.core import Value
from . import dialect_memory as mem
from .build import Index, LoopBuilder

UNROLL = 4


@dataclass(frozen=True)
class Depth:
    """One of the nested loops over the summed dimension: how long it is."""

    count: int
    unroll: int = 1


def accumulate(
    b: LoopBuilder,
    acc: Value,
    depths: Sequence[Depth],
    left: Callable[[Sequence[Index]], Value],
    right: Callable[[Sequence[Index]], Value],
    ahead: Callable[[Sequence[Index]], None] | None = None,
    apart: bool = False,
) -> Value:
    """acc + Σ left(k) ⊗ right(k) over the nest of `depths`; the innermost is unrolled.

    `left` gives the column of the left operand and `right` the row of weights at the given indices. `ahead` is
    called at the first of each group of unrolled steps. With `apart` both get the first of the unrolled steps and
    the number among them as two indices.
    """

    def nest(level: int, at: list[Index], acc: Value) -> Value:
        d = depths[level]
        if d.count == 0:
            return acc
        if level < len(depths) - 1:
            if d.count == 1:
                return nest(level + 1, [*at, 0], acc)
            with b.loop(0, d.count, 1, [acc]) as loop:
                loop.yielded = (nest(level + 1, [*at, loop.iv], loop.carried[0]),)
            return loop.results[0]
        step = min(d.unroll, d.count)
        whole = d.count // step * step
        if whole > step:
            with b.loop(0, whole, step, [acc]) as loop:
                value = loop.carried[0]
                if ahead is not None:
                    ahead([*at, loop.iv])
                for u in range(step):
                    value = product(at, loop.iv, u, value)
                loop.yielded = (value,)
            acc = loop.results[0]
        elif whole:
            if ahead is not None:
                ahead([*at, 0])
            for u in range(step):
                acc = product(at, 0, u, acc)
        for k in range(whole, d.count):
            acc = product(at, whole, k - whole, acc)
        return acc

    def product(at: list[Index], k: Index, u: int, acc: Value) -> Value:
        where = [*at, k, u] if apart else [*at, b.add(k, u)]
        weights = right(where)
        return b(mem.OuterProduct, left(where), weights, acc)

    return nest(0, [], acc)


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
