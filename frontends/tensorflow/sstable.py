"""Sorted string tables as LevelDB lays them out: what the index of a TensorFlow checkpoint is.

A footer tells where the index block lies, which tells where the data blocks lie; blocks hold keys, each
with the bytes it shares with the one before it left out, and values. Every block ends with its compression
and a checksum, which is verified. Restart points only serve to search a block: all of it is read here.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...runtime.errors import FormatError
from .crc32c import crc32c, unmask
from .snappy import decompress
from .wire import Budget, varint

MAGIC = bytes.fromhex("57fb808b247547db")
_FOOTER = 48  # two handles of at most 20 bytes, and the magic number
_TRAILER = 5  # compression, checksum
_PLAIN, _SNAPPY = 0, 1
MOST_BLOCK = 64 << 20
"""Bytes of one block, decompressed. TensorFlow's have 256 KB; one entry may fill a larger one."""
MOST_KEY = 1 << 16
_STEPS_PER_BLOCK, _STEPS_PER_ENTRY = 200, 4


def entries(table: memoryview, budget: Budget) -> Iterator[tuple[bytes, memoryview]]:
    """All keys with their values, in the order of the keys. FormatError where the table is damaged."""
    if len(table) < _FOOTER or bytes(table[-len(MAGIC) :]) != MAGIC:
        raise FormatError("expected a table that ends with a footer, found another end: it may be cut off")
    body, footer = table[:-_FOOTER], table[-_FOOTER:]
    _, at = _handle(footer, 0)  # of a block with facts about the table
    index, _ = _handle(footer, at)
    last = b""
    seen = False
    for _, value in _entries(_block(body, index, budget), budget):
        handle, _ = _handle(value, 0)
        for key, found in _entries(_block(body, handle, budget), budget):
            if seen and key <= last:
                raise FormatError(f"expected keys in order, found {key[:60]!r} after {last[:60]!r}")
            last, seen = key, True
            yield key, found


def _handle(data: memoryview, at: int) -> tuple[tuple[int, int], int]:
    """Offset and size of a block, and where the handle ends."""
    offset, at = varint(data, at, len(data))
    size, at = varint(data, at, len(data))
    return (offset, size), at


def _block(body: memoryview, handle: tuple[int, int], budget: Budget) -> memoryview:
    """A block's entries, checked and decompressed."""
    offset, size = handle
    if offset + size + _TRAILER > len(body):
        raise FormatError(
            f"expected a block of {size} bytes at byte {offset}, found a table of {len(body)} bytes"
        )
    end = offset + size
    stored = int.from_bytes(body[end + 1 : end + _TRAILER], "little")
    budget.spend(_STEPS_PER_BLOCK + size // 64)
    if crc32c(body[offset : end + 1]) != unmask(stored):
        raise FormatError(f"the block at byte {offset} does not match its checksum: the file is damaged")
    kind, data = body[end], body[offset:end]
    if kind == _SNAPPY:
        if varint(data, 0, size)[0] > MOST_BLOCK:
            raise FormatError(f"expected blocks of at most {MOST_BLOCK} bytes, found a larger one")
        budget.spend(size)
        data = memoryview(decompress(data))
        budget.spend_expand(len(data))
    elif kind != _PLAIN:
        raise FormatError(f"expected a block that is plain or compressed by snappy, found kind {kind}")
    return data


def _entries(block: memoryview, budget: Budget) -> Iterator[tuple[bytes, memoryview]]:
    """The keys and values of a block."""
    restarts = int.from_bytes(block[-4:], "little") if len(block) >= 4 else 0
    end = len(block) - 4 - 4 * restarts
    if len(block) < 4 or end < 0:
        raise FormatError(f"expected a block with restart points, found one of {len(block)} bytes")
    key = b""
    at = 0
    while at < end:
        budget.spend(_STEPS_PER_ENTRY)
        shared, at = varint(block, at, end)
        own, at = varint(block, at, end)
        size, at = varint(block, at, end)
        if shared > len(key) or own + size > end - at or shared + own > MOST_KEY:
            raise FormatError(
                f"expected an entry within its block, found {shared} + {own} bytes of key, {size} of value"
            )
        key = key[:shared] + bytes(block[at : at + own])
        at += own
        yield key, block[at : at + size]
        at += size
