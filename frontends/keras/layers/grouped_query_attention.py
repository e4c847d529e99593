"""Grouped query attention."""

from __future__ import annotations

import math
from typing import Any

from ...eager.ops.arrays import repeat
from .arguments import config_of
from .head_attention import OPTIONS, HeadAttention


class GroupedQueryAttention(HeadAttention):
    """Attention whose query heads share the heads of key and value in groups (Ainslie et al., 2023): query
    [B, T, D], value and key [B, S, …] to [B, T, D]; with `return_attention_scores` also the scores
    [B, query heads, T, S]."""

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_query_heads % num_key_value_heads:
            raise ValueError("`num_query_heads` must be divisible by `num_key_value_heads`.")
        self.head_dim, self.num_query_heads = head_dim, num_query_heads
        self.num_key_value_heads = num_key_value_heads
        self.num_repeats = num_query_heads // num_key_value_heads
        self.dropout, self.use_bias, self.use_gate = dropout, use_bias, use_gate
        self.set_options(
            dropout, sliding_window, flash_attention, seed, "", kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer, kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )  # fmt: skip

    sliding_window = property(lambda self: self._window)

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        query, shared = (self.num_query_heads, self.head_dim), (self.num_key_value_heads, self.head_dim)
        self.feature_dim = query_shape[-1]
        self._query_dense = self.projected("query", query_shape, query, self.use_bias)
        self._key_dense = self.projected("key", key_shape, shared, self.use_bias)
        if self.use_gate:
            self._gate_dense = self.projected("gate", query_shape, query, self.use_bias, activation="sigmoid")
        self._value_dense = self.projected("value", value_shape, shared, self.use_bias)
        self._output_dense = self.projected(
            "attention_output", (None, None, *query), (self.feature_dim,), self.use_bias, bound=2
        )

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        key = value if key is None else key
        masks = (query_mask, value_mask, key_mask)
        mask = self.joined_mask(query, value, masks, attention_mask, use_causal_mask)
        gate = self._gate_dense(query) if self.use_gate else None
        k, v = (repeat(t, self.num_repeats, 2) for t in (self._key_dense(key), self._value_dense(value)))
        output, scores = self.attended(
            self._query_dense(query), k, v, mask, (1,), 1 / math.sqrt(self.head_dim), training,
            return_attention_scores, False,
        )  # fmt: skip
        output = self._output_dense(output if gate is None else output * gate)
        return (output, scores) if return_attention_scores else output

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        return previous_mask

    def compute_output_shape(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> Any:
        return tuple(query_shape)

    def get_config(self) -> dict[str, Any]:
        names = (
            "head_dim",
            "num_query_heads",
            "num_key_value_heads",
            "use_bias",
            "use_gate",
            "sliding_window",
        )
        return {**super().get_config(), **config_of(self, (*names, "dropout", "seed", *OPTIONS))}


#: the name under which configurations have it
GroupQueryAttention = GroupedQueryAttention
