"""The weights of a model as Keras 3 lays them out in a file: by the attributes that lead to each object.

Models from layers have these under `layers`, each by its class in snake case, numbered where there are several:
`layers/dense_1/vars/0`. Other objects stand under the names of the attributes that hold them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from ....compiler.ir.attributes import Array
from ....runtime.errors import FormatError
from ...keras_file.hdf5 import Tree
from .. import naming
from ..layers.holder import Holder
from ..layers.operation import Operation

#: attributes that lead to no state, or to state that is found another way
_SKIPPED = frozenset(
    {
        "_calls", "_given", "_losses", "_variables", "_graph", "_graph_layers", "_stack", "_layers", "_metrics",
        "_objective", "_steps", "_fast", "_compile_config", "_loss_tracker", "history", "loss", "_parts",
        "_trainable_variables", "_averages", "_accumulators", "_new", "_shared", "_numbers",
    }
)  # fmt: skip


def is_saveable(value: Any) -> bool:
    """Whether an object has state of its own to save."""
    return isinstance(value, Holder) or (
        hasattr(value, "save_own_variables") and hasattr(value, "load_own_variables")
    )


def model_layers(model: Any) -> list[Any]:
    """The layers in the order of their paths: with the InputLayers, without functions between them."""
    stack = getattr(model, "_stack", None)
    graph = getattr(model, "_graph", None)
    if stack is not None:
        return [layer for layer in stack if not _is_input(layer)]
    return [
        layer for layer in (graph.layers if graph is not None else ()) if not isinstance(layer, Operation)
    ]


def _is_input(layer: Any) -> bool:
    from ..layers.input_layer import InputLayer

    return isinstance(layer, InputLayer)


def children(thing: Any) -> Iterator[tuple[str, Any]]:
    """What belongs to an object, by the name that stands in paths; lists and dictionaries as they are."""
    if hasattr(thing, "_graph") and (getattr(thing, "_graph", None) is not None or hasattr(thing, "_stack")):
        yield "layers", model_layers(thing)
    own = {
        _public(thing, n): v for n, v in vars(thing).items() if n not in _SKIPPED and not n.startswith("__")
    }
    for name in sorted(own, key=lambda n: f"~{n}" if n.startswith("_") else n):
        yield name, own[name]


def _public(thing: Any, name: str) -> str:
    """The property that gives an attribute which is not public: paths have its name."""
    shown = name.removeprefix("_")
    found = getattr(type(thing), shown, None)
    if shown != name and isinstance(found, property) and getattr(thing, shown, None) is vars(thing)[name]:
        return shown
    return name


def _paths(thing: Any) -> Iterator[tuple[str, Any]]:
    """All objects with state, each once, by its path."""
    # by id, and kept: the id of a list made for this walk would be another's once it is gone
    visited: dict[int, Any] = {}
    todo: list[tuple[str, Any]] = [("", thing)]
    while todo:
        path, value = todo.pop()
        if isinstance(value, (list, tuple, dict)):
            if id(value) in visited:
                continue
            visited[id(value)] = value
            used: dict[str, int] = {}
            inner: list[tuple[str, Any]] = []
            for v in value.values() if isinstance(value, dict) else value:
                if is_saveable(v):
                    inner.append((f"{path}/{_unique(naming.snake_case(type(v).__name__), used)}", v))
                elif isinstance(v, (list, tuple, dict)):
                    inner.append((f"{path}/{_unique('container', used)}", v))
            todo += reversed(inner)
        elif is_saveable(value) and id(value) not in visited:
            visited[id(value)] = value
            yield path, value
            below = [(f"{path}/{n}" if path else n, v) for n, v in children(value)]
            todo += reversed([b for b in below if is_saveable(b[1]) or isinstance(b[1], (list, tuple, dict))])


def _unique(name: str, used: dict[str, int]) -> str:
    if name in used:
        used[name] += 1
        return f"{name}_{used[name]}"
    used[name] = 0
    return name


class _Writing:
    """Where an object puts its variables; a group is made with the first of them."""

    def __init__(self, root: Any, path: str, name: Any) -> None:
        self._root, self._path, self._name = root, path, name
        self._group: Any = None
        if isinstance(name, str) and name:
            self._make()

    def _make(self) -> Any:
        if self._group is None:
            self._group = self._root.require_group(f"{self._path}/vars" if self._path else "vars")
            if isinstance(self._name, str):
                self._group.attrs["name"] = self._name
        return self._group

    def __setitem__(self, key: str, value: Any) -> None:
        group = self._make()
        array = np.asarray(value)
        group.create_dataset(key, data=array)


class _Reading:
    """Where an object finds its variables."""

    def __init__(self, tree: Tree | None) -> None:
        self._tree = tree
        self._names = tree.names() if tree is not None else []

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, key: object) -> bool:
        return key in self._names

    def keys(self) -> list[str]:
        return list(self._names)

    def __getitem__(self, key: str) -> Array:
        if self._tree is None:
            raise KeyError(key)
        return self._tree.array(key)


def save_state(thing: Any, root: Any, skipped: Any = ()) -> None:
    """Writes the state of an object and of all in it below the root of an HDF5 file."""
    for path, owner in _paths(thing):
        if not any(owner is s for s in skipped):
            owner.save_own_variables(_Writing(root, path, getattr(owner, "name", None)))


def load_state(thing: Any, root: Tree, skip_mismatch: bool = False) -> None:
    """Gives an object and all in it their state. Raises ValueError naming what does not fit; with
    `skip_mismatch` that is a warning, and what does not fit stays as it is."""
    old = "_layer_checkpoint_dependencies" in root.names()
    failed: list[tuple[Any, Exception]] = []
    for path, owner in _paths(thing):
        tree = root.group(f"{path}/vars" if path else "vars")
        if tree is None and old:
            tree = root.group(f"{path.replace('layers', '_layer_checkpoint_dependencies')}/vars")
        if tree is None and not isinstance(owner, Holder):
            continue  # states that files of other versions leave out
        store = _Reading(tree)
        try:
            owner.load_own_variables(store)
        except FormatError:
            raise
        except (ValueError, KeyError) as e:
            failed.append((owner, e))
    if failed:
        owner, error = failed[0]
        names = ", ".join(str(getattr(o, "name", o)) for o, _ in failed[:20])
        text = f"{len(failed)} objects could not be loaded: {names}. The first: {error}"
        if not skip_mismatch:
            raise ValueError(text)
        warnings.warn(text, stacklevel=3)
