"""A compiled library in this process: loaded, checked, its functions bound."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any

from .abi import ABI_VERSION, ERROR_BYTES, STATUSES, Tensor
from .artifact import manifest_of
from .errors import (
    ArtifactError,
    BusyError,
    DTypeError,
    Error,
    ExecutionError,
    InputError,
    ShapeError,
)

_P, _I32, _I64, _SIZE = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64, ctypes.c_size_t
_TENSORS = ctypes.POINTER(Tensor)
_ERR = [ctypes.c_char_p, _SIZE]

#: (result, arguments) of the exported functions
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "nw_abi_version": (_I32, []),
    "nw_session_create": (_I32, [_I32, ctypes.POINTER(_P), *_ERR]),
    "nw_session_destroy": (None, [_P]),
    "nw_state_create": (_I32, [ctypes.POINTER(_P), *_ERR]),
    "nw_state_attach": (_I32, [ctypes.POINTER(_P), _P, _I32, *_ERR]),
    "nw_state_destroy": (None, [_P]),
    "nw_state_copy": (_I32, [_P, _P, *_ERR]),
    "nw_state_save": (_I32, [_P, ctypes.c_char_p, *_ERR]),
    "nw_state_restore": (_I32, [_P, ctypes.c_char_p, *_ERR]),
    "nw_state_get": (_I32, [_P, ctypes.c_char_p, _TENSORS, *_ERR]),
    "nw_state_set": (_I32, [_P, ctypes.c_char_p, _TENSORS, *_ERR]),
    "nw_run": (_I32, [_P, _P, _I32, _TENSORS, _I32, _TENSORS, _I32, *_ERR]),
    "nw_call": (_I32, [_P]),
    "nw_log": (None, [_P, _P]),
    "nw_result": (_I32, [_P, _I32, _I32, _TENSORS, *_ERR]),
    "nw_infer": (_I32, [_I32, _TENSORS, _I32, _TENSORS, _I32, *_ERR]),
}

_KINDS: dict[str, type[Error]] = {
    "SHAPE": ShapeError,
    "DTYPE": DTypeError,
    "NULL": InputError,
    "OVERLAP": InputError,
    "FILE": InputError,
    "CPU": ArtifactError,
    "VERSION": ArtifactError,
}


def raise_status(code: int, sentence: str) -> None:
    """The exception of a status; nothing for OK."""
    if code == 0:
        return
    name = STATUSES[code] if 0 < code < len(STATUSES) else str(code)
    kind = _KINDS.get(name)
    if kind is not None:
        raise kind(sentence)
    raise (BusyError if name == "BUSY" else ExecutionError)(sentence, name)


def check_machine(path: str, triple: str) -> None:
    """Raises ArtifactError for a library of another kind of machine or system, of which the system's loader
    only says that it cannot read it. What the processor has is checked by the library itself."""
    kind, _, rest = triple.partition("-")
    here = {"amd64": "x86_64", "arm64": "aarch64"}.get(os.uname().machine.lower(), os.uname().machine)
    if kind != here or sys.platform not in rest:
        raise ArtifactError(
            f"{path!r} was compiled for {triple}, but this machine is {here} with {sys.platform}: "
            "compile the model for it"
        )


#: for each path the files (device, inode) that were loaded from there, in order; they stay loaded, so that no other
#: file gets their numbers
_loaded: dict[str, list[tuple[int, int]]] = {}
_loading = threading.Lock()


def name_to_load(path: str) -> str:
    """The path in a spelling that no other file was loaded by.

    The system's loader takes a library for loaded when it knows the name, even if another file stands there by now:
    the model was compiled again.
    """
    found = os.stat(path)
    here = (found.st_dev, found.st_ino)
    with _loading:
        known = _loaded.setdefault(path, [])
        if here not in known:
            known.append(here)
        folder, name = os.path.split(path)
        return os.path.join(folder, *["."] * known.index(here), name)


class Library:
    """Functions of a compiled library. Calls release the GIL."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: str = os.path.abspath(os.fspath(path))
        self.manifest: dict[str, Any] = manifest_of(self.path)
        check_machine(self.path, self.manifest["target"]["triple"])
        try:
            self.dll = ctypes.CDLL(name_to_load(self.path))
            for name, (result, arguments) in _SIGNATURES.items():
                function = getattr(self.dll, name)
                function.restype, function.argtypes = result, arguments
        except (OSError, AttributeError) as e:
            raise ArtifactError(f"cannot load the compiled library {self.path!r}: {e}") from e
        self.run_frame = self.dll.nw_call
        version = int(self.dll.nw_abi_version())
        if version != ABI_VERSION:
            raise ArtifactError(
                f"{self.path!r} has interface version {version}, this netwright reads {ABI_VERSION}: "
                "compile the model again"
            )

    def call(self, name: str, *args: Any) -> None:
        """Calls a function that returns a status; raises what it says."""
        err = ctypes.create_string_buffer(ERROR_BYTES)
        raise_status(getattr(self.dll, name)(*args, err, ERROR_BYTES), err.value.decode("utf-8", "replace"))

    def create_session(self, threads: int) -> int:
        handle = _P()
        try:
            self.call("nw_session_create", threads, ctypes.byref(handle))
        except ArtifactError as e:  # it knows what it needs, but not where it lies
            raise ArtifactError(f"{self.path!r}: {e}") from None
        return int(handle.value or 0)

    def create_state(self) -> int:
        handle = _P()
        self.call("nw_state_create", ctypes.byref(handle))
        return int(handle.value or 0)

    def attach_state(self, places: Sequence[int]) -> int:
        """A state whose variables lie at these addresses, which must be aligned to 64 bytes and outlive it."""
        handle = _P()
        table = (_P * max(len(places), 1))(*places)
        self.call("nw_state_attach", ctypes.byref(handle), table, len(places))
        return int(handle.value or 0)
