"""Activation functions, by name or as functions of a tensor."""

from __future__ import annotations

import inspect
from typing import Any

from ..eager import ops
from ..eager.ops import activations as nn
from ..eager.tensor import Tensor, TensorLike, convert, floats
from .objects import Names, serialize_keras_object

__all__ = [
    "celu", "deserialize", "elu", "exponential", "gelu", "get", "glu", "hard_shrink", "hard_sigmoid",
    "hard_silu", "hard_swish", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish",
    "relu", "relu6", "selu", "serialize", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign",
    "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "swish", "tanh", "tanh_shrink", "threshold",
]  # fmt: skip

celu, elu, glu, leaky_relu, relu6, selu = nn.celu, nn.elu, nn.glu, nn.leaky_relu, nn.relu6, nn.selu
hard_shrink, hard_sigmoid, hard_silu, hard_swish, hard_tanh = (
    nn.hard_shrink, nn.hard_sigmoid, nn.hard_silu, nn.hard_silu, nn.hard_tanh,
)  # fmt: skip
log_sigmoid, sigmoid, silu, soft_shrink, softplus, softsign, swish = (
    nn.log_sigmoid, nn.sigmoid, nn.silu, nn.soft_shrink, nn.softplus, nn.softsign, nn.silu,
)  # fmt: skip
sparse_plus, sparse_sigmoid, sparsemax, squareplus, tanh_shrink, threshold = (
    nn.sparse_plus, nn.sparse_sigmoid, nn.sparsemax, nn.squareplus, nn.tanh_shrink, nn.threshold,
)  # fmt: skip
exponential, tanh = ops.exp, ops.tanh


def relu(
    x: TensorLike, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Tensor:
    """x above the threshold, at most max_value, and negative_slope * (x - threshold) up to it."""
    x = convert(x)
    if not threshold and not negative_slope:
        if max_value is None:
            return nn.relu(x)
        return nn.relu6(x) if max_value == 6 else ops.clip(x, 0.0, float(max_value))
    x = floats(x)
    if not threshold and max_value is None:
        return nn.leaky_relu(x, negative_slope)
    high = x if max_value is None else ops.minimum(x, float(max_value))
    low = (x - float(threshold)) * float(negative_slope) if negative_slope else 0.0
    return ops.where(x > float(threshold), high, low)


def gelu(x: TensorLike, approximate: bool = False) -> Tensor:
    """x times the normal distribution's probability of less than x; approximately by tanh."""
    return nn.gelu(x, approximate)


def softmax(x: TensorLike, axis: Any = -1) -> Tensor:
    """exp(x) over its sum along an axis, or several. Raises ValueError for a tensor of rank 0."""
    x = convert(x)
    if not x.ndim:
        raise ValueError("expected a tensor of one axis or more for softmax, received one of rank 0")
    return nn.softmax(x, axis)


def log_softmax(x: TensorLike, axis: Any = -1) -> Tensor:
    """The logarithm of softmax."""
    return nn.log_softmax(x, axis)


def mish(x: TensorLike) -> Tensor:
    """x * tanh(softplus(x))."""
    x = floats(x)
    return x * ops.tanh(nn.softplus(x))


def linear(x: TensorLike) -> Any:
    """x."""
    return x


_FUNCTIONS = {
    n: f for n, f in list(globals().items()) if n in __all__ and n not in ("deserialize", "get", "serialize")
}
_names = Names("activation", _FUNCTIONS)


def serialize(activation: Any) -> Any:
    """The name of a function of this module, the configuration of others."""
    for name, f in _FUNCTIONS.items():
        if f is activation:
            return {"swish": "silu", "hard_swish": "hard_silu"}.get(name, name)
    return serialize_keras_object(activation)


deserialize = _names.deserialize


def get(identifier: Any) -> Any:
    """The activation for a name, a configuration or a function itself; `linear` for None.

    Raises ValueError for a name that is not known.
    """
    if identifier is None:
        return linear
    found = _names.get(identifier)
    if inspect.isfunction(found) or callable(found):
        return found
    raise ValueError(f"expected a function, or the name of one, as the activation, received {identifier!r}")
