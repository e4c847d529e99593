"""Images under other sizes: interpolation with TensorFlow's coordinate conventions, channels last.

Coordinates and weights are float32 numbers whatever the data type, because their rounding decides which
pixels are taken. Sources: R. Keys, "Cubic convolution interpolation for digital image processing" (1981);
D. Mitchell and A. Netravali, "Reconstruction filters in computer graphics" (1988).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Union

import numpy as np

from ...runtime.errors import DTypeError
from ...runtime.spec import f32
from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.dims import Dim, Sym, ceildiv, dim_max, dim_min
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import (
    Env,
    Gradients,
    GraphOp,
    NoGradient,
    concrete,
    require_at_least,
    require_equal,
    shape_error,
    tensor,
)
from .constant import constant_value
from .gradient import flows, static, terms
from .resize_gradient import resize_gradient, taps_matrix

DimAttr = tuple[Union[int, Sym], ...]

METHODS = ("nearest", "bilinear", "bicubic", "area")
#: the place in the image of result pixel i: scale · i; so that the centres of corner pixels coincide; so
#: that the edges of the images coincide
COORDINATES = ("legacy", "align_corners", "half_pixel")
#: steps of a pixel's width at which cubic weights are taken
CUBIC_STEPS = 1024

#: of every result position: the first pixel, how many there are, and their weights [out, taps]; pixels
#: outside of the image are its edge
Taps = tuple[Array, Array, Array]


def axis_scale(size: int, out: int, coordinates: str) -> np.float32:
    """Pixels of the image for one of the result."""
    if coordinates == "align_corners" and out > 1:
        return np.float32(size - 1) / np.float32(out - 1)
    return np.float32(size) / np.float32(out)


def positions(size: int, out: int, coordinates: str) -> Array:
    """The result pixels' places in the image, float32."""
    i, scale = np.arange(out, dtype=np.float32), axis_scale(size, out, coordinates)
    if coordinates == "half_pixel":
        return (i + np.float32(0.5)) * scale - np.float32(0.5)
    return i * scale


def nearest_indices(size: int, out: int, coordinates: str) -> Array:
    """The nearest pixel: rounded half up with align_corners, cut off otherwise."""
    i, scale = np.arange(out, dtype=np.float32), axis_scale(size, out, coordinates)
    if coordinates == "half_pixel":
        at = np.floor((i + np.float32(0.5)) * scale)
    elif coordinates == "align_corners":
        at = np.floor((i * scale).astype(np.float64) + 0.5)
    else:
        at = np.floor(i * scale)
    return np.clip(at.astype(np.int64), 0, size - 1)


def linear_taps(size: int, out: int, coordinates: str) -> tuple[Array, Array, Array]:
    """Lower and upper pixel, and how far it is from the lower one."""
    at = positions(size, out, coordinates)
    low = np.floor(at)
    lower = np.clip(low.astype(np.int64), 0, size - 1)
    upper = np.clip(np.ceil(at).astype(np.int64), 0, size - 1)
    return lower, upper, at - low


def cubic_taps(size: int, out: int, coordinates: str) -> Taps:
    """Four pixels. Outside of the image: with half_pixel they weigh nothing and the others are scaled up to a
    sum of 1; otherwise the edge repeats."""
    keys = coordinates == "half_pixel"
    a = -0.5 if keys else -0.75
    at = positions(size, out, coordinates)
    low = np.floor(at)
    step = np.rint((at - low) * np.float32(CUBIC_STEPS)).astype(np.float64)
    x = np.stack([CUBIC_STEPS + step, step, CUBIC_STEPS - step, 2 * CUBIC_STEPS - step], axis=1) / CUBIC_STEPS
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    weights = np.where(np.array([False, True, True, False]), near, far).astype(np.float32)
    start = low.astype(np.int64) - 1
    if keys:
        at_tap = start[:, None] + np.arange(4)
        weights = normalized(np.where((at_tap >= 0) & (at_tap < size), weights, np.float32(0)))
    return start, np.full(out, 4), weights


