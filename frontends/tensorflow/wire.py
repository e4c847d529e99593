"""A bounds-checked walk over protobuf's wire format, so that large constants are never copied.

protobuf copies every bytes field it parses. Here a file is mapped, its top-level fields are walked, and
a large constant inside a node becomes a pair of offsets into the map; only what remains of the node goes
to protobuf. Nothing here recurses, and nothing is allocated because a length in the file says so.

Positions are offsets into one memoryview. A FormatError raised here says what was expected and found at
which byte; callers put the file and the node before it.
"""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ...runtime.errors import FormatError

VARINT, I64, LEN, I32 = 0, 1, 2, 5
_KINDS = {VARINT: "a varint", I64: "8 bytes", LEN: "a length and bytes", I32: "4 bytes"}

LARGE = 16 * 1024
"""Nodes and constants up to this many bytes are left to protobuf, copies and all."""
MOST_DETAIL = 8 << 20
"""What protobuf may be given of one node. It can need 30 times that, for lists of empty messages."""

_TENSOR, _ATTR, _KEY, _VALUE = 8, 5, 1, 2


@dataclass(slots=True)
class Budget:
    """What reading one file may still cost; a file that claims more is refused, whatever it holds.

    `steps` are microseconds, roughly: one for each field walked and value decoded, more for what takes
    longer. `detail` counts the bytes of names and attributes, which become Python objects; `expand` those
    of arrays that are not views of the file. A million nodes of the usual size are within all three.
    """

    steps: int = 9_000_000
    detail: int = 160 << 20
    expand: int = 256 << 20

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise FormatError("expected at most some ten million fields and values, found more")

    def spend_detail(self, count: int) -> None:
        """Account for `count` bytes about to be parsed into Python objects."""
        if count > MOST_DETAIL:
            raise FormatError(
                f"expected at most {MOST_DETAIL} bytes of names and attributes in one node, found {count}"
            )
        self.steps += count // 16  # long names are no work: a file may have more steps if it is not dense
        self.detail -= count
        if self.detail < 0:
            raise FormatError("expected at most 160 MB of names and attributes, found more")

    def spend_expand(self, count: int) -> None:
        """Account for an array of `count` bytes about to be allocated."""
        self.expand -= count
        if self.expand < 0:
            raise FormatError(f"expected constants in proportion to the file, found {count} bytes more")


@dataclass(frozen=True, slots=True)
class Source:
    """A file being read: its name for messages, its bytes, and what it may still cost."""

    name: str
    view: memoryview
    budget: Budget


def open_source(what: str | os.PathLike[str] | bytes | bytearray | memoryview) -> Source:
    """Map a file, or wrap bytes. The map closes with the last array or view that looks into it."""
    if isinstance(what, (bytes, bytearray, memoryview)):
        name, view = "<bytes>", memoryview(what).toreadonly().cast("B")
    else:
        name = os.fspath(what)
        view = map_file(name)
    if not len(view):
        raise FormatError(f"{name}: expected a TensorFlow graph, found an empty file: write it again")
    # Values written as varints take 8 bytes in memory for 1 in the file; as shorter types, less.
    return Source(name, view, Budget(expand=(256 << 20) + 4 * len(view)))


def map_file(name: str) -> memoryview:
    """The bytes of a file, mapped. FormatError for what is no readable file."""
    try:
        # Not blocking: opening a named pipe would otherwise wait for a writer.
        handle = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise FormatError(f"{name}: expected a file, found a folder or device: name the file itself")
            return memoryview(mmap.mmap(handle, 0, access=mmap.ACCESS_READ) if status.st_size else b"")
        finally:
            os.close(handle)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = getattr(error, "strerror", None) or error
        raise FormatError(f"{name}: expected a readable file, found: {reason}") from None


def varint(view: memoryview, at: int, stop: int) -> tuple[int, int]:
    """The unsigned varint at `at`, and where it ends."""
    value = shift = 0
    for octet in view[at : min(stop, at + 10)]:
        at += 1
        value |= (octet & 0x7F) << shift
        if octet < 0x80:
            if value >> 64:
                raise FormatError(f"byte {at}: expected a number of 64 bits, found a longer one")
            return value, at
        shift += 7
    found = "more" if shift == 70 else "the end"
    raise FormatError(f"byte {at}: expected a number of at most 10 bytes, found {found}")


def signed(value: int) -> int:
    """An unsigned 64-bit value as protobuf's int64."""
    return value - (1 << 64) if value >> 63 else value


