"""Normalisations: by given statistics, by an axis' own mean and variance, by a norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....compiler.ops.elementwise import SquaredDifference
from ....compiler.ops.moments import Moments
from ....compiler.ops.norm import BatchNorm
from ....runtime.errors import InputError, ShapeError
from ....runtime.spec import f32
from ..stop import stop_gradient
from ..tensor import Tensor, TensorLike, cast, convert, floats, op, ops
from .arrays import reshape_to, squeeze
from .elementwise import log10, maximum, rsqrt, square
from .linear_algebra import norm
from .making import full
from .reductions import axes_of, mean, sum

__all__ = ["batch_normalization", "layer_normalization", "moments", "normalize", "psnr", "rms_normalization"]

EPSILON = 1e-7


def batch_normalization(
    x: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    axis: int,
    offset: TensorLike = None,
    scale: TensorLike = None,
    epsilon: float = 1e-3,
) -> Tensor:
    """(x - mean) * scale / sqrt(variance + epsilon) + offset, with statistics of shape [C] for the axis."""
    x = floats(x)
    dtype, at = x.type.dtype, axis % x.ndim
    m, v = convert(mean, dtype), convert(variance, dtype)
    s, o = (None if t is None else convert(t, dtype) for t in (scale, offset))
    if at == x.ndim - 1 and m.ndim == 1:
        count = m.shape[0]
        if count is None:
            raise ShapeError(f"expected statistics of a known size, received {m.shape}")
        s = full((count,), 1, dtype) if s is None else s
        o = full((count,), 0, dtype) if o is None else o
        return op(BatchNorm, x, s, o, m, v, epsilon=float(epsilon))
    factor = rsqrt(v + float(epsilon))
    factor = factor if s is None else factor * s
    rest = -m * factor if o is None else o - m * factor
    return x * _spread(factor, x, [at]) + _spread(rest, x, [at])


def _spread(v: Tensor, x: Tensor, axes: Sequence[int]) -> Tensor:
    """A tensor of the axes' sizes, so that it broadcasts against x."""
    if v.ndim in (0, x.ndim) or list(axes) == list(range(x.ndim - v.ndim, x.ndim)):
        return v
    return reshape_to(v, tuple(x.type.shape[i] if i in axes else 1 for i in range(x.ndim)))


def moments(
    x: TensorLike, axes: int | Sequence[int], keepdims: bool = False, synchronized: bool = False
) -> tuple[Tensor, Tensor]:
    """The mean and the variance over axes; of half precision computed in float32.

    Raises:
        InputError: `synchronized`, for there are no replicas.
    """
    if synchronized:
        raise InputError("moments has no synchronized=True: there are no replicas")
    x = floats(x)
    dtype = x.type.dtype
    wide = cast(x, f32) if dtype.size < 4 else x
    chosen = axes_of(x, axes)
    if chosen and x.type.is_static:
        center, spread = ops(Moments, wide, axes=chosen, keep_dims=keepdims)
        return cast(center, dtype), cast(spread, dtype)
    center = mean(wide, axes, True)
    # what the mean changes in the sum of squares is 0: no gradient needs to go that way
    spread = mean(op(SquaredDifference, wide, stop_gradient(center)), axes, keepdims)
    center = center if keepdims else squeeze(center, chosen)
    return cast(center, dtype), cast(spread, dtype)


def layer_normalization(
    x: TensorLike,
    gamma: TensorLike = None,
    beta: TensorLike = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
    **options: Any,
) -> Tensor:
    """x less its mean over its deviation along axes, times gamma, plus beta; computed in float32 at least."""
    if options.pop("rms_scaling", False) or options:
        raise InputError(
            f"layer_normalization has no {', '.join(options) or 'rms_scaling'}: see rms_normalization"
        )
    x = floats(x)
    dtype, axes = x.type.dtype, axes_of(x, axis)
    wide = cast(x, f32) if dtype.size < 4 else x
    center, variance = moments(wide, axes, keepdims=True)
    factor = rsqrt(variance + (EPSILON if epsilon is None else float(epsilon)))
    y = (wide - center) * factor
    if gamma is not None:
        y = y * _spread(convert(gamma, wide.type.dtype), wide, axes)
    if beta is not None:
        y = y + _spread(convert(beta, wide.type.dtype), wide, axes)
    return cast(y, dtype)


def rms_normalization(
    x: TensorLike, scale: TensorLike = None, axis: int | Sequence[int] = -1, epsilon: float | None = None
) -> Tensor:
    """x over the root of its mean square along axes, times scale; computed in float32 at least."""
    x = floats(x)
    dtype, axes = x.type.dtype, axes_of(x, axis)
    wide = cast(x, f32) if dtype.size < 4 else x
    y = wide * rsqrt(mean(square(wide), axes, True) + (EPSILON if epsilon is None else float(epsilon)))
    if scale is not None:
        y = y * _spread(convert(scale, wide.type.dtype), wide, axes)
    return cast(y, dtype)


def normalize(
    x: TensorLike, axis: int | Sequence[int] = -1, order: Any = 2, epsilon: float | None = None
) -> Tensor:
    """x over its norm along an axis; norms below epsilon count as that."""
    x = floats(x)
    least = EPSILON if epsilon is None else float(epsilon)
    if order == 2:
        # as the smallest square that is not rounded to 0 would
        return x * rsqrt(maximum(sum(square(x), axis, True), least * least))
    return x / maximum(norm(x, ord=order, axis=axis, keepdims=True), least)


def psnr(x1: TensorLike, x2: TensorLike, max_val: float) -> Tensor:
    """The peak signal-to-noise ratio of two signals in decibels: a scalar.

    Raises:
        ShapeError: the signals are not of one shape.
    """
    a, b = floats(x1), floats(x2)
    if a.type.shape != b.type.shape:
        raise ShapeError(f"expected signals of one shape, received {a.shape} and {b.shape}")
    noise = mean(square(a - b))
    return log10(convert(max_val, noise.type.dtype)) * 20.0 - log10(noise) * 10.0
