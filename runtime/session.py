"""Models: compiled libraries as Python callables."""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .abi import MAX_RANK, Tensor
from .errors import DTypeError, InputError, ShapeError
from .library import Library
from .spec import DType, TensorSpec, dtype_of

Array = npt.NDArray[Any]
_I64 = ctypes.POINTER(ctypes.c_int64)


def _spec(row: Mapping[str, Any]) -> TensorSpec:
    shape = tuple(d if isinstance(d, int) else None for d in row["shape"])
    return TensorSpec(row["name"], shape, dtype_of(row["dtype"]))


def _find(specs: Sequence[TensorSpec], name: str, what: str) -> int:
    """The position of a tensor called `x` or `x:0`."""
    for i, s in enumerate(specs):
        if name == s.name or (s.name.endswith(":0") and name == s.name[:-2]) or name == s.name + ":0":
            return i
    known = ", ".join(repr(s.name) for s in specs) or "none"
    raise InputError(f"there is no {what} named {name!r}; {what}s: {known}")


class Function:
    """One function of a model: its inputs and outputs, and how it is called."""

    def __init__(self, model: Model, index: int, row: Mapping[str, Any]) -> None:
        self._model = model
        self._index = index
        self.name: str = row["name"]
        self.inputs = tuple(_spec(r) for r in row["inputs"])
        self.outputs = tuple(_spec(r) for r in row["outputs"])
        self._shapes: dict[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]] = {}

    def __call__(self, *args: Any) -> Array | dict[str, Array]:
        """Results for inputs in order: an array, or a dict by name when there are several."""
        if len(args) != len(self.inputs):
            names = ", ".join(s.name for s in self.inputs)
            raise InputError(f"{self.name} takes {len(self.inputs)} inputs ({names}), received {len(args)}")
        results = self._call([self._input(i, a) for i, a in enumerate(args)], None)
        if len(results) == 1:
            return results[0]
        return {s.name: r for s, r in zip(self.outputs, results, strict=True)}

    def run(
        self,
        inputs: Mapping[str, Any],
        outputs: Sequence[str] | None = None,
        out: Mapping[str, Array] | None = None,
    ) -> dict[str, Array]:
        """Results by name. `outputs` chooses some of them; `out` gives arrays to write into."""
        given: list[Array | None] = [None] * len(self.inputs)
        for name, value in inputs.items():
            i = _find(self.inputs, name, "input")
            given[i] = self._input(i, value)
        missing = [s.name for s, a in zip(self.inputs, given, strict=True) if a is None]
        if missing:
            raise InputError(f"inputs without a value: {', '.join(map(repr, missing))}")
        wanted = [(n, _find(self.outputs, n, "output")) for n in outputs or [s.name for s in self.outputs]]
        places: dict[int, Array] = {}
        for name, array in (out or {}).items():
            i = _find(self.outputs, name, "output")
            places[i] = self._place(i, array)
        results = self._call([a for a in given if a is not None], places)
        return {n: results[i] for n, i in wanted}

    def _input(self, i: int, value: Any) -> Array:
        """A dense array of the input's dtype. Lists are converted, arrays of another dtype are not."""
        spec = self.inputs[i]
        if not isinstance(value, np.ndarray):
            value = np.asarray(value, spec.dtype.numpy)
        array: Array = np.ascontiguousarray(value) if value.ndim else value
        if array.dtype != spec.dtype.numpy and array.dtype.name != spec.dtype.tf_name:
            raise DTypeError(
                f"input {spec.name!r}: expected {spec.dtype.tf_name}, received {array.dtype}; "
                f"convert it with .astype({spec.dtype.tf_name!r})"
            )
        return array

    def _place(self, i: int, array: Any) -> Array:
        spec = self.outputs[i]
        if not isinstance(array, np.ndarray):
            raise InputError(
                f"output {spec.name!r}: expected an array to write into, received {type(array).__name__}"
            )
        if not array.flags.c_contiguous or not array.flags.writeable:
            raise InputError(
                f"output {spec.name!r}: expected a writable C-contiguous array, received one that is "
                + ("read-only" if array.flags.c_contiguous else f"strided by {array.strides}")
            )
        return array

    def _call(self, arrays: list[Array], places: Mapping[int, Array] | None) -> list[Array]:
        model = self._model
        ins = _tensors(arrays, [s.dtype for s in self.inputs])
        shapes = self._output_shapes(arrays, ins)
        results = [
            places[i] if places and i in places else np.empty(shape, s.dtype.numpy)
            for i, (s, shape) in enumerate(zip(self.outputs, shapes, strict=True))
        ]
        outs = _tensors(results, [_dtype(r, s.dtype) for r, s in zip(results, self.outputs, strict=True)])
        session = model._take_session()
        try:
            model._library.call(
                "nw_run", session, model._state, self._index, ins, len(arrays), outs, len(results)
            )
        finally:
            model._sessions.append(session)
        return results

    def _output_shapes(self, arrays: list[Array], ins: Any) -> tuple[tuple[int, ...], ...]:
        key = tuple(a.shape for a in arrays)
        found = self._shapes.get(key)
        if found is None:
            n = len(self.outputs)
            outs = (Tensor * max(n, 1))()
            dims = [(ctypes.c_int64 * MAX_RANK)() for _ in range(n)]
            for t, d in zip(outs, dims, strict=False):
                t.dims = ctypes.cast(d, _I64)
            self._model._library.call("nw_infer", self._index, ins, len(arrays), outs, n)
            found = tuple(tuple(d[: t.rank]) for t, d in zip(outs, dims, strict=False))
            if len(self._shapes) > 1000:
                self._shapes.clear()
            self._shapes[key] = found
        return found


