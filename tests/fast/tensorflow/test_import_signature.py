"""Inputs and outputs: what is taken by default, what the user may name, how open sizes are called."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler.ops.interpreter import run_module
from netwright.frontends.tensorflow.importer import import_graph
from netwright.runtime.errors import FormatError, InputError, ShapeError, UnsupportedError

from .graphs import (
    Shape,
    Type,
    argument_shapes,
    const,
    graph,
    load,
    m,
    node,
    ops,
    placeholder,
    result_shapes,
    run,
)

TWO = graph(
    placeholder("b/in", None, 4),
    placeholder("a", None, None),
    placeholder("unused", 2),
    node("sum", "AddV2", "a", "b/in"),
    node("out", "Relu", "sum"),
    node("side", "Neg", "sum"),
    node("done", "NoOp", "^out"),
)


def test_by_default_all_that_nothing_consumes():
    module = load(TWO)
    assert argument_shapes(module) == {"b/in": ["n", "4"], "a": ["a_n", "a_d1"]}
    assert list(result_shapes(module)) == ["out", "side"]


def test_the_order_of_inputs_is_the_users():
    assert argument_shapes(load(TWO, inputs=["a"])) == {"a": ["n", "a_d1"], "b/in": ["b_in_n", "4"]}
    assert list(argument_shapes(load(TWO, inputs=["a:0", "b/in:0"], outputs=["sum:0"]))) == ["a", "b/in"]


def test_a_named_input_stays_even_if_unused():
    assert list(argument_shapes(load(TWO, inputs=["unused", "a"]))) == ["unused", "a", "b/in"]


def test_shapes_as_text_and_as_sequences():
    want = {"a": ["batch", "4"], "b/in": ["batch", "4"]}
    assert argument_shapes(load(TWO, inputs=["a:batch,4", "b/in:[batch, 4]"])) == want
    assert argument_shapes(load(TWO, inputs={"a": ("batch", 4), "b/in": "batch,?"})) == want
    assert argument_shapes(load(TWO, inputs={"a": (None, -1), "b/in": None})) == {
        "a": ["n", "a_d1"],
        "b/in": ["b_in_n", "4"],
    }
    assert argument_shapes(load(TWO, inputs=["a:0:?,4"]))["a"] == ["n", "4"]


def test_a_number_behind_a_placeholder_is_its_shape():
    data = graph(node("x", "Placeholder", dtype=Type("float32")), node("y", "Relu", "x"))
    for text in ("x:5", "x:[5]", "x:5,", "x:0:[5]"):
        assert argument_shapes(load(data, inputs=[text])) == {"x": ["5"]}
    assert argument_shapes(load(data, inputs={"x": ()})) == {"x": []}
    assert argument_shapes(load(data, inputs=["x:[]"])) == {"x": []}


def test_rank_that_is_not_known():
    data = graph(node("a/x", "Placeholder", dtype=Type("float32")), node("y", "Relu", "a/x"))
    with pytest.raises(UnsupportedError) as caught:
        load(data)
    assert "its rank is not known: give its shape, like --input a/x:?,224,224,3" in str(caught.value)
    assert caught.value.ops == ("Placeholder",)
    assert argument_shapes(load(data, inputs=["a/x:?,3"])) == {"a/x": ["n", "3"]}


def test_old_graphs_write_an_unknown_rank_as_rank_0():
    x = node("x", "Placeholder", dtype=Type("float32"), shape=Shape())
    with pytest.raises(UnsupportedError, match="its rank is not known"):
        load(graph(x, node("y", "Relu", "x"), producer=23))
    assert argument_shapes(load(graph(x, node("y", "Relu", "x"), producer=24))) == {"x": []}


def test_batch():
    assert argument_shapes(load(TWO, batch=7)) == {"b/in": ["7", "4"], "a": ["a_n", "a_d1"]}
    fixed = graph(placeholder("x", 3, 4), node("y", "Relu", "x"))
    assert argument_shapes(load(fixed, batch=3)) == {"x": ["3", "4"]}
    with pytest.raises(InputError, match="the batch of input 'x' is fixed at 3, received 4"):
        load(fixed, batch=4)
    with pytest.raises(InputError, match="no input whose dimension 0 could be the batch of 4"):
        load(graph(const("c", 1.0), node("y", "Relu", "c")), batch=4)
    with pytest.raises(InputError, match="expected the batch size as a number"):
        load(TWO, batch=-1)


def test_names_of_sizes_never_collide():
    data = graph(
        placeholder("x", None),
        placeholder("a/b", None, None),
        placeholder("a_b", None, None),
        placeholder("3d", None),
        *(node(f"y{i}", "Relu", name) for i, name in enumerate(["x", "a/b", "a_b", "3d"])),
    )
    assert argument_shapes(load(data)) == {
        "x": ["n"],
        "a/b": ["a_b_n", "a_b_d1"],
        "a_b": ["a_b_n_2", "a_b_d1_2"],
        "3d": ["_3d_n"],
    }


CHAIN = graph(
    placeholder("x", None, 6),
    const("axis", 1),
    node("s", "Split", "axis", "x", num_split=3),
    node("r", "Relu", "s:1"),
    node("odd", "NotThere", "x"),
    node("mixed", "Cast", "odd", DstT=Type("int32")),
    node("t", "AddV2", "r", "s:2"),
)


def test_a_tensor_inside_becomes_an_input():
    module = load(CHAIN, inputs=["r"], outputs=["t"])
    assert argument_shapes(module) == {"r": ["n", "2"], "x": ["x_n", "6"]}
    module = load(CHAIN, inputs=["r", "s:2"], outputs=["t:0"])
    assert argument_shapes(module) == {"r": ["n", "2"], "s:2": ["s_2_n", "2"]}
    assert ops(module) == ["add"]
    r, s = np.ones((3, 2), np.float32), np.full((3, 2), 2, np.float32)
    np.testing.assert_array_equal(run_module(module, [r, s])[0], r + s)


def test_a_tensor_inside_needs_a_shape_where_none_is_known():
    data = graph(
        placeholder("x", None, 6), node("odd", "NotThere", "x", T=Type("float64")), node("y", "Relu", "odd")
    )
    assert argument_shapes(load(data, inputs=["odd:?,3"])) == {"odd": ["n", "3"]}
    assert load(data, inputs=["odd:?,3"]).body.first.function_type.results[0].dtype.tf_name == "float64"
    with pytest.raises(UnsupportedError, match="as an input it needs a shape, which is not known"):
        load(data, inputs=["odd"])


def test_an_input_may_be_an_output():
    assert run(TWO, np.ones((1, 4), np.float32), inputs=["b/in"], outputs=["b/in"]).tolist() == [[1.0] * 4]


def test_outputs_by_name():
    x = np.arange(6, dtype=np.float32).reshape(1, 6)
    one, two = run(CHAIN, x, outputs=["s:2", "s", "s:0"])
    np.testing.assert_array_equal(one, x[:, 4:])
    np.testing.assert_array_equal(two, x[:, :2])
    np.testing.assert_array_equal(run(CHAIN, x, outputs="r"), x[:, 2:4])


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"inputs": ["bin"]}, InputError, "there is no node 'bin': did you mean 'b/in'"),
        ({"outputs": ["nothing"]}, InputError, "<bytes>: there is no node 'nothing'"),
        ({"outputs": ["sum:1"]}, InputError, r"node 'sum' \(AddV2\) has no output 1"),
        ({"inputs": ["a:1:?,4"]}, InputError, r"node 'a' \(Placeholder\) has no output 1"),
        ({"outputs": ["done"]}, InputError, r"node 'done' \(NoOp\) has no output"),
        ({"inputs": ["a", "a:0"]}, InputError, "input 'a' is named twice"),
        (
            {"inputs": ["a:?,?,?"]},
            ShapeError,
            r"input 'a' has shape \[\?, \?\] in the graph, which \[\?, \?, \?\]",
        ),
        ({"inputs": ["b/in:?,5"]}, ShapeError, r"input 'b/in' has shape \[\?, 4\] in the graph"),
        ({"inputs": ["b/in:?,k"]}, ShapeError, r"input 'b/in' has shape \[\?, 4\] in the graph"),
        (
            {"inputs": ["a:?,4.5"]},
            InputError,
            r"expected the shape of input 'a' as numbers, .* received '4.5'",
        ),
        ({"inputs": {"a": (None, 1.5j)}}, InputError, "expected the shape of input 'a'"),
        ({"inputs": {"a": 3}}, InputError, "as a list of sizes, received 3"),
        ({"inputs": ["a:max,2"]}, InputError, "received 'max'"),
    ],
)
def test_names_and_shapes_that_do_not_fit(keywords, error, message):
    with pytest.raises(error, match=message):
        load(TWO, **keywords)


def test_defaults_of_placeholders():
    data = graph(
        placeholder("x", None, 4),
        const("one", 1.0),
        node("keep", "PlaceholderWithDefault", "one", dtype=Type("float32"), shape=Shape()),
        node("y", "Mul", "x", "keep"),
    )
    assert list(argument_shapes(load(data))) == ["x"]
    assert argument_shapes(load(data, inputs=["keep", "x"])) == {"keep": [], "x": ["x_n", "4"]}


def test_training_leftovers_do_not_matter():
    data = graph(
        placeholder("x", None, 4),
        node("y", "Relu", "x"),
        node("save", "SaveV2", "missing", "y"),
        node("loop", "Merge", "loop", "y"),
        placeholder("label"),
        node("grad", "ReluGrad", "y", "label"),
    )
    assert ops(load(data, outputs=["y"])) == ["relu"]


def test_asserts_and_their_conditions_are_no_outputs():
    data = graph(
        placeholder("x", None, 4),
        const("zero", 0.0),
        const("text", np.array([b"x"], object)),
        node("ok", "Greater", "x", "zero"),
        node("y", "Relu", "x", "^check"),
        node("check", "Assert", "ok", "text", "y"),
        const("lone", 1.0),
    )
    module = load(data)
    assert ops(module) == ["relu"]
    assert list(result_shapes(module)) == ["y"]


def test_all_outputs_of_a_call_at_the_end_but_one_of_a_batch_norm():
    data = graph(placeholder("x", None, 4), node("u", "Unpack", "x", axis=1, num=4))
    assert list(result_shapes(load(data))) == ["u", "u:1", "u:2", "u:3"]
    names = ["scale", "offset", "mean", "variance"]
    constants = [const(name, np.ones(4, np.float32)) for name in names]
    norm = node("bn", "FusedBatchNormV3", "x", *names, is_training=False)
    assert list(result_shapes(load(graph(placeholder("x", None, 2, 2, 4), *constants, norm)))) == ["bn"]


def test_nodes_in_any_order():
    nodes = [placeholder("x", None, 4), *(node(f"r{i}", "Relu", f"r{i - 1}" if i else "x") for i in range(9))]
    assert ops(load(graph(*nodes[::-1]))) == ["relu"] * 9


def test_a_graph_without_outputs():
    with pytest.raises(FormatError, match="expected a graph that computes something, found no outputs"):
        load(graph(placeholder("x", 1), const("c", 1.0), node("end", "NoOp", "^x")))


def test_text_format_is_read_too(tmp_path):
    path = tmp_path / "model.pbtxt"
    path.write_text(str(m.GraphDef.FromString(TWO)))
    assert list(result_shapes(import_graph(path))) == ["out", "side"]
