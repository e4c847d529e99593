"""Functions of `keras.ops` that stand between the layers of a model read from a file."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any

from ....runtime.errors import FormatError
from .. import naming
from ..objects import UnknownObjectError
from .layer import Layer

#: classes of Keras' operations whose functions have other names than theirs in snake case
_FUNCTIONS = {"GetItem": "getitem", "ReLU": "relu", "Absolute": "abs", "Transpose": "transpose"}


class Operation(Layer):
    """The function that Keras' class of operations `class_name` stands for, called with what the model's
    configuration gives it. It has no weights and is none of the model's layers.

    Raises UnknownObjectError for a function that is not in `keras.ops` here.
    """

    def __init__(self, module: str | None, class_name: str, config: dict[str, Any]) -> None:
        module = module or "keras.src.ops.numpy"
        super().__init__(name=str(config.get("name") or naming.unique(naming.snake_case(class_name))))
        self.module, self.class_name = module, class_name
        self.options = {k: v for k, v in config.items() if k not in ("name", "dtype", "trainable")}
        self._function = _function(module, class_name)
        known = _parameters(self._function)
        wrong = [k for k, v in self.options.items() if known is not None and k not in known and v is not None]
        if wrong:
            raise FormatError(f"operation {self.name!r} ({class_name}): there is no argument {wrong[0]!r}")
        if known is not None:
            self.options = {k: v for k, v in self.options.items() if k in known}
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **{**self.options, **kwargs})

    def get_config(self) -> dict[str, Any]:
        return {
            "module": self.module,
            "class_name": self.class_name,
            "config": {"name": self.name, **self.options},
        }


def is_operation(config: dict[str, Any]) -> bool:
    """Whether a layer's entry in a configuration is no layer but a function."""
    module, inner = config.get("module"), config.get("config")
    if module is None and isinstance(inner, dict):
        # legacy files leave out the module; layers have these
        nodes = config.get("inbound_nodes")
        called = isinstance(nodes, list) and bool(nodes) and isinstance(nodes[0], dict)
        return called and not {"trainable", "dtype", "layers"} & set(inner)
    return isinstance(module, str) and module.startswith(
        ("keras.src.ops.", "keras.ops", "keras.src.backend.")
    )


def _function(module: str, class_name: str) -> Callable[..., Any]:
    from ...eager import ops

    name = _FUNCTIONS.get(class_name, naming.snake_case(class_name))
    if name == "getitem":
        return _item
    places = [ops]
    last = module.rpartition(".")[2]
    inner = getattr(ops, last, None)
    if inspect.ismodule(inner):
        places.insert(0, inner)
    for place in places:
        found = getattr(place, name, None) if not name.startswith("_") else None
        if inspect.isfunction(found):
            return found
    raise UnknownObjectError(
        f"expected an operation that is built here, found {class_name!r} of {module}: put a layer in its place",
        (class_name,),
    )


def _item(x: Any, key: Any) -> Any:
    return operator.getitem(x, tuple(key) if isinstance(key, list) else key)


def _parameters(function: Callable[..., Any]) -> set[str] | None:
    if not inspect.isfunction(function):
        return set()
    found = inspect.signature(function).parameters
    return None if any(p.kind is p.VAR_KEYWORD for p in found.values()) else set(found)
