"""Cycles of convolutions whose vectors run along the summed numbers, instead of along channels of the result."""

from __future__ import annotations

from ..ir.dims import Dim
from ..target import Target
from .tiles import tile_cycles

#: with more channels of the result the image would be read too often
MOST_COLUMNS = 3
#: fewer lanes are not worth the sums across them
LEAST_LANES = 4


def dot_lanes(target: Target, size: int) -> int:
    """Elements of `size` bytes in a vector, which are as many pixels as a tile has at most."""
    return target.vector_bytes // size


def dot_cycles(target: Target, out: tuple[Dim, ...], rows: int, inner: int, columns: int, size: int) -> float:
    """Cycles for an image of the result [N, H, W, columns] whose numbers are sums over `rows` stretches of `inner`
    numbers each; for one tile where the size of the image is not known."""
    lanes = dot_lanes(target, size)
    h, w = out[1], out[2]
    height, width = (h, w) if isinstance(h, int) and isinstance(w, int) else (1, lanes)
    tiles = -(-width // lanes)
    pixels = -(-width // max(tiles, 1))
    vectors = rows * -(-inner // lanes)
    sums = vectors * max(pixels / target.fma_per_cycle, pixels / 2 + 0.5, 4)
    # additions across lanes are two shuffles each, which start one in a cycle
    return height * tiles * columns * (sums + 2 * (lanes - 1) + 10)


def direct_cycles(
    target: Target, tile: tuple[int, int], pixels: int, taps: int, known: float, size: int
) -> float:
    """Cycles of the direct convolution: as `known` of an image, 0 where its size is not, then of some pixels."""
    return (known or tile_cycles(target, *tile) * taps * pixels / tile[0]) * max(1, size // 4)
