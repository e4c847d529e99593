"""F scores, the coefficient of determination, and intersections over unions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....compiler.ops.segment import SegmentReduce
from ....runtime.spec import f32
from ...eager import ops
from ...eager.tensor import Tensor, TensorLike, cast, convert, op
from ..config import epsilon
from ..losses.base import same_rank
from .metric import Metric


def _two_axes(name: str, y_true: Tensor, y_pred: Tensor) -> int:
    """The number of outputs. Raises ValueError for other shapes than [samples, outputs]."""
    count = y_pred.shape[-1] if y_pred.ndim else None
    if y_pred.ndim != 2 or y_true.ndim != 2 or count is None:
        raise ValueError(
            f"{name}: expected [samples, outputs], received y_true {y_true.shape}, y_pred {y_pred.shape}"
        )
    return count


class FBetaScore(Metric):
    """(1 + beta²) * precision * recall / (beta² * precision + recall), for each class or over them.

    `average`: None for a score of each class, "micro" over all samples together, "macro" for the classes' mean,
    "weighted" for their mean by how frequent they are. `threshold`: from where a prediction is a yes; None: where it is
    the largest.
    """

    _direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(f"expected average None, 'micro', 'macro' or 'weighted', received {average!r}")
        if not isinstance(beta, float) or beta <= 0:
            raise ValueError(f"expected beta to be a float above 0, received {beta!r}")
        if threshold is not None and (not isinstance(threshold, float) or not 0 < threshold <= 1):
            raise ValueError(f"expected threshold to be a float above 0 and up to 1, received {threshold!r}")
        self.average, self.beta, self.threshold = average, beta, threshold
        self._built = False

    def _build(self, classes: int) -> None:
        shape = () if self.average == "micro" else (classes,)
        self.true_positives = self.zeros("true_positives", shape, self.dtype)
        self.false_positives = self.zeros("false_positives", shape, self.dtype)
        self.false_negatives = self.zeros("false_negatives", shape, self.dtype)
        self.intermediate_weights = self.zeros("intermediate_weights", shape, self.dtype)
        self._built = True

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: Any = None) -> None:
        y_true, y_pred = cast(y_true, self.dtype), cast(y_pred, self.dtype)
        classes = _two_axes(type(self).__name__, y_true, y_pred)
        if not self._built:
            self._build(classes)
        if self.threshold is None:
            largest = y_pred >= ops.max(y_pred, axis=-1, keepdims=True)
            said = ops.logical_and(largest, ops.abs(y_pred) > 1e-9)
        else:
            said = y_pred > self.threshold
        said = cast(said, self.dtype)
        weight = None if sample_weight is None else ops.expand_dims(cast(sample_weight, self.dtype), 1)
        axis = None if self.average == "micro" else 0
        for variable, values in (
            (self.true_positives, said * y_true),
            (self.false_positives, said * (1.0 - y_true)),
            (self.false_negatives, (1.0 - said) * y_true),
            (self.intermediate_weights, y_true),
        ):
            variable.assign_add(ops.sum(values if weight is None else values * weight, axis=axis))

    def result(self) -> Tensor:
        right, square = self.true_positives.value, self.beta**2
        precision = right / (right + self.false_positives + epsilon())
        recall = right / (right + self.false_negatives + epsilon())
        score = precision * recall / (precision * square + recall + epsilon()) * (1.0 + square)
        if self.average == "weighted":
            weights = self.intermediate_weights.value
            return ops.sum(score * (weights / (ops.sum(weights) + epsilon())))
        return score if self.average is None else ops.mean(score)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "average": self.average,
            "beta": self.beta,
            "threshold": self.threshold,
        }


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall."""

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in super().get_config().items() if k != "beta"}


