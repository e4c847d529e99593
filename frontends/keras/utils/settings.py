"""Seeds and names."""

from __future__ import annotations

from typing import Any

from .. import random_state, seeds
from ..backend import clear_session
from ..layers.history import LayerCall
from ..layers.input_layer import InputLayer

__all__ = ["clear_session", "get_source_inputs", "set_random_seed"]


def set_random_seed(seed: int) -> None:
    """Seeds Python's `random`, numpy's, and everything here that draws random numbers without a seed of its own:
    initial weights, dropout, the order of samples."""
    seeds.set_random_seed(seed)
    random_state.seed(int(seed) % 2**63)


def get_source_inputs(tensor: Any) -> list[Any]:
    """The inputs that a symbolic tensor is computed from."""
    found: list[Any] = []
    todo, seen = [tensor], set[int]()
    while todo:
        t = todo.pop()
        source = getattr(t.node, "source", None)
        if source is None or id(t.node) in seen:
            continue
        seen.add(id(t.node))
        call: LayerCall = source[0]
        if isinstance(call.layer, InputLayer):
            found.append(t)
        else:
            todo += reversed(call.tensors())
    return found
