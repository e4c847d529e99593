"""Sequential: layers one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from ..layers.history import is_input
from ..layers.input_layer import Input, InputLayer
from ..layers.layer import Layer
from .graph import Graph
from .model import Model


class Sequential(Model):
    """A stack of layers with one input and one output each. It is built as soon as the input's shape is known:
    by an Input in front, by `build`, or by the first call."""

    def __init__(
        self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None
    ) -> None:
        super().__init__(trainable=trainable, name=name)
        self._stack: list[Layer] = []
        for layer in layers or ():
            self.add(layer, rebuild=False)
        self._rebuild()

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Puts a layer at the end."""
        if not isinstance(layer, Layer):
            source = getattr(getattr(layer, "node", None), "source", None)
            if source is None or not isinstance(source[0].layer, InputLayer):
                raise ValueError(
                    "Only instances of `keras.Layer` can be added to a Sequential model. "
                    f"Received: {layer} (of type {type(layer)})"
                )
            layer = source[0].layer
        if any(layer is have for have in self._stack) or layer.name in [have.name for have in self._stack]:
            raise ValueError(
                "All layers added to a Sequential model should have unique names. Name "
                f"'{layer.name}' is already the name of a layer in this model. Update the `name` argument to pass a "
                "unique name."
            )
        if isinstance(layer, InputLayer) and self._stack:
            raise ValueError(
                f"Sequential model '{self.name}' has already been configured to use input shape."
            )
        shape = getattr(layer, "input_shape_given", None)
        if not self._stack and shape is not None and not isinstance(layer, InputLayer):
            self._stack.append(_input_layer(shape))
        self._stack.append(layer)
        if rebuild:
            self._rebuild()

    def pop(self, rebuild: bool = True) -> Layer:
        """Takes the last layer away."""
        layer = self._stack.pop()
        self._graph, self.built = None, False
        if rebuild:
            self._rebuild()
        return layer

    def _rebuild(self) -> None:
        """Puts the layers together where the input's shape is known."""
        self._graph = None
        if len(self._stack) > 1 and isinstance(self._stack[0], InputLayer):
            self._connect(self._stack[0].output)
        elif len(self._stack) and isinstance(self._stack[0], Model) and self._stack[0].inputs is not None:
            first = self._stack[0].inputs[0]
            self._connect(_input_layer(first.shape[1:], first.dtype).output)

    def _connect(self, inputs: Any) -> None:
        from .. import naming

        x = inputs
        # inside of another model's call, or of its own `build`, the path has its name already
        inside = naming.path("").split("/")[-2:-1] == [self.name]
        with nullcontext() if inside else naming.scope(self.name):
            for layer in self._stack:
                if not isinstance(layer, InputLayer):
                    x = layer(x)
        self._set_graph(Graph(inputs, x))

    def build(self, input_shape: Any = None) -> None:
        """Builds the layers for an input of this shape, the batch included."""
        if self._graph is not None or input_shape is None:
            return
        if not self._stack:
            raise ValueError(
                f"Sequential model {self.name} cannot be built because it has no layers. Call `model.add(layer)`."
            )
        if isinstance(input_shape, dict) or (
            isinstance(input_shape, (list, tuple)) and any(isinstance(d, (list, tuple)) for d in input_shape)
        ):
            raise ValueError(f"expected one input for a Sequential model, received {input_shape}")
        layer = InputLayer(batch_shape=(None, *tuple(input_shape)[1:]), name="input_layer")
        self._connect(layer.output)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if self._graph is not None and not is_input(inputs):
            return self._graph.run(inputs, training, mask)
        if mask is not None:
            inputs.mask = mask
        for layer in self._stack:
            if not isinstance(layer, InputLayer):
                inputs = layer(inputs)
        return inputs

    @property
    def layers(self) -> list[Layer]:
        return [layer for layer in self._stack if not isinstance(layer, InputLayer)]

    @property
    def _layers(self) -> list[Layer]:
        return self.layers

    def get_config(self) -> dict[str, Any]:
        from ..objects import serialize_keras_object

        config: dict[str, Any] = {"name": self.name, "trainable": self._trainable, "dtype": self.dtype}
        config["layers"] = [serialize_keras_object(layer) for layer in self._stack]
        if self._graph is not None:
            config["build_input_shape"] = self._graph.flat_inputs[0].shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        from ..objects import deserialize_keras_object

        model = cls(name=config.get("name"))
        for layer in config["layers"]:
            model.add(deserialize_keras_object(layer, custom_objects=custom_objects), rebuild=False)
        model._rebuild()
        shape = config.get("build_input_shape")
        if model._graph is None and shape:
            model.build(tuple(shape))
        return model


def _input_layer(shape: Any, dtype: Any = None) -> InputLayer:
    return Input(tuple(shape), dtype=dtype).node.source[0].layer  # type: ignore[attr-defined]
