"""Boxes cut out of images, and images under projective transforms; a row of the result is a unit."""

from __future__ import annotations

from collections.abc import Callable

from ...runtime.abi import STATUS
from ...runtime.spec import DType, f32, i64
from ..ir.dims import Dim
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..target import Target
from .build import Index
from .channels import across, get_row, put_row, splat
from .dialect_kern import Kernel
from .family import lowers
from .scalar import ScalarBuilder


@lowers("crop")
def lower_crop(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, boxes, images, y)`."""
    b = ScalarBuilder(kernel)
    x, y = kernel.inputs[0], kernel.outputs[0]
    image_dtype: DType = kernel.params["image_dtype"]
    with b.loop(b.lo, b.hi) as unit:
        box, row = b.unravel(unit.iv, y.shape[:2])
        image = b.index(b.get(b.inputs[2], image_dtype, box))
        corners = [b.get(b.inputs[1], f32, box, k) for k in range(4)]
        sound = b.holds("ult", image, b.dim(x.shape[0]))
        for corner in corners:
            sound = sound & (corner - corner).eq(0)
        with b.when((~sound).v):
            b.report(STATUS["INDEX"])
        with b.when(sound.v):
            crop = _Crop(b, 2 * target.lanes, corners)
            crop.row(image, [box, row])
    return b.finish()


class _Crop:
    """One box."""

    def __init__(self, b: ScalarBuilder, wide: int, corners: list[Num]) -> None:
        self.b, self.wide, self.corners = b, wide, corners
        self.dtype: DType = b.kernel.params["dtype"]

    def place(self, axis: int, i: Index) -> tuple[Num, Num, Index]:
        """Where result pixel i of an axis lies, whether inside of the image, and the image's last pixel."""
        b = self.b
        last = b.sub(b.dim(b.kernel.inputs[0].shape[1 + axis]), 1)
        out = b.dim(b.kernel.outputs[0].shape[1 + axis])
        first, end, span = self.corners[axis], self.corners[2 + axis], b.of_index(last).to(f32)
        steps = b.of_index(b.max(b.sub(out, 1), 1)).to(f32)
        at = first * span + b.of_index(i).to(f32) * ((end - first) * span / steps)
        at = b.holds("eq", out, 1).where(0.5 * (first + end) * span, at)
        return at, (at >= 0) & (at <= span), last

    def pixel(self, at: Num, last: Index) -> Index:
        b = self.b
        return b.max(b.min(b.index(at), last), 0)

    def row(self, image: Index, where: list[Index]) -> None:
        b = self.b
        y = b.kernel.outputs[0]
        place_y, inside_y, last_y = self.place(0, where[1])
        rows = self.ends(place_y, last_y)
        with b.loop(0, b.dim(y.shape[2])) as column:
            place_x, inside_x, last_x = self.place(1, column.iv)
            ends = rows, self.ends(place_x, last_x)
            self.put(image, [*where, column.iv], ends, inside_y & inside_x)

    def put(
        self, image: Index, where: list[Index], ends: tuple[tuple[Index, Index, Num], ...], inside: Num
    ) -> None:
        """One pixel of the result."""
        b = self.b

        def vector(c: Index, width: int, whole: bool) -> None:
            value = self.value(image, ends, c, width, whole)
            value = splat(b, inside, width).where(value, b.kernel.params["outside"])
            put_row(b, value, b.outputs[0], [*where, c], whole)

        across(b, b.dim(b.kernel.outputs[0].shape[3]), self.wide, vector)

    def ends(self, at: Num, last: Index) -> tuple[Index, Index, Num]:
        """The pixels in front and behind, and how far it is from the first."""
        if self.b.kernel.params["method"] == "nearest":
            i = self.pixel((at + 0.5).f("floor"), last)
            return i, i, at
        low = at.f("floor")
        return self.pixel(low, last), self.pixel(at.f("ceil"), last), at - low

    def value(
        self, image: Index, ends: tuple[tuple[Index, Index, Num], ...], c: Index, width: int, whole: bool
    ) -> Num:
        b = self.b
        (top, bottom, dy), (left, right, dx) = ends

        def read(row: Index, column: Index) -> Num:
            return get_row(b, b.inputs[0], self.dtype, [image, row, column, c], width, whole).to(f32)

        if b.kernel.params["method"] == "nearest":
            return read(top, left)
        dx, dy = splat(b, dx, width), splat(b, dy, width)
        above, below = read(top, left), read(bottom, left)
        above = above + (read(top, right) - above) * dx
        below = below + (read(bottom, right) - below) * dx
        return above + (below - above) * dy


@lowers("warp")
def lower_warp(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, transforms, fill, y)`."""
    b = ScalarBuilder(kernel)
    y = kernel.outputs[0]
    with b.loop(b.lo, b.hi) as unit:
        image, row = b.unravel(unit.iv, y.shape[:2])
        have, images = (b.dim(t.shape[0]) for t in kernel.inputs[1::-1])
        one = b.holds("eq", have, 1)
        fits = one | b.holds("eq", have, images)
        with b.when((~fits).v):
            b.report(STATUS["INDEX"])
        with b.when(fits.v):
            which = b.index(one.where(b.c(0, i64), b.of_index(image)))
            warp = _Warp(b, [b.get(b.inputs[1], f32, which, k) for k in range(8)])
            with b.loop(0, b.dim(y.shape[2])) as column:
                warp.pixel([image, row, column.iv], 2 * target.lanes)
    return b.finish()


class _Warp:
    """One image."""

    def __init__(self, b: ScalarBuilder, transform: list[Num]) -> None:
        self.b, self.t = b, transform
        self.dtype: DType = b.kernel.params["dtype"]
        self.fill = b.get(b.inputs[2], f32).to(self.dtype)

    def pixel(self, where: list[Index], wide: int) -> None:
        b, t = self.b, self.t
        image, row, column = where
        v, u = (b.of_index(i).to(f32) for i in (row, column))
        k = t[6] * u + t[7] * v + 1
        height, width = b.kernel.inputs[0].shape[1:3]
        at_x = self.mapped((t[0] * u + t[1] * v + t[2]) / k, width)
        at_y = self.mapped((t[3] * u + t[4] * v + t[5]) / k, height)

        def vector(c: Index, lanes: int, inside: bool) -> None:
            fill = splat(b, self.fill, lanes)

            def read(y: Num, x: Num) -> Num:
                there = (y >= 0) & (y < self.extent(height)) & (x >= 0) & (x < self.extent(width))
                at = [b.index(there.where(i, 0)) for i in (y, x)]
                v = get_row(b, b.inputs[0], self.dtype, [image, *at, c], lanes, inside)
                return splat(b, there, lanes).where(v, fill)

            made = self.value(read, at_y, at_x, lanes)
            made = splat(b, k.eq(0), lanes).where(fill, made)
            put_row(b, made, b.outputs[0], [*where, c], inside)

        across(b, b.dim(b.kernel.outputs[0].shape[3]), wide, vector)

    def extent(self, size: Dim) -> Num:
        return self.b.of_index(self.b.dim(size)).to(f32)

    def value(self, read: Callable[[Num, Num], Num], y: Num, x: Num, lanes: int) -> Num:
        """A vector of channels at a place."""
        b = self.b
        if b.kernel.params["method"] == "NEAREST":
            return read(rounded(y), rounded(x))
        top, left = y.f("floor"), x.f("floor")
        bottom, right = top + 1, left + 1
        to_right, to_left = splat(b, right - x, lanes), splat(b, x - left, lanes)
        rows = [to_right * read(r, left).to(f32) + to_left * read(r, right).to(f32) for r in (top, bottom)]
        return (splat(b, bottom - y, lanes) * rows[0] + splat(b, y - top, lanes) * rows[1]).to(self.dtype)

    def mapped(self, at: Num, size: Dim) -> Num:
        """A place inside of the image for one outside, along one axis."""
        n, mode = self.extent(size), self.b.kernel.params["fill_mode"]
        if mode == "CONSTANT":
            return at
        if mode == "REFLECT":
            double = n + n
            low = (at < double).where(double * truncated(-at / double) + at, at)
            low = (low < -n).where(low + double, -low - 1)
            high = at - double * truncated(at / double)
            high = (high >= n).where(double - high - 1, high)
            at = (at < 0).where(low, (at > n - 1).where(high, at))
        elif mode == "WRAP":
            span = n - 1
            low = at + n * (truncated(-at / span) + 1)
            at = (at < 0).where(low, (at > span).where(at - n * truncated(at / span), at))
        return (n <= 1).where(n.like(0.0), at.max(0).min(n - 1))


def truncated(x: Num) -> Num:
    """Towards 0."""
    return (x < 0).where(-(-x).f("floor"), x.f("floor"))


def rounded(x: Num) -> Num:
    """To the nearest whole number, halves away from 0."""
    size = abs(x)
    whole = size.f("floor")
    whole = (size - whole >= 0.5).where(whole + 1, whole)
    return (x < 0).where(-whole, whole)
