"""Gradients of pools with respect to their images and volumes, channels last."""

from __future__ import annotations

from itertools import product
from typing import Any, cast

import numpy as np

from ...runtime.errors import DTypeError
from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import Gradients, GraphOp, flushed, same_dtype, shape_error, tensor
from .gradient import flows, terms
from .window_gradient import max_pool_gradient_gradient
from .windows import PADDINGS, concrete_pads, output_size


class _PoolGradient(GraphOp, name=""):
    """A pool's attributes, of images and of volumes. Where `pads` is left out there are none."""

    kernel = Attr(tuple[int, ...])
    strides = Attr(tuple[int, ...])
    padding = Attr(str, default="VALID", choices=PADDINGS)
    pads = Attr(tuple[int, ...], default=())

    def around(self, axis: int) -> tuple[int, int]:
        """The explicit padding of one spatial dimension."""
        return (self.pads[2 * axis], self.pads[2 * axis + 1]) if self.pads else (0, 0)

    def pooled(self, x: TensorType) -> TensorType:
        """What the pool makes of `x`; ShapeError where its attributes do not fit."""
        spatial = x.rank - 2
        if spatial not in (2, 3):
            raise shape_error(self, f"expected images or volumes of rank 4 or 5, received {x}")
        if (len(self.kernel), len(self.strides)) != (spatial, spatial) or len(self.pads) not in (
            0,
            2 * spatial,
        ):
            raise shape_error(self, f"window, strides and pads do not fit {spatial} dimensions")
        if not x.dtype.is_float:
            raise DTypeError(f"{self.name} ({self.location}): expected floats, received {x.dtype.tf_name}")
        n, *sizes, c = x.shape
        out = [
            output_size(self, size, k, s, 1, self.padding, self.around(i))
            for i, (size, k, s) in enumerate(zip(sizes, self.kernel, self.strides, strict=True))
        ]
        return TensorType((n, *out, c), x.dtype)

    def margins(self, sizes: tuple[int, ...]) -> list[tuple[int, int]]:
        """The padding of each dimension of an image, its batch and its channels."""
        rows = zip(sizes, self.kernel, self.strides, strict=True)
        spatial = [
            concrete_pads(d, k, s, 1, self.padding, self.around(i)) for i, (d, k, s) in enumerate(rows)
        ]
        return [(0, 0), *spatial, (0, 0)]

    def taps(self, padded: Array, counts: tuple[int, ...]) -> list[Array]:
        """For each position in a window, in order, the elements of a padded image that `counts` windows have there."""
        rows = list(zip(self.strides, counts, strict=True))
        return [
            padded[(slice(None), *(slice(t, t + s * c, s) for t, (s, c) in zip(at, rows, strict=True)))]
            for at in product(*map(range, self.kernel))
        ]


class MaxPoolGradient(_PoolGradient, name="graph.max_pool_gradient"):
    """The gradient dx [N, size…, C] of a maximum over windows, from x, the pool's result y and its gradient dy.

    Of images, each window's dy goes to the first position, row by row, whose number equals the maximum; of volumes
    to every such position. So does TensorFlow. A window of NaN and -infinity alone, in which no number does, gives
    nothing.
    """

    x = Operand()
    y = Operand()
    dy = Operand()

    def infer(self) -> tuple[Type, ...]:
        same_dtype(self, self.x, self.y, self.dy)
        expected = self.pooled(tensor(self.x))
        for v in (self.y, self.dy):
            if tensor(v).shape != expected.shape:
                raise shape_error(self, f"expected {expected} for {tensor(self.x)}, received {tensor(v)}")
        return (self.x.type,)

    def evaluate(self, *arrays: Array) -> Array:
        x, y, dy = arrays
        margins = self.margins(x.shape[1:-1])
        dx = np.zeros([d + sum(m) for d, m in zip(x.shape, margins, strict=True)], x.dtype)
        image, largest, counts = np.pad(flushed(x), margins), flushed(y), y.shape[1:-1]
        inside = np.pad(np.ones(x.shape, bool), margins)
        free = np.ones(y.shape, bool)
        for values, real, target in zip(*(self.taps(a, counts) for a in (image, inside, dx)), strict=True):
            hit = free & real & (values == largest)
            np.add(target, dy, out=target, where=hit)
            if x.ndim == 4:
                free &= ~hit
        return _cropped(dx, margins)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        return max_pool_gradient_gradient(self, b, *dy)


class AvgPoolGradient(_PoolGradient, name="graph.avg_pool_gradient"):
    """The gradient dx [N, size…, C] of a mean over windows, from its result's gradient dy: each position of a window
    inside the image gets dy over the number of such positions.

    `size` are the spatial sizes of x.
    """

    dy = Operand()
    size = Attr(tuple[int, ...])

    def infer(self) -> tuple[Type, ...]:
        dy = tensor(self.dy)
        if dy.rank != len(self.size) + 2:
            raise shape_error(self, f"expected a gradient of rank {len(self.size) + 2}, received {dy}")
        x = TensorType((dy.shape[0], *self.size, dy.shape[-1]), dy.dtype)
        if self.pooled(x).shape != dy.shape:
            raise shape_error(self, f"expected {self.pooled(x)} for {x}, received {dy}")
        return (x,)

    def evaluate(self, *arrays: Array) -> Array:
        (dy,) = arrays
        margins = self.margins(self.size)
        shape = (dy.shape[0], *self.size, dy.shape[-1])
        ones = np.pad(np.ones((1, *self.size, 1), dy.dtype), margins)
        dx = np.zeros([d + sum(m) for d, m in zip(shape, margins, strict=True)], dy.dtype)
        count = cast(Any, sum(self.taps(ones, dy.shape[1:-1])))
        with np.errstate(all="ignore"):
            share = (dy / count).astype(dy.dtype)
        for target in self.taps(dx, dy.shape[1:-1]):
            target += share
        return _cropped(dx, margins)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        """The mean of what is in each window."""
        (d,) = terms(b, *dy)
        spatial = len(self.size)
        window = {"kernel": self.kernel, "strides": self.strides, "padding": self.padding}
        pads = self.pads or (0,) * (2 * spatial)
        return flows(self, d.make(f"avg_pool{spatial}d", pads=pads, **window))


def _cropped(padded: Array, margins: list[tuple[int, int]]) -> Array:
    inner = tuple(slice(low, d - high) for d, (low, high) in zip(padded.shape, margins, strict=True))
    return np.ascontiguousarray(padded[inner])
