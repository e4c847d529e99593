"""Convolutions to very few channels: vectors run along the summed numbers instead of along the result's channels.

The numbers under a row of a window are consecutive in memory, as for the direct convolution; with dilated columns those
of a pixel are. A tile is as many pixels of a row as a vector has lanes, each with a vector of sums in a register, so
that a vector of weights is loaded once for all of them. At the end the vectors are added up across lanes, all at a
time, into one vector with a number for each pixel; on that the steps that follow are done.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..cost.dot import dot_lanes
from ..ir.core import Value
from ..ir.dims import ceildiv
from ..ir.types import MemRefType
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_arith as arith
from . import dialect_memory as mem
from .build import Index
from .dialect_kern import Kernel
from .family import KernelBuilder, lowers

#: tiles of a row that are one unit of the parallel range
BLOCK = 16
#: so many vectors of weights may be written out; more are walked by loops
MOST_WRITTEN_OUT = 12
#: vectors of weights in a round of such a loop
UNROLL = 4
#: bytes inside of which shuffles cost least
SECTION = 16


def stretches(x: MemRefType, kernel: int, dilation: int) -> tuple[int, int]:
    """How many stretches of memory lie under a row of a window, and how many numbers each has."""
    channels = int(x.shape[-1])  # type: ignore[arg-type]
    dense = kernel == 1 or (dilation == 1 and x.element_strides[-2] == channels)
    return (1, kernel * channels) if dense else (kernel, channels)


@lowers("conv_dot")
def lower_conv_dot(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, w, extras…, y, symbols…, lo, hi)` with x [N, H, W, C] padded and w [stretches, O, numbers], whose
    numbers may be followed by zeros; a unit is a block of tiles of one row of the result."""
    return _DotLowering(kernel, target).function()


