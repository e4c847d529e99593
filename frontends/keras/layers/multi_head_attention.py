"""Multi-head attention."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .arguments import config_of
from .head_attention import OPTIONS, HeadAttention


class MultiHeadAttention(HeadAttention):
    """Attention in several heads (Vaswani et al., 2017): query [B, T, D], value and key [B, S, …] to [B, T, D], or to
    `output_shape` in the place of D; with `return_attention_scores` also the scores [B, heads, T, S].

    `attention_axes`: which axes sequences have, where the inputs have more than three.
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
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
        for name, value in (("num_heads", num_heads), ("key_dim", key_dim), ("value_dim", value_dim)):
            optional = name == "value_dim"
            if not (optional and value is None) and (not isinstance(value, int) or value <= 0):
                raise ValueError(
                    f"Received an invalid value for argument `{name}`, expected a positive integer"
                    f"{' or `None`' if optional else ''}. Received: {name}={value}"
                )
        super().__init__(**kwargs)
        self._num_heads, self._key_dim, self._value_dim = num_heads, key_dim, value_dim or key_dim
        self._dropout, self._use_bias, self._use_gate = dropout, use_bias, use_gate
        self._output_shape = _sizes(output_shape)
        if attention_axes is not None and not isinstance(attention_axes, (int, list, tuple)):
            raise ValueError(
                f"`attention_axes` must be an int, list, or tuple.Received: attention_axes={attention_axes}"
            )
        self._attention_axes: Any = (attention_axes,) if isinstance(attention_axes, int) else attention_axes
        self.set_options(
            dropout, sliding_window, flash_attention, seed, "_", kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer, kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )  # fmt: skip

    num_heads = property(lambda self: self._num_heads)
    key_dim = property(lambda self: self._key_dim)
    value_dim = property(lambda self: self._value_dim)
    dropout = property(lambda self: self._dropout)
    use_bias = property(lambda self: self._use_bias)
    attention_axes = property(lambda self: self._attention_axes)
    query_dense = property(lambda self: self._query_dense)
    key_dense = property(lambda self: self._key_dense)
    value_dense = property(lambda self: self._value_dense)
    output_dense = property(lambda self: self._output_dense)

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        _check_shapes(value_shape, key_shape)
        heads, rank = self._num_heads, len(value_shape)
        self._query_dense = self.projected("query", query_shape, (heads, self._key_dim), self._use_bias)
        self._key_dense = self.projected("key", key_shape, (heads, self._key_dim), self._use_bias)
        if self._use_gate:
            self._gate_dense = self.projected(
                "gate", query_shape, (heads, self._value_dim), self._use_bias, activation="sigmoid"
            )
        self._value_dense = self.projected("value", value_shape, (heads, self._value_dim), self._use_bias)
        axes = self._attention_axes
        self._attention_axes = (
            tuple(range(1, rank - 1)) if axes is None else tuple(a if a >= 0 else rank + a for a in axes)
        )
        self._output_dense = self.projected(
            "attention_output", (*query_shape[:-1], heads, self._value_dim), self._output_shape or (query_shape[-1],),
            self._use_bias, bound=2,
        )  # fmt: skip

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
        others = (*masks, attention_mask, self._window)
        alone = use_causal_mask and all(m is None for m in others)
        mask = None if alone else self.joined_mask(query, value, masks, attention_mask, use_causal_mask)
        gate = self._gate_dense(query) if self._use_gate else None
        output, scores = self.attended(
            self._query_dense(query), self._key_dense(key), self._value_dense(value), mask, self._attention_axes,
            1 / math.sqrt(self._key_dim), training, return_attention_scores, alone,
        )  # fmt: skip
        output = self._output_dense(output if gate is None else output * gate)
        return (output, scores) if return_attention_scores else output

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        return previous_mask

    def compute_output_shape(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> Any:
        _check_shapes(tuple(value_shape), tuple(value_shape if key_shape is None else key_shape))
        return (*query_shape[:-1], *self._output_shape) if self._output_shape else tuple(query_shape)

    def get_config(self) -> dict[str, Any]:
        config = {
            "num_heads": self._num_heads,
            "key_dim": self._key_dim,
            "value_dim": self._value_dim,
            "dropout": self._dropout,
            "use_bias": self._use_bias,
            "use_gate": self._use_gate,
            "output_shape": self._output_shape,
            "attention_axes": self._attention_axes,
            "sliding_window": self._window,
            "seed": self.seed,
        }
        functions = config_of(self, ["_" + k for k in OPTIONS])
        return {**super().get_config(), **config, **{k[1:]: v for k, v in functions.items()}}


def _sizes(shape: int | Sequence[int] | None) -> tuple[int, ...] | None:
    if not shape:
        return None
    if not isinstance(shape, (int, list, tuple)):
        raise ValueError(
            f"Invalid `output_shape`: {shape}. When specified, the `output_shape` should be of type tuple, "
            f"list, or int."
        )
    return (shape,) if isinstance(shape, int) else tuple(shape)


def _check_shapes(value: Any, key: Any) -> None:
    if tuple(value[1:-1]) != tuple(key[1:-1]):
        raise ValueError(
            "All dimensions of `value` and `key`, except the last one, must be equal. Received: "
            f"value_shape={value} and key_shape={key}"
        )
