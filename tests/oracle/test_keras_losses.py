"""Losses against Keras: every reduction, with and without weights of samples, and their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from netwright.frontends.eager import ops
from netwright.frontends.keras import losses

from ..helpers import close
from ..traced_functions import compiled, interpreted

pytestmark = pytest.mark.filterwarnings("ignore")

RNG = np.random.default_rng(3)
SHAPE = (6, 5)
NUMBERS = RNG.normal(size=SHAPE).astype(np.float32), RNG.normal(size=SHAPE).astype(np.float32)
POSITIVE = np.abs(NUMBERS[0]) + 0.1, np.abs(NUMBERS[1]) + 0.1
BINARY = RNG.integers(0, 2, SHAPE).astype(np.float32)
SIGNS = BINARY * 2 - 1
SHARES = RNG.random(SHAPE).astype(np.float32)
LOGITS = (RNG.normal(size=SHAPE) * 3).astype(np.float32)
ONE_HOT = np.eye(5, dtype=np.float32)[RNG.integers(0, 5, 6)]
SOFT = (SHARES / SHARES.sum(-1, keepdims=True)).astype(np.float32)
CLASSES = RNG.integers(0, 5, 6)
IMAGES = RNG.integers(0, 5, (2, 3, 4)), RNG.normal(size=(2, 3, 4, 5)).astype(np.float32)
EDGE = np.array([[0, 1, 0.5, 0, 1], [1, 0, 0, 0, 0]], np.float32), np.eye(5, dtype=np.float32)[[1, 0]]

#: class, its arguments, y_true, y_pred
CASES: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("MeanSquaredError", {}, *NUMBERS),
    ("MeanAbsoluteError", {}, *NUMBERS),
    ("MeanAbsolutePercentageError", {}, *NUMBERS),
    ("MeanSquaredLogarithmicError", {}, *POSITIVE),
    ("Huber", {"delta": 0.7}, *NUMBERS),
    ("LogCosh", {}, *NUMBERS),
    ("CosineSimilarity", {}, *NUMBERS),
    ("CosineSimilarity", {"axis": 0}, *NUMBERS),
    ("Poisson", {}, *POSITIVE),
    ("KLDivergence", {}, SOFT, SOFT[::-1].copy()),
    ("Hinge", {}, BINARY, LOGITS),
    ("Hinge", {}, SIGNS, LOGITS),
    ("SquaredHinge", {}, BINARY, LOGITS),
    ("CategoricalHinge", {}, ONE_HOT, LOGITS),
    ("Dice", {"axis": (1,)}, BINARY, SHARES),
    ("Tversky", {"alpha": 0.3, "beta": 0.6}, BINARY, SHARES),
    ("BinaryCrossentropy", {}, BINARY, SHARES),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, BINARY, LOGITS),
    ("BinaryCrossentropy", {"axis": 0}, BINARY, SHARES),
    ("BinaryCrossentropy", {}, EDGE[1], EDGE[0]),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "gamma": 1.5}, BINARY, SHARES),
    ("BinaryFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, BINARY, LOGITS),
    ("CategoricalCrossentropy", {}, ONE_HOT, SHARES),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, ONE_HOT, SOFT),
    ("CategoricalCrossentropy", {"from_logits": True}, SOFT, LOGITS),
    ("CategoricalCrossentropy", {"from_logits": True, "axis": 0}, SOFT / SOFT.sum(0), LOGITS * 30),
    ("CategoricalCrossentropy", {}, EDGE[1], EDGE[0]),
    ("CategoricalFocalCrossentropy", {"label_smoothing": 0.1}, ONE_HOT, SOFT),
    (
        "CategoricalFocalCrossentropy",
        {"from_logits": True, "alpha": [0.1, 0.2, 0.3, 0.4, 0.5]},
        ONE_HOT,
        LOGITS,
    ),
    ("SparseCategoricalCrossentropy", {}, CLASSES, SOFT),
    ("SparseCategoricalCrossentropy", {}, CLASSES[:, None], SOFT),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, CLASSES.astype(np.float32), LOGITS * 30),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 2}, *IMAGES),
    ("SparseCategoricalCrossentropy", {"ignore_class": -1}, np.where(CLASSES == 1, -1, CLASSES), SOFT),
]
REDUCTIONS = ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none"]
NAMES = [f"{c[0]}{i}" for i, c in enumerate(CASES)]


def weight_choices(name: str, y_true: Any, y_pred: Any, values: Any) -> list[Any]:
    """None, one for each sample, one for each value, and with a last axis of 1."""
    if not values.ndim:
        return [None, np.float32(0.3)]
    full = RNG.random(values.shape).astype(np.float32)
    choices = [None, full, full[..., None]]
    if values.ndim > 1:
        choices.append(full[:, :1])
    return choices


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_reductions_and_weights(keras: Any, case: Any) -> None:
    name, arguments, y_true, y_pred = case
    values = np.asarray(getattr(keras.losses, name)(reduction="none", **arguments)(y_true, y_pred))
    for reduction in REDUCTIONS:
        ours = getattr(losses, name)(reduction=reduction, **arguments)
        theirs = getattr(keras.losses, name)(reduction=reduction, **arguments)
        for weight in weight_choices(name, y_true, y_pred, values):
            given = [y_true, y_pred] if weight is None else [y_true, y_pred, weight]
            (got,) = interpreted(ours, *given)
            close(got, np.asarray(theirs(*given)))
    # Keras forgets some arguments, such as Huber's
    config = losses.get(losses.serialize(ours)).get_config()
    assert config == ours.get_config()
    assert type(losses.deserialize(keras.losses.serialize(theirs))) is type(ours)
    assert {k: config[k] for k in theirs.get_config()} == theirs.get_config()


def test_compiled(keras: Any) -> None:
    """All of them in one native function."""
    arrays = [np.asarray(a) for c in CASES for a in c[2:]]

    def every(*given: Any) -> list[Any]:
        return [getattr(losses, c[0])(**c[1])(*given[2 * i : 2 * i + 2]) for i, c in enumerate(CASES)]

    for c, value in zip(CASES, compiled(every, *arrays)(*arrays), strict=True):
        close(value, np.asarray(getattr(keras.losses, c[0])(**c[1])(*c[2:])))


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_gradient(tensorflow: Any, keras: Any, case: Any) -> None:
    from netwright.frontends.eager.tape import GradientTape

    name, arguments, y_true, y_pred = case
    x = tensorflow.constant(y_pred)
    with tensorflow.GradientTape() as tape:
        tape.watch(x)
        value = getattr(keras.losses, name)(**arguments)(y_true, x)
    want = np.asarray(tape.gradient(value, x))

    def gradient(y_true: Any, y_pred: Any) -> Any:
        with GradientTape() as ours:
            ours.watch(y_pred)
            loss = getattr(losses, name)(**arguments)(y_true, y_pred)
        return ours.gradient(loss, y_pred)

    (got,) = interpreted(gradient, y_true, y_pred)
    close(got, want, 2e-5)


@pytest.mark.parametrize(("kind", "loss"), [
    ("softmax", "CategoricalCrossentropy"), ("softmax", "SparseCategoricalCrossentropy"),
    ("sigmoid", "BinaryCrossentropy"),
])  # fmt: skip
def test_returns_to_logits(keras: Any, kind: str, loss: str) -> None:
    from netwright.frontends.keras import activations

    y_true = {"SparseCategoricalCrossentropy": CLASSES, "BinaryCrossentropy": BINARY}.get(loss, ONE_HOT)
    logits = LOGITS * 40  # for which probabilities are 0

    def ours(y_true: Any, z: Any) -> Any:
        return getattr(losses, loss)()(y_true, getattr(activations, kind)(z))

    (got,) = interpreted(ours, y_true, logits)
    close(got, np.asarray(getattr(keras.losses, loss)(from_logits=True)(y_true, logits)))


def test_functions_of_keras_2(keras: Any) -> None:
    for name in (
        "mse",
        "MAE",
        "mape",
        "msle",
        "kld",
        "logcosh",
        "mean_squared_error",
        "cosine_similarity",
        "huber",
    ):
        fn = losses.get(name)
        (got,) = interpreted(fn, *POSITIVE)
        theirs = getattr(keras.losses, fn.__name__)
        close(got, np.asarray(theirs(*POSITIVE)))
    assert isinstance(losses.get("CategoricalCrossentropy"), losses.CategoricalCrossentropy)
    assert losses.get(ops.mean) is ops.mean
