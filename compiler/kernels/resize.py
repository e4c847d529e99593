"""Resizing images: tables of pixels and weights along each axis, then rows of the result from them.

`resize_taps` writes for every result position of an axis which pixels it needs. `resize` makes rows of the
result from nearest or linear tables; `resample` sums weighted pixels along one axis of [A, size, B]. Vectors
run along the channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...runtime.abi import STATUS
from ...runtime.spec import boolean, f32, f64, i32
from ..ir.core import Value
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..ops.resize import CUBIC_STEPS, KERNELS
from ..target import Target
from .build import Index
from .channels import across, get_row, put_row, splat
from .dialect_kern import Kernel, as_dims
from .family import lowers
from .scalar import ScalarBuilder
from .series import sin_cos

_TINY = 1000 * 2.0**-126  # sums of weights below are no divisors


@lowers("resize_taps")
def lower_taps(kernel: Kernel, target: Target) -> FuncOp:
    """`([scale, translation,] tables…)`; a result position is a unit. What the tables are, `_TABLES` says."""
    b = ScalarBuilder(kernel)
    with b.loop(b.lo, b.hi) as unit:
        _TABLES[kernel.params["method"]](_Axis(b), unit.iv)
    return b.finish()


class _Axis:
    """An axis of the image and of the result, and the place of the one's pixels in the other."""

    def __init__(self, b: ScalarBuilder) -> None:
        self.b, self.p = b, b.kernel.params
        (size,) = as_dims((self.p["size"],))
        self.last = b.sub(b.dim(size), 1)
        self.size = b.of_index(b.dim(size)).to(f32)
        self.out = b.of_index(b.dim(b.kernel.outputs[0].shape[0])).to(f32)
        self.taps = b.dim(b.kernel.outputs[-1].shape[-1])

    def scale(self, coordinates: str) -> Num:
        plain = self.size / self.out
        if coordinates != "align_corners":
            return plain
        return (self.out > 1).where((self.size - 1) / (self.out - 1), plain)

    def place(self, i: Index) -> Num:
        at = self.b.of_index(i).to(f32)
        kind = self.p["coordinates"]
        if kind == "half_pixel":
            return (at + 0.5) * self.scale(kind) - 0.5
        return at * self.scale(kind)

    def put_index(self, x: Num, table: int, i: Index) -> None:
        """Notes a whole float as a pixel inside of the image."""
        b = self.b
        inside = b.max(b.min(b.index(x), self.last), 0)
        b.put(b.of_index(inside, i32), b.outputs[table], i)


def _nearest(axis: _Axis, i: Index) -> None:
    """The pixel."""
    at, kind = axis.b.of_index(i).to(f32), axis.p["coordinates"]
    if kind == "half_pixel":
        place = (at + 0.5) * axis.scale(kind)
    elif kind == "align_corners":
        place = (at * axis.scale(kind)).to(f64) + 0.5
    else:
        place = at * axis.scale(kind)
    axis.put_index(place.f("floor"), 0, i)


def _linear(axis: _Axis, i: Index) -> None:
    """The lower pixel, the upper one, and how far it is from the lower one."""
    place = axis.place(i)
    low = place.f("floor")
    axis.put_index(low, 0, i)
    axis.put_index(place.f("ceil"), 1, i)
    axis.b.put(place - low, axis.b.outputs[2], i)


def _cubic(axis: _Axis, i: Index) -> None:
    """The first of four pixels, 4, and their weights."""
    b = axis.b
    keys = axis.p["coordinates"] == "half_pixel"
    a = -0.5 if keys else -0.75
    place = axis.place(i)
    low = place.f("floor")
    step = ((place - low) * float(CUBIC_STEPS)).f("roundeven").to(f64) * (1 / CUBIC_STEPS)

    def near(x: Num) -> Num:
        return (((a + 2) * x - (a + 3)) * x * x + 1).to(f32)

    def far(x: Num) -> Num:
        return (((a * x - 5 * a) * x + 8 * a) * x - 4 * a).to(f32)

    weights = [far(step + 1), near(step), near(1 - step), far(2 - step)]
    start = b.sub(b.index(low), 1)
    if keys:
        inside = [b.holds("ule", b.add(start, k), axis.last) for k in range(4)]
        weights = [ok.where(w, 0.0) for ok, w in zip(inside, weights, strict=True)]
        factor = _one_over(weights[0] + weights[1] + weights[2] + weights[3])
        weights = [w * factor for w in weights]
    b.put(b.of_index(start, i32), b.outputs[0], i)
    b.put(b.c(4, i32), b.outputs[1], i)
    for k, w in enumerate(weights):
        b.put(w, b.outputs[2], i, k)


def _one_over(total: Num) -> Num:
    """1 / total; 0 for sums that are about 0."""
    whole = abs(total) >= _TINY
    return whole.where(1.0 / whole.where(total, 1.0), 0.0)


