"""Losses as objects: each holds its function's arguments, and how values become one number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...eager import ops
from ...eager.tensor import Tensor
from . import crossentropy, regression
from .base import NamedLoss, same_rank

_MEAN = "sum_over_batch_size"


class MeanSquaredError(NamedLoss):
    """mean((y_true - y_pred)²)."""

    def __init__(
        self, reduction: str | None = _MEAN, name: str = "mean_squared_error", dtype: Any = None
    ) -> None:
        super().__init__(regression.mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(NamedLoss):
    """mean(|y_true - y_pred|)."""

    def __init__(
        self, reduction: str | None = _MEAN, name: str = "mean_absolute_error", dtype: Any = None
    ) -> None:
        super().__init__(regression.mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(NamedLoss):
    """100 * mean(|y_true - y_pred| / |y_true|)."""

    def __init__(
        self, reduction: str | None = _MEAN, name: str = "mean_absolute_percentage_error", dtype: Any = None
    ) -> None:
        super().__init__(regression.mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(NamedLoss):
    """mean((log(y_true + 1) - log(y_pred + 1))²)."""

    def __init__(
        self, reduction: str | None = _MEAN, name: str = "mean_squared_logarithmic_error", dtype: Any = None
    ) -> None:
        super().__init__(regression.mean_squared_logarithmic_error, reduction, name, dtype)


class CosineSimilarity(NamedLoss):
    """Minus the cosine of the angle between y_true and y_pred along `axis`."""

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = _MEAN,
        name: str = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(regression.cosine_similarity, reduction, name, dtype, axis=axis)

    def get_config(self) -> dict[str, Any]:
        return super().get_config()


class Huber(NamedLoss):
    """Squares of errors up to `delta`, beyond it a straight line."""

    def __init__(
        self, delta: float = 1.0, reduction: str | None = _MEAN, name: str = "huber_loss", dtype: Any = None
    ) -> None:
        super().__init__(regression.huber, reduction, name, dtype, delta=delta)


class LogCosh(NamedLoss):
    """mean(log(cosh(y_pred - y_true)))."""

    def __init__(self, reduction: str | None = _MEAN, name: str = "log_cosh", dtype: Any = None) -> None:
        super().__init__(regression.log_cosh, reduction, name, dtype)


class Hinge(NamedLoss):
    """mean(max(1 - y_true * y_pred, 0)) for labels of -1 and 1, or of 0 and 1."""

    def __init__(self, reduction: str | None = _MEAN, name: str = "hinge", dtype: Any = None) -> None:
        super().__init__(regression.hinge, reduction, name, dtype)


class SquaredHinge(NamedLoss):
    """mean(max(1 - y_true * y_pred, 0)²) for labels of -1 and 1, or of 0 and 1."""

    def __init__(self, reduction: str | None = _MEAN, name: str = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(regression.squared_hinge, reduction, name, dtype)


class CategoricalHinge(NamedLoss):
    """max(max((1 - y_true) * y_pred) - sum(y_true * y_pred) + 1, 0)."""

    def __init__(
        self, reduction: str | None = _MEAN, name: str = "categorical_hinge", dtype: Any = None
    ) -> None:
        super().__init__(regression.categorical_hinge, reduction, name, dtype)


class KLDivergence(NamedLoss):
    """sum(y_true * log(y_true / y_pred))."""

    def __init__(self, reduction: str | None = _MEAN, name: str = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(regression.kl_divergence, reduction, name, dtype)


class Poisson(NamedLoss):
    """mean(y_pred - y_true * log(y_pred))."""

    def __init__(self, reduction: str | None = _MEAN, name: str = "poisson", dtype: Any = None) -> None:
        super().__init__(regression.poisson, reduction, name, dtype)


class Dice(NamedLoss):
    """1 less twice the overlap over the sum of both."""

    def __init__(
        self, reduction: str | None = _MEAN, name: str = "dice", axis: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(regression.dice, reduction, name, dtype, axis=axis)


class Tversky(NamedLoss):
    """Dice with weights of its own for what is missed (alpha) and what is too much (beta)."""

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = _MEAN,
        name: str = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(regression.tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)


class BinaryCrossentropy(NamedLoss):
    """The cross-entropy of probabilities of 1 with labels of 0 and 1."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _MEAN,
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        given = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(crossentropy.binary_crossentropy, reduction, name, dtype, **given)
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


class BinaryFocalCrossentropy(NamedLoss):
    """BinaryCrossentropy with less weight for what is almost right."""

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _MEAN,
        name: str = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        given = {"apply_class_balancing": apply_class_balancing, "alpha": alpha, "gamma": gamma}
        given.update(from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)
        super().__init__(crossentropy.binary_focal_crossentropy, reduction, name, dtype, **given)
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


class CategoricalCrossentropy(NamedLoss):
    """The cross-entropy of the classes' probabilities with labels of the same shape."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _MEAN,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        given = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(crossentropy.categorical_crossentropy, reduction, name, dtype, **given)
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


class CategoricalFocalCrossentropy(NamedLoss):
    """CategoricalCrossentropy with less weight for what is almost right."""

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _MEAN,
        name: str = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        given = {"alpha": alpha, "gamma": gamma, "from_logits": from_logits}
        given.update(label_smoothing=label_smoothing, axis=axis)
        super().__init__(crossentropy.categorical_focal_crossentropy, reduction, name, dtype, **given)
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


class SparseCategoricalCrossentropy(NamedLoss):
    """The cross-entropy of the classes' probabilities with numbers of classes. Samples of `ignore_class` do not
    count, in means neither."""

    takes_classes = True

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = _MEAN,
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        given = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(crossentropy.sparse_categorical_crossentropy, reduction, name, dtype, **given)
        self.from_logits, self.ignore_class, self.axis = from_logits, ignore_class, axis

    def masked_call(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor | None]:
        y_true, y_pred = same_rank(y_true, y_pred)
        values = self.fn(y_true, y_pred, **self._fn_kwargs)
        if self.ignore_class is None:
            return values, None
        labels = crossentropy.class_numbers(y_true, y_pred, self.axis % y_pred.ndim)
        return values, ops.not_equal(labels, self.ignore_class)
