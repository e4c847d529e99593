"""First values of weights. Random ones are computed by numpy where a variable is made: the same seed gives the same
values, other ones than Keras gives for it.

Sources: X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010);
K. He and others, "Delving deep into rectifiers" (2015); Y. LeCun and others, "Efficient backprop" (1998);
A. Saxe and others, "Exact solutions to the nonlinear dynamics of learning in deep linear networks" (2013).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...compiler.ir.attributes import Array
from ..eager.tensor import Tensor, convert
from .config import dtype_or_default
from .naming import snake_case
from .objects import Names, deserialize_keras_object, serialize_keras_object
from .seeds import SeedGenerator, make_default_seed, numpy_generator

__all__ = [
    "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "IdentityInitializer",
    "Initializer", "LecunNormal", "LecunUniform", "Ones", "Orthogonal", "OrthogonalInitializer", "RandomNormal",
    "RandomUniform", "TruncatedNormal", "VarianceScaling", "Zeros", "deserialize", "get", "serialize",
]  # fmt: skip

#: the deviation of a standard normal distribution that is cut off at 2
_TRUNCATED = 0.8796256610342398


class Initializer:
    """A function of (shape, dtype) that gives a tensor."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return convert(self.values(tuple(shape)), dtype_or_default(dtype))

    def values(self, shape: tuple[int, ...]) -> Array:
        """The values as an array."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(shape, dtype)")

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)

    def clone(self) -> Any:
        """Another one of the same configuration."""
        return type(self).from_config(self.get_config())


class Zeros(Initializer):
    """Zeros."""

    def values(self, shape: tuple[int, ...]) -> Array:
        return np.zeros(shape, np.float32)


class Ones(Initializer):
    """Ones."""

    def values(self, shape: tuple[int, ...]) -> Array:
        return np.ones(shape, np.float32)


class Constant(Initializer):
    """One value everywhere, or an array that broadcasts to the shape."""

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def values(self, shape: tuple[int, ...]) -> Array:
        return np.array(np.broadcast_to(np.asarray(self.value), shape))

    def get_config(self) -> dict[str, Any]:
        return {"value": serialize_keras_object(self.value)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(deserialize_keras_object(config["value"]))


class Identity(Initializer):
    """`gain` on the diagonal of a matrix of zeros."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def values(self, shape: tuple[int, ...]) -> Array:
        if len(shape) != 2:
            raise ValueError(f"expected a matrix's shape for the initializer Identity, received {shape}")
        return self.gain * np.eye(*shape)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


class RandomInitializer(Initializer):
    """One that draws numbers. `seed`: an integer, for the same values at every call; a SeedGenerator, for others each
    time; None for a seed that Python's `random` draws now."""

    def __init__(self, seed: Any = None) -> None:
        if isinstance(seed, dict):
            seed = deserialize_keras_object(seed)
        if isinstance(seed, np.integer):
            seed = int(seed)
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, SeedGenerator))):
            raise ValueError(f"expected an integer or a SeedGenerator as the seed, received {seed!r}")
        self._init_seed = seed
        self.seed = make_default_seed() if seed is None else seed

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        wanted = dtype_or_default(dtype)
        sizes = tuple(shape)
        drawn = self.draw(numpy_generator(self.seed), sizes, np.float64 if wanted.size == 8 else np.float32)
        return convert(drawn, wanted)

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
        """Values of float32 or float64 from numpy's generator."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(shape, dtype)")

    def get_config(self) -> dict[str, Any]:
        return {"seed": serialize_keras_object(self._init_seed)}


def _normal(
    generator: np.random.Generator, shape: tuple[int, ...], mean: float, stddev: float, dtype: Any
) -> Array:
    return generator.standard_normal(shape, dtype) * dtype(stddev) + dtype(mean)


def _truncated(
    generator: np.random.Generator, shape: tuple[int, ...], mean: float, stddev: float, dtype: Any
) -> Array:
    values = generator.standard_normal(math.prod(shape), dtype)
    while (far := np.flatnonzero(np.abs(values) > 2)).size:
        values[far] = generator.standard_normal(far.size, dtype)
    return values.reshape(shape) * dtype(stddev) + dtype(mean)


def _uniform(
    generator: np.random.Generator, shape: tuple[int, ...], low: float, high: float, dtype: Any
) -> Array:
    return generator.random(shape, dtype) * dtype(high - low) + dtype(low)


class RandomNormal(RandomInitializer):
    """Normally distributed numbers."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
        return _normal(generator, shape, self.mean, self.stddev, dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomNormal):
    """Normally distributed numbers within two deviations of the mean."""

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
        return _truncated(generator, shape, self.mean, self.stddev, dtype)


