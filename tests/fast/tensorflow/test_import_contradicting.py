"""Graphs that contradict themselves, or are damaged or huge: an error that names node and file, and soon."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netwright.frontends.tensorflow.importer import import_graph
from netwright.runtime.errors import Error, FormatError, ShapeError

from .graphs import (
    IMAGE,
    KERNEL,
    Func,
    Type,
    X,
    const,
    conv,
    function,
    graph,
    load,
    m,
    max_pool,
    node,
    ops,
    placeholder,
)

CONTRADICTING = {
    "a missing node": (
        X,
        node("y", "AddV2", "x", "gone:1"),
        "node 'y' has input 'gone:1', and there is no node 'gone'",
    ),
    "names that repeat": (
        X,
        node("y", "Relu", "x"),
        node("y", "Relu", "x"),
        "expected every node's name once, found 'y' twice",
    ),
    "a cycle": (
        X,
        node("a", "AddV2", "x", "c"),
        node("b", "Relu", "a"),
        node("c", "Relu", "b"),
        node("y", "Neg", "c"),
        "expected a graph without cycles, found a → b → c → a",
    ),
    "a cycle of one": (
        node("y", "Relu", "y"),
        node("z", "Relu", "y"),
        "expected a graph without cycles, found y → y",
    ),
    "too few inputs": (X, node("y", "AddV2", "x"), r"node 'y' \(AddV2\): expected 2 inputs, found 1"),
    "too many inputs": (X, node("y", "Relu", "x", "x"), r"node 'y' \(Relu\): expected 1 inputs, found 2"),
    "more inputs than can be": (
        X,
        node("y", "PadV2", "x"),
        r"node 'y' \(PadV2\): expected 2 to 3 inputs, found 1",
    ),
    "no inputs at all": (node("y", "AddN"), r"node 'y' \(AddN\): expected 1 or more inputs, found 0"),
    "an output that is not there": (
        X,
        node("a", "Relu", "x"),
        node("y", "Neg", "a:1"),
        "node 'y' has input 'a:1', and its node has no such output",
    ),
    "an attribute that is missing": (
        IMAGE,
        KERNEL,
        conv(strides=None),
        r"node 'y' \(Conv2D\): expected attribute 'strides', found none",
    ),
    "an attribute of another kind": (
        IMAGE,
        KERNEL,
        conv(strides=3),
        "expected attribute 'strides' as a list of integers, found 3",
    ),
    "a list of other things": (
        IMAGE,
        KERNEL,
        conv(strides=(Type("float32"),)),
        "expected attribute 'strides' as a list of integers",
    ),
    "strides for another rank": (
        IMAGE,
        KERNEL,
        conv(strides=(1, 1)),
        r"expected 4 numbers as 'strides', found \[1, 1\]",
    ),
    "a padding of its own": (
        IMAGE,
        KERNEL,
        conv(padding="FULL"),
        "expected padding SAME, VALID or EXPLICIT, found 'FULL'",
    ),
    "paddings that are missing": (
        IMAGE,
        KERNEL,
        conv(padding="EXPLICIT"),
        "expected 8 numbers as 'explicit_paddings'",
    ),
    "a rank that does not fit": (X, KERNEL, conv(), r"expected images of rank 4, found tensor<\?x4xf32>"),
    "a bias that does not fit": (
        X,
        const("b", np.ones(1, np.float32)),
        node("y", "BiasAdd", "x", "b"),
        "expected a bias for 4 channels",
    ),
    "an axis outside": (
        X,
        const("a", 2),
        node("y", "Sum", "x", "a"),
        "expected an axis within rank 2, found 2",
    ),
    "an axis twice": (X, const("a", [1, -1]), node("y", "Sum", "x", "a"), "expected each axis once"),
    "axes that are no integers": (
        X,
        const("a", [0.0]),
        node("y", "Sum", "x", "a"),
        "expected operand 'axes' as a few integers, found tensor<1xf32>",
    ),
    "two axes for one": (
        X,
        const("a", [0, 1]),
        node("y", "ConcatV2", "x", "x", "a"),
        "expected operand 'axis' as one integer, found 2",
    ),
    "types that differ": (
        X,
        placeholder("i", 4, dtype="int32"),
        node("y", "AddV2", "x", "i"),
        r"node 'y' \(AddV2\): operands must share one data type, received float32, int32",
    ),
    "a type that is not the operand's": (
        placeholder("i", 4, dtype="int32"),
        node("y", "Sqrt", "i", T=Type("float32")),
        "is not defined for int32",
    ),
    "paddings of another rank": (
        X,
        const("p", [0, 1]),
        node("y", "Pad", "x", "p"),
        r"expected paddings of shape \[2, 2\]",
    ),
    "pieces that do not fit": (
        X,
        const("a", 1),
        node("y", "Split", "a", "x", num_split=3),
        "expected a size that 3 equal pieces make up in axis 1",
    ),
    "sizes that do not fit": (
        X,
        const("a", 1),
        const("s", [1, 2]),
        node("y", "SplitV", "x", "s", "a", num_split=2),
        "expected sizes that make up 4",
    ),
    "a range that leads nowhere": (
        const("a", 0),
        const("b", 5),
        const("c", -1),
        node("y", "Range", "a", "b", "c"),
        "expected a delta that leads from 0 to 5, found -1",
    ),
    "a placeholder without type": (
        node("x", "Placeholder"),
        node("y", "Relu", "x"),
        r"node 'x' \(Placeholder\): expected attribute 'dtype', found none",
    ),
}


@pytest.mark.parametrize("name", CONTRADICTING)
def test_contradicting(name, tmp_path):
    *nodes, message = CONTRADICTING[name]
    path = tmp_path / "model.pb"
    path.write_bytes(graph(*nodes))
    with pytest.raises((FormatError, ShapeError), match=message) as caught:
        import_graph(path)
    assert str(path) in str(caught.value)


SHAPES = {
    "matmul": (
        X,
        const("w", np.zeros((5, 2), np.float32)),
        node("y", "MatMul", "x", "w"),
        "sizes 4 and 5 differ",
    ),
    "broadcast": (X, placeholder("z", 3), node("y", "AddV2", "x", "z"), "sizes 4 and 3 do not broadcast"),
    "window": (
        placeholder("x", 1, 2, 2, 4),
        KERNEL,
        conv(padding="VALID"),
        "a window of 3 does not fit into 2",
    ),
    "channels": (
        IMAGE,
        const("w", np.zeros((3, 3, 3, 5), np.float32)),
        conv(),
        "4 channels do not fit a filter of 3",
    ),
    "concat": (
        X,
        placeholder("z", 3, 5),
        const("a", 0),
        node("y", "ConcatV2", "x", "z", "a"),
        "sizes 4 and 5 differ",
    ),
    "stride": (IMAGE, KERNEL, conv(strides=(1, 0, 1, 1)), "must be positive"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name):
    *nodes, message = SHAPES[name]
    with pytest.raises(ShapeError, match=rf"<bytes>: node 'y' \(\w+\): .*{message}"):
        load(graph(*nodes))


def test_deep_graphs_take_no_stack():
    nodes = [X, *(node(f"r{i}", "Relu", f"r{i - 1}" if i else "x") for i in range(20_000))]
    assert len(ops(import_graph(graph(*nodes)))) == 20_000
    assert len(ops(import_graph(graph(*nodes[::-1])))) == 20_000


def seeds() -> list[bytes]:
    """Graphs of all kinds, sound and not."""
    tables = (*CONTRADICTING.values(), *SHAPES.values())
    found = [graph(*nodes) for *nodes, _ in tables]
    found += [
        graph(
            X,
            const("b", [1]),
            const("e", [3]),
            const("s", [2]),
            node("y", "StridedSlice", "x", "b", "e", "s"),
        ),
        graph(X, const("a", 1), const("s", [1, -1]), node("y", "SplitV", "x", "s", "a", num_split=2)),
        graph(
            X,
            node("s", "Shape", "x"),
            node("y", "Reshape", "x", "s"),
            const("p", [1, 2]),
            node("z", "Tile", "x", "p"),
        ),
        graph(IMAGE, max_pool(ksize=(1, 2, 2, 1))),
    ]
    step = [const("one", 1), node("n", "AddV2", "i", "one:output:0"), node("y", "AddV2", "x", "x")]
    library = [
        function("body", ["i:int32", "x"], {"i_:int32": "n:z:0", "x_": "y:z:0"}, step),
        function(
            "test",
            ["i:int32", "x"],
            {"go:bool": "l:z:0"},
            [const("k", 3), node("l", "Less", "i", "k:output:0")],
        ),
        function("branch", ["x"], {"r": "y:y:0"}, [node("y", "Relu", "x")]),
    ]
    both = {"then_branch": Func("branch"), "else_branch": Func("branch")}
    found.append(
        graph(
            X,
            placeholder("a", dtype="bool"),
            const("i", 0),
            node("w", "While", "i", "x", cond=Func("test"), body=Func("body")),
            node("y", "If", "a", "w:1", **both),
            node("z", "PartitionedCall", "y", f=Func("branch")),
            functions=library,
        )
    )
    return found


SEEDS = seeds()
OPS = sorted({n.op for seed in SEEDS for n in m.GraphDef.FromString(seed).node})
NAMES = st.sampled_from(
    ["i", "n:z:0", "y:z:0", "x", "y", "a", "b", "w", "x:1", "y:9", "^a", "p:0", "", "s", "i", "z"]
)
VALUES = st.one_of(
    st.integers(-3, 5).map(lambda i: m.AttrValue(i=i)),
    st.sampled_from(["SAME", "NCHW", "EXPLICIT"]).map(lambda s: m.AttrValue(s=s.encode())),
    st.lists(st.integers(-2, 4), max_size=8).map(lambda v: m.AttrValue(list=m.ListValue(i=v))),
    st.integers(0, 25).map(lambda t: m.AttrValue(type=t)),
    st.booleans().map(lambda b: m.AttrValue(b=b)),
    st.sampled_from(["body", "test", "branch", "none"]).map(
        lambda f: m.AttrValue(func=m.NameAttrList(name=f))
    ),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(SEEDS), st.data())
def test_damaged_graphs_end_in_an_error_of_ours(seed, data):
    message = m.GraphDef.FromString(seed)
    nodes = [*message.node, *(n for f in message.library.function for n in f.node_def)]
    for _ in range(data.draw(st.integers(1, 3))):
        victim = data.draw(st.sampled_from(nodes))
        what = data.draw(st.integers(0, 5))
        if what == 0 and victim.input:
            victim.input[data.draw(st.integers(0, len(victim.input) - 1))] = data.draw(NAMES)
        elif what == 1 and victim.attr:
            victim.attr[data.draw(st.sampled_from(sorted(victim.attr)))].CopyFrom(data.draw(VALUES))
        elif what == 2 and victim.attr:
            del victim.attr[data.draw(st.sampled_from(sorted(victim.attr)))]
        elif what == 3:
            victim.input.append(data.draw(NAMES))
        elif what == 4 and message.library.function:
            f = data.draw(st.sampled_from(list(message.library.function)))
            del (f.signature.input_arg if data.draw(st.booleans()) else f.signature.output_arg)[0]
        else:
            victim.op = data.draw(st.sampled_from(OPS))
    try:
        load(message.SerializeToString())
    except Error as error:
        said = str(error)
    else:
        said = "it could be compiled"
    assert len(said) > 10
