"""Training beside real Keras: the same models, weights and batches, step by step."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from netwright import keras as ours

pytestmark = pytest.mark.filterwarnings("ignore")

Build = Callable[[Any], Any]


def dense(k: Any) -> Any:
    return k.Sequential([k.Input((12,)), k.layers.Dense(16, activation="tanh"), k.layers.Dense(5)])


def lenet(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [
            k.Input((28, 28, 1)),
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(512, activation="relu", kernel_regularizer=k.regularizers.L2(1e-4)),
            layers.Dense(10),
        ]
    )


def flowers(k: Any) -> Any:
    layers = k.layers
    stack = [k.Input((36, 36, 3)), layers.Rescaling(1 / 255)]
    for c in (16, 32, 64):
        stack += [layers.Conv2D(c, 3, padding="same", activation="relu"), layers.MaxPooling2D()]
    return k.Sequential([*stack, layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(5)])


def residual(k: Any) -> Any:
    layers = k.layers
    x = image = k.Input((16, 16, 3))
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    y = layers.Conv2D(16, 3, padding="same", use_bias=False)(x)
    y = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(y))
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(y)
    x = layers.Add()([x, layers.BatchNormalization()(y)])
    return k.Model(image, layers.Dense(5)(layers.GlobalAveragePooling2D()(x)))


def autoencoder(k: Any) -> Any:
    layers = k.layers
    image = k.Input((12, 12, 1))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(image)
    code = layers.Dense(6)(layers.Flatten()(x))
    encoder = k.Model(image, code)
    given = k.Input((6,))
    x = layers.Reshape((6, 6, 4))(layers.Dense(144, activation="relu")(given))
    x = layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu")(x)
    decoder = k.Model(given, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x))
    return k.Model(image, decoder(encoder(image)))


def stacked_lstm(k: Any) -> Any:
    layers = k.layers
    return k.Sequential(
        [k.Input((10, 1)), layers.LSTM(30, return_sequences=True), layers.LSTM(30), layers.Dense(1)]
    )


def gru(k: Any) -> Any:
    layers = k.layers
    return k.Sequential([k.Input((7, 4)), layers.Bidirectional(layers.GRU(9)), layers.Dense(5)])


def transformer(k: Any) -> Any:
    layers = k.layers
    tokens = k.Input((12,), dtype="int32")
    x = layers.Embedding(128, 16)(tokens)
    for _ in range(2):
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(2, 8)(y, y)])
        y = layers.Dense(32, activation="gelu")(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dense(16)(y)])
    return k.Model(tokens, layers.Dense(5)(layers.GlobalAveragePooling1D()(x)))


def batch(model: Any, build: Build, seed: int = 0, size: int = 8) -> tuple[Any, Any]:
    r = np.random.default_rng(seed)
    shape = model.inputs[0].shape[1:]
    if build is transformer:
        # no token twice: with the optimizers of TensorFlow's Keras rows that repeat move further
        x = r.permutation(128)[: size * 12].reshape(size, 12).astype("int32")
    else:
        x = r.normal(size=(size, *shape)).astype("float32")
    if build is flowers:
        x = (x * 40 + 128).clip(0, 255)
    if build is autoencoder:
        x = 1 / (1 + np.exp(-x))
        return x, x
    if build is stacked_lstm:
        return x, r.normal(size=(size, 1)).astype("float32")
    return x, r.integers(0, 5, size).astype("int32")


def pair(keras: Any, build: Build) -> tuple[Any, Any]:
    """The same model twice, with the same weights. Of some seeds a unit lies so near to zero that rounding decides
    whether it is on."""
    keras.utils.set_random_seed(4)
    want, got = build(keras), build(ours)
    shapes = [tuple(w.shape) for w in want.get_weights()]
    assert shapes == [w.shape for w in got.get_weights()]
    got.set_weights(want.get_weights())
    return want, got


def loss_for(k: Any, build: Build) -> Any:
    if build is autoencoder:
        return k.losses.BinaryCrossentropy()
    if build is stacked_lstm:
        return k.losses.MeanSquaredError()
    return k.losses.SparseCategoricalCrossentropy(from_logits=True)


def close(got: Any, want: Any, bound: float, least: float = 1e-6) -> None:
    top = max(float(np.abs(want).max(initial=0)), least)
    assert float(np.abs(np.asarray(got) - want).max(initial=0)) <= bound * top


@pytest.mark.parametrize("build", [lenet, flowers, residual, autoencoder, stacked_lstm, gru, transformer])
def test_twenty_steps(keras: Any, build: Build) -> None:
    want, got = pair(keras, build)
    for k, m in ((keras, want), (ours, got)):
        m.compile(k.optimizers.Adam(1e-3), loss_for(k, build))
    for i in range(20):
        x, y = batch(want, build, i)
        a, b = want.train_on_batch(x, y), got.train_on_batch(x, y)
        assert abs(a - b) <= 1e-3 * max(abs(a), 1e-2), f"step {i}: {b}, Keras has {a}"
    for v, w in zip(got.weights, want.get_weights(), strict=True):
        if not v.path.endswith("key/bias"):  # their gradient is zero but for rounding, which Adam makes large
            close(v.numpy(), w, 1e-3, least=0.05)  # a step moves a weight by 0.001
    x, _ = batch(want, build, 99)
    close(got.predict(x, verbose=0), want.predict(x, verbose=0), 1e-3)


OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("SGD", {"weight_decay": 0.01}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True, "momentum": 0.5}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {"weight_decay": 0.01}),
    ("Adagrad", {}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("Ftrl", {"learning_rate": 0.1}),
    ("Lion", {}),
    ("Adam", {"clipnorm": 0.1}),
    ("Adam", {"clipvalue": 0.01}),
    ("Adam", {"global_clipnorm": 0.1}),
    ("SGD", {"use_ema": True, "ema_momentum": 0.9}),
    ("Adam", {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 2}),
]


@pytest.mark.parametrize(("name", "settings"), OPTIMIZERS, ids=lambda v: str(v))
def test_each_optimizer(keras: Any, name: str, settings: dict[str, Any]) -> None:
    want, got = pair(keras, dense)
    for k, m in ((keras, want), (ours, got)):
        m.compile(getattr(k.optimizers, name)(**settings), loss_for(k, dense))
    for i in range(3):
        x, y = batch(want, dense, i)
        a, b = want.train_on_batch(x, y), got.train_on_batch(x, y)
        assert abs(a - b) <= 1e-5 * abs(a)
    for v, w in zip(got.weights, want.get_weights(), strict=True):
        close(v.numpy(), w, 1e-5)
    slots = {v.path.split("/", 1)[-1]: v for v in want.optimizer.variables}
    found = {v.path.split("/", 1)[-1]: v for v in got.optimizer.variables}
    assert len(slots) == len(found)
    for v, w in zip(got.optimizer.variables, want.optimizer.variables, strict=True):
        close(v.numpy(), np.asarray(w), 2e-5)


LOSSES: list[tuple[str, dict[str, Any], str]] = [
    ("MeanSquaredError", {}, "real"),
    ("MeanAbsoluteError", {}, "real"),
    ("MeanAbsolutePercentageError", {}, "real"),
    ("MeanSquaredLogarithmicError", {}, "positive"),
    ("Huber", {"delta": 0.5}, "real"),
    ("LogCosh", {}, "real"),
    ("BinaryCrossentropy", {"from_logits": True}, "binary"),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "binary"),
    ("CategoricalCrossentropy", {"from_logits": True}, "onehot"),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "onehot"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "sparse"),
    ("KLDivergence", {}, "share"),
    ("CosineSimilarity", {}, "real"),
    ("Hinge", {}, "sign"),
    ("SquaredHinge", {}, "sign"),
    ("CategoricalHinge", {}, "onehot"),
    ("Poisson", {}, "positive"),
]


def targets(kind: str, r: np.random.Generator, n: int) -> Any:
    y = r.normal(size=(n, 5)).astype("float32")
    if kind == "sparse":
        return r.integers(0, 5, n).astype("int32")
    made: dict[str, Any] = {
        "real": y, "positive": np.abs(y), "binary": (y > 0).astype("float32"), "sign": np.sign(y),
        "onehot": np.eye(5, dtype="float32")[r.integers(0, 5, n)], "share": np.abs(y) / np.abs(y).sum(1, keepdims=True),
    }  # fmt: skip
    return made[kind]


def head(activation: str) -> Build:
    def build(k: Any) -> Any:
        return k.Sequential([k.Input((12,)), k.layers.Dense(5, activation=activation)])

    return build


@pytest.mark.parametrize(("name", "settings", "kind"), LOSSES, ids=lambda v: str(v))
def test_each_loss(keras: Any, name: str, settings: dict[str, Any], kind: str) -> None:
    activation = {"positive": "softplus", "share": "softmax"}.get(kind, "linear")
    _one_step(keras, head(activation), name, settings, kind)


@pytest.mark.parametrize(
    ("activation", "name", "kind"),
    [
        ("softmax", "SparseCategoricalCrossentropy", "sparse"), ("softmax", "CategoricalCrossentropy", "onehot"),
        ("sigmoid", "BinaryCrossentropy", "binary"),
    ],
)  # fmt: skip
def test_losses_on_probabilities(keras: Any, activation: str, name: str, kind: str) -> None:
    _one_step(keras, head(activation), name, {}, kind)


@pytest.mark.parametrize("weighted", ["sample_weight", "class_weight"])
def test_weights(keras: Any, weighted: str) -> None:
    _one_step(
        keras, head("linear"), "SparseCategoricalCrossentropy", {"from_logits": True}, "sparse", weighted
    )


def _one_step(
    keras: Any, build: Build, name: str, settings: dict[str, Any], kind: str, weighted: str = ""
) -> None:
    want, got = pair(keras, build)
    for k, m in ((keras, want), (ours, got)):
        m.compile(k.optimizers.SGD(0.1), getattr(k.losses, name)(**settings))
    for i in range(2):
        r = np.random.default_rng(i)
        x, y = r.normal(size=(7, 12)).astype("float32"), targets(kind, r, 7)
        more: dict[str, Any] = {}
        if weighted == "sample_weight":
            more["sample_weight"] = r.uniform(size=7).astype("float32")
        if weighted == "class_weight":
            more["class_weight"] = {0: 2.0, 1: 0.5, 2: 1.0, 3: 3.0, 4: 0.1}
        a, b = want.train_on_batch(x, y, **more), got.train_on_batch(x, y, **more)
        # percentages of numbers near zero are large, and so are their errors
        bound = 1e-4 if "Percentage" in name else 1e-5
        assert abs(a - b) <= bound * max(abs(a), 1e-3)
        assert abs(want.test_on_batch(x, y) - got.test_on_batch(x, y)) <= bound * max(abs(a), 1e-3)
    for v, w in zip(got.weights, want.get_weights(), strict=True):
        close(v.numpy(), w, 1e-5)


def test_fit_evaluate_predict(keras: Any) -> None:
    r = np.random.default_rng(0)
    x, y = r.normal(size=(50, 12)).astype("float32"), r.integers(0, 5, 50).astype("int32")
    want, got = pair(keras, dense)
    for k, m in ((keras, want), (ours, got)):
        m.compile(k.optimizers.Adam(1e-2), loss_for(k, dense), metrics=["accuracy"])
    given: dict[str, Any] = {
        "batch_size": 16,
        "epochs": 3,
        "shuffle": False,
        "verbose": 0,
        "validation_split": 0.2,
    }
    a, b = want.fit(x, y, **given).history, got.fit(x, y, **given).history
    assert list(a) == list(b)
    for k in a:
        assert np.allclose(a[k], b[k], rtol=1e-4), k
    assert np.allclose(want.evaluate(x, y, verbose=0), got.evaluate(x, y, verbose=0), rtol=1e-4)
    close(got.predict(x, verbose=0, batch_size=13), want.predict(x, verbose=0), 1e-4)
    assert np.allclose(want.test_on_batch(x, y), got.test_on_batch(x, y), rtol=1e-4)
    found = got.train_on_batch(x, y, return_dict=True)
    assert list(found) == ["loss", "accuracy"] and all(isinstance(v, float) for v in found.values())


def several(k: Any) -> Any:
    layers = k.layers
    a, b = k.Input((6,), name="a"), k.Input((4,), name="b")
    shared = layers.Dense(8, activation="relu")
    x = layers.Concatenate()([shared(layers.Dense(5)(a)), shared(layers.Dense(5)(b))])
    return k.Model([a, b], [layers.Dense(3, name="first")(x), layers.Dense(1, name="second")(x)])


def test_several_inputs_and_outputs(keras: Any) -> None:
    r = np.random.default_rng(0)
    x = [r.normal(size=(9, 6)).astype("float32"), r.normal(size=(9, 4)).astype("float32")]
    y = [r.integers(0, 3, 9).astype("int32"), r.normal(size=(9, 1)).astype("float32")]
    want, got = pair(keras, several)
    for k, m in ((keras, want), (ours, got)):
        m.compile(
            k.optimizers.SGD(0.1),
            loss=[k.losses.SparseCategoricalCrossentropy(from_logits=True), "mse"],
            loss_weights=[1.0, 0.5],
            metrics=[["accuracy"], ["mae"]],
        )
    for _ in range(3):
        a = want.train_on_batch(x, y, return_dict=True)
        b = got.train_on_batch(x, y, return_dict=True)
        assert set(a) == set(b), (a, b)
        for k in a:
            assert abs(a[k] - b[k]) <= 1e-4 * max(abs(a[k]), 1e-2), k
    for u, v in zip(got.predict(x, verbose=0), want.predict(x, verbose=0), strict=True):
        close(u, v, 1e-4)


def test_dropout_with_a_given_mask(keras: Any) -> None:
    """Keras draws other numbers: both get the mask that keeps the same units."""
    mask = (np.random.default_rng(1).uniform(size=(8, 16)) > 0.4).astype("float32")

    def build(k: Any) -> Any:
        class Masked(k.layers.Layer):
            def call(self, x: Any, training: bool = False) -> Any:
                return x * mask / np.float32(0.6) if training else x

        return k.Sequential(
            [k.Input((12,)), k.layers.Dense(16, activation="tanh"), Masked(), k.layers.Dense(5)]
        )

    want, got = pair(keras, build)
    for k, m in ((keras, want), (ours, got)):
        m.compile(k.optimizers.SGD(0.1), loss_for(k, dense))
    x, y = batch(want, dense)
    assert abs(want.train_on_batch(x, y) - got.train_on_batch(x, y)) <= 1e-5
    for v, w in zip(got.weights, want.get_weights(), strict=True):
        close(v.numpy(), w, 1e-5)


def test_a_training_step_of_ones_own() -> None:
    class Own(ours.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = ours.layers.Dense(5)
            self.seen = ours.metrics.Mean(name="seen")

        def call(self, x: Any, training: bool = False) -> Any:
            return self.inner(x)

        def train_step(self, data: Any) -> Any:
            import netwright as nw

            x, y, _ = data
            with nw.GradientTape() as tape:
                loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
            found = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(found, self.trainable_variables, strict=True))
            self.seen.update_state(loss)
            return {"loss": loss, "seen": self.seen.result()}

    model = Own()
    model.compile("sgd", "mse")
    r = np.random.default_rng(0)
    x, y = r.normal(size=(8, 3)).astype("float32"), r.normal(size=(8, 5)).astype("float32")
    first = model.train_on_batch(x, y)
    assert first[0] == first[1] and model.train_on_batch(x, y)[0] < first[0]
    history = model.fit(x, y, epochs=2, batch_size=4, verbose=0).history
    assert history["seen"][0] == pytest.approx(history["loss"][0], rel=1e-5)
