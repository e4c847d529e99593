"""RNN: a cell over the steps of sequences."""

from __future__ import annotations

import inspect
from typing import Any

from ...eager.ops.arrays import broadcast_dims, cast, expand_dims, flip, reshape_to, stack
from ...eager.ops.elementwise import where
from ...eager.ops.making import zeros_like
from ...eager.structure import leaves, packed, rebuilt
from ...eager.tensor import Tensor, as_dtype, convert
from ...eager.variable import Variable
from .. import naming
from .history import is_trial
from .layer import Layer
from .recurrent_cell import RecurrentCell, zero_state
from .stacked_rnn_cells import StackedRNNCells


class States:
    """Variables that keep the states between calls; they are no weights."""

    def __init__(self, variables: Any) -> None:
        self.variables = variables


class RNN(Layer):
    """Runs a cell over x [B, T, …]: the last output [B, …], or all [B, T, …] with `return_sequences`; with
    `return_state` followed by the last states.

    A cell has `call(inputs, states)`, which gives the output and the new states, and `state_size`, one size or one
    for each state; a list of cells is stacked. Steps that the mask [B, T] says are not there leave the states as they
    are and repeat the output (or give 0 with `zero_output_for_mask`). `stateful`: a call begins where the last
    one ended. `go_backwards`: from the last step on; outputs are in the order of the steps.
    """

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        if "call" not in dir(cell):
            raise ValueError(f"Argument `cell` should have a `call` method. Received: cell={cell}")
        size = getattr(cell, "state_size", None)
        if not isinstance(size, (list, tuple, int)):
            raise ValueError(
                "The RNN cell should have a `state_size` attribute (single integer or list of integers, one integer "
                f"per RNN state). Received: cell={cell}"
            )
        super().__init__(**kwargs)
        self.zero_output_for_mask, self.cell = zero_output_for_mask, cell
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful, self.unroll = go_backwards, stateful, unroll
        self.supports_masking = True
        self.single_state = isinstance(size, int)
        self.state_size = [size] if isinstance(size, int) else list(size)
        self._kept: States | None = None

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        batch, length = sequences_shape[:2]
        size = getattr(self.cell, "output_size", None)
        size = self.state_size[0] if size is None else size
        if not isinstance(size, int):
            raise ValueError("output_size must be an integer.")
        out = (batch, length, size) if self.return_sequences else (batch, size)
        if not self.return_state:
            return out
        states = [
            [(batch, d) for d in s] if isinstance(s, (list, tuple)) else (batch, s) for s in self.state_size
        ]
        return out, *states

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        mask = next(iter(leaves(previous_mask)), None) if self.return_sequences else None
        return [mask, *(None for _ in self.state_size)] if self.return_state else mask

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]))
        if not self.stateful:
            return
        if self._kept is not None:
            self.reset_state()
            return
        if sequences_shape[0] is None:
            raise ValueError(
                "When using `stateful=True` in a RNN, the batch size must be static. Found dynamic batch size: "
                f"sequence.shape={tuple(sequences_shape)}"
            )
        self._kept = States(rebuilt(self.get_initial_state(sequences_shape[0]), self._state_variable))

    def _state_variable(self, value: Tensor) -> Variable:
        made = Variable(value, trainable=False, name="rnn_state")
        made.path = naming.path(made.name)
        return made

    # states

    @property
    def states(self) -> Any:
        """The variables that keep the states, of a `stateful` layer that is built; None for others."""
        return None if self._kept is None else self._kept.variables

    def get_initial_state(self, batch_size: Any) -> list[Any]:
        """The states in front of the first step."""
        make = getattr(self.cell, "get_initial_state", None)
        if make is None:
            return [zero_state(batch_size, d, self.dtype) for d in self.state_size]
        made = make(batch_size=batch_size)
        return list(made) if isinstance(made, (list, tuple)) else [made]

    def reset_state(self) -> None:
        """Sets the states of a `stateful` layer to 0."""
        for v in leaves(self.states):
            if v is not None:
                v.assign(zeros_like(v.value))

    reset_states = reset_state

    # being called

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool | None = False
    ) -> Any:
        if self.unroll and sequences.shape[1] is None:
            raise ValueError("Cannot unroll a RNN if the time dimension is undefined.")
        states = self._first_states(sequences, initial_state)
        mask = next(iter(leaves(mask)), None)
        mask = None if mask is None else cast(mask, "bool")
        try:
            last, outputs, states = self.inner_loop(sequences, states, mask, training)
        finally:
            forget_dropout(self.cell)
        if self.stateful:
            for v, s in zip(leaves(self.states), leaves(states), strict=True):
                v.assign(s)
        output = outputs if self.return_sequences else last
        return (output, *states) if self.return_state else output

    def _first_states(self, sequences: Tensor, given: Any) -> list[Any]:
        if self.stateful:
            batch, kept = sequences.shape[0], next(leaves(self.states)).shape[0]
            if batch is not None and batch != kept:
                raise ValueError(
                    "If an RNN is stateful, the batch size of the input sequences must be the same as the batch "
                    "size of "
                    f"the initial state. \n- Expected batch size: {kept}\n- Received batch size: {batch}"
                )
        if given is None:
            given = self.states if self.stateful else self.get_initial_state(sequences.type.shape[0])
        given = list(given) if isinstance(given, (list, tuple)) else [given]
        return rebuilt(given, lambda v: convert(v, as_dtype(self.dtype)))

    def inner_loop(
        self, sequences: Any, initial_state: list[Any], mask: Any, training: bool | None = False
    ) -> tuple[Tensor, Tensor, list[Any]]:
        """The last output, all outputs in the order of steps, and the last states."""
        count = sequences.shape[1]
        if count is None and not is_trial(sequences):
            raise ValueError(
                f"Layer {self.name} expected a known number of steps for its cell, received {sequences.shape}"
            )
        outputs: list[Tensor] = []
        states, output = initial_state, None
        order = range(count or 1)
        for t in reversed(order) if self.go_backwards else order:
            made, new = self._step(sequences[:, t], states, training)
            if mask is not None:
                live = mask[:, t]
                output = zeros_like(made) if output is None else output
                made = chosen(live, made, output)
                new = packed(
                    states, [chosen(live, n, s) for n, s in zip(leaves(new), leaves(states), strict=True)]
                )
            states, output = new, made
            outputs.append(output)
        if output is None:
            raise ValueError(f"Layer {self.name} expected at least one step, received {sequences.shape}")
        whole = stack(outputs, 1) if self.return_sequences or mask is not None else expand_dims(output, 1)
        if mask is not None and self.zero_output_for_mask:
            whole = self.zeroed(whole, mask)
            output = whole[:, -1]
        if count is None:
            whole = broadcast_dims(
                whole, (whole.type.shape[0], sequences.type.shape[1], *whole.type.shape[2:])
            )
        return output, whole, states

    def _step(self, inputs: Tensor, states: Any, training: bool | None) -> tuple[Tensor, Any]:
        given = {"training": training} if takes_training(self.cell) else {}
        run = self.cell if callable(self.cell) else self.cell.call
        made: Any = run(inputs, states, **given)
        output, new = made
        return output, list(new) if isinstance(new, (list, tuple)) else [new]

    def zeroed(self, outputs: Tensor, mask: Tensor) -> Tensor:
        """Outputs in the order of steps with 0 where the mask [B, T] says that a step is not there."""
        there = flip(mask, 1) if self.go_backwards else mask
        return chosen(there, outputs, zeros_like(outputs))

    # configuration

    def get_config(self) -> dict[str, Any]:
        from ..objects import serialize_keras_object

        return {
            **super().get_config(),
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "zero_output_for_mask": self.zero_output_for_mask,
            "cell": serialize_keras_object(self.cell),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        from ..objects import deserialize_keras_object

        rest = dict(config)
        return cls(deserialize_keras_object(rest.pop("cell"), custom_objects=custom_objects), **rest)


def takes_training(cell: Any) -> bool:
    """Whether a cell is told training from inference."""
    return "training" in inspect.signature(cell.call).parameters


def chosen(live: Tensor, x: Tensor, other: Tensor) -> Tensor:
    """x where `live`, which has its first axes, is true."""
    shape = (*live.type.shape, *(1,) * (x.ndim - live.ndim))
    return where(reshape_to(live, shape), x, other)


def forget_dropout(cell: Any) -> None:
    """The next call draws other masks."""
    if isinstance(cell, RecurrentCell):
        cell.reset_dropout_mask()
        cell.reset_recurrent_dropout_mask()
    if isinstance(cell, StackedRNNCells):
        for c in cell.cells:
            forget_dropout(c)
