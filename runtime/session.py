"""Models: compiled libraries as Python callables."""

from __future__ import annotations

import copy
import os
import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .buffers import Array, Tensors, code_of, input_array, output_array
from .errors import InputError
from .frames import POINTER_OFFSET, Plan
from .library import Library
from .spec import BY_CODE, TensorSpec, dtype_of

if TYPE_CHECKING:
    from .train import Trainer

#: output sizes are remembered for this many different input sizes
_KNOWN_SIZES = 1000


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


class Engine:
    """A library with its state and its sessions: one for each call that runs at the same time."""

    def __init__(self, library: Library, threads: int) -> None:
        self.library = library
        self.threads = threads
        self.idle: list[int] = []
        self.sessions: list[int] = []
        self.state = library.create_state() if library.manifest["variables"] else None
        self.origin: Engine | None = None
        self.idle.append(self.new_session())
        weakref.finalize(self, _destroy, library, self.sessions, self.state)

    def apart(self) -> Engine:
        """An engine on the same library and state with a session that no other call takes; `rejoin` ends that."""
        lane = copy.copy(self)
        lane.origin = self  # whose end would destroy the session
        lane.idle = [self.idle.pop() if self.idle else self.new_session()]
        return lane

    def rejoin(self) -> None:
        """Hands the sessions of an engine apart back."""
        if self.origin is not None:
            self.origin.idle += self.idle
            self.idle = []

    def new_session(self) -> int:
        session = self.library.create_session(self.threads)
        self.sessions.append(session)
        return session

    def run(self, function: int, ins: Tensors, outs: Tensors, late: Sequence[int] = ()) -> list[Array]:
        """Runs a function in an idle session, or in a new one when all are busy; fetches the outputs `late`,
        whose sizes the call computes."""
        try:
            session = self.idle.pop()
        except IndexError:
            session = self.new_session()
        try:
            self.library.call(
                "nw_run", session, self.state, function,
                ins.table, len(ins.arrays), outs.table, len(outs.arrays),
            )  # fmt: skip
            return [self._fetch(session, function, i) for i in late]
        finally:
            self.idle.append(session)

    def _fetch(self, session: int, function: int, output: int) -> Array:
        sizes = Tensors.blank(1)
        self.library.call("nw_result", session, function, output, sizes.table)
        dtype = BY_CODE[sizes.table[0].dtype]
        result: Array = np.empty(sizes.shapes(1)[0], dtype.array)
        self.library.call("nw_result", session, function, output, Tensors([result], [dtype]).table)
        return result


def _key(arrays: Sequence[Array]) -> tuple[tuple[int, ...], ...]:
    return tuple([a.shape for a in arrays])


def _destroy(library: Library, sessions: list[int], state: int | None) -> None:
    for s in sessions:
        library.dll.nw_session_destroy(s)
    if state is not None:
        library.dll.nw_state_destroy(state)


