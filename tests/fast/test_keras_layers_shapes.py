"""Layers on symbolic inputs with an open batch: shapes, configurations, and values of models made of them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from netwright.frontends.keras import layers
from netwright.frontends.keras.models import Model
from netwright.frontends.keras.objects import deserialize_keras_object, serialize_keras_object

from ..keras_layers import CASES, Case


def made(case: Case) -> Any:
    return getattr(layers, case.name)(**case.options)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_open_batch(case: Case) -> None:
    """The shape of a symbolic result is the one that is foretold, and it says nothing about the batch."""
    shapes = case.shapes if case.several else [case.shapes]
    given = [layers.Input(s[1:]) for s in shapes]
    layer = made(case)
    wanted = layer.compute_output_shape([t.shape for t in given] if case.several else given[0].shape)
    assert not layer._calls
    result = layer(given if case.several else given[0])
    assert result.shape == tuple(wanted)
    assert result.shape[0] is None
    assert layer.output is result


@pytest.mark.parametrize("case", CASES, ids=str)
def test_configuration(case: Case) -> None:
    layer = made(case)
    whole = serialize_keras_object(layer)
    assert whole["module"] == "keras.layers"
    assert whole["class_name"] == type(layer).__name__
    again = deserialize_keras_object(whole)
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize(
    "name", ["Conv2D", "DepthwiseConv2D", "MaxPooling2D", "UpSampling2D", "Conv2DTranspose"]
)
def test_open_sizes(name: str) -> None:
    options: dict[str, Any] = {
        "Conv2D": {"filters": 3, "kernel_size": 3, "padding": "same"},
        "DepthwiseConv2D": {"kernel_size": 3},
        "Conv2DTranspose": {"filters": 3, "kernel_size": 3, "strides": 2},
    }
    layer = getattr(layers, name)(**options.get(name, {}))
    assert layer(layers.Input((None, None, 4))).shape[:3] == (None, None, None)
    assert layer.compute_output_shape((None, None, None, 4))[:3] == (None, None, None)


def test_flatten_of_open_sizes() -> None:
    assert layers.Flatten()(layers.Input((None, 4))).shape == (None, None)
    assert layers.Reshape((-1, 2))(layers.Input((None, 4))).shape == (None, None, 2)


def test_model_of_many() -> None:
    """A model with branches gives the same for a batch as for its samples, each by itself."""
    x = layers.Input((8, 8, 3))
    y = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    z = layers.SeparableConv2D(4, 3, padding="same")(layers.BatchNormalization()(y))
    y = layers.add([y, z])
    y = layers.concatenate([layers.MaxPooling2D()(y), layers.AveragePooling2D(2)(z)])
    y = layers.Dropout(0.5)(layers.UpSampling2D()(y))
    model = Model(x, layers.Dense(2)(layers.GlobalAveragePooling2D()(y)))
    data = np.random.default_rng(0).normal(size=(3, 8, 8, 3)).astype(np.float32)
    whole = model(data).numpy()
    parts = np.concatenate([model(data[i : i + 1]).numpy() for i in range(3)])
    assert whole.shape == (3, 2)
    np.testing.assert_allclose(whole, parts, rtol=1e-5, atol=1e-5)


def test_importing_is_cheap() -> None:
    """No layer is imported before one is named."""
    code = (
        "import sys; import netwright.frontends.keras.layers as l; "
        "print([m for m in sys.modules if 'keras.layers.' in m]); l.Conv2D; "
        "print(sorted(m.rpartition('.')[2] for m in sys.modules if '.convolution' in m and 'keras' in m))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    first, second = out.stdout.splitlines()
    assert first == "[]"
    assert second == "['convolution', 'convolution_base']"


def test_all_names() -> None:
    for name in layers.__all__:
        assert getattr(layers, name) is not None
    assert set(layers.__all__) <= set(dir(layers))
    assert layers.MaxPool2D is layers.MaxPooling2D
    assert layers.Convolution2D is layers.Conv2D
