"""Direct convolution: the outer-product microkernel over output pixels and output channels.

Input [n, H, W, C] already padded, weights packed [panels, KH, KW * C, 32]. For undilated columns the KW * C
numbers under a window row are consecutive in memory, so they are one summed dimension. A tile is `ty` rows
of `tx` pixels; the weight panel is the outer loop, pixels the inner ones, so that a panel stays in cache.
Volumes [n, D, H, W, C] have one more summed loop, over a window's planes; their weights are packed
[panels, KD * KH, KW * C, 32].
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..cost.tiles import PANEL, UNROLL, RowTiles, split_columns, split_rows
from ..ir.core import Value
from ..ir.dims import Dim, product
from ..ir.types import MemRefType
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_memory as mem
from .ahead import LINE, fetch_next, flat
from .build import Index
from .dialect_arith import SelectOp
from .dialect_kern import Kernel
from .family import KernelBuilder, leading_bias, lowers, packed_row, zero_row
from .pool import largest, lowest_row
from .tiles import Depth, accumulate


class Shape(NamedTuple):
    """Static facts of one direct convolution, from the kernel's types and literals."""

    x: MemRefType
    y: MemRefType
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    #: the window of a maximum over results, of which tiles consist
    pool: tuple[int, int]

    @property
    def height(self) -> Dim:
        """Rows of results, before a maximum."""
        return self.y.shape[-3] * self.pool[0]

    @property
    def width(self) -> Dim:
        return self.y.shape[-2] * self.pool[1]

    @property
    def channels(self) -> int:
        return int(self.x.shape[-1])  # type: ignore[arg-type]

    @property
    def columns(self) -> int:
        return int(self.y.shape[-1])  # type: ignore[arg-type]

    @property
    def outer(self) -> tuple[Dim, ...]:
        """The images, and in volumes their planes."""
        return self.y.shape[:-3]


def shape_of(kernel: Kernel) -> Shape:
    p = kernel.params
    return Shape(
        kernel.inputs[0], kernel.outputs[0], tuple(p["kernel"]), tuple(p["strides"]), tuple(p["dilations"]),
        tuple(p.get("pool", (1, 1))),
    )  # fmt: skip


@lowers("conv2d")
def lower_conv(kernel: Kernel, target: Target) -> FuncOp:
    """The function `(x, w, extras…, y, symbols…, lo, hi)`; its parallel range is images x row blocks, or
    panels."""
    return _ConvLowering(kernel, target).function()


