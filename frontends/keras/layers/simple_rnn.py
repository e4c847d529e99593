"""The simple recurrent layer."""

from __future__ import annotations

from typing import Any

from ....compiler.ops import recurrent
from ...eager.tensor import Tensor
from .recurrent_cell import RecurrentCell
from .recurrent_layer import CellRNN


class SimpleRNNCell(RecurrentCell):
    """activation(x · kernel + h · recurrent_kernel + bias): x [B, I], state h [B, units]."""

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.set_options(
            units, use_bias, dropout, recurrent_dropout, seed, activation=activation,
            kernel_initializer=kernel_initializer, recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer, bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint, recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
        )  # fmt: skip
        self.state_size = self.units

    def call(self, sequence: Any, states: Any, training: bool | None = False) -> Any:
        nested = isinstance(states, (list, tuple))
        h = states[0] if nested else states
        dropped, kept = self.step_masks(sequence, h, training)
        (x,), (state,) = (
            self.product(sequence, self.kernel, dropped),
            self.product(h, self.recurrent_kernel, kept),
        )
        z = x + state if self.bias is None else x + self.bias + state
        output = self.activation(z)
        return output, [output] if nested else output


class SimpleRNN(CellRNN):
    """A fully connected layer over steps that sees its own last output: x [B, T, I] to [B, units], or [B, T, units]
    with `return_sequences`; with `return_state` also the last state."""

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        cell = SimpleRNNCell(
            units, activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer,
            kernel_regularizer,
            recurrent_regularizer, bias_regularizer, kernel_constraint, recurrent_constraint, bias_constraint, dropout,
            recurrent_dropout, seed, **self.cell_options("simple_rnn_cell", kwargs),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences, return_state, go_backwards, stateful, unroll,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip

    def compute(
        self, sequences: Tensor, states: list[Any], masks: list[Tensor], names: dict[str, str]
    ) -> list[Tensor]:
        cell = self.cell
        return self.all_steps(
            recurrent.SimpleRNN,
            [sequences, states[0], cell.kernel, cell.recurrent_kernel, cell.given_bias()],
            masks,
            names,
        )[:2]
