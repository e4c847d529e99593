"""What layers with heads of attention share: masks, scores and their weighted sums."""

from __future__ import annotations

from typing import Any

from ....compiler.ir.dims import product
from ....compiler.ops.matmul import MatMul
from ...eager.ops.activations import softmax
from ...eager.ops.arrays import cast, expand_dims, iota, reshape_to, transpose
from ...eager.ops.attention import dot_product_attention
from ...eager.ops.elementwise import abs as absolute
from ...eager.ops.elementwise import where
from ...eager.tensor import Tensor, convert, op
from .. import random
from ..seeds import SeedGenerator
from .arguments import take_functions
from .layer import Layer
from .projection import Projection

OPTIONS = (
    "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer", "activity_regularizer",
    "kernel_constraint", "bias_constraint",
)  # fmt: skip


class HeadAttention(Layer):
    """Projections of query, key and value to heads, attention in every head, and a projection of all heads."""

    _window: int | None
    _rate: float
    _gate_dense: Any = None

    def set_options(
        self,
        dropout: float,
        sliding_window: int | None,
        flash_attention: bool | None,
        seed: int | None,
        prefix: str,
        **functions: Any,
    ) -> None:
        """Takes arguments of __init__; `prefix` goes before the attributes' names of the functions."""
        if sliding_window is not None and (not isinstance(sliding_window, int) or sliding_window <= 0):
            raise ValueError(
                f"`sliding_window` must be `None` or a positive integer. Received: sliding_window={sliding_window}"
            )
        if flash_attention:
            raise ValueError(f"{type(self).__name__} has no flash_attention=True here")
        self.supports_masking = True
        self._window, self._rate, self.seed = sliding_window, float(dropout), seed
        self._prefix = prefix
        self.seed_generator = SeedGenerator(seed) if self._rate > 0 else None
        take_functions(self, **{prefix + k: v for k, v in functions.items()})

    def projected(
        self, name: str, shape: Any, sizes: tuple[int, ...], use_bias: bool, **options: Any
    ) -> Projection:
        """A projection with this layer's initializers, built for inputs of `shape`."""
        functions = {k: getattr(self, self._prefix + k) for k in OPTIONS}
        for k in ("kernel_initializer", "bias_initializer"):
            functions[k] = type(functions[k]).from_config(functions[k].get_config())
        made = Projection(sizes, use_bias=use_bias, name=name, dtype=self.dtype, **functions, **options)
        made.build(tuple(shape))
        return made

    # masks

    def joined_mask(
        self, query: Tensor, value: Tensor, masks: tuple[Any, Any, Any], attention_mask: Any, causal: bool
    ) -> Any:
        """The mask [B, T, S] of all that was given; None for none. `masks`: of query, value and key."""
        rows, columns = query.type.shape[1], value.type.shape[1]
        parts = [
            None if m is None else expand_dims(_bool(m), -1 if i == 0 else -2) for i, m in enumerate(masks)
        ]
        if causal:
            parts.append((iota(rows)[:, None] >= iota(columns)[None, :])[None])
        if self._window is not None:
            parts.append((absolute(iota(rows)[:, None] - iota(columns)[None, :]) < self._window)[None])
        if attention_mask is not None:
            parts.append(_bool(attention_mask))
        joined: Any = None
        for p in parts:
            if p is not None:
                joined = p if joined is None else joined & p
        return joined

    # attention

    def attended(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Any, axes: tuple[int, ...], scale: float,
        training: bool | None, scores_wanted: bool, causal: bool,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """Attention along `axes` of query [B, …, N, H], key and value; and the scores [B, …, N, T…, S…]."""
        mask = None if mask is None else _spread(mask, query.ndim + len(axes) - 1, len(axes))
        if not (self._rate > 0 or scores_wanted or query.ndim != 4 or axes != (1,)):
            mask = None if mask is None else _bool(mask)
            return dot_product_attention(query, key, value, mask=mask, scale=scale, is_causal=causal), None
        q, k, v = (_heads_first(t, axes) for t in (query * scale, key, value))
        rows, columns = ([t.type.shape[a] for a in axes] for t in (query, key))
        lead = q.type.shape[:-2]
        scores = op(MatMul, q, k, transpose_y=True)
        if causal:
            seen = iota(rows[0])[:, None] >= iota(columns[0])[None, :]
            mask = seen if mask is None else _bool(mask) & seen
        scores = _masked_softmax(scores, mask, (*lead, *rows), (*lead, *rows, *columns))
        kept = scores
        if self._rate > 0 and training:
            kept = random.dropout(scores, self._rate, seed=self.seed_generator)
        made = op(MatMul, kept, v)
        made = reshape_to(made, (*lead, *rows, made.type.shape[-1]))
        back = _order(query.ndim, axes)
        return transpose(made, [back.index(i) for i in range(query.ndim)]), reshape_to(
            scores, (*lead, *rows, *columns)
        )


def _bool(mask: Any) -> Tensor:
    return cast(mask, "bool")


def _spread(mask: Any, rank: int, axes: int) -> Tensor:
    """A mask with the axes of heads that it lacks, in front of those of the two sequences."""
    mask = convert(mask)
    for _ in range(rank - mask.ndim):
        mask = expand_dims(mask, -2 * axes - 1)
    return mask


def _order(rank: int, axes: tuple[int, ...]) -> list[int]:
    return [*(i for i in range(rank - 1) if i not in axes), *axes, rank - 1]


def _heads_first(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The axes of sequences as one, in front of the last: [B, …, N, T, H]."""
    moved = transpose(x, _order(x.ndim, axes))
    if len(axes) == 1:
        return moved
    lead = moved.type.shape[: -len(axes) - 1]
    return reshape_to(moved, (*lead, product([x.type.shape[a] for a in axes]), moved.type.shape[-1]))


def _masked_softmax(scores: Tensor, mask: Any, rows: Any, whole: Any) -> Tensor:
    """softmax over the last axis; what the mask leaves out is 0."""
    if mask is None:
        return softmax(scores)
    lowest = -3e4 if scores.dtype == "float16" else -1e9
    mask = _bool(mask) if mask.dtype == "bool" else mask > 0.5
    flat = scores.type.shape
    scores = where(mask, reshape_to(scores, whole), lowest)
    made = softmax(reshape_to(scores, flat))
    return reshape_to(where(mask, reshape_to(made, whole), 0.0), flat)