class _ConvLowering:
    def __init__(self, kernel: Kernel, target: Target) -> None:
        self.kernel, self.target = kernel, target
        self.s = shape_of(kernel)
        self.b = KernelBuilder(kernel)
        p: dict[str, Any] = kernel.params
        self.tile_rows, vectors = p["tile"]
        self.by_panels = p["split"] == "panels"
        self.columns = split_columns(self.s.columns, vectors * target.lanes, target.lanes)
        self.ty = p["rows_per_tile"]
        self.chunk = p["chunk"]
        self.dtype = self.s.x.dtype
        self.packed = bool(p["packed"])
        if not self.packed:
            w = kernel.inputs[1]
            rows, step = product(w.shape[:-3]), w.element_strides
            self.weights = self.b.reinterpret(
                self.b.inputs[1], (rows, w.shape[-3] * w.shape[-2], w.shape[-1]), (step[-4], step[-2], 1)
            )
        else:
            self.flat = flat(self.b, self.b.inputs[1])
        self.x = self._windows()
        self.y = self.b.outputs[0]
        self.bias = leading_bias(kernel, 2)

    def _windows(self) -> Value:
        """x as [n, (plane,) input row, row of the tile, output column, kernel column, numbers under a window
        row]; the windows overlap."""
        s, b = self.s, self.b
        *outer, row, pixel, _ = s.x.element_strides
        kw, step, dil = s.kernel[-1], s.strides[-1], s.dilations[-1]
        dense = kw == 1 or (dil == 1 and pixel == s.channels)
        inner = kw * s.channels if dense else s.channels
        self.kw_loops = 1 if dense else kw
        return b.reinterpret(
            b.inputs[0],
            (*s.x.shape[:-2], self.ty, s.width, self.kw_loops, inner),
            (*outer, row, row * s.strides[-2], pixel * step, pixel * dil, 1),
        )

    def function(self) -> FuncOp:
        b, s = self.b, self.s
        blocks = b.div(b.add(b.dim(s.height), self.ty - 1), self.ty)
        if self.by_panels:
            units = b.mul(b.dim(product(s.outer)), blocks)
            self._column_range(b.lo, b.hi, lambda column, width: self._units(0, units, blocks, column, width))
        else:
            with b.loop(b.lo, b.hi, self.chunk) as chunk:
                end = b.min(b.add(chunk.iv, self.chunk), b.hi)
                self._column_range(
                    0,
                    self.columns.full + (1 if self.columns.tail else 0),
                    lambda column, width: self._units(chunk.iv, end, blocks, column, width),
                )
        return b.finish()

    def _column_range(self, lo: Index, hi: Index, run: Callable[[Index, int], None]) -> None:
        """`run(first column, width)` for groups lo..hi; the last group may be narrower."""
        b, c = self.b, self.columns
        with b.loop(lo, b.min(hi, c.full)) as group:
            run(b.mul(group.iv, c.width), c.width)
        if c.tail:
            last = c.full * c.width
            if isinstance(hi, int):
                run(last, c.tail_width)
            else:
                with b.when(b.compare("sgt", hi, c.full)):
                    run(last, c.tail_width)

    def _units(self, lo: Index, hi: Index, blocks: Index, column: Index, width: int) -> None:
        b = self.b
        inside = not isinstance(column, int) or column + width <= self.s.columns
        start = self._initial(column, width, inside)
        self.first_unit = lo
        with b.loop(lo, hi) as unit:
            self.unit = unit.iv
            image, block = b.div(unit.iv, blocks), b.rem(unit.iv, blocks)
            lead = b.unravel(image, self.s.outer)
            self._block(lead, b.mul(block, self.ty), column, width, inside, start)

    def _initial(self, column: Index, width: int, inside: bool) -> Value:
        """The row that accumulators start from: the bias, or zeros."""
        b = self.b
        if self.bias is None:
            return zero_row(b, width, self.dtype)
        bias = b.inputs[2]
        rank = mem.memref(bias).rank
        return b.read(bias, [*[0] * (rank - 1), column], (width,), (rank - 1,), inside)

    def _block(
        self, lead: list[Index], row: Index, column: Index, width: int, inside: bool, start: Value
    ) -> None:
        """All tiles of one block of `ty` output rows; the last block may have fewer."""
        b, height = self.b, self.s.height
        rest = height % self.ty if isinstance(height, int) else 0
        if self.ty == 1 or rest == 0:
            self._row_tiles(lead, row, self.ty, column, width, inside, start)
            return
        whole = b.compare("sle", b.add(row, self.ty), b.dim(height))
        blocks = b.switch(b(SelectOp, whole, b.idx(1), b.idx(0)), [1])
        for rows, block in ((rest, blocks[0]), (self.ty, blocks[1])):
            with b.filling(block):
                self._row_tiles(lead, row, rows, column, width, inside, start)

    def _row_tiles(
        self, lead: list[Index], row: Index, rows: int, column: Index, width: int, inside: bool, start: Value
    ) -> None:
        b, total, step = self.b, self.s.width, self.s.pool[1]

        def tile(x: Index, pixels: int) -> None:
            self._tile(lead, row, x, rows, pixels, column, width, inside, start)

        if not isinstance(total, int):
            self._dynamic_row(b.dim(total), tile)
            return
        cut: RowTiles = split_rows(total // step, max(self.tile_rows // rows // step, 1))
        pixels = cut.rows * step
        with b.loop(0, cut.count * pixels, pixels) as x:
            tile(x.iv, pixels)
        if cut.rest_count:
            with b.loop(cut.count * pixels, total, pixels - step) as x:
                tile(x.iv, pixels - step)

    def _dynamic_row(self, total: Index, tile: Callable[[Index, int], None]) -> None:
        """A row of unknown length: full tiles, then one of what is left."""
        b, most = self.b, self.tile_rows
        whole = b.mul(b.div(total, most), most)
        with b.loop(0, whole, most) as x:
            tile(x.iv, most)
        blocks = b.switch(b.sub(total, whole), range(1, most))
        for pixels, block in enumerate(blocks):
            if pixels:
                with b.filling(block):
                    tile(whole, pixels)

    def _tile(
        self, lead: list[Index], row: Index, x: Index, rows: int, pixels: int, column: Index, width: int,
        inside: bool, start: Value,
    ) -> None:  # fmt: skip
        b, s = self.b, self.s
        acc = b.splat(start, (rows * pixels, width))
        first = len(lead)
        top = b.mul(row, s.strides[-2])
        planes = [b.mul(at, step) for at, step in zip(lead[1:], s.strides, strict=False)]

        def left(k: Sequence[Index]) -> Value:
            *deep, kh, kw, c = k
            at = [
                *lead[:1],
                *(b.add(p, b.mul(i, d)) for p, i, d in zip(planes, deep, s.dilations, strict=False)),
            ]
            at += [b.add(top, b.mul(kh, s.dilations[-2])), 0, x, kw, c]
            if rows == 1:
                return b.read(self.x, at, (pixels,), (first + 2,))
            tile = b.read(self.x, at, (rows, pixels), (first + 1, first + 2))
            return b.shape_cast(tile, (rows * pixels,))

        def right(k: Sequence[Index]) -> Value:
            *deep, kh, kw, c = k
            inner = c if self.kw_loops == 1 else b.add(b.mul(kw, s.channels), c)
            for i in deep:
                kh = b.add(b.mul(i, s.kernel[-2]), kh)
            if not self.packed:
                return b.read(self.weights, [kh, inner, column], (width,), (2,), inside)
            return packed_row(b, b.inputs[1], [kh], inner, column, width)

        count = s.kernel[-1] * s.channels if self.kw_loops == 1 else s.channels
        depths = [*(Depth(k) for k in s.kernel[:-1]), Depth(self.kw_loops), Depth(count, UNROLL)]
        self._fetch_ends(lead, row, x, rows, pixels, column, width)
        acc = accumulate(b, acc, depths, left, right, self._ahead(x, rows, pixels, column, width, depths))
        where = [*lead, row, x, column]
        if rows == 1:
            shape, axes = (pixels, width), (first + 1, first + 2)
        else:
            shape, axes = (rows, pixels, width), (first, first + 1, first + 2)
        acc = b.shape_cast(acc, shape)
        done = b.apply(2, acc, where, shape, axes, inside, self.bias)
        if s.pool == (1, 1):
            b.write(done, self.y, where, axes, inside)
        else:
            self._write_pooled(b.shape_cast(done, (rows * pixels, width)), where, (rows, pixels), inside)

    def _write_pooled(self, done: Value, where: list[Index], size: tuple[int, int], inside: bool) -> None:
        """The maxima of a tile's windows, of rows and pixels that follow each other in `done`."""
        b, (tall, wide) = self.b, self.s.pool
        (rows, pixels), width = size, mem.vector(done).shape[-1]
        *lead, row, x, column = where
        row, x = b.div(row, tall), b.div(x, wide)
        start = lowest_row(b, self.dtype, width)
        for i, j in itertools.product(range(rows // tall), range(pixels // wide)):
            window = [
                b(mem.VectorExtract, done, position=((i * tall + p) * pixels + j * wide + q,))
                for p, q in itertools.product(range(tall), range(wide))
            ]
            at = [*lead, b.add(row, i), b.add(x, j), column]
            b.write(largest(b, window, start), self.y, at, (len(at) - 1,), inside)

    def _fetch_ends(
        self, lead: list[Index], row: Index, x: Index, rows: int, pixels: int, column: Index, width: int
    ) -> None:
        """Asks for what the end of a tile reads and writes, when its sums begin: with results larger than the cache
        those lines are far away."""
        b, s, shape = self.b, self.s, mem.memref(self.y).shape
        image = [d for d in shape[-3:] if isinstance(d, int)]
        if len(image) < 3 or 4 * math.prod(image) < self.target.l2 // 2:
            return
        whole = (*shape[:-3], s.height, s.width, shape[-1])
        buffers = [(self.y, True, s.pool)]
        buffers += [(v, False, (1, 1)) for v in b.inputs[2:] if mem.memref(v).shape == whole]
        for v, write, (tall, wide) in buffers:
            top, left = b.div(row, tall), b.div(x, wide)
            for i in range(rows // tall):
                for j in range(pixels // wide):
                    for c in range(0, width, LINE):
                        b.prefetch(
                            v, *lead, b.add(top, i), b.add(left, j), b.add(column, c), write=write, locality=3
                        )

    def _ahead(
        self, x: Index, rows: int, pixels: int, column: Index, width: int, depths: Sequence[Depth]
    ) -> Callable[[Sequence[Index]], None] | None:
        """What a tile does for the panels that come next. Units of a row each are counted from the first one."""
        s, b, total, height = self.s, self.b, self.s.width, self.s.height
        if not self.packed or not isinstance(total, int) or not isinstance(height, int) or width < PANEL:
            return None
        wide = width // PANEL
        panel = PANEL * math.prod(s.kernel) * s.channels
        units = -(-height // self.ty)
        all_rows = min(self.chunk, units) if not self.by_panels else units
        row = b.add(b.mul(b.sub(self.unit, self.first_unit), total), x)
        first = b.mul(b.add(b.div(column, PANEL), wide), panel)
        counts = [d.count for d in depths]
        return fetch_next(b, self.flat, first, row, pixels, all_rows * total, panel * wide, counts)
