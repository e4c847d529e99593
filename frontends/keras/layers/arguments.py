"""Arguments of layers that are names of functions: initializers, regularizers, constraints, activations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import activations, constraints, initializers, regularizers
from ..objects import serialize_keras_object

_KINDS = {
    "activation": activations,
    "initializer": initializers,
    "regularizer": regularizers,
    "constraint": constraints,
}


def take_functions(layer: Any, **given: Any) -> None:
    """Sets attributes to what names, configurations or functions stand for, by the last word of the attribute's
    name: `kernel_initializer`."""
    for name, value in given.items():
        setattr(layer, name, _KINDS[name.rpartition("_")[2]].get(value))


def config_of(layer: Any, names: Iterable[str]) -> dict[str, Any]:
    """Attributes as plain values, for a configuration."""
    return {name: _plain(name, getattr(layer, name)) for name in names}


def _plain(name: str, value: Any) -> Any:
    kind = name.rpartition("_")[2]
    if kind == "activation":
        return activations.serialize(value)
    return serialize_keras_object(value) if kind in _KINDS else value
