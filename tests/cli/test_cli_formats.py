"""SavedModels, checkpoints and text format on the command line."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import netwright as nw
import numpy as np
import pytest
from netwright.frontends.tensorflow.pbtxt import to_binary
from netwright.frontends.tensorflow.wire import Budget, Source

from .conftest import ROOT, Run

Refused = Callable[..., str]
MODELS = ROOT / "tests" / "data" / "savedmodels"
MODULE = str(MODELS / "module")


def text(done: Any) -> str:
    assert done.returncode == 0 and not done.stderr, (done.stdout, done.stderr)
    return str(done.stdout)


def test_a_saved_model_is_compiled_and_run(run: Run, tmp_path: Path) -> None:
    arrays = dict(np.load(MODELS / "module" / "results.npz"))
    np.savez(tmp_path / "in.npz", id=arrays["id"], x=arrays["x"])
    said = text(run("compile", MODULE, "-o", "m.so", "--verify", "in.npz"))
    assert re.search(r"^row: max .*\ny: max ", said, re.MULTILINE)
    text(run("run", "m.so", "--input", "in.npz", "--output", "y=y.npy", "--output", "row=row.npy"))
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), arrays["y"], rtol=1e-5)
    np.testing.assert_array_equal(np.load(tmp_path / "row.npy"), arrays["row"])
    assert nw.load(tmp_path / "m.so").manifest["model"] == "module"


def test_a_signature_is_chosen(run: Run, refused: Refused, tmp_path: Path) -> None:
    shutil.copytree(MODULE, tmp_path / "model.v1")
    assert text(run("compile", "model.v1/", "--signature", "count")).startswith("model.v1.so: ")
    model = nw.compile(tmp_path / "model.v1", signature="count")
    x = np.array([3, 4], "f4")
    assert np.asarray(model(x)).tolist() == [3, 4] and np.asarray(model(x)).tolist() == [6, 8]
    assert nw.load(tmp_path / "model.v1.so").variables.keys() == {"calls"}
    assert "there is no signature 'nope'; signatures: 'count', 'serving_default'" in refused(
        "check", "model.v1", "--signature", "nope"
    )
    assert text(run("check", "model.v1", "--signature", "count")) == "model.v1: everything is supported\n"
    graph = ROOT / "tests" / "data" / "networks" / "mlp.pb"
    assert "only a SavedModel has signatures" in refused("compile", graph, "--signature", "x")


def test_info_of_a_saved_model(run: Run) -> None:
    shown = text(run("info", MODULE))
    assert shown.startswith(
        f"{MODULE}: a TensorFlow SavedModel, 1 graph\n  graph  tags serve, written by TensorFlow"
    )
    for row in (
        "  signature  serving_default\n    input   id: int32[?]\n    input   x: float32[?, 4]\n",
        "    output  row: float32[?, 2]\n    output  y: float32[?, 3]\n",
        "  variable  calls: int32[]\n",
        "  variable  table: float32[5, 2]\n",
        "VarHandleOp\n",
    ):
        assert row in shown
    shown = text(run("info", MODELS / "text" / "saved_model.pbtxt"))
    assert "variable  layer/w/part_1: slice 6 4 0,6:2,2 of float32[6, 4]\n" in shown


@pytest.mark.parametrize("name", ["", "variables", "variables.index", "variables.data-00000-of-00001"])
def test_info_of_a_checkpoint(run: Run, name: str) -> None:
    shown = text(run("info", MODELS / "session" / "variables" / name))
    prefix = MODELS / "session" / "variables" / "variables"
    assert shown == (
        f"{prefix}: a TensorFlow checkpoint, 2 tensors in 1 shard\n"
        "  tensor  layer/b: float32[4]\n  tensor  layer/w: float32[6, 4] in 2 slices\n"
    )


def test_info_of_a_meta_graph(run: Run, tmp_path: Path) -> None:
    data = (MODELS / "text" / "saved_model.pbtxt").read_bytes()
    binary = bytes(to_binary(Source("", memoryview(data), Budget()), "SavedModel").view)
    start = binary.index(b"\x12") + 1
    while binary[start] >= 0x80:
        start += 1
    (tmp_path / "model.meta").write_bytes(binary[start + 1 :])
    shown = text(run("info", "model.meta"))
    assert shown.startswith("model.meta: a TensorFlow MetaGraph\n  graph  tags serve")
    assert "  input   place: float32[?, 6]\n" in shown and "  variable  layer/b: float32[4]\n" in shown


ODD = """
node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } }
node { name: "y\\033[2J" op: "Frobnicate" input: "x" }
"""


def test_info_of_a_graph_that_cannot_be_compiled(run: Run, tmp_path: Path) -> None:
    (tmp_path / "odd.pbtxt").write_text(ODD)
    shown = text(run("info", "odd.pbtxt"))
    assert shown.startswith("odd.pbtxt: a TensorFlow graph, 2 nodes\n  input   x: float32[?, …]\n")
    assert "  output  'y\\x1b[2J' (Frobnicate)\n" in shown and "\x1b" not in shown
    assert "it cannot be compiled as it is: odd.pbtxt: expected nodes that can be compiled" in shown


def test_damaged_values_are_named(refused: Refused, tmp_path: Path) -> None:
    shutil.copytree(MODULE, tmp_path / "m")
    shard = tmp_path / "m" / "variables" / "variables.data-00000-of-00001"
    data = bytearray(shard.read_bytes())
    data[:48] = data[:48][::-1]
    shard.write_bytes(data)
    sentence = refused("compile", "m", "-o", "m.so")
    assert re.search(
        r"tensor '\w+/\.ATTRIBUTES/VARIABLE_VALUE': its values do not match their checksum", sentence
    )
    assert "\n" not in sentence and not (tmp_path / "m.so").exists()
