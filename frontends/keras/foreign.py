"""Models of the real Keras, which this package never imports: their configuration and weights make one of its own."""

from __future__ import annotations

from typing import Any

from ...runtime.errors import UnsupportedError
from .loading import loading
from .saving.files import foreseen, model_from


def is_foreign(source: Any) -> bool:
    """Whether an object is a model of Keras, or of tf.keras."""
    known = ("keras", "tf_keras", "tensorflow")
    return any(c.__name__ == "Model" and c.__module__.split(".")[0] in known for c in type(source).__mro__)


def own_model(source: Any) -> Any:
    """A model of this package that computes the same. UnsupportedError for classes that are not known here, and for
    models without a configuration."""
    from ..keras_file import json_text
    from .saving.legacy_config import modern

    where = f"the Keras model {source.name!r}"
    try:
        text = source.to_json()
    except (NotImplementedError, ValueError, TypeError) as e:
        raise UnsupportedError(
            f"{where}: expected a model with a configuration: {e}: build it from layers, or export a SavedModel"
        ) from e
    config = json_text.parsed(text, where)
    with foreseen(where):
        with loading(sum(w.nbytes for w in source.get_weights())):
            model = model_from(config if "module" in config else modern(config), where)
        _copy_weights(source, model)
    return model


def _copy_weights(source: Any, model: Any) -> None:
    """Layer by layer, as the order of all may differ."""
    there = {layer.name: layer for layer in source.layers}
    mine = {layer.name: layer for layer in model.layers}
    if set(there) >= {n for n, layer in mine.items() if layer.weights}:
        for name, layer in mine.items():
            if layer.weights:
                layer.set_weights(there[name].get_weights())
        if sum(len(layer.weights) for layer in mine.values()) >= len(model.weights):
            return
    model.set_weights(source.get_weights())
