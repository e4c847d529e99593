"""Metrics that are means of a function over the samples."""

from __future__ import annotations

from typing import Any

from ...eager import ops
from ...eager.tensor import Tensor, TensorLike, cast, convert
from ..losses import crossentropy, regression
from ..losses.base import apply_mask, same_rank
from . import functions
from .metric import Mean, MeanMetricWrapper


class _Named(MeanMetricWrapper):
    """One whose class says which function it is."""

    _settings = ()
    function: Any = None
    default_name = ""

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(type(self).function, name or self.default_name, dtype)


def _mean_of(function: Any, class_name: str, name: str, direction: str, text: str) -> Any:
    made = {
        "function": staticmethod(function),
        "default_name": name,
        "_direction": direction,
        "__doc__": text,
    }
    return type(class_name, (_Named,), {**made, "__module__": __name__})


Accuracy = _mean_of(functions.accuracy, "Accuracy", "accuracy", "up", "How often y_true equals y_pred.")
CategoricalAccuracy = _mean_of(
    functions.categorical_accuracy, "CategoricalAccuracy", "categorical_accuracy", "up",
    "How often y_true and y_pred have their largest number at one place.",
)  # fmt: skip
SparseCategoricalAccuracy = _mean_of(
    functions.sparse_categorical_accuracy, "SparseCategoricalAccuracy", "sparse_categorical_accuracy", "up",
    "How often the class y_true has the largest number of y_pred.",
)  # fmt: skip
MeanSquaredError = _mean_of(
    regression.mean_squared_error,
    "MeanSquaredError",
    "mean_squared_error",
    "down",
    "The mean of squared errors.",
)
MeanAbsoluteError = _mean_of(
    regression.mean_absolute_error,
    "MeanAbsoluteError",
    "mean_absolute_error",
    "down",
    "The mean of absolute errors.",
)
MeanAbsolutePercentageError = _mean_of(
    regression.mean_absolute_percentage_error, "MeanAbsolutePercentageError", "mean_absolute_percentage_error", "down",
    "The mean of absolute errors in percent of y_true.",
)  # fmt: skip
MeanSquaredLogarithmicError = _mean_of(
    regression.mean_squared_logarithmic_error, "MeanSquaredLogarithmicError", "mean_squared_logarithmic_error", "down",
    "The mean of squared errors of logarithms.",
)  # fmt: skip
LogCoshError = _mean_of(
    regression.log_cosh, "LogCoshError", "logcosh", "down", "The mean of log(cosh(error))."
)
KLDivergence = _mean_of(
    regression.kl_divergence,
    "KLDivergence",
    "kl_divergence",
    "down",
    "The mean of sum(y_true * log(y_true / y_pred)).",
)
Poisson = _mean_of(
    regression.poisson, "Poisson", "poisson", "down", "The mean of y_pred - y_true * log(y_pred)."
)
Hinge = _mean_of(regression.hinge, "Hinge", "hinge", "down", "The mean of max(1 - y_true * y_pred, 0).")
SquaredHinge = _mean_of(
    regression.squared_hinge,
    "SquaredHinge",
    "squared_hinge",
    "down",
    "The mean of max(1 - y_true * y_pred, 0)².",
)
CategoricalHinge = _mean_of(
    regression.categorical_hinge, "CategoricalHinge", "categorical_hinge", "down",
    "The mean of max(max((1 - y_true) * y_pred) - sum(y_true * y_pred) + 1, 0).",
)  # fmt: skip


class BinaryAccuracy(MeanMetricWrapper):
    """How often y_true is whether y_pred is above the threshold."""

    _settings, _direction = ("threshold",), "up"

    def __init__(self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        if threshold is not None and not 0 < threshold < 1:
            raise ValueError(f"expected a threshold between 0 and 1, received {threshold}")
        super().__init__(functions.binary_accuracy, name, dtype, threshold=threshold)
        self.threshold = threshold


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class of y_true's largest number is among the k that y_pred says are likeliest."""

    _settings, _direction = ("k",), "up"

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(functions.top_k_categorical_accuracy, name, dtype, k=k)
        self.k = k


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class y_true is among the k that y_pred says are likeliest."""

    _settings, _direction = ("k", "from_sorted_ids"), "up"

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(
            functions.sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids
        )
        self.k, self.from_sorted_ids = k, from_sorted_ids


class CosineSimilarity(MeanMetricWrapper):
    """The mean cosine of the angle between y_true and y_pred."""

    _settings, _direction = ("axis",), "up"

    def __init__(self, name: str = "cosine_similarity", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(functions.cosine_similarity, name, dtype, axis=axis)


class PearsonCorrelation(MeanMetricWrapper):
    """The mean correlation of y_true and y_pred."""

    _settings, _direction = ("axis",), "up"

    def __init__(self, name: str = "pearson_correlation", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(functions.pearson_correlation, name, dtype, axis=axis)


class ConcordanceCorrelation(MeanMetricWrapper):
    """The mean concordance of y_true and y_pred."""

    _settings, _direction = ("axis",), "up"

    def __init__(self, name: str = "concordance_correlation", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(functions.concordance_correlation, name, dtype, axis=axis)


class BinaryCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy of probabilities with labels of 0 and 1."""

    _settings, _direction = ("from_logits", "label_smoothing"), "down"

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        given = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(crossentropy.binary_crossentropy, name, dtype, **given)
        self.from_logits, self.label_smoothing = from_logits, label_smoothing


class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy of the classes' probabilities with labels of the same shape."""

    _settings, _direction = ("from_logits", "label_smoothing", "axis"), "down"

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        given = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(crossentropy.categorical_crossentropy, name, dtype, **given)
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy of the classes' probabilities with numbers of classes."""

    _settings, _direction = ("from_logits", "ignore_class", "axis"), "down"

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        given = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(crossentropy.sparse_categorical_crossentropy, name, dtype, **given)
        self.from_logits, self.ignore_class, self.axis = from_logits, ignore_class, axis

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> None:
        """Samples of `ignore_class` count as 0; where samples have weights, they do not count."""
        if self.ignore_class is not None and sample_weight is not None:
            labels = crossentropy.class_numbers(y_true, convert(y_pred), self.axis % convert(y_pred).ndim)
            sample_weight = apply_mask(sample_weight, labels != self.ignore_class, self.dtype, "sum")
        super().update_state(y_true, y_pred, sample_weight, mask)


class RootMeanSquaredError(Mean):
    """The square root of the mean of squared errors."""

    _direction = "down"

    def __init__(self, name: str = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: Any = None) -> None:
        y_true, y_pred = same_rank(cast(y_true, self.dtype), cast(y_pred, self.dtype))
        self.add(ops.square(y_pred - y_true), sample_weight, None)

    def result(self) -> Tensor:
        return ops.sqrt(super().result())
