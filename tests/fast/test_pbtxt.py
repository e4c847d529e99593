"""Protobuf's text format, read by netwright's own reader: against protobuf's, and where it must refuse."""

from __future__ import annotations

import random

import pytest
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st
from netwright.frontends.tensorflow import proto
from netwright.frontends.tensorflow.graphdef import read_graph
from netwright.frontends.tensorflow.pbtxt import to_binary
from netwright.frontends.tensorflow.wire import Budget, Source
from netwright.runtime.errors import FormatError

m = proto.messages()


def binary(text: str | bytes, message: str = "GraphDef") -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return bytes(to_binary(Source("<text>", memoryview(data), Budget()), message).view)


def parsed(text: str | bytes, message: str = "GraphDef"):
    return getattr(m, message).FromString(binary(text, message))


numbers = {
    "i": st.integers(-(2**63), 2**63 - 1),
    "f": st.floats(width=32),
    "b": st.booleans(),
    "s": st.binary(max_size=12) | st.text(max_size=6).map(str.encode),
    "type": st.integers(0, 33),
}
shapes = st.lists(st.integers(-1, 2**40), max_size=3).map(
    lambda sizes: m.TensorShapeProto(dim=[m.Dim(size=d) for d in sizes], unknown_rank=not sizes)
)
tensors = st.builds(
    m.TensorProto,
    dtype=st.integers(0, 23),
    tensor_shape=shapes,
    tensor_content=st.binary(max_size=40),
    float_val=st.lists(st.floats(width=32), max_size=4),
    double_val=st.lists(st.floats(), max_size=4),
    int_val=st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4),
    uint64_val=st.lists(st.integers(0, 2**64 - 1), max_size=4),
    string_val=st.lists(st.binary(max_size=5), max_size=3),
    bool_val=st.lists(st.booleans(), max_size=3),
)
lists = st.one_of(*(st.builds(m.ListValue, **{k: st.lists(v, max_size=3)}) for k, v in numbers.items()))
attributes = st.one_of(
    *(st.builds(m.AttrValue, **{k: v}) for k, v in numbers.items()),
    st.builds(m.AttrValue, shape=shapes),
    st.builds(m.AttrValue, tensor=tensors),
    st.builds(m.AttrValue, list=lists),
    st.builds(m.AttrValue, placeholder=st.text(max_size=5)),
)
nodes = st.builds(
    m.NodeDef,
    name=st.text(max_size=8),
    op=st.text(max_size=8),
    input=st.lists(st.text(max_size=5), max_size=3),
    attr=st.dictionaries(st.text(max_size=4), attributes, max_size=3),
)
graphs = st.builds(
    m.GraphDef,
    node=st.lists(nodes, max_size=3),
    versions=st.builds(m.VersionDef, producer=st.integers(0, 2**31 - 1)),
)


@settings(deadline=None, max_examples=60)
@given(graphs, st.booleans(), st.booleans(), st.booleans())
def test_what_protobuf_writes(graph, one_line, utf8, angle):
    text = text_format.MessageToString(
        graph, as_one_line=one_line, as_utf8=utf8, pointy_brackets=angle, use_short_repeated_primitives=utf8
    )
    # NaNs equal nothing, so bytes are compared.
    assert parsed(text).SerializeToString(deterministic=True) == graph.SerializeToString(deterministic=True)


FORMS = r"""
# comments   # and more
node: < name: "a" 'b' "\x63\144\n\u00e9\U0001F600?" op: 'it"s' ; input: ["x", 'y' "z"], input: "w" >
node { name: "n", attr [{ key: "k" value { i: -0x10 } }, < key: "l" value { list { f: [1, -2.5e3f, inf, -Infinity,
  .5, 1.] i: 017 i: -3 b: [t, false, True, 0, 1] type: [DT_FLOAT, 3, DT_INT32_REF] s: "\001\377" } } >] }
UNKNOWN
library { }
versions { producer: 1234 bad_consumers: [] bad_consumers: 7 }
"""


#: forms that protobuf's reader does not pass over in fields that it does not know
UNKNOWN = """
one { a: 1 b { c: [ { x: "}" }, { y: -3 } ] [ext.of/tomorrow] { z: nan } } d: ENUM } two: [1, 2] ;
"""


