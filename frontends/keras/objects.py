"""Objects to configurations and back, in the form that Keras 3 writes into its files, and looking them up by name.

An object's configuration is a dict with `module`, `class_name`, `config` and `registered_name`. The modules are
Keras' public ones ("keras.losses"), so that files go both ways. Only what is in this package, registered or handed
over in `custom_objects` is made: no configuration can name other code.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from ...runtime.errors import FormatError, UnsupportedError
from ..eager.tensor import Tensor
from ..eager.variable import Variable

#: by the name that stands in files, "package>name" for registered ones
_registered: dict[str, Any] = {}
_names: dict[Any, str] = {}
_HERE = __name__.rpartition(".")[0]
_EAGER = f"{_HERE.rpartition('.')[0]}.eager"
#: modules whose classes and functions configurations may name
_MODULES = (
    "layers", "models", "activations", "initializers", "regularizers", "constraints", "losses", "metrics",
    "optimizers", "optimizers.schedules", "random",
)  # fmt: skip
#: objects that one configuration names several times, by their numbers there
_shared: list[dict[Any, Any]] = []


class UnknownObjectError(UnsupportedError, ValueError):
    """A configuration names a class or function that is not known; `ops` has the name."""


#: configurations of objects by identity, while one configuration of several is written
_written: list[dict[int, tuple[Any, dict[str, Any]]]] = []


@contextlib.contextmanager
def numbering() -> Iterator[None]:
    """Inside of it an object that is written several times gets a number in its configurations."""
    _written.append({})
    try:
        yield
    finally:
        _written.pop()


@contextlib.contextmanager
def sharing() -> Iterator[None]:
    """Inside of it equal numbers in configurations mean the same object."""
    _shared.append({})
    try:
        yield
    finally:
        _shared.pop()


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """A decorator: the class or function is found again by "package>name" in configurations.

    Raises ValueError for a class without get_config().
    """

    def register(thing: Any) -> Any:
        if inspect.isclass(thing) and not hasattr(thing, "get_config"):
            raise ValueError(f"expected a class with get_config() to register, received {thing.__name__}")
        called = f"{package}>{name or thing.__name__}"
        _registered[called] = thing
        _names[thing] = called
        return thing

    return register


def get_registered_name(obj: Any) -> str:
    """The name under which a class or function is registered; its own name otherwise."""
    return _names.get(obj) or str(obj.__name__)


def get_registered_object(name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """What a name stands for among custom and registered objects, or None."""
    return (custom_objects or {}).get(name, _registered.get(name))


def get_custom_objects() -> dict[str, Any]:
    """All registered objects by name; entries may be added."""
    return _registered


@contextlib.contextmanager
def custom_object_scope(*objects: Mapping[str, Any]) -> Iterator[None]:
    """Inside of it these names are known."""
    kept = dict(_registered)
    for o in objects:
        _registered.update(o)
    try:
        yield
    finally:
        _registered.clear()
        _registered.update(kept)


def public_module(thing: Any) -> str:
    """Keras' public module for a class or function of this package: `keras.losses` for what is in a file of
    losses/; its own module for others."""
    module = thing.__module__ or ""
    if thing.__name__ in ("Functional", "Sequential", "Model") and module.startswith(f"{_HERE}.models."):
        return {"Sequential": "keras"}.get(thing.__name__, "keras.src.models.functional")
    if module.startswith(f"{_EAGER}.ops."):
        return "keras.ops"
    if not module.startswith(_HERE + "."):
        return module
    folder, _, rest = module[len(_HERE) + 1 :].partition(".")
    return f"keras.{folder}.schedules" if rest == "schedules" else f"keras.{folder}"


def serialize_keras_object(obj: Any) -> Any:
    """A configuration of plain values. Raises ValueError for what has none."""
    if obj is None or isinstance(obj, (bool, int, float, str)):
        return obj
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, (Tensor, Variable, np.ndarray)):
        value = np.asarray(obj)
        if not value.ndim:
            return value.item()
        return {"class_name": "__numpy__", "config": {"value": value.tolist(), "dtype": str(value.dtype)}}
    if isinstance(obj, (list, tuple)):
        return [serialize_keras_object(v) for v in obj]
    if isinstance(obj, dict):
        return {k: serialize_keras_object(v) for k, v in obj.items()}
    if isinstance(obj, slice):
        parts = {k: serialize_keras_object(getattr(obj, k)) for k in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": parts}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    thing = obj if inspect.isfunction(obj) else type(obj)
    inner = thing.__module__.startswith(_HERE + ".")
    made: dict[str, Any] = {"module": public_module(thing), "class_name": thing.__name__, "config": {}}
    made["registered_name"] = None if inner else _names.get(thing, thing.__name__)
    if inspect.isfunction(obj):
        if obj.__name__ == "<lambda>":
            raise ValueError("expected a function with a name, received a lambda: it cannot be saved")
        return {
            **made,
            "class_name": "function",
            "config": obj.__name__,
            "registered_name": made["registered_name"],
        }
    if not hasattr(obj, "get_config"):
        raise ValueError(f"expected an object with get_config(), received a {thing.__name__}")
    made["config"] = obj.get_config()
    if _written:
        first = _written[-1].setdefault(id(obj), (obj, made))[1]
        if first is not made:
            made["shared_object_id"] = first.setdefault("shared_object_id", len(_written[-1]))
    return made


def deserialize_keras_object(
    config: Any,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """The object for a configuration; plain values are what they are, lists and dicts are gone through.

    `module_objects`: names that a text, or a class name without a module, may stand for. Raises ValueError for a
    class that is not known.
    """
    if isinstance(config, str) and module_objects is not None:
        return _found(config, None, custom_objects, module_objects)
    if isinstance(config, (list, tuple)):
        return [deserialize_keras_object(v, custom_objects) for v in config]
    if not isinstance(config, dict):
        return config
    if "class_name" not in config or "config" not in config:
        return {k: deserialize_keras_object(v, custom_objects) for k, v in config.items()}
    name, inner = config["class_name"], config["config"]
    if not isinstance(name, str):
        raise FormatError(f"expected the name of a class, found {str(name)[:80]}")
    if name.startswith("__"):
        return _plain_value(name, inner)
    if name in ("DTypePolicy", "FloatDTypePolicy"):
        return inner["name"]
    if name == "function":
        name = inner
    if "shared_object_id" in config and _shared and config["shared_object_id"] in _shared[-1]:
        return _shared[-1][config["shared_object_id"]]
    names = [n for n in (config.get("registered_name"), name) if isinstance(n, str) and n]
    found = _found(str(name), config.get("module"), custom_objects, module_objects, names)
    if config["class_name"] == "function" or not inspect.isclass(found):
        return found
    for value in inner.values() if isinstance(inner, dict) else ():
        if isinstance(value, dict) and value.get("class_name") == "__lambda__":
            _plain_value("__lambda__", value.get("config"))
    made = made_from(found, inner, custom_objects)
    if "shared_object_id" in config and _shared:
        _shared[-1][config["shared_object_id"]] = made
    return made


def _plain_value(name: str, inner: Any) -> Any:
    """What configurations write as an object though it is a value."""
    if name in ("__numpy__", "__tensor__"):
        return np.array(inner["value"], inner["dtype"])
    if name == "__slice__":
        return slice(*(deserialize_keras_object(inner.get(k)) for k in ("start", "stop", "step")))
    if name == "__tuple__":
        return tuple(
            deserialize_keras_object(v)
            for v in (inner.get("items", ()) if isinstance(inner, dict) else inner)
        )
    if name == "__ellipsis__":
        return Ellipsis
    if name == "__lambda__":
        raise UnknownObjectError(
            "expected a function by name, found a lambda saved as marshalled Python code, which is never run here: put "
            "a named function or a layer class in its place, register that with "
            "keras.saving.register_keras_serializable, and save the model anew",
            ("Lambda",),
        )
    raise UnknownObjectError(f"expected a class that is known, found {name!r}", (name,))


def made_from(cls: type, config: Any, custom_objects: Mapping[str, Any] | None) -> Any:
    """An object of a class for its configuration."""
    make = getattr(cls, "from_config", None)
    if make is None:
        raise ValueError(f"expected a class with from_config(), received {cls.__name__}")
    config = dict(config) if isinstance(config, dict) else config
    if "custom_objects" in inspect.signature(make).parameters:
        return make(config, custom_objects=custom_objects)
    return make(config)


def _found(
    name: str,
    module: str | None,
    custom_objects: Mapping[str, Any] | None,
    module_objects: Mapping[str, Any] | None,
    names: list[str] | None = None,
) -> Any:
    for called in names or [name]:
        found = get_registered_object(called, custom_objects)
        if found is not None:
            return found
    if module_objects is not None and name in module_objects:
        return module_objects[name]
    found = _public(name, module if isinstance(module, str) else None)
    if found is not None:
        return found
    raise UnknownObjectError(
        f"expected a class or function that is known, received {name!r}"
        + (f" of {module}" if module else "")
        + ": register it with keras.saving.register_keras_serializable, or hand it over in custom_objects",
        (name,),
    )


def _public(name: str, module: str | None) -> Any:
    """A class or function of this package by Keras' public module, or, where none is named, wherever it is."""
    if name.startswith("_") or not name.isidentifier():
        return None
    if module is None:
        places: tuple[str, ...] = _MODULES
    else:
        parts = [
            p for p in module.split(".") if p not in ("src", "keras", "tf_keras", "tensorflow", "python")
        ]
        if module.split(".")[0] not in ("keras", "tf_keras", "tensorflow"):
            return None
        if parts[:1] == ["engine"] or not parts:
            parts = ["models"]
        places = tuple(".".join(parts[:n]) for n in range(len(parts), 0, -1))
    for place in places:
        if place not in _MODULES:
            continue
        with contextlib.suppress(ModuleNotFoundError):
            found = getattr(import_module(f"{_HERE}.{place}"), name, None)
            if (inspect.isclass(found) or inspect.isfunction(found)) and _is_ours(found):
                return found
    return None


