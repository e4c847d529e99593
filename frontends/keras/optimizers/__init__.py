"""Optimizers: how variables change by their gradients."""

from __future__ import annotations

from typing import Any

from ..objects import Names, serialize_keras_object
from . import schedules
from .adam import Adam, Adamax, AdamW, Lamb, Nadam
from .adaptive import Adadelta, Adafactor, Adagrad, Ftrl, RMSprop
from .momentum import SGD, Lion
from .optimizer import Optimizer

__all__ = [
    "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion", "Nadam",
    "Optimizer", "RMSprop", "deserialize", "get", "schedules", "serialize",
]  # fmt: skip

_CLASSES = (SGD, Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, Lion, Nadam, RMSprop)
_names = Names("optimizer", {n: c for c in _CLASSES for n in (c.__name__, c.__name__.lower())})
serialize = serialize_keras_object


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """The optimizer for a configuration; class names count in any case."""
    name = config.get("class_name") if isinstance(config, dict) else None
    if isinstance(name, str) and name.lower() in _names.objects:
        config = {**config, "class_name": name.lower(), "registered_name": None}
    return _names.deserialize(config, custom_objects)


def get(identifier: Any) -> Any:
    """The optimizer for a name (in any case), configuration, class or object; None for None.

    Raises ValueError for others.
    """
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, str) and identifier.lower() in _names.objects:
        identifier = identifier.lower()
    found = _names.get(identifier)
    if found is not None and not isinstance(found, Optimizer):
        raise ValueError(
            f"expected the name, configuration or object of an optimizer, received {identifier!r}"
        )
    return found


def __getattr__(name: str) -> Any:
    if name in (
        "LossScaleOptimizer",
        "Muon",
        "MultiOptimizer",
        "OptimizerMap",
        "ScheduleFreeAdamW",
        "legacy",
    ):
        raise AttributeError(f"keras.optimizers.{name} is not built here")
    raise AttributeError(f"keras.optimizers has no {name!r}")
