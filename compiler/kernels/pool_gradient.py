"""Gradients of pools; vectors run along the channels.

Of a maximum: where windows neither overlap nor leave the image, each window writes its own pixels, and everything is
read and written once; a row of windows is a unit. Else an image's gradient is summed window by window, which takes
them in one order: some channels of an image are a unit, and a row is cleared when the first window reaches it.

Of a mean: each pixel sums what the windows over it give, a row of pixels is a unit.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

from ...runtime.spec import boolean, i64
from ..ir.core import Value
from ..ir.types import MemRefType, ScalarType
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_arith as arith
from . import dialect_memory as mem
from .build import Index
from .dialect_kern import Kernel
from .family import KernelBuilder, lowers

#: channels of an image that are a unit where windows overlap
CHANNELS = 64

#: a range of positions
Span = tuple[Index, Index]


def is_disjoint(kernel: tuple[int, ...], strides: tuple[int, ...], pads: tuple[int, ...]) -> bool:
    """Whether each pixel is in one window at most, and windows follow each other inside of the image."""
    return kernel == strides and not any(pads)


@lowers("max_pool_gradient")
def lower_max_pool_gradient(kernel: Kernel, target: Target) -> FuncOp:
    return _MaxLowering(kernel, target).function()


@lowers("avg_pool_gradient")
def lower_avg_pool_gradient(kernel: Kernel, target: Target) -> FuncOp:
    return _AvgLowering(kernel, target).function()


class _Lowering:
    def __init__(self, kernel: Kernel, target: Target) -> None:
        self.b = KernelBuilder(kernel)
        self.p: dict[str, Any] = kernel.params
        self.dx, self.dy = self.b.outputs[0], self.b.inputs[-1]
        self.image: MemRefType = kernel.outputs[0]
        self.pooled: MemRefType = kernel.inputs[-1]
        self.kernel: tuple[int, ...] = self.p["kernel"]
        self.strides: tuple[int, ...] = self.p["strides"]
        self.pads: tuple[int, ...] = self.p["pads"]
        self.spatial = len(self.kernel)
        self.axis = self.spatial + 1
        self.lanes = target.lanes

    def read(self, source: Value, at: list[Index], width: int, inside: bool) -> Value:
        return self.b.read(source, at, (width,), (self.axis,), inside)

    def write(self, value: Value, at: list[Index], inside: bool) -> None:
        self.b.write(value, self.dx, at, (self.axis,), inside)

    def zero(self, width: int) -> Value:
        return self.b.splat(self.b.number(0.0, self.image.dtype), (width,))

    def channels(self, first: Index, end: Index, body: Callable[[Index, int, bool], None]) -> None:
        """`body(channel, width, inside)` over a range of channels."""
        b, wide = self.b, min(4 * self.lanes, CHANNELS)
        whole = b.add(first, b.mul(b.div(b.sub(end, first), wide), wide))
        with b.loop(first, whole, wide) as c:
            body(c.iv, wide, True)
        if not (isinstance(whole, int) and isinstance(end, int) and whole == end):
            with b.loop(whole, end, self.lanes) as c:
                body(c.iv, self.lanes, False)

    def nest(self, spans: list[Span], body: Callable[[list[Index]], None]) -> None:
        """`body(position)` for all positions of these ranges."""

        def level(at: list[Index]) -> None:
            if len(at) == len(spans):
                body(at)
                return
            with self.b.loop(*spans[len(at)]) as loop:
                level([*at, loop.iv])

        level([])

    def size(self, axis: int) -> Index:
        return self.b.dim(self.image.shape[1 + axis])

    def count(self, axis: int) -> Index:
        return self.b.dim(self.pooled.shape[1 + axis])

    def window(self, axis: int, at: Index) -> Span:
        """The positions of a window that lie inside of the image."""
        b = self.b
        begin = b.sub(b.mul(at, self.strides[axis]), self.pads[2 * axis])
        return b.max(begin, 0), b.min(b.add(begin, self.kernel[axis]), self.size(axis))

    def corner(self, image: Index, corner: list[Index], where: list[Index], width: int, inside: bool) -> None:
        """The pixels of the window at `where` of the result; `corner` is its first one."""
        raise NotImplementedError

    def row(self, image: Index, row: Index) -> None:
        """A row of windows that neither overlap nor leave the image, and what lies behind the last ones."""
        b, channels = self.b, self.b.dim(self.image.shape[-1])

        def window(at: list[Index]) -> None:
            def vectors(channel: Index, width: int, inside: bool) -> None:
                corner = [b.mul(i, k) for i, k in zip([row, *at], self.kernel, strict=True)]
                where = [image, row, *at, channel]
                self.corner(image, corner, where, width, inside)

            self.channels(0, channels, vectors)

        self.nest([(0, self.count(i)) for i in range(1, self.spatial)], window)
        rows: Span = (b.mul(row, self.kernel[0]), b.mul(b.add(row, 1), self.kernel[0]))
        covered = [(0, b.mul(self.count(i), self.kernel[i])) for i in range(self.spatial)]
        for axis in range(1, self.spatial):
            behind: Span = (covered[axis][1], self.size(axis))
            rest: list[Span] = [(0, self.size(i)) for i in range(axis + 1, self.spatial)]
            self.clear(image, [rows, *covered[1:axis], behind, *rest], 0, channels)
        with b.when(b.compare("eq", b.add(row, 1), self.count(0))):
            spans: list[Span] = [(covered[0][1], self.size(0))]
            self.clear(image, [*spans, *((0, self.size(i)) for i in range(1, self.spatial))], 0, channels)

    def clear(self, image: Index, spans: list[Span], first: Index, end: Index) -> None:
        """Zeros in a part of the image."""
        if any(isinstance(lo, int) and lo == hi for lo, hi in spans):
            return
        self.nest(
            spans,
            lambda at: self.channels(
                first, end, lambda c, width, inside: self.write(self.zero(width), [image, *at, c], inside)
            ),
        )


class _MaxLowering(_Lowering):
    def function(self) -> FuncOp:
        b = self.b
        with b.loop(b.lo, b.hi) as unit:
            if is_disjoint(self.kernel, self.strides, self.pads):
                image, row = b.unravel(unit.iv, self.pooled.shape[:2])
                self.row(image, row)
            else:
                channels = b.dim(self.image.shape[-1])
                chunks = b.div(b.add(channels, CHANNELS - 1), CHANNELS)
                first = b.mul(b.rem(unit.iv, chunks), CHANNELS)
                end = b.min(b.add(first, CHANNELS), channels)
                self._image(b.div(unit.iv, chunks), first, end)
        return b.finish()

    # windows side by side

    def corner(self, image: Index, corner: list[Index], where: list[Index], width: int, inside: bool) -> None:
        self._unrolled(image, corner, where, width, inside, self.write)

    def _unrolled(
        self, image: Index, corner: list[Index], where: list[Index], width: int, inside: bool,
        put: Callable[[Value, list[Index], bool], None],
    ) -> None:  # fmt: skip
        """All positions of a window inside of the image: `put(gradient, position, inside)`."""
        b, channel = self.b, where[-1]
        y, dy = (self.read(v, where, width, inside) for v in b.inputs[1:])
        free: Value | None = None
        for tap in product(*map(range, self.kernel)):
            at = [image, *(b.add(c, t) for c, t in zip(corner, tap, strict=True)), channel]
            hit, free = self._hit(self.read(b.inputs[0], at, width, inside), y, free)
            put(b(arith.SelectOp, hit, dy, self.zero(width)), at, inside)

    def _hit(self, x: Value, y: Value, free: Value | None) -> tuple[Value, Value | None]:
        """Whether a position gets the window's gradient, and whether later ones still may."""
        b = self.b
        equal = b(arith.CmpF, x, y, predicate="oeq")
        if not self.p["first"]:
            return equal, None
        other = b(arith.INTEGER["xori"], equal, b.splat(b.number(1, boolean), equal.type.shape))  # type: ignore[attr-defined]
        if free is None:
            return equal, other
        return b(arith.INTEGER["andi"], equal, free), b(arith.INTEGER["andi"], other, free)

    # windows that overlap

    def _image(self, image: Index, first: Index, end: Index) -> None:
        b, s = self.b, self.spatial

        def clear(lo: Index, hi: Index) -> None:
            self.clear(image, [(lo, hi), *((0, self.size(i)) for i in range(1, s))], first, end)

        with b.loop(0, self.count(0), 1, [b.idx(0)]) as row:
            span = self.window(0, row.iv)
            clear(row.carried[0], span[1])
            inner: list[Span] = [(0, self.count(i)) for i in range(1, s)]
            self.nest(inner, lambda at: self._window(image, [row.iv, *at], first, end))
            row.yielded = (b.idx(b.max(row.carried[0], span[1])),)
        clear(row.results[0], self.size(0))

    def _window(self, image: Index, at: list[Index], first: Index, end: Index) -> None:
        b = self.b
        spans = [self.window(i, p) for i, p in enumerate(at)]
        whole = None
        for (lo, hi), k in zip(spans, self.kernel, strict=True):
            full = b.compare("eq", b.sub(hi, lo), k)
            whole = full if whole is None else b(arith.INTEGER["andi"], whole, full)
        if whole is None:
            raise TypeError("a window without dimensions")

        def unrolled(channel: Index, width: int, inside: bool) -> None:
            where = [image, *at, channel]
            self._unrolled(image, [lo for lo, _ in spans], where, width, inside, self._add)

        def clipped(channel: Index, width: int, inside: bool) -> None:
            self._clipped(image, spans, [image, *at, channel], width, inside)

        def run(body: Callable[[Index, int, bool], None]) -> list[Value]:
            self.channels(first, end, body)
            return []

        b.choose(whole, lambda: run(unrolled), lambda: run(clipped))

    def _add(self, value: Value, at: list[Index], inside: bool) -> None:
        (width,) = mem.vector(value).shape
        self.write(self.b(arith.FLOAT["addf"], self.read(self.dx, at, width, inside), value), at, inside)

    def _clipped(self, image: Index, spans: list[Span], where: list[Index], width: int, inside: bool) -> None:
        """The same for a window at the edge, in loops."""
        b, channel = self.b, where[-1]
        y, dy = (self.read(v, where, width, inside) for v in b.inputs[1:])

        def level(at: list[Index], free: Value) -> Value:
            if len(at) == len(spans):
                place = [image, *at, channel]
                hit, left = self._hit(self.read(b.inputs[0], place, width, inside), y, free)
                self._add(b(arith.SelectOp, hit, dy, self.zero(width)), place, inside)
                return free if left is None else left
            with b.loop(*spans[len(at)], 1, [free]) as loop:
                loop.yielded = (level([*at, loop.iv], loop.carried[0]),)
            return loop.results[0]

        level([], b.splat(b.number(1, boolean), (width,)))


