"""Penalties on weights, which are added to the loss."""

from __future__ import annotations

import math
from typing import Any

from ..eager import ops
from ..eager.tensor import Tensor, TensorLike, convert
from .naming import snake_case
from .objects import Names, serialize_keras_object

__all__ = [
    "L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "deserialize", "get", "l1", "l1_l2", "l2",
    "orthogonal_regularizer", "serialize",
]  # fmt: skip


class Regularizer:
    """A function of a tensor that gives a rank-0 tensor."""

    def __call__(self, x: TensorLike) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(x)")

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(f"{type(self).__name__} must define get_config() to be saved")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)


def _factor(value: Any, name: str) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not math.isfinite(value)
        or value < 0
    ):
        raise ValueError(f"expected {name} to be a number of 0 or more, received {value!r}")
    return float(value)


class L1L2(Regularizer):
    """l1 * sum(|x|) + l2 * sum(x²)."""

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1, self.l2 = _factor(l1 or 0.0, "l1"), _factor(l2 or 0.0, "l2")

    def __call__(self, x: TensorLike) -> Tensor:
        x = convert(x)
        parts: list[Tensor] = []
        if self.l1:
            parts.append(ops.sum(ops.abs(x)) * self.l1)
        if self.l2:
            parts.append(ops.sum(ops.square(x)) * self.l2)
        if not parts:
            return convert(0.0, x.type.dtype)
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    """l1 * sum(|x|)."""

    def __init__(self, l1: float | None = 0.01) -> None:
        super().__init__(l1=0.01 if l1 is None else l1)

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(L1L2):
    """l2 * sum(x²)."""

    def __init__(self, l2: float | None = 0.01) -> None:
        super().__init__(l2=0.01 if l2 is None else l2)

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """factor times the mean absolute cosine between the rows (or columns) of a matrix."""

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        if mode not in ("rows", "columns"):
            raise ValueError(f"expected mode 'rows' or 'columns', received {mode!r}")
        self.factor, self.mode = _factor(factor, "factor"), mode

    def __call__(self, inputs: TensorLike) -> Tensor:
        x = convert(inputs)
        if x.ndim != 2:
            raise ValueError(
                f"expected a matrix for OrthogonalRegularizer, received a tensor of shape {x.shape}"
            )
        x = x if self.mode == "rows" else ops.transpose(x)
        x = x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=1, keepdims=True), 1e-12))
        size = int(x.shape[0] or 0)
        off = ops.matmul(x, ops.transpose(x)) * (1.0 - ops.eye(size, dtype=x.dtype))
        return ops.sum(ops.abs(off)) * (self.factor / (size * (size - 1.0)))

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


l1, l2, orthogonal_regularizer = L1, L2, OrthogonalRegularizer


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """L1L2 with the defaults that it had in Keras 2."""
    return L1L2(l1, l2)


_CLASSES = (L1, L2, L1L2, OrthogonalRegularizer)
_names = Names(
    "regularizer",
    {
        **{c.__name__: c for c in _CLASSES},
        **{snake_case(c.__name__): c for c in _CLASSES},
        # the class's own arguments would be 0
        "l1_l2": l1_l2(),
    },
)
serialize = serialize_keras_object
deserialize = _names.deserialize
get = _names.get
