"""Recurrent layers over a cell of this package: all steps as one op, where that knows the activations."""

from __future__ import annotations

from typing import Any

from ....compiler.ir.core import Op
from ....compiler.ops.recurrent_base import NAMES
from ...eager.ops.arrays import expand_dims
from ...eager.tensor import Tensor, convert, ops
from .. import activations
from ..objects import serialize_keras_object
from .recurrent_cell import RecurrentCell
from .rnn import RNN
from .spec import InputSpec


def _of_cell(name: str) -> Any:
    return property(lambda self: getattr(self.cell, name), doc=f"The cell's {name}.")


class CellRNN(RNN):
    """An RNN over one cell, with the cell's arguments as its own."""

    cell: RecurrentCell

    def __init__(self, cell: RecurrentCell, *flags: Any, use_cudnn: Any = "auto", **kwargs: Any) -> None:
        if use_cudnn not in ("auto", True, False):
            raise ValueError(
                "Invalid valid received for argument `use_cudnn`. Expected one of {'auto', True, False}. "
                f"Received: use_cudnn={use_cudnn}"
            )
        super().__init__(cell, *flags, **kwargs)
        self.use_cudnn = use_cudnn
        self.input_spec = InputSpec(ndim=3)

    @staticmethod
    def cell_options(name: str, kwargs: dict[str, Any]) -> dict[str, Any]:
        """What the cell has in common with the layer."""
        return {"name": name, "dtype": kwargs.get("dtype"), "trainable": kwargs.get("trainable", True)}

    units, use_bias = _of_cell("units"), _of_cell("use_bias")
    activation, recurrent_activation = _of_cell("activation"), _of_cell("recurrent_activation")
    kernel_initializer, recurrent_initializer = (
        _of_cell("kernel_initializer"),
        _of_cell("recurrent_initializer"),
    )
    bias_initializer, unit_forget_bias = _of_cell("bias_initializer"), _of_cell("unit_forget_bias")
    kernel_regularizer, recurrent_regularizer = (
        _of_cell("kernel_regularizer"),
        _of_cell("recurrent_regularizer"),
    )
    bias_regularizer, bias_constraint = _of_cell("bias_regularizer"), _of_cell("bias_constraint")
    kernel_constraint, recurrent_constraint = _of_cell("kernel_constraint"), _of_cell("recurrent_constraint")
    dropout, recurrent_dropout = _of_cell("dropout"), _of_cell("recurrent_dropout")
    reset_after, seed = _of_cell("reset_after"), _of_cell("seed")

    def inner_loop(
        self, sequences: Any, initial_state: list[Any], mask: Any, training: bool | None = False
    ) -> tuple[Tensor, Tensor, list[Any]]:
        cell, names = self.cell, self._activations()
        separate = training and (cell.recurrent_dropout or (cell.dropout and cell.implementation == 1))
        if names is None or separate or (mask is not None and mask.ndim != 2):
            return super().inner_loop(sequences, initial_state, mask, training)
        drops = cell.get_dropout_mask(sequences[:, 0]) if training else None
        if drops is not None:
            sequences = sequences * expand_dims(drops[0], 1)
        outputs, *states = self.compute(sequences, initial_state, [] if mask is None else [mask], names)
        if mask is not None and self.zero_output_for_mask:
            outputs = self.zeroed(outputs, mask)
        # without steps that are not there the last output is the last state
        last = states[0] if mask is None else outputs[:, -1]
        return last, outputs, states

    def compute(
        self, sequences: Tensor, states: list[Any], masks: list[Tensor], names: dict[str, str]
    ) -> list[Tensor]:
        """All outputs and the last states, by the cell's op."""
        raise NotImplementedError

    def all_steps(
        self, op: type[Op], given: list[Any], masks: list[Tensor], names: dict[str, str], **attributes: Any
    ) -> list[Tensor]:
        """The results of an op over all steps."""
        tensors = [convert(v) for v in given]
        return ops(op, *tensors, *masks, reverse=bool(self.go_backwards), **names, **attributes)

    def _activations(self) -> dict[str, str] | None:
        """The activations by the names that ops have for them; None where one has none."""
        found: dict[str, str] = {}
        for argument in ("activation", "recurrent_activation"):
            function = getattr(self.cell, argument, None)
            if function is None:
                continue
            name = next((n for n in NAMES if getattr(activations, n, None) is function), None)
            if name is None:
                return None
            found[argument] = name
        return found

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["cell"]
        config["activity_regularizer"] = serialize_keras_object(self.activity_regularizer)
        return {**config, **self.cell.own_config()}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        return cls(**config)
