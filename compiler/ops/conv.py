"""Convolutions over channels-last images and volumes, and their transposes."""

from __future__ import annotations

from typing import Any, Union

import numpy as np

from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.dims import Dim, Sym
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import Env, Gradients, GraphOp, concrete, require_equal, same_dtype, shape_error, tensor
from .gradient import flows, terms
from .windows import PADDINGS, concrete_pads, output_size, padded_windows

DimAttr = tuple[Union[int, Sym], ...]


class _Windowed(GraphOp, name=""):
    """A filter w of shape [K…, from, to] that slides over images."""

    x = Operand()
    w = Operand()
    strides = Attr(tuple[int, ...], default=())
    dilations = Attr(tuple[int, ...], default=())
    padding = Attr(str, default="VALID", choices=PADDINGS)
    pads = Attr(tuple[int, ...], default=())

    @property
    def kernel(self) -> tuple[int, ...]:
        """The filter's spatial sizes; ShapeError when they are not known."""
        sizes = tensor(self.w).shape[:-2]
        known = tuple(k for k in sizes if isinstance(k, int))
        if len(known) != len(sizes):
            raise shape_error(self, "the filter's height and width must be known")
        return known

    def window(self) -> dict[str, Any]:
        """How the filter moves: the attributes that gradients share."""
        names = ("strides", "dilations", "padding", "pads")
        return {name: self.attributes[name] for name in names}

    def check_window(self, rank: int) -> None:
        """Raises ShapeError when attributes and filter do not fit images of `rank` dimensions."""
        x, w = tensor(self.x), tensor(self.w)
        if x.rank != rank or w.rank != rank:
            raise shape_error(self, f"image and filter must have rank {rank}, received {x.rank} and {w.rank}")
        spatial = rank - 2
        if (len(self.strides), len(self.dilations), len(self.pads)) != (spatial, spatial, 2 * spatial):
            raise shape_error(self, f"strides, dilations and pads do not fit {spatial} dimensions")

    def image_size(self, sizes: tuple[Dim, ...]) -> list[Dim]:
        """How many windows fit into an image of these sizes."""
        rows = zip(sizes, self.kernel, self.strides, self.dilations, strict=True)
        return [
            output_size(self, size, k, s, d, self.padding, (self.pads[2 * i], self.pads[2 * i + 1]))
            for i, (size, k, s, d) in enumerate(rows)
        ]


