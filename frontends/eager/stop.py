"""Where gradients end."""

from __future__ import annotations

from ...compiler.ir.opdef import REGISTRY
from .tensor import Tensor, TensorLike, convert, op


def stop_gradient(x: TensorLike) -> Tensor:
    """x, through which no gradient flows."""
    return op(REGISTRY["graph.stop_gradient"], convert(x))
