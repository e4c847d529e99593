"""Activations of recurrent layers, and their derivatives as functions of the activation's own result.

A recurrent layer keeps gates after their activation alone; every activation here is monotonic, so that the
derivative follows from the result. Formulas are Keras 3's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...runtime.spec import DType
from ..ir.attributes import Array
from .expression import Num

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
#: what elu, selu and leaky_relu multiply negative numbers by, in Keras
LEAKY_SLOPE = 0.2


@dataclass(frozen=True)
class Activation:
    """`value(x)`, and `slope(y)`: the derivative at the x whose value is y."""

    value: Callable[[Num], Num]
    slope: Callable[[Num], Num]


def _between(y: Num, low: float, high: float, slope: float) -> Num:
    """`slope` inside of the range, where the activation rises, and zero at its ends."""
    inside = (y > low) & (y < high)
    return inside.where(y.like(slope), 0.0)


def _selu(x: Num) -> Num:
    return (x > 0.0).where(x, x.f("expm1") * SELU_ALPHA) * SELU_SCALE


def _softsign_slope(y: Num) -> Num:
    rest = 1.0 - abs(y)
    return rest * rest


ACTIVATIONS: dict[str, Activation] = {
    "tanh": Activation(lambda x: x.f("tanh"), lambda y: 1.0 - y * y),
    "sigmoid": Activation(lambda x: x.f("sigmoid"), lambda y: y * (1.0 - y)),
    "hard_sigmoid": Activation(
        lambda x: (x + 3.0).max(0.0).min(6.0) * (1 / 6), lambda y: _between(y, 0.0, 1.0, 1 / 6)
    ),
    "hard_tanh": Activation(lambda x: x.max(-1.0).min(1.0), lambda y: _between(y, -1.0, 1.0, 1.0)),
    "relu": Activation(lambda x: x.max(0.0), lambda y: (y > 0.0).where(y.like(1.0), 0.0)),
    "relu6": Activation(lambda x: x.max(0.0).min(6.0), lambda y: _between(y, 0.0, 6.0, 1.0)),
    "leaky_relu": Activation(
        lambda x: (x < 0.0).where(x * LEAKY_SLOPE, x), lambda y: (y > 0.0).where(y.like(1.0), LEAKY_SLOPE)
    ),
    "linear": Activation(lambda x: x, lambda y: y.like(1.0)),
    "elu": Activation(
        lambda x: (x < 0.0).where(x.f("expm1"), x), lambda y: (y > 0.0).where(y.like(1.0), y + 1.0)
    ),
    "selu": Activation(_selu, lambda y: (y > 0.0).where(y.like(SELU_SCALE), y + SELU_SCALE * SELU_ALPHA)),
    "softsign": Activation(lambda x: x / (abs(x) + 1.0), _softsign_slope),
    "softplus": Activation(
        lambda x: x.max(0.0) + (-abs(x)).f("exp").f("log1p"), lambda y: -((-y).f("expm1"))
    ),
    "exponential": Activation(lambda x: x.f("exp"), lambda y: y),
}


def _sigmoid(x: Array) -> Array:
    t = np.exp(-np.abs(x))
    return np.where(x < 0, t / (1 + t), 1 / (1 + t)).astype(x.dtype)


_UNARY: dict[str, Callable[..., Any]] = {
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "exp": np.exp,
    "expm1": np.expm1,
    "log1p": np.log1p,
    "neg": np.negative,
    "abs": np.abs,
}
_BINARY: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "max": np.maximum,
    "min": np.minimum,
    "and": np.logical_and,
}
_COMPARE: dict[str, Callable[..., Any]] = {"lt": np.less, "gt": np.greater}
_SELECT: Callable[..., Any] = np.where


class ArrayScalars:
    """`base.Scalars` for numpy arrays, as far as activations need it: their reference evaluation."""

    def __init__(self, dtype: DType) -> None:
        self.dtype = dtype

    def c(self, value: float, like: Any) -> Any:
        return np.asarray(value, like.dtype)

    def unary(self, name: str, x: Any) -> Any:
        return _UNARY[name](x)

    def binary(self, name: str, x: Any, y: Any) -> Any:
        return _BINARY[name](x, y)

    def compare(self, name: str, x: Any, y: Any) -> Any:
        return _COMPARE[name](x, y)

    def select(self, condition: Any, x: Any, y: Any) -> Any:
        return _SELECT(condition, x, y)

    def cast(self, x: Any, to: DType) -> Any:
        return x.astype(to.numpy)

    def bitcast(self, x: Any, to: DType) -> Any:
        return x.view(to.numpy)


def on_arrays(f: Callable[[Num], Num], dtype: DType) -> Callable[[Array], Array]:
    """A value or slope as a function of arrays."""
    scalars = ArrayScalars(dtype)

    def run(x: Array) -> Array:
        return np.broadcast_to(f(Num(scalars, x, dtype)).v, x.shape)

    return run
