"""Broken and hostile compiled libraries: what `info` and `load` read of them before anything of them runs."""

from __future__ import annotations

from pathlib import Path

from ..hostile import check

HOSTILE = [
    b"\x7fELF",
    b"\x7fELF\2\1\1" + bytes(57),
    b"\x7fELF\2\1\1" + b"\xff" * 57,
    b"\x7fELF\1\1\1" + bytes(100),
    b"\x7fELF\2\1\1" + bytes(9) + b"\3\0" + bytes(22) + b"\xff" * 30,
]


def test_mutants(tmp_path: Path) -> None:
    found = check("library", tmp_path, HOSTILE)
    assert found["read"] >= 10 and found["ArtifactError"] >= 10, found
