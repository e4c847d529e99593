"""The gradient of a convolution by its filter: outer products of the window's numbers and the channels of dy, summed
over pixels.

A tile of accumulators has some numbers of a window (those of a row of it lie together) as rows and channels of dy as
columns; the pixels of a block are its summed dimension. A block's part of dy stays in the first-level cache for all
tiles of the window: where its channels are not alone, it is copied together first. What a block gives is added to the
sums so far, so that long sums are sums of short ones. The parallel range is parts of the blocks by ranges of groups of
columns, whose sums fit the second-level cache. A part has a result of its own, and the parts are added in their order
afterwards. Tiles ask for the pixels of the block that comes next, which lie far away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ..cost.tiles import UNROLL, split_columns, split_rows
from ..ir.core import Value
from ..ir.dims import product
from ..ir.types import MemRefType
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_arith as arith
from . import dialect_memory as mem
from .ahead import LINE, Ahead, flat
from .build import Index
from .dialect_kern import Kernel
from .family import KernelBuilder, lowers, zero_row
from .tiles import Depth, accumulate

#: what reads an operand at a step of the sum
Operand = Callable[[Sequence[Index]], Value]


def lies_together(x: MemRefType, kernel: tuple[int, ...], dilations: tuple[int, ...]) -> bool:
    """Whether the numbers under a row of the window follow each other in an image."""
    return kernel[-1] == 1 or (dilations[-1] == 1 and x.element_strides[-2] == x.shape[-1])


@lowers("conv_filter")
def lower_conv_filter(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, dy, sums, copied?, symbols…, slot?, lo, hi)` with x [images, size…, C], dy [images, out…, O], the partial
    sums [parts, K…, C, O] and, with params["slot"], memory [threads, block of dy]."""
    return _FilterGradient(kernel, target).function()