class _AvgLowering(_Lowering):
    def function(self) -> FuncOp:
        b = self.b
        with b.loop(b.lo, b.hi) as unit:
            if is_disjoint(self.kernel, self.strides, self.pads):
                image, row = b.unravel(unit.iv, self.pooled.shape[:2])
                self.row(image, row)
            else:
                image, *rows = b.unravel(unit.iv, self.image.shape[:-2])
                with b.loop(0, self.size(self.spatial - 1)) as column:
                    self._pixel(image, [*rows, column.iv])
        return b.finish()

    def corner(self, image: Index, corner: list[Index], where: list[Index], width: int, inside: bool) -> None:
        share = self._shared(self.read(self.dy, where, width, inside))
        for tap in product(*map(range, self.kernel)):
            at = (self.b.add(c, t) for c, t in zip(corner, tap, strict=True))
            self.write(share, [image, *at, where[-1]], inside)

    def _pixel(self, image: Index, at: list[Index]) -> None:
        spans = [self._windows(i, p) for i, p in enumerate(at)]

        def vectors(channel: Index, width: int, inside: bool) -> None:
            total = self._sum(image, spans, channel, width, inside)
            self.write(self._shared(total), [image, *at, channel], inside)

        self.channels(0, self.b.dim(self.image.shape[-1]), vectors)

    def _windows(self, axis: int, at: Index) -> Span:
        """The windows that a position is in."""
        b, stride = self.b, self.strides[axis]
        behind = b.add(at, self.pads[2 * axis])
        # the first window whose end lies behind the position; counted from 1 on, for indices divide without sign
        first = b.div(b.max(b.sub(b.add(behind, stride), self.kernel[axis]), 0), stride)
        return first, b.min(b.add(b.div(behind, stride), 1), self.count(axis))

    def _sum(self, image: Index, spans: list[Span], channel: Index, width: int, inside: bool) -> Value:
        b = self.b

        def level(at: list[Index], acc: Value) -> Value:
            if len(at) == len(spans):
                share = self.read(self.dy, [image, *at, channel], width, inside)
                return b(arith.FLOAT["addf"], acc, share if self._uniform else self._divided(share, at))
            with b.loop(*spans[len(at)], 1, [acc]) as loop:
                loop.yielded = (level([*at, loop.iv], loop.carried[0]),)
            return loop.results[0]

        return level([], self.zero(width))

    @property
    def _uniform(self) -> bool:
        """Whether every window has the same number of positions in the image."""
        return not any(self.pads)

    def _shared(self, total: Value) -> Value:
        """Of windows of one size the sum is divided."""
        b = self.b
        if not self._uniform:
            return total
        taps = 1
        for k in self.kernel:
            taps *= k
        shape = mem.vector(total).shape
        return b(arith.FLOAT["divf"], total, b.splat(b.number(float(taps), self.image.dtype), shape))

    def _divided(self, share: Value, at: list[Index]) -> Value:
        b = self.b
        count: Index = 1
        for axis, p in enumerate(at):
            lo, hi = self.window(axis, p)
            count = b.mul(count, b.sub(hi, lo))
        whole = b(arith.CONVERSIONS["index_cast"], b.idx(count), result_types=[ScalarType(i64)])
        number = b(arith.CONVERSIONS["sitofp"], whole, result_types=[ScalarType(self.image.dtype)])
        return b(arith.FLOAT["divf"], share, b.splat(number, share.type.shape))  # type: ignore[attr-defined]
