"""Models to files and back; classes and functions by the names that files have for them."""

from __future__ import annotations

from typing import Any

from ..objects import (
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from .files import load_model, load_weights, model_from_json, model_to_json, save_model, save_weights

#: whose form of files is written
KERAS_VERSION = "3.15.1"

CustomObjectScope = custom_object_scope

__all__ = [
    "CustomObjectScope", "clone_model", "custom_object_scope", "deserialize_keras_object", "get_custom_objects",
    "get_registered_name", "get_registered_object", "load_model", "load_weights", "model_from_json", "model_to_json",
    "register_keras_serializable", "save_model", "save_weights", "serialize_keras_object",
]  # fmt: skip


def clone_model(model: Any, *args: Any, **kwargs: Any) -> Any:
    """A model of the same layers with new weights: see keras.models.clone_model."""
    from .clone import clone_model as clone

    return clone(model, *args, **kwargs)
