"""`@function`: a Python function on tensors as one compiled function for each kind of arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...runtime.errors import InputError
from . import nodes
from .structure import leaves, packed, rebuilt
from .tensor import Tensor, convert
from .traced import Compiled, Traced


def function(body: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compiles a function of tensors: it runs once in Python for each combination of argument types, and then as
    native code.

    Arrays and tensors are arguments; everything else (numbers, strings, objects) belongs to the combination.
    Variables are read and assigned in place. Inside of a tape, or of another traced function, the body runs
    as if it stood there. `options` of TensorFlow's function that have no meaning here are accepted:
    jit_compile, reduce_retracing, autograph=False.
    """
    unknown = set(options) - {"jit_compile", "reduce_retracing", "autograph", "input_signature"}
    if unknown or options.get("autograph"):
        raise InputError(f"function has no option {', '.join(sorted(unknown)) or 'autograph=True'}")
    if body is None:
        return lambda f: Function(f)
    return Function(body)


class Function:
    """A compiled function for each combination of arguments that it was called with."""

    def __init__(self, body: Callable[..., Any], owner: Any = None) -> None:
        functools.update_wrapper(self, body)
        self._body, self._owner = body, owner
        self._compiled: dict[Any, Compiled] = {}
        #: kept, so that no other object gets the identity of one of them
        self._objects: list[Any] = []

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        if owner is None:
            return self
        name = f"_function_{self._body.__name__}_{id(self)}"
        bound = getattr(owner, name, None)
        if bound is None:
            bound = Function(self._body, owner)
            object.__setattr__(owner, name, bound)
        return bound

    @property
    def python_function(self) -> Callable[..., Any]:
        return self._body if self._owner is None else functools.partial(self._body, self._owner)

    def experimental_get_tracing_count(self) -> int:
        """For how many combinations of arguments it was traced."""
        return len(self._compiled)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        if nodes.current_trace() is not None or nodes.recorders:
            return self.python_function(*args, **keywords)
        given = (args, keywords)
        flat = list(leaves(given))
        tensors = [i for i, v in enumerate(flat) if isinstance(v, (Tensor, np.ndarray, np.generic))]
        values = [convert(flat[i]) for i in tensors]
        if any(v.is_symbolic for v in values):
            return self.python_function(*args, **keywords)
        key = (
            tuple([v.type if isinstance(v, Tensor) else _identity(v) for v in _with(flat, tensors, values)]),
            repr(rebuilt(given, lambda _: None)),
        )
        found = self._compiled.get(key)
        if found is None:
            found = self._compiled[key] = self._trace(given, flat, tensors, values)
            self._objects += flat
        return found.structured(found.run([np.ascontiguousarray(v.numpy()) for v in values]))

    def _trace(self, given: Any, flat: list[Any], tensors: list[int], values: list[Tensor]) -> Compiled:
        def body(*arguments: Tensor) -> Any:
            args, keywords = packed(given, _with(flat, tensors, list(arguments)))
            return self.python_function(*args, **keywords)

        name = self._body.__name__ if self._body.__name__.isidentifier() else "function"
        types = [(f"x{i}", v.type) for i, v in enumerate(values)]
        return Compiled(Traced(body, types, name))


def _with(flat: list[Any], places: list[int], values: list[Any]) -> list[Any]:
    out = list(flat)
    for i, v in zip(places, values, strict=True):
        out[i] = v
    return out


def _identity(value: Any) -> Any:
    """What an argument that is no tensor is told apart by: numbers and texts by value, objects by identity."""
    if isinstance(value, (bool, int, float, str, bytes, type(None))):
        return type(value), value
    return type(value), id(value)
