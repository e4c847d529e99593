"""Images: colours, crops, projective transforms, frames around boxes. Channels come last."""

from __future__ import annotations

from typing import Union

import numpy as np

from ...runtime.errors import DTypeError
from ...runtime.spec import f32
from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.dims import Sym
from ..ir.opdef import Attr, Operand, Variadic
from ..ir.types import TensorType, Type
from .base import (
    Env,
    Gradients,
    GraphOp,
    concrete,
    no_gradient,
    require_at_least,
    require_equal,
    same_dtype,
    shape_error,
    tensor,
)
from .colour_gradient import hsv_gradient
from .crop_gradient import crop_gradient

DimAttr = tuple[Union[int, Sym], ...]

COLOURS = ("rgb_to_hsv", "hsv_to_rgb", "adjust_hue", "adjust_saturation")


def _hsv(x: Array) -> tuple[Array, Array, Array]:
    """Hue in turns, saturation and value of pixels in red, green and blue."""
    r, g, b = x[..., 0], x[..., 1], x[..., 2]
    top, span = x.max(-1), x.max(-1) - x.min(-1)
    zero, one = np.zeros((), x.dtype), np.ones((), x.dtype)
    saturation: Array = np.where(top > 0, span / np.where(top > 0, top, one), zero)
    norm: Array = one / (6 * np.where(span > 0, span, one))
    behind: Array = np.where(g == top, norm * (b - r) + one / 3, norm * (r - g) + one * 2 / 3)
    hue: Array = np.where(span > 0, np.where(r == top, norm * (g - b), behind), zero)
    return np.where(hue < 0, hue + one, hue), saturation, top


def _shades(sector: Array, low: Array, high: Array) -> Array:
    """Red, green and blue of a hue in sixths of a turn, between the smallest and the largest of the three."""
    parts = abs(sector - 3) - 1, 2 - abs(sector - 2), 2 - abs(sector - 4)
    return np.stack([low + (high - low) * np.clip(p, 0, 1) for p in parts], axis=-1)


class Colour(GraphOp, name="graph.colour"):
    """Pixels [..., 3] in another colour space, or with another hue or saturation.

    hue, saturation and value are in [0, 1] for colours in it. adjust_hue turns the hue by `amount` turns;
    adjust_saturation multiplies the saturation by `amount` and clips it to [0, 1]. `amount` is a scalar of the
    pixels' data type; the conversions have none. What becomes of pixels that are not finite is not specified.
    """

    x = Operand()
    amount = Variadic()
    kind = Attr(str, choices=COLOURS)

    def infer(self) -> tuple[Type, ...]:
        x = tensor(self.x)
        if not x.dtype.is_float:
            raise DTypeError(f"{self.name} ({self.location}): expected pixels of floats, received {x}")
        if x.rank < 1:
            raise shape_error(self, "a scalar is no pixel")
        require_equal(self, x.shape[-1], 3)
        if len(self.amount) != (1 if self.kind.startswith("adjust") else 0):
            raise shape_error(self, f"{self.kind} does not take {len(self.amount)} amounts")
        same_dtype(self, self.x, *self.amount)
        if any(tensor(v).shape != () for v in self.amount):
            raise shape_error(self, "the amount must be a scalar")
        return (x,)

    def evaluate(self, *arrays: Array) -> Array:
        x = arrays[0]
        if self.kind == "hsv_to_rgb":
            h, s, v = x[..., 0], x[..., 1], x[..., 2]
            return _shades(h * 6, v * (1 - s), v)
        h, s, v = _hsv(x)
        if self.kind == "rgb_to_hsv":
            return np.stack([h, s, v], axis=-1)
        if self.kind == "adjust_saturation":
            return _shades(h * 6, v * (1 - np.clip(s * arrays[1], 0, 1)), v)
        sector = (h + arrays[1]) * 6
        return _shades(sector - 6 * np.floor(sector / 6), x.min(-1), x.max(-1))

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        if self.kind == "hsv_to_rgb":
            return (None,)
        if self.kind != "rgb_to_hsv":
            raise no_gradient(self, f"{self.kind} has none in TensorFlow either")
        return hsv_gradient(self, b, *dy)


