"""Files that are no well-formed GraphDefs, cut, changed, hostile: each ends in a FormatError."""

from __future__ import annotations

import contextlib
import functools
import math
import os

import numpy as np
import pytest
from netwright.frontends.tensorflow import proto, wire
from netwright.frontends.tensorflow.graphdef import read_graph
from netwright.frontends.tensorflow.tensors import Tensor
from netwright.runtime.errors import FormatError, UnsupportedError

from .wire_bytes import chunk, raw_attr, raw_node, varint

m = proto.messages()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            raw_node(name=b"n" * 9_000_000),
            "expected at most 8388608 bytes of names and attributes in one node",
        ),
        (raw_node(chunk(3, b"") * 3000), "expected at most some ten million"),
        (raw_node(raw_attr(b"x", chunk(1, chunk(8, b"") * 500))), "expected at most some ten million"),
        (raw_node() * 500, "expected at most some ten million"),
        (b"\x78\0" * 3000, "expected at most some ten million"),
        (raw_node() + chunk(2, chunk(1, chunk(1, chunk(1, b"f")) + chunk(3, b"") * 900)), "ten million"),
    ],
)
def test_a_file_may_cost_so_much(data, message, monkeypatch):
    monkeypatch.setattr(wire, "Budget", functools.partial(wire.Budget, steps=2000))
    with pytest.raises(FormatError, match=message):
        read_graph(data)


def test_names_may_cost_so_much(monkeypatch):
    monkeypatch.setattr(wire, "Budget", functools.partial(wire.Budget, detail=2000))
    with pytest.raises(FormatError, match="expected at most 160 MB of names and attributes"):
        read_graph(raw_node(name=b"n" * 100) * 30)


@functools.cache
def small_graph() -> bytes:
    """A graph with every kind of attribute, constants in several encodings, and a function."""
    shapes = [m.TensorShapeProto(unknown_rank=True), m.TensorShapeProto(dim=[m.Dim(size=-1), m.Dim(size=3)])]
    call = m.NameAttrList(name="f", attr={"T": m.AttrValue(type=1)})
    lists = (
        m.ListValue(i=[1, -2]),
        m.ListValue(s=[b"a", b"\xff"]),
        m.ListValue(shape=shapes),
        m.ListValue(func=[call]),
    )
    values = [
        *(
            {"i": -3},
            {"f": 0.5},
            {"b": True},
            {"s": b"SAME"},
            {"type": 101},
            {"placeholder": "T"},
            {"func": call},
        ),
        *({"shape": shape} for shape in shapes),
        *({"list": values} for values in lists),
    ]
    node = m.NodeDef(name="node", op="Op", input=["a", "^b"], device="d")
    for index, value in enumerate(values):
        node.attr[f"x{index}"].CopyFrom(m.AttrValue(**value))

    def shape(size: int) -> object:
        return m.TensorShapeProto(dim=[m.Dim(size=size)])

    tensors = [
        m.TensorProto(dtype=1, tensor_shape=shape(2), tensor_content=bytes(8)),
        m.TensorProto(dtype=1, tensor_shape=shape(3), float_val=[1, 2]),
        m.TensorProto(dtype=9, tensor_shape=shape(2), int64_val=[-1, 300]),
        m.TensorProto(dtype=7, tensor_shape=shape(2), string_val=[b"a", b"bc"]),
    ]
    node.attr["tensors"].list.tensor.extend(tensors)
    signature = m.OpDef(
        name="f", input_arg=[m.ArgDef(name="x", type=1)], output_arg=[m.ArgDef(name="z", type_attr="T")]
    )
    function = m.FunctionDef(signature=signature, node_def=[node], ret={"z": "o:y:0"}, control_ret={"c": "n"})
    function.arg_attr[0].attr["a"].i = 1
    library = m.FunctionDefLibrary(function=[function])
    versions = m.VersionDef(producer=27, bad_consumers=[1])
    return m.GraphDef(node=[node, node], library=library, versions=versions).SerializeToString()


def read_all(data: bytes) -> int:
    """The number of nodes in `data`, its constants decoded as well; 0 if it is refused."""
    try:
        graph = read_graph(data)
    except FormatError:
        return 0
    for node in graph.nodes:
        tensors = node.attrs.get("tensors", ())
        for tensor in tensors if isinstance(tensors, tuple) else ():
            if isinstance(tensor, Tensor) and math.prod(tensor.shape) < 1 << 20:
                with contextlib.suppress(FormatError, UnsupportedError):
                    tensor.array()
    return len(graph.nodes)


