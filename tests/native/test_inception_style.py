"""A network whose layers are written as 1×n and n×1 pairs, as in Inception: it compiles as it is, and decompose-conv
leaves these layers alone and says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from netwright import keras
from netwright.compiler.options import CompileOptions
from netwright.frontends.build import build
from netwright.runtime import load
from netwright.runtime.artifact import manifest_of

from ..helpers import close


def pair(x: Any, filters: int, n: int, name: str) -> Any:
    """n×n written as 1×n and n×1, each with a batch normalisation."""
    for kernel in ((1, n), (n, 1)):
        here = f"{name}_{kernel[0]}x{kernel[1]}"
        x = keras.layers.Conv2D(filters, kernel, padding="same", use_bias=False, name=here)(x)
        x = keras.layers.BatchNormalization(scale=False)(x)
        x = keras.layers.Activation("relu")(x)
    return x


def inception() -> Any:
    layers = keras.layers
    x = keras.Input((17, 17, 24), name="image")
    seven = pair(layers.Conv2D(16, 1, activation="relu", name="reduce")(x), 16, 7, "seven")
    branches = layers.Conv2D(16, (1, 3), padding="same", name="wide")(seven)
    other = layers.Conv2D(16, (3, 1), padding="same", name="tall")(seven)
    pooled = layers.Conv2D(16, 1, name="project")(layers.AveragePooling2D(3, strides=1, padding="same")(x))
    joined = layers.Concatenate()([branches, other, pair(x, 16, 3, "three"), pooled])
    end = layers.Dense(6, name="scores")(layers.GlobalAveragePooling2D()(joined))
    return keras.Model(x, end, name="net")


def test_written_as_pairs(tmp_path: Path) -> None:
    model = inception()
    rng = np.random.default_rng(0)
    model.set_weights([np.abs(rng.normal(size=w.shape)) * 0.2 + 0.05 for w in model.weights])
    x = rng.normal(size=(2, 17, 17, 24)).astype(np.float32)
    want = np.asarray(model(x, training=False))
    plain = build(model, tmp_path / "plain.so", CompileOptions())
    close(load(plain.path)(x), want)
    for budget in ("max-error=0.2", "force rank=2 max-error=0.01"):
        path = tmp_path / "decomposed.so"
        made = build(model, path, CompileOptions(decompose_conv=budget))
        rows = manifest_of(str(path))["decompositions"]
        assert [(r["layer"], r["decision"]) for r in rows] == [("net/scores", "kept")]
        reasons = {str(r.location).partition(" ")[0]: r.reason for r in made.remarks if "conv2d" in r.op_name}
        sizes = {"seven": 7, "three": 3}
        for name, n in sizes.items():
            assert reasons[f"net/{name}_1x{n}"] == f"its kernel 1x{n} has one dimension only"
            assert reasons[f"net/{name}_{n}x1"] == f"its kernel {n}x1 has one dimension only"
        assert reasons["net/wide"] == "its kernel 1x3 has one dimension only"
        assert np.asarray(load(path)(x)).tobytes() == np.asarray(load(plain.path)(x)).tobytes()