def _dtype(array: Array, wanted: DType) -> DType:
    """The dtype to tell the library: that of the array, but uint16 patterns pass as bfloat16."""
    return (
        wanted if array.dtype == wanted.numpy or array.dtype.name == wanted.tf_name else dtype_of(array.dtype)
    )


def _tensors(arrays: Sequence[Array], dtypes: Sequence[DType]) -> Any:
    """`nw_tensor[]` for arrays; the arrays must outlive it."""
    out = (Tensor * max(len(arrays), 1))()
    keep: list[Any] = []
    for t, a, d in zip(out, arrays, dtypes, strict=False):
        if a.ndim > MAX_RANK:
            raise ShapeError(f"expected at most {MAX_RANK} dimensions, received {a.ndim}")
        dims = (ctypes.c_int64 * max(a.ndim, 1))(*a.shape)
        keep.append(dims)
        t.data, t.rank, t.dims, t.dtype = a.ctypes.data, a.ndim, ctypes.cast(dims, _I64), d.code
    out._keep = keep  # type: ignore[attr-defined]
    return out


class Model:
    """A loaded library. May be called from several Python threads at once: each call has its own session.

    `inputs` and `outputs` describe the first function; `functions` holds all by name.
    """

    def __init__(self, library: Library, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise InputError(f"expected at least 1 thread, received {threads}")
        self._library = library
        self._threads = threads or 0
        self._sessions: list[int] = []
        self._all_sessions: list[int] = []
        rows = library.manifest["functions"]
        self.functions = {r["name"]: Function(self, i, r) for i, r in enumerate(rows)}
        self._first = next(iter(self.functions.values()))
        self.inputs, self.outputs = self._first.inputs, self._first.outputs
        self._state = library.create_state() if library.manifest["variables"] else None
        self._sessions.append(self._new_session())
        weakref.finalize(self, _destroy, library, self._all_sessions, self._state)

    @property
    def manifest(self) -> dict[str, Any]:
        """What the library says of itself."""
        return self._library.manifest

    @property
    def path(self) -> str:
        return self._library.path

    def __call__(self, *args: Any) -> Array | dict[str, Array]:
        """The first function on inputs in order: an array, or a dict when there are several outputs."""
        return self._first(*args)

    def run(
        self,
        inputs: Mapping[str, Any],
        outputs: Sequence[str] | None = None,
        out: Mapping[str, Array] | None = None,
    ) -> dict[str, Array]:
        """The first function, by names; tensors may be called `x` or `x:0`."""
        return self._first.run(inputs, outputs, out)

    @property
    def variables(self) -> dict[str, TensorSpec]:
        """The variables in the state."""
        return {r["name"]: _spec(r) for r in self.manifest["variables"]}

    def get_variable(self, name: str) -> Array:
        """A copy of a variable's present value."""
        array = np.empty([d or 0 for d in self._variable(name).shape], self._variable(name).dtype.numpy)
        tensor = _tensors([array], [self._variable(name).dtype])
        self._library.call("nw_state_get", self._state, name.encode(), tensor)
        return array

    def set_variable(self, name: str, value: Any) -> None:
        """Gives a variable a new value of its own shape and dtype."""
        spec = self._variable(name)
        array = (
            np.ascontiguousarray(value)
            if isinstance(value, np.ndarray)
            else np.asarray(value, spec.dtype.numpy)
        )
        tensor = _tensors([array], [_dtype(array, spec.dtype)])
        self._library.call("nw_state_set", self._state, name.encode(), tensor)

    def _variable(self, name: str) -> TensorSpec:
        if name not in self.variables:
            raise InputError(
                f"there is no variable named {name!r}; variables: {', '.join(self.variables) or 'none'}"
            )
        return self.variables[name]

    def _new_session(self) -> int:
        session = self._library.create_session(self._threads)
        self._all_sessions.append(session)
        return session

    def _take_session(self) -> int:
        try:
            return self._sessions.pop()
        except IndexError:
            return self._new_session()

    def __repr__(self) -> str:
        return f"<Model {os.path.basename(self.path)}: {', '.join(map(str, self.inputs))} -> " + (
            ", ".join(map(str, self.outputs)) + ">"
        )


def _destroy(library: Library, sessions: list[int], state: int | None) -> None:
    for s in sessions:
        library.dll.nw_session_destroy(s)
    if state is not None:
        library.dll.nw_state_destroy(state)


def load(path: str | os.PathLike[str], threads: int | None = None) -> Model:
    """Loads a compiled library; needs numpy alone.

    `threads`: how many threads a call may use (default: NETWRIGHT_THREADS, or what the process may use).
    Raises ArtifactError when the file is no compiled model, or made for another CPU.
    """
    return Model(Library(path), threads)
