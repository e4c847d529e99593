"""Winograd's minimal filtering: the transforms F(m, r), exact, and what a convolution by them costs.

y = Aᵀ [(G g) ⊙ (Bᵀ d)] gives m outputs of a filter of r taps from m + r - 1 inputs with as many products; in two
dimensions from both sides. The matrices are those of Toom and Cook's multiplication, transposed (S. Winograd,
"Arithmetic Complexity of Computations", 1980; A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural
Networks", 2016), for finite points and infinity.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from ..ir.attributes import Array
from ..ir.dims import Dim
from ..target import Target
from .accuracy import LAW, error_bound
from .reasons import Why, cycles_text, reason_text, times
from .tiles import PANEL, UNROLL, split_columns, split_rows, tile_cycles


def _points(*sizes: Fraction | int) -> tuple[Fraction, ...]:
    """Zero, then pairs of opposite sign, which share most of their sums."""
    return (Fraction(0), *(Fraction(sign * x) for x in sizes for sign in (1, -1)))


#: finite points by their number. Of binary fractions with small numbers these gave the smallest error: over 256
#: channels, summed one after the other, 1.4e-6 of the results' deviation for F(4x4, 3x3) (with 0, ±1, ±2 it is
#: 3.2e-6), and 2.9e-6 for F(1x4, 1x7); with three points transforms are sums and differences alone. Errors of our
#: kernels stand in `accuracy.py`
POINTS = {
    0: (),
    2: _points()[:1] + (Fraction(1),),
    3: _points(1),
    4: _points(Fraction(3, 4), Fraction(3, 2))[:4],
    5: _points(Fraction(5, 8), Fraction(3, 2)),
    7: _points(Fraction(1, 2), 1, 2),
    9: _points(Fraction(7, 16), Fraction(13, 16), Fraction(5, 4), Fraction(9, 4)),
}

Matrix = tuple[tuple[Fraction, ...], ...]
MatrixT = TypeVar("MatrixT")


class Transform(NamedTuple, Generic[MatrixT]):
    """F(m, r): `output` is Aᵀ [m, a], `weights` is G [a, r], `input` is Bᵀ [a, a], with a = m + r - 1."""

    m: int
    r: int
    output: MatrixT
    weights: MatrixT
    input: MatrixT

    @property
    def size(self) -> int:
        return self.m + self.r - 1


def transformed(w: Array, m: tuple[int, int]) -> Array:
    """A filter [rh, rw, C, K] as [points, C, K], rounded once."""
    rows, columns = (
        np.array(transform(n, r).weights, np.float64) for n, r in zip(m, w.shape[:2], strict=True)
    )
    out = np.einsum("ai,bj,ijck->abck", rows, columns, w.astype(np.float64), optimize=True)
    return out.reshape(-1, *w.shape[2:]).astype(w.dtype)


def _times(polynomial: list[Fraction], root: Fraction) -> list[Fraction]:
    """polynomial · (x - root), coefficients from the constant on."""
    out = [Fraction(0), *polynomial]
    for i, c in enumerate(polynomial):
        out[i] -= root * c
    return out


@cache
def transform(m: int, r: int) -> Transform[Matrix]:
    """The matrices of F(m, r)."""
    points = POINTS.get(m + r - 2)
    if points is None:
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


#: outputs along both sides, by the filter's sides, that are tried
TRIED: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {
    (3, 3): ((2, 2), (4, 4)),
    (5, 5): ((2, 2),),
    (1, 3): ((1, 2), (1, 4)),
    (3, 1): ((2, 1), (4, 1)),
    (1, 7): ((1, 4),),
    (7, 1): ((4, 1),),
}


class WinogradChoice(NamedTuple):
    """Outputs of a transform along both sides, tiles of a block (0: all tiles of an image at once), channels whose
    filters are transformed at a time (0: the filters are stored transformed), the products' accumulator tile, and
    why. `stages` are the cycles of windows, of products with their filters, and of results for `images` images."""

    name: str
    m: tuple[int, int]
    block: int
    chunk: int
    tile: tuple[int, int]
    cycles: float
    reason: str
    stages: tuple[float, float, float]
    error_bound: float
    images: int = 1

    @property
    def how(self) -> str:
        """Its name, and how tiles and channels are taken."""
        way = (
            f"in blocks of {self.block} tiles"
            if self.block
            else "by groups of columns"
            if self.chunk
            else "in stages"
        )
        return f"{self.name} {way}" + (f", {self.chunk} channels at a time" if self.chunk else "")

    def why(self, images: Dim, first: int = 0, last: int = 3) -> Why:
        """For a call of some of the stages on so many images."""
        count = 1 if images == self.images else images
        return Why(self.reason, times(sum(self.stages[first:last]), count), self.error_bound)


def choose_winograd(
    target: Target, out: tuple[Dim, ...], channels: int, columns: int, taps: tuple[int, int], direct: float,
    constant: bool = True,
) -> WinogradChoice | None:  # fmt: skip
    """The transform that takes fewer cycles than `direct` ones for an image of the result; None for none. Filters that
    are not `constant` are packed, and transformed, in each call."""
    direct *= images_of(out)
    if direct < LEAST_CYCLES:
        return None
    found = winograd_ways(target, out, channels, columns, taps, constant)
    if not found or found[0].cycles >= 0.95 * direct:
        return None
    best = found[0]
    note = f"{best.stages[1] / best.cycles:.0%} of them products"
    others = [(c.how, c.cycles) for c in found[1:]]
    return best._replace(reason=reason_text(best.how, best.cycles, note, others, [("direct", direct)]))


def images_of(out: tuple[Dim, ...]) -> int:
    """How many images are planned for together: all where their number is known."""
    return max(out[0], 1) if isinstance(out[0], int) else 1


def why_direct(
    target: Target, out: tuple[Dim, ...], channels: int, columns: int, taps: tuple[int, int], direct: float,
    constant: bool = True,
) -> str:  # fmt: skip
    """What `choose_winograd` found against transforms; nothing where no filter of this size has any."""
    if taps not in TRIED or not all(isinstance(d, int) for d in out[1:3]):
        return ""
    if channels < target.lanes:
        return "too few channels for transforms"
    if channels % UNROLL:
        return f"transforms take {UNROLL} channels at a time"
    if direct * images_of(out) < LEAST_CYCLES:
        return "too small for transforms"
    found = winograd_ways(target, out, channels, columns, taps, constant)
    return f"{found[0].how} {cycles_text(found[0].cycles)}" if found else ""


def winograd_ways(
    target: Target,
    out: tuple[Dim, ...],
    channels: int,
    columns: int,
    taps: tuple[int, int],
    constant: bool = True,
) -> list[WinogradChoice]:
    """The best of each transform and way to take tiles and channels, the one with the fewest cycles first."""
    height, width = out[1], out[2]
    if not isinstance(height, int) or not isinstance(width, int) or channels < target.lanes:
        return []
    best: dict[tuple[tuple[int, int], bool, bool], WinogradChoice] = {}
    for m in TRIED.get(taps, ()):
        if error_bound(m, taps, channels) > LAW:
            continue
        plan = _Plan(target, (height, width), channels, columns, m, taps, images_of(out), constant)
        for choice in plan.all():
            way = (m, choice.block > 0, choice.chunk > 0)
            if way not in best or choice.cycles < best[way].cycles:
                best[way] = choice
    return sorted(best.values(), key=lambda c: c.cycles)


class _Plan:
    """Costs of one transform of one convolution."""

    def __init__(
        self, target: Target, image: tuple[int, int], channels: int, columns: int,
        m: tuple[int, int], taps: tuple[int, int], images: int = 1, constant: bool = True,
    ) -> None:  # fmt: skip
        self.target, self.channels, self.columns, self.m, self.taps = target, channels, columns, m, taps
        self.points = (m[0] + taps[0] - 1) * (m[1] + taps[1] - 1)
        self.images, self.constant = images, constant
        self.tiles = -(-image[0] // m[0]) * -(-image[1] // m[1]) * images
        rows, vectors = target.tile(columns, 0)
        self.tile = (rows, min(vectors, PANEL // target.lanes))
        self.wide = self.tile[1] * target.lanes
        self.groups = -(-columns // self.wide)
        self.padded = self.groups * self.wide

    def all(self) -> list[WinogradChoice]:
        """Every way that the caches allow."""
        if self.channels % UNROLL:
            return []
        room = int(0.75 * self.target.l2)
        stored = 4 * self.points * self.channels * self.padded
        out = self._blocks(0, room - min(room // 4, stored))
        if stored > self.target.l2 // 4 or not out:
            # stages pay by reading many weights once; with few, blocks do for images one by one and for many
            out.append(self._choice(0, 0, room))
        for parts in (1, 2, 4, 8, 16):
            chunk = self.channels // parts
            filters = 4 * self.points * chunk * self.wide
            if (
                chunk * parts != self.channels
                or chunk % UNROLL
                or (filters > self.target.l2 // 6 and parts < 16)
            ):
                continue
            out.append(self._choice(0, chunk, room - filters))
            out += self._blocks(chunk, room - filters)
        return out

    def _held(self, tiles: int, chunk: int) -> int:
        """Bytes of windows and products of some tiles that are in use at a time."""
        return 4 * self.points * tiles * (self.channels + (self.wide if chunk else self.padded))

    def _blocks(self, chunk: int, room: int) -> list[WinogradChoice]:
        """Blocks of tiles as large as the cache allows, half as large for more threads, and of one or two of the
        products' tiles of rows, whose windows and products stay near."""
        most = room // self._held(1, chunk)
        if most < 6:
            return []
        # two threads share an image
        blocks = max(-(-self.tiles // most), 2)
        near = [-(-self.tiles // (n * self.tile[0])) for n in (1, 2)]
        counts = {blocks, 2 * blocks, *(n for n in near if n > blocks)}
        return [self._choice(-(-self.tiles // n), chunk, room) for n in sorted(counts)]

    def _products(self, rows: int, chunk: int) -> float:
        """Cycles of all products of some tiles; each part of the channels loads and stores the accumulators. One
        group of columns after the other reads the windows from the second-level cache each time."""
        cut = split_rows(rows, self.tile[0])
        tiles = [(cut.count, cut.rows), (cut.rest_count, cut.rows - 1)]
        parts, slow = (self.channels // chunk, 1.3) if chunk else (1, 1.05)
        columns = split_columns(self.columns, self.wide, self.target.lanes)
        total = 0.0
        for groups, width in ((columns.full, columns.width), (int(columns.tail > 0), columns.tail_width)):
            vectors = width // self.target.lanes
            steps = sum(n * tile_cycles(self.target, h, vectors) for n, h in tiles if n)
            ends = sum(n * (h * vectors * 1.5 + 10) for n, h in tiles)
            total += (steps * self.channels * slow + ends * parts) * groups
        return total * self.points

    def _transforms(self, held: int, room: int) -> tuple[float, float]:
        """Cycles of the transforms of a window, and of the results of a tile, for one vector of channels. Where
        windows and products do not stay near, every number costs its way through the caches."""
        target, points = self.target, self.points
        sides = 1 if 1 in self.taps else 2
        work = points * sides * (1.6 if points > target.registers // 2 else 1)
        away = points * min(8 * held / target.l2, 2.5)
        spilled = points * 1.2 * target.vector_bytes / target.far_bytes_per_cycle * max(held - room, 0) / held
        results = self.m[0] * self.m[1] * 6
        return 1.6 * work + away + spilled, 1.3 * points + results + away + spilled

    def _choice(self, block: int, chunk: int, room: int) -> WinogradChoice:
        """`room` is what windows and products may take of the cache."""
        target = self.target
        blocks = -(-self.tiles // block) if block else 1
        rows = block or self.tiles
        products = blocks * self._products(rows, chunk)
        # stores of transformed filters go through to the second-level cache
        filters = blocks * self.channels * self.padded / target.lanes * self.points * 4 if chunk else 0
        into, back = self._transforms(self._held(rows, chunk), room)
        windows, results = (
            rows * blocks * n / target.lanes for n in (into * self.channels, back * self.padded)
        )
        stored = 4 * (self.taps[0] * self.taps[1] if chunk else self.points) * self.channels * self.padded
        far = stored * (blocks if stored > target.l2 // 2 else 1)
        stream = far / target.far_bytes_per_cycle
        # filters are transformed as they come; what is stored is fetched ahead, if the products before take long
        late = min(0.9, (stream / products) ** 2)
        middle = products + (max(filters, stream) if chunk else late * stream)
        if chunk:  # windows are read again for each group of columns
            held = self._held(rows, chunk)
            moved = 4 * self.points * rows * self.channels * (self.groups + 3) * max(held - room, 0) / held
            middle += moved / target.far_bytes_per_cycle
        if not self.constant:
            middle += self._preparation(chunk)
        name = f"F({self.m[0]}x{self.m[1]}, {self.taps[0]}x{self.taps[1]})"
        stages = (windows, middle, results)
        bound = error_bound(self.m, self.taps, self.channels)
        return WinogradChoice(
            name, self.m, block, chunk, self.tile, sum(stages), "", stages, bound, self.images
        )

    def _preparation(self, chunk: int) -> float:
        """Cycles to pack filters into panels, and to transform them where products want them stored so."""
        numbers = self.channels * self.padded
        taps = self.taps[0] * self.taps[1]
        packed = 8 * taps * numbers / self.target.far_bytes_per_cycle
        if chunk:
            return packed
        moved = 4 * (taps + self.points) * numbers / self.target.far_bytes_per_cycle
        return packed + max(moved, numbers / self.target.lanes * self.points * 4)
