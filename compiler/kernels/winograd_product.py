"""The products in the middle of Winograd's convolutions: rows of transformed windows times transformed filters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from ...runtime.spec import DType
from ..cost.tiles import PANEL, UNROLL, even_rows, split_columns, steps_at_once
from ..ir.core import Value
from ..target import Target
from . import dialect_arith as arith
from . import dialect_memory as mem
from .ahead import Ahead, fetch_next, flat, share_of
from .build import Index
from .dialect_kern import Kernel
from .family import KernelBuilder, zero_row
from .tiles import Depth, accumulate

#: channels of a sum without a pause
LONGEST = 64


def block_size(points: int, width: int) -> int:
    """Elements of four channels' filters. With an odd number of parts, rows that are read one after the other do not
    fall into the same sets of the first-level cache."""
    return (points | 1) * UNROLL * width


def short_sum(count: int) -> int:
    """How many of `count` channels are summed before the sum is added to the others. A sum of short sums rounds less
    than a long one: the error of a product over 256 channels halves with sums of 64. The result waits in memory
    meanwhile, which takes as long as four channels do."""
    fits = [n for n in range(UNROLL, count + 1, UNROLL) if count % n == 0 and n <= LONGEST]
    return fits[-1] if fits and count > LONGEST and fits[-1] >= LONGEST // 2 else count


class Stage(Protocol):
    """What a stage of a convolution knows."""

    b: KernelBuilder
    kernel: Kernel
    target: Target
    dtype: DType


#: reads the weights of a point, a step of the sum as the two indices of `accumulate`: a row of some columns
Weights = Callable[[Index, Sequence[Index]], Value]


class Part(NamedTuple):
    """Windows v[lead…, row, point, channel] and products m[own…, point, row, column]."""

    v: Value
    lead: Sequence[Index]
    m: Value
    own: Sequence[Index]


class Products:
    """Products of `rows` rows at some points with groups of columns."""

    def __init__(self, stage: Stage, rows: int, points: int) -> None:
        self.b, self.dtype = stage.b, stage.dtype
        p: dict[str, Any] = stage.kernel.params
        tile_rows, vectors = p["tile"]
        self.depth, self.total = int(p["channels"]), int(p["columns"])
        self.rows, self.points = rows, points
        self.cut = even_rows(stage.target, rows, tile_rows, vectors)
        self.lanes = stage.target.lanes
        self.width = vectors * stage.target.lanes
        self.columns = split_columns(self.total, self.width, stage.target.lanes)
        self.groups = self.columns.full + (1 if self.columns.tail else 0)

    def each(self, run: Callable[[Index, int], None]) -> None:
        """`run(first column, width)` for all groups."""
        c = self.columns
        with self.b.loop(0, c.full) as g:
            run(self.b.mul(g.iv, c.width), c.width)
        if c.tail:
            run(c.full * c.width, c.tail_width)

    def one_of(self, g: Index, run: Callable[[Index, int], None]) -> None:
        """The same for group `g` alone."""
        b, c = self.b, self.columns
        if not c.tail:
            run(b.mul(g, c.width), c.width)
            return
        if not c.full:
            run(0, c.tail_width)
            return
        last = b(arith.SelectOp, b.compare("eq", g, c.full), b.idx(1), b.idx(0))
        body, tail = b.switch(last, [1])
        with b.filling(body):
            run(b.mul(g, c.width), c.width)
        with b.filling(tail):
            run(c.full * c.width, c.tail_width)

    def scratch(self, u: Value, chunk: int) -> Value:
        """Scratch memory for `chunk` channels' filters as [threads, channel, points, 4, width], where the channel is
        the first of four: stores into many pages at a time would be slow."""
        width, threads = self.width, mem.memref(u).shape[0]
        size = chunk // UNROLL * block_size(self.points, width)
        return self.b.reinterpret(
            u, (threads, chunk, self.points, UNROLL, width),
            (size, block_size(self.points, width) // UNROLL, UNROLL * width, width, 1),
        )  # fmt: skip

    def all_points(
        self,
        part: Part,
        first: Index,
        count: int,
        u: Value,
        filters: Value,
        column: Index,
        width: int,
        more: bool,
    ) -> None:
        """m[p] = v[:, p, first…] · u[p] for all points p, over `count` channels; with `more` added to what m holds.
        Meanwhile the filters [panels, C, taps, 32] are fetched that come next."""
        b, cut = self.b, self.cut
        taps = int(mem.memref(filters).shape[2]) * PANEL  # type: ignore[arg-type]
        following = b.add(b.mul(b.div(column, PANEL), self.depth * taps), b.mul(b.add(first, count), taps))
        tiles = cut.count + cut.rest_count
        source = flat(b, filters)

        def ahead(p: Index, row: Index, height: int) -> Ahead:
            number = b.add(b.mul(p, tiles), b.div(row, cut.rows))
            return share_of(b, source, following, number, self.points * tiles, count * taps, count // UNROLL)

        def right(p: Index, k: Sequence[Index]) -> Value:
            return b.read(u, [*part.own, k[0], p, k[1], 0], (width,), (4,))

        with b.loop(0, self.points) as p:
            self._point(part, p.iv, first, count, right, 0, width, more, ahead)

    def one_point(self, part: Part, p: Index, stored: Value, column: Index, width: int) -> None:
        """m[p, :, column…] = v[:, p] · stored[p], of transformed filters [points, groups, C, width], which lie in the
        order of their use."""
        b = self.b
        group = b.div(column, self.width)
        panel = self.depth * self.width
        following = b.mul(b.add(b.add(b.mul(p, self.groups), group), 1), panel)
        source = flat(b, stored)

        at_once = steps_at_once(self.depth, self.cut.rows * width // self.lanes)

        def ahead(_: Index, row: Index, height: int) -> Ahead:
            return fetch_next(b, source, following, row, height, self.rows, panel, [self.depth], at_once)

        def right(p: Index, k: Sequence[Index]) -> Value:
            return b.read(stored, [p, group, b.add(k[0], k[1]), 0], (width,), (3,))

        self._point(part, p, 0, self.depth, right, column, width, False, ahead, at_once)

    def _point(
        self, part: Part, p: Index, first: Index, count: int, right: Weights, column: Index, width: int, more: bool,
        ahead: Callable[[Index, Index, int], Ahead], at_once: int = UNROLL,
    ) -> None:  # fmt: skip
        b, cut = self.b, self.cut
        v, lead, m, own = part
        at, mine = len(lead), len(own) + 1
        start = zero_row(b, width, self.dtype)
        short = short_sum(count)

        def sums(row: Index, height: int, begin: Index, more: bool, ask: Ahead) -> None:
            acc = accumulate(
                b,
                b.splat(start, (height, width)),
                [Depth(short, at_once)],
                lambda k: b.read(
                    v, [*lead, row, p, b.add(b.add(first, begin), b.add(k[0], k[1]))], (height,), (at,)
                ),
                lambda k: right(p, [b.add(begin, k[0]), k[1]]),
                ask and (lambda k: ask([b.add(begin, k[0])])),
                apart=True,
            )
            if more:
                have = b.read(m, [*own, p, row, column], (height, width), (mine, mine + 1))
                acc = b(arith.FLOAT["addf"], acc, have)
            b.write(acc, m, [*own, p, row, column], (mine, mine + 1))

        def tile(row: Index, height: int) -> None:
            ask = ahead(p, row, height)
            sums(row, height, 0, more, ask)
            if short < count:
                with b.loop(short, count, short) as begin:
                    sums(row, height, begin.iv, True, ask)

        with b.loop(0, cut.count * cut.rows, cut.rows) as row:
            tile(row.iv, cut.rows)
        if cut.rest_count:
            with b.loop(cut.count * cut.rows, self.rows, cut.rows - 1) as row:
                tile(row.iv, cut.rows - 1)
