"""Normalisations: of batches, across channels, softmax."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...compiler.ir.core import Value
from ...compiler.ops.activation import Exp, Log, Rsqrt, Square
from ...compiler.ops.base import tensor
from ...compiler.ops.elementwise import Add, Cast, Div, Maximum, Mul, Sub
from ...compiler.ops.matmul import MatMul
from ...compiler.ops.norm import BatchNorm, Softmax
from ...compiler.ops.reduce import ReduceMean
from ...compiler.ops.shape import BroadcastTo
from ...runtime.spec import DType, i64
from .context import Context
from .layout import Layout
from .registry import Malformed, Missing, Refused, converts
from .scope import Result

_V1_OUTPUTS = ("y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2")


@converts("FusedBatchNormV3", outputs=(*_V1_OUTPUTS, "reserve_space_3"))
@converts("FusedBatchNorm", "FusedBatchNormV2", outputs=_V1_OUTPUTS)
def fused_batch_norm(
    c: Context, x: Value, scale: Value, offset: Value, mean: Value, variance: Value
) -> Sequence[Result]:
    """With given statistics, or with is_training=true the batch's, which are results then, mixed with given
    ones by exponential_avg_factor; NHWC and NDHWC, and channels first by transposing."""
    layout, image = wide_image(c, x, tensor(scale).dtype)
    statistics = [mean, variance, mean, variance]
    if c.flag("is_training", True):
        statistics = batch_statistics(c, image, mean, variance)
    y = normalised(c, image, scale, offset, statistics)
    if tensor(y).dtype != tensor(x).dtype:
        y = c.make(Cast, y, dtype=tensor(x).dtype)
    reserved = Missing(c.node.op, c.name, "its outputs for training are not supported")
    return [layout.back(y), *statistics, *([reserved] if c.node.op == "FusedBatchNormV3" else [])]


def wide_image(c: Context, x: Value, dtype: DType) -> tuple[Layout, Value]:
    """The layout of an image to be normalised, and the image with channels last: half precision is computed
    in the statistics' type."""
    if tensor(x).rank not in (4, 5):
        raise Malformed(f"expected images of rank 4 or 5, found {tensor(x)}")
    layout = Layout(c, tensor(x).rank)
    image = layout.last(x)
    return layout, image if tensor(x).dtype == dtype else c.make(Cast, image, dtype=dtype)


def normalised(c: Context, image: Value, scale: Value, offset: Value, statistics: Sequence[Value]) -> Value:
    """The image less its mean over its deviation, by the last two of `statistics`."""
    return c.make(BatchNorm, image, scale, offset, *statistics[2:], epsilon=c.real("epsilon", 1e-4))


def batch_statistics(c: Context, image: Value, mean: Value, variance: Value) -> list[Value]:
    """Mean and unbiased variance of each channel, mixed with the given ones; then mean and variance."""
    shape, dtype = tensor(image).shape, tensor(image).dtype
    axes = tuple(range(len(shape) - 1))
    own = c.make(ReduceMean, image, axes=axes)
    spread = c.make(ReduceMean, c.make(Square, c.make(Sub, image, own)), axes=axes)
    count = c.make(Cast, c.dims([c.count(shape[:-1])], (), i64), dtype=dtype)
    one = c.scalar(1, dtype)
    rest = c.make(Maximum, c.make(Sub, count, one), one)
    unbiased = c.make(Mul, spread, c.make(Div, count, rest))
    factor = c.real("exponential_avg_factor", 1.0)
    if factor == 1.0:
        return [own, unbiased, own, spread]
    kept, new = (c.constant(np.array(f, dtype.numpy), dtype) for f in (1.0 - factor, factor))

    def mixed(old: Value, now: Value) -> Value:
        return c.make(Add, c.make(Mul, old, kept), c.make(Mul, now, new))

    return [mixed(mean, own), mixed(variance, unbiased), own, spread]


@converts("BatchNormWithGlobalNormalization")
def batch_norm_with_global_normalization(
    c: Context, x: Value, mean: Value, variance: Value, beta: Value, gamma: Value
) -> Value:
    """With and without scale_after_normalization."""
    channels, dtype = tensor(mean).shape[0], tensor(x).dtype
    if not c.flag("scale_after_normalization"):
        gamma = c.make(BroadcastTo, c.scalar(1, dtype), shape=(channels,))
    return c.make(BatchNorm, x, gamma, beta, mean, variance, epsilon=c.real("variance_epsilon"))


@converts("LRN")
def lrn(c: Context, x: Value) -> Value:
    """Local response normalisation over channels, by a product with a band of ones, as TensorFlow does: what
    is not finite spreads to all channels of its pixel."""
    kind = tensor(x)
    if kind.rank != 4:
        raise Malformed(f"expected images of rank 4, found {kind}")
    depth, radius = kind.shape[3], c.integer("depth_radius", 5)
    if not isinstance(depth, int):
        raise Refused("a number of channels known only at run time is not supported")
    at = np.arange(depth)
    band = np.abs(at[:, None] - at[None, :]) <= radius

    def number(key: str, default: float, sign: float = 1) -> Value:
        return c.constant(np.array(sign * c.real(key, default), kind.dtype.numpy), kind.dtype)

    sums = c.make(MatMul, c.make(Square, x), c.constant(band.astype(kind.dtype.numpy), kind.dtype))
    norm = c.make(Add, c.make(Mul, sums, number("alpha", 1.0)), number("bias", 1.0))
    beta = c.real("beta", 0.5)
    if beta == 1.0:
        return c.make(Div, x, norm)
    if beta == 0.5:
        return c.make(Mul, x, c.make(Rsqrt, norm))
    return c.make(Mul, x, c.make(Exp, c.make(Mul, c.make(Log, norm), number("beta", 0.5, -1))))


@converts("Softmax")
def softmax(c: Context, x: Value) -> Value:
    """Along the last axis."""
    return c.make(Softmax, x)
