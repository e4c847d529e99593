"""Several cells as one."""

from __future__ import annotations

import inspect
from typing import Any

from .layer import Layer
from .recurrent_cell import zero_state


class StackedRNNCells(Layer):
    """Cells one behind the other in every step; the states are a list of the cells' states."""

    def __init__(self, cells: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for cell in cells:
            if "call" not in dir(cell):
                raise ValueError(
                    f"All cells must have a `call` method. Received cell without a `call` method: {cell}"
                )
            if "state_size" not in dir(cell):
                raise ValueError(
                    f"All cells must have a `state_size` attribute. Received cell without a `state_size`: {cell}"
                )
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        return [c.state_size for c in self.cells]

    @property
    def output_size(self) -> Any:
        return _output_size(self.cells[-1])

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """The cells' first states."""
        out: list[Any] = []
        for cell in self.cells:
            make, size = getattr(cell, "get_initial_state", None), cell.state_size
            if make is not None:
                out.append(make(batch_size=batch_size))
            elif isinstance(size, int):
                out.append(zero_state(batch_size, size, self.dtype))
            else:
                out.append([zero_state(batch_size, d, self.dtype) for d in size])
        return out

    def build(self, input_shape: Any) -> None:
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
            input_shape = (input_shape[0], _output_size(cell))

    def call(self, inputs: Any, states: Any, training: bool | None = False, **kwargs: Any) -> Any:
        new_states: list[Any] = []
        for cell, given in zip(self.cells, states, strict=True):
            nested = isinstance(given, (list, tuple))
            if "training" in inspect.signature(cell.call).parameters:
                kwargs["training"] = training
            else:
                kwargs.pop("training", None)
            run = cell if callable(cell) else cell.call
            result: Any = run(inputs, list(given) if nested else [given], **kwargs)
            inputs, made = result
            made = list(made) if isinstance(made, (list, tuple)) else [made]
            new_states.append(made if nested or len(made) > 1 else made[0])
        return inputs, new_states

    def get_config(self) -> dict[str, Any]:
        from ..objects import serialize_keras_object

        return {**super().get_config(), "cells": [serialize_keras_object(c) for c in self.cells]}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        from ..objects import deserialize_keras_object

        rest = dict(config)
        return cls(
            [deserialize_keras_object(c, custom_objects=custom_objects) for c in rest.pop("cells")], **rest
        )


def _output_size(cell: Any) -> Any:
    size = getattr(cell, "output_size", None)
    if size is None:
        size = cell.state_size
    return size[0] if isinstance(size, (list, tuple)) else size
