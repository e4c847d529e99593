"""Cross-entropies. From logits they are computed without overflow; from probabilities that a softmax or sigmoid gave
just before, by going back to its logits; from others with probabilities of epsilon at least."""

from __future__ import annotations

import warnings

import numpy as np

from ....compiler.ir.core import Op
from ....compiler.ops.activation import Sigmoid
from ....compiler.ops.norm import Softmax
from ....compiler.ops.shape import Gather
from ....runtime.errors import ShapeError
from ....runtime.spec import i32
from ...eager import ops
from ...eager.ops.activations import sigmoid, softmax
from ...eager.stop import stop_gradient
from ...eager.tensor import Tensor, TensorLike, cast, convert, floats, op
from ..config import epsilon


def _limited(p: Tensor) -> Tensor:
    return ops.clip(p, epsilon(), 1.0 - epsilon())


def _logits(y: Tensor, from_logits: bool, cls: type[Op], last: bool, name: str) -> tuple[Tensor, bool]:
    """What the op that gave y was applied to, if it is of this class; and whether logits are returned."""
    node = y.node
    if last and node.template is not None and node.template.op is cls and node.operands:
        if from_logits:
            warnings.warn(
                f"{name} received from_logits=True, but y_pred comes from a {cls.__name__.lower()} and is no logits",
                stacklevel=3,
            )
        return Tensor(*node.operands[0]), True
    return y, from_logits


def _axis(axis: int, y: Tensor) -> int:
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise ValueError(f"expected an integer as axis, received {axis!r}")
    if not -y.ndim <= axis < y.ndim:
        raise ShapeError(f"expected an axis of y_pred, which has shape {y.shape}, received {axis}")
    return axis % y.ndim


