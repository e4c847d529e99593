"""Convolutions of stride 1 by Winograd's transforms: windows of the image and the filter become matrices of as many
numbers each, whose products are transformed back.

`winograd_input` makes the windows V [images, tiles, points, C] of a whole image. `winograd` goes on from there, or
makes the windows of a block of tiles itself, so that they stay in the second-level cache. It takes one group of
columns after the other: transforms their filters, which are stored as they are, for they come from memory that is
far away and would be up to four times as large; multiplies; transforms back, and finishes with the kernel's body.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...runtime.spec import DType
from ..cost.tiles import PANEL, UNROLL
from ..ir.core import Value
from ..ir.dims import Dim, product
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_memory as mem
from .build import Index
from .dialect_kern import Kernel, as_dims
from .family import KernelBuilder, lowers
from .pool import largest, lowest_row
from .winograd_product import Part, Products
from .winograd_transforms import Combiner, factors


class _Winograd:
    """What the stages share. Tiles are counted over all images, row by row."""

    def __init__(self, kernel: Kernel, target: Target) -> None:
        self.b = KernelBuilder(kernel)
        self.kernel, self.target, self.lanes = kernel, target, target.lanes
        p = kernel.params
        self.rows, self.columns = (factors(m, r) for m, r in zip(p["m"], p["r"], strict=True))
        self.size = (self.rows.size, self.columns.size)
        self.points = self.size[0] * self.size[1]
        self.dtype: DType = kernel.inputs[0].dtype
        self.grid = as_dims(p["grid"])  # images, rows and columns of tiles
        #: the window of a maximum over results, by which both sides of a tile can be divided
        self.pool: tuple[int, int] = tuple(p.get("pool", (1, 1)))
        #: tiles whose products are made together: those of an image, or of all
        together = bool(p.get("together"))
        self.tiles = int(product(self.grid if together else self.grid[1:]))  # type: ignore[arg-type]
        self.images: Dim = 1 if together else self.grid[0]
        self.combiner = Combiner(self.b, self.dtype, self.lanes)

    def position(self, tile: Index) -> tuple[Index, Index, Index]:
        """Image, first output row and first output column of a tile."""
        image, row, column = self.b.unravel(tile, self.grid)
        return image, self.b.mul(row, self.rows.m), self.b.mul(column, self.columns.m)

    def input_tile(self, x: Value, tile: Index, v: Value, lead: Sequence[Index], row: Index) -> None:
        """One window of x, all channels, into a row of v [lead…, rows, points, C]: what is stored together lies
        in few pages."""
        b = self.b
        image, top, left = self.position(tile)
        channels = mem.memref(x).shape[3]
        whole = isinstance(channels, int) and channels % self.lanes == 0
        with b.loop(0, b.dim(channels), self.lanes) as c:
            window = [
                [
                    b.read(x, [image, b.add(top, i), b.add(left, j), c.iv], (self.lanes,), (3,), whole)
                    for j in range(self.size[1])
                ]
                for i in range(self.size[0])
            ]
            made = self.combiner.both_sides(self.rows.input, window, self.columns.input)
            for p, value in enumerate(x for row in made for x in row):
                b.write(value, v, [*lead, row, p, c.iv], (len(lead) + 2,))

    def output_tile(
        self, m: Value, lead: Sequence[Index], row: Index, tile: Index, y: Value, first_extra: int,
        first: Index, count: int,
    ) -> None:  # fmt: skip
        """A row of m [lead…, points, rows, count] into `count` channels of the image from `first` on, finished by
        the body and pooled, cut at the image's edges."""
        b, (tall, wide) = self.b, self.pool
        image, *corner = b.unravel(tile, self.grid)
        high, broad = self.rows.m // tall, self.columns.m // wide  # of a tile in y
        top, left = b.mul(corner[0], high), b.mul(corner[1], broad)
        _, height, width, columns = mem.memref(y).shape
        whole = isinstance(columns, int) and columns % self.lanes == 0
        with b.loop(0, count, self.lanes) as c:
            rows = [
                [
                    b.read(m, [*lead, i * self.size[1] + j, row, c.iv], (self.lanes,), (len(lead) + 2,))
                    for j in range(self.size[1])
                ]
                for i in range(self.size[0])
            ]
            results = self.combiner.both_sides(self.rows.output, rows, self.columns.output)
            channel = b.add(first, c.iv)

            def finished(row: Index, column: Index, value: Value) -> Value:
                return b.apply(first_extra, value, [image, row, column, channel], (self.lanes,), (3,), whole)

            for i, j in ((i, j) for i in range(high) for j in range(broad)):
                where = [image, b.add(top, i), b.add(left, j), channel]

                def store(i: int = i, j: int = j, where: list[Index] = where) -> None:
                    done = [
                        finished(b.add(b.mul(where[1], tall), p), b.add(b.mul(where[2], wide), q),
                                 results[i * tall + p][j * wide + q])
                        for p in range(tall)
                        for q in range(wide)
                    ]  # fmt: skip
                    b.write(self._pooled(done), y, where, (3,), whole)

                self._inside(where[1], height if _ragged(height, high) and i else None,
                             where[2], width if _ragged(width, broad) and j else None, store)  # fmt: skip

    def _pooled(self, values: list[Value]) -> Value:
        if len(values) == 1:
            return values[0]
        return largest(self.b, values, lowest_row(self.b, self.dtype, self.lanes))

    def _inside(
        self, row: Index, height: object, column: Index, width: object, run: Callable[[], None]
    ) -> None:
        b = self.b
        checks = [(at, d) for at, d in ((row, height), (column, width)) if d is not None]

        def nest(k: int) -> None:
            if k == len(checks):
                run()
                return
            at, d = checks[k]
            with b.when(b.compare("slt", at, b.dim(d))):  # type: ignore[arg-type]
                nest(k + 1)

        nest(0)

    def weights(
        self, w: Value, first: Index, count: int, column: Index, width: int, u: Value, lead: Sequence[Index]
    ) -> None:
        """The filters of `count` channels from `first` on, of a group of columns, from w [panels, C, taps, 32] into
        u: four channels at each point, then the next four (`Products.scratch`)."""
        b = self.b
        with b.loop(0, count, UNROLL) as block, b.loop(0, UNROLL) as c:
            channel = b.add(first, b.add(block.iv, c.iv))
            self.filter(
                w, channel, column, width,
                lambda p, part, value: b.write(value, u, [*lead, block.iv, p, c.iv, part], (len(lead) + 3,)),
            )  # fmt: skip

    def filter(
        self, w: Value, channel: Index, column: Index, width: int, put: Callable[[int, Index, Value], None]
    ) -> None:
        """The filters of a channel and `width` columns transformed: `put(point, first of them, vector)`."""
        b, taps = self.b, self.columns.r
        panel, offset = b.div(column, PANEL), b.rem(column, PANEL)
        with b.loop(0, width, self.lanes) as part:
            at = b.add(offset, part.iv)
            filters = [
                [b.read(w, [panel, channel, i * taps + j, at], (self.lanes,), (3,)) for j in range(taps)]
                for i in range(self.rows.r)
            ]
            made = self.combiner.both_sides(self.rows.weights, filters, self.columns.weights)
            for p, value in enumerate(x for row in made for x in row):
                put(p, part.iv, value)


