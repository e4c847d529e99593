"""Metrics over all thresholds: areas under curves, and one share where another is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...eager import ops
from ...eager.ops.activations import sigmoid
from ...eager.tensor import Tensor, TensorLike, cast, convert
from ...eager.variable import Variable
from ..config import epsilon
from ..objects import deserialize_keras_object
from .confusion import KINDS, Counts
from .metric import Metric


def _between(count: int) -> list[float]:
    """`count` numbers from 0 to 1, equally far apart, without the first and the last."""
    return [(i + 1) / (count - 1) for i in range(count - 2)]


class _FourCounts(Metric):
    """One that keeps all four counts."""

    _direction = "up"
    true_positives: Variable
    false_positives: Variable
    true_negatives: Variable
    false_negatives: Variable

    def make_counts(self, shape: Sequence[int]) -> None:
        for kind in KINDS:
            setattr(self, kind, self.zeros(kind, shape))

    def counts(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """True and false positives, true and false negatives."""
        return (
            self.true_positives.value,
            self.false_positives.value,
            self.true_negatives.value,
            self.false_negatives.value,
        )

    def gather(self, counts: Counts, y_true: TensorLike, y_pred: TensorLike, sample_weight: Any) -> None:
        counts.update({kind: getattr(self, kind) for kind in KINDS}, y_true, y_pred, sample_weight)


class AUC(_FourCounts):
    """The area under the curve of recall over the rate of false positives (`ROC`), of precision over recall (`PR`), or
    of their gains (`PRGAIN`), as a sum over thresholds.

    `summation_method`: "interpolation", or "minoring" and "majoring" for lower and upper steps. `multi_label`: the mean
    of the areas of all labels [samples, labels], by `label_weights`. `from_logits`: predictions are logits.
    Source of the interpolation of PR: J. Davis and M. Goadrich, "The relationship between precision-recall and ROC
    curves" (2006); of gains: P. Flach and M. Kull, "Precision-recall-gain curves" (2015).
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(dtype, name)
        self.curve, self.summation_method = str(curve).upper(), str(summation_method).lower()
        if self.curve not in ("ROC", "PR", "PRGAIN"):
            raise ValueError(f"expected curve 'ROC', 'PR' or 'PRGAIN', received {curve!r}")
        if self.summation_method not in ("interpolation", "minoring", "majoring"):
            raise ValueError(
                f"expected summation_method 'interpolation', 'minoring' or 'majoring', received {summation_method!r}"
            )
        if num_labels and not multi_label:
            raise ValueError("expected num_labels with multi_label=True alone")
        if thresholds is None and num_thresholds < 2:
            raise ValueError(f"expected num_thresholds of 2 or more, received {num_thresholds}")
        self._given = None if thresholds is None else sorted(float(t) for t in thresholds)
        inner = _between(num_thresholds) if self._given is None else self._given
        self.num_thresholds = len(inner) + 2
        self._thresholds = [-epsilon(), *inner, 1.0 + epsilon()]
        self.multi_label, self.num_labels, self._from_logits = multi_label, num_labels, from_logits
        self.label_weights = None if label_weights is None else np.asarray(label_weights, np.float32)
        self._counts = Counts(self._thresholds, multi_label=multi_label, label_weights=self.label_weights)
        self._built = False
        if num_labels or not multi_label:
            self._build(num_labels)

    @property
    def thresholds(self) -> list[float]:
        return list(self._thresholds)

    def _build(self, labels: int | None) -> None:
        self.make_counts(
            (self.num_thresholds, labels) if labels and self.multi_label else (self.num_thresholds,)
        )
        self._built = True

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: Any = None) -> None:
        y_pred = convert(y_pred)
        if self.multi_label and y_pred.ndim != 2:
            raise ValueError(
                f"expected y_pred [samples, labels] with multi_label=True, received shape {y_pred.shape}"
            )
        if not self._built:
            self._build(y_pred.shape[1])
        self.gather(self._counts, y_true, sigmoid(y_pred) if self._from_logits else y_pred, sample_weight)

    def result(self) -> Tensor:
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._combined(self._precise_pr())
        x, y = self._curve()
        left, right = y[:-1], y[1:]
        heights = {
            "interpolation": lambda: (left + right) * 0.5,
            "minoring": lambda: ops.minimum(left, right),
            "majoring": lambda: ops.maximum(left, right),
        }[self.summation_method]()
        return self._combined((x[:-1] - x[1:]) * heights)

    def _curve(self) -> tuple[Tensor, Tensor]:
        tp, fp, tn, fn = self.counts()
        share = ops.divide_no_nan
        if self.curve == "ROC":
            return share(fp, fp + tn), share(tp, tp + fn)
        if self.curve == "PR":
            return share(tp, tp + fn), share(tp, tp + fp)
        ratio = share(tp + fn, tn + fp)
        none = ops.equal(tp, 0.0)
        recall_gain = ops.where(none, 0.0, 1.0 - ratio * share(fn, tp))
        return ops.maximum(recall_gain, 0.0), ops.where(none, 1.0, 1.0 - ratio * share(fp, tp))

    def _precise_pr(self) -> Tensor:
        """The parts of the area when true positives grow linearly with all positives between thresholds."""
        tp, fp, _, fn = self.counts()
        p = tp + fp
        more, less = p[:-1], p[1:]
        gained = tp[:-1] - tp[1:]
        slope = ops.divide_no_nan(gained, ops.maximum(more - less, 0.0))
        intercept = tp[1:] - slope * less
        both = ops.logical_and(more > 0.0, less > 0.0)
        ratio = ops.where(both, ops.divide_no_nan(more, ops.maximum(less, 0.0)), 1.0)
        return ops.divide_no_nan(
            slope * (gained + intercept * ops.log(ratio)), ops.maximum(tp[1:] + fn[1:], 0.0)
        )

    def _combined(self, parts: Tensor) -> Tensor:
        areas = ops.sum(parts, axis=0)
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return ops.mean(areas)
        weights = cast(self.label_weights, areas.dtype)
        return ops.divide_no_nan(ops.sum(areas * weights), ops.sum(weights))

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(), "num_thresholds": self.num_thresholds, "curve": self.curve,
            "summation_method": self.summation_method, "multi_label": self.multi_label, "num_labels": self.num_labels,
            "label_weights": None if self.label_weights is None else self.label_weights.tolist(),
            "from_logits": self._from_logits,
        }  # fmt: skip
        return config if self._given is None else {**config, "thresholds": self._given}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**deserialize_keras_object(config))


