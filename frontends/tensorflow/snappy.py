"""Snappy's raw format, which blocks of a checkpoint's index may be compressed with: decompression alone.

The length of the result as a varint, then pieces: literal bytes, or a copy of earlier bytes of the result,
which may overlap what it makes. The length is checked against the compressed bytes before it is believed:
three bytes make at most 64.
"""

from __future__ import annotations

from ...runtime.errors import FormatError
from .wire import varint

_LONGEST_COPY = 64


def decompress(data: memoryview) -> bytes:
    """The bytes that `data` stands for. FormatError where it is damaged."""
    length, at = varint(data, 0, len(data))
    if length > _LONGEST_COPY * len(data):
        raise FormatError(f"expected compressed bytes, found {len(data)} that claim to be {length}")
    out = bytearray()
    while at < len(data):
        tag = data[at]
        at += 1
        if tag & 3 == 0:
            size, at = _literal_size(data, at, tag >> 2)
            if size > len(data) - at:
                raise FormatError(f"expected {size} literal bytes, found {len(data) - at}")
            out += data[at : at + size]
            at += size
        else:
            size, distance, at = _copy(data, at, tag)
            _repeat(out, size, distance)
        if len(out) > length:
            break
    if len(out) != length:
        raise FormatError(f"expected {length} bytes after decompression, found {len(out)}")
    return bytes(out)


def _literal_size(data: memoryview, at: int, code: int) -> tuple[int, int]:
    """Sizes up to 60 stand in the tag, others in one to four bytes after it."""
    if code < 60:
        return code + 1, at
    count = code - 59
    return _number(data, at, count) + 1, at + count


def _copy(data: memoryview, at: int, tag: int) -> tuple[int, int, int]:
    """Size and distance of a copy, and where the next piece begins."""
    if tag & 3 == 1:
        return 4 + (tag >> 2 & 7), (tag >> 5 << 8) | _number(data, at, 1), at + 1
    count = 2 if tag & 3 == 2 else 4
    return (tag >> 2) + 1, _number(data, at, count), at + count


def _number(data: memoryview, at: int, count: int) -> int:
    if count > len(data) - at:
        raise FormatError("expected the rest of a compressed piece, found the end")
    return int.from_bytes(data[at : at + count], "little")


def _repeat(out: bytearray, size: int, distance: int) -> None:
    if not 0 < distance <= len(out):
        raise FormatError(f"expected a copy from within {len(out)} bytes, found distance {distance}")
    piece = bytes(out[len(out) - distance : len(out) - distance + size])
    while len(piece) < size:
        piece += piece
    out += piece[:size]