def _ragged(size: object, step: int) -> bool:
    return not isinstance(size, int) or size % step != 0


@lowers("winograd_input")
def lower_input(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, v, symbols…, lo, hi)` with v [images, tiles, points, C]; a tile is a unit."""
    w = _Winograd(kernel, target)
    with w.b.loop(w.b.lo, w.b.hi) as tile:
        image, row = w.b.unravel(tile.iv, (w.images, w.tiles))
        w.input_tile(w.b.inputs[0], tile.iv, w.b.outputs[0], [image], row)
    return w.b.finish()


@lowers("winograd_output")
def lower_output(kernel: Kernel, target: Target) -> FuncOp:
    """`(m, extras…, y, symbols…, lo, hi)` with m [images, points, tiles, K]; a tile is a unit."""
    w = _Winograd(kernel, target)
    columns = int(kernel.params["columns"])
    with w.b.loop(w.b.lo, w.b.hi) as tile:
        image, row = w.b.unravel(tile.iv, (w.images, w.tiles))
        w.output_tile(w.b.inputs[0], [image], row, tile.iv, w.b.outputs[0], 1, 0, columns)
    return w.b.finish()


@lowers("winograd_filter")
def lower_filter(kernel: Kernel, target: Target) -> FuncOp:
    """`(filters, stored, symbols…, lo, hi)`: filters [panels, C, taps, 32] transformed, as [points, groups, C, width];
    a unit is a channel of a group."""
    w = _Winograd(kernel, target)
    b, (filters,), (stored,) = w.b, w.b.inputs, w.b.outputs
    _, groups, channels, width = mem.memref(stored).shape
    with b.loop(b.lo, b.hi) as unit:
        group, channel = b.unravel(unit.iv, (groups, channels))
        w.filter(filters, channel, b.mul(group, int(width)), int(width),  # type: ignore[arg-type]
                 lambda p, part, value: b.write(value, stored, [p, group, channel, part], (3,)))  # fmt: skip
    return b.finish()


@lowers("winograd_product")
def lower_product(kernel: Kernel, target: Target) -> FuncOp:
    """`(v, stored, m, symbols…, lo, hi)`: m[:, p] = v[:, :, p] · stored[p]; a unit is a group of columns of a p."""
    w = _Winograd(kernel, target)
    b, (v, stored) = w.b, w.b.inputs
    products = Products(w, w.tiles, w.points)
    with b.loop(b.lo, b.hi) as unit:
        p, g = b.div(unit.iv, products.groups), b.rem(unit.iv, products.groups)

        def group(column: Index, width: int) -> None:
            with b.loop(0, b.dim(w.images)) as image:
                part = Part(v, [image.iv], b.outputs[0], [image.iv])
                products.one_point(part, p, stored, column, width)

        products.one_of(g, group)
    return b.finish()


@lowers("winograd_blocks")
def lower_blocks(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, stored, extras…, y, scratch m, scratch v, symbols…, slot, lo, hi)`: all stages for a block of tiles, which
    is a unit, with transformed filters [points, groups, C, width]."""
    w = _Winograd(kernel, target)
    b, block = w.b, int(kernel.params["block"])
    x, stored = b.inputs[:2]
    y, m, v = b.outputs
    own = [] if b.slot is None else [b.slot]
    products = Products(w, block, w.points)
    with b.loop(b.lo, b.hi) as unit:
        first = b.mul(unit.iv, block)
        count = b.min(block, b.sub(b.dim(product(w.grid)), first))
        with b.loop(0, count) as row:
            w.input_tile(x, b.add(first, row.iv), v, own, row.iv)
        part = Part(v, own, m, own)
        with b.loop(0, w.points) as p:
            products.each(lambda column, width: products.one_point(part, p.iv, stored, column, width))
        with b.loop(0, count) as row:
            w.output_tile(m, own, row.iv, b.add(first, row.iv), y, 2, 0, products.total)
    return b.finish()


@lowers("winograd")
def lower_winograd(kernel: Kernel, target: Target) -> FuncOp:
    """`(x or v, filters, extras…, y, scratch m, scratch u, scratch v?, symbols…, slot, lo, hi)`: one group of columns
    after the other, whose filters are transformed first. A unit is a block of tiles, or with params["block"] 0 a
    group of columns for all tiles."""
    return _Groups(_Winograd(kernel, target)).function()


class _Groups:
    """The kernel `winograd`."""

    def __init__(self, stage: _Winograd) -> None:
        self.w, b = stage, stage.b
        p = stage.kernel.params
        self.block, self.chunk = int(p["block"]), int(p["chunk"])
        self.filters = b.inputs[1]
        self.y, self.m, u, *v = b.outputs
        self.own = [] if b.slot is None else [b.slot]
        self.products = Products(stage, self.block or stage.tiles, stage.points)
        self.u = self.products.scratch(u, self.chunk)
        self.v = v[0] if v else b.inputs[0]

    def function(self) -> FuncOp:
        w, b = self.w, self.w.b
        with b.loop(b.lo, b.hi) as unit:
            if self.block:
                self._tiles(unit.iv)
            else:
                self.products.one_of(unit.iv, self._columns)
        return w.b.finish()

    def _tiles(self, unit: Index) -> None:
        w, b = self.w, self.w.b
        first = b.mul(unit, self.block)
        count = b.min(self.block, b.sub(b.dim(product(w.grid)), first))
        with b.loop(0, count) as row:
            w.input_tile(b.inputs[0], b.add(first, row.iv), self.v, self.own, row.iv)
        self.products.each(lambda column, width: self._group(column, width, self.own, first, count))

    def _columns(self, column: Index, width: int) -> None:
        w, b = self.w, self.w.b
        once = self.chunk == self.products.depth
        if once:
            self._filters(0, column, width)
        with b.loop(0, b.dim(w.images)) as image:
            self._group(column, width, [image.iv], b.mul(image.iv, w.tiles), w.tiles, ready=once)

    def _filters(self, first: Index, column: Index, width: int) -> None:
        self.w.weights(self.filters, first, self.chunk, column, width, self.u, self.own)

    def _group(
        self,
        column: Index,
        width: int,
        lead: Sequence[Index],
        first: Index,
        count: Index,
        ready: bool = False,
    ) -> None:
        """A group of columns of `count` tiles from `first` on, whose windows are v[lead…]."""
        w, b, p, step = self.w, self.w.b, self.products, self.chunk
        part = Part(self.v, lead, self.m, self.own)
        if not ready:
            self._filters(0, column, width)
        p.all_points(part, 0, step, self.u, self.filters, column, width, False)
        if step < p.depth:
            with b.loop(step, p.depth, step) as c:
                self._filters(c.iv, column, width)
                p.all_points(part, c.iv, step, self.u, self.filters, column, width, True)
        real = min(width, p.total - column) if isinstance(column, int) else width
        with b.loop(0, count) as row:
            w.output_tile(self.m, self.own, row.iv, b.add(first, row.iv), self.y, 2, column, real)
