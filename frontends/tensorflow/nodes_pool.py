"""Pools over images and volumes, over channels, with positions; grey-scale dilation."""

from __future__ import annotations

from collections.abc import Sequence

from ...compiler.ir.core import Op, Value
from ...compiler.ir.dims import product
from ...compiler.ops.base import tensor
from ...compiler.ops.pool import AvgPool2D, AvgPool3D, Dilation2D, MaxPool2D, MaxPool3D, MaxPoolArgmax
from ...runtime.spec import i64
from .context import Context
from .layout import image_layout
from .registry import Malformed, Refused, converts


def pool(c: Context, cls: type[Op], x: Value, kernel: tuple[int, ...], strides: tuple[int, ...]) -> Value:
    """A pooling in the node's layout."""
    layout = image_layout(c, x, len(cls.spec.attributes["strides"].default) + 2)
    padding, pads = layout.pads()
    y = c.make(
        cls,
        layout.last(x),
        kernel=layout.spatial_values("ksize", kernel),
        strides=layout.spatial_values("strides", strides),
        padding=padding,
        pads=pads,
    )
    return layout.back(y)


@converts("MaxPool")
def max_pool(c: Context, x: Value) -> Value:
    """Windows over height and width, all paddings, or over channels, side by side; NHWC, and NCHW by
    transposing."""
    return _max_pool(c, x, c.integers("ksize"), c.integers("strides"))


@converts("MaxPoolV2")
def max_pool_v2(c: Context, x: Value, ksize: Value, strides: Value) -> Value:
    """Like MaxPool, with window and strides as constant operands."""
    return _max_pool(c, x, c.numbers(ksize, "ksize"), c.numbers(strides, "strides"))


def _max_pool(c: Context, x: Value, kernel: tuple[int, ...], strides: tuple[int, ...]) -> Value:
    layout = image_layout(c, x)
    channel = 1 if layout.channels_first else 3
    if len(kernel) != 4 or len(strides) != 4 or kernel[channel] == 1:
        return pool(c, MaxPool2D, x, kernel, strides)
    k, depth = kernel[channel], tensor(x).shape[channel]
    others = [v for i, v in enumerate((*kernel, *strides)) if i % 4 != channel]
    if any(v != 1 for v in others) or strides[channel] != k or not isinstance(depth, int) or depth % k:
        raise Refused(f"ksize {list(kernel)} beyond height and width is not supported")
    last = layout.last(x)
    *outer, _ = tensor(last).shape
    groups = depth // k
    rows = c.reshape(last, (product((*outer, groups)), 1, k, 1))
    y, _ = c.results(MaxPoolArgmax, rows, kernel=(1, k), strides=(1, k))
    return layout.back(c.reshape(y, (*outer, groups)))


@converts("AvgPool")
def avg_pool(c: Context, x: Value) -> Value:
    """Windows over height and width; the padding does not count; NHWC, and NCHW by transposing."""
    _check_floats(x)
    return pool(c, AvgPool2D, x, c.integers("ksize"), c.integers("strides"))


@converts("MaxPool3D")
def max_pool_3d(c: Context, x: Value) -> Value:
    """Windows over depth, height and width; NDHWC, and NCDHW by transposing."""
    return pool(c, MaxPool3D, x, c.integers("ksize"), c.integers("strides"))


@converts("AvgPool3D")
def avg_pool_3d(c: Context, x: Value) -> Value:
    """Windows over depth, height and width; the padding does not count; NDHWC, and NCDHW by transposing."""
    _check_floats(x)
    return pool(c, AvgPool3D, x, c.integers("ksize"), c.integers("strides"))


def _check_floats(x: Value) -> None:
    if not tensor(x).dtype.is_float:
        raise Malformed(f"expected images of floats, found {tensor(x)}")


@converts("MaxPoolWithArgmax", outputs=("output", "argmax"))
def max_pool_with_argmax(c: Context, x: Value) -> Sequence[Value]:
    """Windows over height and width; positions as int32 or int64, within an image or with the batch."""
    layout = image_layout(c, x)
    padding, pads = layout.pads()
    return c.results(
        MaxPoolArgmax,
        x,
        kernel=layout.spatial_values("ksize", c.integers("ksize")),
        strides=layout.spatial_values("strides", c.integers("strides")),
        padding=padding,
        pads=pads,
        batch=c.flag("include_batch_in_index", False),
        index=c.dtype("Targmax", i64),
    )


@converts("Dilation2D")
def dilation2d(c: Context, x: Value, w: Value) -> Value:
    """Grey-scale dilation: strides, rates, SAME and VALID padding."""
    layout = image_layout(c, x)
    if tensor(w).rank != 3:
        raise Malformed(f"expected a filter of rank 3, found {tensor(w)}")
    return c.make(
        Dilation2D,
        x,
        w,
        strides=layout.spatial_values("strides", c.integers("strides")),
        rates=layout.spatial_values("rates", c.integers("rates")),
        padding=layout.pads()[0],
    )
