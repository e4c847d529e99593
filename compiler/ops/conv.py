"""Convolutions over channels-last images."""

from __future__ import annotations

import numpy as np

from ..ir.attributes import Array
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import GraphOp, require_equal, same_dtype, shape_error, tensor
from .windows import PADDINGS, concrete_pads, output_size, patches


class Conv2D(GraphOp, name="graph.conv2d"):
    """2-D convolution: x [N, H, W, C], w [KH, KW, C / groups, O]; the filter's shape tells the groups.

    `pads` is (top, bottom, left, right) for padding EXPLICIT.
    """

    x = Operand()
    w = Operand()
    strides = Attr(tuple[int, ...], default=(1, 1))
    dilations = Attr(tuple[int, ...], default=(1, 1))
    padding = Attr(str, default="VALID", choices=PADDINGS)
    pads = Attr(tuple[int, ...], default=(0, 0, 0, 0))

    @property
    def kernel(self) -> tuple[int, int]:
        kh, kw = tensor(self.w).shape[:2]
        if not isinstance(kh, int) or not isinstance(kw, int):
            raise shape_error(self, "the filter's height and width must be known")
        return kh, kw

    @property
    def groups(self) -> int:
        c, cg = tensor(self.x).shape[3], tensor(self.w).shape[2]
        return c // cg if isinstance(c, int) and isinstance(cg, int) and cg else 1

    def infer(self) -> tuple[Type, ...]:
        dtype = same_dtype(self, self.x, self.w)
        x, w = tensor(self.x), tensor(self.w)
        if x.rank != 4 or w.rank != 4:
            raise shape_error(self, f"image and filter must have rank 4, received {x.rank} and {w.rank}")
        n, h, width, c = x.shape
        kh, kw = self.kernel
        cg, o = w.shape[2:]
        if isinstance(c, int) and isinstance(cg, int) and isinstance(o, int):
            if cg == 0 or c % cg or o % (c // cg):
                raise shape_error(self, f"{c} channels do not fit a filter of {cg} channels to {o}")
        else:
            require_equal(self, c, cg)
        (sh, sw), (dh, dw), p = self.strides, self.dilations, self.pads
        oh = output_size(self, h, kh, sh, dh, self.padding, (p[0], p[1]))
        ow = output_size(self, width, kw, sw, dw, self.padding, (p[2], p[3]))
        return (TensorType((n, oh, ow, o), dtype),)

    def evaluate(self, *arrays: Array) -> Array:
        return convolve(self, arrays[0], arrays[1])


def pad_image(op: Conv2D, x: Array) -> Array:
    """x with the zeros of the op's padding around it."""
    (kh, kw), (sh, sw), (dh, dw), p = op.kernel, op.strides, op.dilations, op.pads
    rows = concrete_pads(x.shape[1], kh, sh, dh, op.padding, (p[0], p[1]))
    columns = concrete_pads(x.shape[2], kw, sw, dw, op.padding, (p[2], p[3]))
    return np.pad(x, ((0, 0), rows, columns, (0, 0)))


def convolve(op: Conv2D, x: Array, w: Array) -> Array:
    """The convolution as one product per group over a view of the windows."""
    kh, kw, cg, o = w.shape
    padded = pad_image(op, x)
    if padded.shape[0] == 0 or 0 in (padded.shape[1], padded.shape[2]):
        view = patches(padded, (kh, kw), (op.strides[0], op.strides[1]), (op.dilations[0], op.dilations[1]))
        return np.zeros((*view.shape[:3], o), x.dtype)
    view = patches(padded, (kh, kw), (op.strides[0], op.strides[1]), (op.dilations[0], op.dilations[1]))
    n, oh, ow = view.shape[:3]
    groups = x.shape[3] // cg
    out = np.empty((n, oh, ow, o), x.dtype)
    per = o // groups
    for g in range(groups):
        part = view[..., g * cg : (g + 1) * cg].reshape(n * oh * ow, kh * kw * cg)
        weights = w[..., g * per : (g + 1) * per].reshape(kh * kw * cg, per)
        out[..., g * per : (g + 1) * per] = (part @ weights).reshape(n, oh, ow, per)
    return out
