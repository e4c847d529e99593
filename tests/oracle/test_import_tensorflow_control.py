"""The importer against TensorFlow: functions, control flow, a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from .tensorflow_graphs import check_frozen

# TensorFlow calls what Python and numpy deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")

X = np.linspace(-2, 3, 24, dtype=np.float32).reshape(4, 6)


def test_calls(tensorflow):
    tf = tensorflow

    @tf.function
    def inner(x: Any, y: Any) -> Any:
        return x * y, x + 1.0

    @tf.function
    def outer(x: Any) -> Any:
        a, b = inner(x, x)
        return inner(a, b)

    check_frozen(tf, lambda x: outer(x), X)


@pytest.mark.parametrize("flag", [False, True])
def test_branches(tensorflow, flag):
    tf = tensorflow

    def build(c: Any, x: Any) -> Any:
        return tf.cond(c, lambda: (tf.nn.relu(x), x * 2.0), lambda: (tf.exp(x), x + 1.0))

    check_frozen(tf, build, np.array(flag), X)


@pytest.mark.parametrize("count", [0, 1, 9])
def test_loops(tensorflow, count):
    tf = tensorflow
    w = tf.constant(np.linspace(-0.3, 0.3, 36, dtype=np.float32).reshape(6, 6))

    def build(k: Any, x: Any) -> Any:
        return tf.while_loop(lambda i, x: i < k, lambda i, x: (i + 1, tf.tanh(x @ w) + x), (0, x))

    def grow(i: Any, x: Any) -> Any:
        return i + 1, tf.while_loop(lambda j, y: j < i, lambda j, y: (j + 1, y * 1.1), (0, x))[1]

    def nested(k: Any, x: Any) -> Any:
        return tf.while_loop(lambda i, x: i < k, grow, (0, x))

    check_frozen(tf, build, np.int32(count), X)
    check_frozen(tf, nested, np.int32(count), X)


@pytest.mark.parametrize("batch", [1, 7])
def test_a_keras_network(tensorflow, keras, batch):
    layers = keras.layers
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((17, 15, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU(6.0)(x)
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    y = layers.Conv2D(8, 1, activation="sigmoid")(x)
    x = layers.Add()([x, layers.Multiply()([x, y])])
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    x = layers.ZeroPadding2D(1)(x)
    x = layers.SeparableConv2D(16, 3, activation="elu")(x)
    x = layers.Concatenate()([x, layers.AveragePooling2D(3, 1, padding="same")(x)])
    z = layers.GlobalAveragePooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(20, activation="tanh")(x)
    x = layers.Dropout(0.5)(layers.Concatenate()([x, z]))
    model = keras.Model(inputs, layers.Dense(5, activation="softmax")(x))
    images = np.random.default_rng(0).normal(size=(batch, 17, 15, 3)).astype(np.float32)
    check_frozen(tensorflow, lambda x: model(x, training=False), images, tolerance=1e-4)
