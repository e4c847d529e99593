"""The default pipelines."""

from __future__ import annotations

from ..ir.passes import Pass
from .canonicalize import Canonicalize
from .cse import Cse
from .dce import Dce
from .fold_batch_norm import FoldBatchNorm
from .fold_constants import FoldConstants
from .fuse_conv_bias_relu import FuseConvBiasRelu

#: what every model goes through at the graph level
GRAPH_PASSES: tuple[Pass, ...] = (
    FoldConstants(),
    Canonicalize(),
    FoldConstants(),  # what became constant when branches were taken and casts merged
    Cse(),
    FoldBatchNorm(),  # after all that may become its constants; before epilogues are closed
    Canonicalize(),
    FuseConvBiasRelu(),
    Cse(),
    Dce(),
)
