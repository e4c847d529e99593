"""Broken and hostile files of Keras models, from the file to the library."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ..hostile import check, hdf5_seeds, keras_seeds

pytest.importorskip("h5py")


def archive(config: Any, weights: bytes | None = None) -> bytes:
    """A .keras file with another configuration."""
    with zipfile.ZipFile(io.BytesIO(keras_seeds()[0])) as whole:
        held = whole.read("model.weights.h5") if weights is None else weights
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("metadata.json", "{}")
        made.writestr("config.json", config if isinstance(config, (str, bytes)) else json.dumps(config))
        made.writestr("model.weights.h5", held)
    return target.getvalue()


def layer(name: str, kind: str, *places: Any, **config: Any) -> dict[str, Any]:
    args = [
        {
            "class_name": "__keras_tensor__",
            "config": {"shape": [None, 4], "dtype": "float32", "keras_history": list(p)},
        }
        for p in places
    ]
    nodes = [{"args": args, "kwargs": {}}] if places else []
    return {
        "module": "keras.layers", "class_name": kind, "config": {"name": name, **config}, "registered_name": None,
        "name": name, "inbound_nodes": nodes,
    }  # fmt: skip


def model(*layers: Any, last: str) -> dict[str, Any]:
    x = layer("x", "InputLayer", batch_shape=[None, 4])
    config = {"name": "m", "layers": [x, *layers], "input_layers": ["x", 0, 0], "output_layers": [last, 0, 0]}
    return {"module": "keras.src.models.functional", "class_name": "Functional", "config": config}


def nested(depth: int) -> dict[str, Any]:
    inner: dict[str, Any] = layer("d", "Dense", units=2)
    for i in range(depth):
        inner = layer(f"t{i}", "TimeDistributed", layer=inner)
    return model(inner, last="x")


HOSTILE = [
    b"",
    b"PK",
    b"PK\3\4" + bytes(1000),
    archive("["),
    archive("[" * 100_000),
    archive("[" * 100_000 + "]" * 100_000),
    archive('{"a":' * 50_000 + "1" + "}" * 50_000),
    archive("1" * 100_000),
    archive('{"class_name": "Sequential", "config": ' + "9" * 50_000 + "}"),
    archive({}),
    archive({"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": []}}),
    archive({"module": "keras", "class_name": ["x"], "config": {}}),
    archive(model(layer("a", "ReLU", ("a", 0, 0)), last="a")),
    archive(model(layer("a", "ReLU", ("b", 0, 0)), layer("b", "ReLU", ("a", 0, 0)), last="b")),
    archive(model(layer("a", "ReLU", ("gone", 0, 0)), last="a")),
    archive(model(layer("a", "ReLU", ("x", 10**9, 0)), last="a")),
    archive(model(layer("a", "ReLU", ("x", 0, -(10**9))), last="a")),
    archive(model(layer("a", "Dense", ("x", 0, 0), units=10**12), last="a")),
    archive(model(layer("a", "Dense", ("x", 0, 0), units=2**28), last="a")),
    archive(model(layer("a", "Embedding", ("x", 0, 0), input_dim=2**40, output_dim=2**20), last="a")),
    archive(model(layer("a", "RepeatVector", ("x", 0, 0), n=2**40), last="a")),
    archive(model(layer("a", "Reshape", ("x", 0, 0), target_shape=[1] * 5000), last="a")),
    archive(model(layer("a", "\x1b[2J" * 1000, ("x", 0, 0)), last="a")),
    archive(
        model(
            *(layer(f"a{i}", "ReLU", (f"a{i + 1}" if i < 400 else "x", 0, 0)) for i in range(401)), last="a0"
        )
    ),
    archive(nested(20)),
    archive(nested(300)),
    archive(b'{"a": "' + b"x" * (80 << 20) + b'"}'),
    archive(json.loads(zipfile.ZipFile(io.BytesIO(keras_seeds()[0])).read("config.json")), bytes(200 << 20)),
    archive(json.loads(zipfile.ZipFile(io.BytesIO(keras_seeds()[0])).read("config.json")), b""),
]


def test_mutants_of_archives(tmp_path: Path) -> None:
    found = check("keras", tmp_path, HOSTILE)
    # What is damaged little must still be compiled, or less is tried than it seems.
    assert found["read"] >= 10 and found["FormatError"] >= 10, found


def test_mutants_of_legacy_files(tmp_path: Path) -> None:
    found = check(
        "hdf5", tmp_path, [b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + bytes(10_000), hdf5_seeds()[0][:5000]]
    )
    assert found["read"] >= 10 and found["FormatError"] >= 10, found
