"""What grappler leaves behind: ops with bias, normalisation and activation fused into them, taken apart again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...compiler.ir.core import Value
from ...compiler.ops.activation import Elu, LeakyRelu, Relu, Relu6, Sigmoid, Tanh
from ...compiler.ops.base import tensor
from ...compiler.ops.elementwise import Add, Cast
from ...compiler.ops.matmul import MatMul
from ...compiler.ops.norm import BatchNorm
from .context import Context
from .layout import Layout, image_layout
from .nodes_conv import convolve, depthwise_filter
from .nodes_norm import batch_statistics, normalised, wide_image
from .registry import CONVERTERS, Malformed, Missing, Refused, converts
from .scope import Result

_ACTIVATIONS = {"Relu": Relu, "Relu6": Relu6, "Elu": Elu, "Sigmoid": Sigmoid, "Tanh": Tanh}


def finished(c: Context, y: Value, args: Sequence[Value], layout: Layout | None = None) -> Value:
    """The steps of `fused_ops` on a product; each takes what it needs of the further inputs."""
    rest = list(args)

    def take(step: str, count: int) -> list[Value]:
        if len(rest) < count:
            raise Malformed(f"expected {count} more inputs for step {step!r}, found {len(rest)}")
        taken = rest[:count]
        del rest[:count]
        return taken

    def last(work: Callable[[Value], Value], y: Value) -> Value:
        return layout.back(work(layout.last(y))) if layout else work(y)

    for step in c.texts("fused_ops"):
        if step == "BiasAdd":
            (bias,) = take(step, 1)
            y = last(lambda v, bias=bias: c.make(Add, v, bias), y)
        elif step == "FusedBatchNorm":
            given = take(step, 4)
            epsilon = c.real("epsilon", 1e-4)
            y = last(lambda v, g=given, e=epsilon: c.make(BatchNorm, v, *g, epsilon=e), y)
        elif step == "Add":
            y = c.make(Add, y, *take(step, 1))
        elif step == "LeakyRelu":
            y = c.make(LeakyRelu, y, alpha=c.real("leakyrelu_alpha", 0.2))
        elif step in _ACTIVATIONS:
            y = c.make(_ACTIVATIONS[step], y)
        else:
            raise Refused(f"the fused step {step!r} is not supported")
    if rest:
        raise Malformed(f"expected inputs for 'fused_ops', found {len(rest)} more")
    return y


@converts("_FusedConv2D")
def fused_conv2d(c: Context, x: Value, w: Value, *args: Value) -> Value:
    """Conv2D, then BiasAdd, FusedBatchNorm, Add, Relu, Relu6, Elu, LeakyRelu, Sigmoid or Tanh."""
    if c.text("filter_format", "HWIO") != "HWIO" or c.integer("num_host_args", 0):
        raise Refused(f"filter format {c.text('filter_format', 'HWIO')!r} or arguments of the host")
    layout = image_layout(c, x)
    return finished(c, convolve(c, layout, x, w), args, layout)


@converts("_FusedDepthwiseConv2dNative")
def fused_depthwise_conv2d(c: Context, x: Value, w: Value, *args: Value) -> Value:
    """DepthwiseConv2dNative with the same steps."""
    layout = image_layout(c, x)
    return finished(c, convolve(c, layout, x, depthwise_filter(c, layout, x, w)), args, layout)


@converts("_FusedMatMul")
def fused_matmul(c: Context, x: Value, y: Value, *args: Value) -> Value:
    """MatMul with the same steps."""
    if tensor(x).rank != 2 or tensor(y).rank != 2:
        raise Malformed(f"expected two matrices, found {tensor(x)} and {tensor(y)}")
    transposed = {"transpose_x": c.flag("transpose_a", False), "transpose_y": c.flag("transpose_b", False)}
    return finished(c, c.make(MatMul, x, y, **transposed), args)


@converts("_FusedBatchNormEx")
def fused_batch_norm_ex(
    c: Context, x: Value, scale: Value, offset: Value, mean: Value, variance: Value, *side: Value
) -> Sequence[Result]:
    """FusedBatchNormV3, then at most one addition and relu."""
    layout, image = wide_image(c, x, tensor(scale).dtype)
    statistics = [mean, variance, mean, variance]
    if c.flag("is_training", True):
        statistics = batch_statistics(c, image, mean, variance)
    y = layout.back(normalised(c, image, scale, offset, statistics))
    if tensor(y).dtype != tensor(x).dtype:
        y = c.make(Cast, y, dtype=tensor(x).dtype)
    for other in side:
        y = c.make(Add, y, other)
    activation = c.text("activation_mode", "Identity")
    if activation not in ("Identity", "Relu"):
        raise Refused(f"activation mode {activation!r} is not supported")
    if activation == "Relu":
        y = c.make(Relu, y)
    reserved = Missing(c.node.op, c.name, "its outputs for training are not supported")
    return [y, *statistics, reserved]


@converts("FusedPadConv2D")
def fused_pad_conv2d(c: Context, x: Value, paddings: Value, w: Value) -> Value:
    """Conv2D on an image that is mirrored at its borders."""
    pad = CONVERTERS.get("MirrorPad")
    if pad is None:
        raise Refused("mirrored borders are not supported")
    return convolve(c, image_layout(c, x), pad.convert(c, x, paddings), w)
