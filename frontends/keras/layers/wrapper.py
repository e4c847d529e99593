"""Layers around a layer."""

from __future__ import annotations

from typing import Any

from .layer import Layer


class Wrapper(Layer):
    """Base of layers that change what another one does."""

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Layer {layer} supplied to Wrapper isn't a supported layer type. Please ensure wrapped layer "
                f"is a valid "
                "Keras layer."
            )
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)

    def get_config(self) -> dict[str, Any]:
        from ..objects import serialize_keras_object

        return {**super().get_config(), "layer": serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        from ..objects import deserialize_keras_object

        rest = dict(config)
        return cls(deserialize_keras_object(rest.pop("layer"), custom_objects=custom_objects), **rest)
