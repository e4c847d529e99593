"""How a product's result is cut into accumulator tiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..target import Target

PANEL = 32
"""Columns of a panel of packed weights, on every target."""
UNROLL = 4
"""Steps of a product that are written out one after the other."""
MANY = 20
"""Accumulators whose multiply-adds take so long that two steps hide what a loop costs."""
EVEN = 0.015
"""The share of time that tiles of one height may take more than tiles of two, which are twice as much code."""


@dataclass(frozen=True)
class RowTiles:
    """`count` tiles of `rows`, then `rest_count` of `rows - 1`."""

    rows: int
    count: int
    rest_count: int


def split_rows(total: int, most: int) -> RowTiles:
    """Cuts `total` rows into as few tiles of at most `most` rows as possible, equal but for one row."""
    tiles = -(-total // most)
    rows = -(-total // tiles)
    rest = rows * tiles - total
    return RowTiles(rows, tiles - rest, rest)


def even_rows(target: Target, total: int, most: int, vectors: int, slower: float = EVEN) -> RowTiles:
    """The same, or tiles of one height where those of `vectors` vectors are about as fast."""
    cut = split_rows(total, most)
    if not cut.rest_count:
        return cut

    def cycles(c: RowTiles) -> float:
        lower = c.rest_count * product_cycles(target, c.rows - 1, vectors) if c.rest_count else 0
        return c.count * product_cycles(target, c.rows, vectors) + lower

    even = [RowTiles(h, total // h, 0) for h in range(min(most, total), 0, -1) if total % h == 0]
    return next((c for c in even if cycles(c) <= (1 + slower) * cycles(cut)), cut)


def steps_at_once(count: int, accumulators: int) -> int:
    """How many of `count` steps of a tile are written out one after the other."""
    each = (UNROLL, 5, 3) if accumulators < MANY else (2, 3)
    return next((n for n in each if count % n == 0), each[0])


class Columns(NamedTuple):
    """Columns of tiles: `full` groups of `width`, then one of `tail_width` of which `tail` are real."""

    width: int
    full: int
    tail: int
    tail_width: int


def split_columns(total: int, width: int, lanes: int) -> Columns:
    """Groups of `width` columns. A tail wider than a panel takes whole panels."""
    full, tail = divmod(total, width)
    unit = PANEL if tail > PANEL else lanes
    return Columns(width, full, tail, -(-tail // unit) * unit)


def tile_cycles(target: Target, rows: int, vectors: int) -> float:
    """Cycles of one step of a tile: bound by multiply-adds, by loads, by latency, or by the loop."""
    fma = rows * vectors / target.fma_per_cycle
    return max(fma, (rows + vectors) / 2, 4.5, 3.2 * vectors) + 0.5


def product_cycles(target: Target, rows: int, vectors: int) -> float:
    """The same where weights are in the first-level cache."""
    return max(rows * vectors / target.fma_per_cycle, (rows + vectors) / 2, 4.5) + 0.5


def depth_block(target: Target, rows: int, tile_rows: int, columns: int, depth: int, size: int) -> int:
    """How many steps of the summed dimension tiles of `columns` columns take at a time, so that their weights stay in
    the first-level cache for all tiles of rows; 0 for all steps: where there is one tile of rows, or where the
    second-level cache holds the weights anyway, loading sums again costs more than it saves. It may hold more of them
    when waiting for their first use does not matter, beside many tiles of rows."""
    held = target.l2 // (4 if rows <= 20 * tile_rows else 2)
    if rows <= tile_rows or depth * columns * size <= held:
        return 0
    most = max(2 * target.l1 // 3 // (columns * size), 64)
    each = -(-depth // -(-depth // most))
    return -(-each // 4) * 4
