"""Files of Keras models, both ways: what real Keras writes is read here, and what is written here real Keras reads."""

from __future__ import annotations

from typing import Any

import netwright as nw
import numpy as np
import pytest
from netwright import keras as own

real: Any = None
K: Any = None
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*HDF5 file.*legacy.*:UserWarning"),
]


@pytest.fixture(autouse=True)
def _real(keras):
    global real, K
    real, K = keras, keras.layers


def images():
    x = real.Input((8, 8, 3), name="img")
    h = K.Conv2D(4, 3, activation="relu", kernel_regularizer="l2")(x)
    h = K.BatchNormalization()(h)
    h = K.Dropout(0.2, seed=3)(h)
    h = K.Flatten()(h)
    h = K.Dense(6, kernel_constraint=real.constraints.MaxNorm(2))(h)
    h = K.Reshape((3, 2))(h)
    h = K.Bidirectional(K.LSTM(3, dropout=0.1))(h)
    inner = real.Sequential([K.Dense(4, name="a"), K.Dense(2, name="b")], name="inner")
    model = real.Model(x, inner(h) + 1)
    rate = real.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
    model.compile(real.optimizers.Adam(rate), "mse", metrics=["mae"])
    return model, [(4, 8, 8, 3)]


def shared():
    one, two = real.Input((5,), name="one"), real.Input((5,), name="two")
    dense = K.Dense(4, name="shared")
    a, b = dense(one), dense(two)
    inside = real.Input((8,))
    nest = real.Model(inside, [K.Dense(3)(inside), K.Dense(2)(inside)], name="nest")
    p, q = nest(K.Concatenate()([a, b]))
    r = K.Dense(3, name="r")(K.Add()([a, b]))
    model = real.Model({"one": one, "two": two}, {"p": K.Multiply()([p, r]), "q": q})
    model.compile("sgd", {"p": "mse", "q": "mae"})
    return model, [(4, 5), (4, 5)]


def words():
    x = real.Input((7,), dtype="int32", name="words")
    h = K.Embedding(11, 4, mask_zero=True)(x)
    h = K.LSTM(3, return_sequences=True)(h)
    h = K.GRU(5)(h)
    h = K.LayerNormalization()(h)
    y = real.ops.sigmoid(real.ops.mean(h, axis=1, keepdims=True))[:, 0] * 2.0
    return real.Model(x, y), ["int", (4, 7)]


def chain():
    layers = [
        K.Input((6, 6, 2)),
        K.SeparableConv2D(3, 3, padding="same", depth_multiplier=2),
        K.PReLU(),
        K.DepthwiseConv2D(2),
        K.MaxPooling2D(),
        K.Conv2DTranspose(4, 2, strides=2),
        K.GlobalAveragePooling2D(),
        K.Dense(3, activation="softmax"),
    ]
    model = real.Sequential(layers)
    model.compile(real.optimizers.SGD(0.1, momentum=0.9), real.losses.SparseCategoricalCrossentropy())
    return model, [(4, 6, 6, 2)]


def attention():
    x = real.Input((6, 8), name="x")
    h = K.Add()([x, K.MultiHeadAttention(2, 4)(x, x)])
    h = K.TimeDistributed(K.Dense(3))(h)
    h = K.RNN([K.LSTMCell(2), K.GRUCell(3)])(h)
    return real.Model(x, h), [(4, 6, 8)]


def branches():
    """Layers at several depths, so that their order is not that of their making."""
    x = real.Input((4,), name="x")
    early = K.Dense(3, name="early")(x)
    late = K.Dense(3, name="late1")(K.Dense(3, name="late2")(x))
    twice = K.Dense(3, name="twice")
    joined = K.Concatenate()([twice(late), early, twice(twice(early))])
    outs = [K.Dense(2, name="z")(joined), K.Dense(1, name="y")(late)]
    return real.Model(x, outs), [(4, 4)]


def inside_and_out():
    """A layer that a model and one inside of it share."""
    common = K.Dense(4, name="common")
    inside = real.Input((4,))
    nest = real.Model(inside, K.Dense(3)(common(inside)), name="nest")
    x = real.Input((4,), name="x")
    return real.Model(x, nest(common(x))), [(4, 4)]


MODELS = [images, shared, words, chain, attention, branches]
#: what real Keras cannot read from its own legacy files: functions between layers, losses by output
LEGACY = [chain, attention, branches]


def made(build):
    """A model with weights of its own, inputs, and what it gives for them."""
    real.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    model, shapes = build()
    for w in model.weights:
        w.assign(np.abs(rng.standard_normal(w.shape)).astype(np.float32) * 0.3)
    if shapes[0] == "int":
        arrays = [rng.integers(0, 11, shapes[1]).astype(np.int32)]
    else:
        arrays = [rng.standard_normal(s).astype(np.float32) for s in shapes]
    x = dict(zip(["one", "two"], arrays, strict=True)) if len(arrays) == 2 else arrays[0]
    return model, x, flat(model(x, training=False))


