"""Telling kinds of model files apart by their content."""

from __future__ import annotations

import os
import zipfile

import pytest
from netwright.frontends.sniff import KINDS, Kind, explain, sniff, sniff_bytes
from netwright.frontends.tensorflow import proto

m = proto.messages()


def chunk(number: int, data: bytes) -> bytes:
    assert len(data) < 128
    return bytes([number << 3 | 2, len(data)]) + data


def graph(name: str, op: str = "Op") -> bytes:
    return m.GraphDef(
        node=[m.NodeDef(name=name, op=op)], versions=m.VersionDef(producer=1)
    ).SerializeToString()


HDF5 = b"\x89HDF\r\n\x1a\n"
OPS = chunk(1, chunk(1, b"Add") + chunk(2, b"\x0a\x01x"))
META = chunk(1, chunk(2, OPS) + chunk(4, b"serve") + chunk(5, b"2.21.0")) + chunk(2, graph("a"))

CONTENTS = [
    (b"", Kind.EMPTY),
    (graph("x"), Kind.GRAPH),
    (graph("a/b.c-d_1", "namespace>Op"), Kind.GRAPH),
    (graph("x" * 40_000), Kind.GRAPH),
    (graph("TFL3"), Kind.GRAPH),
    (graph("module/x1", "Placeholder1234567"), Kind.GRAPH),
    (m.GraphDef(versions=m.VersionDef(producer=1)).SerializeToString(), Kind.GRAPH),
    (b'node {\n  name: "x"\n}\n', Kind.GRAPH_TEXT),
    (b'\n# x = 1\n# written by hand\n  node: { name: "x" }', Kind.GRAPH_TEXT),
    (b"versions { producer: 1 }", Kind.GRAPH_TEXT),
    (b"library {\n}", Kind.GRAPH_TEXT),
    (b"\x08\x01" + chunk(2, META), Kind.SAVED_MODEL),
    (b"saved_model_schema_version: 1\nmeta_graphs {}", Kind.SAVED_MODEL),
    (META, Kind.META_GRAPH),
    (chunk(1, chunk(1, b"name") + chunk(2, OPS)), Kind.META_GRAPH),
    (chunk(1, chunk(4, b"train") + chunk(5, b"1.15.0-rc2")) + chunk(2, b""), Kind.META_GRAPH),
    (b"meta_info_def {\n}", Kind.META_GRAPH),
    (b'model_checkpoint_path: "model.ckpt-1"\n', Kind.CHECKPOINT),
    (b"\0" * 40 + bytes.fromhex("57fb808b247547db"), Kind.CHECKPOINT),
    (HDF5 + b"\0" * 100, Kind.HDF5),
    (b"\0" * 512 + HDF5, Kind.HDF5),
    (b"module {\n}", Kind.IR_TEXT),
    (b"// a dump\nmodule @m {}", Kind.IR_TEXT),
    (b"func.func @main() {}", Kind.IR_TEXT),
    (b'\n  "builtin.module"() ({}) : () -> ()', Kind.IR_TEXT),
    (b"#map = affine_map<(d0) -> (d0)>\nmodule {}", Kind.IR_TEXT),
    (b"\x7fELF\x02\x01\x01", Kind.ARTIFACT),
    (b"\x1c\0\0\0TFL3\x14\0", Kind.TFLITE),
    (b"\x08\x08" + chunk(2, b"pytorch") + chunk(7, b""), Kind.ONNX),
    (b"\x08\x01" + chunk(7, b""), Kind.ONNX),
    (b"ir_version: 8", Kind.ONNX),
    (b"PK\x05\x06" + b"\0" * 18, Kind.ZIP),
    (b"import keras\n", Kind.UNKNOWN),
    (b"modules", Kind.UNKNOWN),
    (b'{"class_name": "Sequential"}', Kind.UNKNOWN),
    (b"\x89PNG\r\n\x1a\n", Kind.UNKNOWN),
    (b"\x0a\xff\xff\xff\x7f", Kind.UNKNOWN),
    (chunk(1, chunk(5, b"\x0a\x01x")), Kind.UNKNOWN),
    (b"\x08", Kind.UNKNOWN),
    (b"\xff" * 100, Kind.UNKNOWN),
]


