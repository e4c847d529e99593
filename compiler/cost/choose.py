"""Algorithm, tile and split of products and convolutions, from shapes and target alone."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..ir.dims import Dim
from ..target import Target
from .reasons import reason_text
from .tiles import even_rows, split_columns, split_rows, tile_cycles

#: shorter sums than this take about as long as their results' way into memory: then many columns at a time
#: write whole pixels, one line of cache after the other
SHORT_SUM = 160
#: rows of a tile of one vector; about as many rows a unit of the parallel range has
MOST_SINGLE, MOST_ROWS = 20, 64
#: a distance of rows with which a tile has few rows and many columns
CROWDED = 4096


class ConvChoice(NamedTuple):
    """How a direct convolution is cut.

    `flat`: all pixels of an image as one row. `rows_per_tile`: output rows in a tile. `chunk`: units of the
    parallel range for which one pass over all panels is made. `split`: what the parallel range counts.
    """

    tile: tuple[int, int]
    flat: bool
    rows_per_tile: int
    chunk: int
    split: str
    reason: str
    #: for an image; 0 when its size is not known
    cycles: float = 0


def row_cycles(
    target: Target, pixels: int, rows_per_tile: int, tile: tuple[int, int], step: int = 1
) -> float:
    """Cycles of one summed step over `rows_per_tile` output rows of `pixels` pixels, `step` of which stay together."""
    most = max(tile[0] // rows_per_tile // step, 1)
    cut = split_rows(pixels // step, most)
    total = cut.count * tile_cycles(target, cut.rows * step * rows_per_tile, tile[1])
    if cut.rest_count:
        total += cut.rest_count * tile_cycles(target, (cut.rows - 1) * step * rows_per_tile, tile[1])
    return total


def _image_cycles(
    target: Target, h: int, w: int, rows_per_tile: int, tile: tuple[int, int], step: int
) -> float:
    whole, rest = divmod(h, rows_per_tile)
    total = whole * row_cycles(target, w, rows_per_tile, tile, step)
    return total + (row_cycles(target, w, rest, tile, step) if rest else 0)


def choose_conv(
    target: Target,
    out: tuple[Dim, ...],
    channels: int,
    columns: int,
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    may_flatten: bool,
    pool: tuple[int, ...] = (1, 1),
) -> ConvChoice:
    """The cut with the fewest cycles; of equal ones the one with most units. With `pool` tiles consist of whole
    windows of a maximum, of which alone one number is stored."""
    tile = target.tile(columns, channels * strides[1] * 4)
    h, w = out[1], out[2]
    far = isinstance(h, int) and isinstance(w, int) and 4 * h * w * columns > target.l2 // 2
    short = math.prod(kernel) * channels <= SHORT_SUM and columns >= 4 * target.lanes
    if pool == (1, 1) and far and short:
        tile = target.tile(columns, CROWDED)
    if not isinstance(h, int) or not isinstance(w, int):
        return ConvChoice(target.short_tile(columns), False, 1, 8, "rows", "image size known at run time")
    options = [
        (_image_cycles(target, h, w, ty, tile, pool[1]), False, ty)
        for ty in range(pool[0], min(h, tile[0]) + 1, pool[0])
        if ty * w <= tile[0] or ty == pool[0]
    ]
    if may_flatten:
        options.append((_image_cycles(target, 1, h * w, 1, tile, 1) * 1.001, True, 1))
    cycles, flat, ty = min(options, key=lambda o: (round(o[0], 6), o[2]))
    rows, pixels = (1, h * w) if flat else (h, w)
    blocks = -(-rows // ty)
    # weights that do not fit are read again for each chunk: then what counts is that the image stays
    stays = math.prod(kernel) * channels * columns * 4 <= target.l2 // 2
    written = columns / math.prod(pool) if stays else 0
    row_bytes = 4 * pixels * ty * (strides[0] * strides[1] * channels + written)
    chunk = max(1, (target.l2 // 2) // max(int(row_bytes), 1))
    cut = split_columns(columns, tile[1] * target.lanes, target.lanes)
    groups = cut.full + (1 if cut.tail else 0)
    # threads share what is larger: the weights by panels, the images by rows
    weights, images = math.prod(kernel) * channels * columns, h * w * (channels + columns)
    heavy = 2 * weights > images
    split = "panels" if (blocks < 4 or heavy) and groups >= 4 else "rows"
    ideal = h * w * tile[1] / target.fma_per_cycle
    taps = math.prod(kernel) * channels
    stream = 4 * taps * columns / target.far_bytes_per_cycle

    def total(tiles: float) -> float:
        return tiles * groups * taps + stream / 2

    ways = [(_way(f, r), total(c)) for c, f, r in options if (f, r) != (flat, ty)]
    chosen = f"{tile[0]} x {tile[1] * target.lanes} tiles {_way(flat, ty)}"
    reason = reason_text(chosen, total(cycles), f"{ideal / cycles:.0%} of the multiply-add slots", ways)
    return ConvChoice(tile, flat, ty, chunk, split, reason, total(cycles))


def _way(flat: bool, rows: int) -> str:
    """What a tile lies over."""
    return (
        "over an image as one row" if flat else f"over {rows} rows of the image" if rows > 1 else "over a row"
    )


def depthwise_tile(target: Target, channels: Dim, taps: int) -> tuple[int, int]:
    """Pixels and vectors of channels of a depthwise tile. Beside its accumulators stand the vectors of a row of
    `taps` weights and one of the image."""
    pixels = 7
    wide = isinstance(channels, int) and channels % (2 * target.lanes) == 0
    return pixels, 2 if wide and 2 * (pixels + taps + 1) <= target.registers else 1


def choose_matmul(
    target: Target, m: Dim, columns: int, depth: int, size: int = 4
) -> tuple[tuple[int, int], int]:
    """The tile, and how many rows a unit of the parallel range has: all, or whole tiles. Vectors count float32 lanes:
    elements of `size` 8 take two registers for each. A few rows leave room for more columns, which hides latency."""
    share = max(1, size // 4)
    if not isinstance(m, int):
        tall, wide = target.short_tile(columns)
        return (tall, max(1, wide // share)), 8 * tall
    tall, wide = target.tile(columns, depth * 4)
    while 8 * wide * max(m, 1) <= target.registers and wide * target.lanes < columns:
        wide *= 2
    few = m <= 4 * tall
    if not few:
        tall, wide = target.short_tile(columns)
        tall = MOST_SINGLE if wide == 1 and target.registers >= 32 else tall
    cut = even_rows(target, max(m, 1), tall, wide)
    tile = cut.rows, max(1, wide // share)
    if few:
        return tile, m
    tiles = cut.count + cut.rest_count
    blocks = -(-tiles * cut.rows // MOST_ROWS)
    return tile, -(-tiles // blocks) * cut.rows


def banded_rows(
    target: Target, image: tuple[int, int, int], channels: int, rows: int, taps: int, stride: int
) -> int | None:
    """How many of the `rows` rows behind an intermediate image [H, W, C], made from `channels` channels, are computed
    at a time so that the image stays in the cache; None where it does so anyway, or where what is computed twice
    takes longer than what is moved."""
    height, width, columns = image
    if width <= target.tile(columns)[0]:  # tiles hold several rows
        return None
    whole, row = 4 * height * width * columns, 4 * width * columns
    held = int(0.4 * target.l2) // row
    most = (held - taps) // stride + 1
    if whole < 0.75 * target.l2 or most < 1:
        return None
    bands = -(-rows // most)
    bands += bands % 2  # for two threads
    band = -(-rows // bands)
    twice = max((bands - 1) * (taps - stride), 0) * width * channels * columns
    moved = 2.5 * whole / target.far_bytes_per_cycle
    return band if twice / (target.fma_per_cycle * target.lanes) < moved / 2 else None
