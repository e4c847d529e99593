"""Metrics of right and wrong yes and no, by thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....compiler.ops.scan import Cumulative
from ....compiler.ops.segment import SegmentReduce
from ....compiler.ops.sort import TopK
from ....runtime.errors import ShapeError
from ....runtime.spec import boolean, i32
from ...eager import ops
from ...eager.tensor import Tensor, TensorLike, cast, convert
from ...eager.tensor import ops as all_results
from ...eager.variable import Variable
from ..config import epsilon
from ..losses.base import same_rank
from .metric import Metric

KINDS = ("true_positives", "false_positives", "true_negatives", "false_negatives")
#: below all predictions
_LOWEST = -1e10


def listed(thresholds: Any, default: float = 0.5) -> list[float]:
    """Thresholds as a list. Raises ValueError for one that is not from 0 to 1."""
    if thresholds is None:
        return [default]
    given = [thresholds] if isinstance(thresholds, (int, float)) else list(thresholds)
    if not given or any(t is None or not 0 <= t <= 1 for t in given):
        raise ValueError(f"expected thresholds from 0 to 1, received {thresholds}")
    return [float(t) for t in given]


def even(thresholds: Sequence[float]) -> bool:
    """Whether they cut the numbers from 0 to 1 into equal parts."""
    count = len(thresholds)
    return count > 2 and bool(
        np.allclose(thresholds, np.arange(count, dtype=np.float32) / (count - 1), atol=epsilon())
    )


def _top_k_only(x: Tensor, k: int) -> Tensor:
    """x with all but its k largest numbers along the last axis far below."""
    count = x.shape[-1]
    if count is None:
        raise ShapeError(f"expected a known number of classes, received y_pred of shape {x.shape}")
    _, places = all_results(TopK, x, k=k)
    chosen = ops.equal(ops.expand_dims(places, -1), np.arange(count, dtype=np.int32))
    return ops.where(ops.any(chosen, axis=-2), x, _LOWEST)


class Counts:
    """How the counts for thresholds are made of labels and predictions."""

    def __init__(
        self,
        thresholds: Sequence[float],
        top_k: int | None = None,
        class_id: int | None = None,
        multi_label: bool = False,
        label_weights: Any = None,
    ) -> None:
        self.thresholds = np.asarray(thresholds, np.float32)
        self.even = even([min(max(float(t), 0.0), 1.0) for t in thresholds])
        #: whether predictions of 0 are above the first threshold
        self.open = bool(self.thresholds[0] < 0 or self.thresholds[-1] > 1)
        self.top_k, self.class_id = top_k, class_id
        self.multi_label, self.label_weights = multi_label, label_weights

    def update(
        self,
        variables: dict[str, Variable],
        y_true: TensorLike,
        y_pred: TensorLike,
        sample_weight: Any = None,
    ) -> None:
        """Adds to variables [thresholds] by their kinds; for several labels [thresholds, labels]."""
        dtype = next(iter(variables.values())).dtype
        labels, predictions, weights = self._prepared(
            cast(y_true, dtype), cast(y_pred, dtype), sample_weight, dtype
        )
        count = self._by_buckets if self.even else self._by_comparison
        positive, negative = cast(labels, dtype) * weights, cast(ops.logical_not(labels), dtype) * weights
        tp, fp = count(predictions, positive, negative)
        axis = 0 if self.multi_label else None
        found = {"true_positives": tp, "false_positives": fp}
        if "true_negatives" in variables:
            found["true_negatives"] = ops.sum(negative, axis=axis) - fp
        if "false_negatives" in variables:
            found["false_negatives"] = ops.sum(positive, axis=axis) - tp
        for kind, v in variables.items():
            v.assign_add(found[kind])

    def _prepared(
        self, y_true: Tensor, y_pred: Tensor, weight: Any, dtype: str
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Labels, predictions and weights of one shape: flat, or [samples, labels]."""
        y_pred, y_true = same_rank(y_pred, y_true)
        if weight is not None:
            _, weight = same_rank(y_true, ops.expand_dims(cast(weight, dtype), -1), expand_rank_1=False)
        if self.top_k is not None:
            y_pred = _top_k_only(y_pred, self.top_k)
        if self.class_id is not None:
            if y_pred.ndim < 2:
                raise ValueError(
                    f"expected y_pred [samples, classes] for class_id, received shape {y_pred.shape}"
                )
            y_true, y_pred = y_true[..., self.class_id, None], y_pred[..., self.class_id, None]
        shape = y_pred.type.shape
        if y_true.type.shape != shape:
            raise ShapeError(
                f"expected y_true and y_pred of one shape, received {y_true.shape} and {y_pred.shape}"
            )
        weights = convert(1.0, y_pred.type.dtype) if weight is None else weight
        if self.label_weights is not None and not self.multi_label:
            weights = weights * cast(self.label_weights, dtype)
        if weights.type.shape != shape:
            weights = weights + ops.zeros_like(y_pred)
        if not self.multi_label:
            y_true, y_pred, weights = (ops.reshape(t, (-1,)) for t in (y_true, y_pred, weights))
        return cast(y_true, boolean), y_pred, weights

    def _by_comparison(self, predictions: Tensor, *values: Tensor) -> list[Tensor]:
        """For every threshold the sum of values whose predictions are above it."""
        limits = self.thresholds.reshape(-1, *[1] * predictions.ndim)
        above = predictions > cast(limits, predictions.dtype)
        return [ops.sum(ops.where(above, v, 0.0), axis=1) for v in values]

    def _by_buckets(self, predictions: Tensor, *values: Tensor) -> list[Tensor]:
        """The same for thresholds equally far apart: values are added in the last bucket that they reach."""
        count = len(self.thresholds)
        bucket = ops.ceil(ops.clip(predictions, 0.0, 1.0) * float(count - 1)) - 1.0
        if self.open:
            bucket = ops.maximum(bucket, 0.0)
        if self.multi_label:
            reached = cast(bucket, i32) >= np.arange(count, dtype=np.int32).reshape(-1, 1, 1)
            return [ops.sum(ops.where(reached, v, 0.0), axis=1) for v in values]
        from ...eager.tensor import op

        rows = ops.stack(list(values), axis=1)
        sums = op(SegmentReduce, rows, cast(bucket, i32), count=count)
        above = op(Cumulative, sums, axis=0, reverse=True)
        return [above[:, i] for i in range(len(values))]


