"""Transfer learning: a part of a model that is not trained computes as at inference, and a cut model with a new head
learns."""

from typing import Any

import numpy as np
import pytest
from netwright import keras


def _base() -> Any:
    layers = keras.layers
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(16, 3, padding="same", use_bias=False, name="conv")(image)
    x = layers.Activation("relu", name="cut")(layers.BatchNormalization()(x))
    return keras.Model(image, layers.Dense(7)(layers.Flatten()(x)), name="base")


def _samples(count: int = 16) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, 8, 8, 3)).astype(np.float32), rng.integers(0, 4, count).astype(np.int32)


def _families(model: Any) -> list[str]:
    (step,) = (s for k, s in model._steps.items() if k[0] == "train")
    return [c["family"] for c in step._compiled.call._library.manifest["calls"]]


@pytest.fixture
def model() -> Any:
    keras.utils.set_random_seed(1)
    base = _base()
    body = keras.Model(base.input, base.get_layer("cut").output, name="body")
    body.trainable = False
    image = keras.Input((8, 8, 3))
    head = keras.layers.Dense(4, name="head")(keras.layers.GlobalAveragePooling2D()(body(image)))
    made = keras.Model(image, head)
    made.body = body
    made.compile(keras.optimizers.SGD(0.5), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return made


def test_a_frozen_part_has_no_gradients_and_is_folded(model: Any) -> None:
    x, y = _samples()
    before = [w.copy() for w in model.body.get_weights()]
    losses = [model.train_on_batch(x, y) for _ in range(20)]
    assert losses[-1] < losses[0]
    for a, b in zip(before, model.body.get_weights(), strict=True):
        assert np.array_equal(a, b)
    assert [v.path.split("/")[-2:] for v in model.trainable_variables] == [
        ["head", "kernel"],
        ["head", "bias"],
    ]
    families = _families(model)
    assert not [f for f in families if "filter" in f or "gradient" in f or f == "moments"]
    # normalisation and relu go into the convolution: nothing of the image's size runs beside it and the mean
    step = next(s for k, s in model._steps.items() if k[0] == "train")
    large = [
        c for c in step._compiled.call._library.manifest["calls"] if int(c["bytes"]) > 16 * 8 * 8 * 16 * 4
    ]
    assert len(large) <= 2, [(c["family"], c["layer"]) for c in large]


def test_weights_set_later_count(model: Any) -> None:
    """They are constants of the compiled step, which is made anew."""
    x, y = _samples()
    model.train_on_batch(x, y)
    head = model.get_layer("head")
    kept = head.get_weights()
    model.body.set_weights([w * 0 if w.ndim == 4 else w for w in model.body.get_weights()])
    head.set_weights(kept)
    without = model.test_on_batch(x, y)
    assert model.train_on_batch(x, y) == pytest.approx(without, rel=1e-5)


def test_thawed_it_is_trained(model: Any) -> None:
    x, y = _samples()
    model.train_on_batch(x, y)
    model.body.trainable = True
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = model.body.get_weights()[0].copy()
    model.train_on_batch(x, y)
    assert not np.array_equal(before, model.body.get_weights()[0])
    assert any("filter" in f or "gradient" in f for f in _families(model))


def test_a_rate_that_changes_compiles_nothing() -> None:
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9, staircase=True)
    model.compile(keras.optimizers.Adam(rate), "mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 5)).astype(np.float32), rng.normal(size=(4, 3)).astype(np.float32)
    for _ in range(1000):
        model.train_on_batch(x, y)
    assert len(model._steps) == 1 and int(model.optimizer.iterations.numpy()) == 1000
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1 * 0.9**100, rel=1e-4)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    for i in range(20):
        model.optimizer.learning_rate = 0.1 / (i + 1)
        before = model.get_weights()[1].copy()
        model.train_on_batch(x, y)
    assert len(model._steps) == 1
    assert np.abs(model.get_weights()[1] - before).max() < 0.1 / 20 * 10


def test_python_threads_may_predict_at_once() -> None:
    import threading

    model = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(128, activation="relu"), keras.layers.Dense(8)]
    )
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(4, 32, 64)).astype(np.float32)
    want = [model.predict(a, verbose=0) for a in x]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(50):
            if not np.array_equal(model.predict_on_batch(x[i]), want[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
