"""Algorithm, tile and split of products and convolutions, from shapes and target alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..ir.dims import Dim
from ..target import Target
from .tiles import split_columns, split_rows, tile_cycles


@dataclass(frozen=True)
class ConvChoice:
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


def row_cycles(target: Target, pixels: int, rows_per_tile: int, tile: tuple[int, int]) -> float:
    """Cycles of one summed step over `rows_per_tile` output rows of `pixels` pixels."""
    most = max(tile[0] // rows_per_tile, 1)
    cut = split_rows(pixels, most)
    total = cut.count * tile_cycles(target, cut.rows * rows_per_tile, tile[1])
    if cut.rest_count:
        total += cut.rest_count * tile_cycles(target, (cut.rows - 1) * rows_per_tile, tile[1])
    return total


def _image_cycles(target: Target, h: int, w: int, rows_per_tile: int, tile: tuple[int, int]) -> float:
    whole, rest = divmod(h, rows_per_tile)
    total = whole * row_cycles(target, w, rows_per_tile, tile)
    return total + (row_cycles(target, w, rest, tile) if rest else 0)


def choose_conv(
    target: Target,
    out: tuple[Dim, ...],
    channels: int,
    columns: int,
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    may_flatten: bool,
) -> ConvChoice:
    """The cut with the fewest cycles; of equal ones the one with most units."""
    tile = target.tile(columns, channels * strides[1] * 4)
    h, w = out[1], out[2]
    if not isinstance(h, int) or not isinstance(w, int):
        return ConvChoice(target.short_tile(columns), False, 1, 8, "rows", "image size known at run time")
    options = [
        (_image_cycles(target, h, w, ty, tile), False, ty)
        for ty in range(1, min(h, tile[0]) + 1)
        if ty * w <= tile[0] or ty == 1
    ]
    if may_flatten:
        options.append((_image_cycles(target, 1, h * w, 1, tile) * 1.001, True, 1))
    cycles, flat, ty = min(options, key=lambda o: (round(o[0], 6), o[2]))
    rows, pixels = (1, h * w) if flat else (h, w)
    blocks = -(-rows // ty)
    # weights that do not fit are read again for each chunk: then what counts is that the image stays
    stays = math.prod(kernel) * channels * columns * 4 <= target.l2 // 2
    row_bytes = pixels * ty * (strides[0] * strides[1] * channels + (columns if stays else 0)) * 4
    chunk = max(1, (target.l2 // 2) // max(row_bytes, 1))
    cut = split_columns(columns, tile[1] * target.lanes, target.lanes)
    groups = cut.full + (1 if cut.tail else 0)
    # threads share what is larger: the weights by panels, the images by rows
    weights, images = math.prod(kernel) * channels * columns, h * w * (channels + columns)
    heavy = 2 * weights > images
    split = "panels" if (blocks < 4 or heavy) and groups >= 4 else "rows"
    ideal = h * w * tile[1] / target.fma_per_cycle
    reason = f"tiles use {100 * ideal / cycles:.0f} % of the multiply-add slots"
    taps = math.prod(kernel) * channels
    stream = 4 * taps * columns / target.far_bytes_per_cycle
    return ConvChoice(tile, flat, ty, chunk, split, reason, cycles * groups * taps + stream / 2)


def depthwise_tile(target: Target, channels: Dim, taps: int) -> tuple[int, int]:
    """Pixels and vectors of channels of a depthwise tile. Beside its accumulators stand the vectors of a row of
    `taps` weights and one of the image."""
    pixels = 7
    wide = isinstance(channels, int) and channels % (2 * target.lanes) == 0
    return pixels, 2 if wide and 2 * (pixels + taps + 1) <= target.registers else 1


def choose_matmul(
    target: Target, m: Dim, columns: int, depth: int, size: int = 4
) -> tuple[tuple[int, int], int]:
    """The tile, and how many rows a unit of the parallel range has. Vectors count float32 lanes: elements of
    `size` 8 take two registers for each. A few rows leave room for more columns, which hides latency."""
    share = max(1, size // 4)
    if isinstance(m, int):
        tall, wide = target.tile(columns, depth * 4)
        while 8 * wide * max(m, 1) <= target.registers and wide * target.lanes < columns:
            wide *= 2
        if m <= 4 * tall:
            return (tall, max(1, wide // share)), m
    tall, wide = target.short_tile(columns)
    return (tall, max(1, wide // share)), 8 * tall