class _Count(Metric):
    """The weight of all samples of one kind."""

    kind = ""

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.init_thresholds, self.thresholds = thresholds, listed(thresholds)
        self._counts = Counts(self.thresholds)
        self.accumulator = self.zeros("accumulator", (len(self.thresholds),))

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: Any = None) -> None:
        self._counts.update({self.kind: self.accumulator}, y_true, y_pred, sample_weight)

    def result(self) -> Tensor:
        return _first(convert(self.accumulator), self.thresholds)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.init_thresholds}


def _first(x: Tensor, thresholds: Sequence[float]) -> Tensor:
    return x[0] if len(thresholds) == 1 else x


class TruePositives(_Count):
    """How many were predicted as positive rightly."""

    kind = "true_positives"


class FalsePositives(_Count):
    """How many were predicted as positive wrongly."""

    kind = "false_positives"


class TrueNegatives(_Count):
    """How many were predicted as negative rightly."""

    kind = "true_negatives"


class FalseNegatives(_Count):
    """How many were predicted as negative wrongly."""

    kind = "false_negatives"


class _Share(Metric):
    """True positives over these and others."""

    others, _direction = "", "up"

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self.init_thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        self.thresholds = listed(thresholds, 0.5 if top_k is None else _LOWEST)
        self._counts = Counts(self.thresholds, top_k, class_id)
        self.true_positives = self.zeros("true_positives", (len(self.thresholds),))
        setattr(self, self.others, self.zeros(self.others, (len(self.thresholds),)))

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: Any = None) -> None:
        variables = {"true_positives": self.true_positives, self.others: getattr(self, self.others)}
        self._counts.update(variables, y_true, y_pred, sample_weight)

    def result(self) -> Tensor:
        right = self.true_positives.value
        return _first(ops.divide_no_nan(right, right + getattr(self, self.others)), self.thresholds)

    def get_config(self) -> dict[str, Any]:
        own = {"thresholds": self.init_thresholds, "top_k": self.top_k, "class_id": self.class_id}
        return {**super().get_config(), **own}


class Precision(_Share):
    """Which part of those predicted as positive are."""

    others = "false_positives"


class Recall(_Share):
    """Which part of the positive ones were predicted as positive."""

    others = "false_negatives"