def test_all_forms_of_the_language():
    found = parsed(FORMS.replace("UNKNOWN", UNKNOWN))
    assert found == text_format.Parse(FORMS.replace("UNKNOWN", ""), m.GraphDef())
    assert found.node[0].name == "abcd\né😀?" and found.node[0].input == ["x", "yz", "w"]
    values = found.node[1].attr["l"].list
    assert list(values.f) == [1, -2500, float("inf"), float("-inf"), 0.5, 1] and list(values.i) == [15, -3]
    assert list(values.type) == [1, 3, 103] and values.s[0] == b"\1\xff"


def test_a_sign_may_stand_apart():
    assert parsed("node { attr { value { list { i: - 3 f: -\t.5 } } } }").node[0].attr[""].list.i == [-3]


def test_escapes():
    found = parsed(
        r"""node { name: "\a\b\f\n\r\t\v\'\"\\\?" attr { value { s: '\0\12\377\x4\XfF\1234' } } }"""
    )
    assert found.node[0].name == "\a\b\f\n\r\t\v'\"\\?"
    assert found.node[0].attr[""].s == b"\0\n\xff\x04\xffS4"


def test_a_graph_means_the_same_in_both_forms(tmp_path):
    text = (
        'node { name: "w" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "value" value '
        "{ tensor { dtype: DT_FLOAT tensor_shape { dim { size: 2 } } float_val: 1.5 float_val: 1e39 } } } }"
    )
    path = tmp_path / "g.pbtxt"
    path.write_text(text)
    array = read_graph(path).nodes[0].attrs["value"].array()
    assert array.tolist() == [1.5, float("inf")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("node {", "line 1: expected '}', found the end of the text"),
        ("node <\n}", "line 2: expected '>', found '}'"),
        ("}", "expected a field, found '}'"),
        ("node { name 'x' }", "expected a field, found \"name 'x' }\""),
        ("node { name: }", "expected a field, found 'name: }'"),
        ("node { name: 'x' name: 'y' }", "expected field 'name' once, found another"),
        ("node { attr { value { i: 1 f: 2 } } }", "expected one kind of value, found another"),
        ("node: 3", "expected field 'node' as a message, found '3'"),
        ("node: 'x'", "expected field 'node' as a message, found a string"),
        ("node { name { } }", "expected field 'name' as a string, found a message"),
        ("versions { producer: [1, 2] }", "expected one value of field 'producer', found a list"),
        ("versions { bad_consumers: [1 2] }", "expected ',' between elements of a list, found '2\\] }'"),
        ("versions { bad_consumers: [1,] }", "expected an element of a list, found '\\] }'"),
        ("versions { producer: 2147483648 }", "expected field 'producer' as int32, found '2147483648'"),
        ("versions { producer: 1.5 }", "expected field 'producer' as int32, found '1.5'"),
        ("versions { producer: 09 }", "as int32, found '09'"),
        ("node { attr { value { type: DT_NONE } } }", "as DataType, found 'DT_NONE'"),
        ("node { attr { value { b: yes } } }", "as bool, found 'yes'"),
        ("node { attr { value { f: 0x1p3 } } }", "as float, found '0x1p3'"),
        ("node { attr { value { f: 1_0 } } }", "as float, found '1_0'"),
        (r"node { name: '\q' }", r"expected an escape sequence, found b'\\\\q'"),
        (r"node { name: '\777' }", r"expected a byte, found b'\\\\777'"),
        (r"node { name: '\ud800' }", "expected a character, found"),
        ("node { name: 'a\nb' }", "line 1: expected a field"),
        ("node { name: '" + "9" * 5000 + "' op: " + "9" * 5000 + " }", "as a string, found '9999"),
        ("versions { producer: " + "9" * 5000 + " }", "as int32, found '999"),
        ("node {" * 200, "expected messages nested at most 100 deep, found more"),
        ("x: [{" * 200, "expected messages nested at most 100 deep, found more"),
    ],
)
def test_what_is_refused(text, message):
    with pytest.raises(FormatError, match=message) as caught:
        binary(text)
    assert len(str(caught.value)) < 400


def test_the_work_is_bounded():
    for text in (b"node{}" * 4_000_000, b"a:1 " * 4_000_000, b"x:[" + b"1," * 4_000_000):
        with pytest.raises(FormatError, match="expected at most some ten million fields and values"):
            binary(text)


def test_nothing_takes_more_than_linear_time():
    rng = random.Random(0)
    for piece in (b"#", b" ", b"\\", b'"', b"'a'", b"a", b"-", b"a:", b"[", b"<", b"\n", b"a{"):
        text = b"node { name: " + piece * 300_000 + bytes([rng.choice(b'}]x"')])
        with pytest.raises(FormatError):
            binary(text)
