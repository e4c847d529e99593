"""Checkpoints and sorted tables written byte by byte, whole and deliberately wrong ones."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from netwright.frontends.tensorflow.crc32c import crc32c, mask

from .mutate import mutants, unparse, varint

MAGIC = bytes.fromhex("57fb808b247547db")
TYPES = {"f4": 1, "f8": 2, "i4": 3, "u1": 4, "i2": 5, "i1": 6, "i8": 9, "b1": 10, "f2": 19}

Entries = Sequence[tuple[bytes, bytes]]


def block(entries: Entries, interval: int = 16) -> bytes:
    """Entries with shared beginnings left out, and restart points."""
    out, restarts, last = bytearray(), [], b""
    for i, (key, value) in enumerate(entries):
        shared = 0
        if i % interval == 0:
            restarts.append(len(out))
        else:
            while shared < min(len(last), len(key)) and last[shared] == key[shared]:
                shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    restarts = restarts or [0]
    return bytes(out) + b"".join(r.to_bytes(4, "little") for r in [*restarts, len(restarts)])


def snappy(data: bytes) -> bytes:
    """Compressed by literals, and copies of 4 bytes and more where the last 60 bytes have them."""
    out, at, plain = bytearray(varint(len(data))), 0, 0

    def flush(end: int) -> None:
        for a in range(plain, end, 60):
            out.extend(bytes([(min(60, end - a) - 1) << 2]) + data[a : min(a + 60, end)])

    while at < len(data):
        size = 0
        found = data.rfind(data[at : at + 4], max(0, at - 60), at + 3) if at + 4 <= len(data) else -1
        if 0 <= found < at:
            while size < 64 and at + size < len(data) and data[found + size] == data[at + size]:
                size += 1
        if size < 4:
            at += 1
            continue
        flush(at)
        distance = at - found
        if size < 12:
            out += bytes([1 | size - 4 << 2 | distance >> 8 << 5, distance & 255])
        else:
            out += bytes([2 | size - 1 << 2]) + distance.to_bytes(2, "little")
        at += size
        plain = at
    flush(len(data))
    return bytes(out)


def table(
    blocks: Sequence[Entries],
    change: Callable[[bytes], bytes] = lambda data: data,
    compress: bool = False,
) -> bytes:
    """A whole table; `change` is done to each block before it gets its checksum."""
    out, index = bytearray(), []

    def add(data: bytes) -> bytes:
        kind = b"\1" if compress else b"\0"
        data = change(snappy(data) if compress else data)
        handle = varint(len(out)) + varint(len(data))
        out.extend(data + kind + mask(crc32c(data + kind)).to_bytes(4, "little"))
        return handle

    for entries in blocks:
        index.append((entries[-1][0] if entries else b"", add(block(entries))))
    handles = add(block([])) + add(block(index))
    return bytes(out) + handles.ljust(40, b"\0") + MAGIC


def header(shards: int = 1, **more: int) -> bytes:
    return unparse([(1, 0, shards), *((2, 0, v) for v in more.values()), (3, 2, b"\x08\x01")])


def entry(array: Any, offset: int, shard: int = 0) -> bytes:
    """A BundleEntryProto."""
    array = np.asarray(array)
    dims = [(2, 2, unparse([(1, 0, d)])) for d in array.shape]
    data = array.tobytes()
    fields = [(1, 0, TYPES[array.dtype.str[1:]]), (2, 2, unparse(dims)), (3, 0, shard), (4, 0, offset)]
    return unparse([*fields, (5, 0, len(data)), (6, 5, mask(crc32c(data)).to_bytes(4, "little"))])


def write_checkpoint(prefix: Path, tensors: Mapping[str, Any], compress: bool = False) -> None:
    """Tensors in one shard."""
    data = bytearray()
    rows = [(b"", header())]
    for name in sorted(tensors, key=str.encode):
        rows.append((name.encode(), entry(tensors[name], len(data))))
        data += np.asarray(tensors[name]).tobytes()
    prefix.with_name(prefix.name + ".index").write_bytes(table([rows[:3], rows[3:]], compress=compress))
    prefix.with_name(prefix.name + ".data-00000-of-00001").write_bytes(data)


def read_entries(data: bytes) -> list[tuple[bytes, bytes]]:
    """The entries of a table with plain blocks, without a look at any checksum."""

    def handle(at: int) -> tuple[int, int, int]:
        numbers = []
        for _ in range(2):
            value = shift = 0
            while True:
                octet = data[at]
                value, shift, at = value | (octet & 127) << shift, shift + 7, at + 1
                if octet < 128:
                    break
            numbers.append(value)
        return numbers[0], numbers[1], at

    def entries(offset: int, size: int) -> list[tuple[bytes, int, int]]:
        end = offset + size - 4 - 4 * int.from_bytes(data[offset + size - 4 : offset + size], "little")
        out, key, at = [], b"", offset
        while at < end:
            shared, own, at = handle(at)
            length = handle(at)[0]
            at += len(varint(length))
            key = key[:shared] + data[at : at + own]
            out.append((key, at + own, length))
            at += own + length
        return out

    _, _, at = handle(len(data) - 48)
    offset, size, _ = handle(at)
    found = []
    for _, place, _ in entries(offset, size):
        a, n, _ = handle(place)
        found += [(k, data[v : v + length]) for k, v, length in entries(a, n)]
    return found


def index_mutants(seeds: Sequence[bytes], count: int, seed: int) -> list[bytes]:
    """Damaged indexes. In most of them all checksums are right, and an entry or a block is wrong."""
    out: list[bytes] = []
    for i in range(count):
        rng = random.Random(f"index/{seed}/{i}")
        rows = read_entries(rng.choice(seeds))
        at = rng.randrange(len(rows))
        way = i % 5
        if way == 0:
            out.append(next(mutants(seeds, 1, seed * 1000 + i)))
        elif way == 1:

            def change(data: bytes, i: int = i) -> bytes:
                return next(mutants([data], 1, i))

            out.append(table([rows[:2], rows[2:]], change, compress=rng.random() < 0.5))
        elif way == 2:
            rows[at] = (next(mutants([rows[at][0] or b"a"], 1, i))[:5000], rows[at][1])
            out.append(table([rows if rng.random() < 0.5 else sorted(rows)]))
        else:
            key, value = rows[at]
            rows[at] = (key, next(mutants([value, *(v for _, v in rows)], 1, i, "message")))
            out.append(table([rows], compress=rng.random() < 0.3))
    return out
