"""Numbers scaled by constants, or by the statistics of data."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...eager.ops.arrays import cast, reshape
from ...eager.ops.elementwise import maximum, sqrt
from ...eager.tensor import convert
from ...eager.variable import Variable
from ..config import epsilon
from .layer import Layer


class Rescaling(Layer):
    """x * scale + offset, as floats."""

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale, self.offset, self.supports_masking = scale, offset, True

    def call(self, inputs: Any) -> Any:
        scale, offset = (
            float(v) if isinstance(v, (int, float)) else cast(np.asarray(v, np.float32), self.dtype)
            for v in (self.scale, self.offset)
        )
        scaled = cast(inputs, self.dtype) * scale
        return scaled if isinstance(offset, float) and not offset else scaled + offset

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        from ..objects import serialize_keras_object as plain

        return {**super().get_config(), "scale": plain(self.scale), "offset": plain(self.offset)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        from ..objects import deserialize_keras_object

        return cls(
            **{k: deserialize_keras_object(v, custom_objects=custom_objects) for k, v in config.items()}
        )


class Normalization(Layer):
    """(x - mean) / sqrt(variance), or with `invert` the way back, with statistics for each place along `axis` (None:
    one for all). They are given, or found by `adapt`."""

    def __init__(
        self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        if (mean is None) != (variance is None):
            raise ValueError(
                "When setting values directly, both `mean` and `variance` must be set. Received: "
                f"mean={mean} and variance={variance}"
            )
        if np.shape(mean) != np.shape(variance):
            raise ValueError(
                "When setting values directly, `mean` and `variance` must have the same shape. Received: mean shape "
                f"{np.shape(mean)} and variance shape {np.shape(variance)}"
            )
        if mean is not None and np.ndim(mean) > len(self.axis):
            raise ValueError(
                f"The rank of `mean` must be less than or equal to the number of axes ({len(self.axis)}). "
                f"Received: mean "
                f"shape {np.shape(mean)} for axis {self.axis}"
            )
        self.input_mean, self.input_variance, self.invert = mean, variance, invert
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        if any(not -rank <= a < rank for a in self.axis):
            raise ValueError(
                f"All `axis` values must be in the range [-ndim, ndim). Received inputs with ndim={rank}, "
                f"while axis={self.axis}"
            )
        self._kept = tuple(sorted(a % rank for a in self.axis))
        for a in self._kept:
            if input_shape[a] is None:
                raise ValueError(
                    f"All `axis` values to be kept must have a known shape. Received axis={self.axis}, "
                    f"inputs.shape={input_shape}, with unknown axis at index {a}"
                )
        self._gone = tuple(a for a in range(rank) if a not in self._kept)
        self._spread = tuple(input_shape[a] if a in self._kept else 1 for a in range(rank))
        self._built_for = tuple(input_shape)
        if self.input_mean is None:
            sizes = tuple(input_shape[a] for a in self._kept)
            self.adapt_mean = self.add_weight(name="mean", shape=sizes, initializer="zeros", trainable=False)
            self.adapt_variance = self.add_weight(
                name="variance", shape=sizes, initializer="ones", trainable=False
            )
            self.count = self.add_weight(
                name="count", shape=(), dtype="int32", initializer="zeros", trainable=False
            )

    def adapt(self, data: Any) -> None:
        """Takes mean and variance from an array, or from the arrays that an iterable gives."""
        batches = iter([data] if hasattr(data, "shape") else data)
        first = next((_array(b) for b in batches), None)
        if first is None:
            raise ValueError(
                "adapt() received an empty iterable (no batches). Expected at least one batch. Pass a non-empty "
                "iterable of "
                "arrays or tensors, e.g. layer.adapt([x]) or layer.adapt(list_of_batches)."
            )
        if not self.built:
            self.build(first.shape)
        if self.input_mean is not None:
            raise ValueError(
                "expected a layer without `mean` and `variance` to adapt, received one that was given these"
            )
        self._check(first.shape)
        count, mean, variance = self._moments(first)
        for b in batches:
            batch = _array(b)
            self._check(batch.shape)
            more, m, v = self._moments(batch)
            share = more / (count + more)
            joined = mean * (1 - share) + m * share
            variance = (variance + (mean - joined) ** 2) * (1 - share) + (v + (m - joined) ** 2) * share
            count, mean = count + more, joined
        self.adapt_mean.assign(mean.astype(np.float32))
        self.adapt_variance.assign(variance.astype(np.float32))

    def _moments(self, x: Any) -> tuple[int, Any, Any]:
        x = x.astype(np.float64)
        count = int(np.prod([x.shape[a] for a in self._gone]))
        return count, np.mean(x, axis=self._gone), np.var(x, axis=self._gone)

    def _check(self, shape: Any) -> None:
        if len(shape) != len(self._built_for) or any(shape[a] != self._built_for[a] for a in self._kept):
            raise ValueError(
                f"The layer was built with input_shape={self._built_for}, but adapt() is being called with data "
                f"with an "
                f"incompatible shape, data.shape={tuple(shape)}"
            )

    @property
    def mean(self) -> Any:
        """What is taken off, in a shape that broadcasts; None as long as the layer is not built."""
        return self._statistic(self.input_mean, "adapt_mean")

    @property
    def variance(self) -> Any:
        """The square of what is divided by, in a shape that broadcasts; None as long as the layer is not built."""
        return self._statistic(self.input_variance, "adapt_variance")

    def _statistic(self, given: Any, name: str) -> Any:
        if not self.built:
            return None
        if given is None:
            return reshape(getattr(self, name), self._spread)
        v = np.asarray(given, np.float32)
        shape = [1] * len(self._spread)
        for i in range(1, v.ndim + 1):
            shape[self._kept[-i]] = v.shape[-i]
        return convert(np.ascontiguousarray(np.broadcast_to(v.reshape(shape), self._spread)))

    def call(self, inputs: Any) -> Any:
        x, mean = cast(inputs, self.dtype), cast(self.mean, self.dtype)
        scale = cast(maximum(sqrt(self.variance), epsilon()), self.dtype)
        return x * scale + mean if self.invert else (x - mean) / scale

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        mean, variance = (
            None if v is None else np.asarray(v).tolist() for v in (self.input_mean, self.input_variance)
        )
        config = {"axis": self.axis, "invert": self.invert, "mean": mean, "variance": variance}
        return {**super().get_config(), **config}


def _array(batch: Any) -> Any:
    """The inputs of a batch as an array."""
    batch = batch[0] if isinstance(batch, tuple) else batch
    return batch.numpy() if isinstance(batch, Variable) else np.asarray(batch)
