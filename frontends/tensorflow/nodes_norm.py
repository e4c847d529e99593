"""Normalisations: batch normalisation with given statistics, softmax."""

from __future__ import annotations

from collections.abc import Sequence

from ...compiler.ir.core import Value
from ...compiler.ops.base import tensor
from ...compiler.ops.elementwise import Cast
from ...compiler.ops.norm import BatchNorm, Softmax
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
    """With is_training=false; NHWC and NDHWC, and channels first by transposing."""
    if c.flag("is_training", True):
        raise Refused("is_training=true: export the model for inference")
    kind, statistics = tensor(x), tensor(mean)
    if kind.rank not in (4, 5):
        raise Malformed(f"expected images of rank 4 or 5, found {kind}")
    layout = Layout(c, kind.rank)
    image = layout.last(x)
    if kind.dtype != statistics.dtype:
        # Half precision is computed in the statistics' type.
        image = c.make(Cast, image, dtype=statistics.dtype)
    y = c.make(BatchNorm, image, scale, offset, mean, variance, epsilon=c.real("epsilon", 1e-4))
    if kind.dtype != statistics.dtype:
        y = c.make(Cast, y, dtype=kind.dtype)
    reserved = Missing(c.node.op, c.name, "its outputs for training are not supported")
    return [layout.back(y), mean, variance, *[reserved] * (3 if c.node.op == "FusedBatchNormV3" else 2)]


@converts("Softmax")
def softmax(c: Context, x: Value) -> Value:
    """Along the last axis."""
    return c.make(Softmax, x)
