"""Tables of keys and values, and snappy's blocks."""

from __future__ import annotations

import random

import pytest
from netwright.frontends.tensorflow import sstable
from netwright.frontends.tensorflow.snappy import decompress
from netwright.frontends.tensorflow.wire import Budget
from netwright.runtime.errors import FormatError

from ..checkpoint_files import MAGIC, block, snappy, table, varint

ROWS = [(f"scope/layer_{i // 7:03d}/w{i:04d}".encode(), bytes([i % 251]) * (i % 40)) for i in range(500)]


def entries(data: bytes) -> list[tuple[bytes, bytes]]:
    return [(key, bytes(value)) for key, value in sstable.entries(memoryview(data), Budget())]


@pytest.mark.parametrize("compress", [False, True])
def test_whole_tables(compress):
    assert entries(table([ROWS], compress=compress)) == ROWS
    assert entries(table([ROWS[:3], ROWS[3:100], ROWS[100:]], compress=compress)) == ROWS
    assert entries(table([], compress=compress)) == []
    assert entries(table([[(b"", b"header")], ROWS], compress=compress)) == [(b"", b"header"), *ROWS]


def footed(body: bytes, *numbers: int) -> bytes:
    return body + b"".join(map(varint, numbers)).ljust(40, b"\0") + MAGIC


def changed(at: int, to: bytes) -> bytes:
    """A table whose first block is changed at a byte, and has its checksum made for that."""
    blocks = iter([True])
    return table([ROWS[:2]], lambda d: d[:at] + to + d[at + len(to) :] if next(blocks, False) else d)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected a table that ends with a footer"),
        (table([ROWS])[:-1], "expected a table that ends with a footer"),
        (footed(b"", 0, 0, 0, 100), "expected a block of 100 bytes at byte 0, found a table of 0 bytes"),
        (footed(b"", 0, 0, 2**63, 2**63), "expected a block of 9223372036854775808 bytes"),
        (footed(bytes(20), 0, 0, 0, 10), "the block at byte 0 does not match its checksum"),
        (b"\xff" * 40 + MAGIC, "expected a number of at most 10 bytes"),
        (table([ROWS[:2]], lambda d: d[:-4] + b"\xff" * 4), "expected a block with restart points"),
        (table([ROWS[:2]], lambda d: b""), "expected a block with restart points, found one of 0 bytes"),
        (changed(0, b"\5"), "expected an entry within its block, found 5 \\+ 21 bytes of key"),
        (changed(1, b"\x7f"), "expected an entry within its block"),
        (table([ROWS[1::-1]]), "expected keys in order"),
        (table([ROWS[:1], ROWS[:1]]), "expected keys in order"),
    ],
)
def test_damaged_tables(data, message):
    with pytest.raises(FormatError, match=message):
        entries(data)


def test_every_flipped_bit_is_noticed():
    whole = table([ROWS[:5]])
    first, facts = len(block(ROWS[:5])) + 5, len(block([])) + 5
    unread = range(first, first + facts)  # the block with facts about the table
    for at in range(len(whole) - 48):
        damaged = whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :]
        if at in unread:
            assert entries(damaged) == ROWS[:5]
            continue
        with pytest.raises(FormatError, match="does not match its checksum"):
            entries(damaged)


def test_blocks_that_lead_to_themselves_cost_no_more_than_the_budget():
    handle = varint(0) + varint(len(block([])))
    index = block([(i.to_bytes(4, "big"), handle) for i in range(200_000)])
    data = table([[]])
    offset = len(data) - 48
    from netwright.frontends.tensorflow.crc32c import crc32c, mask

    body = data[:offset] + index + b"\0" + mask(crc32c(index + b"\0")).to_bytes(4, "little")
    with pytest.raises(FormatError, match="expected at most some ten million fields and values"):
        entries(footed(body, 0, 0, offset, len(index)))


# Snappy.


def test_what_was_compressed():
    rng = random.Random(0)
    for size in (0, 1, 59, 60, 61, 200, 5000):
        for letters in (b"a", b"ab", bytes(range(256))):
            data = bytes(rng.choices(letters, k=size))
            assert decompress(memoryview(snappy(data))) == data


@pytest.mark.parametrize(
    ("data", "result"),
    [
        (b"\0", b""),
        (b"\3\x08abc", b"abc"),
        (b"\5\0a" + bytes([1, 1]), b"aaaaa"),  # overlaps itself
        (b"\4\x04ab" + bytes([1 << 2 | 2, 2, 0]), b"abab"),
        (b"\4\x04ab" + bytes([1 << 2 | 3, 2, 0, 0, 0]), b"abab"),
        (b"\3" + bytes([60 << 2, 2]) + b"abc", b"abc"),
        (b"\3" + bytes([63 << 2, 2, 0, 0, 0]) + b"abc", b"abc"),
    ],
)
def test_pieces(data, result):
    assert decompress(memoryview(data)) == result


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "found the end"),
        (b"\3\x08ab", "expected 3 literal bytes, found 2"),
        (b"\4\x08abc", "expected 4 bytes after decompression, found 3"),
        (b"\2\x08abc", "expected 2 bytes after decompression, found 3"),
        (b"\5\0a" + bytes([1, 2]), "expected a copy from within 1 bytes, found distance 2"),
        (b"\5\0a" + bytes([1, 0]), "expected a copy from within 1 bytes, found distance 0"),
        (b"\5\0a" + bytes([1]), "expected the rest of a compressed piece"),
        (b"\x80\x80\x80\x80\x04\0a", "found 7 that claim to be 1073741824"),
        (bytes([1, 63 << 2, 255, 255, 255, 255]) + b"a", "expected 4294967296 literal bytes, found 1"),
    ],
)
def test_damaged_pieces(data, message):
    with pytest.raises(FormatError, match=message):
        decompress(memoryview(data))
