"""The gradient of hue, saturation and value by red, green and blue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..ir.core import Builder, Value
from .base import Gradients
from .gradient import Term, constant, flows, terms

if TYPE_CHECKING:
    from .image import Colour

#: of hue's numerator by colour, for the largest colour: green - blue, blue - red, red - green
_HUE = np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]])


def _one_hot(t: Term, best: Term) -> Term:
    """1 for the first of three channels that equals `best`, else 0."""
    axis = t.rank - 1
    hits = [t.slice(axis, i, i + 1).eq(best) for i in range(3)]
    first = hits[0]
    second = hits[1] & first.point("logical_not")
    third = (hits[0].point("logical_or", hits[1])).point("logical_not")
    return first.make("concat", second, third, axis=axis).cast(t.dtype)


def hsv_gradient(op: Colour, b: Builder, *dy: Value | None) -> Gradients:
    """Of equal colours the first counts as the largest or smallest. Where hue or saturation have no direction, which
    is for grey and for black, their gradient is 0."""
    d, x = terms(b, *dy, op.x)
    axis = x.rank - 1
    top, low = (x.make(f"reduce_{end}", axes=(axis,), keep_dims=True) for end in ("max", "min"))
    largest, smallest = _one_hot(x, top), _one_hot(x, low)
    span = top - low
    dh, ds, dv = (d.slice(axis, i, i + 1) for i in range(3))
    coloured, lit = span > 0, top > 0
    width, height = coloured.where(span, 1), lit.where(top, 1)
    spread = largest - smallest
    turn = largest.reshape((*x.shape[:-1], 1, 3)).matmul(
        constant(b, _HUE, x.dtype).broadcast((*x.shape[:-1], 3, 3))
    )
    turn = turn.reshape(x.shape)
    numerator = (turn * x).sum((axis,), keep_dims=True)
    hue = coloured.where(dh / (width * 6), 0) * (turn - numerator / width * spread)
    saturation = lit.where(ds / height, 0) * (spread - span / height * largest)
    return flows(op, dv * largest + saturation + hue)
