"""The weights as the linker sees them, and files that appear whole or not at all.

A payload can be larger than memory: its chunks are views of arrays that exist already, written one after
the other, never joined.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias

import numpy as np

from ...runtime.errors import InputError, OptionError

Buffer: TypeAlias = "np.ndarray[Any, Any] | memoryview | bytes | bytearray"

# Written and hashed in one step each: long enough to make the loop free, short enough to stay in cache.
_STEP = 1 << 20


@dataclass(frozen=True)
class Payload:
    """Read-only data for the end of a library: `size` bytes, zero wherever no chunk lies.

    `chunks` are (offset, contiguous buffer) pairs that do not overlap. The object's undefined `symbol`
    becomes the address of the first byte. `digest` identifies the contents in the build id; without it the
    contents are hashed while they are written.
    """

    size: int
    chunks: Sequence[tuple[int, Buffer]] = ()
    symbol: str = "nw_weights"
    digest: bytes | None = None

    def __post_init__(self) -> None:
        if self.size < 0:
            raise InputError(f"expected a payload size of 0 or more bytes, received {self.size}")

    def views(self) -> list[tuple[int, memoryview]]:
        """The chunks in ascending order as bytes, checked to lie inside `size` and beside each other."""
        views = sorted(
            ((offset, as_bytes(chunk)) for offset, chunk in self.chunks), key=lambda chunk: chunk[0]
        )
        ends = [0] + [offset + len(view) for offset, view in views]
        starts = [offset for offset, _ in views] + [self.size]
        for position, (end, start) in enumerate(zip(ends, starts, strict=True)):
            if start < end:
                raise InputError(
                    f"payload chunk {position} must start at byte {end} or later, received {start}"
                    if position < len(views)
                    else f"the payload's chunks end at byte {end}, past its size of {self.size}"
                )
        return views


def as_bytes(buffer: Buffer) -> memoryview:
    """The bytes of a C-contiguous buffer, without a copy."""
    if isinstance(buffer, np.ndarray):
        if not buffer.flags.c_contiguous:
            raise InputError(f"expected C-contiguous payload arrays, received strides {buffer.strides}")
        # Through uint8, because types such as ml_dtypes' bfloat16 have no buffer format.
        return buffer.reshape(-1).view(np.uint8).data.toreadonly()
    view = memoryview(buffer).toreadonly()
    if not view.c_contiguous:
        raise InputError(f"expected contiguous payload buffers, received strides {view.strides}")
    return view.cast("B") if view.nbytes else memoryview(b"")


def write_payload(file: BinaryIO, start: int, payload: Payload) -> bytes:
    """Write the payload at byte `start`, where the file ends so far; returns a digest of its contents.

    Gaps become holes of the file, which read as zeros and take no disk space.
    """
    digest = hashlib.sha256(payload.digest or b"")
    for offset, view in payload.views():
        if payload.digest is None:
            digest.update(offset.to_bytes(8, "little") + len(view).to_bytes(8, "little"))
        file.seek(start + offset)
        for at in range(0, len(view), _STEP):
            step = view[at : at + _STEP]
            file.write(step)
            if payload.digest is None:
                digest.update(step)
    file.truncate(start + payload.size)
    return digest.digest()


@contextmanager
def replacing(output: str | os.PathLike[str], finished: Callable[[str], None] | None = None) -> Iterator[str]:
    """A path in the folder of `output` to write to; it becomes `output` in one step, or vanishes on an error.

    A process that has the old file mapped keeps it, and nobody ever sees half a file. `finished` is called with
    the path when all is written, while nobody else knows the file.
    """
    path = os.path.abspath(os.fspath(output))
    if os.path.exists(path) and not os.path.isfile(path):
        # A device or pipe would be replaced too: as root, even /dev/null.
        raise OptionError(f"cannot write {os.fspath(output)!r}: it exists and is not a regular file")
    temporary = os.path.join(os.path.dirname(path), f".nw-{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        if finished is not None:
            finished(temporary)
        os.replace(temporary, path)
    except OSError as err:
        raise OptionError(f"cannot write {os.fspath(output)!r}: {err.strerror or err}") from err
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)


def create(path: str) -> BinaryIO:
    """A new file for writing with the permissions of a library: executable, as far as the umask allows."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o777), "wb")
