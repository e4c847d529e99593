"""Broken and hostile SavedModels: their graphs, signatures and how variables are restored."""

from __future__ import annotations

from pathlib import Path

from ..hostile import DATA, check
from ..mutate import parse, unparse

WHOLE = (DATA / "savedmodels" / "module" / "saved_model.pb").read_bytes()
META = next(value for number, _, value in parse(WHOLE) or [] if number == 2)


def with_meta(*more: tuple[int, int, bytes], of: bytes = META) -> bytes:  # type: ignore[assignment]
    return unparse([(1, 0, 1), (2, 2, unparse([*(parse(of) or []), *more]))])


def signature(name: bytes, tensor: bytes) -> bytes:
    info = unparse([(1, 2, b"k"), (2, 2, unparse([(1, 2, tensor)]))])
    return unparse([(1, 2, name), (2, 2, unparse([(1, 2, info), (2, 2, info)]))])


def restore_loops() -> bytes:
    """Restoring calls a function that calls itself."""
    return WHOLE.replace(b"StatefulPartitionedCall_3", b"StatefulPartitionedCall_1")


HOSTILE = [
    WHOLE,
    b"\x08\x01",
    b"\x08\x01\x12\x00",
    b"\x08\x01" + b"\x12\x00" * 100_000,
    unparse([(1, 0, 1), *[(2, 2, META)] * 50]),
    with_meta((2, 2, b"")),  # another graph
    with_meta((5, 2, signature(b"serving_default", b"x" * 100_000))),
    with_meta(*((5, 2, signature(f"s{i}".encode(), b"Const:0")) for i in range(5000))),
    with_meta((5, 2, signature(b"serving_default", b"gone:0"))),
    with_meta((3, 2, unparse([(3, 2, b"gone")]))),
    with_meta((1, 2, unparse([(4, 2, b"serve")] * 100_000))),
    restore_loops(),
    b"saved_model_schema_version: 1 meta_graphs { " * 200,
]


def test_mutants(tmp_path: Path) -> None:
    found = check("savedmodel", tmp_path, HOSTILE)
    assert found["read"] >= 5 and found["FormatError"] >= 10, found
