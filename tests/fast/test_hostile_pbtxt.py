"""Broken and hostile graphs in text format, from the file to the library."""

from __future__ import annotations

from pathlib import Path

from ..hostile import check

X = b'node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "shape" value '
X += b"{ shape { dim { size: 2 } } } } }\n"

HOSTILE = [
    X,
    b"node {" * 100_000,
    b"node <" * 50 + b">" * 50,
    b"node { attr { value { list {" + b"i: [" + b"1," * 1_000_000 + b"1] } } } }",
    X + b'node { name: "y" op: "Relu" input: "' + b"x" * 5_000_000 + b'" }',
    X + b'node { name: "y" op: "Relu" ' + b'input: "x" ' * 300_000 + b"}",
    X + b"node {} " * 1_000_000,
    X + b'node { name: "y" op: "Const" attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape { '
    + b"dim { size: 4294967296 } " * 3 + b"} float_val: 1 } } } }",
    X + b'node { name: "y" op: "Relu" input: "x" } ' * 2,
    X + b'node { name: "a" op: "Relu" input: "b" } node { name: "b" op: "Relu" input: "a" }',
    b"versions { producer: " + b"9" * 1_000_000 + b" }",
    b"versions { producer: 1" + b"e9" * 500_000 + b" }",
    b'node { name: "' + b"\\377" * 1_000_000 + b'" }',
    b'node { name: "' + b'" "' * 1_000_000 + b'" }',
    b"#" * 3_000_000,
    b"node { name: '" + b"\\" * 1_000_001,
    b"node:" + b" " * 5_000_000,
    b"node { [" + b"a." * 1_000_000 + b"] { } }",
]  # fmt: skip


def test_mutants(tmp_path: Path) -> None:
    found = check("pbtxt", tmp_path, HOSTILE)
    assert found["read"] >= 3 and found["FormatError"] >= 10, found
