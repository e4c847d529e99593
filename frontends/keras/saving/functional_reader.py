"""Functional models made from their configurations."""

from __future__ import annotations

import inspect
from typing import Any

from ....runtime.errors import FormatError
from ...eager.structure import leaves
from ...eager.tensor import Tensor
from ..layers.input_layer import InputLayer
from ..layers.layer import Layer
from ..layers.operation import Operation, is_operation
from ..objects import UnknownObjectError, deserialize_keras_object
from .functional_config import Place, is_functional


class _Node:
    """A call that waits for the results it needs."""

    def __init__(self, layer: Layer, key: tuple[str, int], data: Any) -> None:
        self.layer, self.key, self.data = layer, key, data


class Reader:
    """Makes the layers of a configuration, and calls them in an order that works."""

    def __init__(self, config: dict[str, Any], custom_objects: Any) -> None:
        entries = config["layers"]
        if not isinstance(entries, list):
            raise FormatError("expected a list of layers in the model's configuration")
        self.layers: dict[str, Layer] = {}
        self.results: dict[tuple[str, int], list[Any]] = {}
        self.nodes: dict[tuple[str, int], _Node] = {}
        self.nested: set[str] = set()
        data: dict[str, list[Any]] = {}
        unknown: list[dict[str, Any]] = []
        for entry in entries:
            try:
                name, nodes = self._layer(entry, custom_objects)
                data[name] = nodes
            except UnknownObjectError as e:
                unknown += e.rows
        if unknown:
            raise _unknown(unknown)
        self._count_from(data)
        for name, nodes in data.items():
            layer = self.layers[name]
            if isinstance(layer, InputLayer):
                self.results[name, 0] = [layer.output]
            else:
                for i, node in enumerate(nodes):
                    self.nodes[name, i] = _Node(layer, (name, i), node)

    def _layer(self, entry: Any, custom_objects: Any) -> tuple[str, list[Any]]:
        if not isinstance(entry, dict) or not isinstance(entry.get("config"), dict):
            raise FormatError(f"expected a layer with its configuration, found {str(entry)[:80]}")
        config = entry["config"]
        name = entry.get("name", config.get("name"))
        nodes = entry.get("inbound_nodes", [])
        if not isinstance(name, str) or not isinstance(nodes, list):
            raise FormatError(f"expected a layer with a name and a list of calls, found {str(entry)[:80]}")
        if name in self.layers:
            raise FormatError(f"expected layers with names of their own, found {name!r} twice")
        try:
            layer = _made(entry, config, custom_objects)
        except UnknownObjectError as e:
            raise _unknown([{**r, "nodes": [*r["nodes"]] or [name]} for r in e.rows]) from None
        if not isinstance(layer, Layer):
            raise FormatError(f"expected a layer as {name!r}, found a {type(layer).__name__}")
        self.layers[name] = layer
        if entry.get("class_name") in ("Functional", "Model") or is_functional(layer):
            self.nested.add(name)
        return name, nodes

    def _count_from(self, data: dict[str, list[Any]]) -> None:
        """Keras 2 counted the calls of nested models from 1."""
        least: dict[str, int] = {}
        for nodes in data.values():
            for node in nodes:
                for name, number, _ in _needed(node):
                    least[name] = min(number, least.get(name, number))
        models = {n for n, layer in self.layers.items() if hasattr(layer, "_graph")}
        #: how much is to be taken from the number of a call of a layer where a call names it
        self.first = {n: 1 for n, least_ in least.items() if n in models and least_ == 1}

    def run(self) -> None:
        """All calls. FormatError where one needs its own result, or one that nothing gives."""
        waits: dict[tuple[str, int], int] = {}
        users: dict[tuple[str, int], list[_Node]] = {}
        ready: list[_Node] = []
        for key, node in self.nodes.items():
            needed = {(n, i) for n, i, _ in self._places(node.data)} - set(self.results)
            if key[1]:
                needed.add((key[0], key[1] - 1))
            for k in needed:
                users.setdefault(k, []).append(node)
            waits[key] = len(needed)
            if not needed:
                ready.append(node)
        done = 0
        while done < len(ready):
            node = ready[done]
            done += 1
            self._call(node)
            for user in users.get(node.key, ()):
                waits[user.key] -= 1
                if not waits[user.key]:
                    ready.append(user)
        if done < len(self.nodes):
            stuck = next(k for k, n in waits.items() if n)
            raise FormatError(
                f"layer {stuck[0]!r}: expected calls on results of layers before it, found a loop, or a result that "
                "no layer of the model gives"
            )

    def _places(self, data: Any) -> list[Place]:
        return [(n, i - self.first.get(n, 0), k) for n, i, k in _needed(data)]

    def _call(self, node: _Node) -> None:
        layer = node.layer
        args, kwargs = self._arguments(node.data)
        known = inspect.signature(type(layer).call).parameters
        loose = any(p.kind is p.VAR_KEYWORD for p in known.values())
        # which calls are training is said by the model's own call
        kwargs = {
            k: v for k, v in kwargs.items() if k != "training" and (v is not None or (loose or k in known))
        }
        try:
            made = layer(
                *args,
                **{k: v for k, v in kwargs.items() if v is not None or not isinstance(layer, Operation)},
            )
        except NotImplementedError as e:
            raise FormatError(f"layer {layer.name!r}: {e}") from None
        self.results[node.key] = [t for t in leaves(made) if isinstance(t, Tensor)]

    def _arguments(self, data: Any) -> tuple[list[Any], dict[str, Any]]:
        if isinstance(data, dict):
            args, kwargs = self._revived(data.get("args", [])), self._revived(data.get("kwargs", {}))
            if not isinstance(args, list) or not isinstance(kwargs, dict):
                raise FormatError("expected a call's arguments in a list and a dictionary")
            return args, kwargs
        if data and isinstance(data[0], str):
            data = [data]
        tensors = [self._result(p) for p in self._places(data)]
        kwargs: dict[str, Any] = {}
        for row in data:
            if len(row) > 3 and isinstance(row[3], dict):
                kwargs.update({k: self._legacy(v) for k, v in row[3].items()})
        return [tensors[0] if len(tensors) == 1 else tensors], kwargs

    def _legacy(self, value: Any) -> Any:
        """An argument of Keras 2: a place, a constant, or lists of them."""
        if isinstance(value, list) and len(value) in (3, 4) and isinstance(value[0], str):
            if value[0] == "_CONSTANT_VALUE":
                return value[2]
            if value[0] in self.layers:
                return self._result((value[0], value[1] - self.first.get(value[0], 0), value[2]))
        return [self._legacy(v) for v in value] if isinstance(value, list) else value

    def _revived(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._revived(v) for v in value]
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            (place,) = _needed({"args": [value]})
            return self._result((place[0], place[1] - self.first.get(place[0], 0), place[2]))
        if isinstance(value, dict) and "class_name" not in value:
            return {k: self._revived(v) for k, v in value.items()}
        return deserialize_keras_object(value)

    def _result(self, place: Place) -> Tensor:
        name, number, i = place
        found = self.results.get((name, number))
        if found is None or not -len(found) <= i < len(found):
            raise FormatError(
                f"expected the result {i} of call {number} of layer {name!r}, which is not there"
            )
        return found[i]

    def ends(self, value: Any) -> Any:
        """The inputs or outputs of the model, by their places."""
        if isinstance(value, dict):
            return {k: self.ends(v) for k, v in value.items()}
        if not isinstance(value, list) or not value:
            raise FormatError(f"expected the model's inputs and outputs, found {str(value)[:80]}")
        if isinstance(value[0], str):
            name, number, i = _place(value)
            if (name, number) not in self.results or name in self.nested:
                # nested models count their calls from 1 here
                number -= 1 if name in self.nested and (name, number - 1) in self.results else 0
            return self._result((name, number, i))
        return [self.ends(v) for v in value]


