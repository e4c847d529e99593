"""Configurations of Keras 2 in the words of Keras 3."""

from __future__ import annotations

from typing import Any

#: arguments of layers that mean nothing here, by class; None: of all
_DROPPED: dict[str | None, tuple[str, ...]] = {
    None: ("dynamic",),
    "BatchNormalization": (
        "fused",
        "virtual_batch_size",
        "adjustment",
        "renorm",
        "renorm_clipping",
        "renorm_momentum",
    ),
    "LSTM": ("implementation", "time_major"),
    "GRU": ("implementation", "time_major"),
    "SimpleRNN": ("implementation", "time_major"),
    "LSTMCell": ("implementation",),
    "GRUCell": ("implementation",),
    "RNN": ("time_major",),
    "DepthwiseConv2D": ("groups", "filters", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "SeparableConv2D": ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "Conv2DTranspose": ("groups",),
    "Embedding": ("input_length",),
}
_OPTIMIZERS_DROPPED = ("decay", "jit_compile", "is_legacy_optimizer", "initial_decay", "weight_decay")


def modern(value: Any) -> Any:
    """The configuration with all layers in it as Keras 3 has them."""
    if isinstance(value, list):
        return [modern(v) for v in value]
    if not isinstance(value, dict):
        return value
    out = {k: modern(v) for k, v in value.items()}
    config = out.get("config")
    if "class_name" in out and isinstance(config, dict) and "module" not in out:
        out["config"] = _layer(str(out["class_name"]), config)
    if "optimizer_config" in out and isinstance(out["optimizer_config"], dict):
        inner = out["optimizer_config"].get("config")
        if isinstance(inner, dict):
            out["optimizer_config"]["config"] = _optimizer(inner)
    return out


def _layer(name: str, config: dict[str, Any]) -> dict[str, Any]:
    config = dict(config)
    shape = config.pop("batch_input_shape", None)
    if shape is not None and isinstance(shape, list):
        if name == "InputLayer":
            config["batch_shape"] = shape
        else:
            config["input_shape"] = shape[1:]
    for key in (*_DROPPED.get(name, ()), *_DROPPED[None]):
        config.pop(key, None)
    axis = config.get("axis")
    if isinstance(axis, list) and len(axis) == 1 and name == "BatchNormalization":
        config["axis"] = axis[0]
    function = config.get("function")
    if name == "Lambda":
        for key in ("module", "function_type", "output_shape_type", "output_shape_module"):
            config.pop(key, None)
        if isinstance(function, list):
            config["function"] = {"class_name": "__lambda__", "config": {}}
    return config


def _optimizer(config: dict[str, Any]) -> dict[str, Any]:
    config = dict(config)
    if "lr" in config:
        config["learning_rate"] = config.pop("lr")
    for key in _OPTIMIZERS_DROPPED:
        if not config.get(key):
            config.pop(key, None)
    return config
