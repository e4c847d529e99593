"""Whether the gradient of a convolution by its filter is computed by Winograd's transforms, and in which way."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..ir.dims import Dim
from ..target import Target
from .accuracy import LAW, gradient_error_bound
from .reasons import Why, cycles_text, reason_text
from .tiles import PANEL, UNROLL, split_columns, split_rows, tile_cycles

#: sides of the tiles of dy, by the filter's sides, that are tried
TRIED: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {
    (3, 3): ((2, 2), (4, 4)),
    (5, 5): ((2, 2), (2, 4), (4, 2)),
}
#: a gradient that takes fewer cycles directly stays direct: little is won, and rounding is a little larger
LEAST_CYCLES = 100_000
#: about so many units there are, whatever the number of threads: results do not depend on it
UNITS = 8
#: cycles that are worth a unit of their own
LEAST_UNIT = 60_000
#: share of the time that adding up the parts may take
MOST_ADDING = 0.04
#: products that are summed one after the other, at least: a sum of short sums rounds less than a long one
LONGEST = 64
#: short sums of a part that are added one after the other
MOST_ADDED = 48
#: products of so many tiles at most take few channels at a time, so that their sums stay in the first-level cache
SHORT = 64
#: cycles of a vector of a transformed tile, which goes to the second-level cache
TRANSFORM = 6.0


def longest_sum(tiles: int) -> int:
    """How many products are summed one after the other, and about as many such sums for many tiles."""
    return max(LONGEST, math.isqrt(tiles))


class WinogradGradientChoice(NamedTuple):
    """Sides `m` of the tiles of dy, and how they are taken: `block` tiles at a time, whose sums are cut into `parts`,
    with `lines` one line of points after the other; or all at once (0), by ranges of `rows` channels, of which `sums`
    ones at a time are summed and transformed."""

    m: tuple[int, int]
    taps: tuple[int, int]
    block: int
    lines: bool
    rows: int
    sums: int
    parts: int
    tile: tuple[int, int]
    #: cycles of transforms and products, and of what follows them
    stages: tuple[float, float]
    error_bound: float
    reason: str = ""

    @property
    def cycles(self) -> float:
        return sum(self.stages)

    @property
    def name(self) -> str:
        return f"F({self.taps[0]}x{self.taps[1]}, {self.m[0]}x{self.m[1]})"

    @property
    def how(self) -> str:
        if not self.block:
            return f"{self.name} in stages, {self.rows} channels at a time"
        by = ", a line of points at a time" if self.lines else ""
        return f"{self.name} in blocks of {self.block} tiles{by}, the sum in {self.parts} parts"

    def why(self, first: int = 0, last: int = 2) -> Why:
        """For a call of some of the stages."""
        return Why(self.reason, round(sum(self.stages[first:last])), self.error_bound)


def choose_winograd_gradient(
    target: Target, out: tuple[Dim, ...], channels: int, taps: tuple[int, ...], direct: float
) -> tuple[WinogradGradientChoice | None, str]:
    """The way that takes fewer cycles than `direct` ones for dy of shape `out` [images, H, W, O], or None and what was
    found against transforms."""
    sizes = tuple(d for d in out if isinstance(d, int))
    if len(taps) != 2 or taps not in TRIED or len(sizes) != 4:
        return None, ""
    if min(channels, sizes[3]) < target.lanes:
        return None, "too few channels for transforms"
    if direct < LEAST_CYCLES or not math.prod(sizes):
        return None, "too small for transforms"
    found = ways(target, sizes, channels, (taps[0], taps[1]))
    if not found or found[0].cycles >= 0.95 * direct:
        return None, f"{found[0].how} {cycles_text(found[0].cycles)}" if found else ""
    best = found[0]
    others = [(c.how, c.cycles) for c in found[1:]]
    return best._replace(reason=reason_text(best.how, best.cycles, "", others, [("direct", direct)])), ""


def ways(
    target: Target, out: tuple[int, ...], channels: int, taps: tuple[int, int]
) -> list[WinogradGradientChoice]:
    """The best of each transform and way, the one with the fewest cycles first."""
    best: dict[tuple[tuple[int, int], bool, bool], WinogradGradientChoice] = {}
    for m in TRIED[taps]:
        for choice in _Plan(target, out, channels, m, taps).all():
            way = (m, choice.block > 0, choice.lines)
            if choice.error_bound <= LAW and (way not in best or choice.cycles < best[way].cycles):
                best[way] = choice
    return sorted(best.values(), key=lambda c: c.cycles)


class _Plan:
    """Costs of one transform of one gradient."""

    def __init__(
        self, target: Target, out: tuple[int, ...], channels: int, m: tuple[int, int], taps: tuple[int, int]
    ) -> None:
        self.target, self.channels, self.m, self.taps = target, channels, m, taps
        self.images, height, width, self.outputs = out
        self.size = (m[0] + taps[0] - 1, m[1] + taps[1] - 1)
        self.points = math.prod(self.size)
        self.tiles = self.images * -(-height // m[0]) * -(-width // m[1])
        rows, vectors = target.tile(self.outputs, 0)
        self.tile = (rows, min(vectors, PANEL // target.lanes))
        self.columns = split_columns(self.outputs, self.tile[1] * target.lanes, target.lanes)
        self.padded = self.columns.full * self.columns.width + (
            self.columns.tail_width if self.columns.tail else 0
        )
        self.groups = self.columns.full + (1 if self.columns.tail else 0)
        self.pixels = self.images * height * width
        #: bytes of all sums, and of a transformed tile
        self.sums = 4 * self.points * channels * self.padded
        self.row = 4 * self.points * (channels + self.padded)

    def all(self) -> list[WinogradGradientChoice]:
        """Every way that the caches allow."""
        out: list[WinogradGradientChoice] = []
        for lines in (False, True):
            share = self.size[0] if lines else 1
            for part in (0.08, 0.15, 0.25):
                most = min(int(part * self.target.l2 * share) // self.row, longest_sum(self.tiles // 2))
                if most >= min(2 * UNROLL, self.tiles):
                    out.append(self._blocks(min(most, self.tiles), lines))
        return out + [self._stages(n) for n in (16, 32, 64, 128) if n < 2 * self.channels]

    def _products(self, depth: int, rows: int, kept: float) -> float:
        """Cycles of the products of `depth` tiles and `rows` channels at all points; a sum that is done takes `kept`
        for each of its vectors."""
        cut, wide = split_rows(rows, self.tile[0]), self.columns
        total = 0.0
        for count, width in ((wide.full, wide.width), (1 if wide.tail else 0, wide.tail_width)):
            vectors = width // self.target.lanes
            for n, high in ((cut.count, cut.rows), (cut.rest_count, cut.rows - 1)):
                if n and count:
                    step = tile_cycles(self.target, high, vectors)
                    total += n * count * (1.05 * step * depth + kept * high * vectors + 20)
        return total * self.points

    def _transforms(self) -> float:
        """Cycles of all windows and tiles of dy."""
        lanes = self.target.lanes
        return self.tiles * self.points * (-(-self.channels // lanes) - (-self.outputs // lanes)) * TRANSFORM

    def _images(self, times: int) -> float:
        """Cycles to read x and dy so many times, of which the second and later ones are ahead of use."""
        size = 4 * self.pixels * (self.channels + self.outputs)
        again = times - 1 if size > self.target.l2 // 2 else 0
        return (1 + again / 2) * size / self.target.far_bytes_per_cycle / 2

    def _blocks(self, most: int, lines: bool) -> WinogradGradientChoice:
        target, share = self.target, self.size[0] if lines else 1
        work = self._products(self.tiles, self.channels, 0) + self._transforms()
        adding = self.sums / target.far_bytes_per_cycle
        parts = min(-(-UNITS // share), int(work / share / LEAST_UNIT) + 1)
        parts = max(1, min(parts, -(-self.tiles // most), int(MOST_ADDING * work / adding) + 1))
        parts = max(parts, -(-self.tiles // (most * MOST_ADDED)))
        if not lines and self.tiles > most:
            parts = max(parts - parts % 2, 2)  # for two threads
        # each part has as many blocks
        blocks = parts * -(-self.tiles // (most * parts))
        block = -(-self.tiles // blocks)
        block = min(-(-block // UNROLL) * UNROLL, self.tiles)
        blocks = -(-self.tiles // block)
        parts = min(parts, blocks)
        first = blocks * self._products(block, self.channels, 2.0 if blocks == parts else 3.0)
        first += self._transforms() + self._images(share)
        if blocks > parts and (self.sums + self.row * block) / share > 0.9 * target.l2:
            first += 2 * blocks * self.sums / target.far_bytes_per_cycle
        last = self.sums / 4 / target.lanes * (parts + 2.5)
        if parts * self.sums > target.l2 // 2:
            last += 1.5 * parts * adding
        return self._choice(block, lines, (0, 0), parts, (first, last))

    def _stages(self, rows: int) -> WinogradGradientChoice:
        """A unit has all tiles' windows of some channels in the cache, and reads dy's for each group of columns."""
        target = self.target
        rows = min(rows, self.channels)
        parts = -(-self.channels // rows)
        few = int(0.8 * target.l1) // (4 * self.points * self.tile[1] * target.lanes)
        few = max(min(few, rows), 1) if self.tiles <= SHORT else rows
        last = parts * self._products(self.tiles, rows, 3.0) + self.sums / 4 / target.lanes * 3.5
        v, u = (4 * self.points * self.tiles * n for n in (self.channels, self.padded))
        held = v // parts + u // self.groups + self.sums // parts // self.groups
        again = (self.groups if held > 0.8 * target.l2 else 1) * v + parts * u
        last += again / target.far_bytes_per_cycle / 3
        first = self._transforms() + self._images(1)
        if v + u > target.l2 // 2:
            first += 2 * (v + u) / target.far_bytes_per_cycle
        return self._choice(0, False, (rows, few), 1, (first, last))

    def _choice(
        self, block: int, lines: bool, rows: tuple[int, int], parts: int, stages: tuple[float, float]
    ) -> WinogradGradientChoice:
        most = block or longest_sum(self.tiles)
        added = most + -(-self.tiles // (most * parts)) + parts
        bound = gradient_error_bound(self.m, self.taps, added)
        return WinogradGradientChoice(
            self.m, self.taps, block, lines, *rows, parts, self.tile, stages, bound
        )  # fmt: skip
