"""Activations: elementwise ones, and those that normalise along an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ....compiler.ops import activation, norm, special
from ..stop import stop_gradient
from ..tensor import Tensor, TensorLike, convert, floats, op
from .arrays import moveaxis, reshape_to, transpose
from .cumulative import cumsum
from .elementwise import abs, clip, exp, expm1, log, log1p, maximum, minimum, sqrt, square, tanh, where
from .ordering import sort
from .reductions import axes_of, max, sum

__all__ = [
    "celu", "elu", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh",
    "leaky_relu", "log_sigmoid", "log_softmax", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink",
    "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "swish",
    "tanh_shrink", "threshold",
]  # fmt: skip

#: Klambauer et al., "Self-Normalizing Neural Networks", 2017
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def relu(x: TensorLike) -> Tensor:
    """max(x, 0)."""
    return op(activation.Relu, convert(x))


def relu6(x: TensorLike) -> Tensor:
    """min(max(x, 0), 6)."""
    return op(activation.Relu6, convert(x))


def leaky_relu(x: TensorLike, negative_slope: float = 0.2) -> Tensor:
    """x, times `negative_slope` where it is negative."""
    return op(activation.LeakyRelu, floats(x), alpha=float(negative_slope))


def sigmoid(x: TensorLike) -> Tensor:
    """1 / (1 + exp(-x))."""
    return op(activation.Sigmoid, floats(x))


def softplus(x: TensorLike) -> Tensor:
    """log(1 + exp(x)), without overflow; its derivative at 0 is 1/2."""
    x = floats(x)
    return where(x >= 0, x, 0.0) + log1p(exp(where(x >= 0, -x, x)))


def log_sigmoid(x: TensorLike) -> Tensor:
    """log(sigmoid(x))."""
    return -softplus(-floats(x))


def softsign(x: TensorLike) -> Tensor:
    """x / (|x| + 1)."""
    x = floats(x)
    return x / (abs(x) + 1.0)


def silu(x: TensorLike) -> Tensor:
    """x * sigmoid(x)."""
    x = floats(x)
    return x * sigmoid(x)


swish = silu


def elu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """x, and alpha * (exp(x) - 1) where it is negative."""
    x = floats(x)
    if alpha == 1:
        return op(activation.Elu, x)
    # exp of positive numbers, which are not chosen, would spoil the gradient where it overflows
    return where(x > 0, x, expm1(minimum(x, 0.0)) * alpha)


def selu(x: TensorLike) -> Tensor:
    """The self-normalising scaled elu."""
    x = floats(x)
    return where(x > 0, x * SELU_SCALE, expm1(minimum(x, 0.0)) * (SELU_SCALE * SELU_ALPHA))


def celu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))."""
    x = floats(x)
    return maximum(x, 0.0) + expm1(minimum(x, 0.0) * (1 / alpha)) * alpha


def gelu(x: TensorLike, approximate: bool = True) -> Tensor:
    """x * Φ(x), with the normal distribution's Φ; approximately by tanh, which is a sigmoid here."""
    x = floats(x)
    if approximate:
        inner = x * (square(x) * (0.044715 * 2 * math.sqrt(2 / math.pi)) + 2 * math.sqrt(2 / math.pi))
        return x * sigmoid(inner)
    return x * 0.5 * op(special.Erfc, x * -math.sqrt(0.5))


def hard_sigmoid(x: TensorLike) -> Tensor:
    """relu6(x + 3) / 6."""
    return relu6(floats(x) + 3.0) * (1 / 6)


def hard_silu(x: TensorLike) -> Tensor:
    """x * hard_sigmoid(x)."""
    x = floats(x)
    return x * hard_sigmoid(x)


hard_swish = hard_silu


def hard_tanh(x: TensorLike) -> Tensor:
    """x, but at least -1 and at most 1."""
    return clip(floats(x), -1.0, 1.0)


def hard_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """x, and 0 where |x| is not above the threshold."""
    x = floats(x)
    return where(abs(x) > threshold, x, 0.0)


def soft_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """x moved by the threshold towards 0, and 0 where it is not above that."""
    x = floats(x)
    return where(x > threshold, x - threshold, where(x < -threshold, x + threshold, 0.0))


def tanh_shrink(x: TensorLike) -> Tensor:
    """x - tanh(x)."""
    x = floats(x)
    return x - tanh(x)


def threshold(x: TensorLike, threshold: float, default_value: float) -> Tensor:
    """x where it is above the threshold, else the default value."""
    x = floats(x)
    return where(x > threshold, x, float(default_value))


def squareplus(x: TensorLike, b: float = 4) -> Tensor:
    """(x + sqrt(x² + b)) / 2."""
    x = floats(x)
    return (x + sqrt(square(x) + float(b))) * 0.5


def sparse_plus(x: TensorLike) -> Tensor:
    """0 up to -1, (x + 1)² / 4 up to 1, then x."""
    x = floats(x)
    return where(x <= -1, 0.0, where(x < 1, square(x + 1.0) * 0.25, x))


def sparse_sigmoid(x: TensorLike) -> Tensor:
    """(x + 1) / 2, but at least 0 and at most 1."""
    x = floats(x)
    return where(x <= -1, 0.0, where(x >= 1, 1.0, (x + 1.0) * 0.5))


def glu(x: TensorLike, axis: int = -1) -> Tensor:
    """The first half along an axis times the sigmoid of the second.

    Raises:
        ShapeError: the axis does not divide into two halves.
    """
    from .arrays import split

    a, b = split(floats(x), 2, axis)
    return a * sigmoid(b)


def softmax(x: TensorLike, axis: int | Sequence[int] | None = -1) -> Tensor:
    """exp(x) over its sum along an axis or several; None means all."""
    x = floats(x)
    axes = axes_of(x, axis)
    if axes == (x.ndim - 1,):
        return op(norm.Softmax, x)
    order = [*(i for i in range(x.ndim) if i not in axes), *axes]
    back = [order.index(i) for i in range(x.ndim)]
    moved = transpose(x, order)
    lead = moved.type.shape[: x.ndim - len(axes)]
    rows = op(norm.Softmax, reshape_to(moved, (*lead, -1)))
    return transpose(reshape_to(rows, moved.type.shape), back)


def log_softmax(x: TensorLike, axis: int | Sequence[int] | None = -1) -> Tensor:
    """The logarithm of softmax."""
    x = floats(x)
    x = x - stop_gradient(max(x, axis, True))
    return x - log(sum(exp(x), axis, True))


def sparsemax(x: TensorLike, axis: int = -1) -> Tensor:
    """The nearest point of the simplex: Martins and Astudillo, "From Softmax to Sparsemax", 2016."""
    x = moveaxis(floats(x), axis, -1)
    size: Any = x.shape[-1]
    falling = sort(-x, -1) * -1.0
    totals = cumsum(falling, -1) - 1.0
    place = convert([float(i + 1) for i in range(size)], x.type.dtype)
    inside = falling * place > totals
    count = sum(where(inside, convert(1, x.type.dtype), 0), -1, True)
    chosen = sum(where(inside, falling, 0.0), -1, True) - 1.0
    return moveaxis(maximum(x - chosen / count, 0.0), -1, axis)