class Function:
    """One function of a model: its inputs and outputs, and how it is called."""

    def __init__(self, engine: Engine, index: int, row: Mapping[str, Any]) -> None:
        self._engine = engine
        self._index = index
        self._row = row
        self.name: str = row["name"]
        self.inputs = tuple(_spec(r) for r in row["inputs"])
        self.outputs = tuple(_spec(r) for r in row["outputs"])
        self._in_names = [s.name for s in self.inputs]
        self._out_names = [s.name for s in self.outputs]
        self._plans: dict[Any, Plan] = {}
        self._shapes: dict[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]] = {}

    def apart(self) -> tuple[Function, Engine]:
        """The same function with a session that only it uses, for those who watch one."""
        engine = self._engine.apart()
        return Function(engine, self._index, self._row), engine

    def __call__(self, *args: Any) -> Array | dict[str, Array]:
        """Results for inputs in order: an array, or a dict by name when there are several."""
        try:
            plan = self._plans.get(args[0].shape if len(args) == 1 else tuple([a.shape for a in args]))
        except AttributeError:  # not an array
            plan = None
        if plan is not None and (ready := plan.call(args)) is not None:
            return ready[0] if len(ready) == 1 else self._named(ready)
        if len(args) != len(self.inputs):
            names = ", ".join(s.name for s in self.inputs)
            raise InputError(f"{self.name} takes {len(self.inputs)} inputs ({names}), received {len(args)}")
        arrays = [input_array(s, a) for s, a in zip(self.inputs, args, strict=True)]
        results = self._call(arrays, {})
        self._remember(arrays, results)
        return self._named(results)

    def _named(self, results: list[Array]) -> Array | dict[str, Array]:
        if len(results) == 1:
            return results[0]
        return {s.name: r for s, r in zip(self.outputs, results, strict=True)}

    def _remember(self, arrays: list[Array], results: list[Array]) -> None:
        """Keeps what the next call with these sizes needs; not where the call computes sizes."""
        if POINTER_OFFSET is None or any(-1 in s for s in self._shapes.get(_key(arrays), ((-1,),))):
            return
        if len(self._plans) >= _KNOWN_SIZES:
            self._plans.clear()
        key = arrays[0].shape if len(arrays) == 1 else _key(arrays)
        known = self._plans.get(key)
        if known is not None and known.dtypes == [a.dtype for a in arrays]:
            return
        self._plans[key] = Plan(self._engine, self._index, self.inputs, arrays, self.outputs, results)

    def run(
        self,
        inputs: Mapping[str, Any],
        outputs: Sequence[str] | None = None,
        out: Mapping[str, Array] | None = None,
    ) -> dict[str, Array]:
        """Results by name. `outputs` chooses some of them; `out` gives arrays to write into."""
        wanted = [(n, _find(self.outputs, n, "output")) for n in outputs] if outputs else None
        ready = self._ready(inputs, out)
        if ready is not None:
            return self._chosen(ready, wanted)
        given: dict[int, Array] = {}
        for name, value in inputs.items():
            i = _find(self.inputs, name, "input")
            given[i] = input_array(self.inputs[i], value)
        missing = [s.name for i, s in enumerate(self.inputs) if i not in given]
        if missing:
            raise InputError(f"inputs without a value: {', '.join(map(repr, missing))}")
        places: dict[int, Array] = {}
        for name, array in (out or {}).items():
            i = _find(self.outputs, name, "output")
            places[i] = output_array(self.outputs[i], array)
        arrays = [given[i] for i in range(len(self.inputs))]
        results = self._call(arrays, places)
        # An array of another type with the same bits may have been given for a result.
        if all(r.dtype == s.dtype.array for r, s in zip(results, self.outputs, strict=True)):
            self._remember(arrays, results)
        return self._chosen(results, wanted)

    def _chosen(self, results: list[Array], wanted: Sequence[tuple[str, int]] | None) -> dict[str, Array]:
        """Results by the names they were asked for; all of them where none were."""
        if wanted is None:
            return dict(zip(self._out_names, results, strict=True))
        return {n: results[i] for n, i in wanted}

    def _ready(self, inputs: Mapping[str, Any], out: Mapping[str, Array] | None) -> list[Array] | None:
        """All results of a call that has been made before with these sizes, when the arrays are such that
        nothing has to be done to them; None for every other call."""
        if not self._plans or len(inputs) != len(self._in_names):
            return None
        try:
            args = [inputs[name] for name in self._in_names]
            plan = self._plans[args[0].shape if len(args) == 1 else tuple([a.shape for a in args])]
        except (KeyError, AttributeError, TypeError):  # other names, other sizes, no arrays
            return None
        if not out:
            return plan.call(args)
        places = [out.get(name) for name in self._out_names]
        # A name that is missed here may be a wrong one, or another spelling.
        if sum(a is not None for a in places) != len(out) or not plan.takes(places):
            return None
        return plan.call(args, places)

    def _call(self, arrays: list[Array], places: Mapping[int, Array]) -> list[Array]:
        ins = Tensors(arrays, [code_of(a, s.dtype) for a, s in zip(arrays, self.inputs, strict=True)])
        shapes = self._output_shapes(ins)
        late = [i for i, shape in enumerate(shapes) if -1 in shape]
        for i in late:
            if i in places:
                raise InputError(
                    f"output {self.outputs[i].name!r}: its sizes are known only after the call, "
                    "so that no array can be given for it"
                )
        results: list[Array] = [
            places[i] if i in places else np.empty([max(d, 0) for d in shape], s.dtype.array)
            for i, (s, shape) in enumerate(zip(self.outputs, shapes, strict=True))
        ]
        outs = Tensors(results, [code_of(r, s.dtype) for r, s in zip(results, self.outputs, strict=True)])
        for i in late:
            outs.table[i].data = None
        for i, array in zip(late, self._engine.run(self._index, ins, outs, late), strict=True):
            results[i] = array
        return results

    def _output_shapes(self, ins: Tensors) -> tuple[tuple[int, ...], ...]:
        key = _key(ins.arrays)
        found = self._shapes.get(key)
        if found is None:
            count = len(self.outputs)
            outs = Tensors.blank(count)
            self._engine.library.call("nw_infer", self._index, ins.table, len(ins.arrays), outs.table, count)
            found = outs.shapes(count)
            if len(self._shapes) >= _KNOWN_SIZES:
                self._shapes.clear()
            self._shapes[key] = found
        return found


