"""The networks built from real Keras layers, frozen by TensorFlow and run by both, at batch 1, 7 and 32."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import netwright as nw
import numpy as np
import pytest

from ..helpers import close

FOLDER = Path(__file__).parents[1] / "data" / "networks"


@pytest.fixture(scope="module")
def make(tensorflow: Any, keras: Any) -> Any:
    sys.path.insert(0, str(FOLDER))
    spec = importlib.util.spec_from_file_location("make_networks", FOLDER / "make.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.remove(str(FOLDER))
    return module


@pytest.mark.parametrize("name", ["mlp", "lenet", "flowers", "resnet50"])
def test_agrees_with_keras(make: Any, name: str, tmp_path: Path) -> None:
    keras_model = make.build(name)
    graph, _, _ = make.freeze(keras_model)
    (tmp_path / "model.pb").write_bytes(graph.SerializeToString())
    nw.compile(tmp_path / "model.pb", tmp_path / "model.so")
    models = [nw.load(tmp_path / "model.so", threads=t) for t in (1, 2)]
    rng = np.random.default_rng(7)
    for count in (1, 7, 32):
        x = rng.normal(size=(count, *keras_model.inputs[0].shape[1:])).astype(np.float32)
        want = np.asarray(keras_model(x, training=False))
        for model in models:
            close(model(x), want, make.recipe.TOLERANCE[name])