class CropAndResize(GraphOp, name="graph.crop_and_resize", traits={"symbolic"}):
    """Boxes of images [N, H, W, C] as float32 [boxes, size[0], size[1], C].

    A box is (y1, x1, y2, x2) in `boxes` float32 [boxes, 4], 0 being the first and 1 the last pixel; a larger first
    coordinate flips. `image` int32 [boxes] names its image; one that there is not is the error INDEX. Corners
    of the crop are at the corners of the box; places outside of the image give `outside`. So do boxes that are
    not finite, with the error INDEX.
    """

    x = Operand()
    boxes = Operand()
    image = Operand()
    size = Attr(DimAttr)
    method = Attr(str, default="bilinear", choices=("bilinear", "nearest"))
    outside = Attr(float, default=0.0)

    def infer(self) -> tuple[Type, ...]:
        x, boxes, image = tensor(self.x), tensor(self.boxes), tensor(self.image)
        if (
            x.rank != 4
            or boxes.rank != 2
            or boxes.dtype != f32
            or image.rank != 1
            or not image.dtype.is_integer
        ):
            raise shape_error(
                self,
                f"expected images [N, H, W, C], float32 boxes [B, 4] and B numbers, received {x}, {boxes}, {image}",
            )
        require_equal(self, boxes.shape[1], 4)
        require_equal(self, boxes.shape[0], image.shape[0])
        for d in (*x.shape[1:3], *self.size):
            require_at_least(self, d, 1, "images and crops must have pixels")
        return (TensorType((boxes.shape[0], *self.size, x.shape[3]), f32),)

    def evaluate_dims(self, env: Env, *arrays: Array) -> Array:
        x, boxes, image = arrays
        if np.any((image < 0) | (image >= len(x))):
            raise IndexError(f"the image of a box is outside of 0..{len(x) - 1}")
        if not np.isfinite(boxes).all():
            raise IndexError("a box is not finite")
        size = concrete(self.size, env)
        out = np.empty((len(boxes), *size, x.shape[3]), np.float32)
        for i, box in enumerate(boxes):
            rows = crop_positions(box[0], box[2], x.shape[1], size[0])
            columns = crop_positions(box[1], box[3], x.shape[2], size[1])
            out[i] = self._crop(x[image[i]].astype(np.float32), rows, columns)
        return out

    def _crop(self, x: Array, rows: Array, columns: Array) -> Array:
        def pick(at: Array, size: int) -> Array:
            return np.clip(np.where(np.isnan(at), 0, at), 0, size - 1).astype(np.int64)

        h, w = x.shape[:2]
        inside = ((rows >= 0) & (rows <= h - 1))[:, None] & ((columns >= 0) & (columns <= w - 1))
        if self.method == "nearest":
            made = x[pick(np.floor(rows + np.float32(0.5)), h)][
                :, pick(np.floor(columns + np.float32(0.5)), w)
            ]
        else:
            dy, dx = (rows - np.floor(rows))[:, None, None], (columns - np.floor(columns))[:, None]
            upper, lower = x[pick(np.floor(rows), h)], x[pick(np.ceil(rows), h)]
            left, right = pick(np.floor(columns), w), pick(np.ceil(columns), w)
            above = upper[:, left] + (upper[:, right] - upper[:, left]) * dx
            below = lower[:, left] + (lower[:, right] - lower[:, left]) * dx
            made = above + (below - above) * dy
        return np.where(inside[..., None], made, np.float32(self.outside))

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        return crop_gradient(self, b, *dy)


