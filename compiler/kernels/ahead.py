"""Fetching into the second-level cache what comes next, while a tile is computed.

Weights are used once in a call of a model, and come from memory that lies far away. Transformed filters of 7x7x512
convolutions, 100 MB in all, came at 9 GB/s to products that waited for them, and at 17 where they were asked for early
(a stream that does nothing else: 24). So the tiles of one group of panels share the work of asking for the next
group, which stands behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..cost.tiles import UNROLL
from ..ir.core import Value
from ..ir.dims import product
from . import dialect_memory as mem
from .build import Index, LoopBuilder

#: what a tile does at each unrolled step; None for nothing
Ahead = Callable[[Sequence[Index]], None] | None
#: float32 elements of a cache line
LINE = 16
#: with more tiles than this for each panel, waiting for the panel once does not matter
MOST_TILES = 20


def flat(b: LoopBuilder, weights: Value) -> Value:
    """Packed weights as one row of elements."""
    return b.reinterpret(weights, (product(mem.memref(weights).shape),), (1,))


def fetch_next(
    b: LoopBuilder, weights: Value, first: Index, row: Index, rows: int, total: int, panel: int,
    counts: Sequence[Index], at_once: int = UNROLL,
) -> Ahead:  # fmt: skip
    """What a tile does for each `at_once` steps of its sums over `counts`, the innermost last: it asks for its share
    of the `panel` elements of the flat `weights` from `first` on. The tile has `rows` of `total` rows, from `row`
    on. None where it does not pay, and where counts are not known."""
    known = [c for c in counts if isinstance(c, int)]
    if total > MOST_TILES * rows or 0 in known or len(known) < len(counts):
        return None
    *outer, inner = known
    steps = -(-inner // UNROLL)
    for c in outer:
        steps *= c
    lines = min(-(-rows * panel // (total * steps * LINE)), UNROLL * 8)
    share = b.mul(row, steps * lines * LINE // rows)
    start = b.add(first, share)
    strides, span = [lines * LINE // UNROLL], -(-inner // UNROLL) * lines * LINE
    for c in reversed(outer):
        strides.append(span)
        span *= c

    def ask(at: Sequence[Index]) -> None:
        place = start
        for i, s in zip(at, reversed(strides), strict=True):
            place = b.add(place, b.mul(i, s))
        for k in range(-(-lines * at_once // UNROLL)):
            b.prefetch(weights, b.add(place, k * LINE))

    return ask


def share_of(
    b: LoopBuilder, weights: Value, first: Index, number: Index, tiles: int, elements: int, steps: int
) -> Ahead:
    """What tile `number` of `tiles` does for `elements` of the flat `weights` from `first` on, in `steps` unrolled
    steps. Less than a line a step is asked for at once, when the tile begins."""
    lines = -(-elements // (LINE * tiles))
    start = b.add(first, b.mul(number, lines * LINE))
    if lines < steps:
        for k in range(lines):
            b.prefetch(weights, b.add(start, k * LINE))
        return None
    each = -(-lines // max(steps, 1))

    def ask(at: Sequence[Index]) -> None:
        place = b.add(start, b.mul(at[-1], each * LINE // UNROLL))
        for k in range(each):
            b.prefetch(weights, b.add(place, k * LINE))

    return ask