def _centred(z: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Logits less their maximum, and the logarithm of the sum of their exponentials, with sizes of 1 along the axis."""
    z = z - stop_gradient(ops.max(z, axis=axis, keepdims=True))
    return z, ops.log(ops.sum(ops.exp(z), axis=axis, keepdims=True))


def categorical_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """-sum(y_true * log(y_pred)) along the axis of the classes.

    y_true, y_pred: probabilities of one shape; with `from_logits`, y_pred are logits. `label_smoothing`: the part of
    y_true that goes to all classes alike.
    """
    y_pred = floats(y_pred)
    at = _axis(axis, y_pred)
    y_true = _smoothed(y_true, y_pred, label_smoothing, "categorical_crossentropy")
    y_pred, from_logits = _logits(
        y_pred, from_logits, Softmax, at == y_pred.ndim - 1, "categorical_crossentropy"
    )
    if from_logits:
        z, total = _centred(y_pred, at)
        return -ops.sum(y_true * (z - total), axis=at)
    return -ops.sum(y_true * ops.log(_limited(_shares(y_pred, at))), axis=at)


def _shares(p: Tensor, axis: int) -> Tensor:
    return p / ops.sum(p, axis=axis, keepdims=True)


def _smoothed(y_true: TensorLike, y_pred: Tensor, smoothing: float, name: str) -> Tensor:
    y_true = cast(y_true, y_pred.dtype)
    if y_true.ndim != y_pred.ndim or any(
        a != b for a, b in zip(y_true.shape, y_pred.shape, strict=True) if a is not None and b is not None
    ):
        raise ValueError(
            f"{name}: expected y_true and y_pred of one shape, received {y_true.shape} and {y_pred.shape}"
            + ("; for numbers of classes use the sparse one" if y_true.ndim < y_pred.ndim else "")
        )
    if y_pred.shape[-1] == 1:
        warnings.warn(
            f"{name}: expected y_pred with more than one class, received {y_pred.shape}; for two classes in one number "
            "use binary_crossentropy",
            SyntaxWarning,
            stacklevel=3,
        )
    if not smoothing:
        return y_true
    classes = y_true.shape[-1] or 1
    return y_true * float(1.0 - smoothing) + float(smoothing) / classes


def categorical_focal_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """sum(alpha * (1 - y_pred)^gamma * -y_true * log(y_pred)): T. Lin and others, "Focal loss for dense object
    detection" (2018). `alpha` may be a list, a number for each class."""
    y_pred = floats(y_pred)
    at = _axis(axis, y_pred)
    y_true = _smoothed(y_true, y_pred, label_smoothing, "categorical_focal_crossentropy")
    p = softmax(y_pred, axis=at) if from_logits else y_pred
    p = _limited(_shares(p, at))
    factor = ops.power(1.0 - p, float(gamma)) * (convert(alpha, p.type.dtype))
    return ops.sum(factor * (-y_true * ops.log(p)), axis=at)


def class_numbers(y_true: TensorLike, y_pred: Tensor, axis: int) -> Tensor:
    """Numbers of classes as integers, of y_pred's shape without its axis of classes."""
    labels = convert(y_true)
    labels = labels if labels.type.dtype.is_integer else cast(labels, i32)
    if labels.ndim == y_pred.ndim and labels.shape[axis] == 1:
        labels = ops.squeeze(labels, axis)
    if labels.ndim != y_pred.ndim - 1:
        raise ValueError(
            "sparse_categorical_crossentropy: expected a number of a class for each sample, of y_pred's shape "
            f"{y_pred.shape} without axis {axis}, received y_true of shape {labels.shape}"
        )
    return labels


def sparse_categorical_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """-log(y_pred[class]) for the classes y_true.

    y_true: numbers of classes, of y_pred's shape without the axis of classes (or with a size of 1 there); others than
    0 to classes - 1 are the error INDEX when it is computed. Samples of `ignore_class` give 0.
    """
    y_pred = floats(y_pred)
    at = _axis(axis, y_pred)
    labels = class_numbers(y_true, y_pred, at)
    y_pred, from_logits = _logits(
        y_pred, from_logits, Softmax, at == y_pred.ndim - 1, "sparse_categorical_crossentropy"
    )
    if not from_logits:
        y_pred = ops.log(_limited(y_pred))
    valid = None
    if ignore_class is not None:
        valid = labels != ignore_class
        labels = ops.where(valid, labels, 0)
    z, total = _centred(y_pred, at)
    # a sum over a selection is one pass over the logits, and so is its gradient; indexing would need a scatter there
    chosen = ops.where(_is_class(labels, z, at), z, 0.0)
    losses = ops.squeeze(total, at) - ops.sum(chosen, axis=at)
    return losses if valid is None else ops.where(valid, losses, 0.0)


def _is_class(labels: Tensor, like: Tensor, axis: int) -> Tensor:
    """Which of the classes along an axis is the label."""
    count = like.shape[axis]
    if count is None:
        raise ShapeError(f"expected a known number of classes, received y_pred of shape {like.shape}")
    classes = np.arange(count, dtype=labels.type.dtype.numpy)
    # looked up in a table of themselves: that is where a number out of range is noticed
    found = op(Gather, convert(classes), labels, axis=0)
    along = classes.reshape([count if i == axis else 1 for i in range(like.ndim)])
    return ops.equal(ops.expand_dims(found, axis), along)


def _binary(y_true: Tensor, y_pred: Tensor, from_logits: bool) -> Tensor:
    """The cross-entropy of each number alone."""
    y_pred, from_logits = _logits(y_pred, from_logits, Sigmoid, True, "binary_crossentropy")
    if from_logits:
        # chosen by sign: the derivative at 0 is exactly 1/2 less the label
        above = y_pred >= 0.0
        return (
            ops.where(above, y_pred, 0.0)
            - y_pred * y_true
            + ops.log1p(ops.exp(ops.where(above, -y_pred, y_pred)))
        )
    p = _limited(y_pred)
    return -(y_true * ops.log(p) + (1.0 - y_true) * ops.log(1.0 - p))


def binary_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """The mean along an axis of -(y_true * log(y_pred) + (1 - y_true) * log(1 - y_pred))."""
    y_pred = floats(y_pred)
    y_true = cast(y_true, y_pred.dtype)
    if label_smoothing:
        y_true = y_true * float(1.0 - label_smoothing) + 0.5 * float(label_smoothing)
    return ops.mean(_binary(y_true, y_pred, from_logits), axis=axis)


def binary_focal_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """binary_crossentropy with each number times (1 - p)^gamma, where p is the probability of its label; with
    `apply_class_balancing` also times alpha for label 1 and 1 - alpha for label 0."""
    y_pred = floats(y_pred)
    y_true = cast(y_true, y_pred.dtype)
    if label_smoothing:
        y_true = y_true * float(1.0 - label_smoothing) + 0.5 * float(label_smoothing)
    p = sigmoid(y_pred) if from_logits else y_pred
    right = y_true * p + (1.0 - y_true) * (1.0 - p)
    losses = ops.power(1.0 - right, float(gamma)) * _binary(y_true, p, False)
    if apply_class_balancing:
        losses = (y_true * float(alpha) + (1.0 - y_true) * float(1.0 - alpha)) * losses
    return ops.mean(losses, axis=axis)
