"""Broken and hostile checkpoints: the index, mostly with right checksums, and the shards of values."""

from __future__ import annotations

from pathlib import Path

from ..checkpoint_files import MAGIC, entry, header, read_entries, table
from ..hostile import DATA, check
from ..mutate import unparse, varint

WHOLE = (DATA / "savedmodels" / "module" / "variables" / "variables.index").read_bytes()
ROWS = read_entries(WHOLE)
NAME = ROWS[-1][0]


def entries(*fields: tuple[int, int, int | bytes]) -> bytes:
    """The table with the fields of its last entry replaced."""
    return table([[*ROWS[:-1], (NAME, unparse(fields))]])


def shape(*sizes: int) -> tuple[int, int, bytes]:
    return 2, 2, unparse([(2, 2, unparse([(1, 0, size)])) for size in sizes])


SLICE = unparse([(1, 2, unparse([(1, 0, 0), (2, 0, 2)])), (1, 2, b"")])
HOSTILE = [
    WHOLE,
    MAGIC,
    bytes(40) + MAGIC,
    b"\xff" * 40 + MAGIC,
    (varint(2**63) * 4).ljust(40, b"\0") + MAGIC,
    table([[(b"", header(2**31 - 1)), *ROWS[1:]]]),
    table([[(b"", b"\xff" * 100), *ROWS[1:]]]),
    entries((1, 0, 1), shape(2**40, 2**40), (5, 0, 2**62)),
    entries((1, 0, 1), shape(*[2**62] * 60), (5, 0, 2**64 - 1)),
    entries((1, 0, 1), shape(4, 3), (4, 0, 2**64 - 8), (5, 0, 48)),
    entries((1, 0, 1), shape(4, 3), (5, 0, 48), *[(7, 2, SLICE)] * 100_000),
    entries((1, 0, 1), shape(2**15, 2**15), (5, 0, 2**32), (7, 2, SLICE)),
    entries((1, 0, 7), shape(2**40), (5, 0, 100)),
    table([[(b"", header()), *((f"k{i:06d}".encode(), entry(0.0, 0)) for i in range(40_000))]]),
    table([[(b"", header()), (b"k" * 70_000, b"")]]),
]


def test_mutants_of_the_index(tmp_path: Path) -> None:
    found = check("index", tmp_path, HOSTILE)
    assert found["read"] >= 3 and found["FormatError"] >= 10, found


def test_mutants_of_a_shard(tmp_path: Path) -> None:
    found = check("shard", tmp_path, [b"", bytes(10_000)])
    assert found["read"] >= 3 and found["FormatError"] >= 10, found