@pytest.mark.parametrize(("content", "kind"), CONTENTS)
def test_content(content, kind, tmp_path):
    path = tmp_path / "model.h5"  # names say nothing
    path.write_bytes(content)
    assert sniff(path) is kind
    assert sniff(str(path)) is kind
    assert sniff_bytes(content) is kind


def test_zip_archives(tmp_path):
    for names, kind in [
        (["metadata.json", "config.json", "model.weights.h5"], Kind.KERAS),
        (["arr_0.npy"], Kind.ZIP),
    ]:
        path = tmp_path / "archive"
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, os.urandom(100_000))
        assert sniff(path) is kind


def test_names_that_count(tmp_path):
    for name in ("model.py", "variables.data-00000-of-00001", "model.ckpt.index", "other.bin"):
        (tmp_path / name).write_bytes(b"\x99" * 10)
    assert sniff(tmp_path / "model.py") is Kind.PYTHON
    assert sniff(f"{tmp_path}/model.py:build") is Kind.PYTHON
    assert sniff(f"{tmp_path}/missing.py:build") is Kind.MISSING
    assert sniff(f"{tmp_path}/model.py:build:x") is Kind.MISSING
    assert sniff(tmp_path / "variables.data-00000-of-00001") is Kind.CHECKPOINT
    assert sniff(tmp_path / "model.ckpt") is Kind.CHECKPOINT
    assert sniff(tmp_path / "other.bin") is Kind.UNKNOWN


def test_folders(tmp_path):
    for names, kind in [
        ([], Kind.FOLDER),
        (["notes.txt"], Kind.FOLDER),
        (["saved_model.pb"], Kind.SAVED_MODEL),
        (["saved_model.pbtxt", "checkpoint"], Kind.SAVED_MODEL),
        (["checkpoint"], Kind.CHECKPOINT),
        (["model.index", "model.data-00000-of-00001"], Kind.CHECKPOINT),
    ]:
        folder = tmp_path / "-".join(["folder", *names])
        folder.mkdir()
        for name in names:
            (folder / name).touch()
        assert sniff(folder) is kind
        assert sniff(f"{folder}/") is kind


def test_paths_that_cannot_be_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "file").touch()
    assert sniff(tmp_path / "pipe") is Kind.SPECIAL
    assert sniff("/dev/zero") is Kind.SPECIAL
    assert sniff(tmp_path / "loop") is Kind.UNREADABLE
    assert sniff(tmp_path / "missing") is Kind.MISSING
    assert sniff(tmp_path / "file" / "below") is Kind.MISSING
    assert sniff("zero\0byte") is Kind.MISSING
    assert sniff("x" * 10_000) is Kind.UNREADABLE


def test_cut_and_changed_content_is_told_too():
    for content, _ in CONTENTS:
        for length in range(min(len(content), 80)):
            assert isinstance(sniff_bytes(content[:length]), Kind)
            changed = content[:length] + bytes([content[length] ^ 0xFF]) + content[length + 1 :]
            assert isinstance(sniff_bytes(changed), Kind)


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_is_compiled_or_explained(kind):
    sentence = explain(kind, "some/model.x")
    compiled = (
        Kind.GRAPH,
        Kind.GRAPH_TEXT,
        Kind.SAVED_MODEL,
        Kind.IR_TEXT,
        Kind.KERAS,
        Kind.HDF5,
        Kind.PYTHON,
    )
    assert (sentence == "") == (kind in compiled)
    assert set(KINDS) == set(Kind)
    if sentence:
        assert sentence.startswith(f"some/model.x: expected a model, found {kind.value}: ")
    assert "found" in explain(kind, "x", wanted="a TensorFlow graph")
