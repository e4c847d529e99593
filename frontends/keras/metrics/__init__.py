"""Metrics: what is gathered over batches of how well a model predicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import losses
from ..losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from ..naming import snake_case
from ..objects import Names, serialize_keras_object
from .confusion import FalseNegatives, FalsePositives, Precision, Recall, TrueNegatives, TruePositives
from .curves import (
    AUC,
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from .functions import (
    binary_accuracy,
    categorical_accuracy,
    concordance_correlation,
    cosine_similarity,
    pearson_correlation,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from .means import (
    Accuracy,
    BinaryAccuracy,
    BinaryCrossentropy,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    CategoricalHinge,
    ConcordanceCorrelation,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    PearsonCorrelation,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalAccuracy,
    SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy,
    SquaredHinge,
    TopKCategoricalAccuracy,
)
from .metric import Mean, MeanMetricWrapper, Metric, Sum
from .scores import BinaryIoU, F1Score, FBetaScore, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU, R2Score

_CLASSES = (
    AUC, Accuracy, BinaryAccuracy, BinaryCrossentropy, BinaryIoU, CategoricalAccuracy, CategoricalCrossentropy,
    CategoricalHinge, ConcordanceCorrelation, CosineSimilarity, F1Score, FBetaScore, FalseNegatives, FalsePositives,
    Hinge, IoU, KLDivergence, LogCoshError, Mean, MeanAbsoluteError, MeanAbsolutePercentageError, MeanIoU,
    MeanMetricWrapper, MeanSquaredError, MeanSquaredLogarithmicError, Metric, OneHotIoU, OneHotMeanIoU,
    PearsonCorrelation, Poisson, Precision, PrecisionAtRecall, R2Score, Recall, RecallAtPrecision,
    RootMeanSquaredError, SensitivityAtSpecificity, SparseCategoricalAccuracy, SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy, SpecificityAtSensitivity, SquaredHinge, Sum, TopKCategoricalAccuracy, TrueNegatives,
    TruePositives,
)  # fmt: skip
_FUNCTIONS = (
    binary_accuracy, binary_crossentropy, binary_focal_crossentropy, categorical_accuracy, categorical_crossentropy,
    categorical_focal_crossentropy, categorical_hinge, concordance_correlation, cosine_similarity, hinge, huber,
    kl_divergence, log_cosh, mean_absolute_error, mean_absolute_percentage_error, mean_squared_error,
    mean_squared_logarithmic_error, pearson_correlation, poisson, sparse_categorical_accuracy,
    sparse_categorical_crossentropy, sparse_top_k_categorical_accuracy, squared_hinge, top_k_categorical_accuracy,
)  # fmt: skip
_ALIASES = {
    "bce": BinaryCrossentropy, "mse": MeanSquaredError, "mae": MeanAbsoluteError, "mape":
    MeanAbsolutePercentageError, "msle": MeanSquaredLogarithmicError, "rmse": RootMeanSquaredError, "kld":
    KLDivergence, "cosine_proximity": CosineSimilarity, "logcosh": LogCoshError, "fbeta_score": FBetaScore,
    "mean_iou": MeanIoU, "iou": IoU,
}  # fmt: skip
_names = Names(
    "metric",
    {
        **{f.__name__: f for f in _FUNCTIONS},
        **{c.__name__: c for c in _CLASSES},
        **{snake_case(c.__name__): c for c in _CLASSES},
        **_ALIASES,
        **{k.upper(): v for k, v in _ALIASES.items() if len(k) < 5},
    },
)
serialize = serialize_keras_object
deserialize = _names.deserialize
get = _names.get


def _kinds(y_true_shape: Sequence[int | None], y_pred_shape: Sequence[int | None]) -> str:
    """Whether labels and predictions of these shapes are "binary", "sparse" numbers of classes, or "categorical"."""
    if not len(y_pred_shape) or y_pred_shape[-1] == 1 or len(y_pred_shape) == 1:
        return "binary"
    if len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1] == 1:
        return "sparse"
    return "categorical"


def resolve_accuracy(
    y_true_shape: Sequence[int | None], y_pred_shape: Sequence[int | None], name: str = "accuracy"
) -> Metric:
    """The accuracy that "accuracy" means for labels and predictions of these shapes."""
    chosen = {
        "binary": BinaryAccuracy,
        "sparse": SparseCategoricalAccuracy,
        "categorical": CategoricalAccuracy,
    }
    return chosen[_kinds(y_true_shape, y_pred_shape)](name=name)


def resolve_crossentropy(
    y_true_shape: Sequence[int | None], y_pred_shape: Sequence[int | None], name: str = "crossentropy"
) -> Metric:
    """The cross-entropy that "crossentropy" means, in tf.keras 2, for labels and predictions of these shapes."""
    chosen = {
        "binary": BinaryCrossentropy,
        "sparse": SparseCategoricalCrossentropy,
        "categorical": CategoricalCrossentropy,
    }
    return chosen[_kinds(y_true_shape, y_pred_shape)](name=name)


def resolve(
    identifier: Any, y_true_shape: Sequence[int | None], y_pred_shape: Sequence[int | None]
) -> Metric:
    """The metric for what stands in `compile(metrics=[…])`: a name (with "accuracy" and "acc" by the shapes), a
    configuration, a metric, a class, or a function of (y_true, y_pred); it is called what was given.

    Raises ValueError for others.
    """
    if isinstance(identifier, str) and identifier.lower() in ("accuracy", "acc"):
        return resolve_accuracy(y_true_shape, y_pred_shape, identifier)
    if isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce"):
        return resolve_crossentropy(y_true_shape, y_pred_shape, identifier)
    found = get(identifier)
    if found is None:
        raise ValueError("expected a metric, received None")
    if not isinstance(found, Metric):
        name = (
            found.name
            if isinstance(found, losses.Loss)
            else snake_case(getattr(found, "__name__", type(found).__name__))
        )
        found = MeanMetricWrapper(_per_sample(found), name=name)
    if isinstance(identifier, str):
        found.name = identifier
    return found


def _per_sample(found: Any) -> Any:
    """A function that gives values for samples; losses as objects give them without their reduction."""
    return found.call if isinstance(found, losses.Loss) else found


__all__ = [
    *(c.__name__ for c in _CLASSES), *(f.__name__ for f in _FUNCTIONS), "deserialize", "get", "resolve",
    "resolve_accuracy", "resolve_crossentropy", "serialize",
]  # fmt: skip  # pyright: ignore[reportUnsupportedDunderAll]
