"""Embedding: rows of a table by number."""

from __future__ import annotations

from typing import Any

from ....compiler.ops.shape import Gather
from ...eager.ops.arrays import cast
from ...eager.ops.elementwise import not_equal
from ...eager.tensor import convert, op
from .arguments import config_of, take_functions
from .layer import Layer


class Embedding(Layer):
    """Rows of a table [input_dim, output_dim]: integers [...] to [..., output_dim]. With `mask_zero` the number 0
    stands for a step that is not there. A number outside of the table is an error when it is computed."""

    embeddings_initializer: Any
    embeddings_regularizer: Any
    embeddings_constraint: Any

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        for name, value in (("input_dim", input_dim), ("output_dim", output_dim)):
            if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
                raise ValueError(
                    f"`{name}` must be a positive integer. Received: {name}={value} (of type {type(value).__name__})."
                )
        kwargs.pop("input_length", None)
        super().__init__(**kwargs)
        if lora_rank is not None or lora_alpha is not None or quantization_config is not None:
            raise ValueError(
                "expected no lora_rank, lora_alpha or quantization_config: these are not built here"
            )
        self.input_dim, self.output_dim = input_dim, output_dim
        take_functions(
            self, embeddings_initializer=embeddings_initializer, embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
        )  # fmt: skip
        self.mask_zero = self.supports_masking = bool(mask_zero)
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: Any = None) -> None:
        if self.built:
            return
        self._embeddings = self.add_weight(
            name="embeddings", shape=(self.input_dim, self.output_dim), initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer, constraint=self.embeddings_constraint,
        )  # fmt: skip

    @property
    def embeddings(self) -> Any:
        """The table, of a layer that is built."""
        if not self.built:
            raise AttributeError("You must build the layer before accessing `embeddings`.")
        return self._embeddings

    def call(self, inputs: Any) -> Any:
        at = convert(inputs)
        if at.dtype not in ("int32", "int64"):
            at = cast(at, "int32")
        return op(Gather, convert(self.embeddings), at, axis=0)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        functions = ("embeddings_initializer", "embeddings_regularizer", "embeddings_constraint")
        config = config_of(self, ("input_dim", "output_dim", *functions, "activity_regularizer", "mask_zero"))
        return {**super().get_config(), **config}
