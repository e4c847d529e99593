"""Broken and hostile frozen graphs, from the file to the library."""

from __future__ import annotations

from pathlib import Path

from ..hostile import check, graph_seeds
from ..mutate import unparse, varint


def node(name: str, op: str, *inputs: str, **attrs: bytes) -> bytes:
    fields = [(1, 2, name.encode()), (2, 2, op.encode()), *((3, 2, i.encode()) for i in inputs)]
    return unparse([*fields, *((5, 2, unparse([(1, 2, k.encode()), (2, 2, v)])) for k, v in attrs.items())])


def shape(*sizes: int) -> bytes:
    return unparse([(2, 2, unparse([(1, 0, size % 2**64)])) for size in sizes])


def tensor(*sizes: int, dtype: int = 1, **more: bytes) -> bytes:
    """A constant's value: no values at all, so that it is filled with zeros."""
    return unparse([(8, 2, unparse([(1, 0, dtype), (2, 2, shape(*sizes))]))])


FLOAT, INT = b"\x30\1", b"\x30\3"
X = node("x", "Placeholder", dtype=FLOAT, shape=unparse([(7, 2, shape(-1, 4))]))


def graph(*nodes: bytes, functions: tuple[bytes, ...] = ()) -> bytes:
    library = unparse([(1, 2, f) for f in functions])
    return unparse([*((1, 2, n) for n in (X, *nodes)), (2, 2, library), (4, 2, b"\x08\x01")])


def function(name: str, calls: str, times: int = 1) -> bytes:
    """A function of one argument that calls another, a number of times in a row."""
    argument = unparse([(1, 2, b"a"), (3, 0, 1)])
    result = unparse([(1, 2, b"r"), (3, 0, 1)])
    signature = unparse([(1, 2, name.encode()), (2, 2, argument), (3, 2, result)])
    attrs = {"f": unparse([(10, 2, unparse([(1, 2, calls.encode())]))])}
    nodes, last = [], "a"
    for i in range(times):
        nodes.append(node(f"n{i}", "PartitionedCall", last, **attrs))
        last = f"n{i}:output:0"
    ret = unparse([(1, 2, b"r"), (2, 2, last.encode())])
    return unparse([(1, 2, signature), *((3, 2, n) for n in nodes), (4, 2, ret)])


def call(name: str) -> bytes:
    return node("y", "PartitionedCall", "x", f=unparse([(10, 2, unparse([(1, 2, name.encode())]))]))


def nested(number: int, depth: int) -> bytes:
    data = b""
    for _ in range(depth):
        data = unparse([(number, 2, data)])
    return data


HOSTILE = [
    b"",
    b"\x0a",
    b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x0a" + b"\xff" * 20,
    b"\xff" * 1000,
    bytes(5000),
    nested(1, 3000),
    graph(node("a", "Relu", "b"), node("b", "Relu", "a")),  # in a circle
    graph(*(node("a", "Relu", "x") for _ in range(2))),  # of one name
    graph(node("a", "Relu", "gone:1")),
    graph(node("a", "Relu", "x:999999999")),
    graph(call("f"), functions=(function("f", "f"),)),
    graph(call("f"), functions=(function("f", "g"), function("g", "f"))),
    graph(call("f0"), functions=tuple(function(f"f{i}", f"f{i + 1}") for i in range(200))),
    # each calls the next twice: what is written here is short, and what it means has 2^60 nodes
    graph(call("f0"), functions=tuple(function(f"f{i}", f"f{i + 1}", 2) for i in range(60))),
    graph(call("f0"), functions=(*(function(f"f{i}", f"f{i + 1}", 10) for i in range(6)),)),
    graph(node("w", "Const", dtype=FLOAT, value=tensor(2**31, 2**31)), node("y", "MatMul", "x", "w")),
    graph(node("w", "Const", dtype=FLOAT, value=tensor(*[2**20] * 60)), node("y", "AddV2", "x", "w")),
    graph(node("w", "Const", dtype=FLOAT, value=tensor(4, 2**28)), node("y", "MatMul", "x", "w")),
    graph(node("w", "Const", dtype=FLOAT, value=tensor(2**30)), node("y", "Neg", "w"), node("z", "Exp", "y")),
    graph(node("w", "Const", dtype=FLOAT, value=tensor(0, 2**62)), node("y", "Neg", "w")),
    graph(node("w", "Const", dtype=INT, value=tensor(2**29, dtype=3)), node("y", "Reshape", "x", "w")),
    graph(node("d", "Const", dtype=INT, value=tensor(1000, dtype=3)), node("y", "Fill", "d", "x")),
    graph(
        *(node(f"n{i}", "Relu", f"n{i - 1}" if i else "x") for i in range(3000))
    ),  # a chain, the wrong way round
    graph(*(node(f"n{i}", "Relu", f"n{i + 1}" if i < 2999 else "x") for i in range(3000))),
    graph(*(node(f"n{i}", "AddV2", *[f"n{i - 1}" if i else "x"] * 2) for i in range(300))),
    graph(*(node(f"n{i}", "ConcatV2", *[f"n{i - 1}" if i else "x"] * 9, "x") for i in range(50))),
    graph(node("y", "Concat", *["x"] * 5000)),
    graph(node("y" * 100_000, "Relu", "x")),
    graph(node("y", "\x1b[2J\0" * 50, "x")),
    unparse([(1, 2, X), (1, 2, node("y", "Relu", "x", T=nested(1, 5000)))]),
    unparse([(1, 2, X)]) + varint(1 << 3 | 3) * 5000,  # groups that nothing closes
]


def test_mutants(tmp_path: Path) -> None:
    found = check("graph", tmp_path, HOSTILE)
    # What is damaged little must still be compiled, or less is tried than it seems.
    assert found["read"] >= 10 and found["FormatError"] >= 10, found


def test_the_seeds_are_whole() -> None:
    assert all(len(seed) > 1000 for seed in graph_seeds())