class Model:
    """A loaded library. May be called from several Python threads at once: each call has its own session.

    `inputs` and `outputs` describe the first function; `functions` holds all by name.
    """

    def __init__(self, library: Library, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise InputError(f"expected at least 1 thread, received {threads}")
        self._engine = Engine(library, threads or 0)
        rows = library.manifest["functions"]
        self.functions = {r["name"]: Function(self._engine, i, r) for i, r in enumerate(rows)}
        self._first = next(iter(self.functions.values()))
        self.inputs, self.outputs = self._first.inputs, self._first.outputs

    @property
    def manifest(self) -> dict[str, Any]:
        """What the library says of itself."""
        return self._engine.library.manifest

    @property
    def path(self) -> str:
        return self._engine.library.path

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
        spec = self._variable(name)
        array: Array = np.empty([d or 0 for d in spec.shape], spec.dtype.array)
        tensor = Tensors([array], [spec.dtype])
        self._engine.library.call("nw_state_get", self._engine.state, name.encode(), tensor.table)
        return array

    def set_variable(self, name: str, value: Any) -> None:
        """Gives a variable a new value of its own shape and dtype."""
        spec = self._variable(name)
        array = input_array(spec, value, "variable")
        tensor = Tensors([array], [code_of(array, spec.dtype)])
        self._engine.library.call("nw_state_set", self._engine.state, name.encode(), tensor.table)

    def save_state(self, path: str | os.PathLike[str]) -> None:
        """Writes all variables into a safetensors file, which appears whole or not at all."""
        self._engine.library.call("nw_state_save", self._engine.state, os.fsencode(path))

    def restore_state(self, path: str | os.PathLike[str]) -> None:
        """Takes all variables from a file that `save_state` wrote for the same library; InputError for another."""
        self._engine.library.call("nw_state_restore", self._engine.state, os.fsencode(path))

    def trainer(self) -> Trainer:
        """Training with this library; ArtifactError when it was compiled for inference alone."""
        from .train import Trainer

        return Trainer(self)

    def _variable(self, name: str) -> TensorSpec:
        if name not in self.variables:
            known = ", ".join(self.variables) or "none"
            raise InputError(f"there is no variable named {name!r}; variables: {known}")
        return self.variables[name]

    def __repr__(self) -> str:
        ins, outs = (", ".join(map(str, specs)) for specs in (self.inputs, self.outputs))
        return f"<Model {os.path.basename(self.path)}: {ins} -> {outs}>"


def load(path: str | os.PathLike[str], threads: int | None = None) -> Model:
    """Loads a compiled library; needs numpy alone.

    `threads`: how many threads a call may use (default: NETWRIGHT_THREADS, or what the process may use).
    Raises ArtifactError when the file is no compiled model, or made for another CPU.
    """
    return Model(Library(path), threads)
