"""What a compilation gives: the library, or one that was kept, and what belongs beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..runtime.artifact import manifest_of
from ..runtime.errors import InputError
from .cache import Cache
from .codegen.c_header import c_header
from .options import CompileOptions

if TYPE_CHECKING:
    from .ir.passes import Remark


@dataclass
class Compiled:
    """What a compilation gave: the library's path, its manifest, what passes had to say, and seconds per step.

    A library `from_cache` was compiled before: no pass ran, and there is no LLVM text. `notes` are sentences
    for the user about what did not go as it should, though there is a library.
    """

    path: str
    manifest: dict[str, Any]
    remarks: list[Remark] = field(default_factory=list["Remark"])
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    llvm: str = ""
    from_cache: bool = False
    notes: list[str] = field(default_factory=list[str])


def from_cache(
    cache: Cache, key: str, output: str | os.PathLike[str] | None, options: CompileOptions
) -> Compiled | None:
    """The library kept under `key`, copied to `output`, or where it lies without one; None if there is none."""
    if output is None:
        path = cache.locate(key)
    else:
        path = os.fspath(output) if cache.fetch(key, output) else None
    if path is None:
        return None
    manifest = manifest_of(path)
    if options.header is not None:
        write_header(options.header, manifest)
    return Compiled(path, manifest, from_cache=True, notes=cache.notes)


def write_header(path: str, manifest: dict[str, Any]) -> None:
    """Writes the C header of the library with this manifest."""
    try:
        Path(path).write_text(c_header(manifest), encoding="utf-8")
    except OSError as e:
        raise InputError(f"cannot write the C header {path!r}: {e.strerror}") from e
