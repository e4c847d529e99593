"""What weights are made to fulfil after each step of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..eager import ops
from ..eager.tensor import Tensor, TensorLike, convert
from .config import epsilon
from .naming import snake_case
from .objects import Names, serialize_keras_object

__all__ = [
    "Constraint", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "deserialize", "get", "max_norm",
    "min_max_norm", "non_neg", "serialize", "unit_norm",
]  # fmt: skip

Axes = Any


class Constraint:
    """A function of a weight that gives its new value."""

    def __call__(self, w: TensorLike) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(w)")

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)


def _norms(w: Tensor, axis: int | Sequence[int]) -> Tensor:
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


class MaxNorm(Constraint):
    """Norms along `axis` of at most `max_value`."""

    def __init__(self, max_value: float = 2, axis: Axes = 0) -> None:
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: TensorLike) -> Tensor:
        w = convert(w)
        norms = _norms(w, self.axis)
        return w * (ops.clip(norms, 0.0, float(self.max_value)) / (norms + epsilon()))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """No weight below 0."""

    def __call__(self, w: TensorLike) -> Tensor:
        return ops.maximum(convert(w), 0.0)


class UnitNorm(Constraint):
    """Norms of 1 along `axis`."""

    def __init__(self, axis: Axes = 0) -> None:
        self.axis = axis

    def __call__(self, w: TensorLike) -> Tensor:
        w = convert(w)
        return w / (_norms(w, self.axis) + epsilon())

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Norms along `axis` from `min_value` to `max_value`, reached by a part `rate` of the way in a step."""

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axes = 0
    ) -> None:
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: TensorLike) -> Tensor:
        w = convert(w)
        norms = _norms(w, self.axis)
        wanted = ops.clip(norms, float(self.min_value), float(self.max_value))
        wanted = wanted * float(self.rate) + norms * float(1 - self.rate)
        return w * (wanted / (norms + epsilon()))

    def get_config(self) -> dict[str, Any]:
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis,
        }


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm
_CLASSES = (MaxNorm, NonNeg, UnitNorm, MinMaxNorm)
_names = Names(
    "constraint", {**{c.__name__: c for c in _CLASSES}, **{snake_case(c.__name__): c for c in _CLASSES}}
)
serialize = serialize_keras_object
deserialize = _names.deserialize
get = _names.get