def normalized(weights: Array) -> Array:
    """Weights scaled to a sum of 1, unless their sum is 0."""
    total = np.zeros((len(weights), 1), np.float32)
    for k in range(weights.shape[1]):
        total = total + weights[:, k : k + 1]
    whole = np.abs(total) >= 1000 * np.finfo(np.float32).tiny
    return np.where(whole, weights * (np.float32(1) / np.where(whole, total, np.float32(1))), np.float32(0))


def area_taps(size: int, out: int, coordinates: str) -> Taps:
    """Every pixel that the result pixel covers, weighted by how much of the result pixel it is.

    The corners of a single pixel cannot be aligned: it covers everything.
    """
    scale = axis_scale(size, out, coordinates if size > 1 else "legacy")
    i = np.arange(out, dtype=np.float32)
    low, high = i * scale, (i + np.float32(1)) * scale
    start = np.floor(low)
    count = np.ceil(high) - start
    tap = np.arange(int(count.max(initial=0)), dtype=np.float32)
    at = start[:, None] + tap
    begins, ends = at < low[:, None], at + np.float32(1) > high[:, None]
    first, last = at + np.float32(1) - low[:, None], high[:, None] - at
    covered = np.where(begins, np.where(ends, scale, first), np.where(ends, last, np.float32(1)))
    weights = np.where(tap < count[:, None], covered * (np.float32(1) / scale), np.float32(0))
    return start.astype(np.int64), count.astype(np.int64), weights


def most_area_taps(size: Dim, out: Dim) -> Dim:
    """How many pixels a result pixel may cover, whatever the coordinates and their rounding."""
    return ceildiv(size, dim_max(out - 1, 1)) + 2


def resample(x: Array, axis: int, taps: Taps) -> Array:
    """Σ weight · pixel along one axis, in float32."""
    start, count, weights = taps
    out = np.zeros((*x.shape[:axis], len(start), *x.shape[axis + 1 :]), np.float32)
    shape = (-1, *(1,) * (x.ndim - axis - 1))
    for k in range(int(count.max(initial=0))):
        pixels = np.take(x, np.clip(start + k, 0, x.shape[axis] - 1), axis=axis)
        part = pixels.astype(np.float32) * weights[:, k].reshape(shape)
        out = out + np.where((k < count).reshape(shape), part, np.float32(0))
    return out


class _Resize(GraphOp, name="", traits={"symbolic"}):
    def resized(self, x: TensorType, size: tuple[Dim, ...]) -> tuple[Dim, ...]:
        """The shape of the resized images."""
        if x.rank != 4 or len(size) != 2:
            raise shape_error(
                self, f"expected images [N, H, W, C] and two sizes, received {x} and {len(size)}"
            )
        for have, want, what in zip(x.shape[1:3], size, ("height", "width"), strict=True):
            require_at_least(self, want, 1, f"the {what} of the result must be positive, received {want}")
            require_at_least(self, have, 1, f"images of {what} {have} cannot be resized")
        return (x.shape[0], *size, x.shape[3])


