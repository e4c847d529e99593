"""Calls that have been made before with the same sizes: all that a call needs stands ready in a frame.

Building tensors anew for every call takes longer than a small model. A frame is a struct that the library reads;
of the arrays it only needs to know where their data pointers are kept.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from .abi import ERROR_BYTES, Frame
from .buffers import Array, Tensors, code_of
from .library import Library, raise_status
from .spec import TensorSpec


def _pointer_offset() -> int | None:
    """Where an ndarray object keeps its data pointer: numpy's C API has it first, behind Python's own head.
    None in an interpreter where that is not so."""
    probe = np.zeros(1)
    offset: int = object.__basicsize__
    kept = ctypes.c_void_p.from_address(id(probe) + offset).value
    return offset if kept == probe.ctypes.data else None


POINTER_OFFSET = _pointer_offset()
_OFFSET = POINTER_OFFSET or 0


class ReadyFrame:
    """A frame of a session with tensors of fixed sizes."""

    __slots__ = ("_kept", "address", "error", "in_at", "out_at")

    def __init__(self, session: int, function: int, state: int | None, ins: Tensors, outs: Tensors) -> None:
        self.error = ctypes.create_string_buffer(ERROR_BYTES)
        self.in_at = (ctypes.c_void_p * max(len(ins.arrays), 1))()
        self.out_at = (ctypes.c_void_p * max(len(outs.arrays), 1))()
        raw = Frame(
            session, state, ctypes.addressof(ins.table), ctypes.addressof(outs.table),
            ctypes.addressof(self.in_at), ctypes.addressof(self.out_at), ctypes.addressof(self.error),
            ERROR_BYTES, function, len(ins.arrays), len(outs.arrays),
        )  # fmt: skip
        self.address = ctypes.addressof(raw)
        self._kept = (raw, ins.table, ins.dims, outs.table, outs.dims)


class Sessions(Protocol):
    """Where a call takes its session from, and puts it back."""

    library: Library
    state: int | None
    idle: list[int]

    def new_session(self) -> int: ...


class Plan:
    """Frames for one combination of input sizes: one for each session, which runs one call at a time."""

    __slots__ = (
        "_engine", "_example", "_frames", "_function", "_run_frame", "_single", "dtypes", "out_dtypes", "out_shapes"
    )  # fmt: skip

    def __init__(
        self, engine: Sessions, function: int,
        inputs: Sequence[TensorSpec], arrays: Sequence[Array],
        outputs: Sequence[TensorSpec], results: Sequence[Array],
    ) -> None:  # fmt: skip
        self._engine, self._function, self._run_frame = engine, function, engine.library.run_frame
        self.dtypes = [a.dtype for a in arrays]
        self.out_shapes = [r.shape for r in results]
        self.out_dtypes = [r.dtype for r in results]
        self._single = len(results) == 1
        self._example = (
            [np.empty(a.shape, a.dtype) for a in arrays],
            [code_of(a, s.dtype) for a, s in zip(arrays, inputs, strict=True)],
            [np.empty(r.shape, r.dtype) for r in results],
            [code_of(r, s.dtype) for r, s in zip(results, outputs, strict=True)],
        )
        self._frames: dict[int, ReadyFrame] = {}

    def takes(self, places: Sequence[Any]) -> bool:
        """Whether results can be written into these arrays as they are; None stands for a new one."""
        for i, a in enumerate(places):
            if a is None:
                continue
            if (
                type(a) is not np.ndarray
                or a.dtype is not self.out_dtypes[i]
                or a.shape != self.out_shapes[i]
            ):
                return False
            flags = a.flags
            if not (flags.c_contiguous and flags.writeable):
                return False
        return True

    def _new_frame(self, session: int) -> ReadyFrame:
        arrays, codes, results, out_codes = self._example
        ins, outs = Tensors(arrays, codes), Tensors(results, out_codes)
        frame = self._frames[session] = ReadyFrame(session, self._function, self._engine.state, ins, outs)
        return frame

    def _empty(self, i: int) -> Array:
        return np.empty(self.out_shapes[i], self.out_dtypes[i])

    def call(self, args: Sequence[Any], places: Sequence[Array | None] | None = None) -> list[Array] | None:
        """Results for arguments of the plan's sizes, in new arrays, or in those `places` that are given.

        None when the arguments cannot be passed as they are. In one piece, since a small model takes less
        time than calls of Python's would.
        """
        idle = self._engine.idle
        try:
            session = idle.pop()
        except IndexError:
            session = self._engine.new_session()
        try:
            frame = self._frames.get(session) or self._new_frame(session)
            at, dtypes = frame.in_at, self.dtypes
            for i, a in enumerate(args):
                if type(a) is not np.ndarray or a.dtype is not dtypes[i] or not a.flags.c_contiguous:
                    return None
                at[i] = id(a) + _OFFSET
            results: list[Array]
            if places is not None:
                results = [self._empty(i) if a is None else a for i, a in enumerate(places)]
            elif self._single:
                results = [np.empty(self.out_shapes[0], self.out_dtypes[0])]
            else:
                results = [self._empty(i) for i in range(len(self.out_shapes))]
            at = frame.out_at
            for i, a in enumerate(results):
                at[i] = id(a) + _OFFSET
            if status := self._run_frame(frame.address):
                raise_status(status, frame.error.value.decode("utf-8", "replace"))
            return results
        finally:
            idle.append(session)
