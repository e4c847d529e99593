"""The gradient of crops: by the images, each pixel's share of what it was mixed into; by the boxes, the slope of the
mixture along each axis, as TensorFlow has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...runtime.spec import f32, i32
from ..ir.core import Builder, Value
from .base import Gradients, NoGradient
from .gradient import Term, constant, flows, static, static_shape, terms

if TYPE_CHECKING:
    from .image import CropAndResize


class _Axis:
    """One axis of all crops: which pixels [boxes, out] are mixed, and the upper one's weight."""

    def __init__(self, op: CropAndResize, boxes: Term, axis: int, size: int, out: int) -> None:
        b, top = boxes.b, float(size - 1)
        first, last = (boxes.slice(1, axis + k, axis + k + 1) for k in (0, 2))
        if out == 1:
            at, self.share = (first + last) * 0.5 * top, np.array([[0.5 * top], [0.5 * top]])
        else:
            steps = np.arange(out)
            at = first * top + constant(b, steps[None], f32) * ((last - first) * top / float(out - 1))
            self.share = np.stack([top - steps * top / (out - 1), steps * top / (out - 1)])
        self.inside = (at >= 0) & (at <= top)
        nearest = op.method == "nearest"
        low = (at + 0.5).point("floor") if nearest else at.point("floor")
        self.part = low * 0 if nearest else at - low
        self.low = _index(low, top)
        self.high = self.low if nearest else _index(at.point("ceil"), top)

    def ends(self) -> list[tuple[Term, Term]]:
        """Lower and upper pixel, and their weights."""
        return [(self.low, 1 - self.part), (self.high, self.part)]


def _index(at: Term, top: float) -> Term:
    return at.point("maximum", 0).point("minimum", top).cast(i32)


def _rows(t: Term) -> Term:
    """[boxes, height] as [boxes, height, 1]."""
    return t.reshape((*t.shape, 1))


def _columns(t: Term) -> Term:
    """[boxes, width] as [boxes, 1, width]."""
    return t.reshape((t.shape[0], 1, t.shape[1]))


def crop_gradient(op: CropAndResize, b: Builder, *dy: Value | None) -> Gradients:
    d, x, boxes = terms(b, *dy, op.x, op.boxes)
    n, h, w, c = static_shape(op, op.x)
    height, width = static(op, op.size)
    rows, columns = _Axis(op, boxes, 0, h, height), _Axis(op, boxes, 1, w, width)
    inside = _rows(rows.inside) & _columns(columns.inside)
    d = inside.reshape((*inside.shape, 1)).where(d, 0)
    image = Term(b, op.image).cast(i32).reshape((boxes.shape[0], 1, 1)) * (h * w)
    places = [
        (image + _rows(r) * w + _columns(q), _rows(v) * _columns(u))
        for r, v in rows.ends()
        for q, u in columns.ends()
    ]
    if op.method == "nearest":
        places = places[:1]
    count = d.shape[0] * height * width
    dx: Term | None = None
    if x.dtype.is_float:
        shares = [(d * u.reshape((*u.shape, 1))).reshape((count, c)) for _, u in places]
        at = [p.reshape((count,)) for p, _ in places]
        shares, at = (t[0].make("concat", *t[1:], axis=0) for t in (shares, at))
        dx = shares.add_rows(at, n * h * w).reshape(x.shape).cast(x.dtype)
    if op.method == "nearest":
        return flows(op, dx, NoGradient("crops of nearest pixels have none by their boxes"), None)
    pixels = x.cast(f32).reshape((n * h * w, c))
    corners = [pixels.make("gather", p) for p, _ in places]
    return flows(op, dx, _by_boxes(d, corners, rows, columns), None)


def _by_boxes(d: Term, corners: list[Term], rows: _Axis, columns: _Axis) -> Term:
    """[boxes, 4] from the pixels [boxes, height, width, c] at the four corners of each place."""
    top_left, top_right, low_left, low_right = corners
    across = columns.part.reshape((d.shape[0], 1, d.shape[2], 1))
    down = rows.part.reshape((d.shape[0], d.shape[1], 1, 1))
    slopes = (
        (low_left - top_left) * (1 - across) + (low_right - top_right) * across,
        (top_right - top_left) * (1 - down) + (low_right - low_left) * down,
    )
    parts = [(d * slope).sum(axes) for slope, axes in zip(slopes, ((2, 3), (1, 3)), strict=True)]
    found = [
        (part * constant(d.b, axis.share[end], f32)).sum((1,), keep_dims=True)
        for end in (0, 1)
        for part, axis in zip(parts, (rows, columns), strict=True)
    ]
    return found[0].make("concat", *found[1:], axis=1)
