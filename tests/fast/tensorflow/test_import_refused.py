"""Graphs that cannot be compiled: all obstacles at once, each with its nodes and the reason."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.frontends.tensorflow import importer
from netwright.frontends.tensorflow.importer import import_graph
from netwright.runtime.errors import UnsupportedError

from .graphs import IMAGE, KERNEL, Type, X, const, conv, graph, load, max_pool, node, placeholder


def test_all_obstacles_are_listed_at_once():
    data = graph(
        X,
        *(node(f"e{i}", "Bessel", "x") for i in range(5)),
        node("sum", "AddN", "e0", "e1", "e2", "e3", "e4"),
        const("k", np.array([b"text"], object)),
        node("join", "StringJoin", "k", "k"),
        const("axis", [0]),
        placeholder("axes", 1, dtype="int32"),
        node("mean", "Mean", "x", "axes"),
        node("again", "Bessel", "sum"),
        node("y", "Sum", "again", "axis"),
        node("z", "Neg", "mean"),
    )
    with pytest.raises(UnsupportedError) as caught:
        load(data, outputs=["y", "z", "join"])
    assert str(caught.value) == (
        "<bytes>: expected nodes that can be compiled, found others:\n"
        "  Bessel x 6 ('e0', 'e1', 'e2', …): this op is not supported; the nearest that is: BesselY1\n"
        "  Const x 1 ('k'): data type string is not supported\n"
        "  Mean x 1 ('mean'): operand 'axes' is computed at run time and must be known at compile time\n"
        "  StringJoin x 1 ('join'): this op is not supported"
    )
    assert caught.value.ops == ("Bessel", "Const", "Mean", "StringJoin")


def test_unnamed_outputs_may_be_the_reason():
    with pytest.raises(UnsupportedError, match="found others, or name the outputs you need"):
        load(graph(X, node("a", "Bessel", "x"), node("b", "Relu", "x")))


@pytest.mark.parametrize(
    ("op", "reason"),
    [
        ("Switch", "control flow of TensorFlow 1 is not supported"),
        ("NextIteration", "control flow of TensorFlow 1 is not supported"),
        ("VariableV2", "it is a variable, and a graph alone has no values for it: compile the folder of its"),
        ("Bessel", "this op is not supported"),
    ],
)
def test_reasons(op, reason):
    with pytest.raises(UnsupportedError, match=f"{op} x 1 .'y'.: {reason}"):
        load(graph(X, node("y", op, *(() if "Variable" in op else ("x",)))))


def test_loops_of_tensorflow_1_are_refused_by_name():
    data = graph(
        X,
        node("enter", "Enter", "x"),
        node("merge", "Merge", "enter", "next"),
        node("next", "NextIteration", "body"),
        node("body", "Relu", "merge"),
        node("y", "Exit", "merge"),
    )
    with pytest.raises(UnsupportedError) as caught:
        load(data)
    assert caught.value.ops == ("Enter", "Exit", "Merge", "NextIteration")


REFUSED = {
    "a data format": (
        IMAGE,
        max_pool(ksize=(1, 2, 2, 1), data_format="NCHW_VECT_C"),
        "data format 'NCHW_VECT_C' is not supported",
    ),
    "windows over channels": (
        IMAGE,
        max_pool(ksize=(1, 1, 1, 2)),
        r"ksize \[1, 1, 1, 2\] beyond height and width is not supported",
    ),
    "strides over the batch": (
        IMAGE,
        KERNEL,
        conv(strides=(2, 1, 1, 1)),
        r"strides \[2, 1, 1, 1\] beyond height and width",
    ),
    "axes from data": (
        X,
        placeholder("a", 1, dtype="int32"),
        node("y", "Sum", "x", "a"),
        "operand 'axes' is computed at run time and must be known at compile time",
    ),
    "unknown depth of indices": (
        X,
        placeholder("i", None, None, dtype="int32"),
        node("y", "GatherNd", "x", "i"),
        "how many axes its indices choose from is known only at run time",
    ),
    "packed channels": (
        placeholder("x", None, 2, 2, 2),
        node("y", "SpaceToDepth", "x", block_size=2, data_format="NCHW_VECT_C"),
        "data format 'NCHW_VECT_C' is not supported",
    ),
    "patches over channels": (
        placeholder("x", None, 2, 2, 2),
        node(
            "y",
            "ExtractImagePatches",
            "x",
            ksizes=[1, 1, 1, 2],
            strides=[1] * 4,
            rates=[1] * 4,
            padding="SAME",
        ),
        "windows over the batch or the channels are not supported",
    ),
    "scatters into all": (
        X,
        placeholder("i", 3, 0, dtype="int32"),
        node("y", "TensorScatterAdd", "x", "i", "x"),
        "which choose the whole tensor, are not supported",
    ),
    "complex numbers": (
        X,
        node("y", "Cast", "x", DstT=Type("complex64")),
        "complex numbers are supported only where real ones are made of them",
    ),
    "complex inputs": (
        placeholder("c", 2, dtype="complex64"),
        node("y", "Neg", "c"),
        "data type complex64 is not supported",
    ),
    "integers of which there is no root": (
        placeholder("i", 2, dtype="int32"),
        node("y", "Sqrt", "i", T=Type("int32")),
        "is not defined for int32",
    ),
    "products of two types": (
        X,
        placeholder("i", 4, 2, dtype="int8"),
        node("y", "BatchMatMulV3", "x", "i", Tout=Type("int32")),
        "a product of float32 and int8 as int32 is not supported",
    ),
    "outputs for training": (
        IMAGE,
        const("s", np.ones(4, np.float32)),
        node("bn", "FusedBatchNormV3", "x", "s", "s", "s", "s", is_training=False),
        node("y", "Neg", "bn:5"),
        "its outputs for training are not supported",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    *nodes, message = REFUSED[name]
    with pytest.raises(UnsupportedError, match=message):
        load(graph(*nodes), outputs=["y"])


def chain(count: int) -> bytes:
    return graph(X, *(node(f"r{i}", "Relu", f"r{i - 1}" if i else "x") for i in range(count)))


HUGE = {
    "nodes": chain(1001),
    "pieces": graph(placeholder("x", 4000), node("y", "Unpack", "x", num=4000)),
    "numbers": graph(const("a", 0), const("b", 1 << 20), const("c", 1), node("y", "Range", "a", "b", "c")),
}


@pytest.mark.parametrize("name", HUGE)
def test_graphs_that_would_take_too_long(name, monkeypatch):
    assert import_graph(chain(900))
    monkeypatch.setattr(importer, "MOST_STEPS", 2000)
    with pytest.raises(
        UnsupportedError, match="expected a graph of at most some 1000 nodes with functions inlined"
    ):
        import_graph(HUGE[name])


def test_formulas_that_grow_without_measure():
    shape = [None] * 8
    data = graph(
        *(placeholder(f"x{i}", *shape) for i in range(12)),
        *(const(f"a{i}", i) for i in range(8)),
        *(
            node(f"c{i}", "ConcatV2", f"c{i - 1}" if i else "x0", *(f"x{k}" for k in range(1, 12)), f"a{i}")
            for i in range(8)
        ),
        const("flat", [-1]),
        node("y", "Reshape", "c7", "flat"),
    )
    with pytest.raises(UnsupportedError, match="the number of its elements is too complicated a formula"):
        import_graph(data)


def test_ranks_beyond_measure():
    with pytest.raises(UnsupportedError, match="a rank of 65 is not supported"):
        import_graph(graph(placeholder("x", *[1] * 65), node("y", "Relu", "x")))
    nodes = [
        X,
        const("a", 0),
        *(node(f"e{i}", "ExpandDims", f"e{i - 1}" if i else "x", "a") for i in range(90)),
    ]
    with pytest.raises(UnsupportedError, match="a rank of 65 is not supported"):
        import_graph(graph(*nodes))
