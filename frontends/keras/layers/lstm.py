"""Long short-term memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....compiler.ops import recurrent
from ...eager.ops.arrays import split
from ...eager.tensor import Tensor
from .recurrent_cell import RecurrentCell
from .recurrent_layer import CellRNN


class LSTMCell(RecurrentCell):
    """One step of an LSTM, gates in the order i, f, c, o: x [B, I], states h and c [B, units]."""

    gates = 4
    own_arguments = ("activation", "recurrent_activation", "unit_forget_bias")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
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
        implementation = kwargs.pop("implementation", 2)
        super().__init__(**kwargs)
        self.set_options(
            units, use_bias, dropout, recurrent_dropout, seed, implementation, activation=activation,
            recurrent_activation=recurrent_activation, kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer, bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer, recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer, kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint, bias_constraint=bias_constraint,
        )  # fmt: skip
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [self.units, self.units]

    def bias_start(self) -> Any:
        if not self.unit_forget_bias:
            return self.bias_initializer

        def start(_: Any, dtype: Any = None) -> Any:
            sizes = ((self.units,), (2 * self.units,))
            first, last = (np.asarray(self.bias_initializer(size, dtype=dtype)) for size in sizes)
            return np.concatenate([first, np.ones_like(first), last])

        return start

    def call(self, inputs: Any, states: Any, training: bool | None = False) -> Any:
        h, c = states[0], states[1]
        dropped, kept = self.step_masks(inputs, h, training)
        if dropped is None and kept is None:
            z = (
                self.product(inputs, self.kernel, None, 1)[0]
                + self.product(h, self.recurrent_kernel, None, 1)[0]
            )
            zi, zf, zc, zo = split(z if self.bias is None else z + self.bias, 4, axis=1)
        else:
            both = zip(
                self.product(inputs, self.kernel, dropped),
                self.product(h, self.recurrent_kernel, kept),
                strict=True,
            )
            biases = split(self.given_bias(), 4)
            zi, zf, zc, zo = (x + b + y for (x, y), b in zip(both, biases, strict=True))
        i, f = self.recurrent_activation(zi), self.recurrent_activation(zf)
        c = f * c + i * self.activation(zc)
        h = self.recurrent_activation(zo) * self.activation(c)
        return h, [h, c]


class LSTM(CellRNN):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997) over steps: x [B, T, I] to [B, units], or
    [B, T, units] with `return_sequences`; with `return_state` also the last states h and c."""

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        cell = LSTMCell(
            units, activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer,
            bias_initializer, unit_forget_bias, kernel_regularizer, recurrent_regularizer, bias_regularizer,
            kernel_constraint, recurrent_constraint, bias_constraint, dropout, recurrent_dropout, seed,
            **self.cell_options("lstm_cell", kwargs), implementation=kwargs.pop("implementation", 2),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences, return_state, go_backwards, stateful, unroll,
            activity_regularizer=activity_regularizer, use_cudnn=use_cudnn, **kwargs,
        )  # fmt: skip

    def compute(
        self, sequences: Tensor, states: list[Any], masks: list[Tensor], names: dict[str, str]
    ) -> list[Tensor]:
        cell = self.cell
        given = [sequences, states[0], states[1], cell.kernel, cell.recurrent_kernel, cell.given_bias()]
        return self.all_steps(recurrent.LSTM, given, masks, names)[:3]
