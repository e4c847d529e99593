"""Gated recurrent units."""

from __future__ import annotations

from typing import Any

from ....compiler.ops import recurrent
from ...eager.ops.arrays import split
from ...eager.ops.products import matmul
from ...eager.tensor import Tensor
from .recurrent_cell import RecurrentCell
from .recurrent_layer import CellRNN


class GRUCell(RecurrentCell):
    """One step of a GRU, gates in the order z, r, h: x [B, I], state h [B, units].

    `reset_after`: the reset gate is applied behind the recurrent product, and that has a bias of its own.
    """

    gates = 3
    own_arguments = ("activation", "recurrent_activation", "reset_after")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        reset_after: bool = True,
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
        self.reset_after = bool(reset_after)
        self.state_size = self.units

    def bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def _biases(self) -> tuple[list[Any], list[Any]]:
        """For each gate what is added to the input's product, and to the state's."""
        none: list[Any] = [None] * 3
        if self.bias is None:
            return none, none
        if not self.reset_after:
            return split(self.bias, 3), none
        return split(self.bias[0], 3), split(self.bias[1], 3)

    def call(self, inputs: Any, states: Any, training: bool | None = False) -> Any:
        nested = isinstance(states, (list, tuple))
        h = states[0] if nested else states
        dropped, kept = self.step_masks(inputs, h, training)
        given, own = self._biases()
        xz, xr, xh = _added(self.product(inputs, self.kernel, dropped), given)
        if self.reset_after:
            hz, hr, hh = _added(self.product(h, self.recurrent_kernel, kept), own)
        else:
            hz, hr = self.product(h, self.recurrent_kernel[:, : 2 * self.units], kept, 2)
            hh = None
        z, r = self.recurrent_activation(xz + hz), self.recurrent_activation(xr + hr)
        if hh is not None:
            inner = r * hh
        else:
            last = h if kept is None else h * kept[-1]
            inner = matmul(r * last, self.recurrent_kernel[:, 2 * self.units :])
        h = z * h + (1 - z) * self.activation(xh + inner)
        return h, [h] if nested else h


def _added(parts: list[Tensor], biases: list[Any]) -> list[Tensor]:
    return [p if b is None else p + b for p, b in zip(parts, biases, strict=True)]


class GRU(CellRNN):
    """Gated recurrent units (Cho et al., 2014) over steps: x [B, T, I] to [B, units], or [B, T, units] with
    `return_sequences`; with `return_state` also the last state."""

    cell: GRUCell

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        cell = GRUCell(
            units, activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer,
            bias_initializer, kernel_regularizer, recurrent_regularizer, bias_regularizer, kernel_constraint,
            recurrent_constraint, bias_constraint, dropout, recurrent_dropout, reset_after, seed,
            **self.cell_options("gru_cell", kwargs), implementation=kwargs.pop("implementation", 2),
        )  # fmt: skip
        super().__init__(
            cell, return_sequences, return_state, go_backwards, stateful, unroll,
            activity_regularizer=activity_regularizer, use_cudnn=use_cudnn, **kwargs,
        )  # fmt: skip

    def compute(
        self, sequences: Tensor, states: list[Any], masks: list[Tensor], names: dict[str, str]
    ) -> list[Tensor]:
        cell = self.cell
        given = [sequences, states[0], cell.kernel, cell.recurrent_kernel, cell.given_bias()]
        return self.all_steps(recurrent.GRU, given, masks, names, reset_after=cell.reset_after)[:2]
