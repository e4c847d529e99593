"""Non-maximum suppression: of boxes that overlap, the one with the highest score. Sizes that depend on the data
are padded; how many results are in use is a result of its own.

Soft suppression: N. Bodla and others, "Soft-NMS" (2017).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias, Union

import numpy as np

from ...runtime.spec import f32, i32
from ..ir.attributes import Array
from ..ir.core import Op, Value
from ..ir.dims import Dim, Sym, dim_min
from ..ir.opdef import Attr, Operand, Variadic
from ..ir.types import TensorType, Type
from .base import Env, GraphOp, concrete, require_equal, shape_error, tensor

_SCALAR = TensorType((), f32)
#: the overlaps of a box with all
Near: TypeAlias = Callable[[int], Array]


def overlaps(box: Array, boxes: Array) -> Array:
    """The common area of a box and others over the area of both; 0 for boxes without area."""
    low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
    first, last = np.minimum(box[:2], box[2:]), np.maximum(box[:2], box[2:])
    size, area = np.prod(last - first), np.prod(high - low, axis=1)
    common = np.prod(np.maximum(np.minimum(high, last) - np.maximum(low, first), 0), axis=1)
    some = (area > 0) & (size > 0)
    return np.where(some, common / np.where(some, area + size - common, 1), 0)


def select(near: Near, scores: Array, most: int, threshold: float, least: float) -> list[int]:
    """The boxes chosen, in order: the open one with the highest score, the first of equal ones, which closes
    those that overlap it by more than the threshold."""
    open_ = scores > least
    chosen: list[int] = []
    while len(chosen) < most and open_.any():
        which = np.flatnonzero(open_)
        best = int(which[np.argmax(scores[which])])
        chosen.append(best)
        open_ &= ~(near(best) > threshold)
        open_[best] = False
    return chosen


def select_softly(
    near: Near, scores: Array, most: int, threshold: float, least: float, sigma: float
) -> tuple[list[int], Array]:
    """The boxes chosen, and all scores after. A box's score is brought up to date when its turn comes, by those
    chosen since it was last looked at, the latest first."""
    left, seen, open_ = scores.copy(), np.zeros(len(scores), int), scores > least
    scale = np.float32(-0.5) / np.float32(sigma) if sigma > 0 else np.float32(0)
    chosen: list[int] = []
    while len(chosen) < most and open_.any():
        which = np.flatnonzero(open_)
        best = int(which[np.argmax(left[which])])
        score, hard = left[best], False
        for other in chosen[: seen[best] - len(chosen) - 1 : -1] if seen[best] < len(chosen) else []:
            overlap = near(other)[best]
            hard = not sigma > 0 and bool(overlap > threshold)
            score = score * np.exp(scale * overlap * overlap)
            if hard or score <= least:
                break
        if not hard and score == left[best]:
            chosen.append(best)
        open_[best] = not hard and score != left[best] and score > least
        left[best], seen[best] = score, len(chosen)
    return chosen, left


class NonMaxSuppression(GraphOp, name="graph.non_max_suppression", traits={"symbolic"}):
    """Up to `most` boxes with the highest `scores` that overlap no better one by more than `threshold`.

    Operands: `boxes` float32 [boxes, 4] of two opposite corners, or [boxes, boxes] of overlaps where `given`;
    `scores` float32 [boxes], of which those above the scalar `least` take part; a scalar sigma for soft
    suppression, under which overlapping boxes lose exp(-overlap² / (2 sigma)) of their score instead.
    Results: indices int32 [most] and scores float32 [most], with zeros behind those chosen; how many, int32.
    Of equal scores the first comes first.
    """

    boxes = Operand()
    scores = Operand()
    threshold = Operand()
    least = Operand()
    sigma = Variadic()
    most = Attr(Union[int, Sym])  # type: ignore[arg-type]
    given = Attr(bool, default=False)

    def infer(self) -> tuple[Type, ...]:
        boxes, scores = tensor(self.boxes), tensor(self.scores)
        if boxes.rank != 2 or scores.rank != 1 or not boxes.dtype == scores.dtype == f32:
            raise shape_error(
                self, f"expected float32 boxes [B, 4] and scores [B], received {boxes}, {scores}"
            )
        _check_scalars(self, self.threshold, self.least, *self.sigma)
        if len(self.sigma) > 1:
            raise shape_error(self, "there is one sigma at most")
        require_equal(self, boxes.shape[0], scores.shape[0])
        require_equal(self, boxes.shape[1], scores.shape[0] if self.given else 4)
        return TensorType((self.most,), i32), TensorType((self.most,), f32), TensorType((), i32)

    def evaluate_dims(self, env: Env, *arrays: Array) -> tuple[Array, ...]:
        boxes, scores = arrays[:2]
        threshold, least, *sigma = (float(v) for v in arrays[2:])
        (most,) = concrete((self.most,), env)

        def near(i: int) -> Array:
            return boxes[:, i] if self.given else overlaps(boxes[i], boxes)

        if sigma:
            chosen, scores = select_softly(near, scores, most, threshold, least, sigma[0])
        else:
            chosen = select(near, scores, most, threshold, least)
        indices, values = np.zeros(most, np.int32), np.zeros(most, np.float32)
        indices[: len(chosen)] = chosen
        values[: len(chosen)] = scores[chosen]
        return indices, values, np.array(len(chosen), np.int32)


class CombinedNonMaxSuppression(GraphOp, name="graph.combined_non_max_suppression", traits={"symbolic"}):
    """Non-maximum suppression of each class of each image, then the best of all classes of an image.

    Operands: `boxes` float32 [N, boxes, 1 or classes, 4], `scores` float32 [N, boxes, classes], two scalars as
    above. Results: boxes [N, total, 4], clipped to [0, 1] with `clip`; scores [N, total]; classes as float32
    [N, total]; all with zeros behind those chosen; how many, int32 [N]. Of equal scores the lower class comes
    first, then the first box.
    """

    boxes = Operand()
    scores = Operand()
    threshold = Operand()
    least = Operand()
    per_class = Attr(Union[int, Sym])  # type: ignore[arg-type]
    total = Attr(Union[int, Sym])  # type: ignore[arg-type]
    clip = Attr(bool, default=True)

    def infer(self) -> tuple[Type, ...]:
        boxes, scores = tensor(self.boxes), tensor(self.scores)
        if boxes.rank != 4 or scores.rank != 3 or not boxes.dtype == scores.dtype == f32:
            raise shape_error(
                self, f"expected boxes [N, B, Q, 4] and scores [N, B, C], received {boxes}, {scores}"
            )
        _check_scalars(self, self.threshold, self.least)
        for i in (0, 1):
            require_equal(self, boxes.shape[i], scores.shape[i])
        if boxes.shape[2] != 1:
            require_equal(self, boxes.shape[2], scores.shape[2])
        require_equal(self, boxes.shape[3], 4)
        n, t = boxes.shape[0], self.total
        return (
            TensorType((n, t, 4), f32), TensorType((n, t), f32), TensorType((n, t), f32), TensorType((n,), i32),
        )  # fmt: skip

    def chosen_per_class(self) -> Dim:
        """How many boxes a class can have chosen."""
        return dim_min(self.per_class, tensor(self.boxes).shape[1])

    def evaluate_dims(self, env: Env, *arrays: Array) -> tuple[Array, ...]:
        boxes, scores = arrays[:2]
        threshold, least = (float(v) for v in arrays[2:])
        most, total = concrete((self.per_class, self.total), env)
        n = len(boxes)
        out = np.zeros((n, total, 4), np.float32)
        values, classes = np.zeros((n, total), np.float32), np.zeros((n, total), np.float32)
        valid = np.zeros(n, np.int32)
        for i in range(n):
            found: list[tuple[float, int, int]] = []
            for k in range(scores.shape[2]):
                own = boxes[i, :, k if boxes.shape[2] > 1 else 0]
                chosen = select(partial(_near, own), scores[i, :, k], most, threshold, least)
                found += [(-scores[i, j, k], k, j) for j in chosen]
            found = sorted(found, key=lambda f: f[0])[:total]
            valid[i] = len(found)
            for place, (negative, k, j) in enumerate(found):
                out[i, place] = boxes[i, j, k if boxes.shape[2] > 1 else 0]
                values[i, place], classes[i, place] = -negative, k
        return np.clip(out, 0, 1) if self.clip else out, values, classes, valid


def _near(boxes: Array, i: int) -> Array:
    return overlaps(boxes[i], boxes)


def _check_scalars(op: Op, *values: Value) -> None:
    for v in values:
        if tensor(v) != _SCALAR:
            raise shape_error(op, f"thresholds must be scalars of float32, received {tensor(v)}")