class _FilterGradient:
    def __init__(self, kernel: Kernel, target: Target) -> None:
        b = self.b = KernelBuilder(kernel)
        p = kernel.params
        self.kernel: tuple[int, ...] = p["kernel"]
        self.strides: tuple[int, ...] = p["strides"]
        self.dilations: tuple[int, ...] = p["dilations"]
        self.taps, self.rows, vectors = p["tile"]
        self.images, self.image_rows = p["block"]
        self.together = int(p["groups"])
        self.image, out = kernel.inputs
        self.dtype, self.out = out.dtype, out.shape
        self.spatial = len(self.kernel)
        self.height, self.width, self.total = (int(d) for d in out.shape[-3:])  # type: ignore[arg-type]
        self.channels = int(self.image.shape[-1])  # type: ignore[arg-type]
        self.parts = int(kernel.outputs[0].shape[0])  # type: ignore[arg-type]
        self.columns = split_columns(self.total, vectors * target.lanes, target.lanes)
        self.lead = out.shape[:-3]
        self.count = b.dim(product(self.lead))
        self.dense = lies_together(self.image, self.kernel, self.dilations)
        self.inner = self.channels * (self.kernel[-1] if self.dense else 1)
        self.x, self.dy, self.y = self._windows(), b.inputs[1], self._sums()
        self.copied = self._room() if len(b.outputs) > 1 else None
        self.row_blocks = -(-self.height // self.image_rows)
        self.blocks = b.mul(b.div(b.add(self.count, self.images - 1), self.images), self.row_blocks)
        #: whether each part is one block, so that sums are not added to anything
        self.once = isinstance(self.blocks, int) and self.blocks == self.parts
        sizes = [d for t in kernel.inputs for d in (product(t.shape),) if isinstance(d, int)]
        self.far = self.spatial == 2 and len(sizes) == 2 and sum(sizes) * self.dtype.size > target.l2 // 2

    @property
    def near(self) -> int:
        """Rows of a window."""
        return self.kernel[-2]

    @property
    def columns_of_window(self) -> int:
        """Columns of a window that do not lie together."""
        return 1 if self.dense else self.kernel[-1]

    def _windows(self) -> Value:
        """x as [images, place of the window…, place in the window…, numbers that lie together]."""
        image, *steps, last = self.image.element_strides
        kernel = (*self.kernel[:-1], self.columns_of_window)
        places = [s * t for s, t in zip(steps, self.strides, strict=True)]
        within = [s * d for s, d in zip(steps, self.dilations, strict=True)]
        shape = (self.image.shape[0], *self.out[1:-1], *kernel, self.inner)
        return self.b.reinterpret(self.b.inputs[0], shape, (image, *places, *within, last))

    def _sums(self) -> Value:
        """The partial sums as [parts, outer rows of the window, its rows, its columns, numbers, O]."""
        part, *steps, row, column = mem.memref(self.b.outputs[0]).element_strides
        outer, first = (self.kernel[0], steps[0]) if self.spatial == 3 else (1, 0)
        shape = (self.parts, outer, self.near, self.columns_of_window, self.inner, self.total)
        return self.b.reinterpret(self.b.outputs[0], shape, (part, first, *steps[-2:], row, column))

    def _room(self) -> Value:
        b = self.b
        threads = mem.memref(b.outputs[1]).shape[0]
        shape = (threads, self.images, self.image_rows, self.width, self.columns.width)
        size = self.images * self.image_rows * self.width * self.columns.width
        row = self.width * self.columns.width
        strides = (size, self.image_rows * row, row, self.columns.width, 1)
        return b.reinterpret(b.outputs[1], shape, strides)

    def function(self) -> FuncOp:
        b, c = self.b, self.columns
        groups = c.full + (1 if c.tail else 0)
        ranges = -(-groups // self.together)
        with b.loop(b.lo, b.hi) as unit:
            part, some = b.div(unit.iv, ranges), b.mul(b.rem(unit.iv, ranges), self.together)
            end = b.min(b.add(some, self.together), groups)
            first = b.div(b.mul(part, self.blocks), self.parts)
            last = b.div(b.mul(b.add(part, 1), self.blocks), self.parts)
            if not self.once:
                self._each(some, end, lambda _, column, width: self._clear(part, column, width))
            with b.loop(first, last) as block:
                self._place(block.iv)
                self._each(some, end, lambda i, column, width: self._group(part, i, column, width))
        return b.finish()

    def _each(self, lo: Index, hi: Index, run: Callable[[Index, Index, int], None]) -> None:
        """`run(number, first column, width)` for groups lo..hi; the last group may be narrower."""
        b, c = self.b, self.columns
        if c.full:
            with b.loop(lo, b.min(hi, c.full)) as group:
                run(b.sub(group.iv, lo), b.mul(group.iv, c.width), c.width)
        if c.tail:
            with b.when(b.compare("sgt", hi, c.full)):
                run(b.sub(c.full, lo), c.full * c.width, c.tail_width)

    def _inside(self, column: Index, width: int) -> bool:
        return not isinstance(column, int) or column + width <= self.total

    def _clear(self, part: Index, column: Index, width: int) -> None:
        """Zeros for a group of columns of a part."""
        b, zero = self.b, zero_row(self.b, width, self.dtype)
        rows = tuple(int(d) for d in mem.memref(self.y).shape[1:5])  # type: ignore[arg-type]
        with b.loop(0, math.prod(rows)) as row:
            at = [part, *b.unravel(row.iv, rows), column]
            b.write(zero, self.y, at, (5,), self._inside(column, width))

    def _place(self, block: Index) -> None:
        """Which images and rows a block has."""
        b = self.b

        def corner(block: Index) -> tuple[Index, Index]:
            lead, row = b.div(block, self.row_blocks), b.rem(block, self.row_blocks)
            return b.mul(lead, self.images), b.mul(row, self.image_rows)

        image, top = corner(block)
        self.following = corner(b.add(block, 1))
        self.own_images = (image, b.min(self.images, b.sub(self.count, image)))
        self.own_rows = (top, b.min(self.image_rows, b.sub(self.height, top)))

    def _group(self, part: Index, number: Index, column: Index, width: int) -> None:
        """What the block adds to a group of columns, the unit's `number`."""
        if self.copied is not None:
            self._copy(column, width)
        self._tiles(part, number, column, width)

    def _copy(self, column: Index, width: int) -> None:
        """The block's part of dy for a group of columns, as it will be read."""
        b, axis = self.b, mem.memref(self.dy).rank - 1
        if self.copied is None or b.slot is None:
            raise TypeError("no memory to copy to")
        (image, images), (top, rows) = self.own_images, self.own_rows
        with b.loop(0, images) as i, b.loop(0, rows) as r:
            at = [*b.unravel(b.add(image, i.iv), self.lead), b.add(top, r.iv)]
            with b.loop(0, self.width) as pixel:
                row = b.read(self.dy, [*at, pixel.iv, column], (width,), (axis,), self._inside(column, width))
                b.write(row, self.copied, [b.slot, i.iv, r.iv, pixel.iv, 0], (4,))

    def _tiles(self, part: Index, number: Index, column: Index, width: int) -> None:
        """All tiles of the window for a block of pixels."""
        b = self.b
        outer = self.kernel[0] if self.spatial == 3 else 1
        cut = split_rows(self.inner, self.rows)
        sizes = (outer, self.columns_of_window, -(-self.near // self.taps), cut.count + cut.rest_count)
        self.tiles = math.prod(sizes)

        def rows(plane: Index, kw: Index, kh: Index, taps: int) -> None:
            before = b.add(b.mul(b.add(b.mul(plane, sizes[1]), kw), sizes[2]), b.div(kh, self.taps))
            first = b.mul(b.add(b.mul(number, self.tiles // sizes[3]), before), sizes[3])

            def tile(row: Index, height: int) -> None:
                order = b.add(first, b.div(row, cut.rows))
                self._tile(part, [plane, kh, kw, row], taps, height, column, width, order)

            with b.loop(0, cut.count * cut.rows, cut.rows) as row:
                tile(row.iv, cut.rows)
            if cut.rest_count:
                with b.loop(cut.count * cut.rows, self.inner, cut.rows - 1) as row:
                    tile(row.iv, cut.rows - 1)

        whole = self.near // self.taps * self.taps
        with b.loop(0, outer) as plane, b.loop(0, self.columns_of_window) as kw:
            with b.loop(0, whole, self.taps) as kh:
                rows(plane.iv, kw.iv, kh.iv, self.taps)
            if whole < self.near:
                rows(plane.iv, kw.iv, whole, self.near - whole)

    def _tile(
        self, part: Index, where: list[Index], taps: int, height: int, column: Index, width: int, order: Index
    ) -> None:
        b = self.b
        acc = b.splat(zero_row(b, width, self.dtype), (taps * height, width))
        (image, images), (top, rows) = self.own_images, self.own_rows
        plane, kh, kw, row = where
        at = [part, plane, kh, kw, row, column]
        shape, axes = ((height, width), (4, 5)) if taps == 1 else ((taps, height, width), (2, 4, 5))
        with b.loop(0, images, 1, [acc]) as i:
            with b.loop(0, rows, 1, [i.carried[0]]) as r:
                place = [*b.unravel(b.add(image, i.iv), self.lead), b.add(top, r.iv)]
                left = self._left(place, where, taps, height)
                right = self._right(place, [i.iv, r.iv], column, width)
                ahead = self._ahead([i.iv, r.iv], order)
                r.yielded = (accumulate(b, r.carried[0], [Depth(self.width, UNROLL)], left, right, ahead),)
            i.yielded = r.results
        inside, done = self._inside(column, width), b.shape_cast(i.results[0], shape)
        if not self.once:
            add = arith.FLOAT["addf"] if self.dtype.is_float else arith.INTEGER["addi"]
            done = b(add, b.read(self.y, at, shape, axes, inside), done)
        b.write(done, self.y, at, axes, inside)

    def _left(self, place: list[Index], where: list[Index], taps: int, height: int) -> Operand:
        """Numbers of the windows of a row of pixels."""
        b, last = self.b, 1 + 2 * self.spatial
        plane, kh, kw, row = where
        within = [plane] * (self.spatial - 2) + [kh, kw]

        def left(k: Sequence[Index]) -> Value:
            at = [*place, k[0], *within, row]
            if taps == 1:
                return b.read(self.x, at, (height,), (last,))
            return b.shape_cast(b.read(self.x, at, (taps, height), (last - 2, last)), (taps * height,))

        return left

    def _right(self, place: list[Index], own: list[Index], column: Index, width: int) -> Operand:
        """Channels of dy in a row of pixels, which is the block's `own`."""
        b, axis, inside = self.b, mem.memref(self.dy).rank - 1, self._inside(column, width)

        def right(k: Sequence[Index]) -> Value:
            if self.copied is not None and b.slot is not None:
                return b.read(self.copied, [b.slot, *own, k[0], 0], (width,), (4,))
            return b.read(self.dy, [*place, k[0], column], (width,), (axis,), inside)

        return right

    def _ahead(self, own: list[Index], order: Index) -> Ahead:
        """What a tile, the block's number `order`, does for the next block: it asks for a share of its pixels."""
        b = self.b
        if not self.far:
            return None
        steps = -(-self.width // UNROLL)
        each = self.images * self.image_rows * steps
        flats: list[tuple[Value, Index, int, int]] = []
        for v, rows in zip(b.inputs, (self.strides[0], 1), strict=True):
            image, row = (int(d) for d in mem.memref(v).element_strides[:2])  # type: ignore[arg-type]
            size = self.images * image if self.images > 1 else self.image_rows * rows * row
            lines = -(-size // (LINE * self.tiles * self.together))
            first = b.add(b.mul(self.following[0], image), b.mul(self.following[1], rows * row))
            flats.append((flat(b, v), first, lines, -(-lines // each)))

        def ask(at: Sequence[Index]) -> None:
            step = b.add(b.mul(b.add(b.mul(own[0], self.image_rows), own[1]), steps), b.div(at[-1], UNROLL))
            for v, first, lines, now in flats:
                line = b.add(b.mul(order, lines), b.mul(step, now))
                for i in range(now):
                    b.prefetch(v, b.add(first, b.mul(b.add(line, i), LINE)))

        return ask
