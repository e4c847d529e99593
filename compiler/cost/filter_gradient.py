"""How the gradient of a convolution by its filter is cut: tiles, blocks of pixels, parts of the sum."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..ir.dims import Dim
from ..target import Target
from .reasons import Why, reason_text
from .tiles import split_columns, split_rows, tile_cycles

#: pixels of a block: its part of dy stays in the first-level cache for all tiles
BLOCK_PIXELS = 320
#: so many pixels in all are one block: what it gives need not be added to anything
MOST_AT_ONCE = 512
#: the sum is cut so that there are about so many units, whatever the number of threads: results do not depend on it
UNITS = 16
#: cycles that are worth a unit of their own
LEAST_UNIT = 60_000
#: share of the time that adding up the parts may take
MOST_ADDING = 0.04


class FilterGradientChoice(NamedTuple):
    """`taps` rows of the window times `rows` of its numbers times `vectors` are a tile; a block is `image_rows` rows
    of `images` images; the sum over all blocks is cut into `parts`."""

    taps: int
    rows: int
    vectors: int
    images: int
    image_rows: int
    parts: int
    groups: int
    why: Why


def choose_filter_gradient(
    target: Target, out: tuple[Dim, ...], taps: tuple[int, int], inner: int, columns: int, size: int
) -> FilterGradientChoice:
    """For dy as `out` [images, H, W, O] and a filter of `taps` (outer ones, and of those the neighbouring ones that a
    tile may have several of) times `inner` numbers, with elements of `size` bytes."""
    images, height, width = out[0], *(d for d in out[1:3] if isinstance(d, int))
    share = max(1, size // 4)
    found = [
        (cost, -vectors, tall, rows, vectors)
        for vectors in (1, 2, 3, 4)
        if vectors * share <= 4 and (vectors - 1) * target.lanes < columns
        for cost, tall, rows in _tiles(target, taps[1], inner, columns, vectors, share)
    ]
    cycles, _, tall, rows, vectors = min(found)
    cycles *= taps[0]
    image_rows = max(1, min(height, BLOCK_PIXELS // max(width, 1)))
    image_rows = -(-height // -(-height // image_rows)) if height else 1
    count = images if isinstance(images, int) else 1
    together = max(1, BLOCK_PIXELS // max(height * width, 1)) if image_rows == height else 1
    together = -(-count // -(-count // together)) if count else 1
    if count * height * width <= MOST_AT_ONCE:
        image_rows, together = max(height, 1), max(count, 1)
    blocks = -(-count // together) * -(-height // image_rows)
    groups = -(-columns // (vectors * target.lanes))
    weights = taps[0] * taps[1] * inner * columns
    # all groups of a unit take a block before the next one comes, for images are larger than the cache
    most = max(1, target.l2 // 3 // (size * -(-weights // groups)))
    ranges = -(-groups // most)
    each = -(-groups // ranges)
    total = cycles * count * height * width
    cost = size * weights * 2 / target.far_bytes_per_cycle
    parts = min(
        -(-UNITS // ranges), int(total / ranges / LEAST_UNIT) + 1, int(MOST_ADDING * total / cost) + 1
    )
    parts = max(1, min(parts, blocks)) if isinstance(images, int) else 1
    chosen = f"tiles of {tall} x {rows} numbers of a window by {vectors * target.lanes} channels"
    note = f"blocks of {together * image_rows} rows of the result, the sum in {parts} parts"
    others = [(f"{t} x {r} by {v * target.lanes}", c * taps[0] * count * height * width)
              for c, _, t, r, v in sorted(found)[1:]]  # fmt: skip
    why = Why(reason_text(chosen, total, note, others), round(total))
    return FilterGradientChoice(tall, rows, vectors, together, image_rows, parts, each, why)


def _tiles(
    target: Target, near: int, inner: int, columns: int, vectors: int, share: int
) -> list[tuple[float, int, int]]:
    """(cycles of all tiles for one pixel, taps, rows) of every number of taps in a tile."""
    registers = target.tile(columns)
    budget = registers[0] * registers[1] if columns > target.lanes else 2 * registers[0]
    most = min(budget // (vectors * share), (target.registers - 1 - vectors * share) // (vectors * share))
    cut = split_columns(columns, vectors * target.lanes, target.lanes)
    out: list[tuple[float, int, int]] = []
    for tall in range(1, min(near, most) + 1):
        if tall > 1 and inner * tall > most:
            break
        split = split_rows(inner, max(most // tall, 1))
        total = 0.0
        for count, taps in ((near // tall, tall), (1, near % tall)):
            for tiles, rows in ((split.count, split.rows), (split.rest_count, split.rows - 1)):
                if not (count and taps and tiles and rows):
                    continue
                each = cut.full * _cycles(target, rows * taps, vectors * share)
                if cut.tail:
                    each += _cycles(target, rows * taps, cut.tail_width // target.lanes * share)
                total += count * tiles * each
        out.append((total, tall, split.rows))
    return out


def _cycles(target: Target, rows: int, vectors: int) -> float:
    return tile_cycles(target, rows, math.ceil(vectors))