class RandomUniform(RandomInitializer):
    """Uniform numbers from minval to below maxval."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
        return _uniform(generator, shape, self.minval, self.maxval, dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


def compute_fans(
    shape: Sequence[int], input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[int, int]:
    """How many inputs an output has, and how many outputs an input: of a matrix [in, out], of a convolution's filter
    [sizes.., in, out], or by the axes that hold them."""
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[a] for a in input_axes), math.prod(shape[a] for a in output_axes)
    if len(shape) < 2:
        size = int(shape[0]) if shape else 1
        return size, size
    *window, inputs, outputs = (int(d) for d in shape)
    return inputs * math.prod(window), outputs * math.prod(window)


class VarianceScaling(RandomInitializer):
    """Numbers of variance scale / n, where n counts inputs (`fan_in`), outputs (`fan_out`) or their mean (`fan_avg`).

    `distribution`: "truncated_normal", "untruncated_normal" or "uniform".
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        if scale <= 0:
            raise ValueError(f"expected scale to be positive, received {scale}")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"expected mode 'fan_in', 'fan_out' or 'fan_avg', received {mode!r}")
        distribution = "truncated_normal" if distribution.lower() == "normal" else distribution.lower()
        if distribution not in ("uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError(
                "expected distribution 'truncated_normal', 'untruncated_normal' or 'uniform', "
                f"received {distribution!r}"
            )
        super().__init__(seed)
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
        inputs, outputs = compute_fans(shape, self.input_axes, self.output_axes)
        count = {"fan_in": inputs, "fan_out": outputs, "fan_avg": (inputs + outputs) / 2}[self.mode]
        variance = self.scale / max(1.0, count)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return _uniform(generator, shape, -limit, limit, dtype)
        if self.distribution == "truncated_normal":
            return _truncated(generator, shape, 0, math.sqrt(variance) / _TRUNCATED, dtype)
        return _normal(generator, shape, 0, math.sqrt(variance), dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.update(scale=self.scale, mode=self.mode, distribution=self.distribution)
        return {**config, "input_axes": self.input_axes, "output_axes": self.output_axes}


class _Scaled(VarianceScaling):
    """VarianceScaling of fixed kind."""

    fixed: tuple[float, str, str] = (1.0, "fan_in", "truncated_normal")

    def __init__(
        self,
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(*self.fixed, seed, input_axes, output_axes)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {k: config[k] for k in ("seed", "input_axes", "output_axes")}


class GlorotUniform(_Scaled):
    """Uniform numbers up to sqrt(6 / (inputs + outputs))."""

    fixed = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Normal numbers, cut off at two deviations, of variance 2 / (inputs + outputs)."""

    fixed = (1.0, "fan_avg", "truncated_normal")


class LecunNormal(_Scaled):
    """Normal numbers, cut off at two deviations, of variance 1 / inputs."""

    fixed = (1.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """Uniform numbers up to sqrt(3 / inputs)."""

    fixed = (1.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Normal numbers, cut off at two deviations, of variance 2 / inputs."""

    fixed = (2.0, "fan_in", "truncated_normal")


class HeUniform(_Scaled):
    """Uniform numbers up to sqrt(6 / inputs)."""

    fixed = (2.0, "fan_in", "uniform")


class Orthogonal(RandomInitializer):
    """A random matrix with orthogonal rows or columns, whichever are fewer, times `gain`; of more than two axes the
    first ones count as one."""

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
        if len(shape) < 2:
            raise ValueError(f"expected two axes or more for the initializer Orthogonal, received {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        drawn = generator.standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(drawn)
        # the signs make the distribution uniform over all orthogonal matrices
        q = q * np.sign(np.diag(r))
        return (self.gain * (q.T if rows < columns else q).reshape(shape)).astype(dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": self.gain}


IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal
_CLASSES = (
    Zeros, Ones, Constant, Identity, RandomNormal, TruncatedNormal, RandomUniform, VarianceScaling, GlorotUniform,
    GlorotNormal, LecunNormal, LecunUniform, HeNormal, HeUniform, Orthogonal,
)  # fmt: skip
_names = Names(
    "initializer",
    {
        **{c.__name__: c for c in _CLASSES},
        **{snake_case(c.__name__): c for c in _CLASSES},
        "IdentityInitializer": Identity,
        "OrthogonalInitializer": Orthogonal,
        "normal": RandomNormal,
        "uniform": RandomUniform,
        "one": Ones,
        "zero": Zeros,
    },
)
serialize = serialize_keras_object
deserialize = _names.deserialize


def get(identifier: Any) -> Any:
    """The initializer for a name, configuration, class, object or function of (shape, dtype); an array is a Constant;
    None for None. Raises ValueError for others."""
    if isinstance(identifier, (np.ndarray, Tensor)):
        return Constant(identifier)
    return _names.get(identifier)


def __getattr__(name: str) -> Any:
    if name in ("STFT", "STFTInitializer", "stft"):
        raise AttributeError("keras.initializers.STFT is not built here")
    found = _names.objects.get(name)
    if found is None:
        raise AttributeError(f"keras.initializers has no {name!r}")
    return found
