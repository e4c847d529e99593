"""Model: a layer that is trained and saved, put together from symbolic tensors or by a subclass."""

from __future__ import annotations

from typing import Any

from ...eager.structure import leaves, rebuilt
from ..layers.input_layer import InputLayer
from ..layers.layer import Layer
from ..layers.operation import Operation
from ..trainer.trainer import Trainer
from .graph import Graph


class Model(Trainer):
    """A layer with training.

    model = Model(inputs, outputs)         # from symbolic tensors

    class MyModel(Model):                  # or as a subclass
        def __init__(self): ...
        def call(self, inputs, training=False): ...
    """

    def __init__(self, *args: Any, inputs: Any = None, outputs: Any = None, **kwargs: Any) -> None:
        if args:
            if len(args) > 2 or inputs is not None:
                raise ValueError(f"expected Model(inputs, outputs), received {len(args)} arguments")
            inputs, outputs = (*args, outputs)[:2]
        super().__init__(**kwargs)
        Trainer.set_up(self)
        self._graph: Graph | None = None
        if inputs is not None:
            if outputs is None:
                raise ValueError("expected Model(inputs, outputs), received inputs alone")
            self._set_graph(Graph(inputs, outputs))

    def _set_graph(self, graph: Graph) -> None:
        self._graph = graph
        self.built = True

    @property
    def layers(self) -> list[Layer]:
        """The layers, in order."""
        return [layer for layer in self._layers if not isinstance(layer, Operation)]

    @property
    def _layers(self) -> list[Layer]:
        found = super()._layers
        if self._graph is None:
            return found
        own = list(self._graph.layers)
        return own + [v for v in found if not any(v is o for o in own)]

    @property
    def inputs(self) -> Any:
        """The symbolic inputs, in a list; None without."""
        return None if self._graph is None else self._graph.flat_inputs

    @property
    def outputs(self) -> Any:
        return None if self._graph is None else list(leaves(self._graph.outputs))

    @property
    def input(self) -> Any:
        return self._symbolic().inputs

    @property
    def output(self) -> Any:
        return self._symbolic().outputs

    @property
    def input_shape(self) -> Any:
        return rebuilt(self._symbolic().inputs, lambda t: t.shape)

    @property
    def output_shape(self) -> Any:
        return rebuilt(self._symbolic().outputs, lambda t: t.shape)

    def _symbolic(self) -> Graph:
        if self._graph is None:
            raise AttributeError(
                f"The model {self.name} has no defined input and output: it was not built from symbolic tensors."
            )
        return self._graph

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Runs the layers between inputs and outputs; a subclass has its own."""
        if self._graph is None:
            raise NotImplementedError(
                f"Model {type(self).__name__} does not have a `call()` method implemented."
            )
        return self._graph.run(inputs, training, mask)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by its name or its place."""
        layers = self.layers
        if name is not None and index is not None:
            raise ValueError(
                f"Provide only a layer name or a layer index. Received: index={index}, name={name}."
            )
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has {len(layers)} layers."
                )
            return layers[index]
        if name is None:
            raise ValueError("Provide either a layer name or layer index at `get_layer`.")
        for layer in layers:
            if layer.name == name:
                return layer
        raise ValueError(f"No such layer: {name}. Existing layers are: {[layer.name for layer in layers]}.")

    def build(self, *input_shape: Any) -> None:
        """Builds all layers for inputs of this shape, by a trial on symbolic tensors."""
        if self._graph is None and type(self).call is not Model.call and input_shape:
            from ..layers.history import symbolic_like

            trial = symbolic_like(input_shape[0] if len(input_shape) == 1 else list(input_shape), self.dtype)
            self.built = True
            self(trial)
        self.built = True

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Prints the layers with their output shapes and numbers of parameters."""
        from .summary import print_summary

        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    def save(self, filepath: Any, overwrite: bool = True, **kwargs: Any) -> None:
        """Writes configuration, weights and the optimizer's state into a `.keras` file, or a legacy `.h5` file."""
        from ..saving import save_model

        save_model(self, filepath, overwrite, **kwargs)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Writes the weights into a `.weights.h5` file."""
        from ..saving import save_weights

        save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Takes the weights from a `.weights.h5`, `.keras` or legacy `.h5` file."""
        from ..saving import load_weights

        load_weights(self, filepath, skip_mismatch, **kwargs)

    def to_json(self, **kwargs: Any) -> str:
        """The configuration as JSON."""
        from ..saving import model_to_json

        return model_to_json(self, **kwargs)

    def get_config(self) -> dict[str, Any]:
        if self._graph is not None and type(self).call is Model.call:
            from ..saving.functional_config import functional_config

            return functional_config(self)
        return super().get_config()

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A model of this configuration."""
        if {"name", "layers", "input_layers", "output_layers"} <= set(config):
            from ..saving.functional_reader import functional_from_config

            return functional_from_config(cls, config, custom_objects)
        if cls in (Model, Functional):
            missing = [k for k in ("name", "layers", "input_layers", "output_layers") if k not in config]
            raise ValueError(
                f"expected {', '.join(missing)} in the configuration of a functional model, found none"
            )
        return super().from_config(config)


class Functional(Model):
    """A model from symbolic tensors, under the name that Keras has for it."""


__all__ = ["Functional", "InputLayer", "Model"]
