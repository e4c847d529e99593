"""Attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....runtime.errors import InputError, ShapeError
from ....runtime.spec import boolean
from ..tensor import Tensor, TensorLike, cast, convert, promoted
from .activations import softmax
from .arrays import iota, repeat, transpose
from .elementwise import tanh, where
from .products import matmul

__all__ = ["dot_product_attention"]


def dot_product_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    bias: TensorLike = None,
    mask: TensorLike = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Tensor:
    """softmax(query · key * scale + bias) · value, for query [B, T, N, H], key and value [B, S, K, H]: [B, T, N, H].

    K divides N: heads of the query share those of the key. `bias` and the bools `mask` broadcast to [B, N, T, S];
    `is_causal` masks what comes later.

    Raises:
        ShapeError: an operand is not of rank 4.
        InputError: `flash_attention`, which is not built.
    """
    if flash_attention:
        raise InputError("dot_product_attention has no flash_attention=True")
    q, k, v = convert(query), convert(key), convert(value)
    if {q.ndim, k.ndim, v.ndim} != {4}:
        raise ShapeError(f"expected tensors of rank 4, received {q.shape}, {k.shape} and {v.shape}")
    dtype = promoted(promoted(q.type.dtype, k.type.dtype), v.type.dtype)
    q, k, v = cast(q, dtype), cast(k, dtype), cast(v, dtype)
    heads, shared, size = q.shape[2], k.shape[2], k.shape[3]
    if heads is None or shared is None or size is None:
        raise ShapeError(f"expected known numbers of heads, received {q.shape} and {k.shape}")
    if heads != shared:
        k, v = repeat(k, heads // shared, 2), repeat(v, heads // shared, 2)
    scale = 1 / math.sqrt(size) if scale is None else float(scale)
    q, v = transpose(q, (0, 2, 1, 3)), transpose(v, (0, 2, 1, 3))
    logits = matmul(q * scale, transpose(k, (0, 2, 3, 1)))
    if bias is not None:
        logits = logits + convert(bias, dtype)
    if attn_logits_soft_cap is not None:
        logits = tanh(logits * (1 / attn_logits_soft_cap)) * float(attn_logits_soft_cap)
    kept = _mask(logits, mask, is_causal)
    if kept is not None:
        lowest = float(np.finfo(dtype.numpy).min) if dtype.tf_name != "bfloat16" else -3e38
        logits = where(kept, logits, 0.7 * lowest)
    return transpose(matmul(softmax(logits), v), (0, 2, 1, 3))


def _mask(logits: Tensor, mask: TensorLike, is_causal: bool) -> Any:
    kept = None if mask is None else cast(mask, boolean)
    if is_causal:
        rows, columns = logits.type.shape[-2:]
        causal = iota(columns) <= iota(rows)[:, None]
        kept = causal if kept is None else kept & causal
    return kept
