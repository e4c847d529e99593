"""Recurrent layers: shapes with an open batch, configurations, states, dropout, errors."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from netwright.frontends.eager import ops
from netwright.frontends.keras import layers as L
from netwright.frontends.keras.models import Model

X = np.random.default_rng(0).standard_normal((2, 4, 3)).astype(np.float32)
LAYERS = (L.LSTM, L.GRU, L.SimpleRNN)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def test_lstm_step_by_step() -> None:
    layer = L.LSTM(2, return_sequences=True, return_state=True, bias_initializer="ones")
    y, h, c = layer(X)
    w, u, b = (v.astype(np.float64) for v in layer.get_weights())
    np.testing.assert_array_equal(b, np.ones(8))
    state, cell = np.zeros((2, 2)), np.zeros((2, 2))
    for t in range(4):
        i, f, g, o = np.split(X[:, t] @ w + state @ u + b, 4, axis=1)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        state = sigmoid(o) * np.tanh(cell)
        np.testing.assert_allclose(y.numpy()[:, t], state, atol=1e-6)
    np.testing.assert_allclose(h.numpy(), state, atol=1e-6)
    np.testing.assert_allclose(c.numpy(), cell, atol=1e-6)


@pytest.mark.parametrize("made", LAYERS)
def test_cell_does_what_all_steps_do(made: Any) -> None:
    layer = made(3, return_sequences=True, return_state=True)
    mask = np.array([[True, False, True, True], [False, True, True, False]])
    want = layer(X, mask=mask)
    steps = L.RNN(layer.cell, return_sequences=True, return_state=True)
    for have, w in zip(steps(X, mask=mask), want, strict=True):
        np.testing.assert_allclose(have.numpy(), w.numpy(), atol=1e-6)


@pytest.mark.parametrize("made", LAYERS)
def test_shapes_with_open_sizes(made: Any) -> None:
    x = L.Input((None, 3))
    y, *states = made(5, return_sequences=True, return_state=True)(x)
    assert y.shape == (None, None, 5)
    assert [s.shape for s in states] == [(None, 5)] * len(states)
    assert L.Bidirectional(made(5))(x).shape == (None, 10)
    assert L.RNN([L.LSTMCell(2), L.GRUCell(4)], return_sequences=True)(x).shape == (None, None, 4)
    assert made(5).compute_output_shape((None, 7, 3)) == (None, 5)
    model = Model(x, y)
    assert model(X).shape == (2, 4, 5)


@pytest.mark.parametrize("made", LAYERS)
def test_configuration_makes_an_equal_layer(made: Any) -> None:
    layer = made(
        3, activation="relu", dropout=0.1, recurrent_dropout=0.2, go_backwards=True, use_bias=False, seed=4
    )
    other = made.from_config(layer.get_config())
    assert other.get_config() == layer.get_config()
    assert (other.units, other.go_backwards, other.use_bias) == (3, True, False)
    cell = type(layer.cell).from_config(layer.cell.get_config())
    assert cell.get_config() == layer.cell.get_config()


def test_wrappers_keep_their_layers() -> None:
    layer = L.Bidirectional(L.GRU(3, name="inner"), merge_mode="ave")
    other = L.Bidirectional.from_config(layer.get_config())
    assert [other.forward_layer.name, other.backward_layer.name] == ["forward_inner", "backward_inner"]
    assert other.backward_layer.go_backwards
    assert other.merge_mode == "ave"
    steps = L.TimeDistributed.from_config(L.TimeDistributed(L.Dense(4)).get_config())
    assert steps.layer.units == 4
    stacked = L.RNN.from_config(L.RNN([L.LSTMCell(2), L.SimpleRNNCell(3)]).get_config())
    assert stacked.state_size == [[2, 2], 3]


def test_paths_of_weights() -> None:
    layer = L.Bidirectional(L.LSTM(3, name="deep"), name="both")
    layer.build((None, 4, 3))
    assert [v.path for v in layer.weights[:3]] == [
        f"both/forward_deep/lstm_cell/{n}" for n in ("kernel", "recurrent_kernel", "bias")
    ]


@pytest.mark.parametrize("made", LAYERS)
@pytest.mark.parametrize("rates", [(0.5, 0.0), (0.0, 0.5), (0.4, 0.3)])
def test_dropout_has_one_mask_for_all_steps(made: Any, rates: Any) -> None:
    layer = made(16, dropout=rates[0], recurrent_dropout=rates[1], seed=1, return_sequences=True)
    first, second = layer(X, training=True).numpy(), layer(X, training=True).numpy()
    assert np.abs(first - second).max() > 0
    np.testing.assert_array_equal(layer(X).numpy(), layer(X, training=False).numpy())
    assert layer.cell._dropout_mask is None
    assert layer.cell._recurrent_dropout_mask is None


def test_dropped_inputs_stay_dropped() -> None:
    layer = L.SimpleRNN(
        1, activation="linear", dropout=0.5, seed=3, kernel_initializer="ones", recurrent_initializer="zeros",
        return_sequences=True,
    )  # fmt: skip
    y = layer(np.ones((64, 6, 1), np.float32), training=True).numpy()[..., 0]
    assert set(np.unique(y)) == {0.0, 2.0}
    assert (y == y[:, :1]).all()


def test_state_of_a_stateful_layer() -> None:
    layer = L.GRU(3, stateful=True)
    first, second = layer(X).numpy(), layer(X).numpy()
    whole = L.GRU(3)
    whole.build(X.shape)
    whole.set_weights(layer.get_weights())
    np.testing.assert_allclose(first, whole(X).numpy(), atol=1e-6)
    np.testing.assert_allclose(second, whole(np.concatenate([X, X], 1)).numpy(), atol=1e-6)
    layer.reset_state()
    np.testing.assert_allclose(layer(X).numpy(), first, atol=1e-6)
    assert len(layer.weights) == 3
    with pytest.raises(ValueError, match="Expected batch size: 2"):
        layer(X[:1])
    with pytest.raises(ValueError, match="batch size must be static"):
        L.GRU(3, stateful=True)(L.Input((4, 3)))


class Sum:
    """A cell that is no layer: it adds up what it sees."""

    state_size = 3

    def call(self, inputs: Any, states: Any) -> Any:
        made = inputs + states[0]
        return made, [made]


def test_any_cell() -> None:
    np.testing.assert_allclose(L.RNN(Sum())(X).numpy(), X.sum(1), atol=1e-6)
    back = L.RNN(Sum(), return_sequences=True, go_backwards=True)(X).numpy()
    np.testing.assert_allclose(back, np.cumsum(X[:, ::-1], 1), atol=1e-6)


def test_mask_goes_on() -> None:
    table = L.Embedding(5, 3, mask_zero=True)
    x = table(np.array([[1, 2, 0], [3, 0, 0]], np.int32))
    y = L.LSTM(2, return_sequences=True)(x)
    np.testing.assert_array_equal(y.mask.numpy(), [[True, True, False], [True, False, False]])
    np.testing.assert_array_equal(y.numpy()[1, 1], y.numpy()[1, 0])
    assert L.LSTM(2)(x).mask is None
    both = L.Bidirectional(L.LSTM(2, return_sequences=True))(x)
    assert (both.numpy()[1, 1:] == 0).all()


def test_time_distributed_takes_steps_where_statistics_are_kept() -> None:
    layer = L.TimeDistributed(L.BatchNormalization(momentum=0.5))
    layer(X, training=True)
    mean = np.zeros(3)
    for t in range(4):
        mean = mean * 0.5 + X[:, t].mean(0) * 0.5
    np.testing.assert_allclose(layer.layer.moving_mean.numpy(), mean, atol=1e-6)
    assert L.TimeDistributed(L.Dense(2))(L.Input((None, 3))).shape == (None, None, 2)


def test_function_as_activation() -> None:
    layer = L.LSTM(2, activation=lambda x: ops.tanh(x * 1.0), return_sequences=True)
    plain = L.LSTM(2, return_sequences=True)
    layer.build(X.shape)
    plain.build(X.shape)
    plain.set_weights(layer.get_weights())
    np.testing.assert_allclose(layer(X).numpy(), plain(X).numpy(), atol=1e-6)


WRONG: list[tuple[Any, str]] = [
    (
        lambda: L.LSTM(0),
        "Received an invalid value for argument `units`, expected a positive integer, got 0.",
    ),
    (lambda: L.GRU(2, use_cudnn="no"), "Expected one of {'auto', True, False}"),
    (lambda: L.RNN(3), "Argument `cell` should have a `call` method"),
    (lambda: L.RNN(L.Dense(3)), "should have a `state_size` attribute"),
    (lambda: L.StackedRNNCells([3]), "All cells must have a `call` method"),
    (lambda: L.LSTM(2)(X[0]), "expected ndim=3, found ndim=2"),
    (lambda: L.LSTM(2, unroll=True)(L.Input((None, 3))), "Cannot unroll a RNN"),
    (lambda: L.Bidirectional(3), "Please initialize `Bidirectional` layer"),
    (lambda: L.Bidirectional(L.LSTM(2), merge_mode="max"), "Invalid merge mode. Received: max"),
    (lambda: L.Bidirectional(L.LSTM(2), backward_layer=L.LSTM(2)), "should have different `go_backwards`"),
    (
        lambda: L.Bidirectional(L.LSTM(2), backward_layer=L.LSTM(2, go_backwards=True, return_state=True)),
        'same value for attribute "return_state"',
    ),
    (lambda: L.TimeDistributed(3), "Please initialize `TimeDistributed` layer"),
    (lambda: L.TimeDistributed(L.Dense(2))(X[:, 0]), "with at least 3 dimensions"),
    (
        lambda: L.TimeDistributed(L.Dense(2))(X, mask=np.ones((2, 3), bool)),
        "Expected mask shape prefix: (2, 4)",
    ),
]


@pytest.mark.parametrize(("make", "text"), WRONG, ids=[t for _, t in WRONG])
def test_errors(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        make()


def test_what_is_not_built_is_refused_by_name() -> None:
    with pytest.raises(AttributeError, match=r"keras\.layers\.ConvLSTM2D"):
        L.ConvLSTM2D  # noqa: B018