def _area(axis: _Axis, i: Index) -> None:
    """The first pixel, how many, and the part of the result pixel that each is."""
    b = axis.b
    at = b.of_index(i).to(f32)
    kind = axis.p["coordinates"]
    plain, aligned = axis.scale("legacy"), axis.scale(kind)
    scale = (axis.size > 1).where(aligned, plain)
    low, high = at * scale, (at + 1) * scale
    start = low.f("floor")
    count = (high.f("ceil") - start).min(b.of_index(axis.taps).to(f32))
    b.put(start.to(i32), b.outputs[0], i)
    b.put(count.to(i32), b.outputs[1], i)
    with b.loop(0, b.max(b.index(count), 0)) as tap:
        pixel = start + b.of_index(tap.iv).to(f32)
        ends = pixel + 1 > high
        first, rest = ends.where(scale, pixel + 1 - low), ends.where(high - pixel, 1.0 + 0.0 * high)
        b.put((pixel < low).where(first, rest) * (1.0 / scale), b.outputs[2], i, tap.iv)


def _kernel(axis: _Axis, i: Index) -> None:
    """The first pixel under the kernel, how many, and their weights."""
    b, p = axis.b, axis.p
    radius, weight = KERNELS[p["kernel"]][0], _WEIGHTS[p["kernel"]]
    scale, translation = (b.get(v, f32, p["axis"]) for v in b.inputs)
    with b.when((~(scale > 0)).v):
        b.report(STATUS["ARITH"])
    inverse = 1.0 / scale
    shift = -inverse * translation
    stretch = inverse.max(1.0) if p["antialias"] else inverse.like(1.0)
    place = (b.of_index(i).to(f32) + 0.5) * inverse + shift
    reach = stretch * radius
    start = b.max(b.min(b.index((place - reach - 0.5).f("ceil")), axis.last), 0)
    stop = b.max(b.min(b.index((place + reach - 0.5).f("floor")), axis.last), 0)
    inside = (place >= 0) & (place <= axis.size)
    some = b.min(b.max(b.add(b.sub(stop, start), 1), 0), axis.taps)
    count = b.index(inside.where(b.of_index(some), 0))
    b.put(b.of_index(start, i32), b.outputs[0], i)
    b.put(b.of_index(count, i32), b.outputs[1], i)

    def step(tap: Index, total: Num) -> list[Num]:
        distance = abs((b.of_index(b.add(start, tap)).to(f32) + 0.5 - place) * (1.0 / stretch))
        w = weight(distance)
        b.put(w, b.outputs[2], i, tap)
        return [total + w]

    (total,) = b.repeat(0, count, [b.c(0, f32)], step)
    factor = _one_over(total)
    with b.loop(0, count) as tap:
        b.put(b.get(b.outputs[2], f32, i, tap.iv) * factor, b.outputs[2], i, tap.iv)


def _lanczos(radius: float) -> Callable[[Num], Num]:
    def weight(x: Num) -> Num:
        zero = x <= 1e-3
        angle = zero.where(x.like(1.0), x).to(f64) * math.pi
        y = sin_cos(angle)[0] * sin_cos(angle / radius)[0] * radius / (angle * angle)
        return zero.where(x.like(1.0), (x > radius).where(x.like(0.0), y.to(f32)))

    return weight


def _within(reach: float, value: Callable[[Num], Num]) -> Callable[[Num], Num]:
    return lambda x: (x < reach).where(value(x), 0.0)


def _cubic_weight(inner: list[float], outer: list[float]) -> Callable[[Num], Num]:
    return _within(2.0, lambda x: (x >= 1).where(x.polynomial(outer), x.polynomial(inner)))


_WEIGHTS: dict[str, Callable[[Num], Num]] = {
    "lanczos1": _lanczos(1.0),
    "lanczos3": _lanczos(3.0),
    "lanczos5": _lanczos(5.0),
    "gaussian": _within(1.5, lambda x: (x * x * -2.0).f("exp")),
    "box": lambda x: (x < 0.5).where(x.like(1.0), x.eq(0.5).where(x.like(0.5), 0.0)),
    "triangle": _within(1.0, lambda x: 1.0 - x),
    "keyscubic": _cubic_weight([1.0, 0.0, -2.5, 1.5], [2.0, -4.0, 2.5, -0.5]),
    "mitchellcubic": _cubic_weight([8 / 9, 0.0, -2.0, 7 / 6], [16 / 9, -10 / 3, 2.0, -7 / 18]),
}

_TABLES: dict[str, Callable[[_Axis, Index], None]] = {
    "nearest": _nearest,
    "bilinear": _linear,
    "bicubic": _cubic,
    "area": _area,
    "kernel": _kernel,
}


