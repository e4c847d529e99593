"""Copies of models with new weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...eager.structure import leaves, rebuilt
from ..layers.history import LayerCall
from ..layers.input_layer import Input, InputLayer
from ..models.graph import Graph
from ..models.model import Model
from ..models.sequential import Sequential


def clone_model(
    model: Any, input_tensors: Any = None, clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None, recursive: bool = False, **kwargs: Any,
) -> Any:  # fmt: skip
    """A model of the same layers with new weights.

    `clone_function(layer)` gives the copy of each layer but InputLayers, by default `from_config(get_config())`.
    `input_tensors` stand in the place of the model's inputs, `call_function(layer, *args, **kwargs)` in that of
    calling a copy. With `recursive` the layers of models inside are copied one by one, too.
    """
    if kwargs:
        raise ValueError(f"clone_model has no argument {', '.join(kwargs)} here")

    def copy(layer: Any) -> Any:
        if recursive and isinstance(layer, Model) and layer._graph is not None:
            return clone_model(layer, None, clone_function, call_function, True)
        if clone_function is not None and not isinstance(layer, InputLayer):
            return clone_function(layer)
        return type(layer).from_config(layer.get_config())

    if isinstance(model, Sequential):
        if input_tensors is None:
            return Sequential(
                [copy(layer) for layer in model._stack], name=model.name, trainable=model.trainable
            )
        first = next(leaves(input_tensors))
        kept = [layer for layer in model._stack if not isinstance(layer, InputLayer)]
        return Sequential([first, *(copy(layer) for layer in kept)], name=model.name)
    if getattr(model, "_graph", None) is None:
        if clone_function is not None or input_tensors is not None:
            raise ValueError(
                "expected a Sequential or functional model to clone with a clone_function or input_tensors"
            )
        return type(model).from_config(model.get_config())
    return _functional(model, input_tensors, copy, call_function)


def _functional(model: Any, inputs: Any, copy: Callable[[Any], Any], call: Any) -> Any:
    graph: Graph = model._graph
    copies = {id(layer): copy(layer) for layer in graph.layers if not isinstance(layer, InputLayer)}
    if inputs is None:
        inputs = rebuilt(
            graph.inputs,
            lambda t: Input(
                batch_shape=t.shape,
                dtype=t.dtype,
                name=t.node.source[0].layer.name if t.node.source else None,
            ),
        )

    def run(step: LayerCall, *args: Any, **kwargs: Any) -> Any:
        layer = copies[id(step.layer)]
        return call(layer, *args, **kwargs) if call is not None else layer(*args, **kwargs)

    outputs = graph.run(inputs, call=run)
    return type(model)(inputs, outputs, name=model.name, trainable=model.trainable)