class Resize(_Resize, name="graph.resize"):
    """Images [N, H, W, C] resized to [N, size[0], size[1], C].

    nearest keeps the data type; bilinear, bicubic and area give float32 of any number. bicubic is Keys' kernel,
    with a = -1/2 for half_pixel and -3/4 otherwise, at 1024 steps of a pixel. area, the mean over what a
    result pixel covers, knows no half_pixel.
    """

    x = Operand()
    size = Attr(DimAttr)
    method = Attr(str, choices=METHODS)
    coordinates = Attr(str, default="legacy", choices=COORDINATES)

    def infer(self) -> tuple[Type, ...]:
        x = tensor(self.x)
        if self.method == "area" and self.coordinates == "half_pixel":
            raise shape_error(self, "area knows no half_pixel")
        if self.method != "nearest" and x.dtype.kind == "b":
            raise DTypeError(f"{self.name} ({self.location}): expected images of numbers, received {x}")
        dtype = x.dtype if self.method == "nearest" else f32
        return (TensorType(self.resized(x, self.size), dtype),)

    def evaluate_dims(self, env: Env, *arrays: Array) -> Array:
        (x,) = arrays
        size = concrete(self.size, env)
        if self.method == "nearest":
            rows, columns = (nearest_indices(x.shape[1 + i], size[i], self.coordinates) for i in (0, 1))
            return x[:, rows][:, :, columns]
        if self.method == "bilinear":
            return self._bilinear(x.astype(np.float32), size)
        make = cubic_taps if self.method == "bicubic" else area_taps
        for i in (0, 1):
            x = resample(x, 1 + i, make(x.shape[1 + i], size[i], self.coordinates))
        return x

    def weights(self, sizes: tuple[int, ...], axis: int) -> Array:
        """How much of every pixel [out, size] each result pixel is, along one axis."""
        size, out = sizes
        if self.method == "nearest":
            return np.eye(size, dtype=np.float32)[nearest_indices(size, out, self.coordinates)]
        if self.method == "bilinear":
            lower, upper, part = linear_taps(size, out, self.coordinates)
            ends = np.eye(size, dtype=np.float32)
            return ends[lower] * (1 - part)[:, None] + ends[upper] * part[:, None]
        make = cubic_taps if self.method == "bicubic" else area_taps
        return taps_matrix(size, make(size, out, self.coordinates))

    def _bilinear(self, x: Array, size: tuple[int, ...]) -> Array:
        if x.shape[1:3] == size:  # as it is, while infinity would give NaN
            return x
        top, bottom, dy = linear_taps(x.shape[1], size[0], self.coordinates)
        left, right, dx = linear_taps(x.shape[2], size[1], self.coordinates)
        dy, dx = dy[:, None, None], dx[:, None]
        upper, lower = x[:, top], x[:, bottom]
        above = upper[:, :, left] + (upper[:, :, right] - upper[:, :, left]) * dx
        below = lower[:, :, left] + (lower[:, :, right] - lower[:, :, left]) * dx
        return above + (below - above) * dy

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        x = tensor(self.x)
        if not x.dtype.is_float:
            return (None,)
        h, w = (self.weights(static(self, [x.shape[1 + i], self.size[i]]), i) for i in (0, 1))
        return flows(self, resize_gradient(terms(b, *dy)[0], h, w).cast(x.dtype))


def _lanczos(radius: float) -> Callable[[Array], Array]:
    def kernel(x: Array) -> Array:
        angle = np.pi * np.where(x <= 1e-3, 1.0, x).astype(np.float64)
        y = radius * np.sin(angle) * np.sin(angle / radius) / (angle * angle)
        return np.where(x <= 1e-3, 1.0, np.where(x > radius, 0.0, y))

    return kernel


def _gaussian(x: Array) -> Array:
    return np.where(x < 1.5, np.exp(-(x.astype(np.float64) ** 2) / (2 * 0.5 * 0.5)), 0.0)


def _box(x: Array) -> Array:
    return np.where(x < 0.5, 1.0, np.where(x == 0.5, 0.5, 0.0))


def _triangle(x: Array) -> Array:
    return np.where(x < 1, 1 - x, 0.0)


def _keys_cubic(x: Array) -> Array:
    inner, outer = ((1.5 * x - 2.5) * x) * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x >= 2, 0.0, np.where(x >= 1, outer, inner))


def _mitchell_cubic(x: Array) -> Array:
    inner = ((7 / 6 * x - 2) * x) * x + 8 / 9
    outer = ((-7 / 18 * x + 2) * x - 10 / 3) * x + 16 / 9
    return np.where(x >= 2, 0.0, np.where(x >= 1, outer, inner))


#: radius and weight by distance of the kernels of ScaleAndTranslate
KERNELS: dict[str, tuple[float, Callable[[Array], Array]]] = {
    "lanczos1": (1.0, _lanczos(1.0)),
    "lanczos3": (3.0, _lanczos(3.0)),
    "lanczos5": (5.0, _lanczos(5.0)),
    "gaussian": (1.5, _gaussian),
    "box": (1.0, _box),
    "triangle": (1.0, _triangle),
    "keyscubic": (2.0, _keys_cubic),
    "mitchellcubic": (2.0, _mitchell_cubic),
}


