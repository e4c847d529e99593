"""Convolutions, their transposes, bias."""

from __future__ import annotations

from collections.abc import Sequence

from ...compiler.ir.core import Op, Value
from ...compiler.ir.dims import Dim
from ...compiler.ops.base import require_equal, tensor
from ...compiler.ops.conv import Conv2D, Conv3D, ConvTranspose
from ...compiler.ops.elementwise import Add
from ...compiler.ops.shape import Slice
from ...compiler.ops.windows import concrete_pads
from .context import Context
from .layout import Layout, image_layout
from .registry import Malformed, Refused, converts


@converts("Conv2D")
def conv2d(c: Context, x: Value, w: Value) -> Value:
    """Strides, dilations, all paddings, groups by the filter's shape; NHWC, and NCHW by transposing."""
    return convolve(c, image_layout(c, x), x, w)


@converts("Conv3D")
def conv3d(c: Context, x: Value, w: Value) -> Value:
    """Strides, dilations, SAME and VALID padding; NDHWC, and NCDHW by transposing."""
    return convolve(c, image_layout(c, x, 5), x, w, Conv3D)


@converts("DepthwiseConv2dNative")
def depthwise_conv2d(c: Context, x: Value, w: Value) -> Value:
    """Like Conv2D, as a convolution with as many groups as channels."""
    layout = image_layout(c, x)
    return convolve(c, layout, x, depthwise_filter(c, layout, x, w))


def depthwise_filter(c: Context, layout: Layout, x: Value, w: Value) -> Value:
    """A filter [H, W, C, M] as that of a convolution with a group for each channel, [H, W, 1, C * M]."""
    height, width, channels, multiplier = filter_shape(w, 4)
    found = tensor(x).shape[1 if layout.channels_first else 3]
    if isinstance(found, int) and isinstance(channels, int) and found != channels:
        raise Malformed(f"expected a filter for {found} channels, found {tensor(w)}")
    return c.reshape(w, (height, width, 1, channels * multiplier))


def filter_shape(w: Value, rank: int) -> tuple[Dim, ...]:
    """The shape of a filter, which must be of this rank."""
    if tensor(w).rank != rank:
        raise Malformed(f"expected a filter of rank {rank}, found {tensor(w)}")
    return tensor(w).shape


def dilations_of(c: Context, layout: Layout) -> tuple[int, ...]:
    """The distances between a window's positions along the spatial axes."""
    return layout.spatial_values("dilations", c.integers("dilations", (1,) * layout.rank))


def convolve(c: Context, layout: Layout, x: Value, w: Value, cls: type[Op] = Conv2D) -> Value:
    """A convolution in the node's layout."""
    padding, pads = layout.pads()
    y = c.make(
        cls,
        layout.last(x),
        w,
        strides=layout.spatial_values("strides", c.integers("strides")),
        dilations=dilations_of(c, layout),
        padding=padding,
        pads=pads,
    )
    return layout.back(y)


@converts("Conv2DBackpropInput")
def conv2d_backprop_input(c: Context, input_sizes: Value, w: Value, out_backprop: Value) -> Value:
    """Transposed convolution, to sizes that are known or follow from those of inputs: strides, dilations,
    all paddings, groups by the filter's shape; NHWC, and NCHW by transposing."""
    layout = image_layout(c, out_backprop)
    return transposed(c, layout, c.sizes(input_sizes, "input_sizes"), w, out_backprop)


@converts("Conv3DBackpropInputV2")
def conv3d_backprop_input(c: Context, input_sizes: Value, w: Value, out_backprop: Value) -> Value:
    """Like Conv2DBackpropInput for volumes; NDHWC, and NCDHW by transposing."""
    layout = image_layout(c, out_backprop, 5)
    return transposed(c, layout, c.sizes(input_sizes, "input_sizes"), w, out_backprop)


@converts("Conv2DBackpropInputV2", "Conv3DBackpropInput")
def conv_backprop_input_like(c: Context, x: Value, w: Value, out_backprop: Value) -> Value:
    """The same to the shape of a tensor."""
    layout = image_layout(c, out_backprop, tensor(x).rank)
    return transposed(c, layout, tensor(x).shape, w, out_backprop)