def flat(found):
    if isinstance(found, dict):
        found = list(found.values())
    return [np.asarray(v) for v in (found if isinstance(found, (list, tuple)) else [found])]


def same(model, x, want):
    for a, b in zip(flat(model(x, training=False)), want, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


@pytest.mark.filterwarnings("ignore:.*they are not loaded:UserWarning")
@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer:UserWarning")
@pytest.mark.parametrize("build", MODELS)
def test_keras_archives_both_ways(build, tmp_path):
    model, x, want = made(build)
    model.save(tmp_path / "theirs.keras")
    mine = own.models.load_model(tmp_path / "theirs.keras")
    same(mine, x, want)
    assert type(mine.optimizer).__name__ == type(getattr(model, "optimizer", None)).__name__
    mine.save(tmp_path / "mine.keras")
    again = real.models.load_model(tmp_path / "mine.keras")
    same(again, x, want)
    assert len(again.weights) == len(mine.weights) == len(model.weights)


@pytest.mark.filterwarnings("ignore:.*it begins anew:UserWarning")
@pytest.mark.filterwarnings("ignore:the file has no training configuration:UserWarning")
@pytest.mark.parametrize("build", LEGACY)
def test_legacy_files_both_ways(build, tmp_path):
    model, x, want = made(build)
    model.save(tmp_path / "theirs.h5")
    mine = own.models.load_model(tmp_path / "theirs.h5")
    same(mine, x, want)
    mine.save(tmp_path / "mine.h5")
    same(real.models.load_model(tmp_path / "mine.h5"), x, want)


@pytest.mark.filterwarnings("ignore:.*it begins anew:UserWarning")
@pytest.mark.parametrize("build", [images, shared, words])
def test_legacy_files_that_keras_itself_cannot_read(build, tmp_path):
    model, x, want = made(build)
    model.save(tmp_path / "theirs.h5")
    same(own.models.load_model(tmp_path / "theirs.h5", compile=False), x, want)


@pytest.mark.parametrize("build", MODELS)
def test_weights_alone_and_json_both_ways(build, tmp_path):
    model, x, want = made(build)
    model.save_weights(tmp_path / "theirs.weights.h5")
    mine = own.models.model_from_json(model.to_json())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *a, **k: None)
        mine.load_weights(tmp_path / "theirs.weights.h5")
    same(mine, x, want)
    again = own.models.clone_model(mine)
    again.set_weights(mine.get_weights())
    again.save_weights(tmp_path / "mine.weights.h5")
    for w in model.weights:
        w.assign(np.zeros(w.shape, np.float32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *a, **k: None)
        model.load_weights(tmp_path / "mine.weights.h5")
    same(model, x, want)
    other = real.models.model_from_json(mine.to_json())
    other.set_weights(mine.get_weights())
    same(other, x, want)


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize(
    "optimizer", ["adam", "rmsprop", "sgd", "adamw", "adagrad", "adadelta", "nadam", "ftrl", "lion"]
)
def test_an_optimizer_goes_on_where_it_was(optimizer, ending, tmp_path):
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((8, 5)).astype(np.float32), rng.standard_normal((8, 2)).astype(np.float32)
    model = real.Sequential([real.Input((5,)), K.Dense(4, activation="tanh"), K.Dense(2)])
    model.compile(
        optimizer, real.losses.MeanSquaredError()
    )  # Keras reads no name of a loss from its .h5 files
    for _ in range(3):
        model.train_on_batch(x, y)
    model.save(tmp_path / f"theirs.{ending}")
    mine = own.models.load_model(tmp_path / f"theirs.{ending}")
    mine.save(tmp_path / f"mine.{ending}")
    # Keras builds the optimizer of a legacy file for no variables, so that it cannot go on with its own
    reader = real if ending == "keras" else own
    back = reader.models.load_model(tmp_path / f"mine.{ending}")
    for m in (model, mine, back):
        m.train_on_batch(x, y)
    for a, b, c in zip(model.get_weights(), mine.get_weights(), back.get_weights(), strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-5, atol=2e-6)
        np.testing.assert_allclose(c, a, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("build", MODELS)
def test_models_of_real_keras_are_compiled(build):
    model, x, want = made(build)
    compiled = nw.compile(model)
    found = compiled.run(x if isinstance(x, dict) else {compiled.inputs[0].name: x})
    names = ["p", "q"] if isinstance(x, dict) else [s.name for s in compiled.outputs]
    for name, b in zip(names, want, strict=True):
        np.testing.assert_allclose(found[name], b, rtol=2e-5, atol=2e-6)


def test_compiling_a_model_of_keras_imports_no_keras():
    """It is told by its classes' names, so that nobody needs Keras for models of one's own."""
    from netwright.frontends.keras.foreign import is_foreign

    model = real.Sequential([real.Input((3,)), K.Dense(2)])
    assert is_foreign(model) and not is_foreign(own.Sequential([own.Input((3,))])) and not is_foreign(3)