def kernel_taps(size: int, out: int, scale: float, translation: float, kernel: str, antialias: bool) -> Taps:
    """The pixels under a kernel around each result pixel's place; none where that lies outside of the image."""
    f = np.float32
    radius, weight = KERNELS[kernel]
    inverse = f(1) / f(scale)
    shift = -inverse * f(translation)
    stretch = max(inverse, f(1)) if antialias else f(1)
    place = (np.arange(out, dtype=f) + f(0.5)) * inverse + shift
    reach = f(radius) * stretch
    start = np.clip(np.ceil(place - reach - f(0.5)), 0, size - 1).astype(np.int64)
    stop = np.clip(np.floor(place + reach - f(0.5)), 0, size - 1).astype(np.int64)
    inside = (place >= 0) & (place <= size)
    count = np.where(inside, stop - start + 1, 0)
    tap = np.arange(max(int(count.max(initial=0)), 1))
    at = (start[:, None] + tap).astype(f) + f(0.5) - place[:, None]
    weights = weight(np.abs(at * (f(1) / stretch))).astype(f)
    return start, count, normalized(np.where(tap < count[:, None], weights, f(0)))


class ScaleAndTranslate(_Resize, name="graph.scale_and_translate"):
    """Images [N, H, W, C] of any number, as float32, under a scale and a translation: result pixel i lies at
    (i + 1/2 - translation) / scale of the image's edges, and is the weighted mean of the pixels under `kernel`
    around it; with antialias the kernel grows with a scale below 1. Places outside of the image give 0.

    `scale` and `translation` are float32 [2], for height and width; scales must be positive.
    """

    x = Operand()
    scale = Operand()
    translation = Operand()
    size = Attr(DimAttr)
    kernel = Attr(str, default="lanczos3", choices=tuple(KERNELS))
    antialias = Attr(bool, default=True)

    def infer(self) -> tuple[Type, ...]:
        for v in (self.scale, self.translation):
            if tensor(v).rank != 1 or tensor(v).dtype != f32:
                raise shape_error(self, f"scale and translation must be float32 [2], received {tensor(v)}")
            require_equal(self, tensor(v).shape[0], 2)
        if tensor(self.x).dtype.kind == "b":
            raise DTypeError(f"{self.name} ({self.location}): expected images of numbers")
        return (TensorType(self.resized(tensor(self.x), self.size), f32),)

    def evaluate_dims(self, env: Env, *arrays: Array) -> Array:
        x, scale, translation = arrays
        size = concrete(self.size, env)
        for i in (0, 1):
            taps = kernel_taps(x.shape[1 + i], size[i], scale[i], translation[i], self.kernel, self.antialias)
            x = resample(x, 1 + i, taps)
        return x

    def most_taps(self, axis: int, scale: float | None) -> Dim:
        """How many pixels may be under the kernel along an axis; with a scale unknown, all of them."""
        size = tensor(self.x).shape[1 + axis]
        if scale is None:
            return size
        stretch = max(1 / scale, 1.0) if self.antialias else 1.0
        return dim_min(size, 2 * math.ceil(KERNELS[self.kernel][0] * stretch * (1 + 1e-6)) + 1)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        x, scale, shift = tensor(self.x), constant_value(self.scale), constant_value(self.translation)
        if not x.dtype.is_float:
            return (None,) * 3
        if scale is None or shift is None:
            return NoGradient("for that scale and translation must be constants"), None, None
        rows: list[Array] = []
        for i in (0, 1):
            size, out = static(self, [x.shape[1 + i], self.size[i]])
            taps = kernel_taps(size, out, scale[i], shift[i], self.kernel, self.antialias)
            rows.append(taps_matrix(size, taps))
        return flows(self, resize_gradient(terms(b, *dy)[0], *rows).cast(x.dtype), None, None)
