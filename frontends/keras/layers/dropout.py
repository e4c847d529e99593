"""Layers that disturb their inputs in training, and leave them alone otherwise: numbers dropped, noise added."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from ...eager import ops
from ...eager.tensor import Tensor
from .. import random, regularizers
from .arguments import config_of
from .layer import Layer
from .spec import InputSpec
from .windows import data_format_name

#: Klambauer et al., "Self-Normalizing Neural Networks", 2017: what selu gives for numbers far below 0
SELU_LOW = -1.6732632423543772 * 1.0507009873554805


def _rate(value: Any, name: str = "rate") -> Any:
    if not 0 <= value <= 1:
        raise ValueError(
            f"Invalid value received for argument `{name}`. Expected a float value between 0 and 1. "
            f"Received: {name}={value}"
        )
    return value


class _Random(Layer):
    """A layer that draws numbers in training, from a generator of its own."""

    def __init__(self, amount: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        if amount > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class Dropout(_Random):
    """In training a part `rate` of the numbers is 0, and the others are divided by 1 - rate.

    `noise_shape`: the shape that is drawn for, None for a size of the input's; along sizes of 1 all share what is
    drawn. What is kept is drawn by `random.kept`.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(_rate(rate), seed, **kwargs)
        self.rate = rate
        self.noise_shape = _checked(noise_shape)

    def _noise_shape(self, inputs: Tensor) -> Any:
        return self.noise_shape

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        return random.dropout(inputs, self.rate, self._noise_shape(inputs), self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **config_of(self, ["rate", "seed", "noise_shape"])}


def _checked(noise_shape: Any) -> tuple[int | None, ...] | None:
    if noise_shape is None:
        return None
    if isinstance(noise_shape, str) or not hasattr(noise_shape, "__iter__"):
        raise ValueError(
            "Invalid value received for argument `noise_shape`. Expected a tuple or list of integers. "
            f"Received: noise_shape={noise_shape}"
        )
    for i, d in enumerate(noise_shape):
        if d is not None and (not isinstance(d, int) or d <= 0):
            raise ValueError(
                "Invalid value received for argument `noise_shape`. Expected all elements to be positive integers or "
                f"None. Received element at index {i}: {d}"
            )
    return tuple(noise_shape)


class _SpatialDropout(Dropout):
    rank: ClassVar[int] = 2

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.data_format = data_format_name(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _noise_shape(self, inputs: Tensor) -> Any:
        return (None, *(1,) * self.rank, None)

    def get_config(self) -> dict[str, Any]:
        return config_of(self, ["rate", "data_format", "seed", "name", "dtype"])


class SpatialDropout1D(_SpatialDropout):
    """Drops whole channels of [N, steps, C] in training."""

    rank = 1

    def __init__(
        self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(rate, None, seed, name, dtype)

    def get_config(self) -> dict[str, Any]:
        return config_of(self, ["rate", "seed", "name", "dtype"])


class SpatialDropout2D(_SpatialDropout):
    """Drops whole channels of [N, H, W, C] in training."""


class SpatialDropout3D(_SpatialDropout):
    """Drops whole channels of [N, D, H, W, C] in training."""

    rank = 3


class GaussianNoise(_Random):
    """Adds normally distributed numbers of mean 0 and deviation `stddev` in training."""

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(_rate(stddev, "stddev"), seed, **kwargs)
        self.stddev = stddev

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.stddev == 0:
            return inputs
        return inputs + random.normal(inputs.type.shape, 0.0, self.stddev, inputs.dtype, self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **config_of(self, ["stddev", "seed"])}


class GaussianDropout(_Random):
    """Multiplies by normally distributed numbers of mean 1 and deviation sqrt(rate / (1 - rate)) in training."""

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(_rate(rate), seed, **kwargs)
        self.rate = rate

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        deviation = math.sqrt(self.rate / (1.0 - self.rate)) if self.rate < 1 else math.inf
        return inputs * random.normal(inputs.type.shape, 1.0, deviation, inputs.dtype, self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **config_of(self, ["rate", "seed"])}


class AlphaDropout(_Random):
    """In training a part `rate` of the numbers is selu's lowest value; then all are scaled and moved so that mean and
    variance stay. `noise_shape` as in Dropout."""

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(_rate(rate), seed, **kwargs)
        self.rate = rate
        self.noise_shape = _checked(noise_shape)

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        drawn = random.kept(random.drawn_shape(inputs, self.noise_shape), self.rate, self.seed_generator)
        left = max(1.0 - self.rate, 1e-37)
        scale = (left * (1.0 + self.rate * SELU_LOW**2)) ** -0.5
        return ops.where(drawn, inputs, SELU_LOW) * scale - scale * SELU_LOW * self.rate

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **config_of(self, ["rate", "seed", "noise_shape"])}


class ActivityRegularization(Layer):
    """Its inputs; l1 * sum(|x|) + l2 * sum(x²), over the batch's size, is added to the loss."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.supports_masking = True
        self.l1, self.l2 = l1, l2

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("activity_regularizer", None)
        return {**config, **config_of(self, ["l1", "l2"])}
