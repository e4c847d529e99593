"""Functional models as configurations: their layers, and for each the calls on results of others.

Keras 3 writes a call as its arguments, a tensor among them by the layer, the call and the result that it comes from.
Keras 2 wrote a list of such places, each with the call's other arguments. Both are read, the first is written.
"""

from __future__ import annotations

import inspect
from typing import Any

from ...eager.structure import leaves, rebuilt
from ...eager.tensor import Tensor
from ..layers.history import LayerCall
from ..layers.input_layer import InputLayer
from ..layers.layer import Layer
from ..layers.operation import Operation
from ..objects import serialize_keras_object
from .ops_config import node_entry

#: a result: layer, number of the call, number of the result
Place = tuple[str, int, int]


class Writer:
    """The entries of a model's layers, with all calls that belong to the model."""

    def __init__(self, model: Any) -> None:
        graph = model._graph
        self.graph = graph
        self.calls: dict[Any, list[LayerCall]] = {}
        own = set(graph.calls())
        for layer in graph.layers:
            self.calls[layer] = [c for c in layer._calls if c in own or isinstance(layer, InputLayer)]
        self.places: dict[Any, Place] = {}
        for layer, calls in self.calls.items():
            for number, call in enumerate(calls):
                for i, t in enumerate(v for v in leaves(call.outputs) if isinstance(v, Tensor)):
                    self.places[t.ref] = (layer.name, number, i)
        self.names = {layer.name for layer in self.calls}

    def entries(self) -> list[dict[str, Any]]:
        """The layers in order; functions between them after what they need."""
        ready: dict[Any, dict[str, Any]] = {}
        nodes: list[dict[str, Any]] = []
        for step in self.graph.steps:
            if not isinstance(step, LayerCall) and step.values is None:
                nodes.append(node_entry(step, self))
        for layer, calls in self.calls.items():
            entry = serialize_layer(layer)
            entry["name"] = layer.name
            entry["inbound_nodes"] = [] if isinstance(layer, InputLayer) else [self.call(c) for c in calls]
            ready[layer] = entry
        return [*ready.values(), *nodes]

    def call(self, call: LayerCall) -> dict[str, Any]:
        signature = inspect.signature(type(call.layer).call)
        args, kwargs = list(call.args), dict(call.kwargs)
        names = list(signature.parameters)[1:]
        # Keras takes tensors alone by position
        for i in range(len(args) - 1, 0, -1):
            if (
                isinstance(call.layer, Operation)
                or any(isinstance(v, Tensor) for v in leaves(args[i]))
                or i >= len(names)
            ):
                break
            value = args.pop(i)
            if value is not None:
                kwargs[names[i]] = value
        return {
            "args": [self.value(a) for a in args],
            "kwargs": {k: self.value(v) for k, v in kwargs.items()},
        }

    def value(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [self.value(v) for v in value]
        if isinstance(value, dict):
            return {k: self.value(v) for k, v in value.items()}
        if isinstance(value, Tensor) and value.ref in self.places:
            config = {
                "shape": list(value.shape),
                "dtype": value.dtype,
                "keras_history": list(self.places[value.ref]),
            }
            return {"class_name": "__keras_tensor__", "config": config}
        return serialize_keras_object(value)

    def place(self, t: Tensor) -> list[Any]:
        """Where an input or output of the model comes from; nested functional models count from 1."""
        name, number, i = self.places[t.ref]
        source = getattr(t.node, "source", None)
        layer = None if source is None else source[0].layer
        return [name, number + (1 if is_functional(layer) else 0), i]

    def unique(self, name: str) -> str:
        called, n = name, 0
        while called in self.names:
            n += 1
            called = f"{name}_{n}"
        self.names.add(called)
        return called


def is_functional(layer: Any) -> bool:
    from ..models.model import Functional, Model

    return type(layer) in (Functional, Model) and layer._graph is not None


def serialize_layer(layer: Layer) -> dict[str, Any]:
    """A layer's entry, with the shapes that it was built for."""
    if isinstance(layer, Operation):
        options = {k: serialize_keras_object(v) for k, v in layer.get_config()["config"].items()}
        return {
            "module": layer.module,
            "class_name": layer.class_name,
            "config": options,
            "registered_name": None,
        }
    return serialize_keras_object(layer)


def functional_config(model: Any) -> dict[str, Any]:
    """The configuration of a model from symbolic tensors."""
    writer = Writer(model)
    entries = writer.entries()
    config: dict[str, Any] = {"name": model.name, "trainable": model._trainable, "layers": entries}
    config["input_layers"] = rebuilt(model._graph.inputs, lambda t: writer.place(t))
    config["output_layers"] = rebuilt(model._graph.outputs, lambda t: writer.place(t))
    return config
