"""Whole models in HDF5, as Keras 2 wrote them and Keras 3 still does: the configuration is an attribute, weights lie
in groups by layer, in the order of the layer's weights."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np

from ....runtime.errors import FormatError
from ...eager.variable import Variable
from ...keras_file import hdf5, json_text
from ...keras_file.hdf5 import Tree
from ..objects import deserialize_keras_object, serialize_keras_object
from .legacy_config import modern

_TOP = "top_level_model_weights"


def _weights(layer: Any) -> list[Variable]:
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _with_weights(model: Any) -> list[Any]:
    return [layer for layer in _layers(model) if _weights(layer)]


def _layers(model: Any) -> list[Any]:
    from .state import model_layers

    if getattr(model, "_graph", None) is None and not hasattr(model, "_stack"):
        return list(model.layers)
    return model_layers(model)


def model_config(tree: Tree) -> dict[str, Any]:
    """The configuration of the model in a file, in Keras 3's form."""
    text = tree.text("model_config")
    if text is None:
        raise FormatError(
            f"{tree.where}: expected a whole model, found weights alone: make the model and call load_weights"
        )
    return modern(json_text.parsed(text, f"{tree.where}: model_config"))


def read_weights(model: Any, tree: Tree, skip_mismatch: bool = False, by_name: bool = False) -> None:
    """Gives a model's layers the weights of a file, in order; with `by_name` those of the same names.

    Raises ValueError for another number of layers or weights, or another shape; with `skip_mismatch` layers that
    do not fit are left as they are, with a warning.
    """
    root = tree.group("model_weights") or tree
    names = root.texts("layer_names")
    saved = [(n, g, g.texts("weight_names")) for n in names if (g := root.group(n)) is not None]
    if len(saved) < len(names):
        raise FormatError(f"{tree.where}: expected a group of weights for each of {len(names)} layers")
    if by_name:
        layers = {layer.name: layer for layer in _layers(model)}
        pairs = [(layers[n], g, w) for n, g, w in saved if n in layers]
    else:
        saved = [row for row in saved if row[2]]
        wanted = _with_weights(model)
        if len(saved) != len(wanted):
            raise ValueError(
                f"{tree.where}: expected {len(wanted)} layers with weights, found {len(saved)} in the file"
            )
        pairs = [(layer, g, w) for layer, (_, g, w) in zip(wanted, saved, strict=True)]
    for layer, group, weights in pairs:
        _assign(f"layer {layer.name!r}", _weights(layer), group, weights, skip_mismatch)
    top = root.group(_TOP)
    if top is not None:
        own = _top(model)
        weights = top.texts("weight_names")
        if weights or own:
            _assign("the model itself", own, top, weights, skip_mismatch)


def _top(model: Any) -> list[Variable]:
    """Weights of the model that belong to no layer of it."""
    inner = {id(v) for layer in _layers(model) for v in layer.weights}
    return [v for v in model.weights if id(v) not in inner]


def _assign(who: str, variables: list[Variable], group: Tree, names: list[str], skip: bool) -> None:
    if len(names) != len(variables):
        text = f"{who}: expected {len(variables)} weights, found {len(names)} in the file"
        if not skip:
            raise ValueError(text)
        warnings.warn(text, stacklevel=4)
        return
    for v, name in zip(variables, names, strict=True):
        value = group.array(name)
        if value.shape != v.shape:
            text = f"{who}: expected shape {v.shape} for {v.path!r}, found {value.shape} in the file"
            if not skip:
                raise ValueError(text)
            warnings.warn(text, stacklevel=4)
            continue
        v.assign(value)


