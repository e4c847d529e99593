"""Pooling over channels-last images and volumes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...runtime.errors import DTypeError
from ...runtime.spec import DType, bf16, i32, i64
from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.dims import product
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import Gradients, GraphOp, require_equal, same_dtype, shape_error, tensor
from .gradient import flows, row_offsets, static, terms
from .window_gradient import dilation_gradient
from .windows import PADDINGS, output_size, padded_windows


def lowest(dtype: DType) -> float | int:
    """The lowest finite number of a data type."""
    if dtype == bf16:
        return float.fromhex("-0x1.fep127")
    return float(np.finfo(dtype.numpy).min) if dtype.is_float else int(np.iinfo(dtype.numpy).min)


class Pool(GraphOp, name=""):
    """A window over x [N, size…, C]; positions of the padding take no part."""

    x = Operand()
    kernel = Attr(tuple[int, ...])
    strides = Attr(tuple[int, ...], default=(1, 1))
    padding = Attr(str, default="VALID", choices=PADDINGS)
    pads = Attr(tuple[int, ...], default=(0, 0, 0, 0))

    #: of the image, with batch and channels
    rank = 4

    def infer(self) -> tuple[Type, ...]:
        x = tensor(self.x)
        if x.rank != type(self).rank:
            raise shape_error(self, f"the image must have rank {type(self).rank}, received {x.rank}")
        n, *sizes, c = x.shape
        if (len(self.kernel), len(self.strides), len(self.pads)) != (x.rank - 2, x.rank - 2, 2 * x.rank - 4):
            raise shape_error(self, f"window, strides and pads do not fit {x.rank - 2} dimensions")
        out = [
            output_size(self, size, k, s, 1, self.padding, (self.pads[2 * i], self.pads[2 * i + 1]))
            for i, (size, k, s) in enumerate(zip(sizes, self.kernel, self.strides, strict=True))
        ]
        return (TensorType((n, *out, c), x.dtype),)

    def window(self) -> dict[str, Any]:
        """The attributes that a pool and its gradient share."""
        return {name: self.attributes[name] for name in ("kernel", "strides", "padding", "pads")}

    def windows(self, x: Array, fill: float) -> Array:
        """[N, O…, K…, C], the padding filled."""
        ones = (1,) * len(self.kernel)
        return padded_windows(x, self.kernel, self.strides, ones, self.padding, self.pads, fill)

    @property
    def window_axes(self) -> tuple[int, ...]:
        """The axes of `windows` that run inside a window."""
        spatial = len(self.kernel)
        return tuple(range(1 + spatial, 1 + 2 * spatial))


class _MaxPool(Pool, name=""):
    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        low = lowest(tensor(self.x).dtype)
        return np.fmax(self.windows(x, low), np.asarray(low, x.dtype)).max(axis=self.window_axes)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x, y = terms(b, *dy, self.x, self.result)
        return flows(self, x.make("max_pool_gradient", y, d, **self.window()))


class _AvgPool(Pool, name=""):
    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        ones = np.ones((1, *x.shape[1:-1], 1), x.dtype)
        total = self.windows(x, 0).sum(axis=self.window_axes, dtype=x.dtype)
        return (total / self.windows(ones, 0).sum(axis=self.window_axes, dtype=x.dtype)).astype(x.dtype)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        (d,) = terms(b, *dy)
        size = static(self, tensor(self.x).shape[1:-1])
        return flows(self, d.make("avg_pool_gradient", size=size, **self.window()))


class MaxPool2D(_MaxPool, name="graph.max_pool2d"):
    """The maximum of the lowest finite number and each window, in which NaN takes no part.

    So does TensorFlow, unlike its reduce_max: a window of NaN and -infinity alone gives that number.
    """


class AvgPool2D(_AvgPool, name="graph.avg_pool2d"):
    """The mean over those positions of each window that lie inside the image."""


class MaxPool3D(_MaxPool, name="graph.max_pool3d"):
    """The same as max_pool2d over volumes x [N, D, H, W, C]."""

    rank = 5
    strides = Attr(tuple[int, ...], default=(1, 1, 1))
    pads = Attr(tuple[int, ...], default=(0, 0, 0, 0, 0, 0))


class AvgPool3D(_AvgPool, name="graph.avg_pool3d"):
    """The same as avg_pool2d over volumes x [N, D, H, W, C]."""

    rank = 5
    strides = Attr(tuple[int, ...], default=(1, 1, 1))
    pads = Attr(tuple[int, ...], default=(0, 0, 0, 0, 0, 0))


class MaxPoolArgmax(Pool, name="graph.max_pool_argmax"):
    """The maximum of each window and where in x it is, as a flat index into its image (with `batch` into
    all of x): the first number of a window, until one is greater. So NaN stays where it is the first."""

    batch = Attr(bool, default=False)
    index = Attr(DType, default=i64)

    def infer(self) -> tuple[Type, ...]:
        if self.index not in (i32, i64):
            raise DTypeError(f"{self.name} ({self.location}): an index is int32 or int64, not {self.index}")
        (found,) = super().infer()
        return (found, TensorType(tensor(self.x).shape[:1] + _shape(found)[1:], self.index))

    def evaluate(self, *arrays: Array) -> tuple[Array, Array]:
        (x,) = arrays
        places = np.arange(x.size, dtype=np.int64).reshape(x.shape)
        if not self.batch and x.shape[0]:
            places = np.broadcast_to(places[:1], x.shape)
        axes, rank = self.window_axes, x.ndim
        values, at = self.windows(x, 0), self.windows(np.ascontiguousarray(places), -1)
        shape = (*values.shape[: axes[0]], -1, x.shape[-1])
        taps = int(np.prod(self.kernel))
        if not values.size:
            empty = (*values.shape[: rank - 1], x.shape[-1])
            return np.zeros(empty, x.dtype), np.zeros(empty, self.index.numpy)
        values, at = values.reshape(shape), at.reshape(shape)
        best = np.zeros((*shape[:-2], shape[-1]), x.dtype)
        where = np.full(best.shape, -1, np.int64)
        for t in range(taps):
            v, p = values[..., t, :], at[..., t, :]
            better = (p >= 0) & ((where < 0) | (v > best))
            best, where = np.where(better, v, best), np.where(better, p, where)
        return best, where.astype(self.index.numpy)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        """By place: the second result says where each maximum was."""
        d, x, at = terms(b, dy[0], self.x, self.results[1])
        whole = product(x.shape)
        at = at.reshape((d.shape[0], product(d.shape[1:])))
        if not self.batch:
            at = row_offsets(at, product(x.shape[1:]))
        flat = d.reshape((product(d.shape), 1)).add_rows(at.reshape((product(d.shape),)), whole)
        return flows(self, flat.reshape(x.shape))


def _shape(t: Type) -> tuple[int, ...]:
    return t.shape if isinstance(t, TensorType) else ()  # type: ignore[return-value]


class Dilation2D(GraphOp, name="graph.dilation2d"):
    """Grey-scale dilation: the maximum over each window of x [N, H, W, C] plus the filter w [KH, KW, C].

    `rates` are the distances between a window's positions. The lowest finite number takes part and NaN
    does not, as in max_pool2d; integers wrap.
    """

    x = Operand()
    w = Operand()
    strides = Attr(tuple[int, ...], default=(1, 1))
    rates = Attr(tuple[int, ...], default=(1, 1))
    padding = Attr(str, default="VALID", choices=("SAME", "VALID"))

    @property
    def kernel(self) -> tuple[int, ...]:
        """The filter's height and width; ShapeError when they are not known."""
        sizes = tensor(self.w).shape[:2]
        known = tuple(k for k in sizes if isinstance(k, int))
        if len(known) != len(sizes):
            raise shape_error(self, "the filter's height and width must be known")
        return known

    def infer(self) -> tuple[Type, ...]:
        dtype = same_dtype(self, self.x, self.w)
        x, w = tensor(self.x), tensor(self.w)
        if x.rank != 4 or w.rank != 3:
            raise shape_error(self, f"expected images of rank 4 and a filter of rank 3, received {x} and {w}")
        n, *sizes, c = x.shape
        require_equal(self, w.shape[2], c)
        rows = zip(sizes, self.kernel, self.strides, self.rates, strict=True)
        out = [output_size(self, size, k, s, r, self.padding, (0, 0)) for size, k, s, r in rows]
        return (TensorType((n, *out, c), dtype),)

    def evaluate(self, *arrays: Array) -> Array:
        x, w = arrays
        inside = np.ones((1, *x.shape[1:3], 1), bool)
        shown, real = (
            padded_windows(a, self.kernel, self.strides, self.rates, self.padding, (0, 0, 0, 0))
            for a in (x, inside)
        )
        low = np.asarray(lowest(tensor(self.x).dtype), x.dtype)
        return np.fmax(np.where(real, (shown + w).astype(x.dtype), low), low).max(axis=(3, 4))

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        return dilation_gradient(self, b, *dy)
