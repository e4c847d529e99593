"""Functions of the library: calls inlined, branches, loops."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.frontends.tensorflow import importer
from netwright.runtime.errors import FormatError, UnsupportedError

from .graphs import Func, Ref, Type, const, function, graph, load, main, node, ops, placeholder, run

X = np.arange(8, dtype=np.float32).reshape(2, 4) - 3

SQUARES = function(
    "squares",
    ["a", "b"],
    {"sum": "add:z:0", "first": "a"},
    [node("add", "AddV2", "sq:y:0", "b"), node("sq", "Square", "a"), node("late", "Assert", "a")],
)


@pytest.mark.parametrize("op", ["PartitionedCall", "StatefulPartitionedCall", "squares"])
def test_calls_are_inlined(op):
    attrs = {} if op == "squares" else {"f": Func("squares")}
    data = graph(
        placeholder("x", None, 4),
        node("call", op, "x", "x", **attrs),
        node("y", "Mul", "call", "call:1"),
        functions=[SQUARES],
    )
    np.testing.assert_array_equal(run(data, X), (X * X + X) * X)
    square, add, _ = (o for o in main(load(data)).body.ops if o.name != "func.return")
    assert (str(square.location), str(add.location)) == ("call/sq", "call/add")


def test_calls_in_calls_and_named_outputs():
    outer = function(
        "outer",
        ["x"],
        {"r": "mul:z:0"},
        [
            node("c", "squares", "x", "x"),
            node("d", "PartitionedCall", "c:first:0", "c:sum:0", f=Func("squares")),
            node("mul", "Mul", "d:output:1", "d:output:0"),
        ],
    )
    data = graph(placeholder("x", None, 4), node("y", "outer", "x"), functions=[outer, SQUARES])
    np.testing.assert_array_equal(run(data, X), X * (X * X + (X * X + X)))


def test_attributes_of_the_call_and_lists_of_arguments():
    cast = function("cast", ["v"], {"r:int32": "c:y:0"}, [node("c", "Cast", "v", DstT=Ref("To"))])
    data = graph(placeholder("x", None, 4), node("y", "cast", "x", To=Type("int32")), functions=[cast])
    np.testing.assert_array_equal(run(data, X), X.astype(np.int32))

    total = function("total", ["v"], {"r": "a:sum:0"}, [node("a", "AddN", "v:0", "v:2")])
    total.signature.input_arg[0].number_attr = "N"
    data = graph(
        placeholder("x", None, 4),
        node("z", "Neg", "x"),
        node("y", "total", "x", "z", "x", N=3),
        functions=[total],
    )
    np.testing.assert_array_equal(run(data, X), X + X)


def test_unused_arguments_may_be_anything():
    first = function("first", ["a", "b"], {"r": "a"}, [])
    data = graph(
        placeholder("x", None, 4),
        const("text", np.array([b"message"], object)),
        node("y", "first", "x", "text"),
        functions=[first],
    )
    np.testing.assert_array_equal(run(data, X), X)


def branches(*extra: object, then: str = "Relu", condition: str = "c") -> bytes:
    then_f = function("then_f", ["a"], {"r": "y:y:0"}, [node("y", then, "a")])
    else_f = function("else_f", ["a"], {"r": "y:y:0"}, [node("y", "Neg", "a")])
    attrs = {"then_branch": Func("then_f"), "else_branch": Func("else_f")}
    return graph(
        placeholder("x", None, 4),
        placeholder("c", dtype="bool"),
        *extra,
        node("y", "If", condition, "x", **attrs),
        functions=[then_f, else_f],
    )


def test_branches():
    data = branches()
    np.testing.assert_array_equal(run(data, X, True), np.maximum(X, 0))
    np.testing.assert_array_equal(run(data, X, False), -X)
    assert ops(load(data)) == ["if"]


def test_a_condition_that_is_known_leaves_one_branch():
    assert ops(load(branches(const("k", np.array(False)), condition="k"))) == ["neg"]


def test_any_number_is_a_condition():
    data = branches(placeholder("f", dtype="float32"), condition="f")
    np.testing.assert_array_equal(run(data, X, np.float32(0.5)), np.maximum(X, 0))
    np.testing.assert_array_equal(run(data, X, np.float32(0)), -X)


def test_branches_of_different_types_are_refused():
    with pytest.raises(
        UnsupportedError, match=r"If x 1 \('y'\): its branches give different types: \(tensor<2xi32>\)"
    ):
        load(branches(then="Shape"))


def loop(count: int = 5, body: object = None, initial: object = None, **attrs: Func) -> bytes:
    """Doubles x and adds `step` while i < count; `step` and `limit` are handed on unchanged."""
    names = ["i:int32", "limit:int32", "v", "step"]
    returns = {"i_:int32": "next:z:0", "limit_:int32": "same:output:0", "v_": "out:z:0", "step_": "step"}
    body = body or function(
        "body",
        names,
        returns,
        [
            const("one", 1),
            node("next", "AddV2", "i", "one:output:0"),
            node("same", "Identity", "limit"),
            node("twice", "AddV2", "v", "v"),
            node("out", "AddV2", "twice:z:0", "step"),
        ],
    )
    test = function("test", names, {"go:bool": "less:z:0"}, [node("less", "Less", "i", "limit")])
    return graph(
        placeholder("x", None, 4),
        const("zero", 0),
        const("limit", count),
        const("step", initial or 1.0),
        node("w", "While", "zero", "limit", "x", "step", cond=Func("test"), body=Func("body")),
        node("y", "Identity", "w:2"),
        functions=[test, body],
    )


@pytest.mark.parametrize("count", [0, 1, 5])
def test_loops(count):
    data = loop(count)
    want = X
    for _ in range(count):
        want = want + want + 1
    np.testing.assert_array_equal(run(data, X, outputs=["y"]), want)


def test_what_a_loop_hands_on_unchanged_is_not_carried():
    (op,) = (o for o in main(load(loop(), outputs=["y"])).body.ops if o.name == "graph.while")
    assert len(op.operands) == 2
    assert [a.hint for a in op.regions[1].block.args] == ["i", "v"]


def test_loops_that_change_a_type_are_refused():
    names = ["i:int32", "limit:int32", "v", "step"]
    grow = function(
        "body",
        names,
        {"i_:int32": "next:z:0", "limit_:int32": "limit", "v_": "out:output:0", "step_": "step"},
        [
            const("one", 1),
            node("next", "AddV2", "i", "one:output:0"),
            const("axis", 0),
            node("out", "ConcatV2", "v", "v", "axis:output:0"),
        ],
    )
    message = r"While x 1 \('w'\): a value changes from .* of shape \[n, 4\] to tensor<\?x4xf32> of shape \[2\*n, 4\]"
    with pytest.raises(UnsupportedError, match=message):
        load(loop(body=grow))


def test_recursion_is_refused():
    again = function("again", ["a"], {"r": "c:r:0"}, [node("c", "again", "a")])
    with pytest.raises(
        UnsupportedError, match=r"again x 1 \('y/c'\): function 'again' calls itself"
    ) as caught:
        load(graph(placeholder("x", 4), node("y", "again", "x"), functions=[again]))
    assert caught.value.ops == ("again",)


def test_calls_that_double_end_soon(monkeypatch):
    monkeypatch.setattr(importer, "MOST_STEPS", 10_000)

    def twice(i: int) -> object:
        return function(
            f"f{i}", ["a"], {"r": "d:r:0"}, [node("c", f"f{i + 1}", "a"), node("d", f"f{i + 1}", "c:r:0")]
        )

    last = function("f40", ["a"], {"r": "y:y:0"}, [node("y", "Relu", "a")])
    with pytest.raises(
        UnsupportedError, match="at most some 5000 nodes with functions inlined, found a larger one"
    ):
        load(
            graph(placeholder("x", 4), node("y", "f0", "x"), functions=[*(twice(i) for i in range(40)), last])
        )


def test_calls_that_nest_deep_are_refused():
    def once(i: int) -> object:
        return function(f"f{i}", ["a"], {"r": "d:r:0"}, [node("d", f"f{i + 1}", "a")])

    last = function("f300", ["a"], {"r": "y:y:0"}, [node("y", "Relu", "a")])
    with pytest.raises(UnsupportedError, match="calls are nested more than 64 deep"):
        load(
            graph(placeholder("x", 4), node("y", "f0", "x"), functions=[*(once(i) for i in range(300)), last])
        )


RELU = node("y", "Relu", "a")


@pytest.mark.parametrize(
    ("f", "attrs", "message"),
    [
        (
            function("f", ["a", "b"], {"r": "a"}, []),
            {},
            r"node 'y' \(f\): expected 2 inputs of function 'f', found 1",
        ),
        (
            function("f", ["a"], {"r": "gone:y:0"}, []),
            {},
            "function 'f' returns 'gone', which it has no node for",
        ),
        (
            function("f", ["a"], {"r": "y:y:3"}, [RELU]),
            {},
            "function 'f' returns 'y:y:3', and there is no such output",
        ),
        (
            function("f", ["a"], {"r": "y:y:0"}, [node("y", "Relu", "b")]),
            {},
            "<bytes>: function 'f': node 'y' has input 'b'",
        ),
        (
            function("f", ["a"], {"r": "y:y:0"}, [RELU, RELU]),
            {},
            "function 'f': expected every node's name once",
        ),
        (
            function("f", ["a"], {"r": "y:y:0"}, [node("y", "PartitionedCall", "a", f=Func("g"))]),
            {},
            r"node 'y/y' \(PartitionedCall\): expected function 'g' in the graph's library",
        ),
        (
            function("f", ["a"], {"r": "y:y:0"}, [node("y", "Relu", "y:y:0")]),
            {},
            "function 'f': expected a graph without cycles",
        ),
    ],
)
def test_functions_that_contradict_themselves(f, attrs, message):
    with pytest.raises(FormatError, match=message):
        load(graph(placeholder("x", 4), node("y", "f", "x", **attrs), functions=[f]))
