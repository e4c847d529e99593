"""Random numbers as tensors. Seeds are read when the numbers are drawn: a compiled function draws new ones each time
it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...compiler.ops import random_numbers as draws
from ...runtime.errors import ShapeError
from ...runtime.spec import DType, f32, f64, i32, i64
from ..eager import ops
from ..eager.tensor import Tensor, TensorLike, cast, convert, op
from .config import dtype_or_default
from .seeds import SeedGenerator, draw_seed

__all__ = [
    "SeedGenerator", "beta", "binomial", "categorical", "dropout", "gamma", "normal", "randint", "shuffle",
    "truncated_normal", "uniform",
]  # fmt: skip

Seed = Any


def state_of(seed: Seed) -> Tensor:
    """The state from which graph ops draw, for an integer, a SeedGenerator, or None."""
    return op(draws.RandomKey, draw_seed(seed))


def _sizes(shape: int | Sequence[Any]) -> tuple[Any, ...]:
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(d is None for d in sizes):
        raise ShapeError(f"expected known sizes for random numbers, received {sizes}")
    return tuple(d if not isinstance(d, np.integer) else int(d) for d in sizes)


def _float_type(dtype: Any) -> DType:
    wanted = dtype_or_default(dtype)
    if not wanted.is_float:
        raise ValueError(f"expected a float type for random numbers, received {wanted.tf_name}")
    return wanted


def _drawn(kind: str, sizes: Any, dtype: DType, seed: Seed) -> Tensor:
    inner = f64 if dtype == f64 else f32
    return cast(op(draws.Random, state_of(seed), shape=sizes, kind=kind, dtype=inner), dtype)


def normal(
    shape: int | Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Seed = None
) -> Tensor:
    """Normally distributed numbers."""
    return _drawn("normal", _sizes(shape), _float_type(dtype), seed) * stddev + mean


def truncated_normal(
    shape: int | Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Seed = None
) -> Tensor:
    """Normally distributed numbers, drawn again until they are within two deviations of the mean."""
    return _drawn("truncated_normal", _sizes(shape), _float_type(dtype), seed) * stddev + mean


def uniform(
    shape: int | Sequence[int], minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Seed = None
) -> Tensor:
    """Uniform numbers from minval to below maxval; of an integer type, integers."""
    wanted = dtype_or_default(dtype)
    if wanted.is_integer:
        return randint(shape, int(minval), int(maxval), wanted, seed)
    drawn = _drawn("uniform", _sizes(shape), _float_type(wanted), seed)
    return drawn if (minval, maxval) == (0.0, 1.0) else drawn * (maxval - minval) + minval


def randint(
    shape: int | Sequence[int],
    minval: TensorLike,
    maxval: TensorLike,
    dtype: Any = "int32",
    seed: Seed = None,
) -> Tensor:
    """Uniform integers from minval to below maxval."""
    wanted = dtype_or_default(dtype)
    if not wanted.is_integer:
        raise ValueError(f"expected an integer type for randint, received {wanted.tf_name}")
    inner = i64 if wanted.size == 8 else i32
    bounds = convert(minval, inner), convert(maxval, inner)
    drawn = op(draws.Random, state_of(seed), *bounds, shape=_sizes(shape), kind="integer", dtype=inner)
    return cast(drawn, wanted)


def categorical(logits: TensorLike, num_samples: int, dtype: Any = "int32", seed: Seed = None) -> Tensor:
    """Classes [batch, num_samples], drawn by exp(logits) of [batch, classes]."""
    x = convert(logits)
    if x.ndim != 2:
        raise ShapeError(f"expected logits [batch, classes], received {x.shape}")
    x = x if x.type.dtype in (f32, f64) else cast(x, f32)
    return cast(op(draws.RandomCategorical, state_of(seed), x, count=int(num_samples)), dtype)


def dropout(
    inputs: TensorLike, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Seed = None
) -> Tensor:
    """inputs with a part `rate` of them 0, the others divided by 1 - rate.

    `noise_shape`: which sizes are drawn for; those of 1 share what is drawn, None is the input's size.
    """
    x = convert(inputs)
    if not 0 <= rate <= 1:
        raise ValueError(f"expected a rate from 0 to 1, received {rate}")
    if rate == 0:
        return x
    if rate == 1:
        return ops.zeros_like(x)
    chosen = kept(drawn_shape(x, noise_shape), rate, seed)
    return ops.where(chosen, x * (1.0 / (1.0 - rate)), 0.0)


def drawn_shape(x: Tensor, noise_shape: Sequence[int | None] | None) -> tuple[Any, ...]:
    """The sizes that are drawn for: those of `noise_shape`, and of x where that is None."""
    sizes = x.type.shape
    if noise_shape is None:
        return sizes
    if len(noise_shape) != len(sizes):
        raise ShapeError(f"expected a noise_shape of {len(sizes)} sizes, received {tuple(noise_shape)}")
    return tuple(d if n is None else n for n, d in zip(noise_shape, sizes, strict=True))


def kept(sizes: Sequence[Any], rate: float, seed: Seed = None) -> Tensor:
    """What dropout leaves: bools, each of them false with a probability of `rate`."""
    return _drawn("uniform", tuple(sizes), f32, seed) >= float(rate)


def shuffle(x: TensorLike, axis: int = 0, seed: Seed = None) -> Tensor:
    """x with its slices along an axis in another order."""
    x = convert(x)
    size = x.shape[axis]
    if size is None:
        raise ShapeError(f"expected a known size along axis {axis} to shuffle, received {x.shape}")
    return ops.take(x, op(draws.RandomPermutation, state_of(seed), size=size), axis)


def gamma(shape: int | Sequence[int], alpha: TensorLike, dtype: Any = None, seed: Seed = None) -> Tensor:
    """Gamma numbers of shape parameter alpha (broadcast to `shape`) and scale 1."""
    sizes, wanted = _sizes(shape), _float_type(dtype)
    return cast(_gammas(state_of(seed), sizes, alpha), wanted)


def _gammas(state: Tensor, sizes: Sequence[int], alpha: TensorLike) -> Tensor:
    parameters = ops.reshape(ops.broadcast_to(convert(alpha, f64), sizes), (-1,))
    return ops.reshape(op(draws.RandomGamma, state, parameters, count=1), sizes)


def beta(
    shape: int | Sequence[int], alpha: TensorLike, beta: TensorLike, dtype: Any = None, seed: Seed = None
) -> Tensor:
    """Beta numbers: x / (x + y) of two gamma numbers."""
    sizes, wanted = _sizes(shape), _float_type(dtype)
    first = draw_seed(seed)
    x = _gammas(op(draws.RandomKey, first), sizes, alpha)
    # another stream of the same seed
    y = _gammas(op(draws.RandomKey, first + np.array([0x5DEECE66D, 0], np.int64)), sizes, beta)
    return cast(x / (x + y), wanted)


def binomial(
    shape: int | Sequence[int], counts: int, probabilities: TensorLike, dtype: Any = None, seed: Seed = None
) -> Tensor:
    """How often each of `counts` trials succeeds, an integer at least 0 that is the same for all results."""
    if (
        isinstance(counts, bool)
        or not isinstance(counts, (int, float, np.integer))
        or counts < 0
        or counts != int(counts)
    ):
        raise ValueError(f"expected one whole number of trials, received {counts!r}")
    sizes, wanted = _sizes(shape), _float_type(dtype)
    trials = _drawn("uniform", (int(counts), *sizes), f32, seed)
    return cast(ops.sum(cast(trials < convert(probabilities, f32), f32), axis=0), wanted)
