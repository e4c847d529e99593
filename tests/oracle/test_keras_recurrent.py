"""Recurrent layers against Keras: results, states and gradients, with masks and first states."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from netwright.frontends.keras import layers

from ..keras_compare import compare, flat, share_weights

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 5, 4)).astype(np.float32)
MASK = np.array([[1, 1, 0, 1, 0], [0, 0, 1, 1, 1], [1, 1, 1, 1, 1]], bool)
WHOLE = {"return_sequences": True, "return_state": True}
LAYERS = ("LSTM", "GRU", "SimpleRNN")
#: gelu is no activation that the ops over all steps know
OPTIONS: list[dict[str, Any]] = [
    {},
    WHOLE,
    dict(go_backwards=True, use_bias=False, **WHOLE),
    dict(zero_output_for_mask=True, **WHOLE),
    dict(activation="gelu", go_backwards=True, zero_output_for_mask=True, **WHOLE),
    {"activation": "relu", "unroll": True},
]


def pair(keras: ModuleType, name: str, *arguments: Any, **options: Any) -> tuple[Any, Any]:
    return getattr(layers, name)(*arguments, **options), getattr(keras.layers, name)(*arguments, **options)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: ",".join(o) or "plain")
@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_layer(tensorflow: ModuleType, keras: ModuleType, name: str, options: Any, mask: Any) -> None:
    ours, theirs = pair(keras, name, 6, **options)
    compare(tensorflow, ours, theirs, lambda layer, x: layer(x[0], mask=mask), [X])


@pytest.mark.parametrize("activation", ["tanh", "gelu"])
@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_gru_resets_in_front_of_the_product(
    tensorflow: ModuleType, keras: ModuleType, activation: str, mask: Any
) -> None:
    ours, theirs = pair(keras, "GRU", 6, reset_after=False, activation=activation, **WHOLE)
    compare(tensorflow, ours, theirs, lambda layer, x: layer(x[0], mask=mask), [X])


@pytest.mark.parametrize("name", LAYERS)
def test_first_state(tensorflow: ModuleType, keras: ModuleType, name: str) -> None:
    ours, theirs = pair(keras, name, 6, **WHOLE)
    states = [RNG.standard_normal((3, 6)).astype(np.float32) for _ in ours.state_size]
    compare(
        tensorflow, ours, theirs, lambda layer, x: layer(x[0], initial_state=x[1:], mask=MASK), [X, *states]
    )


@pytest.mark.parametrize(
    ("name", "mode", "options", "mask"),
    [
        ("LSTM", "concat", WHOLE, MASK),
        ("GRU", "sum", {"return_sequences": True}, None),
        ("SimpleRNN", "ave", {}, MASK),
        ("LSTM", "mul", {"return_sequences": True}, None),
        ("GRU", None, WHOLE, MASK),
    ],
)
def test_bidirectional(
    tensorflow: ModuleType, keras: ModuleType, name: str, mode: Any, options: Any, mask: Any
) -> None:
    inner, theirs_inner = pair(keras, name, 6, **options)
    ours = layers.Bidirectional(inner, merge_mode=mode)
    theirs = keras.layers.Bidirectional(theirs_inner, merge_mode=mode)
    compare(tensorflow, ours, theirs, lambda layer, x: layer(x[0], mask=mask), [X])


@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_stacked_cells(tensorflow: ModuleType, keras: ModuleType, mask: Any) -> None:
    def made(module: Any) -> Any:
        cells = [module.LSTMCell(3, implementation=1), module.GRUCell(4), module.SimpleRNNCell(2)]
        return module.RNN(cells, **WHOLE)

    compare(tensorflow, made(layers), made(keras.layers), lambda layer, x: layer(x[0], mask=mask), [X])


def test_states_stay_between_calls(tensorflow: ModuleType, keras: ModuleType) -> None:
    ours, theirs = pair(keras, "LSTM", 4, stateful=True)
    ours(X)
    theirs(X)
    share_weights(ours, theirs)
    for layer in (ours, theirs):
        layer.reset_state()
    for _ in range(2):
        np.testing.assert_allclose(ours(X).numpy(), np.asarray(theirs(X)), atol=1e-5)
    for have, want in zip(flat(ours.states), flat(theirs.states), strict=True):
        np.testing.assert_allclose(have.numpy(), np.asarray(want), atol=1e-5)
    assert len(ours.weights) == 3


@pytest.mark.parametrize("inner", ["Dense", "LSTM"])
def test_time_distributed(tensorflow: ModuleType, keras: ModuleType, inner: str) -> None:
    def made(module: Any) -> Any:
        return module.TimeDistributed(getattr(module, inner)(3))

    x = X if inner == "Dense" else RNG.standard_normal((2, 3, 4, 2)).astype(np.float32)
    compare(tensorflow, made(layers), made(keras.layers), lambda layer, x: layer(x[0]), [x])


@pytest.mark.parametrize("name", [*LAYERS, "LSTMCell", "GRUCell", "SimpleRNNCell"])
def test_configuration(keras: ModuleType, name: str) -> None:
    ours, theirs = (layer.get_config() for layer in pair(keras, name, 3, dropout=0.2))
    assert set(theirs) - set(ours) == set()
    for key in set(theirs) - {"name", "dtype"}:
        want, have = theirs[key], ours[key]
        if isinstance(want, dict):
            want, have = want["class_name"], have["class_name"]
        assert have == want, key
