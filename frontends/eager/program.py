"""Compiled functions of nodes: a library in this process, its variables in the caller's memory."""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...compiler.cache import Cache
from ...compiler.driver import compile_module
from ...compiler.ir.attributes import Array
from ...compiler.ir.core import Op
from ...compiler.options import CompileOptions
from ...runtime.buffers import Tensors
from ...runtime.frames import POINTER_OFFSET, ReadyFrame
from ...runtime.library import Library, raise_status
from ...runtime.spec import DType, dtype_of
from .storage import Storage

#: states and frames that a program keeps for different sets of variables
_KEPT = 16


def load_module(module: Op, name: str, options: CompileOptions | None = None) -> Library:
    """Compiles a module, which is consumed, into a library of this process, or finds it in the user's cache: a program
    that runs again does not compile again."""
    options = options or CompileOptions(verify_ir=False)
    with tempfile.TemporaryDirectory(prefix="netwright-") as folder:
        path = os.path.join(folder, "function.so")
        compile_module(module, path, options, name=name, cache=Cache.of_user())
        return Library(path)


class _Session:
    """A session of a library, which ends with the last call that uses it."""

    def __init__(self, library: Library) -> None:
        self.handle = library.create_session(0)  # as many threads as the process may use
        weakref.finalize(self, library.dll.nw_session_destroy, self.handle)


class Call:
    """A function of a library on arrays of fixed sizes and on variables' storages: everything stands ready. Calls from
    several Python threads wait for each other."""

    def __init__(
        self, library: Library, function: int, session: _Session, storages: Sequence[Storage]
    ) -> None:
        row = library.manifest["functions"][function]
        self._run, self._library, self._storages = library.run_frame, library, storages
        self._session, self._lock = session, threading.Lock()
        state = library.attach_state([s.address for s in storages]) if storages else None
        if state is not None:
            weakref.finalize(self, library.dll.nw_state_destroy, state)
        ins, outs = _examples(row["inputs"]), _examples(row["outputs"])
        self._frame = ReadyFrame(session.handle, function, state, ins, outs)
        self._address = self._frame.address
        self._outs = [(a.shape, a.dtype) for a in outs.arrays]

    def __call__(self, arrays: Sequence[Array]) -> list[Array]:
        """New arrays with the results. The arrays must be dense and of the function's types."""
        frame = self._frame
        results = [np.empty(shape, dtype) for shape, dtype in self._outs]
        with self._lock:
            at = frame.in_at
            for i, a in enumerate(arrays):
                at[i] = id(a) + _OFFSET
            at = frame.out_at
            for i, a in enumerate(results):
                at[i] = id(a) + _OFFSET
            if status := self._run(self._address):
                raise_status(status, frame.error.value.decode("utf-8", "replace"))
        return results


_OFFSET = POINTER_OFFSET or 0


def _examples(rows: Sequence[dict[str, Any]]) -> Tensors:
    arrays = [np.empty(tuple(r["shape"]), dtype_of(r["dtype"]).numpy) for r in rows]
    codes: list[DType] = [dtype_of(r["dtype"]) for r in rows]
    return Tensors(arrays, codes)


class Program:
    """A compiled function of static sizes, for any variables of the right types."""

    def __init__(self, library: Library, function: int = 0) -> None:
        self.library, self.function = library, function
        self._calls: OrderedDict[tuple[int, ...], Call] = OrderedDict()
        self._session = _Session(library)

    def on(self, storages: Sequence[Storage]) -> Call:
        """The function on these variables."""
        key = tuple([s.number for s in storages])
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = Call(self.library, self.function, self._session, storages)
            if len(self._calls) > _KEPT:
                self._calls.popitem(last=False)
        else:
            self._calls.move_to_end(key)
        return call
