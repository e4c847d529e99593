"""Dot-product and additive attention."""

from __future__ import annotations

from typing import Any

from ....compiler.ops.matmul import MatMul
from ...eager.ops.activations import softmax
from ...eager.ops.arrays import cast, expand_dims, iota
from ...eager.ops.elementwise import logical_not, tanh, where
from ...eager.ops.products import matmul
from ...eager.ops.reductions import sum
from ...eager.tensor import Tensor, convert, op, pair
from .. import random
from ..seeds import SeedGenerator
from .layer import Layer


class Attention(Layer):
    """Dot-product attention (Luong et al., 2015) of [query, value] or [query, value, key], query [B, T, D], the others
    [B, S, D]: [B, T, D]; with `return_attention_scores` also the weights [B, T, S].

    `score_mode` "concat" takes the sum of tanh(query + key) in the place of the dot product. Masks come in a list in
    the order of the inputs, [B, T] and [B, S].
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                "Invalid value for argument score_mode. Expected one of {'dot', 'concat'}. "
                f"Received: score_mode={score_mode}"
            )
        self.use_scale, self.score_mode, self.dropout, self.seed = use_scale, score_mode, dropout, seed
        self.seed_generator = SeedGenerator(seed) if dropout > 0 else None
        self.supports_masking = True
        self.scale: Any = None
        self.concat_score_weight: Any = None

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)
        if self.use_scale:
            self.scale = self.add_weight(name="scale", shape=(), initializer="ones")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(
                name="concat_score_weight", shape=(), initializer="ones"
            )

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        """How much each step of the query [B, T, D] has to do with each of the key [B, S, D]: [B, T, S]."""
        if self.score_mode == "dot":
            query, key = pair(query, key)
            made = op(MatMul, query, key, transpose_y=True)
            return made if self.scale is None else made * self.scale
        both = expand_dims(query, -2) + expand_dims(key, -3)
        return self.concat_score_weight * sum(tanh(both if self.scale is None else self.scale * both), -1)

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool | None = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check(inputs, mask)
        query, value = convert(inputs[0]), convert(inputs[1])
        key = convert(inputs[2]) if len(inputs) > 2 else value
        of_query, of_value = mask[:2] if mask else (None, None)
        scores = self.scores(query, key)
        kept = None if of_value is None else expand_dims(cast(of_value, "bool"), -2)
        if use_causal_mask:
            rows, columns = scores.type.shape[-2:]
            seen = (iota(rows)[:, None] >= iota(columns)[None, :])[None]
            kept = seen if kept is None else kept & seen
        if kept is not None:
            lowest = 65504.0 if scores.dtype == "float16" else 1e9
            scores = where(logical_not(kept), scores - lowest, scores)
        weights = softmax(scores)
        if training and self.dropout > 0:
            weights = random.dropout(weights, self.dropout, seed=self.seed_generator)
        result = matmul(weights, value)
        if of_query is not None:
            result = where(expand_dims(cast(of_query, "bool"), -1), result, 0.0)
        return (result, weights) if return_attention_scores else result

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        self._check(inputs, mask)
        return None if mask is None or mask[0] is None else convert(mask[0])

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], input_shape[1][-1])

    def _check(self, inputs: Any, mask: Any = None) -> None:
        name = type(self).__name__
        if not isinstance(inputs, list):
            raise ValueError(
                f"{name} layer must be called on a list of inputs, namely [query, value] or [query, value, key]. "
                f"Received: inputs={inputs}."
            )
        if not 2 <= len(inputs) <= 3:
            raise ValueError(
                f"{name} layer accepts inputs list of length 2 or 3, namely [query, value] or [query, value, key]. "
                f"Received length: {len(inputs)}."
            )
        if mask is not None and not isinstance(mask, list):
            raise ValueError(
                f"{name} layer mask must be a list, namely [query_mask, value_mask]. Received: mask={mask}."
            )
        if mask is not None and not 2 <= len(mask) <= 3:
            raise ValueError(
                f"{name} layer accepts mask list of length 2 or 3. Received: inputs={inputs}, mask={mask}."
            )

    def get_config(self) -> dict[str, Any]:
        config = {"use_scale": self.use_scale, "score_mode": self.score_mode}
        return {**super().get_config(), **config, "dropout": self.dropout, "seed": self.seed}


class AdditiveAttention(Attention):
    """Attention whose scores are the sum of scale * tanh(query + key) (Bahdanau et al., 2014)."""

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)
        if self.use_scale:
            self.scale = self.add_weight(
                name="scale", shape=(input_shape[0][-1],), initializer="glorot_uniform"
            )

    def scores(self, query: Tensor, key: Tensor) -> Tensor:
        both = tanh(expand_dims(query, -2) + expand_dims(key, -3))
        return sum(both if self.scale is None else both * self.scale, -1)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["score_mode"]
        return config