Field = tuple[int, int, int, int, int]
"""number, kind, where the tag begins, where the value begins, where it ends."""


def fields(view: memoryview, start: int, stop: int, budget: Budget) -> Iterator[Field]:
    """Walk the fields of the message in view[start:stop], one step of the budget each."""
    at = start
    while at < stop:
        budget.steps -= 1
        if budget.steps < 0:
            budget.spend(0)
        begin = at
        tag = view[at]
        if tag < 0x80:
            at += 1
        else:
            tag, at = varint(view, at, stop)
        number, kind = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise FormatError(f"byte {begin}: expected a field, found field number {number}")
        if kind == LEN:
            if at < stop and view[at] < 0x80:
                size, at = view[at], at + 1
            else:
                size, at = varint(view, at, stop)
            end = at + size
        elif kind == VARINT:
            end = varint(view, at, stop)[1]
        elif kind in (I32, I64):
            end = at + (4 if kind == I32 else 8)
        else:
            raise FormatError(f"byte {begin}: expected a field of a graph, found wire type {kind}")
        if end > stop:
            raise FormatError(f"byte {begin}: expected {end - at} bytes of field {number}, found {stop - at}")
        yield number, kind, begin, at, end
        at = end


def expect(field: Field, kind: int, what: str) -> None:
    """Refuse a field that is not of the kind its number stands for."""
    if field[1] != kind:
        raise FormatError(f"byte {field[2]}: expected {what} as {_KINDS[kind]}, found {_KINDS[field[1]]}")


def without(view: memoryview, start: int, stop: int, holes: list[tuple[int, int]]) -> bytes:
    """The bytes of view[start:stop] but those in `holes`, which are in order."""
    edges = [start, *(edge for hole in holes for edge in hole), stop]
    return b"".join(view[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True))


def split_node(source: Source, start: int, stop: int) -> tuple[bytes, dict[str, tuple[int, int]]]:
    """A NodeDef's bytes for protobuf, without its large constants, and where those lie by attribute."""
    view = source.view
    tensors: dict[str, tuple[int, int]] = {}
    holes: list[tuple[int, int]] = []
    if stop - start > LARGE:
        for field in fields(view, start, stop, source.budget):
            number, kind, begin, at, end = field
            if number == _ATTR and kind == LEN and end - at > LARGE:
                found = _find_tensor(source, at, end)
                if found is not None:
                    holes.append((begin, end))
                    _add_tensor(tensors, *found)
    source.budget.spend_detail(stop - start - sum(end - begin for begin, end in holes))
    return without(view, start, stop, holes) if holes else view[start:stop].tobytes(), tensors


def _add_tensor(tensors: dict[str, tuple[int, int]], key: str, start: int, stop: int) -> None:
    if key in tensors:
        raise FormatError(f"byte {start}: expected attribute {shorten(key)} once, found it twice")
    tensors[key] = (start, stop)


def _find_tensor(source: Source, start: int, stop: int) -> tuple[str, int, int] | None:
    """Name, start and end of the TensorProto in an attribute's map entry; None if it holds no large one.

    Only the plain form is taken: one key, one value, and in that value one field, the tensor. Whatever
    else protobuf allows (a value in several pieces that merge) is left to protobuf.
    """
    entry = list(islice(fields(source.view, start, stop, source.budget), 3))
    if sorted((number, kind) for number, kind, *_ in entry) != [(_KEY, LEN), (_VALUE, LEN)]:
        return None
    key, value = sorted(entry)
    inside = list(islice(fields(source.view, value[3], value[4], source.budget), 2))
    if [(number, kind) for number, kind, *_ in inside] != [(_TENSOR, LEN)] or key[4] - key[3] > LARGE:
        return None
    try:
        name = str(source.view[key[3] : key[4]], "utf-8")
    except UnicodeDecodeError:
        raise FormatError(f"byte {key[3]}: expected an attribute's name in UTF-8") from None
    return name, inside[0][3], inside[0][4]


def shown(name: str) -> str:
    """A name as it is, or quoted where it would write more than itself to a terminal."""
    return name if name.isprintable() and len(name) <= 200 else shorten(name, 200)


def shorten(text: object, most: int = 100) -> str:
    """`text` quoted for a message, cut where a hostile file would fill the screen."""
    quoted = repr(text if not isinstance(text, (str, bytes)) else text[: most + 1])
    return quoted if len(quoted) <= most else quoted[: most - 1] + "…"