class R2Score(Metric):
    """1 - (squared errors) / (squared distances of y_true from its mean), for outputs [samples, outputs].

    `class_aggregation`: "uniform_average" or "variance_weighted_average" over the outputs, None for one of each.
    `num_regressors`: with this many inputs the score is adjusted, as long as there are more samples.
    """

    _direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ValueError(
                "expected class_aggregation None, 'uniform_average' or 'variance_weighted_average', "
                f"received {class_aggregation!r}"
            )
        if num_regressors < 0:
            raise ValueError(f"expected num_regressors of 0 or more, received {num_regressors}")
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self.zeros("num_samples")
        self._built = False

    def _build(self, outputs: int) -> None:
        self.squared_sum = self.zeros("squared_sum", (outputs,))
        self.sum = self.zeros("sum", (outputs,))
        self.total_mse = self.zeros("residual", (outputs,))
        self.count = self.zeros("count", (outputs,))
        self._built = True

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: Any = None) -> None:
        y_true, y_pred = same_rank(cast(y_true, self.dtype), cast(y_pred, self.dtype))
        outputs = _two_axes("R2Score", y_true, y_pred)
        if not self._built:
            self._build(outputs)
        weight = convert(1.0, y_true.type.dtype) if sample_weight is None else cast(sample_weight, self.dtype)
        weight = ops.expand_dims(weight, 1) if weight.ndim == 1 else weight
        weight = weight + ops.zeros_like(y_true)
        self.sum.assign_add(ops.sum(y_true * weight, axis=0))
        self.squared_sum.assign_add(ops.sum(ops.square(y_true) * weight, axis=0))
        self.total_mse.assign_add(ops.sum(ops.square(y_true - y_pred) * weight, axis=0))
        self.count.assign_add(ops.sum(weight, axis=0))
        self.num_samples.assign_add(ops.sum(ops.ones_like(y_true)))

    def result(self) -> Tensor:
        if not self._built:
            return convert(0.0)
        total = self.squared_sum - self.sum.value * (self.sum.value / self.count.value)
        scores = 1.0 - self.total_mse.value / total
        scores = ops.where(ops.abs(scores) == float("inf"), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = ops.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = ops.sum(total * scores) / ops.sum(total)
        if not self.num_regressors:
            return scores
        n, p = self.num_samples.value, float(self.num_regressors)
        enough = n - 1.0 > p
        divisor = ops.where(enough, n - (p + 1.0), 1.0)
        return ops.where(enough, 1.0 - (1.0 - scores) * (n - 1.0) / divisor, scores)

    def get_config(self) -> dict[str, Any]:
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**super().get_config(), **own}


class IoU(Metric):
    """The mean over some classes of |true and predicted| / |true or predicted|.

    `sparse_y_true`, `sparse_y_pred`: numbers of classes; else the largest number along `axis` says the class. Pairs
    with `ignore_class`, or with classes out of range, do not count.
    """

    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(dtype or "int64", name)
        if max(target_class_ids) >= num_classes:
            raise ValueError(
                f"expected target_class_ids below {num_classes}, received {list(target_class_ids)}"
            )
        self.num_classes, self.target_class_ids = num_classes, list(target_class_ids)
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.total_cm = self.zeros("total_confusion_matrix", (num_classes, num_classes), self.dtype)

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: Any = None) -> None:
        y_true = y_true if self.sparse_y_true else ops.argmax(y_true, axis=self.axis)
        y_pred = y_pred if self.sparse_y_pred else ops.argmax(y_pred, axis=self.axis)
        rows, columns = (ops.reshape(cast(y, "int32"), (-1,)) for y in (y_true, y_pred))
        weight = ops.ones_like(rows, self.dtype)
        if sample_weight is not None:
            given = cast(sample_weight, self.dtype)
            weight = (ops.reshape(given, (-1,)) if given.ndim > 1 else given) * weight
        n = self.num_classes
        inside = ops.logical_and(
            ops.logical_and(rows >= 0, rows < n), ops.logical_and(columns >= 0, columns < n)
        )
        if self.ignore_class is not None:
            inside = ops.logical_and(inside, ops.not_equal(rows, self.ignore_class))
        # negative places drop out
        places = ops.where(inside, rows * n + columns, -1)
        counts = op(SegmentReduce, weight, places, count=n * n)
        self.total_cm.assign_add(ops.reshape(counts, (n, n)))

    def result(self) -> Tensor:
        matrix = cast(self.total_cm, f32)
        both = ops.sum(matrix * ops.eye(self.num_classes), axis=0)
        either = ops.sum(matrix, axis=0) + ops.sum(matrix, axis=1) - both
        chosen = np.asarray(self.target_class_ids, np.int32)
        both, either = ops.take(both, chosen, axis=0), ops.take(either, chosen, axis=0)
        seen = either > 1e-9
        shares = ops.where(seen, both / (either + epsilon()), 0.0)
        return ops.sum(shares) / (ops.sum(cast(seen, f32)) + epsilon())

    def get_config(self) -> dict[str, Any]:
        names = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")
        return {**super().get_config(), **{n: getattr(self, n) for n in names}}


class BinaryIoU(IoU):
    """IoU of two classes, the second from `threshold` on."""

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: Any = None) -> None:
        said = cast(cast(y_pred, f32) >= float(self.threshold), "int32")
        super().update_state(y_true, said, sample_weight)

    def get_config(self) -> dict[str, Any]:
        own = {"target_class_ids": self.target_class_ids, "threshold": self.threshold}
        return {**Metric.get_config(self), **own}


class MeanIoU(IoU):
    """IoU of all classes."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        every = list(range(num_classes))
        super().__init__(num_classes, every, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in super().get_config().items() if k != "target_class_ids"}


class OneHotIoU(IoU):
    """IoU for labels [.., classes] of 0 and 1."""

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in super().get_config().items() if k != "sparse_y_true"}


class OneHotMeanIoU(MeanIoU):
    """MeanIoU for labels [.., classes] of 0 and 1."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        return {k: v for k, v in super().get_config().items() if k != "sparse_y_true"}
