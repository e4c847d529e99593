"""Pieces of a partitioned variable: how they are written, named in a checkpoint's index, and put together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...runtime.errors import FormatError
from .wire import Source, shorten

Array = np.ndarray[Any, Any]
Slice = tuple[tuple[int, int], ...]
"""Start and length along each dimension; a length of -1 is the whole dimension."""

WHOLE = -1
_SPECIFICATION = re.compile(r"(?:\d{1,18} )+(?:-|\d{1,18},\d{1,18})(?::(?:-|\d{1,18},\d{1,18}))*")


def parse_slice(text: str) -> tuple[tuple[int, ...], Slice] | None:
    """Shape and slice of `6 4 0,2:-`: the first two rows of a [6, 4] variable. None for an empty text."""
    if not text:
        return None
    if not _SPECIFICATION.fullmatch(text):
        raise FormatError(f"expected a slice such as '6 4 0,2:-', found {shorten(text)}")
    *sizes, parts = text.split(" ")
    found: list[tuple[int, int]] = []
    for part in parts.split(":"):
        start, _, length = part.partition(",")
        found.append((0, WHOLE) if part == "-" else (int(start), int(length)))
    shape = tuple(map(int, sizes))
    if len(shape) != len(found):
        raise FormatError(f"expected a slice of rank {len(shape)}, found {shorten(text)}")
    return shape, tuple(found)


def ranges(piece: Slice, shape: Sequence[int], what: str) -> tuple[slice, ...]:
    """The slice as numpy takes it, checked to be inside the shape."""
    if len(piece) != len(shape):
        raise FormatError(f"{what}: expected a slice of rank {len(shape)}, found one of rank {len(piece)}")
    found: list[slice] = []
    for (start, length), size in zip(piece, shape, strict=True):
        stop = size if length == WHOLE else start + length
        if not 0 <= start <= stop <= size:
            raise FormatError(f"{what}: expected a slice within {list(shape)}, found {list(piece)}")
        found.append(slice(start, stop))
    return tuple(found)


def sizes_of(wanted: Sequence[slice]) -> tuple[int, ...]:
    return tuple(r.stop - r.start for r in wanted)


def index_key(name: bytes, piece: Slice) -> bytes:
    """The key of a piece in the index, made so that keys sort as names and numbers do.

    A number without sign is its count of bytes and these, highest first; a name has zeros escaped as 0, 255
    and 255 as 255, 0, and ends with 0, 1; a number with sign is below.
    """
    escaped = re.sub(rb"[\x00\xff]", lambda m: b"\0\xff" if m[0] == b"\0" else b"\xff\0", name)
    parts = [_unsigned(0), escaped, b"\0\1", _unsigned(len(piece))]
    for start, length in piece:
        parts += [_signed(start), _signed(length)]
    return b"".join(parts)


def _unsigned(value: int) -> bytes:
    octets = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([len(octets)]) + octets


def _signed(value: int) -> bytes:
    """As few bytes as hold sign and number beside a header: as many ones as there are bytes, then a zero;
    for a negative number all of it is inverted."""
    magnitude = ~value if value < 0 else value
    count = 1
    while magnitude >> (7 * count - 1):
        count += 1
    header = ((1 << count) - 1) << (8 * count - count)  # `count` ones at the top; the zero is the sign's
    octets = (magnitude | header).to_bytes(count, "big")
    return bytes(octet ^ 0xFF for octet in octets) if value < 0 else octets


def assemble(
    wanted: Sequence[slice], parts: Iterable[tuple[tuple[slice, ...], Array]], source: Source, what: str
) -> Array:
    """The wanted range of a variable from parts, each with the range it covers; all of it must be covered."""
    out: Array | None = None
    covered: Array | None = None
    shape = sizes_of(wanted)
    for place, array in parts:
        both = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(wanted, place, strict=True)]
        if any(r.start >= r.stop for r in both):
            continue
        inner = array[
            tuple(slice(r.start - p.start, r.stop - p.start) for r, p in zip(both, place, strict=True))
        ]
        if inner.shape == shape:
            return inner
        if out is None or covered is None:
            source.budget.spend_expand(int(np.prod(shape)) * (array.itemsize + 1))
            out, covered = np.empty(shape, array.dtype), np.zeros(shape, bool)
        target = tuple(slice(r.start - w.start, r.stop - w.start) for r, w in zip(both, wanted, strict=True))
        out[target], covered[target] = inner, True
    if out is None or covered is None or not covered.all():
        raise FormatError(f"{what}: expected slices that cover it, found gaps between them")
    return out
