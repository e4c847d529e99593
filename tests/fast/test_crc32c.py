"""CRC-32C against its definition, bit by bit."""

from __future__ import annotations

import random

import pytest
from netwright.frontends.tensorflow.crc32c import crc32c, mask, unmask

POLYNOMIAL = 0x1EDC6F41


def slow(data: bytes) -> int:
    """A division of polynomials, lowest bit of each byte first."""
    state = 0xFFFFFFFF
    for octet in data:
        for bit in range(8):
            top = (state >> 31) ^ (octet >> bit & 1)
            state = (state << 1 & 0xFFFFFFFF) ^ (POLYNOMIAL if top else 0)
    state ^= 0xFFFFFFFF
    return int(f"{state:032b}"[::-1], 2)


def test_known_values():
    assert crc32c(b"") == 0
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


@pytest.mark.parametrize("size", [1, 3, 255, 256, 257, 511, 512, 513, 8191, 16384, 16385, 20011])
def test_lengths_around_those_of_rows(size):
    data = random.Random(size).randbytes(size)
    assert crc32c(data) == slow(data)


def test_large_data_is_that_of_its_parts():
    """A checksum of several levels of rows: one flipped bit anywhere changes it by the same as alone."""
    size = 3 * (1 << 18) + 12345
    data = bytearray(random.Random(1).randbytes(size))
    before, zeros = crc32c(data), crc32c(bytes(size))
    for at in (0, 1 << 18, (1 << 19) + 7, size - 1):
        single = bytearray(size)
        single[at] = data[at]
        flipped = bytearray(data)
        flipped[at] = 0
        assert crc32c(flipped) == before ^ crc32c(single) ^ zeros
    tail = random.Random(2).randbytes(700)
    assert crc32c(bytes(300_000) + tail) != crc32c(bytes(300_001) + tail)


def test_masks():
    for value in (0, 1, 0xFFFFFFFF, 0xE3069283):
        assert unmask(mask(value)) == value != mask(value)
