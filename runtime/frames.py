"""Calls that have been made before with the same sizes: all that a call needs stands ready in a frame.

Building tensors anew for every call takes longer than a small model. A frame is a struct that the library reads;
of the arrays it only needs to know where their data pointers are kept.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

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


class ReadyFrame:
    """A frame with tensors of fixed sizes."""

    __slots__ = ("_kept", "address", "error", "in_at", "out_at", "raw")

    def __init__(self, function: int, state: int | None, ins: Tensors, outs: Tensors) -> None:
        self.error = ctypes.create_string_buffer(ERROR_BYTES)
        self.in_at = (ctypes.c_void_p * max(len(ins.arrays), 1))()
        self.out_at = (ctypes.c_void_p * max(len(outs.arrays), 1))()
        self.raw = Frame(
            None, state, ctypes.addressof(ins.table), ctypes.addressof(outs.table),
            ctypes.addressof(self.in_at), ctypes.addressof(self.out_at), ctypes.addressof(self.error),
            ERROR_BYTES, function, len(ins.arrays), len(outs.arrays),
        )  # fmt: skip
        self.address = ctypes.addressof(self.raw)
        self._kept = (ins.table, ins.dims, outs.table, outs.dims)


class Plan:
    """Frames for one combination of input sizes; each is used by one call at a time."""

    __slots__ = ("_example", "_function", "_state", "dtypes", "idle", "library", "out_dtypes", "out_shapes")

    def __init__(
        self, library: Library, state: int | None, function: int,
        inputs: Sequence[TensorSpec], arrays: Sequence[Array],
        outputs: Sequence[TensorSpec], results: Sequence[Array],
    ) -> None:  # fmt: skip
        self.library, self._state, self._function = library, state, function
        self.dtypes = [a.dtype for a in arrays]
        self.out_shapes = [r.shape for r in results]
        self.out_dtypes = [r.dtype for r in results]
        self._example = (
            [np.empty(a.shape, a.dtype) for a in arrays],
            [code_of(a, s.dtype) for a, s in zip(arrays, inputs, strict=True)],
            [np.empty(r.shape, r.dtype) for r in results],
            [code_of(r, s.dtype) for r, s in zip(results, outputs, strict=True)],
        )
        self.idle: list[ReadyFrame] = []

    def fits(self, args: Sequence[Any]) -> bool:
        """Whether arguments of the plan's sizes can be passed as they are."""
        for a, d in zip(args, self.dtypes, strict=True):
            if type(a) is not np.ndarray or a.dtype is not d or not a.flags.c_contiguous:
                return False
        return True

    def frame(self) -> ReadyFrame:
        try:
            return self.idle.pop()
        except IndexError:
            arrays, codes, results, out_codes = self._example
            return ReadyFrame(
                self._function, self._state, Tensors(arrays, codes), Tensors(results, out_codes)
            )

    def run(self, session: int, args: Sequence[Array]) -> list[Array]:
        """New results for arguments that fit."""
        frame = self.frame()
        results: list[Array] = list(map(np.empty, self.out_shapes, self.out_dtypes))
        offset = POINTER_OFFSET or 0
        frame.raw.session = session
        in_at, out_at = frame.in_at, frame.out_at
        for i, a in enumerate(args):
            in_at[i] = id(a) + offset
        for i, r in enumerate(results):
            out_at[i] = id(r) + offset
        status = self.library.run_frame(frame.address)
        sentence = frame.error.value if status else b""
        self.idle.append(frame)
        if status:
            raise_status(status, sentence.decode("utf-8", "replace"))
        return results
