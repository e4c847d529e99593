"""Depthwise convolution: every channel with its own filter; vectors run along the channels.

Input [n, H, W, C], filter [KH, KW, C]. A unit of the parallel range is an output row, computed in tiles of some
pixels, for one block of channels after the other. The accumulators of a tile stay in registers: each vector of the
image is loaded once for all taps of a window row, each vector of the filter once for all pixels of the tile.

When it is not `bordered` the image has no border around it, for copying it would take as long as the convolution:
rows of the window outside of the image are left out by the loop over them, columns by tiles that are written out for
the pixels at both ends of a row. `fits_without_border` tells where that is possible.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..cost.tiles import split_rows
from ..ir.core import Value
from ..ir.dims import Dim
from ..ir.types import MemRefType
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_arith as arith
from . import dialect_memory as mem
from .build import Index
from .dialect_kern import Kernel
from .family import KernelBuilder, leading_bias, lowers, zero_row

#: the first channel of a vector, its width, and whether all of it lies inside
Channels = tuple[Index, int, bool]
#: a window with more taps than this is a loop over its rows, a row with more a loop over its columns
MOST_TAPS, MOST_COLUMNS = 16, 8
#: most tiles of a row that are written out because their windows leave the image
MOST_ENDS = 4


@dataclass(frozen=True)
class Columns:
    """Tiles of `pixels` pixels from `first` on, `count` of them; `whole` ones read nothing outside."""

    first: int
    pixels: int
    count: int
    whole: bool


def cut_columns(
    total: int, most: int, size: int, taps: int, stride: int, dilation: int, pad: int
) -> list[Columns]:
    """The tiles of a row of `total` pixels over an image of `size` columns, equal ones together."""
    cut = split_rows(total, most)
    out: list[Columns] = []
    at = 0
    for i in range(cut.count + cut.rest_count):
        pixels = cut.rows if i < cut.count else cut.rows - 1
        left = at * stride - pad
        whole = left >= 0 and left + (pixels - 1) * stride + (taps - 1) * dilation < size
        if out and whole and out[-1].whole and out[-1].pixels == pixels:
            out[-1] = Columns(out[-1].first, pixels, out[-1].count + 1, True)
        else:
            out.append(Columns(at, pixels, 1, whole))
        at += pixels
    return out


def fits_without_border(
    size: tuple[Dim, ...], out: tuple[Dim, ...], kernel: tuple[int, ...], strides: tuple[int, ...],
    dilations: tuple[int, ...], pads: tuple[int, ...], pixels: int,
) -> bool:  # fmt: skip
    """Whether an image [n, H, W, C] may be read as it is."""
    width, total = size[2], out[2]
    if not isinstance(width, int) or not isinstance(total, int) or kernel[1] > MOST_COLUMNS:
        return False
    tiles = cut_columns(total, pixels, width, kernel[1], strides[1], dilations[1], pads[1])
    return sum(not t.whole for t in tiles) <= MOST_ENDS


@lowers("depthwise")
def lower_depthwise(kernel: Kernel, target: Target) -> FuncOp:
    """The function `(x, w, extras…, y, symbols…, lo, hi)`; its parallel range is images x rows."""
    return _DepthwiseLowering(kernel, target).function()


class _DepthwiseLowering:
    def __init__(self, kernel: Kernel, target: Target) -> None:
        b = self.b = KernelBuilder(kernel)
        self.x, self.w, self.y = b.inputs[0], b.inputs[1], b.outputs[0]
        self.out: MemRefType = kernel.outputs[0]
        p = kernel.params
        self.kernel: tuple[int, int] = p["kernel"]
        self.strides: tuple[int, int] = p["strides"]
        self.dilations: tuple[int, int] = p["dilations"]
        self.pads: tuple[int, int] = p["pads"]
        #: whether all windows lie inside the image
        self.bordered: bool = p["bordered"]
        self.image: MemRefType = kernel.inputs[0]
        self.pixels, vectors = p["tile"]
        self.lanes = target.lanes
        self.width = vectors * target.lanes
        self.dtype = self.out.dtype
        self.bias = leading_bias(kernel, 2)

    def function(self) -> FuncOp:
        b = self.b
        with b.loop(b.lo, b.hi) as unit:
            image, row = b.unravel(unit.iv, self.out.shape[:2])
            self._row(image, row)
        return b.finish()

    def _channels(self, run: Callable[[Index, int, bool], None]) -> None:
        """Blocks of channels of the tile's width, then single vectors, the last of which may be short."""
        b = self.b
        channels = b.dim(self.out.shape[3])
        whole = b.mul(b.div(channels, self.width), self.width)
        with b.loop(0, whole, self.width) as c:
            run(c.iv, self.width, True)
        if not (isinstance(channels, int) and channels == whole):
            full = isinstance(channels, int) and channels % self.lanes == 0
            with b.loop(whole, channels, self.lanes) as c:
                run(c.iv, self.lanes, full)

    def _row(self, image: Index, row: Index) -> None:
        b, total = self.b, self.out.shape[2]

        def tile(x: Index, pixels: int, whole: bool = True) -> None:
            def block(c: Index, width: int, inside: bool) -> None:
                start = self._initial(c, width, inside)
                self._tile(image, row, x, pixels, (c, width, inside), start, whole)

            self._channels(block)

        if isinstance(total, int):
            for part in self._cut(total):
                if part.whole:
                    end = part.first + part.count * part.pixels
                    with b.loop(part.first, end, part.pixels) as x:
                        tile(x.iv, part.pixels)
                else:
                    tile(part.first, part.pixels, False)
            return
        end = b.dim(total)
        whole = b.mul(b.div(end, self.pixels), self.pixels)
        with b.loop(0, whole, self.pixels) as x:
            tile(x.iv, self.pixels)
        with b.loop(whole, end) as x:
            tile(x.iv, 1)

    def _cut(self, total: int) -> list[Columns]:
        width = self.image.shape[2]
        size = width if isinstance(width, int) and not self.bordered else 1 << 62
        k, s, d, pad = self.kernel[1], self.strides[1], self.dilations[1], self.pads[1]
        return cut_columns(total, self.pixels, size, k, s, d, pad)

    def _initial(self, c: Index, width: int, inside: bool) -> Value:
        """What accumulators start from: the bias, or zeros."""
        b = self.b
        if self.bias is None:
            return zero_row(b, width, self.dtype)
        bias = b.inputs[2]
        rank = mem.memref(bias).rank
        return b.read(bias, [*[0] * (rank - 1), c], (width,), (rank - 1,), inside)

    def _tile(
        self, image: Index, row: Index, x: Index, pixels: int, channels: Channels, start: Value, whole: bool
    ) -> None:
        """Some pixels of a row; those whose windows leave the image have their place known."""
        b, (kh, kw) = self.b, self.kernel
        top = b.sub(b.mul(row, self.strides[0]), self.pads[0])
        left = b.sub(b.mul(x, self.strides[1]), self.pads[1])
        acc = (start,) * pixels

        def window_row(ky: Index, acc: tuple[Value, ...]) -> tuple[Value, ...]:
            at = b.add(top, b.mul(ky, self.dilations[0]))
            if kw <= MOST_COLUMNS:
                return self._taps((image, at), left, ky, range(kw), acc, channels, whole)
            with b.loop(0, kw, 1, acc) as kx:
                here = b.add(left, b.mul(kx.iv, self.dilations[1]))
                kx.yielded = self._taps((image, at), here, ky, [kx.iv], kx.carried, channels, True)
            return kx.results

        if kh * kw <= MOST_TAPS and self.bordered:
            for ky in range(kh):
                acc = window_row(ky, acc)
        else:
            with b.loop(*self._window_rows(top), 1, acc) as ky:
                ky.yielded = window_row(ky.iv, ky.carried)
            acc = ky.results
        c, width, inside = channels
        for p, v in enumerate(acc):
            where = [image, row, b.add(x, p), c]
            made = b.apply(2, v, where, (width,), (3,), inside, self.bias)
            b.write(made, self.y, where, (3,), inside)

    def _window_rows(self, top: Index) -> tuple[Index, Index]:
        """The rows of the window that lie inside the image."""
        b, d = self.b, self.dilations[0]
        if self.bordered:
            return 0, self.kernel[0]
        first = b.div(b.add(b.max(b.sub(0, top), 0), d - 1), d)
        room = b.max(b.sub(b.dim(self.image.shape[1]), top), 0)
        return first, b.min(b.div(b.add(room, d - 1), d), self.kernel[0])

    def _taps(
        self, place: tuple[Index, Index], left: Index, ky: Index, taps: range | list[Value],
        acc: tuple[Value, ...], channels: Channels, whole: bool,
    ) -> tuple[Value, ...]:  # fmt: skip
        """One row of the window, or one tap of it, which then is at `left`."""
        b, out = self.b, list(acc)
        c, width, inside = channels
        weights = [b.read(self.w, [ky, kx, c], (width,), (2,), inside) for kx in taps]
        uses: dict[int, list[tuple[int, Value]]] = {}
        for kx, w in zip(taps, weights, strict=True):
            for p in range(len(out)):
                at = p * self.strides[1] + (kx * self.dilations[1] if isinstance(kx, int) else 0)
                uses.setdefault(at, []).append((p, w))
        for at in sorted(uses):  # each vector is done with before the next one is loaded
            column = b.add(left, at)
            if not whole and isinstance(column, int) and not self._is_inside(column):
                continue
            x = b.read(self.x, [*place, column, c], (width,), (3,), inside)
            for p, w in uses[at]:
                out[p] = self._step(x, w, out[p])
        return tuple(out)

    def _is_inside(self, column: int) -> bool:
        size = self.image.shape[2]
        return not isinstance(size, int) or 0 <= column < size

    def _step(self, x: Value, w: Value, acc: Value) -> Value:
        b = self.b
        if self.dtype.is_float:
            return b(arith.Fma, x, w, acc)
        return b(arith.INTEGER["addi"], acc, b(arith.INTEGER["muli"], x, w))