@lowers("resize")
def lower_resize(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, tables of rows…, tables of columns…, y)`; a row of the result is a unit."""
    b = ScalarBuilder(kernel)
    y = kernel.outputs[0]
    made = _Nearest(b) if kernel.params["method"] == "nearest" else _Linear(b)
    with b.loop(b.lo, b.hi) as unit:
        image, row = b.unravel(unit.iv, (y.shape[0], y.shape[1]))
        made.begin(image, row)
        with b.loop(0, b.dim(y.shape[2])) as column:
            made.put([image, row, column.iv], b.dim(y.shape[3]), 4 * target.lanes)
    return b.finish()


class _Nearest:
    """The nearest pixel."""

    def __init__(self, b: ScalarBuilder) -> None:
        self.b = b
        self.dtype: Any = b.kernel.params["dtype"]

    def at(self, table: int, i: Index) -> Value:
        return self.b.index(self.b.get(self.b.inputs[table], i32, i))

    def begin(self, image: Index, row: Index) -> None:
        self.image, self.row = image, self.at(1, row)

    def column(self, i: Index) -> None:
        self.x = self.at(2, i)

    def put(self, where: list[Index], channels: Index, wide: int) -> None:
        """All channels of one pixel."""
        self.column(where[-1])

        def vector(c: Index, width: int, inside: bool) -> None:
            put_row(self.b, self.value(c, width, inside), self.b.outputs[0], [*where, c], inside)

        across(self.b, channels, wide, vector)

    def value(self, c: Index, width: int, inside: bool) -> Num:
        where = [self.image, self.row, self.x, c]
        return get_row(self.b, self.b.inputs[0], self.dtype, where, width, inside)


class _Linear(_Nearest):
    """Between left and right, above and below, then between those. Images of the result's size stay as they
    are, while interpolating would turn infinity into NaN."""

    def __init__(self, b: ScalarBuilder) -> None:
        super().__init__(b)
        have, want = b.kernel.inputs[0].shape[1:3], b.kernel.outputs[0].shape[1:3]
        pairs = [(b.dim(h), b.dim(w)) for h, w in zip(have, want, strict=True)]
        known = all(isinstance(x, int) for p in pairs for x in p)
        self.same: Num | bool = all(h == w for h, w in pairs)
        if not known:
            self.same = b.holds("eq", *pairs[0]) & b.holds("eq", *pairs[1])

    def begin(self, image: Index, row: Index) -> None:
        self.image = image
        self.top, self.bottom = self.at(1, row), self.at(2, row)
        self.dy = self.b.get(self.b.inputs[3], f32, row)

    def column(self, i: Index) -> None:
        self.left, self.right = self.at(4, i), self.at(5, i)
        self.dx = self.b.get(self.b.inputs[6], f32, i)

    def value(self, c: Index, width: int, inside: bool) -> Num:
        b = self.b

        def pixel(row: Value, column: Value) -> Num:
            where: list[Index] = [self.image, row, column, c]
            return get_row(b, b.inputs[0], self.dtype, where, width, inside).to(f32)

        corner = pixel(self.top, self.left)
        if self.same is True:
            return corner
        dx, dy = splat(b, self.dx, width), splat(b, self.dy, width)
        above = corner + (pixel(self.top, self.right) - corner) * dx
        lower = pixel(self.bottom, self.left)
        below = lower + (pixel(self.bottom, self.right) - lower) * dx
        between = above + (below - above) * dy
        if self.same is False:
            return between
        same = Num(b.scalars, b.splat(self.same.v, (width,)), boolean)
        return same.where(corner, between)


@lowers("resample")
def lower_resample(kernel: Kernel, target: Target) -> FuncOp:
    """`(x [A, size, B], start, count, weights, y [A, out, B])`; a row of B is a unit. Param `taps` is the number
    of pixels where all rows have the same, else 0."""
    b = ScalarBuilder(kernel)
    y = kernel.outputs[0]
    with b.loop(b.lo, b.hi) as unit:
        _weighted_row(b, b.unravel(unit.iv, (y.shape[0], y.shape[1])), 4 * target.lanes)
    return b.finish()


def _weighted_row(b: ScalarBuilder, where: list[Index], wide: int) -> None:
    x, y, p = b.kernel.inputs[0], b.kernel.outputs[0], b.kernel.params
    start, count, weights = b.inputs[1:4]
    lead, i = where
    first, last = b.index(b.get(start, i32, i)), b.sub(b.dim(x.shape[1]), 1)
    taps = p["taps"] or b.index(b.get(count, i32, i))

    def vector(c: Index, width: int, inside: bool) -> None:
        def add(tap: Index, total: Num) -> list[Num]:
            at = b.max(b.min(b.add(first, tap), last), 0)
            row = get_row(b, b.inputs[0], p["dtype"], [lead, at, c], width, inside).to(f32)
            return [total + row * splat(b, b.get(weights, f32, i, tap), width)]

        total = splat(b, b.c(0, f32), width)
        if isinstance(taps, int):
            for k in range(taps):
                (total,) = add(k, total)
        else:
            (total,) = b.repeat(0, taps, [total], add)
        put_row(b, total, b.outputs[0], [lead, i, c], inside)

    across(b, b.dim(y.shape[2]), wide, vector)
