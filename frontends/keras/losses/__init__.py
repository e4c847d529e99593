"""Losses: objects that give one number for a batch, and functions that give one for each sample."""

from __future__ import annotations

from typing import Any

from ..naming import snake_case
from ..objects import Names, serialize_keras_object
from .base import Loss, LossFunctionWrapper
from .classes import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Dice,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    Tversky,
)
from .crossentropy import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    sparse_categorical_crossentropy,
)
from .regression import (
    categorical_hinge,
    cosine_similarity,
    dice,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    squared_hinge,
    tversky,
)

_CLASSES = (
    BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy, CategoricalFocalCrossentropy,
    CategoricalHinge, CosineSimilarity, Dice, Hinge, Huber, KLDivergence, LogCosh, MeanAbsoluteError,
    MeanAbsolutePercentageError, MeanSquaredError, MeanSquaredLogarithmicError, Poisson, SparseCategoricalCrossentropy,
    SquaredHinge, Tversky,
)  # fmt: skip
_FUNCTIONS = (
    binary_crossentropy, binary_focal_crossentropy, categorical_crossentropy, categorical_focal_crossentropy,
    categorical_hinge, cosine_similarity, dice, hinge, huber, kl_divergence, log_cosh, mean_absolute_error,
    mean_absolute_percentage_error, mean_squared_error, mean_squared_logarithmic_error, poisson,
    sparse_categorical_crossentropy, squared_hinge, tversky,
)  # fmt: skip
#: short names, and those of tf.keras 2
ALIASES = {
    "bce": binary_crossentropy, "mse": mean_squared_error, "mae": mean_absolute_error, "mape":
    mean_absolute_percentage_error, "msle": mean_squared_logarithmic_error, "kld": kl_divergence, "logcosh":
    log_cosh, "kullback_leibler_divergence": kl_divergence, "cosine_proximity": cosine_similarity, "huber_loss":
    huber,
}  # fmt: skip
_names = Names(
    "loss",
    {
        **{c.__name__: c for c in (*_CLASSES, Loss, LossFunctionWrapper)},
        **{snake_case(c.__name__): c for c in _CLASSES},
        **{f.__name__: f for f in _FUNCTIONS},
        **ALIASES,
        **{k.upper(): v for k, v in ALIASES.items() if len(k) < 5},
    },
)
serialize = serialize_keras_object
deserialize = _names.deserialize
get = _names.get

__all__ = [
    "Loss", "LossFunctionWrapper", *(c.__name__ for c in _CLASSES), *(f.__name__ for f in _FUNCTIONS),
    "deserialize", "get", "serialize",
]  # fmt: skip  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in ("CTC", "ctc", "Circle", "circle", "CategoricalGeneralizedCrossEntropy"):
        raise AttributeError(f"keras.losses.{name} is not built here")
    found = _names.objects.get(name)
    if found is None:
        raise AttributeError(f"keras.losses has no {name!r}")
    return found
