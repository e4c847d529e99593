"""Cross-entropies of predictions, which are probabilities or logits.

Probabilities that come right out of a softmax or sigmoid are replaced by what went in: that is exact, and cheaper.
"""

from __future__ import annotations

from typing import Any

from ....compiler.ir.core import Op
from ....compiler.ops.activation import Sigmoid
from ....compiler.ops.norm import Softmax
from ....runtime.errors import ShapeError
from ....runtime.spec import i32
from ..stop import stop_gradient
from ..tensor import Tensor, TensorLike, cast, convert, floats
from .arrays import moveaxis
from .elementwise import clip, exp, log, log1p, where
from .reductions import max, sum

__all__ = ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"]

EPSILON = 1e-7


def _logits(output: Tensor, cls: type[Op]) -> Tensor | None:
    """What an activation was applied to, if `output` is its result and that is still known."""
    node = output.node
    if node.template is None or node.template.op is not cls or not node.operands:
        return None
    return Tensor(*node.operands[0])


def binary_crossentropy(target: TensorLike, output: TensorLike, from_logits: bool = False) -> Tensor:
    """-target * log(output) - (1 - target) * log(1 - output), elementwise, for tensors of one shape."""
    y, x = _pair(target, output)
    _check_shapes(y, x)
    logits = x if from_logits else _logits(x, Sigmoid)
    if logits is not None:
        positive = logits >= 0
        return where(positive, logits, 0.0) - logits * y + log1p(exp(where(positive, -logits, logits)))
    x = clip(x, EPSILON, 1 - EPSILON)
    return -(y * log(x) + (1.0 - y) * log(1.0 - x))


def _pair(target: TensorLike, output: TensorLike) -> tuple[Tensor, Tensor]:
    x = floats(output)
    return convert(target, x.type.dtype), x


def _check_shapes(y: Tensor, x: Tensor) -> None:
    wrong = [a for a, b in zip(y.shape, x.shape, strict=False) if a != b and None not in (a, b)]
    if y.ndim != x.ndim or wrong:
        raise ShapeError(f"expected target and output of one shape, received {y.shape} and {x.shape}")


def _shifted(x: Tensor) -> tuple[Tensor, Tensor]:
    """x less its maximum along the last axis, and the logarithm of the sum of its exponentials."""
    x = x - stop_gradient(max(x, -1, True))
    return x, log(sum(exp(x), -1, True))


def categorical_crossentropy(
    target: TensorLike, output: TensorLike, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """-sum(target * log(output)) along an axis, for tensors of one shape; probabilities are scaled to sum up to 1."""
    y, x = _pair(target, output)
    if x.ndim < 1:
        raise ShapeError("expected target and output of rank 1 or more, received scalars")
    _check_shapes(y, x)
    logits = x if from_logits else _from_softmax(x, axis)
    if logits is not None:
        shifted, total = _shifted(moveaxis(logits, axis, -1))
        return sum(moveaxis(y, axis, -1) * (total - shifted), -1)
    x = clip(x / sum(x, axis, True), EPSILON, 1 - EPSILON)
    return -sum(y * log(x), axis)


def _from_softmax(x: Tensor, axis: int) -> Tensor | None:
    return _logits(x, Softmax) if axis % x.ndim == x.ndim - 1 else None


def sparse_categorical_crossentropy(
    target: TensorLike, output: TensorLike, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """-log(output[target]) along an axis, for a target of class numbers without that axis, or with size 1 there."""
    x: Tensor = floats(output)
    if x.ndim < 1:
        raise ShapeError("expected an output of rank 1 or more, received a scalar")
    logits = x if from_logits else _from_softmax(x, axis)
    shown = x.shape
    x = moveaxis(x if logits is None else logits, axis, -1)
    y = cast(target, i32)
    if y.ndim == x.ndim and y.shape[axis] == 1:
        y = moveaxis(y, axis, -1)[..., 0]
    wrong = [a for a, b in zip(y.shape, x.shape[:-1], strict=False) if a != b and None not in (a, b)]
    if y.ndim != x.ndim - 1 or wrong:
        raise ShapeError(f"expected targets for an output of shape {shown}, received {convert(target).shape}")
    chosen = _classes(x) == y[..., None]
    if logits is not None:
        shifted, total = _shifted(x)
        return total[..., 0] - sum(where(chosen, shifted, 0.0), -1)
    x = clip(x / sum(x, -1, True), EPSILON, 1 - EPSILON)
    return -log(sum(where(chosen, x, 0.0), -1))


def _classes(x: Tensor) -> Any:
    """0, 1, … for the last axis."""
    from .arrays import iota

    return iota(x.type.shape[-1])
