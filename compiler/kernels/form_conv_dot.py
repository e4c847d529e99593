"""Convolutions to few channels: whether their vectors run along the summed numbers, and weights packed for that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...runtime.spec import f32, f64
from ..cost.choose import ConvChoice
from ..cost.dot import LEAST_LANES, MOST_COLUMNS, direct_cycles, dot_cycles, dot_lanes
from ..cost.reasons import Why, reason_text, times
from ..ir.core import Value
from ..ir.dims import Dim, ceildiv, product
from .conv_dot import BLOCK, stretches
from .dialect_kern import KernConstant
from .dialect_memory import memref
from .form_border import number
from .former import Former


class DotCall(NamedTuple):
    """What the kernel is called with: weights [stretches, O, numbers], units and their FLOPs, parameters."""

    weights: Value
    units: Dim
    per_unit: float
    params: dict[str, Any]
    why: Why


def dot_of(
    f: Former, x: Value, weights: tuple[Value, bool], y: Value, kernel: Sequence[int], strides: Sequence[int],
    dilations: Sequence[int], direct: ConvChoice,
) -> DotCall | None:  # fmt: skip
    """The call for a convolution of a padded image; None where the direct one takes fewer cycles."""
    xt, yt = memref(x), memref(y)
    o, c = yt.shape[-1], xt.shape[-1]
    if yt.rank != 4 or len(kernel) != 2 or 0 in kernel or xt.dtype not in (f32, f64):
        return None
    if not isinstance(o, int) or not isinstance(c, int) or not 0 < o <= MOST_COLUMNS or c == 0:
        return None
    size, lanes = xt.dtype.size, dot_lanes(f.target, xt.dtype.size)
    if lanes < LEAST_LANES or xt.element_strides[-1] != 1:
        return None
    across, inner = stretches(xt, kernel[1], dilations[1])
    rows = kernel[0] * across
    cycles = dot_cycles(f.target, yt.shape, rows, inner, o, size)
    other = direct_cycles(f.target, direct.tile, lanes, rows * inner, direct.cycles, size)
    if cycles >= other:
        return None
    w = (
        _packed(f, weights[0], rows, inner, o, lanes)
        if weights[1]
        else _as_it_lies(f, weights[0], rows, inner, o)
    )
    if w is None:
        return None
    width = yt.shape[2]
    text = reason_text("vectors along the sums", cycles, "", [], [("direct", other)])
    return DotCall(
        w,
        product(yt.shape[:2]) * ceildiv(width, BLOCK * lanes),
        2.0 * rows * inner * o * min(number(width), BLOCK * lanes),
        {"kernel": tuple(kernel), "strides": tuple(strides), "dilations": tuple(dilations)},
        Why(text, times(cycles, yt.shape[0]) if direct.cycles else 0),
    )


def _packed(f: Former, panels: Value, rows: int, inner: int, o: int, lanes: int) -> Value | None:
    """A filter that was packed into panels as [rows, O, numbers], with zeros to whole vectors. The panels go when
    nobody else wants them."""
    made = panels.definer
    if not isinstance(made, KernConstant):
        return None
    have = made.value
    array = np.asarray(have.array)[0].reshape(rows, inner, -1)[..., :o]
    out = np.zeros((rows, o, -(-inner // lanes) * lanes), array.dtype)
    out[..., :inner] = array.transpose(0, 2, 1)
    w = f.constant(out, have.name, memref(panels).dtype)
    if not panels.uses:
        made.erase()
    return w


def _as_it_lies(f: Former, w: Value, rows: int, inner: int, o: int) -> Value | None:
    """A filter that is known at run time, when its numbers for a stretch are dense."""
    t = memref(w)
    if o != 1 or t.element_strides != type(t)(t.shape, t.dtype).element_strides:
        return None
    return f.view(w, (rows, 1, inner), (inner, inner, 1))
