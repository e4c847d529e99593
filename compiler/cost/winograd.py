"""Winograd's minimal filtering: the transforms F(m, r), exact, and what a convolution by them costs.

y = Aᵀ [(G g) ⊙ (Bᵀ d)] gives m outputs of a filter of r taps from m + r - 1 inputs with as many products; in two
dimensions from both sides. The matrices are those of Toom and Cook's multiplication, transposed (S. Winograd,
"Arithmetic Complexity of Computations", 1980; A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural
Networks", 2016), for finite points and infinity.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np

from ..ir.attributes import Array
from ..ir.dims import Dim
from ..target import Target
from .tiles import split_rows, tile_cycles

#: points in the order in which they are taken. Pairs of opposite sign share most of their sums; with these the
#: error of F(4, 3) over 256 channels is 1.5e-6 of the results' deviation (with 0, ±1, ±2 it is 3.2e-6)
POINTS = tuple(Fraction(n, 4) for n in (0, 3, -3, 6, -6))
#: for F(2, 3), whose transforms then are sums and differences alone
SMALL_POINTS = (Fraction(0), Fraction(1), Fraction(-1))

#: numbers of a filter that are transformed at a time
_CHUNK = 4096

Matrix = tuple[tuple[Fraction, ...], ...]


@dataclass(frozen=True)
class Transform:
    """F(m, r): `output` is Aᵀ [m, a], `weights` is G [a, r], `input` is Bᵀ [a, a], with a = m + r - 1."""

    m: int
    r: int
    output: Matrix
    weights: Matrix
    input: Matrix

    @property
    def size(self) -> int:
        return self.m + self.r - 1

    def transformed(self, w: Array) -> Array:
        """A filter [r, r, C, K] as [a * a, C, K], rounded once."""
        g, a, r = np.array(self.weights, np.float64), self.size, self.r
        flat = w.reshape(r, r, -1)
        out = np.empty((a, a, flat.shape[2]), w.dtype)
        for at in range(0, flat.shape[2], _CHUNK):  # what stays in cache
            part = flat[:, :, at : at + _CHUNK].astype(np.float64)
            rows = g @ part.reshape(r, -1)
            out[:, :, at : at + _CHUNK] = g @ rows.reshape(a, r, -1)
        return out.reshape(a * a, *w.shape[2:])


def _times(polynomial: list[Fraction], root: Fraction) -> list[Fraction]:
    """polynomial · (x - root), coefficients from the constant on."""
    out = [Fraction(0), *polynomial]
    for i, c in enumerate(polynomial):
        out[i] -= root * c
    return out


@cache
def transform(m: int, r: int) -> Transform:
    """The matrices of F(m, r)."""
    points = SMALL_POINTS if m + r == 5 else POINTS[: m + r - 2]
    if len(points) != m + r - 2:
        raise ValueError(f"F({m}, {r}) needs more points than are known to be accurate")
    rows: list[list[Fraction]] = []
    weights: list[tuple[Fraction, ...]] = []
    for p in points:
        others = [q for q in points if q != p]
        row, norm = [Fraction(1)], Fraction(1)
        for q in others:
            row = _times(row, q)
            norm *= p - q
        # a leading 1 in Bᵀ saves a multiplication; the rest goes into G, which is applied at compile time
        rows.append([*row, Fraction(0)])
        weights.append(tuple(p**k / norm for k in range(r)))
    last = [Fraction(1)]
    for q in points:
        last = _times(last, q)
    rows.append(last)
    weights.append((*(Fraction(0) for _ in range(r - 1)), Fraction(1)))
    output = [tuple(p**i for p in points) + (Fraction(int(i == m - 1)),) for i in range(m)]
    return Transform(m, r, tuple(output), tuple(weights), tuple(tuple(row) for row in rows))


#: a convolution that takes fewer cycles directly stays direct: little is won, and rounding is a little larger
LEAST_CYCLES = 50_000


@dataclass(frozen=True)
class WinogradChoice:
    """Outputs of a transform along one side, tiles of a block, the products' accumulator tile, and why."""

    m: int
    block: int
    tile: tuple[int, int]
    cycles: float
    reason: str


def choose_winograd(
    target: Target, out: tuple[Dim, ...], channels: int, columns: int, taps: int, direct: float
) -> WinogradChoice | None:
    """The transform that takes fewer cycles than `direct` ones for an image of the result; None for none.

    A block's transformed windows and products take half of the second-level cache.
    """
    height, width = out[1], out[2]
    if not isinstance(height, int) or not isinstance(width, int) or channels < target.lanes:
        return None
    if direct < LEAST_CYCLES:
        return None
    best: WinogradChoice | None = None
    for m in {3: (2, 4), 5: (2,)}.get(taps, ()):
        choice = _predicted(target, (height, width), channels, columns, m, taps)
        if choice.cycles < (best.cycles if best else 0.95 * direct):
            best = choice
    return best


def _predicted(
    target: Target, image: tuple[int, int], channels: int, columns: int, m: int, taps: int
) -> WinogradChoice:
    a = m + taps - 1
    tiles = -(-image[0] // m) * -(-image[1] // m)
    row_bytes = 4 * a * a * (channels + columns)
    most = max(target.l2 // 2 // row_bytes, 6)
    blocks = -(-tiles // most)
    block = -(-tiles // blocks)
    tile = target.tile(columns, 0)
    cut = split_rows(block, tile[0])
    steps = cut.count * tile_cycles(target, cut.rows, tile[1])
    if cut.rest_count:
        steps += cut.rest_count * tile_cycles(target, cut.rows - 1, tile[1])
    groups = -(-columns // (tile[1] * target.lanes))
    products = blocks * steps * groups * channels * a * a
    # loads, arithmetic and stores of both transforms, for a vector of channels of a tile
    into, back = a * a * 3.2, a * a * 2.0 + m * m * 1.5
    transforms = blocks * block * (into * channels + back * columns) / target.lanes
    cycles = products + transforms
    return WinogradChoice(
        m, block, tile, cycles, f"F({m}x{m}, {taps}x{taps}), {transforms / cycles:.0%} in transforms"
    )
