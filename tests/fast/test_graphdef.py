"""Reading GraphDefs: what comes out of well-formed ones. Others are in test_graphdef_refused.py."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from netwright.frontends.tensorflow import graphdef, proto
from netwright.frontends.tensorflow.graphdef import FuncRef, Placeholder, read_graph
from netwright.frontends.tensorflow.tensors import OtherType, data_type
from netwright.runtime import spec
from netwright.runtime.errors import FormatError

from .wire_bytes import chunk, raw_attr, raw_node, varint

NUMBER = {name: number for number, name in enumerate(proto.DATA_TYPES)}
m = proto.messages()


def graph_bytes(**attrs: object) -> bytes:
    """A graph of one node with these attributes, given as keyword arguments of AttrValue."""
    node = m.NodeDef(name="a", op="Op")
    for key, value in attrs.items():
        node.attr[key].CopyFrom(m.AttrValue(**value))  # type: ignore[arg-type]
    return m.GraphDef(node=[node]).SerializeToString()


def read_attr(**value: object) -> object:
    return read_graph(graph_bytes(x=value)).nodes[0].attrs["x"]


def shape_proto(*sizes: int) -> object:
    return m.TensorShapeProto(dim=[m.Dim(size=size) for size in sizes])


def same(array: np.ndarray, wanted: object, dtype: str) -> None:
    wanted = np.array(wanted, dtype)
    assert (array.dtype, array.shape) == (wanted.dtype, wanted.shape)
    assert array.tobytes() == wanted.tobytes()
    assert not array.flags.writeable


# Nodes, attributes, functions.


def test_nodes_in_file_order():
    nodes = [
        m.NodeDef(name="b", op="Relu", input=["a", "a:1", "^c"], device="/cpu:0"),
        m.NodeDef(name="a", op="Split"),
    ]
    data = m.GraphDef(node=nodes, versions=m.VersionDef(producer=27, min_consumer=12, bad_consumers=[1, 2]))
    graph = read_graph(data.SerializeToString())
    assert [(n.name, n.op, n.inputs, n.device) for n in graph.nodes] == [
        ("b", "Relu", ("a", "a:1", "^c"), "/cpu:0"),
        ("a", "Split", (), ""),
    ]
    assert graph.versions == graphdef.Versions(27, 12, (1, 2))
    assert graph.functions == {}


ATTRIBUTES = [
    ({"i": -3}, -3),
    ({"i": 2**63 - 1}, 2**63 - 1),
    ({"f": 0.5}, 0.5),
    ({"b": True}, True),
    ({"b": False}, False),
    ({"s": b"SAME"}, "SAME"),
    ({"s": "é".encode()}, "é"),
    ({"s": b"\xff\x00"}, b"\xff\x00"),
    ({"type": NUMBER["FLOAT"]}, spec.f32),
    ({"type": NUMBER["BFLOAT16"]}, spec.bf16),
    ({"type": NUMBER["FLOAT"] + 100}, spec.f32),
    ({"type": NUMBER["STRING"]}, OtherType("string")),
    ({"type": 0}, OtherType("invalid")),
    ({"shape": m.TensorShapeProto(unknown_rank=True)}, None),
    ({"shape": shape_proto()}, ()),
    ({"shape": shape_proto(-1, 0, 3)}, (None, 0, 3)),
    ({"func": m.NameAttrList(name="f", attr={"T": m.AttrValue(i=1)})}, FuncRef("f", {"T": 1})),
    ({"placeholder": "T"}, Placeholder("T")),
    ({"list": m.ListValue()}, ()),
    ({"list": m.ListValue(i=[1, -2])}, (1, -2)),
    ({"list": m.ListValue(f=[0.5])}, (0.5,)),
    ({"list": m.ListValue(b=[True, False])}, (True, False)),
    ({"list": m.ListValue(s=[b"a", b""])}, ("a", "")),
    ({"list": m.ListValue(s=[b"a", b"\xff"])}, (b"a", b"\xff")),
    ({"list": m.ListValue(type=[1, 7])}, (spec.f32, OtherType("string"))),
    ({"list": m.ListValue(shape=[shape_proto(1), m.TensorShapeProto(unknown_rank=True)])}, ((1,), None)),
    ({"list": m.ListValue(func=[m.NameAttrList(name="f")])}, (FuncRef("f", {}),)),
]


@pytest.mark.parametrize(("value", "wanted"), ATTRIBUTES)
def test_attribute(value, wanted):
    found = read_attr(**value)
    assert found == wanted
    assert type(found) is type(wanted)


def test_list_of_tensors():
    first, second = read_attr(
        list=m.ListValue(tensor=[m.TensorProto(dtype=1, float_val=[2]), m.TensorProto(dtype=9)])
    )
    same(first.array(), 2, "f4")
    same(second.array(), 0, "i8")


def test_attributes_are_sorted_and_unset_ones_absent():
    assert list(read_graph(graph_bytes(b={"i": 1}, c={}, a={"i": 1})).nodes[0].attrs) == ["a", "b"]


@pytest.mark.parametrize("number", range(len(proto.DATA_TYPES)))
def test_every_data_type_has_one_name(number):
    name = str(data_type(number))
    plain = {"FLOAT": "float32", "DOUBLE": "float64", "HALF": "float16"}
    # quantised types are the integers that they hold
    plain |= {"Q" + t.upper(): t for t in ("int8", "uint8", "int16", "uint16", "int32")}
    assert name == plain.get(proto.DATA_TYPES[number], proto.DATA_TYPES[number].lower())
    if number:
        assert data_type(number + 100) == data_type(number)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"type": 77}, "node 'a'.*attribute 'x': expected one of TensorFlow's data types, found number 77"),
        ({"type": 100}, "found number 100"),
        ({"shape": shape_proto(-2)}, "expected sizes of -1 and above in a shape, found -2"),
        ({"list": m.ListValue(i=[1], f=[1])}, "expected a list of one kind, found i and f"),
    ],
)
def test_bad_attribute(value, message):
    with pytest.raises(FormatError, match=message):
        read_attr(**value)


def function_bytes() -> bytes:
    signature = m.OpDef(
        name="f",
        input_arg=[
            m.ArgDef(name="x", type=1),
            m.ArgDef(name="y", type_attr="T", number_attr="N", is_ref=True),
        ],
        output_arg=[m.ArgDef(name="z", type_list_attr="Ts")],
        attr=[m.AttrDef(name="T", type="type")],
    )
    function = m.FunctionDef(
        signature=signature,
        node_def=[
            m.NodeDef(name="n", op="Add", input=["x", "y:0"]),
            m.NodeDef(name="o", op="Neg", input=["n:z:0"]),
        ],
        ret={"z": "o:y:0"},
        control_ret={"c": "n"},
        attr={"_noinline": m.AttrValue(b=True)},
        arg_attr={1: m.ArgAttrs(attr={"_name": m.AttrValue(s=b"y")})},
    )
    library = m.FunctionDefLibrary(function=[function])
    return m.GraphDef(node=[m.NodeDef(name="a", op="Op")], library=library).SerializeToString()


def test_function():
    function = read_graph(function_bytes()).functions["f"]
    assert [(n.name, n.op, n.inputs) for n in function.nodes] == [
        ("n", "Add", ("x", "y:0")),
        ("o", "Neg", ("n:z:0",)),
    ]
    assert function.inputs == (
        graphdef.Argument("x", spec.f32),
        graphdef.Argument("y", None, type_attr="T", number_attr="N", is_ref=True, attrs={"_name": "y"}),
    )
    assert function.outputs == (graphdef.Argument("z", None, type_list_attr="Ts"),)
    assert (function.ret, function.control_ret, function.attrs) == (
        {"z": "o:y:0"},
        {"c": "n"},
        {"_noinline": True},
    )
    assert function.parameters == ("T",)


def test_a_function_must_have_one_name():
    data = function_bytes()
    with pytest.raises(FormatError, match="expected function 'f' once, found it twice"):
        read_graph(data + data)
    with pytest.raises(FormatError, match="expected a function with a name"):
        read_graph(raw_node() + chunk(2, chunk(1, b"")))


def test_text_format(tmp_path):
    from google.protobuf import text_format

    message = m.GraphDef.FromString(function_bytes())
    message.node[0].attr["value"].tensor.CopyFrom(m.TensorProto(dtype=1, tensor_content=b"\0\0\x80\x3f"))
    path = tmp_path / "graph.pbtxt"
    path.write_text("# a comment\n" + text_format.MessageToString(message) + "debug_of_tomorrow { x: 1 }\n")
    graph = read_graph(path)
    assert graph.functions == read_graph(function_bytes()).functions
    same(graph.nodes[0].attrs["value"].array(), 1, "f4")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("node { nam", "line 1: expected a field, found 'nam'"),
        ("node {\n name: 'a' op: 1 }", "line 2: expected field 'op' as a string, found '1'"),
        (
            "versions { producer: 99999999999 }",
            "line 1: expected field 'producer' as int32, found '99999999999'",
        ),
        (
            "node { attr { value { func { " + "attr { value { func { " * 3000,
            "nested at most 100 deep, found more",
        ),
        ("node { name: '" + "a" * (9 << 20) + "' }", "of names and attributes in one node"),
        ("node { name: '\udcff' op: 'x' }", "expected a NodeDef, found 6 bytes that do not parse as one"),
    ],
)
def test_bad_text(text, message):
    with pytest.raises(FormatError, match=message):
        read_graph(text.encode(errors="surrogateescape"))


def test_functions_may_nest_a_little():
    value = b""
    for _ in range(20):
        value = chunk(10, chunk(2, chunk(1, b"k") + chunk(2, value)))
    found = read_graph(raw_node(raw_attr(b"f", value))).nodes[0].attrs["f"]
    for _ in range(19):
        found = found.attrs["k"]
    assert found == FuncRef("", {})


# Memory: what must not be copied or built.


def test_large_content_is_a_view_of_the_bytes():
    values = np.arange(10_000, dtype="<f4")
    node = m.NodeDef(name="w", op="Const", attr={"dtype": m.AttrValue(type=1)})
    tensor = m.TensorProto(dtype=1, tensor_shape=shape_proto(100, 100), tensor_content=values.tobytes())
    node.attr["value"].tensor.CopyFrom(tensor)
    data = m.GraphDef(node=[node, m.NodeDef(name="b", op="Op")]).SerializeToString()
    graph = read_graph(data)
    array = graph.nodes[0].attrs["value"].array()
    same(array, values.reshape(100, 100), "f4")
    assert np.shares_memory(array, np.frombuffer(data, np.uint8))
    assert list(graph.nodes[0].attrs) == ["dtype", "value"] and graph.nodes[1].name == "b"
    assert graph.nodes[0].attrs["value"].array() is array
    assert not read_graph(bytearray(data)).nodes[0].attrs["value"].array().flags.writeable


def test_large_content_in_a_function_is_a_view_of_the_file(tmp_path):
    tensor = m.TensorProto(dtype=4, tensor_shape=shape_proto(1 << 20), tensor_content=bytes(1 << 20))
    node = m.NodeDef(name="w", op="Const", attr={"value": m.AttrValue(tensor=tensor)})
    function = m.FunctionDef(signature=m.OpDef(name="f"), node_def=[node])
    library = m.FunctionDefLibrary(function=[function])
    data = m.GraphDef(node=[m.NodeDef(name="a", op="Op")], library=library).SerializeToString()
    path = tmp_path / "graph.pb"
    path.write_bytes(data)
    array = read_graph(path).functions["f"].nodes[0].attrs["value"].array()
    path.unlink()
    assert array.sum() == 0 and array.size == 1 << 20
    base = array
    while isinstance(base, np.ndarray):
        base = base.base
    assert type(base).__name__ == "memoryview" and type(base.obj).__name__ == "mmap"


def test_a_large_node_in_several_pieces_is_left_to_protobuf():
    head = chunk(8, b"\x08\x04" + chunk(2, chunk(2, b"\x08" + varint(20_000))))
    data = raw_node(raw_attr(b"value", head + chunk(8, chunk(4, b"\1" * 20_000))))
    same(read_graph(data).nodes[0].attrs["value"].array(), np.ones(20_000), "u1")


def test_an_attribute_that_appears_twice_in_a_large_node():
    large = raw_attr(b"value", chunk(8, b"\x08\x04" + chunk(4, bytes(20_000))))
    for twice in (large + large, large + raw_attr(b"value", b"\x18\x01")):
        with pytest.raises(FormatError, match="expected attribute 'value' once, found it twice"):
            read_graph(raw_node(twice))


def test_reading_is_what_imports_protobuf():
    code = "import sys, netwright.frontends.tensorflow.graphdef; sys.exit('google.protobuf' in sys.modules)"
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
