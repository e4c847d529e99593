"""How a large product of matrices known at run time is cut into blocks."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

from ..target import Target
from .reasons import Why, reason_text
from .tiles import EVEN, Columns, even_rows, product_cycles, split_rows

#: multiply-adds that are worth blocks
LEAST_WORK = 2_000_000
#: with fewer rows the right operand is used too seldom to be put together first
FEW_ROWS = 48
#: with so many rows the panels of all columns are used often enough to be read from the second-level cache; steps of
#: the sum that are a block then, or twice as many if they are all
MANY_ROWS, LONG_BLOCK = 256, 256
#: rows a unit may have, whose part of the left operand stays in the second-level cache beside the rest
MOST_ROWS = 1024
#: units that are wanted, so that threads can share the work; cycles that are worth a unit
UNITS, LEAST_UNIT = 4, 60_000
#: cycles to put a number together: of rows, of columns that become rows, of columns in tiles of a few
PUT, PUT_TURNED, PUT_TILES = 0.3, 1.2, 0.5
#: cycles a number that reading the right operand in pieces where it lies costs each unit; the shares of time that
#: threads lose for each unit that is missing, and where there is one
APART, WAITING, ALONE = 0.25, 0.03, 0.2
#: cycles to add a vector to the sums so far, and for each block of a tile
ADD, BEGIN = 1.5, 12
#: a tile with half the columns is taken if it is cheaper by this factor
WIDE_FACTOR = 1.04
#: the share of time that lower tiles, all of one height, may take more than higher ones
LOWER = 0.005
#: steps of a sum in a block of many parts: at least so many
LEAST_STEPS = 64


#: the share of time that putting pixels together may take beside a kernel that does it otherwise
MOST_PUTTING = 0.11


class GemmChoice(NamedTuple):
    """`tiles` of rows and `groups` of columns are a unit, which takes `step` steps of the sum at a time; the sum is cut
    into `parts`. `x` says whether the left operand is put together as "rows" or "tiles" or "lies" as it is, `w` whether
    the right one is "copied"; `order` whether all columns of a tile of "rows" follow each other, or all rows of a group
    of "columns"."""

    tile: tuple[int, int]
    order: str
    tiles: int
    groups: int
    step: int
    parts: int
    units: int
    x: str
    w: str
    why: Why


class Product(NamedTuple):
    """[m, k] by [k, n], of which the left or the right operand may lie transposed. Rows of the left one are `row_bytes`
    apart, 0 where not equally; the sum may be cut into parts if it is `parted`."""

    m: int
    n: int
    k: int
    turned_x: bool = False
    turned_w: bool = False
    row_bytes: int = 0
    parted: bool = False


def gemm_pays(target: Target, p: Product) -> bool:
    """Whether blocks are worth their trouble."""
    few = p.m <= FEW_ROWS and (p.turned_w or p.turned_x)
    if p.parted and (PUT_TILES / p.n + PUT / p.m) * target.fma_per_cycle * target.lanes > MOST_PUTTING:
        return False
    return p.m * p.n * p.k >= LEAST_WORK and p.m > 8 and p.n >= target.lanes and p.k >= 8 and not few


def choose_gemm(target: Target, p: Product) -> GemmChoice:
    """Tile, blocks and units of a product."""
    w = "lies" if p.m <= FEW_ROWS else "copied"
    found = sorted((_rated(target, p, tile, w), tile) for tile in _tiles(target, p, w))
    tile = found[0][1]
    cycles, step = _cycles(target, p, tile), block_steps(target, tile, p)
    width = tile[1] * target.lanes
    tiles, groups = -(-p.m // tile[0]), -(-p.n // width)
    x = "tiles" if p.turned_x and not (p.row_bytes and p.k <= FEW_ROWS) else "lies"
    if not p.turned_x and (not p.row_bytes or (p.row_bytes % 4096 == 0 and p.n >= 4 * width)):
        x = "rows"
    put_x = p.m * p.k * {"tiles": PUT_TILES, "rows": PUT, "lies": 0}[x]
    put_w = p.k * p.n * (0.0 if w == "lies" else PUT_TURNED if p.turned_w else PUT)

    def cost(cut: tuple[int, int]) -> tuple[float, int]:
        down, across = cut
        units = min(down * across, max(1, int(cycles / LEAST_UNIT)))
        alone = cycles * ALONE if units == 1 and cycles > 2 * LEAST_UNIT else 0
        apart = p.k * p.n * APART * (across + down) if w == "lies" else 0
        waits = cycles * max(0, UNITS - units) * WAITING
        return put_x * across + put_w * down + apart + waits + alone, down * across

    widest = max(1, target.l2 // 2 // (target.vector_bytes * tile[1] * step))
    least_down, least_across = -(-p.m // MOST_ROWS), -(-groups // widest)
    cuts = itertools.product(
        range(least_down, min(least_down + UNITS, tiles) + 1),
        range(least_across, min(least_across + UNITS, groups) + 1),
    )
    down, across = min(cuts, key=cost)
    tiles_each, groups_each = -(-tiles // down), -(-groups // across)
    units = -(-tiles // tiles_each) * -(-groups // groups_each)
    parts = _parts(target, p, cycles, step, units) if p.parted else 1
    order = "rows" if by_rows(p) else "columns"
    ways = {"rows": "rows put together", "tiles": "columns put together", "lies": "rows as they lie"}
    note = f"{step} steps of the sum at a time, {ways[x]}" + (
        f", the sum in {parts} parts" if parts > 1 else ""
    )
    others = [(f"{t[0]} x {t[1] * target.lanes}", _cycles(target, p, t)) for _, t in found[1:]]
    why = Why(reason_text(f"tiles of {tile[0]} x {width}", cycles, note, others), round(cycles))
    return GemmChoice(tile, order, tiles_each, groups_each, step, parts, units * parts, x, w, why)


def _parts(target: Target, p: Product, cycles: float, step: int, units: int) -> int:
    """How many parts of the sum are computed apart, whatever the number of threads."""
    if p.k % step:
        return 1
    adding = 4 * p.m * p.n * 2 / target.far_bytes_per_cycle
    most = min(p.k // step, int(0.04 * cycles / adding) + 1, int(cycles / units / LEAST_UNIT) + 1)
    return max(1, min(-(-2 * UNITS // units), most)) if units < UNITS else 1


def columns_of(target: Target, n: int, tile: tuple[int, int]) -> Columns:
    """Groups of as many columns as a tile has; the last one takes whole vectors."""
    full, tail = divmod(n, tile[1] * target.lanes)
    return Columns(tile[1] * target.lanes, full, tail, -(-tail // target.lanes) * target.lanes)


def _tiles(target: Target, p: Product, w: str) -> list[tuple[int, int]]:
    """Tiles that are considered, with rows of one height where that is about as fast."""
    if target.registers < 32 or p.n <= 2 * target.lanes:
        found = [target.tile(p.n)]
    else:
        found = [(12, 2)] if w == "lies" else [(6, 4), (8, 3), (12, 2)]
    return [(even_rows(target, p.m, high, wide, LOWER).rows, wide) for high, wide in found]


def _rated(target: Target, p: Product, tile: tuple[int, int], w: str) -> float:
    """Cycles by which tiles are compared: few columns are put up with, and a second variant of the code, only where
    that is worth it."""
    columns = columns_of(target, p.n, tile)
    variants = (p.m % tile[0] != 0) + (not one_width(target, columns, w))
    return _cycles(target, p, tile) * (1 + EVEN * variants) / (WIDE_FACTOR if tile[1] == 4 else 1)


def one_width(target: Target, columns: Columns, w: str) -> bool:
    """Whether all groups of columns are computed as if they were whole, of which the last one is stored in part. Where
    the right operand lies, masked loads of it would cost each step of a sum as much as multiply-adds."""
    if not columns.tail or not columns.full:
        return True
    c = columns
    return (
        w == "copied"
        and target.has_masks
        and (c.full + 1) * c.width <= (1 + EVEN) * (c.full * c.width + c.tail_width)
    )


def _cycles(target: Target, p: Product, tile: tuple[int, int]) -> float:
    """Cycles of all tiles, with what it takes to add each block."""
    rows, columns = split_rows(p.m, tile[0]), columns_of(target, p.n, tile)
    blocks = -(-p.k // block_steps(target, tile, p))
    total = 0.0
    for groups, vectors in (
        (columns.full, tile[1]),
        (bool(columns.tail), columns.tail_width // target.lanes),
    ):
        for count, high in ((rows.count, rows.rows), (rows.rest_count, rows.rows - 1)):
            step = product_cycles(target, high, vectors)
            total += groups * count * (p.k * step + blocks * (ADD * high * vectors + BEGIN))
    return total


def block_steps(target: Target, tile: tuple[int, int], p: Product) -> int:
    """Steps of the sum that are taken at a time: with few rows so many that a panel of columns fills two thirds of the
    first-level cache, with many rows so many that the panels of all columns stay in the second-level one, and a tile's
    rows in the first-level one; of a sum that may be cut, a divisor of their number if there is one."""
    most = max(4, min(2 * target.l1 // 3 // (tile[1] * target.vector_bytes), LONG_BLOCK) // 4 * 4)
    if by_rows(p):
        if p.k <= 2 * LONG_BLOCK and not p.parted:
            return p.k
        most = LONG_BLOCK
    if p.parted:
        exact = next((d for d in range(min(most, p.k), min(LEAST_STEPS, p.k) - 1, -1) if p.k % d == 0), 0)
        if exact:
            return exact
    each = -(-p.k // math.ceil(p.k / most))
    return min(p.k, -(-each // 4) * 4)


def by_rows(p: Product) -> bool:
    """Whether the columns of a tile of rows follow each other, which writes whole rows of the result."""
    return p.m >= MANY_ROWS or (p.k <= LONG_BLOCK // 2 and p.m > p.n)
