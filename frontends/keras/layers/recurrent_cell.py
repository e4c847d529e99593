"""What the cells of recurrent layers share: their weights' options, and dropout with one mask for all steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...eager.ops.arrays import broadcast_dims, split
from ...eager.ops.making import ones_like
from ...eager.ops.products import matmul
from ...eager.tensor import Tensor, as_dtype, convert
from .. import random
from ..seeds import SeedGenerator
from .arguments import config_of, take_functions
from .layer import Layer

#: options that every cell has, as they stand in its configuration
_OPTIONS = (
    "kernel_initializer", "recurrent_initializer", "bias_initializer", "kernel_regularizer", "recurrent_regularizer",
    "bias_regularizer", "kernel_constraint", "recurrent_constraint", "bias_constraint",
)  # fmt: skip


class RecurrentCell(Layer):
    """One step of a recurrent layer: x [B, I] and states [B, units] to (output [B, units], new states)."""

    #: how many gates the kernels hold, side by side
    gates = 1
    #: arguments beside those that every cell has
    own_arguments: tuple[str, ...] = ("activation",)
    #: what the states' sizes are
    state_size: Any
    kernel: Any
    recurrent_kernel: Any
    bias: Any
    activation: Any
    recurrent_activation: Any
    kernel_initializer: Any
    recurrent_initializer: Any
    bias_initializer: Any
    kernel_regularizer: Any
    recurrent_regularizer: Any
    bias_regularizer: Any
    kernel_constraint: Any
    recurrent_constraint: Any
    bias_constraint: Any

    def set_options(
        self,
        units: int,
        use_bias: bool,
        dropout: float,
        recurrent_dropout: float,
        seed: int | None,
        implementation: int = 1,
        **functions: Any,
    ) -> None:
        """Takes the arguments of __init__. Raises ValueError for a number of units that is not positive."""
        if not isinstance(units, (int, np.integer)) or units <= 0:
            raise ValueError(
                f"Received an invalid value for argument `units`, expected a positive integer, got {units}."
            )
        self.units, self.use_bias = int(units), use_bias
        take_functions(self, **functions)
        self.dropout = min(1.0, max(0.0, float(dropout)))
        self.recurrent_dropout = min(1.0, max(0.0, float(recurrent_dropout)))
        #: 1: every gate drops inputs of its own; 2: one product for all
        self.implementation = 1 if self.recurrent_dropout else implementation
        self.seed, self.seed_generator = seed, SeedGenerator(seed)
        self.output_size = self.units
        self._dropout_mask: list[Tensor] | None = None
        self._recurrent_dropout_mask: list[Tensor] | None = None

    def build(self, input_shape: Any) -> None:
        columns = self.gates * self.units
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[-1], columns), initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer, constraint=self.kernel_constraint,
        )  # fmt: skip
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel", shape=(self.units, columns), initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer, constraint=self.recurrent_constraint,
        )  # fmt: skip
        self.bias = (
            self.add_weight(
                name="bias", shape=self.bias_shape(), initializer=self.bias_start(),
                regularizer=self.bias_regularizer, constraint=self.bias_constraint,
            )
            if self.use_bias
            else None
        )  # fmt: skip

    def bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def bias_start(self) -> Any:
        """The initializer of the bias."""
        return self.bias_initializer

    def given_bias(self) -> Any:
        """The bias, zeros without one."""
        return (
            convert(np.zeros(self.bias_shape(), np.float32), as_dtype(self.dtype))
            if self.bias is None
            else self.bias
        )

    def get_initial_state(self, batch_size: Any = None) -> list[Tensor]:
        """Zeros [batch_size, units] for every state."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [zero_state(batch_size, d, self.dtype) for d in sizes]

    # dropout

    def _masks(self, like: Tensor, rate: float) -> list[Tensor]:
        count = self.gates if self.implementation == 1 else 1
        return [random.dropout(ones_like(like), rate, seed=self.seed_generator) for _ in range(count)]

    def get_dropout_mask(self, step_input: Any) -> list[Tensor] | None:
        """What the input of every gate is multiplied by (one for all with implementation 2), until it is reset; None
        without dropout."""
        if self._dropout_mask is None and self.dropout > 0:
            self._dropout_mask = self._masks(convert(step_input), self.dropout)
        return self._dropout_mask

    def get_recurrent_dropout_mask(self, step_input: Any) -> list[Tensor] | None:
        """The same for the state."""
        if self._recurrent_dropout_mask is None and self.recurrent_dropout > 0:
            self._recurrent_dropout_mask = self._masks(convert(step_input), self.recurrent_dropout)
        return self._recurrent_dropout_mask

    def reset_dropout_mask(self) -> None:
        self._dropout_mask = None

    def reset_recurrent_dropout_mask(self) -> None:
        self._recurrent_dropout_mask = None

    def product(
        self, x: Tensor, weights: Any, masks: list[Tensor] | None, gates: int | None = None
    ) -> list[Tensor]:
        """x times the kernel of each of so many gates, with what its mask leaves of x."""
        count = self.gates if gates is None else gates
        if masks is None or len(masks) == 1:
            return split(matmul(x if masks is None else x * masks[0], weights), count, axis=1)
        parts = split(weights, count, axis=1)
        return [matmul(x * m, w) for m, w in zip(masks, parts, strict=False)]

    def step_masks(self, x: Tensor, h: Tensor, training: Any) -> tuple[Any, Any]:
        """The masks for input and state."""
        if not training:
            return None, None
        return self.get_dropout_mask(x), self.get_recurrent_dropout_mask(h)

    # configuration

    def own_config(self) -> dict[str, Any]:
        """The arguments without those of every layer."""
        names = ("units", *self.own_arguments, "use_bias", *_OPTIONS, "dropout", "recurrent_dropout", "seed")
        return config_of(self, names)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.own_config()}


def zero_state(batch_size: Any, size: int, dtype: str) -> Tensor:
    """Zeros [batch_size, size]; the batch may be a symbol."""
    return broadcast_dims(convert(np.zeros((1, size), np.float32), as_dtype(dtype)), (batch_size, size))
