"""What a call of a layer hands on to the layers inside of it, and what building one remembers."""

from __future__ import annotations

from typing import Any

import numpy as np
from netwright.frontends.keras import layers as L
from netwright.frontends.keras.models import Model, Sequential

X = np.ones((2, 8), np.float32)


class Outer(Model):
    """A model whose inner one is built when it is called first."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Sequential([L.Dropout(0.5)])

    def call(self, x: Any, training: bool | None = None) -> Any:
        return self.inner(x)


def test_layers_built_while_training_still_tell_inference() -> None:
    model = Outer()
    assert (model(X, training=True).numpy() != X).any()
    np.testing.assert_array_equal(model(X, training=False).numpy(), X)


def test_build_configuration_names_several_shapes() -> None:
    one = L.Dense(2)
    one.build((None, 3))
    assert one.get_build_config() == {"input_shape": (None, 3)}
    rnn = L.LSTM(2)
    rnn(np.zeros((1, 2, 3), np.float32))
    assert rnn.get_build_config() == {"input_shape": (1, 2, 3)}
    heads = L.MultiHeadAttention(2, 3)
    heads.build((None, 4, 5), (None, 6, 7))
    config = heads.get_build_config()
    assert config == {"shapes_dict": {"query_shape": (None, 4, 5), "value_shape": (None, 6, 7)}}
    read = {"shapes_dict": {k: list(v) for k, v in config["shapes_dict"].items()}}
    other = L.MultiHeadAttention(2, 3)
    other.build_from_config(read)
    assert [w.shape for w in other.weights] == [w.shape for w in heads.weights]
    assert L.Dense(2).get_build_config() is None
