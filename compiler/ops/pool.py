"""Pooling over channels-last images."""

from __future__ import annotations

import numpy as np

from ...runtime.spec import DType, bf16
from ..ir.attributes import Array
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import GraphOp, shape_error, tensor
from .windows import PADDINGS, concrete_pads, output_size, patches


def lowest(dtype: DType) -> float | int:
    """The lowest finite number of a data type."""
    if dtype == bf16:
        return float.fromhex("-0x1.fep127")
    return float(np.finfo(dtype.numpy).min) if dtype.is_float else int(np.iinfo(dtype.numpy).min)


class _Pool2D(GraphOp, name=""):
    """A window over x [N, H, W, C]; positions of the padding take no part."""

    x = Operand()
    kernel = Attr(tuple[int, ...])
    strides = Attr(tuple[int, ...], default=(1, 1))
    padding = Attr(str, default="VALID", choices=PADDINGS)
    pads = Attr(tuple[int, ...], default=(0, 0, 0, 0))

    def infer(self) -> tuple[Type, ...]:
        x = tensor(self.x)
        if x.rank != 4:
            raise shape_error(self, f"the image must have rank 4, received {x.rank}")
        n, h, w, c = x.shape
        (kh, kw), (sh, sw), p = self.kernel, self.strides, self.pads
        oh = output_size(self, h, kh, sh, 1, self.padding, (p[0], p[1]))
        ow = output_size(self, w, kw, sw, 1, self.padding, (p[2], p[3]))
        return (TensorType((n, oh, ow, c), x.dtype),)

    def windows(self, x: Array, fill: float) -> Array:
        """[N, OH, OW, KH, KW, C], the padding filled."""
        (kh, kw), (sh, sw), p = self.kernel, self.strides, self.pads
        rows = concrete_pads(x.shape[1], kh, sh, 1, self.padding, (p[0], p[1]))
        columns = concrete_pads(x.shape[2], kw, sw, 1, self.padding, (p[2], p[3]))
        padded = np.pad(x, ((0, 0), rows, columns, (0, 0)), constant_values=fill)
        return patches(padded, (kh, kw), (sh, sw), (1, 1))


class MaxPool2D(_Pool2D, name="graph.max_pool2d"):
    """The maximum of the lowest finite number and each window, in which NaN takes no part.

    So does TensorFlow, unlike its reduce_max: a window of NaN and -infinity alone gives that number.
    """

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        low = lowest(tensor(self.x).dtype)
        return np.fmax(self.windows(x, low), np.asarray(low, x.dtype)).max(axis=(3, 4))


class AvgPool2D(_Pool2D, name="graph.avg_pool2d"):
    """The mean over those positions of each window that lie inside the image."""

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        ones = np.ones((1, *x.shape[1:3], 1), x.dtype)
        total = self.windows(x, 0).sum(axis=(3, 4), dtype=x.dtype)
        return (total / self.windows(ones, 0).sum(axis=(3, 4), dtype=x.dtype)).astype(x.dtype)