def read_training(model: Any, tree: Tree, custom_objects: Any) -> None:
    """Compiles the model as the file says, and gives the optimizer its state."""
    text = tree.text("training_config")
    if text is None:
        warnings.warn("the file has no training configuration: the model is not compiled", stacklevel=3)
        return
    config = modern(json_text.parsed(text, f"{tree.where}: training_config"))
    optimizer = config.get("optimizer_config")
    if not isinstance(optimizer, dict):
        raise FormatError(
            f"{tree.where}: expected the configuration of an optimizer, found {str(optimizer)[:80]}"
        )
    from .. import optimizers

    model.compile(
        optimizer=optimizers.deserialize(optimizer, custom_objects),
        **{k: _objects(config.get(k), custom_objects) for k in ("loss", "metrics", "weighted_metrics")},
        loss_weights=config.get("loss_weights"),
    )
    model.optimizer.build(model.trainable_variables)
    group = tree.group("optimizer_weights")
    if group is None:
        return
    values = [group.array(n) for n in group.texts("weight_names")]
    shapes = [v.shape for v in model.optimizer.variables]
    if [v.shape for v in values] != shapes:
        warnings.warn(
            f"the optimizer's state in the file is not that of {type(model.optimizer).__name__} here: it begins anew",
            stacklevel=3,
        )
        return
    model.optimizer.set_weights(values)


def _objects(value: Any, custom_objects: Any) -> Any:
    if isinstance(value, list):
        return [_objects(v, custom_objects) for v in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {k: _objects(v, custom_objects) for k, v in value.items()}
    return deserialize_keras_object(value, custom_objects)


# writing


def write_model(model: Any, target: Any, include_optimizer: bool = True) -> None:
    """A whole model, at a path or in an open binary file."""
    from . import KERAS_VERSION

    config = {"class_name": type(model).__name__, "config": model.get_config()}
    if config["class_name"] == "Model":
        config["class_name"] = "Functional"
    with hdf5.writing(target) as root:
        root.attrs["keras_version"] = KERAS_VERSION
        root.attrs["backend"] = "tensorflow"
        root.attrs["model_config"] = json.dumps(_old(config))
        if model.optimizer is not None and include_optimizer and model.compiled:
            root.attrs["training_config"] = json.dumps(_training_config(model))
        write_weights(model, root.create_group("model_weights"))
        if model.optimizer is not None and include_optimizer:
            group = root.create_group("optimizer_weights")
            _write(group, [(v.path, v) for v in model.optimizer.variables])


def write_weights(model: Any, group: Any) -> None:
    from . import KERAS_VERSION

    layers = _layers(model)
    hdf5.set_texts(group, "layer_names", [layer.name for layer in layers])
    group.attrs["backend"], group.attrs["keras_version"] = "tensorflow", KERAS_VERSION
    for layer in sorted(layers, key=lambda layer: layer.name):
        _write(group.create_group(layer.name), [(v.path, v) for v in _weights(layer)])
    _write(group.create_group(_TOP), [(v.path, v) for v in _top(model)])


def _write(group: Any, variables: list[tuple[str, Variable]]) -> None:
    names: list[str] = []
    for name, _ in variables:
        called, n = name, 0
        while called in names:
            n += 1
            called = f"{name}_{n}"
        names.append(called)
    hdf5.set_texts(group, "weight_names", names)
    for name, (_, v) in zip(names, variables, strict=True):
        group.create_dataset(name, data=np.asarray(v.numpy()))


def _old(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry of a model or layer in the old form: no modules, but in what a layer's own configuration holds."""
    out = {k: v for k, v in entry.items() if k not in ("module", "build_config", "compile_config")}
    registered = out.pop("registered_name", None)
    if registered:
        out["class_name"] = registered
    config = out["config"]
    if isinstance(config, dict) and isinstance(config.get("layers"), list):
        out["config"] = {**config, "layers": [_old(e) for e in config["layers"]]}
    return out


def _training_config(model: Any) -> dict[str, Any]:
    config = dict(model.get_compile_config() or {})
    config.pop("optimizer", None)
    optimizer = serialize_keras_object(model.optimizer)
    return {
        **config,
        "optimizer_config": {
            "class_name": optimizer["registered_name"] or optimizer["class_name"],
            "config": optimizer["config"],
        },
    }