class _BestAt(_FourCounts):
    """The best value of one share among the thresholds where another is at least `value`."""

    #: what is maximised and what is given: sensitivity (recall), specificity, precision
    best, given, argument = "", "", ""

    def __init__(
        self,
        value: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if not 0 <= value <= 1:
            raise ValueError(f"expected {self.argument} from 0 to 1, received {value}")
        if num_thresholds < 1:
            raise ValueError(f"expected num_thresholds of 1 or more, received {num_thresholds}")
        self.value, self.num_thresholds, self.class_id = value, num_thresholds, class_id
        setattr(self, self.argument, value)
        self.thresholds = [0.5] if num_thresholds == 1 else [0.0, *_between(num_thresholds), 1.0]
        self._counts = Counts(self.thresholds, class_id=class_id)
        self.make_counts((len(self.thresholds),))

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: Any = None) -> None:
        self.gather(self._counts, y_true, y_pred, sample_weight)

    def result(self) -> Tensor:
        tp, fp, tn, fn = self.counts()
        parts = {"recall": (tp, tp + fn), "precision": (tp, tp + fp), "specificity": (tn, tn + fp)}
        given, best = (ops.divide_no_nan(*parts[what]) for what in (self.given, self.best))
        return ops.max(ops.where(given >= float(self.value), best, 0.0))

    def get_config(self) -> dict[str, Any]:
        own = {"class_id": self.class_id, "num_thresholds": self.num_thresholds, self.argument: self.value}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        rest = {k: v for k, v in config.items() if k != cls.argument}
        return cls(config[cls.argument], **rest)


class SensitivityAtSpecificity(_BestAt):
    """The best recall where the specificity is at least that given."""

    best, given, argument = "recall", "specificity", "specificity"

    def __init__(self, specificity: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(specificity, *args, **kwargs)


class SpecificityAtSensitivity(_BestAt):
    """The best specificity where the recall is at least that given."""

    best, given, argument = "specificity", "recall", "sensitivity"

    def __init__(self, sensitivity: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(sensitivity, *args, **kwargs)


class PrecisionAtRecall(_BestAt):
    """The best precision where the recall is at least that given."""

    best, given, argument = "precision", "recall", "recall"

    def __init__(self, recall: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(recall, *args, **kwargs)


class RecallAtPrecision(_BestAt):
    """The best recall where the precision is at least that given."""

    best, given, argument = "recall", "precision", "precision"

    def __init__(self, precision: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(precision, *args, **kwargs)