class _Conv(_Windowed, name=""):
    """A convolution over `len(strides)` dimensions."""

    @property
    def groups(self) -> int:
        c, cg = tensor(self.x).shape[-1], tensor(self.w).shape[-2]
        return c // cg if isinstance(c, int) and isinstance(cg, int) and cg else 1

    def infer(self) -> tuple[Type, ...]:
        dtype = same_dtype(self, self.x, self.w)
        self.check_window(type(self).rank)
        x, w = tensor(self.x), tensor(self.w)
        n, *sizes, c = x.shape
        cg, o = w.shape[-2:]
        if isinstance(c, int) and isinstance(cg, int) and isinstance(o, int):
            if cg == 0 or c % cg or o % (c // cg):
                raise shape_error(self, f"{c} channels do not fit a filter of {cg} channels to {o}")
        else:
            require_equal(self, c, cg)
        return (TensorType((n, *self.image_size(tuple(sizes)), o), dtype),)

    def evaluate(self, *arrays: Array) -> Array:
        return convolve(self, arrays[0], arrays[1])

    #: of the image, with batch and channels
    rank = 0

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x, w = terms(b, *dy, self.x, self.w)
        dx = d.make("conv_transpose", w, size=x.shape[1:-1], groups=self.groups, **self.window())
        dw = x.make("conv_filter_gradient", d, kernel=self.kernel, groups=self.groups, **self.window())
        return flows(self, dx, dw)


class Conv2D(_Conv, name="graph.conv2d"):
    """2-D convolution: x [N, H, W, C], w [KH, KW, C / groups, O]; the filter's shape tells the groups.

    `pads` is (top, bottom, left, right) for padding EXPLICIT.
    """

    rank = 4
    strides = Attr(tuple[int, ...], default=(1, 1))
    dilations = Attr(tuple[int, ...], default=(1, 1))
    pads = Attr(tuple[int, ...], default=(0, 0, 0, 0))


class Conv3D(_Conv, name="graph.conv3d"):
    """3-D convolution: x [N, D, H, W, C], w [KD, KH, KW, C / groups, O]; otherwise like conv2d."""

    rank = 5
    strides = Attr(tuple[int, ...], default=(1, 1, 1))
    dilations = Attr(tuple[int, ...], default=(1, 1, 1))
    pads = Attr(tuple[int, ...], default=(0, 0, 0, 0, 0, 0))


class ConvTranspose(_Windowed, name="graph.conv_transpose", traits={"symbolic"}):
    """The transpose of a 2-D or 3-D convolution, known as deconvolution: from its result x [N, size…, C]
    to an image [N, `size`…, O], with the convolution's filter w [K…, O / groups, C].

    Strides, dilations and paddings are the convolution's: an image of `size` must have a result of x's
    size. What no window covers is 0.
    """

    size = Attr(DimAttr)
    groups = Attr(int, default=1)

    def infer(self) -> tuple[Type, ...]:
        dtype = same_dtype(self, self.x, self.w)
        self.check_window(len(self.size) + 2)
        x, w = tensor(self.x), tensor(self.w)
        n, *sizes, c = x.shape
        og, cw = w.shape[-2:]
        require_equal(self, c, cw)
        if self.groups < 1 or (isinstance(c, int) and c % self.groups):
            raise shape_error(self, f"{c} channels do not divide into {self.groups} groups")
        for have, want in zip(sizes, self.image_size(self.size), strict=True):
            require_equal(self, have, want)
        return (TensorType((n, *self.size, og * self.groups), dtype),)

    def evaluate_dims(self, env: Env, *arrays: Array) -> Array:
        return spread(self, concrete(self.size, env), arrays[0], arrays[1])

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x, w = terms(b, *dy, self.x, self.w)
        dx = d.make(f"conv{len(self.size)}d", w, **self.window())
        dw = d.make("conv_filter_gradient", x, kernel=self.kernel, groups=self.groups, **self.window())
        return flows(self, dx, dw)


def convolve(op: Any, x: Array, w: Array) -> Array:
    """The convolution as one product per group over a view of the windows."""
    cg, o = w.shape[-2:]
    view = padded_windows(x, w.shape[:-2], op.strides, op.dilations, op.padding, op.pads)
    spatial = w.ndim - 2
    shape = view.shape[: spatial + 1]
    groups = x.shape[-1] // cg
    out = np.zeros((*shape, o), x.dtype)
    per, depth = o // groups, int(np.prod(w.shape[:-1]))
    for g in range(groups if out.size else 0):
        part = view[..., g * cg : (g + 1) * cg].reshape(-1, depth)
        weights = w[..., g * per : (g + 1) * per].reshape(depth, per)
        out[..., g * per : (g + 1) * per] = (part @ weights).reshape(*shape, per)
    return out


def spread(op: Any, size: tuple[int, ...], x: Array, w: Array) -> Array:
    """The transposed convolution by its definition: every number of x times the filter, added up."""
    n, *have, c = x.shape
    kernel, og, groups = w.shape[:-2], w.shape[-2], op.groups
    axes = list(zip(size, kernel, op.strides, op.dilations, strict=True))
    front = [
        concrete_pads(z, k, s, d, op.padding, (op.pads[2 * i], op.pads[2 * i + 1]))[0]
        for i, (z, k, s, d) in enumerate(axes)
    ]
    room = [
        max((h - 1) * s + (k - 1) * d + 1, f + z)
        for h, f, (z, k, s, d) in zip(have, front, axes, strict=True)
    ]
    out = np.zeros((n, *room, og * groups), x.dtype)
    per = c // groups
    for tap in np.ndindex(*kernel):
        places = tuple(
            slice(t * d, t * d + (h - 1) * s + 1, s) if h else slice(0, 0)
            for t, h, (_, _, s, d) in zip(tap, have, axes, strict=True)
        )
        for g in range(groups):
            weights = w[tap][:, g * per : (g + 1) * per].T
            where = (slice(None), *places, slice(g * og, (g + 1) * og))
            out[where] += x[..., g * per : (g + 1) * per] @ weights
    return out[(slice(None), *(slice(f, f + z) for f, z in zip(front, size, strict=True)))]
