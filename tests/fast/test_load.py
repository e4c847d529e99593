"""Loading a model in any form: graphs, IR text with its resources, and a sentence for everything else."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler.explain.dump import DumpObserver
from netwright.compiler.ir.core import Op
from netwright.compiler.ir.parser import parse_module
from netwright.compiler.ir.printer import print_op
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops.interpreter import run_module
from netwright.frontends.load import load_model
from netwright.frontends.specialize import specialize
from netwright.runtime.errors import FormatError, InputError, ShapeError, UnsupportedError

from .tensorflow.graphs import argument_shapes, const, graph, node, placeholder, result_shapes

W = np.arange(80, dtype=np.float32).reshape(4, 20)
GRAPH = graph(placeholder("x", None, 4), const("w", W), node("y", "MatMul", "x", "w"), node("z", "Relu", "y"))
X = np.ones((3, 4), np.float32)


def same(module: Op) -> bool:
    (found,) = run_module(module, [X])
    return bool(np.array_equal(found, X @ W))


def test_graphs_by_path_and_as_bytes(tmp_path):
    path = tmp_path / "model.odd"
    path.write_bytes(GRAPH)
    assert same(load_model(path))
    assert same(load_model(str(path), inputs=(), outputs=("y",), batch=None))
    assert argument_shapes(load_model(GRAPH, inputs={"x": ("k", 4)})) == {"x": ["k", "4"]}
    assert argument_shapes(load_model(GRAPH, batch=2)) == {"x": ["2", "4"]}


def dump(folder: object, module: Op) -> None:
    observer = DumpObserver(folder)  # type: ignore[arg-type]
    observer.start(module, ())


def test_ir_text_with_its_resources(tmp_path):
    dump(tmp_path, load_model(GRAPH))
    path = tmp_path / "00_import.mlir"
    assert same(load_model(path))
    moved = tmp_path / "elsewhere.mlir"
    moved.write_text(path.read_text())
    (tmp_path / "resources").rename(tmp_path / "values")
    assert same(load_model(moved, resources=tmp_path / "values"))
    with pytest.raises(FormatError, match="the values of 'w' cannot be read"):
        same(load_model(moved))


def test_ir_text_has_its_own_names(tmp_path):
    path = tmp_path / "m.mlir"
    path.write_text(TEXT)
    with pytest.raises(InputError, match=r"m\.mlir: IR text has its own inputs and outputs"):
        load_model(path, outputs=["y"])
    with pytest.raises(
        InputError, match="only IR text has a folder of resources, and this is a TensorFlow graph"
    ):
        load_model(GRAPH, resources=tmp_path)


TEXT = """
func.func @main(%x: tensor<?x?x4xf32> {graph.name = "x", graph.dims = ["n", "h", 4]},
                %i: tensor<i32> {graph.name = "i"})
    -> (tensor<?x4xf32> {graph.dims = ["h*n", 4]}, tensor<?x?x4xf32> {graph.dims = ["n", "h", 4]}) {
  %0 = graph.reshape(%x) {shape = ["h*n", 4]} : tensor<?x4xf32>
  %1:2 = graph.while(%i, %x) ({
  ^bb0(%a: tensor<i32>, %b: tensor<?x?x4xf32>):
    %c = graph.constant() {value = dense<3> : tensor<i32>} : tensor<i32>
    %d = graph.less(%a, %c) : tensor<i1>
    graph.yield(%d)
  }, {
  ^bb0(%a: tensor<i32>, %b: tensor<?x?x4xf32>):
    %c = graph.constant() {value = dense<1> : tensor<i32>} : tensor<i32>
    %d = graph.add(%a, %c) : tensor<i32>
    %e = graph.add(%b, %b) : tensor<?x?x4xf32>
    graph.yield(%d, %e)
  }) : tensor<i32>, tensor<?x?x4xf32>
  func.return(%0, %1#1)
}
"""


def test_a_batch_for_ir_text(tmp_path):
    module = load_model(TEXT.encode(), batch=2)
    assert argument_shapes(module) == {"x": ["2", "h", "4"], "i": []}
    assert str(module.body.first.function_type.results[0]) == "tensor<?x4xf32>"
    x = np.ones((2, 3, 4), np.float32)
    flat, doubled = run_module(module, [x, np.int32(0)])
    assert (flat.shape, doubled[0, 0, 0]) == ((6, 4), 8)
    specialize(module, {"h": 3})
    verify(module)
    assert "?" not in print_op(module)
    assert "graph.dims" not in print_op(module)
    with pytest.raises(InputError, match="there is no size 'n' among the inputs to fix at 2"):
        specialize(module, {"n": 2})


def test_sizes_that_contradict_what_the_graph_requires():
    data = graph(
        placeholder("x", None, 4), const("c", np.ones((5, 4), np.float32)), node("y", "AddV2", "x", "c")
    )
    text = print_op(load_model(data))
    module = parse_module(text, "<text>", {"c": np.ones((5, 4), np.float32)})
    fixed = parse_module(text, "<text>", {"c": np.ones((5, 4), np.float32)})
    specialize(fixed, {"n": 5})
    assert "requires" not in print_op(fixed)
    with pytest.raises(ShapeError, match=r"graph\.add \(y\): n == 5 or 1 must hold, found 4 and 5"):
        specialize(module, {"n": 4})


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        (
            "saved_model.pb",
            b"saved_model_schema_version: 1\nmeta_graphs {}",
            FormatError,
            "expected a graph tagged 'serve', found graphs tagged \\[\\]",
        ),
        ("model.h5", b"\x89HDF\r\n\x1a\n" + b"\0" * 99, FormatError, r"model\.h5: expected an HDF5 file"),
        (
            "m.py",
            b"def make(): ...",
            InputError,
            "expected a function 'build' that returns the model, found make",
        ),
        ("n.py", b"1 / 0", InputError, "running it raised ZeroDivisionError: division by zero"),
        (
            "o.py",
            b"def build(): return 3",
            InputError,
            "expected the path of a model, or a model of netwright.keras",
        ),
        ("m.tflite", b"\x1c\0\0\0TFL3", UnsupportedError, "found a TensorFlow Lite model"),
        ("m.pb", b"\x0a\xff\xff\xff\xff\x01", FormatError, r"m\.pb: byte 0: expected"),
        (
            "m.bin",
            b"\xff\xfe\0\1",
            FormatError,
            "expected a model, found none of the files that are known here",
        ),
        ("m.mlir", b"// nothing\n", FormatError, "expected a module, found nothing"),
        ("empty", b"", FormatError, "found an empty file: write it again"),
        ("missing", None, FormatError, "found nothing: check the path"),
    ],
)
def test_everything_else_gets_a_sentence(tmp_path, name, content, error, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=message) as caught:
        load_model(path)
    assert str(path) in str(caught.value)


def test_objects_that_are_no_path():
    with pytest.raises(
        InputError, match=r"expected the path of a model, or a model of netwright\.keras, received a dict"
    ):
        load_model({})  # type: ignore[arg-type]


def test_result_names_survive(tmp_path):
    dump(tmp_path, load_model(GRAPH, outputs=["z", "y"]))
    assert list(result_shapes(load_model(tmp_path / "00_import.mlir"))) == ["z", "y"]