def transposed(c: Context, layout: Layout, sizes: Sequence[Dim], w: Value, x: Value) -> Value:
    """A transposed convolution to `sizes` in the node's layout; of images they may be height and width."""
    rank = layout.rank
    inner, channels = filter_shape(w, rank)[-2:]
    if len(sizes) == rank:
        order = (0, *layout.spatial, 1 if layout.channels_first else rank - 1)
        batch, *size, depth = (sizes[i] for i in order)
    elif len(sizes) == 2 and rank == 4:
        batch, size, depth = tensor(x).shape[0], list(sizes), inner
    else:
        raise Malformed(f"expected {rank} numbers as 'input_sizes', found {len(sizes)}")
    groups = 1
    if isinstance(depth, int) and isinstance(inner, int):
        if inner == 0 or depth % inner:
            raise Malformed(f"expected a filter for {depth} channels, found {tensor(w)}")
        groups = depth // inner
    if any(isinstance(d, int) and d < 0 for d in size):
        raise Malformed(f"expected sizes of at least 0 as 'input_sizes', found {list(map(str, sizes))}")
    image = layout.last(x)
    found = tensor(image).shape[-1]
    if isinstance(found, int) and isinstance(channels, int) and found != channels:
        raise Malformed(f"expected images of {channels} channels, found {tensor(x)}")
    padding, pads = layout.pads()
    y = c.make(
        ConvTranspose,
        image,
        w,
        strides=layout.spatial_values("strides", c.integers("strides")),
        dilations=dilations_of(c, layout),
        padding=padding,
        pads=pads,
        size=tuple(size),
        groups=groups,
    )
    if y.definer is not None:
        require_equal(y.definer, tensor(y).shape[0], batch)
        require_equal(y.definer, tensor(y).shape[-1], depth)
    return layout.back(y)


@converts("DepthwiseConv2dNativeBackpropInput")
def depthwise_backprop_input(c: Context, input_sizes: Value, w: Value, out_backprop: Value) -> Value:
    """Like Conv2DBackpropInput, for a filter of each channel; the sum over what a channel was made into."""
    layout = image_layout(c, out_backprop)
    height, width, channels, multiplier = filter_shape(w, 4)
    sizes = c.sizes(input_sizes, "input_sizes")
    if not isinstance(multiplier, int) or not isinstance(channels, int):
        raise Refused("a filter whose number of channels is known only at run time is not supported")
    image = layout.last(out_backprop)
    if tensor(image).shape[-1] != channels * multiplier:
        raise Malformed(f"expected images of {channels * multiplier} channels, found {tensor(out_backprop)}")
    total: Value | None = None
    for j in range(multiplier):
        part, own = image, w
        if multiplier > 1:
            part = layout_slice(c, image, j, multiplier)
            own = layout_slice(c, w, j, multiplier)
        own = c.transpose(c.reshape(own, (height, width, channels, 1)), (0, 1, 3, 2))
        y = transposed(c, layout, sizes, own, layout.back(part))
        total = y if total is None else c.make(Add, total, y)
    if total is None:
        raise Malformed(f"expected a filter with channels, found {tensor(w)}")
    return total


@converts("Conv2DBackpropFilter")
def conv2d_backprop_filter(c: Context, x: Value, filter_sizes: Value, out_backprop: Value) -> Value:
    """The gradient of a filter without groups, for images of known sizes: a convolution over the batch, in
    which strides and dilations change places."""
    layout = image_layout(c, x)
    image, gradient = layout.last(x), layout.last(out_backprop)
    n, *sizes, channels = (d for d in tensor(image).shape if isinstance(d, int))
    taps, windows = c.numbers(filter_sizes, "filter_sizes"), tensor(gradient).shape[1:3]
    if len(sizes) != 2 or not all(isinstance(d, int) for d in tensor(gradient).shape):
        raise Refused("the gradient of a filter for images of sizes known only at run time is not supported")
    if len(taps) != 4 or taps[2] != channels or tensor(gradient).shape[0] != n:
        raise Refused(f"the gradient of a filter {list(taps)} for {tensor(x)} is not supported")
    strides = layout.spatial_values("strides", c.integers("strides"))
    dilations = dilations_of(c, layout)
    padding, given = layout.pads()
    pads: list[int] = []
    for i, (size, k, s, d, o) in enumerate(zip(sizes, taps, strides, dilations, windows, strict=False)):
        front = concrete_pads(size, k, s, d, padding, (given[2 * i], given[2 * i + 1]))[0]
        pads += [front, (k - 1) * d + (int(o) - 1) * s + 1 - size - front]  # type: ignore[arg-type]
    kept = (n, *(size + min(behind, 0) for size, behind in zip(sizes, pads[1::2], strict=True)), channels)
    image = c.make(Slice, image, starts=(0,) * 4, stops=kept, steps=(1,) * 4)
    y = c.make(
        Conv2D,
        c.transpose(image, (3, 1, 2, 0)),
        c.transpose(gradient, (1, 2, 0, 3)),
        strides=dilations,
        dilations=strides,
        padding="EXPLICIT",
        pads=tuple(max(p, 0) for p in pads),
    )
    return c.transpose(y, (1, 2, 0, 3))


def layout_slice(c: Context, x: Value, first: int, step: int) -> Value:
    """Every `step`th number along the last axis, from `first` on."""
    shape = tensor(x).shape
    zeros, ones = (0,) * (len(shape) - 1), (1,) * (len(shape) - 1)
    return c.make(Slice, x, starts=(*zeros, first), stops=shape, steps=(*ones, step))


@converts("BiasAdd", "BiasAddV1")
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