def test_cut_at_every_byte():
    data = small_graph()
    found = [read_all(data[:length]) for length in range(len(data))]
    assert set(found) == {0, 1, 2} and read_all(data) == 2


@pytest.mark.parametrize("flip", [0x01, 0x08, 0x7F, 0x80, 0xFF])
def test_any_byte_changed(flip):
    data = small_graph()
    for position in range(len(data)):
        read_all(data[:position] + bytes([data[position] ^ flip]) + data[position + 1 :])


def test_any_bytes():
    rng = np.random.default_rng(7)
    for _ in range(3000):
        data = rng.integers(0, rng.choice([4, 32, 256]), rng.integers(60), np.uint8).tobytes()
        read_all(data)
        read_all(raw_node(raw_attr(b"tensors", chunk(1, chunk(8, data)))))


def nested(depth: int) -> bytes:
    """A function attribute in a function attribute, and so on."""
    value = b""
    for _ in range(depth):
        value = chunk(10, chunk(2, chunk(1, b"k") + chunk(2, value)))
    return raw_node(raw_attr(b"f", value))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected a TensorFlow graph, found an empty file"),
        (b"\x22\x00", "expected a graph with nodes, found none"),
        (b"\x0a", "expected a number of at most 10 bytes, found the end"),
        (b"\x0a\x05ab", "byte 0: expected 5 bytes of field 1, found 2"),
        (b"\x0a" + varint(1 << 30) + b"ab", "expected 1073741824 bytes of field 1, found 2"),
        (b"\x0a" + varint((1 << 64) - 1) + b"ab", "expected 18446744073709551615 bytes"),
        (b"\x0a" + b"\xff" * 9 + b"\x7f", "expected a number of 64 bits"),
        (b"\x0a" + b"\xff" * 20, "expected a number of at most 10 bytes, found more"),
        (raw_node() + b"\x0d1234", "expected a node as a length and bytes, found 4 bytes"),
        (raw_node() + b"\x20\x01", "expected the versions as a length and bytes, found a varint"),
        (raw_node() + chunk(3, b"a"), "expected the version as a varint, found a length and bytes"),
        (raw_node() + b"\x0b\x0c", "expected a field of a graph, found wire type 3"),
        (raw_node() + b"\x02\x00", "expected a field, found field number 0"),
        (raw_node() + chunk(4, b"\x08"), "expected a VersionDef"),
        (raw_node(name=b""), "expected a name and an op, found '' and 'Op'"),
        (raw_node(op=b""), "node 'a' .number 0.: expected a name and an op"),
        (raw_node(name=b"\xff\xff"), "node number 0: expected a NodeDef"),
        (raw_node(b"\x18\x01", b"\x1a\x7f"), "expected a NodeDef"),
        (raw_node() + raw_node(raw_attr(b"x", b"\x78\x01")), "number 1.*expected a known kind of value"),
        (nested(200), "expected a NodeDef"),
        (nested(20_000), "expected a NodeDef"),
        (b"\x1a" * 100_000, "expected 26 bytes|expected the version"),
    ],
)
def test_refused(data, message):
    with pytest.raises(FormatError, match=message):
        read_graph(data)


def test_a_message_names_the_file_and_what_to_do(tmp_path):
    path = tmp_path / "model.pb"
    path.write_bytes(raw_node(op=b""))
    with pytest.raises(FormatError) as caught:
        read_graph(path)
    assert str(caught.value) == (
        f"{path}: node 'a' (number 0): expected a name and an op, found 'a' and ''; "
        "check that it is a whole frozen graph, and write it again if not"
    )


def test_paths_that_hold_no_graph(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01" + chunk(2, b"\x0a\x00"))
    (tmp_path / "empty.pb").touch()
    os.mkfifo(tmp_path / "pipe.pb")
    for path, found in [
        (tmp_path, "expected a TensorFlow graph, found a TensorFlow SavedModel"),
        (tmp_path / "saved_model.pb", "found a TensorFlow SavedModel"),
        (tmp_path / "empty.pb", "found an empty file"),
        (tmp_path / "pipe.pb", "found a device or a pipe"),
        (tmp_path / "missing.pb", "found nothing: check the path"),
        ("a\0b", "found nothing"),
    ]:
        with pytest.raises(FormatError, match=found):
            read_graph(path)
