"""Metrics streamed over batches, against Keras: results after each, with and without weights, and configurations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from netwright.frontends.keras import metrics

from ..helpers import close
from ..traced_functions import compiled, interpreted

pytestmark = pytest.mark.filterwarnings("ignore")

RNG = np.random.default_rng(5)
COUNT, SIZE, CLASSES = 3, 8, 4


def stream(*makers: Any) -> list[tuple[Any, ...]]:
    return [tuple(m() for m in makers) for _ in range(COUNT)]


def normal(*shape: int) -> Any:
    return lambda: RNG.normal(size=shape).astype(np.float32)


def unit(*shape: int) -> Any:
    return lambda: RNG.random(shape).astype(np.float32)


def whole(high: int, *shape: int, dtype: Any = np.int32) -> Any:
    return lambda: RNG.integers(0, high, shape).astype(dtype)


def one_hot() -> Any:
    return np.eye(CLASSES, dtype=np.float32)[RNG.integers(0, CLASSES, SIZE)]


def shares() -> Any:
    p = RNG.random((SIZE, CLASSES)).astype(np.float32)
    return p / p.sum(-1, keepdims=True)


NUMBERS = stream(normal(SIZE, CLASSES), normal(SIZE, CLASSES))
POSITIVE = stream(unit(SIZE, CLASSES), unit(SIZE, CLASSES))
BINARY = stream(whole(2, SIZE), unit(SIZE))
COLUMN = stream(whole(2, SIZE, 1, dtype=np.float32), unit(SIZE, 1))
LABELS = stream(whole(2, SIZE, CLASSES, dtype=np.float32), unit(SIZE, CLASSES))
ONE_HOT = stream(one_hot, shares)
SPARSE = stream(whole(CLASSES, SIZE), shares)
STEPS = stream(whole(CLASSES, SIZE, 3), normal(SIZE, 3, CLASSES))
MAPS = stream(whole(CLASSES, SIZE, 5), whole(CLASSES, SIZE, 5))
THRESHOLDS = [0.1, 0.4, 0.75]

#: class, arguments, batches, whether weights of samples are taken
CASES: list[tuple[str, dict[str, Any], Any]] = [
    ("Accuracy", {}, stream(whole(3, SIZE), whole(3, SIZE))),
    ("BinaryAccuracy", {}, COLUMN),
    ("BinaryAccuracy", {"threshold": 0.3}, LABELS),
    ("CategoricalAccuracy", {}, ONE_HOT),
    ("SparseCategoricalAccuracy", {}, SPARSE),
    ("SparseCategoricalAccuracy", {}, [(y[:, None], p) for y, p in SPARSE]),
    ("SparseCategoricalAccuracy", {}, STEPS),
    ("TopKCategoricalAccuracy", {"k": 2}, ONE_HOT),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, SPARSE),
    ("SparseTopKCategoricalAccuracy", {"k": 3}, STEPS),
    ("MeanSquaredError", {}, NUMBERS),
    ("RootMeanSquaredError", {}, NUMBERS),
    ("MeanAbsoluteError", {}, NUMBERS),
    ("MeanAbsolutePercentageError", {}, NUMBERS),
    ("MeanSquaredLogarithmicError", {}, POSITIVE),
    ("CosineSimilarity", {}, NUMBERS),
    ("LogCoshError", {}, NUMBERS),
    ("KLDivergence", {}, stream(shares, shares)),
    ("Poisson", {}, POSITIVE),
    ("Hinge", {}, LABELS),
    ("SquaredHinge", {}, LABELS),
    ("CategoricalHinge", {}, ONE_HOT),
    ("PearsonCorrelation", {}, NUMBERS),
    ("ConcordanceCorrelation", {}, NUMBERS),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, COLUMN),
    ("CategoricalCrossentropy", {}, ONE_HOT),
    ("SparseCategoricalCrossentropy", {}, SPARSE),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, STEPS),
    ("SparseCategoricalCrossentropy", {"ignore_class": 2}, SPARSE),
    ("TruePositives", {}, BINARY),
    ("FalsePositives", {"thresholds": THRESHOLDS}, LABELS),
    ("TrueNegatives", {"thresholds": [0.0, 0.5, 1.0]}, BINARY),
    ("FalseNegatives", {}, COLUMN),
    ("Precision", {}, BINARY),
    ("Precision", {"top_k": 2}, LABELS),
    ("Precision", {"class_id": 1, "thresholds": THRESHOLDS}, LABELS),
    ("Recall", {}, COLUMN),
    ("Recall", {"thresholds": 0.2}, LABELS),
    ("Recall", {"top_k": 2, "class_id": 3}, LABELS),
    ("SensitivityAtSpecificity", {"specificity": 0.4, "num_thresholds": 20}, BINARY),
    ("SpecificityAtSensitivity", {"sensitivity": 0.4}, BINARY),
    ("PrecisionAtRecall", {"recall": 0.3}, BINARY),
    ("RecallAtPrecision", {"precision": 0.3}, BINARY),
    ("AUC", {}, BINARY),
    ("AUC", {"curve": "PR", "num_thresholds": 50}, COLUMN),
    ("AUC", {"curve": "PR", "summation_method": "minoring"}, BINARY),
    ("AUC", {"curve": "PRGAIN"}, BINARY),
    ("AUC", {"summation_method": "majoring", "thresholds": THRESHOLDS}, BINARY),
    ("AUC", {"multi_label": True, "num_labels": CLASSES}, LABELS),
    ("AUC", {"multi_label": True, "label_weights": [0.1, 0.2, 0.3, 0.4], "curve": "PR"}, LABELS),
    ("AUC", {"from_logits": True}, [(y, (p * 8 - 4)) for y, p in BINARY]),
    ("F1Score", {}, LABELS),
    ("F1Score", {"average": "micro", "threshold": 0.4}, LABELS),
    ("FBetaScore", {"average": "macro", "beta": 2.0, "threshold": 0.4}, LABELS),
    ("FBetaScore", {"average": "weighted", "beta": 0.5}, ONE_HOT),
    ("R2Score", {}, NUMBERS),
    ("R2Score", {"class_aggregation": None}, NUMBERS),
    ("R2Score", {"class_aggregation": "variance_weighted_average", "num_regressors": 2}, NUMBERS),
    ("MeanIoU", {"num_classes": CLASSES}, MAPS),
    ("MeanIoU", {"num_classes": CLASSES, "ignore_class": 1}, MAPS),
    ("IoU", {"num_classes": CLASSES, "target_class_ids": [0, 2]}, MAPS),
    ("BinaryIoU", {"threshold": 0.3}, BINARY),
    ("OneHotIoU", {"num_classes": CLASSES, "target_class_ids": [0, 2]}, ONE_HOT),
    ("OneHotMeanIoU", {"num_classes": CLASSES}, ONE_HOT),
]  # fmt: skip
NAMES = [f"{c[0]}{i}" for i, c in enumerate(CASES)]


def state_of(metric: Any) -> list[Any]:
    return [v.numpy() for v in metric.variables]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
@pytest.mark.parametrize("weighted", [False, True])
def test_streams(keras: Any, case: Any, weighted: bool) -> None:
    name, arguments, batches = case
    theirs, ours = getattr(keras.metrics, name)(**arguments), getattr(metrics, name)(**arguments)
    integers = "IoU" in name
    for batch in batches:
        given = list(batch)
        if weighted:
            weight = RNG.integers(1, 4, SIZE) if integers else RNG.random(SIZE).astype(np.float32)
            given.append(np.repeat(weight, 5) if batches is MAPS else weight)
        interpreted(ours.update_state, *given)
        theirs.update_state(*given)
        (got,) = interpreted(ours.result)
        close(got, np.asarray(theirs.result()))
    assert [v.shape for v in ours.variables] == [tuple(v.shape) for v in theirs.variables]
    for a, b in zip(state_of(ours), theirs.variables, strict=True):
        close(a, np.asarray(b).astype(a.dtype))
    assert metrics.deserialize(metrics.serialize(ours)).get_config() == ours.get_config()
    assert type(metrics.deserialize(keras.metrics.serialize(theirs))) is type(ours)
    ours.reset_state()
    assert not any(np.any(s) for s in state_of(ours))


def test_compiled(keras: Any) -> None:
    """All of them in one native function, which keeps their states."""
    ours = [getattr(metrics, c[0])(**c[1]) for c in CASES]
    theirs = [getattr(keras.metrics, c[0])(**c[1]) for c in CASES]
    first = [np.asarray(a) for c in CASES for a in c[2][0]]

    def every(*given: Any) -> list[Any]:
        for i, m in enumerate(ours):
            m.update_state(*given[2 * i : 2 * i + 2])
        return [m.result() for m in ours]

    run = compiled(every, *first)
    for k in range(COUNT):
        results = run(*[np.asarray(a) for c in CASES for a in c[2][k]])
        for c, m, got in zip(CASES, theirs, results, strict=True):
            m.update_state(*c[2][k])
            close(got, np.asarray(m.result()))


def test_means_of_values(keras: Any) -> None:
    for name in ("Mean", "Sum"):
        theirs, ours = getattr(keras.metrics, name)(), getattr(metrics, name)()
        for shape, weight in (
            ((), None),
            ((5,), None),
            ((5, 3), None),
            ((5, 3), (5,)),
            ((5, 3), (5, 3)),
            ((5, 3), (5, 1)),
        ):
            values = RNG.normal(size=shape).astype(np.float32)
            given = [values] if weight is None else [values, RNG.random(weight).astype(np.float32)]
            interpreted(ours.update_state, *given)
            theirs.update_state(*given)
            close(ours.result().numpy(), np.asarray(theirs.result()))


def test_wrapped_functions_and_losses(keras: Any) -> None:
    from netwright.frontends.keras import losses

    y_true, y_pred = SPARSE[0]
    ours = metrics.resolve(losses.SparseCategoricalCrossentropy(), y_true.shape, y_pred.shape)
    theirs = keras.metrics.SparseCategoricalCrossentropy()
    close(ours(y_true, y_pred).numpy(), np.asarray(theirs(y_true, y_pred)))
    assert ours.name == "sparse_categorical_crossentropy"
    for name in ("mse", "MAE", "auc", "kl_divergence", "categorical_accuracy", "Precision", "r2_score"):
        found = metrics.resolve(name, (8, 4), (8, 4))
        assert found.name == name


@pytest.mark.parametrize(("labels", "predictions", "kind"), [
    ((8,), (8, 1), "BinaryAccuracy"), ((8, 1), (8, 1), "BinaryAccuracy"), ((8,), (8, 4), "SparseCategoricalAccuracy"),
    ((8, 1), (8, 4), "SparseCategoricalAccuracy"), ((8, 4), (8, 4), "CategoricalAccuracy"),
    ((None, 5), (None, 5, 4), "SparseCategoricalAccuracy"),
])  # fmt: skip
def test_accuracy_by_shapes(keras: Any, labels: Any, predictions: Any, kind: str) -> None:
    from keras.src.trainers.compile_utils import get_metric

    found = metrics.resolve("acc", labels, predictions)
    assert type(found).__name__ == kind
    assert found.name == "acc"
    theirs = get_metric("acc", keras.KerasTensor(labels), keras.KerasTensor(predictions))
    assert type(theirs).__name__ == kind
