"""Broken and hostile IR text of all levels, from the file to the library."""

from __future__ import annotations

from pathlib import Path

from ..hostile import SMALL, check

HOSTILE = [
    b"module {",
    b"module {" * 20_000,
    b"module attributes {a = " + b"[" * 50_000,
    b"func.func @main() -> (" + b"tensor<" * 20_000,
    b"// " + b"x" * 3_000_000,
    b'"' * 100_000,
    b"func.func @f(%x: tensor<" + b"1x" * 20_000 + b"f32>) { func.return() }",
    b"func.func @f(%x: tensor<" + b"9" * 20_000 + b"xf32>) { func.return() }",
    SMALL.encode(),
    SMALL.replace("4x2xf32", "4x99999999999xf32").encode(),
    SMALL.replace("dense<0.5>", "dense<" + "[" * 5000 + "0.5>").encode(),
    SMALL.replace("dense<0.5>", 'dense<"0x' + "F" * 1_000_001 + '">').encode(),
    SMALL.replace('"n", 4', '"' + "n*" * 3000 + 'n", 4').encode(),
    SMALL.replace('"n", 4', '"' + "(" * 5000 + 'n", 4').encode(),
    SMALL.replace('"n", 4', '"n' + "+n*m" * 200 + '", 4').encode(),
    SMALL.replace("graph.tanh(%y)", "graph.tanh(%z)").encode(),
    SMALL.replace("%y = graph.matmul(%x, %w)", "%y = graph.matmul(%x" + ", %w" * 5000 + ")").encode(),
    SMALL.replace("dense<0.5>", "dense_resource<../../../../etc/passwd>").encode(),
]


def test_mutants(tmp_path: Path) -> None:
    found = check("ir", tmp_path, HOSTILE)
    assert found["read"] >= 3 and found["ParseError"] >= 10, found
