"""Why a kernel runs as it does, in a few words, beside the cycles that were predicted for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..ir.dims import Dim, product
from ..target import Target
from .tiles import split_columns, split_rows, tile_cycles

#: alternatives that a reason names
MOST_NAMED = 2


class Why(NamedTuple):
    """The reason of a choice; cycles predicted for the whole call, 0 where none are; and the largest error over the
    largest result, where an algorithm rounds otherwise than the definition does."""

    text: str
    cycles: Dim = 0
    error_bound: float = 0.0


def cycles_text(cycles: float) -> str:
    """Cycles with two or three digits: 940, 61k, 1.2M."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if cycles >= 0.9995 * unit:
            return f"{cycles / unit:.{1 if cycles < 9.95 * unit else 0}f}{letter}"
    return f"{cycles:.0f}"


def reason_text(
    chosen: str,
    cycles: float,
    note: str,
    others: Iterable[tuple[str, float]],
    least: Iterable[tuple[str, float]] = (),
) -> str:
    """What was chosen, with its cycles and a note, then the best of what else was considered, and what is always
    named."""
    named = [*sorted(others, key=lambda o: o[1])[:MOST_NAMED], *least]
    head = f"{chosen} {cycles_text(cycles)} cycles" + (f", {note}" if note else "")
    return "; ".join([head, *(f"{n} {cycles_text(c)}" for n, c in named)])


def times(cycles: float, count: Dim) -> Dim:
    """Cycles of `count` images or units."""
    return round(cycles) * count


def repeated(why: Why, lead: Iterable[Dim]) -> Why:
    """The same for as many products as the leading dimensions have."""
    return why._replace(cycles=why.cycles * product(lead))


def depthwise_reason(
    target: Target, out: Sequence[Dim], taps: int, tile: tuple[int, int], border: bool
) -> Why:
    """Of a convolution of each channel on its own, whose result is [N, H, W, C]: it is bound by multiply-adds of
    single vectors, or by reading and writing images."""
    pixels = product(out[1:-1])
    sizes = [d for d in (pixels, out[-1]) if isinstance(d, int)]
    text = f"each channel on its own, tiles of {tile[0]} pixels and {tile[1]} vectors, "
    text += "image with a border" if border else "taps outside of the image left out"
    if len(sizes) < 2:
        return Why(text)
    vectors = sizes[0] * -(-sizes[1] // target.lanes)
    # a tap of a tile loads its weights again, and every pixel costs about one load and store
    steps = max(taps / target.fma_per_cycle, taps / 2 + 1)
    far = 8 * sizes[0] * sizes[1] / target.far_bytes_per_cycle if 8 * sizes[0] * sizes[1] > target.l2 else 0
    cycles = max(vectors * (steps + 1.5), far)
    return Why(f"{text}: {cycles_text(cycles)} cycles", times(cycles, out[0]))


def product_reason(
    target: Target, rows: Dim, columns: int, depth: int, tile: tuple[int, int], size: int, packed: bool
) -> Why:
    """Of one product of matrices [rows, depth] and [depth, columns], by tiles of `tile`."""
    what = "packed weights" if packed else "the right side as it lies"
    text = f"tiles of {tile[0]} x {tile[1] * target.lanes}, {what}"
    if not isinstance(rows, int):
        return Why(f"{text}; rows known at run time")
    lanes, share = target.lanes, max(1, size // 4)
    cut = split_columns(columns, tile[1] * lanes, lanes)
    high = split_rows(max(rows, 1), tile[0])
    steps = 0.0
    for groups, wide in ((cut.full, tile[1]), (1 if cut.tail else 0, cut.tail_width // lanes)):
        for count, height in ((high.count, high.rows), (high.rest_count, high.rows - 1)):
            if groups and count:
                steps += groups * count * tile_cycles(target, height, wide * share)
    stream = size * depth * columns / target.far_bytes_per_cycle if packed else 0
    cycles = max(steps * depth, stream)
    bound = "reading the weights" if stream > steps * depth else "multiply-adds"
    return Why(f"{text}: {cycles_text(cycles)} cycles, bound by {bound}", times(cycles, 1))
