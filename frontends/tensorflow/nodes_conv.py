"""Convolutions, pooling, bias."""

from __future__ import annotations

from ...compiler.ir.core import Op, Value
from ...compiler.ops.base import tensor
from ...compiler.ops.conv import Conv2D
from ...compiler.ops.elementwise import Add
from ...compiler.ops.pool import AvgPool2D, MaxPool2D
from .context import Context
from .layout import Layout, image_layout
from .registry import Malformed, Refused, converts


@converts("Conv2D")
def conv2d(c: Context, x: Value, w: Value) -> Value:
    """Strides, dilations, all paddings, groups by the filter's shape; NHWC, and NCHW by transposing."""
    layout = image_layout(c, x)
    return convolve(c, layout, x, w, c.integers("dilations", (1, 1, 1, 1)))


@converts("DepthwiseConv2dNative")
def depthwise_conv2d(c: Context, x: Value, w: Value) -> Value:
    """Like Conv2D, as a convolution with as many groups as channels."""
    layout = image_layout(c, x)
    kind = tensor(w)
    if kind.rank != 4:
        raise Malformed(f"expected a filter of rank 4, found {kind}")
    height, width, channels, multiplier = kind.shape
    found = tensor(x).shape[1 if layout.channels_first else 3]
    if isinstance(found, int) and isinstance(channels, int) and found != channels:
        raise Malformed(f"expected a filter for {found} channels, found {kind}")
    w = c.reshape(w, (height, width, 1, channels * multiplier))
    return convolve(c, layout, x, w, c.integers("dilations", (1, 1, 1, 1)))


def convolve(c: Context, layout: Layout, x: Value, w: Value, dilations: tuple[int, ...]) -> Value:
    """A convolution in the node's layout."""
    padding, pads = layout.pads()
    y = c.make(
        Conv2D,
        layout.last(x),
        w,
        strides=layout.spatial_values("strides", c.integers("strides")),
        dilations=layout.spatial_values("dilations", dilations),
        padding=padding,
        pads=pads,
    )
    return layout.back(y)


def pool(c: Context, cls: type[Op], x: Value, kernel: tuple[int, ...], strides: tuple[int, ...]) -> Value:
    """A pooling in the node's layout."""
    layout = image_layout(c, x)
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
    """Windows over height and width, all paddings; NHWC, and NCHW by transposing."""
    return pool(c, MaxPool2D, x, c.integers("ksize"), c.integers("strides"))


@converts("AvgPool")
def avg_pool(c: Context, x: Value) -> Value:
    """Windows over height and width; the padding does not count; NHWC, and NCHW by transposing."""
    if not tensor(x).dtype.is_float:
        raise Malformed(f"expected images of floats, found {tensor(x)}")
    return pool(c, AvgPool2D, x, c.integers("ksize"), c.integers("strides"))


@converts("BiasAdd")
def bias_add(c: Context, x: Value, bias: Value) -> Value:
    """Along the channels, which come last, or after the batch with data format NCHW."""
    kind, of = tensor(bias), tensor(x)
    if kind.rank != 1 or of.rank < 2:
        raise Malformed(f"expected a bias of rank 1 for two dimensions or more, found {kind} for {of}")
    layout = Layout(c, of.rank)
    channels = of.shape[1 if layout.channels_first else -1]
    if isinstance(channels, int) and isinstance(kind.shape[0], int) and kind.shape[0] != channels:
        raise Malformed(f"expected a bias for {channels} channels, found {kind}")
    if kind.shape[0] == 1 and channels != 1:
        raise Refused("a bias of one number for a number of channels that is not known is not supported")
    return layout.back(c.make(Add, layout.last(x), bias))
