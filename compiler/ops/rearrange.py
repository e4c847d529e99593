"""Ops that put elements in another order or repeat them: reversed axes, windows."""

from __future__ import annotations

import numpy as np

from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.dims import product
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import Gradients, GraphOp, normal_axis, shape_error, tensor
from .gradient import flows, terms
from .window_gradient import patches_gradient
from .windows import output_size
from .windows import patches as windows


class Reverse(GraphOp, name="graph.reverse"):
    """x with the elements along some axes in opposite order."""

    x = Operand()
    axes = Attr(tuple[int, ...])

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.x)
        axes = {normal_axis(self, a, t.rank) for a in self.axes}
        if len(axes) != len(self.axes):
            raise shape_error(self, f"axes {list(self.axes)} name one axis twice")
        return (t,)

    def evaluate(self, *arrays: Array) -> Array:
        return np.flip(arrays[0], self.axes)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        (d,) = terms(b, *dy)
        return flows(self, d.make("reverse", axes=self.axes))


class Patches(GraphOp, name="graph.patches"):
    """The windows of x[n, size…, c], each as one long pixel: [n, count…, kernel… * c]. All windows are inside."""

    x = Operand()
    kernel = Attr(tuple[int, ...])
    strides = Attr(tuple[int, ...])
    dilations = Attr(tuple[int, ...])

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.x)
        if not len(self.kernel) == len(self.strides) == len(self.dilations) == t.rank - 2:
            raise shape_error(self, f"kernel, strides and dilations must have {t.rank - 2} numbers for {t}")
        counts = tuple(
            output_size(self, size, k, s, d, "VALID", (0, 0))
            for size, k, s, d in zip(t.shape[1:-1], self.kernel, self.strides, self.dilations, strict=True)
        )
        return (TensorType((t.shape[0], *counts, product(self.kernel) * t.shape[-1]), t.dtype),)

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        found = windows(x, self.kernel, self.strides, self.dilations)
        axes = len(self.kernel)
        last = int(np.prod(self.kernel)) * x.shape[-1]
        return found.reshape(*found.shape[: 1 + axes], last)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        return patches_gradient(self, b, *dy)
