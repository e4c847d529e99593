"""SavedModels that TensorFlow wrote, in the reference interpreter, against the results TensorFlow had."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.verify import verify
from netwright.compiler.ops.interpreter import Interpreter
from netwright.compiler.ops.variable import Variable
from netwright.frontends.load import load_model
from netwright.frontends.sniff import Kind, sniff
from netwright.frontends.tensorflow import proto
from netwright.frontends.tensorflow.metagraph import natural
from netwright.runtime.errors import FormatError, InputError, OptionError, UnsupportedError

from ..helpers import close

MODELS = Path(__file__).parents[1] / "data" / "savedmodels"
m = proto.messages()


def names(module: Any, what: str) -> list[str]:
    return [a["graph.name"] for a in module.body.last.attributes[what]]


def run(module: Any, arrays: Any) -> dict[str, Any]:
    verify(module)
    found = Interpreter(module).run([arrays[k] for k in names(module, "arg_attrs")])
    return dict(zip(names(module, "res_attrs"), found, strict=True))


@pytest.mark.parametrize("name", ["module", "network", "session", "text"])
def test_results(name: str) -> None:
    arrays = dict(np.load(MODELS / name / "results.npz"))
    for path in (MODELS / name, next((MODELS / name).glob("saved_model.*"))):
        assert sniff(path) is Kind.SAVED_MODEL
        results = run(load_model(path), arrays)
        assert results
        for key, value in results.items():
            close(value, arrays[key])


def test_inputs_and_outputs_are_the_signatures() -> None:
    module = load_model(MODELS / "module")
    assert names(module, "arg_attrs") == ["id", "x"] and names(module, "res_attrs") == ["row", "y"]
    module = load_model(MODELS / "module", inputs=["x:5,4"], outputs=["y"])
    assert names(module, "arg_attrs") == ["x", "id"] and names(module, "res_attrs") == ["y"]
    assert str(module.body.last.function_type.results[0]) == "tensor<5x3xf32>"
    module = load_model(MODELS / "session", outputs=["layer/b/read"])
    assert names(module, "arg_attrs") == [] and names(module, "res_attrs") == ["layer/b/read"]
    module = load_model(MODELS / "session", batch=4)
    assert str(module.body.last.function_type.results[0]) == "tensor<4x4xf32>"


def test_a_signature_that_counts_its_calls() -> None:
    module = load_model(MODELS / "module", signature="count")
    assert [v.sym_name for v in module.walk() if isinstance(v, Variable)] == ["calls"]
    interpreter = Interpreter(module)
    x = np.array([1, 2], "f4")
    for times in (1, 2, 3):
        np.testing.assert_array_equal(interpreter.run([x])[0], x * times)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"signature": "nope"},
            OptionError,
            "there is no signature 'nope'; signatures: 'count', 'serving_default'",
        ),
        ({"outputs": ["nope"]}, InputError, "there is no node 'nope'"),
        ({"inputs": ["x", "serving_default_x"]}, InputError, "input 'serving_default_x' is named twice"),
        ({"batch": -1}, InputError, "expected the batch size as a number, received -1"),
    ],
)
def test_names_that_are_not_there(options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        load_model(MODELS / "module", **options)


def test_only_savedmodels_have_signatures() -> None:
    path = MODELS.parent / "networks" / "mlp.pb"
    with pytest.raises(OptionError, match="only a SavedModel has signatures, and this is a TensorFlow graph"):
        load_model(path, signature="serving_default")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(MODELS / "module", tmp_path / "module")
    return tmp_path / "module"


def test_a_damaged_value_is_named(copied: Path) -> None:
    shard = copied / "variables" / "variables.data-00000-of-00001"
    data = bytearray(shard.read_bytes())
    data[5] ^= 64
    shard.write_bytes(data)
    with pytest.raises(
        FormatError, match=r"tensor '\w+/.ATTRIBUTES/VARIABLE_VALUE': its values do not match their"
    ):
        load_model(copied)
    shard.write_bytes(data[:40])
    with pytest.raises(
        FormatError, match=r"expected a shard of \d+ bytes or more, found 40: it may be cut off"
    ):
        load_model(copied)
    shard.unlink()
    with pytest.raises(FormatError, match=r"data-00000-of-00001: expected a readable file"):
        load_model(copied)
    (copied / "variables" / "variables.index").write_bytes(b"")
    with pytest.raises(FormatError, match=r"variables\.index: expected a table that ends with a footer"):
        load_model(copied)
    shutil.rmtree(copied / "variables")
    with pytest.raises(FormatError, match=r"variables\.index: expected a readable file"):
        load_model(copied)


def test_bytes_have_no_checkpoint_beside_them() -> None:
    data = (MODELS / "module" / "saved_model.pb").read_bytes()
    with pytest.raises(UnsupportedError, match="is in a checkpoint that is not there"):
        load_model(data)


def saved(*metas: Any) -> bytes:
    return m.SavedModel(saved_model_schema_version=1, meta_graphs=metas).SerializeToString()


def meta(*tags: str, **more: Any) -> Any:
    node = m.NodeDef(name="x", op="Placeholder", attr={"dtype": m.AttrValue(type=1)})
    graph = m.GraphDef(node=[node], versions=m.VersionDef(producer=1))
    info = m.MetaInfoDef(tags=tags, meta_graph_version="1")
    return m.MetaGraphDef(**{"meta_info_def": info, "graph_def": graph, **more})


def signature(tensor: str = "x:0", **more: Any) -> Any:
    info = m.TensorInfo(name=tensor, dtype=1)
    return m.SignatureDef(**{"inputs": {"a": info}, "outputs": {"b": info}, **more})


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (saved(meta()), FormatError, r"expected a graph tagged 'serve', found graphs tagged \[\]"),
        (saved(meta("train"), meta("serve")), OptionError, "there are no signatures: name the outputs"),
        (saved(meta("serve", graph_def=None)), FormatError, "expected a MetaGraph with a graph, found none"),
        (
            saved(meta("serve", signature_def={"p": signature(), "q": signature()})),
            OptionError,
            "expected a signature 'serving_default', found 'p', 'q': choose one with --signature",
        ),
        (
            saved(meta("serve", signature_def={"p": signature("y:0")})),
            FormatError,
            "input 'a': expected its node 'y', found none",
        ),
        (
            saved(meta("serve", signature_def={"p": signature("")})),
            FormatError,
            "input 'a': expected a dense tensor, found another",
        ),
        (
            saved(
                meta(
                    "serve",
                    signature_def={"p": signature(inputs={k: m.TensorInfo(name="x:0") for k in "ab"})},
                )
            ),
            FormatError,
            "expected inputs that differ, found a tensor under several names",
        ),
        (
            saved(meta("serve", signature_def={"p": signature("x:7")})),
            FormatError,
            "input 'a': expected tensor 'x:7', found a node of one output",
        ),
    ],
)
def test_what_is_wrong_with_others(data: bytes, error: Any, message: str, tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(data)
    with pytest.raises(error, match=message) as caught:
        load_model(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_the_only_signature_needs_no_name(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(saved(meta("serve", "gpu", signature_def={"p": signature()})))
    module = load_model(tmp_path, inputs={"a": (2,)})
    assert names(module, "arg_attrs") == ["a"] and names(module, "res_attrs") == ["b"]


def test_names_sort_as_people_do() -> None:
    assert sorted(["a10", "a2", "a", "b", "a02", "a2b"], key=natural) == ["a", "a02", "a2", "a2b", "a10", "b"]
