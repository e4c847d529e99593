"""Decomposed models are models of Keras: it reads their files, computes the same, and trains them as is done here."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from netwright import keras as own

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def network(keras: Any) -> Any:
    """Convolutions with groups, strides, dilations, of single channels; nested, shared; all kinds of ends."""
    layers = keras.layers
    shared = layers.Conv2D(8, 3, padding="same", activation="relu", kernel_regularizer="l2", name="shared")
    inner = keras.Sequential(
        [
            layers.Conv2D(8, (3, 5), strides=(2, 1), padding="same", name="strided"),
            layers.BatchNormalization(name="bn"),
            layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same", activation="relu", name="deep"),
            layers.Conv2D(12, 5, groups=4, padding="same", use_bias=False, name="grouped"),
        ],
        name="inner",
    )
    x = keras.Input((14, 12, 8), name="image")
    h = inner(shared(shared(x)))
    h = layers.Conv2D(6, 3, dilation_rate=2, name="wide", trainable=False)(h)
    h = layers.Dropout(0.2, seed=1, name="dropout")(layers.GlobalAveragePooling2D()(h))
    h = layers.Dense(9, activation="tanh", name="dense")(h)
    return keras.Model(x, layers.Dense(4, bias_constraint="non_neg", name="scores")(h), name="net")


def images(count: int = 8) -> Any:
    return np.random.default_rng(0).normal(size=(count, 14, 12, 8)).astype(np.float32)


def set_weights(model: Any) -> None:
    rng = np.random.default_rng(1)
    for w in model.weights:
        low = 0.5 if "variance" in w.path else -0.2
        w.assign(rng.uniform(low, 0.6, w.shape).astype(np.float32))


@pytest.mark.parametrize("rank", [1000, 3])
def test_real_keras_reads_and_trains_it(keras: ModuleType, rank: int, tmp_path: Path) -> None:
    model = network(own)
    set_weights(model)
    small, rows = own.utils.decompose_model(model, rank=rank, force=True)
    assert all(r["decision"] == "decomposed" for r in rows) and len(rows) == 7
    small.save(tmp_path / "small.keras")
    theirs = keras.models.load_model(tmp_path / "small.keras")
    assert [w.path for w in theirs.weights] == [
        w.path for w in own.models.load_model(tmp_path / "small.keras").weights
    ]
    x = images()
    want = small.predict(x, verbose=0)
    np.testing.assert_allclose(theirs.predict(x, verbose=0), want, rtol=1e-4, atol=1e-5)
    if rank == 1000:
        np.testing.assert_allclose(model.predict(x, verbose=0), want, rtol=1e-4, atol=1e-5)
    y = np.random.default_rng(2).normal(size=(8, 4)).astype(np.float32)
    for m, k in ((small, own), (theirs, keras)):
        m.get_layer("dropout").rate = 0.0
        m.compile(k.optimizers.SGD(0.01), "mse")
        for _ in range(3):
            m.train_on_batch(x, y)
    for a, b in zip(small.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(a.numpy(), np.asarray(b), rtol=1e-3, atol=2e-4, err_msg=a.path)


def test_a_model_of_real_keras(keras: ModuleType) -> None:
    """It is taken as it is, and what comes back is one of this package."""
    model = network(keras)
    set_weights(model)
    small, rows = own.utils.decompose_model(model, rank=1000, force=True)
    assert isinstance(small, own.Model) and len(rows) == 7
    x = images()
    want = np.asarray(model.predict(x, verbose=0))
    np.testing.assert_allclose(small.predict(x, verbose=0), want, rtol=1e-4, atol=1e-5)