def crop_positions(first: float, last: float, size: int, out: int) -> Array:
    """The places in the image of one axis of a crop."""
    f = np.float32
    if out == 1:
        return np.array([f(0.5) * (f(first) + f(last)) * f(size - 1)], f)
    scale = (f(last) - f(first)) * f(size - 1) / f(out - 1)
    return f(first) * f(size - 1) + np.arange(out, dtype=f) * scale


FILLS = ("CONSTANT", "REFLECT", "WRAP", "NEAREST")


class ProjectiveTransform(GraphOp, name="graph.projective_transform", traits={"symbolic"}):
    """Images [N, H, W, C] seen through projective transforms, as [N, size[0], size[1], C] of the same data type.

    `transforms` float32 [N or 1, 8], a to h: result pixel (x, y) is the image's pixel ((a x + b y + c) / k,
    (d x + e y + f) / k) with k = g x + h y + 1. Places outside are `fill`, a scalar float32, or reflected at the
    image's edge, or wrapped around, or the nearest pixel. Where k is 0, it is `fill`.
    """

    x = Operand()
    transforms = Operand()
    fill = Operand()
    size = Attr(DimAttr)
    method = Attr(str, choices=("NEAREST", "BILINEAR"))
    fill_mode = Attr(str, default="CONSTANT", choices=FILLS)

    def infer(self) -> tuple[Type, ...]:
        x, t = tensor(self.x), tensor(self.transforms)
        if x.rank != 4 or t.rank != 2 or t.dtype != f32 or tensor(self.fill) != TensorType((), f32):
            raise shape_error(
                self, f"expected images [N, H, W, C] and float32 transforms [N, 8], received {x}, {t}"
            )
        if x.dtype.kind == "b":
            raise DTypeError(f"{self.name} ({self.location}): expected images of numbers")
        require_equal(self, t.shape[1], 8)
        if t.shape[0] != 1 and isinstance(t.shape[0] - x.shape[0], int):
            require_equal(self, t.shape[0], x.shape[0])
        for d in (*x.shape[1:3], *self.size):
            require_at_least(self, d, 1, "images must have pixels")
        return (TensorType((x.shape[0], *self.size, x.shape[3]), x.dtype),)

    def evaluate_dims(self, env: Env, *arrays: Array) -> Array:
        x, transforms, fill = arrays
        size = concrete(self.size, env)
        if len(transforms) not in (1, len(x)):
            raise IndexError(f"{len(transforms)} transforms for {len(x)} images")
        out = np.empty((len(x), *size, x.shape[3]), x.dtype)
        for i in range(len(x)):
            out[i] = self._warp(x[i], transforms[i if len(transforms) > 1 else 0], fill, size)
        return out

    def _warp(self, x: Array, t: Array, fill: Array, size: tuple[int, ...]) -> Array:
        f = np.float32
        h, w = x.shape[:2]
        value = fill.astype(x.dtype)
        v, u = np.arange(size[0], dtype=f)[:, None], np.arange(size[1], dtype=f)
        k = t[6] * u + t[7] * v + f(1)
        at_x = map_coordinate((t[0] * u + t[1] * v + t[2]) / k, w, self.fill_mode)
        at_y = map_coordinate((t[3] * u + t[4] * v + t[5]) / k, h, self.fill_mode)

        def pixel(row: Array, column: Array) -> Array:
            inside = (row >= 0) & (row < h) & (column >= 0) & (column < w)
            i, j = (np.where(inside, a, 0).astype(np.int64) for a in (row, column))
            return np.where(inside[..., None], x[i, j], value)

        if self.method == "NEAREST":
            made = pixel(round_away(at_y), round_away(at_x))
        else:
            top, left = np.floor(at_y), np.floor(at_x)
            bottom, right = top + 1, left + 1
            to_right, to_left = (right - at_x)[..., None], (at_x - left)[..., None]
            rows = [
                to_right * pixel(r, left).astype(f) + to_left * pixel(r, right).astype(f)
                for r in (top, bottom)
            ]
            made = (bottom - at_y)[..., None] * rows[0] + (at_y - top)[..., None] * rows[1]
            made = made.astype(x.dtype)
        return np.where((k == 0)[..., None], value, made)


