"""States in files: safetensors, a length, a JSON header and the arrays behind it.

The format is described at https://github.com/huggingface/safetensors. A compiled library writes and reads it
itself, with the header that `header` makes, so that files of Python and C programs are the same bytes.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from .buffers import Array
from .errors import FormatError, InputError
from .spec import BY_NAME, DType, TensorSpec, dtype_of

_NAMES: dict[str, str] = {
    "f64": "F64", "f32": "F32", "f16": "F16", "bf16": "BF16", "i64": "I64", "i32": "I32", "i16": "I16", "i8": "I8",
    "ui64": "U64", "ui32": "U32", "ui16": "U16", "ui8": "U8", "i1": "BOOL",
}  # fmt: skip
_DTYPES: dict[str, DType] = {v: BY_NAME[k] for k, v in _NAMES.items()}
#: far above any real header; keeps a hostile file from filling the memory
_LARGEST_HEADER = 64 << 20


def header(specs: Sequence[TensorSpec]) -> bytes:
    """What stands in front of arrays of these names, shapes and types, which follow in order without gaps."""
    rows: dict[str, Any] = {}
    at = 0
    for s in specs:
        size = s.dtype.size
        for d in s.shape:
            size *= d or 0
        shape = [d or 0 for d in s.shape]
        rows[s.name] = {"dtype": _NAMES[s.dtype.name], "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(rows, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, Array]) -> None:
    """Writes arrays into a safetensors file, which appears whole or not at all.

    Raises InputError when it cannot be written.
    """
    specs = [TensorSpec(k, a.shape, dtype_of(a.dtype)) for k, a in arrays.items()]
    name = os.fspath(path)
    part = f"{name}.{os.getpid()}.part"
    try:
        with open(part, "wb") as file:
            file.write(header(specs))
            for a in arrays.values():
                file.write(np.ascontiguousarray(a).reshape(-1).view(np.uint8).data if a.size else b"")
        os.replace(part, name)
    except OSError as e:
        raise InputError(f"cannot write the state file {name!r}: {e.strerror}") from e


def read_arrays(path: str | os.PathLike[str]) -> dict[str, Array]:
    """The arrays of a safetensors file by name.

    Raises FormatError for a file that is none or is damaged, InputError for one that cannot be read.
    """
    name = os.fspath(path)
    try:
        with open(name, "rb") as file:
            data = file.read()
    except OSError as e:
        raise InputError(f"cannot read the state file {name!r}: {e.strerror}") from e
    rows, start = _rows(name, data)
    out: dict[str, Array] = {}
    for key, row in rows.items():
        if key != "__metadata__":
            out[key] = _array(name, key, row, memoryview(data)[start:])
    return out


def _rows(name: str, data: bytes) -> tuple[dict[str, Any], int]:
    size = struct.unpack_from("<Q", data)[0] if len(data) >= 8 else -1
    if not 2 <= size <= min(_LARGEST_HEADER, len(data) - 8):
        raise FormatError(f"expected a safetensors file, received {name!r}, whose header is not there")
    try:
        found: Any = json.loads(data[8 : 8 + size])
    except (ValueError, RecursionError) as e:
        raise FormatError(f"the header of {name!r} is damaged: {e}") from e
    if not isinstance(found, dict):
        raise FormatError(
            f"the header of {name!r} is damaged: expected an object, received {type(found).__name__}"
        )
    return cast("dict[str, Any]", found), 8 + size


def _array(name: str, key: str, row: Any, data: memoryview) -> Array:
    wrong = FormatError(f"{name!r} is damaged: tensor {key!r} is {row!r}")
    if not isinstance(row, dict):
        raise wrong
    entry = cast("dict[str, Any]", row)
    dtype = _DTYPES.get(str(entry.get("dtype")))
    shape, place = _sizes(entry.get("shape")), _sizes(entry.get("data_offsets"))
    if dtype is None or shape is None or place is None or len(place) != 2:
        raise wrong
    size = dtype.size
    for d in shape:
        size *= d
    if place[1] - place[0] != size or place[1] > len(data):
        raise wrong
    return np.frombuffer(bytes(data[place[0] : place[1]]), dtype.numpy).reshape(shape).copy()


def _sizes(value: Any) -> list[int] | None:
    """A list of sizes; None for anything else."""
    if not isinstance(value, list):
        return None
    items = cast("list[Any]", value)
    good = all(isinstance(d, int) and not isinstance(d, bool) and 0 <= d < 1 << 48 for d in items)
    return items if good else None
