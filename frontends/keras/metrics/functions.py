"""Functions of (y_true, y_pred) that say for each sample how well it was predicted."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....runtime.errors import ShapeError
from ....runtime.spec import i32
from ...eager import ops
from ...eager.tensor import Tensor, TensorLike, cast, convert, floats
from ..config import epsilon, floatx
from ..losses.base import same_rank
from ..losses.regression import both, unit_length


def accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """1 where y_true equals y_pred, else 0."""
    y_pred = convert(y_pred)
    y_true, y_pred = same_rank(cast(y_true, y_pred.dtype), y_pred)
    return cast(ops.equal(y_true, y_pred), floatx())


def binary_accuracy(y_true: TensorLike, y_pred: TensorLike, threshold: float = 0.5) -> Tensor:
    """1 where y_true is whether y_pred is above the threshold, else 0."""
    y_true, y_pred = same_rank(convert(y_true), floats(y_pred))
    return cast(
        ops.equal(cast(y_true, y_pred.dtype), cast(y_pred > float(threshold), y_pred.dtype)), floatx()
    )


def categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """1 where y_true [.., classes] and y_pred [.., classes] have their largest number at one place, else 0."""
    return cast(ops.equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1)), floatx())


def sparse_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """1 where y_pred [.., classes] has its largest number at the place y_true [..] or [.., 1], else 0."""
    y_true, y_pred = convert(y_true), convert(y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    found = ops.argmax(y_pred, axis=-1)
    matches = cast(ops.equal(y_true, cast(found, y_true.dtype)), floatx())
    return ops.squeeze(matches, -1) if matches.ndim > 1 and matches.shape[-1] == 1 else matches


def in_top_k(targets: Tensor, predictions: Tensor, k: int) -> Tensor:
    """Whether fewer than k of the predictions [n, classes] are larger than the one of the target class [n]; false for
    classes out of range, and for rows that are not finite."""
    count = predictions.shape[-1]
    if count is None:
        raise ShapeError(
            f"expected a known number of classes, received predictions of shape {predictions.shape}"
        )
    chosen = ops.equal(ops.expand_dims(targets, -1), np.arange(count, dtype=np.int32).reshape(1, count))
    own = ops.sum(ops.where(chosen, predictions, 0.0), axis=-1, keepdims=True)
    more = ops.sum(cast(predictions > own, i32), axis=-1)
    # differences to themselves are 0 for finite numbers alone
    usual = ops.equal(ops.sum(predictions - predictions, axis=-1), 0.0)
    return ops.logical_and(ops.logical_and(more < k, ops.any(chosen, axis=-1)), usual)


def _top_k(labels: Tensor, y_pred: Tensor, k: int) -> Tensor:
    shape: Any = labels.type.shape
    rows = ops.reshape(y_pred, (-1, y_pred.shape[-1])) if y_pred.ndim > 2 else y_pred
    flat = ops.reshape(labels, (-1,)) if labels.ndim > 1 else labels
    matches = cast(in_top_k(flat, rows, k), floatx())
    return ops.reshape(matches, shape) if labels.ndim > 1 else matches


def top_k_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike, k: int = 5) -> Tensor:
    """1 where the place of y_true's largest number is among y_pred's k largest, else 0."""
    return _top_k(ops.argmax(y_true, axis=-1), floats(y_pred), k)


def sparse_top_k_categorical_accuracy(
    y_true: TensorLike, y_pred: TensorLike, k: int = 5, from_sorted_ids: bool = False
) -> Tensor:
    """1 where the class y_true is among y_pred's k largest numbers, else 0; with `from_sorted_ids`, y_pred are classes,
    the likeliest first."""
    y_pred = convert(y_pred)
    if not from_sorted_ids:
        return _top_k(cast(y_true, i32), floats(y_pred), k)
    labels = cast(y_true, y_pred.dtype)
    shape: Any = labels.type.shape
    rows = ops.reshape(y_pred, (-1, y_pred.shape[-1])) if y_pred.ndim > 2 else y_pred
    found = ops.any(ops.equal(ops.reshape(labels, (-1, 1)), rows[:, :k]), axis=1)
    return ops.reshape(cast(found, floatx()), shape)


def cosine_similarity(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """The cosine of the angle between y_true and y_pred along an axis."""
    y_true, y_pred = both(y_true, y_pred)
    return ops.sum(unit_length(y_true, axis) * unit_length(y_pred, axis), axis=axis)


def pearson_correlation(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """The correlation of y_true and y_pred along an axis."""
    y_true, y_pred = both(y_true, y_pred)
    a = y_true - ops.mean(y_true, axis=axis, keepdims=True)
    b = y_pred - ops.mean(y_pred, axis=axis, keepdims=True)
    return ops.mean(
        a / ops.std(a, axis=axis, keepdims=True) * (b / ops.std(b, axis=axis, keepdims=True)), axis=axis
    )


def concordance_correlation(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """How near y_pred is to y_true along an axis: twice the covariance over the variances and the squared distance of
    the means. Source: L. Lin, "A concordance correlation coefficient to evaluate reproducibility" (1989)."""
    y_true, y_pred = both(y_true, y_pred)
    a, b = (ops.mean(y, axis=axis, keepdims=True) for y in (y_true, y_pred))
    spread = ops.var(y_true - a, axis=axis, keepdims=True) + ops.var(y_pred - b, axis=axis, keepdims=True)
    shared = (y_true - b) * (y_pred - b) * 2.0
    return ops.mean(shared / (spread + ops.square(a - b) + epsilon()), axis=axis)
