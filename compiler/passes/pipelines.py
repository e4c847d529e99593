"""The default pipelines."""

from __future__ import annotations

from ..ir.passes import Pass
from .canonicalize import Canonicalize
from .cse import Cse
from .dce import Dce
from .decompose_conv import DecomposeConv
from .dilate_convolutions import DilateConvolutions
from .fold_batch_norm import FoldBatchNorm
from .fold_constants import FoldConstants
from .fuse_conv_bias_relu import FuseConvBiasRelu
from .recompute import Recompute
from .widen_half import WidenHalf

#: what every model goes through at the graph level
GRAPH_PASSES: tuple[Pass, ...] = (
    FoldConstants(),
    Canonicalize(),
    FoldConstants(),  # what became constant when branches were taken and casts merged
    Cse(),
    DilateConvolutions(),
    FoldBatchNorm(),  # after all that may become its constants; before epilogues are closed
    Canonicalize(),
    FuseConvBiasRelu(),
    Cse(),
    WidenHalf(),
    Recompute(),  # what it makes twice would be merged again
    Dce(),
)


def with_decomposition(passes: tuple[Pass, ...], decompose: DecomposeConv) -> tuple[Pass, ...]:
    """A pipeline that decomposes convolutions: when their weights are final, before epilogues are closed."""
    at = next(i for i, p in enumerate(passes) if isinstance(p, FuseConvBiasRelu))
    return (*passes[:at], decompose, *passes[at:])
