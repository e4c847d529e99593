"""Losses that compare numbers. Each takes y_true and y_pred of one shape [.., d] (or one with a last axis of 1 less)
and gives a value for each sample [..]."""

from __future__ import annotations

import math

from ...eager import ops
from ...eager.ops.activations import softplus
from ...eager.tensor import Tensor, TensorLike, cast, convert, floats
from ..config import epsilon
from .base import same_rank


def both(y_true: TensorLike, y_pred: TensorLike) -> tuple[Tensor, Tensor]:
    """Two tensors of y_pred's float type and of one rank."""
    y_pred = floats(y_pred)
    return same_rank(cast(y_true, y_pred.dtype), y_pred)


def mean_squared_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean((y_true - y_pred)²)."""
    y_true, y_pred = both(y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def mean_absolute_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean(|y_true - y_pred|)."""
    y_true, y_pred = both(y_true, y_pred)
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


def mean_absolute_percentage_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """100 * mean(|y_true - y_pred| / |y_true|), with divisors of epsilon at least."""
    y_true, y_pred = both(y_true, y_pred)
    return ops.mean(ops.abs((y_true - y_pred) / ops.maximum(ops.abs(y_true), epsilon())), axis=-1) * 100.0


def mean_squared_logarithmic_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean((log(y_true + 1) - log(y_pred + 1))²), of numbers of epsilon at least."""
    y_true, y_pred = both(y_true, y_pred)
    left = ops.log(ops.maximum(y_pred, epsilon()) + 1.0)
    return ops.mean(ops.square(left - ops.log(ops.maximum(y_true, epsilon()) + 1.0)), axis=-1)


def unit_length(x: Tensor, axis: int) -> Tensor:
    """x of length 1 along an axis; what is shorter than epsilon is divided by that."""
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), epsilon() ** 2))


def cosine_similarity(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """-cos of the angle between y_true and y_pred along an axis; 0 where one of them is 0."""
    y_true, y_pred = both(y_true, y_pred)
    return -ops.sum(unit_length(y_true, axis) * unit_length(y_pred, axis), axis=axis)


def huber(y_true: TensorLike, y_pred: TensorLike, delta: float = 1.0) -> Tensor:
    """The mean of e² / 2 for errors e up to delta, of delta * |e| - delta² / 2 for larger ones."""
    y_true, y_pred = both(y_true, y_pred)
    error = y_pred - y_true
    size, delta = ops.abs(error), float(delta)
    return ops.mean(
        ops.where(size <= delta, ops.square(error) * 0.5, size * delta - 0.5 * delta * delta), axis=-1
    )


def log_cosh(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean(log(cosh(y_pred - y_true)))."""
    y_true, y_pred = both(y_true, y_pred)
    error = y_pred - y_true
    return ops.mean(error + softplus(error * -2.0) - math.log(2.0), axis=-1)


def poisson(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean(y_pred - y_true * log(y_pred + epsilon))."""
    y_pred = floats(y_pred)
    y_true = cast(y_true, y_pred.dtype)
    return ops.mean(y_pred - y_true * ops.log(y_pred + epsilon()), axis=-1)


def kl_divergence(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """sum(y_true * log(y_true / y_pred)), of probabilities of epsilon at least."""
    y_pred = floats(y_pred)
    y_true = ops.clip(cast(y_true, y_pred.dtype), epsilon(), 1.0)
    return ops.sum(y_true * ops.log(y_true / ops.clip(y_pred, epsilon(), 1.0)), axis=-1)


def _signs(y_true: TensorLike, like: Tensor) -> Tensor:
    """Labels of -1 and 1; if all are 0 and 1, these are made of them."""
    y_true = cast(y_true, like.dtype)
    # the product is 0 for 0 and 1, and for these alone
    binary = ops.max(ops.abs(y_true * (y_true - 1.0))) == 0.0
    return ops.where(binary, y_true * 2.0 - 1.0, y_true)


def hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean(max(1 - y_true * y_pred, 0)) for labels of -1 and 1; those of 0 and 1 are made into them."""
    y_pred = floats(y_pred)
    return ops.mean(ops.maximum(1.0 - _signs(y_true, y_pred) * y_pred, 0.0), axis=-1)


def squared_hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean(max(1 - y_true * y_pred, 0)²), with labels as for `hinge`."""
    y_pred = floats(y_pred)
    return ops.mean(ops.square(ops.maximum(1.0 - _signs(y_true, y_pred) * y_pred, 0.0)), axis=-1)


def categorical_hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """max(max((1 - y_true) * y_pred) - sum(y_true * y_pred) + 1, 0)."""
    y_pred = floats(y_pred)
    y_true = cast(y_true, y_pred.dtype)
    right, wrong = ops.sum(y_true * y_pred, axis=-1), ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(wrong - right + 1.0, 0.0)


def dice(y_true: TensorLike, y_pred: TensorLike, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred))."""
    y_pred = convert(y_pred)
    y_true = cast(y_true, y_pred.dtype)
    shared = ops.sum(y_true * y_pred, axis=axis) * 2.0
    return 1.0 - shared / (ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis) + epsilon())


def tversky(
    y_true: TensorLike,
    y_pred: TensorLike,
    alpha: float = 0.5,
    beta: float = 0.5,
    axis: int | tuple[int, ...] | None = None,
) -> Tensor:
    """1 - s / (s + alpha * sum((1 - y_pred) * y_true) + beta * sum(y_pred * (1 - y_true))), where s is
    sum(y_true * y_pred)."""
    y_pred = convert(y_pred)
    y_true = cast(y_true, y_pred.dtype)
    shared = ops.sum(y_true * y_pred, axis=axis)
    missed = ops.sum((1.0 - y_pred) * y_true, axis=axis) * float(alpha)
    extra = ops.sum(y_pred * (1.0 - y_true), axis=axis) * float(beta)
    return 1.0 - shared / (shared + missed + extra + epsilon())
