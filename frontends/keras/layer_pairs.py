"""A layer of a Keras-like model as a pair of thinner ones: what the pass decompose-conv does to an op, done to a layer,
so that the factors are trained as every layer's weights are."""

from __future__ import annotations

from typing import Any

from ...compiler.ir.attributes import Array
from ...compiler.passes.decomposable import Layer as Decomposable
from ...compiler.passes.decomposable import Point
from ...compiler.passes.decomposition import factor_names
from ...compiler.passes.low_rank import HORIZONTAL
from .layers.convolution import Conv2D
from .layers.convolution_depthwise import DepthwiseConv2D
from .layers.dense import Dense
from .models.sequential import Sequential

#: the name of the kernel's arguments, for each class that can be a pair
_KERNEL = {Conv2D: "kernel", DepthwiseConv2D: "depthwise", Dense: "kernel"}


def obstacle(layer: Any) -> str | None:
    """Why no pair can stand for a layer; None where one can."""
    kind = _KERNEL.get(type(layer))
    if kind is None:
        return f"it is a layer of class {type(layer).__name__}, not Conv2D, DepthwiseConv2D or Dense"
    constraint = getattr(layer, f"{kind}_constraint")
    if constraint is not None:
        return f"its kernel has a constraint ({type(constraint).__name__}), which two factors would not keep"
    return None


def pair(layer: Any, chosen: Decomposable, point: Point) -> Sequential:
    """A stack of two layers under the layer's name, its weights not set yet.

    The first has no bias and no activation; bias, activation and the regularizers of both, the output's included, are
    the second's. The kernel's regularizer counts for both kernels.
    """
    names = factor_names(chosen, point)
    if isinstance(layer, Dense):
        both = [
            Dense(point.rank, **_options(layer, names[0], False)),
            Dense(layer.units, **_options(layer, names[1], True)),
        ]
    else:
        axes = (1, 0) if point.order == HORIZONTAL else (0, 1)
        both = [_along(layer, axes[i], point.rank, names[i], bool(i)) for i in range(2)]
    return Sequential(both, trainable=layer.trainable, name=layer.name)


def set_pair(stack: Sequential, layer: Any, chosen: Decomposable, point: Point) -> None:
    """Gives the factors, and the layer's bias, to a pair that is built; what is not trained stays so."""
    both: list[Any] = list(stack.layers)
    for new, factor in zip(both, chosen.factorizer(point.order).filters(point.rank), strict=True):
        new.kernel.assign(_shaped(new, factor).astype(layer.kernel.numpy().dtype))
        new.kernel.trainable = layer.kernel.trainable
    if layer.bias is not None:
        both[1].bias.assign(layer.bias.numpy())
        both[1].bias.trainable = layer.bias.trainable


def _shaped(layer: Any, factor: Array) -> Array:
    """A filter [kh, kw, C / groups, O] as the layer has it."""
    return factor.reshape(layer.kernel.shape)


def _along(layer: Any, axis: int, rank: int, name: str, last: bool) -> Any:
    """The convolution along one axis."""
    size, strides, dilations = [1, 1], [1, 1], [1, 1]
    size[axis], strides[axis] = layer.kernel_size[axis], layer.strides[axis]
    dilations[axis] = layer.dilation_rate[axis]
    window = {
        "kernel_size": tuple(size), "strides": tuple(strides), "dilation_rate": tuple(dilations),
        "padding": layer.padding, "data_format": layer.data_format,
    }  # fmt: skip
    options = {**window, **_options(layer, name, last)}
    if isinstance(layer, Conv2D):
        filters = layer.kernel.shape[-1] if last else rank * layer.groups
        return Conv2D(filters, groups=layer.groups, **options)
    if last and rank > 1:
        # a channel's results are summed again: as many groups as there were channels
        kinds = ("initializer", "regularizer", "constraint")
        renamed = {f"kernel_{k}": options.pop(f"depthwise_{k}") for k in kinds if f"depthwise_{k}" in options}
        channels = layer.kernel.shape[2]
        return Conv2D(channels * layer.depth_multiplier, groups=channels, **options, **renamed)
    return DepthwiseConv2D(depth_multiplier=layer.depth_multiplier if last else rank, **options)


def _options(layer: Any, name: str, last: bool) -> dict[str, Any]:
    """What both kinds of layers take."""
    kind = _KERNEL[type(layer)]
    shared = {f"{kind}_{part}": getattr(layer, f"{kind}_{part}") for part in ("initializer", "regularizer")}
    shared |= {"name": name, "dtype": layer.dtype, "trainable": layer.trainable}
    if not last:
        return {**shared, "use_bias": False}
    ends = ("activation", "use_bias", "bias_initializer", "bias_regularizer", "bias_constraint")
    return {
        **shared,
        **{k: getattr(layer, k) for k in ends},
        "activity_regularizer": layer.activity_regularizer,
    }