def round_away(x: Array) -> Array:
    """To the nearest whole number, halves away from 0."""
    size = np.abs(x)
    whole = np.floor(size)
    return np.copysign(whole + (size - whole >= 0.5), x)


def map_coordinate(at: Array, size: int, fill_mode: str) -> Array:
    """A place inside of the image for one outside, along one axis."""
    f = np.float32
    if fill_mode == "CONSTANT":
        return at
    if fill_mode == "REFLECT":
        double = f(2 * size)
        low = np.where(at < double, double * np.trunc(-at / double) + at, at)
        low = np.where(low < -size, low + double, -low - f(1))
        high = at - double * np.trunc(at / double)
        high = np.where(high >= size, double - high - f(1), high)
        at = np.where(at < 0, low, np.where(at > size - 1, high, at))
    elif fill_mode == "WRAP":
        span = f(size - 1)
        low = at + f(size) * (np.trunc(-at / span) + f(1))
        at = np.where(at < 0, low, np.where(at > size - 1, at - f(size) * np.trunc(at / span), at))
    if size <= 1:
        return np.zeros_like(at)
    return np.clip(at, f(0), f(size - 1))


class DrawBoxes(GraphOp, name="graph.draw_boxes"):
    """Images [N, H, W, C] with a line of one pixel along the edges of each box, in order of the boxes.

    `boxes` float32 [N, boxes, 4] are (y1, x1, y2, x2), 0 being the first and 1 the last pixel; lines outside of the
    image are not drawn, nor are boxes whose end is before their beginning. `colours` float32 [colours, C or
    more] are taken in turn.
    """

    x = Operand()
    boxes = Operand()
    colours = Operand()

    def infer(self) -> tuple[Type, ...]:
        x, boxes, colours = (tensor(v) for v in (self.x, self.boxes, self.colours))
        if x.rank != 4 or boxes.rank != 3 or colours.rank != 2 or not (boxes.dtype == colours.dtype == f32):
            raise shape_error(
                self,
                f"expected images [N, H, W, C], boxes [N, B, 4], colours [K, C], received {x}, {boxes}, {colours}",
            )
        if not x.dtype.is_float:
            raise DTypeError(f"{self.name} ({self.location}): expected images of floats, received {x}")
        require_equal(self, boxes.shape[0], x.shape[0])
        require_equal(self, boxes.shape[2], 4)
        require_at_least(self, colours.shape[0], 1, "there must be a colour")
        require_at_least(self, colours.shape[1], x.shape[3], "a colour must have all channels of the images")
        return (x,)

    def evaluate(self, *arrays: Array) -> Array:
        x, boxes, colours = arrays
        out = x.copy()
        h, w = x.shape[1:3]
        for image, of in zip(out, boxes, strict=True):
            for i, box in enumerate(of):
                places = np.nan_to_num(
                    box * np.array([h - 1, w - 1, h - 1, w - 1], np.float32), posinf=1e9, neginf=-1e9
                )
                y1, x1, y2, x2 = (int(v) for v in np.trunc(places))
                if y1 > y2 or x1 > x2 or y1 >= h or y2 < 0 or x1 >= w or x2 < 0:
                    continue
                colour = colours[i % len(colours), : x.shape[3]].astype(x.dtype)
                rows, columns = slice(max(y1, 0), min(y2, h - 1) + 1), slice(max(x1, 0), min(x2, w - 1) + 1)
                for row in (y1, y2):
                    if 0 <= row < h:
                        image[row, columns] = colour
                for column in (x1, x2):
                    if 0 <= column < w:
                        image[rows, column] = colour
        return out
