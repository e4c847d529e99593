"""The gradient of a convolution by its filter. That by its image is `graph.conv_transpose`."""

from __future__ import annotations

import numpy as np

from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.dims import floordiv
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import Gradients, GraphOp, require_equal, same_dtype, shape_error, tensor
from .gradient import flows, terms
from .windows import PADDINGS, output_size, padded_windows


class ConvFilterGradient(GraphOp, name="graph.conv_filter_gradient"):
    """The gradient of a 2-D or 3-D convolution by its filter [K…, C / groups, O]: from its image x [N, size…, C]
    and the gradient of its result dy [N, out…, O], the sum over all images and pixels of each number of the window
    times each channel of dy.

    `kernel` gives the filter's spatial sizes; strides, dilations, padding and `pads` are the convolution's, whose
    result for an image of x's size must have dy's size. Without images it is 0.

    Raises:
        ShapeError: when ranks, attributes or sizes do not fit each other, or `groups` does not divide the channels.
    """

    x = Operand()
    dy = Operand()
    kernel = Attr(tuple[int, ...])
    strides = Attr(tuple[int, ...], default=())
    dilations = Attr(tuple[int, ...], default=())
    padding = Attr(str, default="VALID", choices=PADDINGS)
    pads = Attr(tuple[int, ...], default=())
    groups = Attr(int, default=1)

    def infer(self) -> tuple[Type, ...]:
        dtype = same_dtype(self, self.x, self.dy)
        x, dy = tensor(self.x), tensor(self.dy)
        spatial = len(self.kernel)
        if spatial < 1 or x.rank != spatial + 2 or dy.rank != spatial + 2:
            raise shape_error(
                self, f"image and gradient must have rank {spatial + 2}, received {x.rank} and {dy.rank}"
            )
        if (len(self.strides), len(self.dilations), len(self.pads)) != (spatial, spatial, 2 * spatial):
            raise shape_error(self, f"strides, dilations and pads do not fit {spatial} dimensions")
        (n, *sizes, c), (m, *out, o) = x.shape, dy.shape
        if self.groups < 1 or any(isinstance(d, int) and d % self.groups for d in (c, o)):
            raise shape_error(self, f"{c} and {o} channels do not divide into {self.groups} groups")
        require_equal(self, n, m)
        rows = zip(sizes, out, self.kernel, self.strides, self.dilations, strict=True)
        for i, (size, have, k, s, d) in enumerate(rows):
            pads = (self.pads[2 * i], self.pads[2 * i + 1])
            require_equal(self, have, output_size(self, size, k, s, d, self.padding, pads))
        return (TensorType((*self.kernel, floordiv(c, self.groups), o), dtype),)

    def evaluate(self, *arrays: Array) -> Array:
        """One product per group over a view of the windows."""
        x, dy = arrays
        view = padded_windows(x, self.kernel, self.strides, self.dilations, self.padding, self.pads)
        c, o = x.shape[-1] // self.groups, dy.shape[-1] // self.groups
        depth = int(np.prod(self.kernel)) * c
        out = np.zeros((*self.kernel, c, o * self.groups), x.dtype)
        for g in range(self.groups):
            windows = view[..., g * c : (g + 1) * c].reshape(-1, depth)
            given = dy[..., g * o : (g + 1) * o].reshape(-1, o)
            out[..., g * o : (g + 1) * o] = (windows.T @ given).reshape(*self.kernel, c, o)
        return out

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        """It is linear in both operands; `found` is a filter."""
        found, x, dy_ = terms(b, *dy, self.x, self.dy)
        window = {name: self.attributes[name] for name in ("strides", "dilations", "padding", "pads")}
        dx = dy_.make("conv_transpose", found, size=x.shape[1:-1], groups=self.groups, **window)
        return flows(self, dx, x.make(f"conv{len(self.kernel)}d", found, **window))
