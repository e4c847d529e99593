"""Reads the manifest of a compiled library from the file, without loading the library."""

from __future__ import annotations

import json
import os
import stat
import struct
from typing import Any, BinaryIO, cast

from .errors import ArtifactError

SECTION = ".netwright"

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_ROW = struct.Struct("<IIQQQQIIQQ")
_SHARED, _NOBITS = 3, 8
# Far above any real manifest; keeps a hostile file from filling the memory.
_LARGEST = 256 << 20
_TENSOR: dict[str, Any] = {"name": str, "dtype": str, "shape": [(int, str)]}
#: what a manifest holds at least: types, lists of something, dictionaries
_FORM: dict[str, Any] = {
    "functions": [{"name": str, "arena": (int, str), "inputs": [_TENSOR], "outputs": [_TENSOR]}],
    "variables": [_TENSOR],
    "target": {"name": str, "triple": str},
    "model": str,
    "netwright": str,
    "pipeline": str,
    "weights_bytes": int,
}


def read_manifest(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a compiled library's manifest, which lie in its section `.netwright`.

    Reads a few kilobytes, whatever the size of the file. ArtifactError says what is wrong with another file.
    """
    name = os.fspath(path)
    try:
        # Before opening: to open a pipe would wait for its other end.
        if not stat.S_ISREG(os.stat(name).st_mode):
            raise ArtifactError(
                f"expected a compiled library, received {name!r}, which is not a regular file"
            )
        with open(name, "rb") as file:
            return _File(file, name).manifest()
    except (OSError, ValueError) as err:
        reason = err.strerror if isinstance(err, OSError) else err
        raise ArtifactError(f"cannot read the compiled library {name!r}: {reason or err}") from err


def manifest_of(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a compiled library says of itself. ArtifactError says what is wrong with another file."""
    try:
        found: Any = json.loads(read_manifest(path).rstrip(b"\0"))
    except (ValueError, RecursionError) as e:
        raise ArtifactError(f"the manifest of {os.fspath(path)!r} is damaged: {e}") from e
    manifest = cast("dict[str, Any]", found if isinstance(found, dict) else {})
    missing = sorted(_FORM.keys() - manifest.keys())
    if missing:
        raise ArtifactError(f"the manifest of {os.fspath(path)!r} is damaged: it lacks {', '.join(missing)}")
    wrong = next((key for key, form in _FORM.items() if not _fits(manifest[key], form)), None)
    if wrong is not None:
        raise ArtifactError(
            f"the manifest of {os.fspath(path)!r} is damaged: its {wrong} are not what they should be"
        )
    return manifest


def _fits(value: Any, form: Any) -> bool:
    """Whether a value of the manifest has this form."""
    if isinstance(form, list):
        inner = cast("list[Any]", form)[0]
        return isinstance(value, list) and all(_fits(v, inner) for v in cast("list[Any]", value))
    if isinstance(form, dict):
        rows = cast("dict[str, Any]", form)
        return isinstance(value, dict) and all(
            key in value and _fits(value[key], f) for key, f in rows.items()
        )
    return isinstance(value, form) and not isinstance(value, bool)


class _File:
    """An open ELF file, every read of which is checked against its size."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.file = file
        self.name = name
        self.size = os.fstat(file.fileno()).st_size

    def manifest(self) -> bytes:
        """The contents of the manifest's section."""
        rows, names_offset, names_size = self.section_table()
        self.check_whole(rows)
        wanted = SECTION.encode() + b"\0"
        for row in rows:
            label, kind, _, _, offset, size, *_ = row
            if label + len(wanted) > names_size:
                continue
            if self.read(names_offset + label, len(wanted), "the section names") != wanted:
                continue
            if kind == _NOBITS or size > _LARGEST:
                raise ArtifactError(
                    f"expected a manifest of at most {_LARGEST} bytes in section {SECTION} of {self.name!r}, "
                    f"received {size} bytes{' without contents' if kind == _NOBITS else ''}"
                )
            return self.read(offset, size, "the manifest")
        raise ArtifactError(
            f"expected a library compiled by netwright, received {self.name!r}, "
            f"which has no section {SECTION}"
        )

    def check_whole(self, rows: list[tuple[int, ...]]) -> None:
        """Weights are mapped, not read: where the file ends before them, the process would be killed."""
        end = max(offset + size for _, kind, _, _, offset, size, *_ in rows if kind != _NOBITS)
        if end > self.size:
            raise ArtifactError(
                f"{self.name!r} is truncated: expected {end} bytes, but the file has {self.size} bytes"
            )

    def section_table(self) -> tuple[list[tuple[int, ...]], int, int]:
        """The raw section headers, and offset and size of the section names."""
        magic = self.read(0, 7, "the header") if self.size >= 7 else b""
        if magic[:4] != b"\x7fELF":
            raise ArtifactError(
                f"expected a compiled library (an ELF file), received {self.name!r}, which is "
                f"{'empty' if not self.size else 'no ELF file'}"
            )
        if magic[4:] != b"\x02\x01\x01":
            raise ArtifactError(
                f"expected a 64-bit little-endian library, received {self.name!r} of ELF class {magic[4]} "
                f"and byte order {magic[5]}"
            )
        header: tuple[int, ...] = _HEADER.unpack(self.read(0, _HEADER.size, "the header"))
        kind, offset, row_size, count, names = (header[i] for i in (1, 6, 11, 12, 13))
        if kind != _SHARED or not count:
            raise ArtifactError(
                f"expected a library compiled by netwright, received {self.name!r}, which is "
                f"{'stripped of its section table' if kind == _SHARED else 'no shared library'}"
            )
        if row_size != _ROW.size or names >= count:
            raise ArtifactError(
                f"the section table of {self.name!r} is inconsistent: {count} rows of {row_size} bytes, "
                f"names in section {names}"
            )
        rows: list[tuple[int, ...]] = list(
            _ROW.iter_unpack(self.read(offset, count * _ROW.size, "the section table"))
        )
        return rows, rows[names][4], rows[names][5]

    def read(self, offset: int, size: int, what: str) -> bytes:
        """`size` bytes at `offset`; an ArtifactError names `what` where the file ends before."""
        if offset + size <= self.size:
            self.file.seek(offset)
            data = self.file.read(size)
            if len(data) == size:
                return data
        raise ArtifactError(
            f"{self.name!r} is truncated or damaged: {what} should be {size} bytes at offset {offset}, "
            f"but the file has {self.size} bytes"
        )