def _is_ours(thing: Any) -> bool:
    return (thing.__module__ or "").startswith((f"{_HERE}.", f"{_EAGER}."))


class Names:
    """The classes and functions of one kind (`initializer`, `loss`, …) by the names that `get` takes."""

    def __init__(self, kind: str, objects: Mapping[str, Any]) -> None:
        self.kind, self.objects = kind, dict(objects)

    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        return deserialize_keras_object(config, custom_objects, self.objects)

    def get(self, identifier: Any) -> Any:
        """The object for a name, a configuration, a class, or an object or function itself; None for None.

        Raises ValueError for what is none of these.
        """
        found = identifier
        if isinstance(identifier, dict):
            found = self.deserialize(identifier)
        elif isinstance(identifier, str):
            found = get_registered_object(identifier) or self.objects.get(identifier)
            if found is None:
                known = ", ".join(sorted(n for n in self.objects if n.islower()))
                raise ValueError(
                    f"expected the name of a known {self.kind}, received {identifier!r}; known are {known}"
                )
        if found is None:
            return None
        if inspect.isclass(found):
            found = found()
        if not callable(found) and not hasattr(found, "get_config"):
            raise ValueError(
                f"expected the name, the configuration or an object of a {self.kind}, received {identifier!r}"
            )
        return found