def _made(entry: dict[str, Any], config: dict[str, Any], custom_objects: Any) -> Any:
    if not is_operation(entry):
        return deserialize_keras_object(entry, custom_objects)
    plain = {k: deserialize_keras_object(v) for k, v in config.items()}
    return Operation(entry.get("module"), str(entry.get("class_name")), plain)


def _unknown(rows: list[dict[str, Any]]) -> UnknownObjectError:
    """One error for all layers of classes that are not known."""
    merged: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        key = (row["op"], row["reason"])
        found = merged.setdefault(key, {**row, "count": 0, "nodes": []})
        found["count"] += row["count"]
        found["nodes"] += row["nodes"]
    if len(merged) == 1:
        (row,) = merged.values()
        text = f"layer {', '.join(map(repr, row['nodes'][:5]))} ({row['op']}): {row['reason']}"
    else:
        lines = [
            f"  {r['op']} x {r['count']} ({', '.join(r['nodes'][:3])}): {r['reason']}"
            for r in merged.values()
        ]
        text = "these layers cannot be made:\n" + "\n".join(lines)
    return UnknownObjectError(text, list(dict.fromkeys(op for op, _ in merged)), list(merged.values()))


def _place(value: Any) -> Place:
    if not isinstance(value, list) or len(value) < 3 or not isinstance(value[0], str):
        raise FormatError(f"expected a layer, a call and a result, found {str(value)[:80]}")
    if not all(isinstance(v, int) for v in value[1:3]):
        raise FormatError(f"expected the numbers of a call and a result, found {str(value)[:80]}")
    return value[0], value[1], value[2]


def _needed(data: Any) -> list[Place]:
    """The results that a call needs, in order."""
    out: list[Place] = []
    if isinstance(data, list):
        rows = [data] if data and isinstance(data[0], str) else data
        for row in rows:
            out.append(_place(row))
        return out
    todo = [data]
    while todo:
        value = todo.pop(0)
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            inner = value.get("config")
            out.append(_place(inner.get("keras_history") if isinstance(inner, dict) else None))
        elif isinstance(value, (dict, list)):
            todo = [*(value.values() if isinstance(value, dict) else value), *todo]
    return out


def functional_from_config(cls: Any, config: dict[str, Any], custom_objects: Any = None) -> Any:
    """A model for a functional configuration. FormatError where the calls do not fit together."""
    from ..models.model import Functional, Model

    reader = Reader(config, custom_objects)
    reader.run()
    inputs, outputs = reader.ends(config["input_layers"]), reader.ends(config["output_layers"])
    rest = {k: v for k, v in config.items() if k not in ("layers", "input_layers", "output_layers", "dtype")}
    if not isinstance(inputs, dict) and isinstance(inputs, list) and _single(config["input_layers"]):
        inputs = inputs[0]
    if not isinstance(outputs, dict) and isinstance(outputs, list) and _single(config["output_layers"]):
        outputs = outputs[0]
    model = (Functional if cls is Model else cls)(
        inputs=inputs, outputs=outputs, **{k: v for k, v in rest.items() if k in ("name", "trainable")}
    )
    order = {id(layer): i for i, layer in enumerate(reader.layers.values())}
    graph: Any = model._graph
    # the file's order, by which weights are found
    graph.layers.sort(key=lambda layer: order.get(id(layer), len(order)))
    return model


def _single(places: Any) -> bool:
    """Keras 2 wrote a list also for one input."""
    return isinstance(places, list) and len(places) == 1 and isinstance(places[0], list)
