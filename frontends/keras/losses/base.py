"""What losses have in common: weights of samples, masks, and how values become one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....runtime.spec import boolean
from ...eager import ops
from ...eager.structure import leaves, rebuilt
from ...eager.tensor import Tensor, TensorLike, cast, convert
from .. import naming
from ..config import dtype_or_default
from ..objects import deserialize_keras_object, serialize_keras_object

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


def standardize_reduction(reduction: str | None) -> str | None:
    """The reduction itself; raises ValueError for one that is not known."""
    if reduction not in REDUCTIONS:
        raise ValueError(
            f"expected a reduction of {', '.join(map(repr, REDUCTIONS))}, received {reduction!r}"
        )
    return reduction


def mask_of(x: Any) -> Any:
    """The mask that a tensor carries, or None."""
    return getattr(x, "mask", None)


def same_rank(a: Tensor, b: Tensor, expand_rank_1: bool = True) -> tuple[Tensor, Tensor]:
    """Two tensors of which one has a last axis of size 1 more: that is added to the other if it has rank 1, else taken
    away. All others as they are."""
    if a.ndim == b.ndim + 1 and a.shape[-1] == 1:
        if b.ndim == 1 and expand_rank_1:
            return a, ops.expand_dims(b, -1)
        return ops.squeeze(a, -1), b
    if b.ndim == a.ndim + 1 and b.shape[-1] == 1:
        if a.ndim == 1 and expand_rank_1:
            return ops.expand_dims(a, -1), b
        return a, ops.squeeze(b, -1)
    return a, b


def apply_mask(weight: Any, mask: Any, dtype: Any, reduction: str | None) -> Tensor | None:
    """The weights of samples (or None) with those that the mask leaves out as 0.

    For means, the others grow so that their mean is that over what is left in.
    """
    if mask is None:
        return None if weight is None else convert(weight, dtype_or_default(dtype))
    kept = cast(cast(mask, boolean), dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        kept = kept * ops.divide_no_nan(ops.sum(ops.ones_like(kept)), ops.sum(kept))
    if weight is None:
        return kept
    kept, w = same_rank(kept, cast(weight, dtype))
    return w * kept


def reduce_values(values: Tensor, sample_weight: Tensor | None, reduction: str | None) -> Tensor:
    """Values as one number: their sum, or that over how many they are, or over the sum of the weights."""
    if reduction in (None, "none") or not values.ndim:
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        return ops.divide_no_nan(ops.sum(values), ops.sum(sample_weight))
    if values.size == 0:
        return values if values.ndim == 1 else ops.sum(values)
    return ops.mean(values)


def reduce_weighted_values(
    values: TensorLike,
    sample_weight: TensorLike | None = None,
    mask: TensorLike | None = None,
    reduction: str | None = "sum_over_batch_size",
    dtype: Any = None,
) -> Tensor:
    """Values times the samples' weights, without what the mask leaves out, as one number.

    `sample_weight`, `mask`: of the values' shape or one that broadcasts to it; of one axis less, or with a last one
    of size 1. Raises ShapeError where they do not fit.
    """
    values = convert(values, None if dtype is None else dtype_or_default(dtype))
    weight = apply_mask(sample_weight, mask, values.dtype, standardize_reduction(reduction))
    if weight is not None:
        values, weight = same_rank(values, cast(weight, values.dtype))
        values = values * weight
    return reduce_values(values, weight, reduction)


class Loss:
    """A function of (y_true, y_pred, sample_weight) that gives one number.

    Subclasses define `call(y_true, y_pred)`, which gives a value for each sample. `reduction`: how the values become
    one number; "none" leaves them. `dtype`: what is computed in, by default the package's float type.
    """

    #: whether y_true are numbers of classes, which stay integers
    takes_classes = False

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        self.name = name or naming.automatic(type(self))
        self.reduction = standardize_reduction(reduction)
        self._dtype = dtype_or_default(getattr(dtype, "compute_dtype", dtype))

    @property
    def dtype(self) -> str:
        return self._dtype.tf_name

    def __call__(
        self,
        y_true: Any,
        y_pred: Any,
        sample_weight: TensorLike | None = None,
        mask: TensorLike | None = None,
    ) -> Tensor:
        """`mask` is y_pred's own where none is given."""
        if mask is None:
            mask = next((m for m in map(mask_of, leaves(y_pred)) if m is not None), None)
        y_pred = (
            rebuilt(y_pred, lambda v: convert(v, self._dtype))
            if _nested(y_pred)
            else convert(y_pred, self._dtype)
        )
        y_true = rebuilt(y_true, self._true) if _nested(y_true) else self._true(y_true)
        values, own = self.masked_call(y_true, y_pred)
        if mask is not None and own is not None:
            mask = ops.logical_and(mask, own)
        return reduce_weighted_values(
            values, sample_weight, own if mask is None else mask, self.reduction, self._dtype
        )

    def _true(self, value: TensorLike) -> Tensor:
        value = convert(value)
        return value if self.takes_classes and value.type.dtype.is_integer else cast(value, self._dtype)

    def masked_call(self, y_true: Any, y_pred: Any) -> tuple[Any, Tensor | None]:
        """The values, and a mask of those that count, or None."""
        return self.call(y_true, y_pred), None

    def call(self, y_true: Any, y_pred: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define call(y_true, y_pred)")

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)


def _nested(value: Any) -> bool:
    """Whether it is a structure of tensors; a list of numbers is one tensor."""
    return isinstance(value, dict) or (
        isinstance(value, (list, tuple))
        and any(isinstance(v, (Tensor, dict)) or hasattr(v, "shape") for v in value)
    )


class LossFunctionWrapper(Loss):
    """A loss of a function of (y_true, y_pred, …) that gives a value for each sample; `kwargs` are its other
    arguments."""

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.fn, self._fn_kwargs = fn, kwargs

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if isinstance(y_true, Tensor) and isinstance(y_pred, Tensor):
            y_true, y_pred = same_rank(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "fn": serialize_keras_object(self.fn)}
        return {**config, **serialize_keras_object(self._fn_kwargs)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**(deserialize_keras_object(config) if "fn" in config else config))


class NamedLoss(LossFunctionWrapper):
    """A loss whose class says which function it is."""

    def get_config(self) -> dict[str, Any]:
        return {**Loss.get_config(self), **self._fn_kwargs}
