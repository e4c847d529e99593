"""Layers that behave differently in training, in compiled functions, against formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from netwright.frontends.eager.function import function
from netwright.frontends.keras import layers
from netwright.frontends.keras.layers.layer import Layer
from netwright.frontends.keras.models import Sequential

Array = np.ndarray[Any, Any]


def numbers(*shape: int) -> Array:
    return np.random.default_rng(1).normal(2, 3, shape).astype(np.float32)


def test_dropout_draws_anew() -> None:
    """Each run of a compiled function drops others; a part `rate` of them; the rest is scaled."""
    layer = layers.Dropout(0.3, seed=5)
    run = function(lambda x: layer(x, training=True))
    x = np.ones((64, 64), np.float32)
    first, second = run(x).numpy(), run(x).numpy()
    assert not np.array_equal(first, second)
    for y in (first, second):
        np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7], rtol=1e-6)
        assert abs((y == 0).mean() - 0.3) < 0.03
    again = layers.Dropout(0.3, seed=5)
    np.testing.assert_array_equal(again(x, training=True).numpy(), first)


@pytest.mark.parametrize(
    "name", ["Dropout", "SpatialDropout1D", "GaussianNoise", "GaussianDropout", "AlphaDropout"]
)
def test_inference_changes_nothing(name: str) -> None:
    layer, x = getattr(layers, name)(0.5), numbers(2, 3, 4)
    np.testing.assert_array_equal(layer(x).numpy(), x)
    np.testing.assert_array_equal(layer(x, training=False).numpy(), x)
    assert not np.array_equal(layer(x, training=True).numpy(), x)


def test_spatial_dropout_drops_channels() -> None:
    y = layers.SpatialDropout2D(0.5, seed=2)(np.ones((8, 4, 5, 16), np.float32), training=True).numpy()
    assert set(np.unique(y)) == {0.0, 2.0}
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1, :1], y.shape))


@pytest.mark.parametrize("name", ["GaussianNoise", "GaussianDropout", "AlphaDropout"])
def test_mean_and_deviation(name: str) -> None:
    x = np.random.default_rng(3).normal(size=(200, 200)).astype(np.float32)
    y = getattr(layers, name)(0.2, seed=4)(x, training=True).numpy()
    wanted = {"GaussianNoise": np.sqrt(1.04), "GaussianDropout": np.sqrt(1.25), "AlphaDropout": 1.0}[name]
    assert abs(y.mean()) < 0.03
    assert abs(y.std() - wanted) < 0.03


@pytest.mark.parametrize("axis", [-1, 1])
def test_batch_statistics(axis: int) -> None:
    x = numbers(5, 6, 7)
    layer = layers.BatchNormalization(axis=axis, momentum=0.8)
    y = layer(x, training=True).numpy()
    axes = tuple(i for i in range(3) if i != axis % 3)
    wide = x.astype(np.float64)
    mean, var = wide.mean(axes, keepdims=True), wide.var(axes, keepdims=True)
    np.testing.assert_allclose(y, (wide - mean) / np.sqrt(var + 1e-3), atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean.numpy(), mean.ravel() * 0.2, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.8 + var.ravel() * 0.2, rtol=1e-5)
    z = layer(x).numpy()
    moved = wide - mean * 0.2
    np.testing.assert_allclose(z, moved / np.sqrt(0.8 + var * 0.2 + 1e-3), rtol=1e-4, atol=1e-5)


def test_batch_normalization_that_is_not_trained() -> None:
    model = Sequential([layers.Input((4,)), layers.BatchNormalization()])
    model.layers[0].trainable = False
    x = numbers(8, 4)
    np.testing.assert_allclose(model(x, training=True).numpy(), x / np.sqrt(1.001), rtol=1e-5)
    assert not model.layers[0].moving_mean.numpy().any()
    assert [w.name for w in model.weights] == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert model.trainable_weights == []


def test_training_reaches_layers_inside() -> None:
    class Block(Layer):
        def __init__(self) -> None:
            super().__init__()
            self.dropout = layers.Dropout(0.5)

        def call(self, x: Any) -> Any:
            return self.dropout(x)

    x = np.ones((16, 16), np.float32)
    assert not np.array_equal(Block()(x, training=True).numpy(), x)
    np.testing.assert_array_equal(Block()(x).numpy(), x)


def test_activity_regularization() -> None:
    layer = layers.ActivityRegularization(l1=0.1, l2=0.01)
    x = numbers(4, 5)
    np.testing.assert_array_equal(layer(x).numpy(), x)
    wanted = (0.1 * np.abs(x).sum() + 0.01 * np.square(x).sum()) / 4
    np.testing.assert_allclose([float(v) for v in layer.losses], [wanted], rtol=1e-5)
    assert (
        layers.Dense(2, activity_regularizer="l2").get_config()["activity_regularizer"]["class_name"] == "L2"
    )


def test_shape_of_a_layer_of_ones_own() -> None:
    """Telling a shape leaves no trace in the layer."""

    class Twice(Layer):
        def call(self, x: Any) -> Any:
            return x * 2

    layer = Twice()
    assert layer.compute_output_shape((None, 3)) == (None, 3)
    with pytest.raises(AttributeError, match="has never been called"):
        _ = layer.output
