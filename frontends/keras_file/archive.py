"""`.keras` archives: a zip of metadata, a configuration and a file of weights."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ...runtime.errors import Error, FormatError, UnsupportedError
from . import json_text

METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
_ERRORS = (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError,
           zlib.error, struct.error, MemoryError, LookupError)  # fmt: skip
#: what a compressed member may be of: so many bytes, and so many times what is stored
_FREE, _TIMES = 64 << 20, 100


@dataclass
class Archive:
    """What is in a `.keras` file. `weights`: an open binary file of `weights_size` bytes."""

    where: str
    config: dict[str, Any]
    metadata: dict[str, Any]
    weights: Any
    weights_size: int


@contextmanager
def reading(source: Any, where: str) -> Iterator[Archive]:
    """A `.keras` file: a path, bytes, or an open binary file.

    Raises FormatError for damage, UnsupportedError for weights in another format than HDF5.
    """
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file, _opened(file, where) as archive:
            yield _parts(archive, file, where)
        return
    held = io.BytesIO(source) if isinstance(source, (bytes, bytearray, memoryview)) else source
    with _opened(held, where) as archive:
        yield _parts(archive, held, where)


def _opened(file: Any, where: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except _ERRORS as e:
        raise FormatError(f"{where}: expected a .keras file, which is a zip archive: {e}") from None


def _parts(archive: zipfile.ZipFile, file: Any, where: str) -> Archive:
    names = archive.namelist()
    if CONFIG not in names:
        raise FormatError(f"{where}: expected {CONFIG} in a .keras file, found none")
    config = json_text.parsed(_whole(archive, CONFIG, where, json_text.MOST_BYTES), f"{where}: {CONFIG}")
    metadata: dict[str, Any] = {}
    if METADATA in names:
        metadata = json_text.parsed(_whole(archive, METADATA, where, 1 << 20), f"{where}: {METADATA}")
    if WEIGHTS not in names:
        if "model.weights.npz" in names:
            raise UnsupportedError(
                f"{where}: expected weights in HDF5, found model.weights.npz: save the model anew"
            )
        raise FormatError(f"{where}: expected {WEIGHTS} in a .keras file, found none")
    weights, size = _member(archive, file, where)
    return Archive(where, config, metadata, weights, size)


def _whole(archive: zipfile.ZipFile, name: str, where: str, most: int) -> bytes:
    """A member's bytes, no more than are allowed, whatever the archive claims."""
    try:
        info = archive.getinfo(name)
        if info.file_size > most:
            raise FormatError(
                f"{where}: {name}: expected at most {most} bytes, found a claim of {info.file_size}"
            )
        with archive.open(info) as member:
            data = member.read(most + 1)
    except Error:
        raise
    except _ERRORS as e:
        raise FormatError(f"{where}: {name} cannot be read: {e}") from None
    if len(data) > most:
        raise FormatError(f"{where}: {name}: expected at most {most} bytes, found more")
    return data


def _member(archive: zipfile.ZipFile, file: Any, where: str) -> tuple[Any, int]:
    """The weights as a file: where they lie if they are stored as they are, else unpacked."""
    info = archive.getinfo(WEIGHTS)
    if (
        info.compress_type == zipfile.ZIP_STORED
        and not info.flag_bits & 1
        and info.compress_size == info.file_size
    ):
        try:
            file.seek(info.header_offset)
            header = file.read(30)
            start = info.header_offset + 30 + sum(struct.unpack("<HH", header[26:30]))
            end = file.seek(0, os.SEEK_END)
        except _ERRORS as e:
            raise FormatError(f"{where}: {WEIGHTS} cannot be read: {e}") from None
        if header[:4] != b"PK\3\4" or start + info.file_size > end:
            raise FormatError(
                f"{where}: expected {info.file_size} bytes of {WEIGHTS}, found {max(0, end - start)}"
            )
        return Window(file, start, info.file_size), info.file_size
    data = _whole(archive, WEIGHTS, where, _FREE + _TIMES * info.compress_size)
    return io.BytesIO(data), len(data)


class Window(io.RawIOBase):
    """A part of a file as a file of its own, for reading."""

    def __init__(self, file: Any, start: int, size: int) -> None:
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        count = max(0, min(len(view), self._size - self._at))
        self._file.seek(self._start + self._at)
        data = self._file.read(count)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)


def write(target: Any, config: str, metadata: str, weights: bytes | memoryview) -> None:
    """A `.keras` file, at a path or in an open binary file."""
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(METADATA, metadata)
        archive.writestr(CONFIG, config)
        with archive.open(WEIGHTS, "w", force_zip64=True) as member:
            member.write(weights)