class _DotLowering:
    def __init__(self, kernel: Kernel, target: Target) -> None:
        b = self.b = KernelBuilder(kernel)
        xt, yt = kernel.inputs[0], kernel.outputs[0]
        self.taps, self.strides, self.dilations = (
            kernel.params[p] for p in ("kernel", "strides", "dilations")
        )
        self.dtype, self.lanes = xt.dtype, dot_lanes(target, xt.dtype.size)
        self.across, self.inner = stretches(xt, self.taps[1], self.dilations[1])
        self.w, self.y, self.shape = b.inputs[1], b.outputs[0], yt.shape
        self.columns = int(yt.shape[-1])  # type: ignore[arg-type]
        image, row, pixel, _ = xt.element_strides
        # windows overlap
        self.x = b.reinterpret(
            b.inputs[0],
            (*xt.shape[:2], yt.shape[2], self.across, self.inner),
            (image, row, pixel * self.strides[1], pixel * self.dilations[1], 1),
        )
        self.flat: Value | None = None
        *outer, step, last = yt.element_strides
        if step == self.columns and (last == 1 or self.columns == 1):
            self.flat = b.reinterpret(self.y, (*yt.shape[:2], yt.shape[2] * self.columns), (*outer, 1))
        #: whether operands of the steps that follow can be read as vectors of pixels
        self.even = all(
            t.rank < 2 or t.shape[-2] == 1 or t.element_strides[-2] == 1 for t in kernel.inputs[2:]
        )

    def function(self) -> FuncOp:
        b, width = self.b, self.shape[2]
        blocks = ceildiv(width, BLOCK * self.lanes)
        with b.loop(b.lo, b.hi) as unit:
            *at, block = b.unravel(unit.iv, (*self.shape[:2], blocks))
            if isinstance(width, int):
                tiles = -(-width // self.lanes)
                self._tiles(at, block, tiles, width, -(-width // max(tiles, 1)))
            else:
                total = b.dim(width)
                with b.when(b.compare("sge", total, self.lanes)):
                    tiles = b.div(b.add(total, self.lanes - 1), self.lanes)
                    self._tiles(at, block, tiles, total, self.lanes)
                with b.when(b.compare("slt", total, self.lanes)), b.loop(0, total) as x:
                    self._tile(at, x.iv, 1)
        return b.finish()

    def _tiles(self, at: list[Index], block: Index, tiles: Index, width: Index, pixels: int) -> None:
        """A block of tiles of equal size; the last one of a row may compute pixels again."""
        b = self.b
        first = b.mul(block, BLOCK)
        with b.loop(first, b.min(b.add(first, BLOCK), tiles)) as tile:
            x = b.mul(tile.iv, pixels)
            fits = isinstance(width, int) and width % max(pixels, 1) == 0
            self._tile(at, x if fits else b.min(x, b.sub(width, pixels)), pixels)

    def _tile(self, at: list[Index], x: Index, pixels: int) -> None:
        b = self.b
        done: list[Value] = []
        for column in range(self.columns):
            value = self._across(self._sums(at, x, pixels, column), pixels)
            if not self.even:
                value = self._first(value, pixels)
            shape = mem.vector(value).shape
            where = [*at, x, column]
            done.append(b.apply(2, value, where, shape, (2,), shape[0] == pixels))
        self._write(done, at, x, pixels)

    # the sums

    def _sums(self, at: list[Index], x: Index, pixels: int, column: int) -> Value:
        """For each pixel the sums of every `lanes`-th product of its window."""
        b, lanes = self.b, self.lanes
        image, row = at
        top = b.mul(row, self.strides[0])
        have = int(mem.memref(self.w).shape[-1])  # type: ignore[arg-type]
        whole = self.inner // lanes * lanes
        start = b.splat(b.number(0.0, self.dtype), (pixels, lanes))

        def step(i: Index, j: Index, k: Index, acc: Value, first: int = 0) -> Value:
            """One vector of numbers; `first` is the least that `k` can be."""
            place = [image, b.add(top, b.mul(i, self.dilations[0])), x, j, k]
            numbers = b.read(self.x, place, (pixels, lanes), (2, 4), first + lanes <= self.inner)
            line = b.add(b.mul(i, self.across), j)
            weights = b.read(self.w, [line, column, k], (lanes,), (2,), first + lanes <= have)
            return b(arith.Fma, numbers, b.splat(weights, (pixels, lanes)), acc)

        def stretch(i: Index, j: Index, acc: Value) -> Value:
            done, each = 0, UNROLL * lanes
            if whole > 2 * each:
                done = whole // each * each
                with b.loop(0, done, each, [acc]) as loop:
                    value = loop.carried[0]
                    for u in range(UNROLL):
                        value = step(i, j, b.add(loop.iv, u * lanes), value)
                    loop.yielded = (value,)
                acc = loop.results[0]
            for k in range(done, self.inner, lanes):
                acc = step(i, j, k, acc, k)
            return acc

        if self.taps[0] * self.across * -(-self.inner // lanes) <= MOST_WRITTEN_OUT:
            for i in range(self.taps[0]):
                for j in range(self.across):
                    start = stretch(i, j, start)
            return start
        with b.loop(0, self.taps[0], 1, [start]) as rows:
            if self.across == 1:
                rows.yielded = (stretch(rows.iv, 0, rows.carried[0]),)
            else:
                with b.loop(0, self.across, 1, [rows.carried[0]]) as line:
                    line.yielded = (stretch(rows.iv, line.iv, line.carried[0]),)
                rows.yielded = line.results
        return rows.results[0]

    def _across(self, tile: Value, pixels: int) -> Value:
        """The sum of each row of a tile, as a vector. A round adds neighbours, of two rows at a time: first lanes
        inside of sections, which stay in their places, then whole sections."""
        b, lanes = self.b, self.lanes
        rows = [b(mem.VectorExtract, tile, position=(i,)) for i in range(pixels)]
        rows += rows[:1] * (lanes - pixels)
        section = SECTION // self.dtype.size
        for size, group in ((1, section), (section, lanes // section)):
            for _ in range(group.bit_length() - 1):
                rows = [
                    self._neighbours(x, y, size, group) for x, y in zip(rows[::2], rows[1::2], strict=True)
                ]
        return rows[0]

    def _neighbours(self, x: Value, y: Value, size: int, group: int) -> Value:
        """Pieces of `size` lanes added to their neighbours, in groups of so many: the first half of each group of the
        result is of x, the second of y."""
        b, lanes = self.b, self.lanes
        masks: list[list[int]] = [[], []]
        for start in range(0, lanes, size * group):
            for source in (0, lanes):
                for piece in range(0, group, 2):
                    for odd, mask in enumerate(masks):
                        first = source + start + (piece + odd) * size
                        mask += range(first, first + size)
        low, high = (self._shuffle(x, y, m) for m in masks)
        return b(arith.FLOAT["addf"], low, high)

    def _shuffle(self, x: Value, y: Value, mask: Sequence[int]) -> Value:
        return self.b(mem.Shuffle, x, y, mask=tuple(mask))

    def _first(self, x: Value, count: int) -> Value:
        return x if mem.vector(x).shape == (count,) else self._shuffle(x, x, range(count))

    # the result

    def _write(self, done: list[Value], at: list[Index], x: Index, pixels: int) -> None:
        b, columns = self.b, self.columns
        if self.flat is None:
            for column, line in enumerate(done):
                for i in range(pixels):
                    one = b(mem.VectorExtract, line, position=(i,))
                    b.store(one, self.y, *at, b.add(x, i), column)
            return
        total = pixels * columns
        n = mem.vector(done[0]).shape[0]
        for first in range(0, total, n):
            places = [divmod(min(first + i, total - 1), columns) for i in range(n)]
            line = self._first(self._woven(done, places), min(n, total - first))
            b.write(line, self.flat, [*at, b.add(b.mul(x, columns), first)], (2,))

    def _woven(self, lines: list[Value], places: list[tuple[int, int]]) -> Value:
        """A vector of numbers (pixel, column) of several vectors of pixels, each of a column."""
        if len(lines) == 1:
            return lines[0]
        n = len(places)
        line = self._shuffle(lines[0], lines[1], [p + n * (c == 1) if c < 2 else 0 for p, c in places])
        for which in range(2, len(lines)):
            mask = [n + p if c == which else k for k, (p, c) in enumerate(places)]
            line = self._shuffle(line, lines[which], mask)
        return line
