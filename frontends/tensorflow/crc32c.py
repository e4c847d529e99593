"""CRC-32C, the checksum of TensorFlow's checkpoints, at about 1 GB/s in numpy.

A checksum is linear: with a state of zero, that of a message is the sum (exclusive or) of those of its
words, each moved on by the zeros behind it. So a message is cut into rows of `lanes` words, and all lanes
are carried on at once: `lanes = move(lanes, one row of zeros) ^ row`. What is left is one row whose
checksum is that of the whole; it is cut into shorter rows in turn, and the last few bytes go one by one.
Moving a word is a linear map of 32 bits, done by two tables of 16 bits each.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import numpy as np

Words = np.ndarray[Any, np.dtype[np.uint32]]

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, the lowest power in the highest bit
_ALL = 0xFFFFFFFF
_MASK_DELTA = 0xA282EAD8
#: words in a row, from level to level
_LANES = (1 << 16, 1 << 11, 1 << 6)


def crc32c(data: bytes | bytearray | memoryview) -> int:
    """The checksum of `data` as RFC 3720 defines it."""
    view = memoryview(data).cast("B")
    state = _ALL
    for lanes in _LANES:
        whole = len(view) // (4 * lanes)
        if whole > 1:
            state = _bytes(_rows(view[: whole * 4 * lanes], lanes, state))
            view = view[whole * 4 * lanes :]
    return _plain(view, state) ^ _ALL


def unmask(stored: int) -> int:
    """The checksum for one that was stored masked: rotated by 15 bits, and a constant added."""
    rotated = (stored - _MASK_DELTA) & _ALL
    return (rotated >> 17 | rotated << 15) & _ALL


def mask(checksum: int) -> int:
    """How a checksum is stored, so that checksums of data with checksums in it are no special case."""
    return ((checksum >> 15 | checksum << 17) + _MASK_DELTA) & _ALL


def _rows(view: memoryview, lanes: int, state: int) -> Words:
    """One row whose checksum from a state of zero is that of all rows from `state`."""
    rows = np.frombuffer(view, "<u4").reshape(-1, lanes)
    low, high = _move_tables(4 * lanes)
    carried = rows[0].astype(np.uint32)
    carried[0] ^= state
    halves = carried.view(np.uint16)
    first = 0 if sys.byteorder == "little" else 1
    moved = np.empty(lanes, np.uint32)
    for row in rows[1:]:
        low.take(halves[first::2], out=moved, mode="clip")
        moved ^= high.take(halves[1 - first :: 2], mode="clip")
        np.bitwise_xor(moved, row, out=carried)
    return carried


def _bytes(words: Words) -> int:
    """The state after these words, from a state of zero."""
    for lanes in _LANES:
        if len(words) > lanes:
            words = _rows(memoryview(words.astype("<u4").tobytes()), lanes, 0)
    return _plain(memoryview(words.astype("<u4").tobytes()), 0)


def _plain(view: memoryview, state: int) -> int:
    table = _byte_table()
    for octet in view:
        state = table[(state ^ octet) & 0xFF] ^ (state >> 8)
    return state


@cache
def _byte_table() -> tuple[int, ...]:
    """The state after one byte."""
    found: list[int] = []
    for state in range(256):
        for _ in range(8):
            state = (state >> 1) ^ (_POLYNOMIAL if state & 1 else 0)
        found.append(state)
    return tuple(found)


@cache
def _move_tables(zeros: int) -> tuple[Words, Words]:
    """What `zeros` bytes of zero make of a state's low and high half."""
    columns = _moved_bits(zeros)
    tables = np.zeros((2, 1 << 16), np.uint32)
    for table, half in zip(tables, (columns[:16], columns[16:]), strict=True):
        for bit, column in enumerate(half):
            table[1 << bit : 2 << bit] = table[: 1 << bit] ^ np.uint32(column)
    return tables[0], tables[1]


def _moved_bits(zeros: int) -> list[int]:
    """What becomes of each of the 32 bits of a state, by repeated squaring of the map."""
    table = _byte_table()
    power = [table[(1 << bit) & 0xFF] ^ (1 << bit >> 8) for bit in range(32)]
    moved = [1 << bit for bit in range(32)]
    while zeros:
        if zeros & 1:
            moved = [_apply(power, column) for column in moved]
        power = [_apply(power, column) for column in power]
        zeros >>= 1
    return moved


def _apply(columns: list[int], word: int) -> int:
    found = 0
    for bit, column in enumerate(columns):
        if word >> bit & 1:
            found ^= column
    return found
