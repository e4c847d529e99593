"""Activations, regularizers and initializers' configurations against Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from netwright.frontends.keras import activations, initializers, regularizers

from ..helpers import close
from ..traced_functions import compiled, interpreted

pytestmark = pytest.mark.filterwarnings("ignore")

X = np.concatenate([np.linspace(-9, 9, 37), [0.5, -0.5, 30, -30]]).astype(np.float32)[:40].reshape(5, 8)
NAMES = [
    "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh",
    "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu",
    "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus",
    "swish", "tanh", "tanh_shrink",
]  # fmt: skip
ARGUMENTS: list[tuple[str, dict[str, Any]]] = [
    ("relu", {"negative_slope": 0.1, "max_value": 4.0, "threshold": 1.0}),
    ("relu", {"max_value": 6}),
    ("relu", {"negative_slope": 0.3, "threshold": 2.0}),
    ("gelu", {"approximate": True}),
    ("elu", {"alpha": 0.5}),
    ("celu", {"alpha": 2.0}),
    ("leaky_relu", {"negative_slope": 0.05}),
    ("softmax", {"axis": 0}),
    ("log_softmax", {"axis": 0}),
    ("threshold", {"threshold": 1.0, "default_value": -3.0}),
]


def test_activations(keras: Any) -> None:
    # the sums of Keras' sparsemax are not 1 for negative numbers
    cases = [(n, {}) for n in NAMES if n != "sparsemax"] + ARGUMENTS

    def every(x: Any) -> list[Any]:
        return [getattr(activations, n)(x, **a) for n, a in cases]

    for results in (interpreted(every, X), compiled(every, X)(X)):
        for (name, arguments), got in zip(cases, results, strict=True):
            want = np.asarray(getattr(keras.activations, name)(keras.ops.convert_to_tensor(X), **arguments))
            close(got, want)


def test_names_of_activations(keras: Any) -> None:
    for name in NAMES:
        theirs = keras.activations.serialize(keras.activations.get(name))
        assert activations.serialize(activations.get(name)) == theirs


def test_regularizers(keras: Any) -> None:
    w = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    for name, arguments in [
        ("L1", {}), ("L2", {"l2": 0.3}), ("L1L2", {"l1": 0.1, "l2": 0.2}),
        ("OrthogonalRegularizer", {"mode": "columns"}),
        ("OrthogonalRegularizer", {"factor": 0.5}),
    ]:  # fmt: skip
        theirs, ours = (
            getattr(keras.regularizers, name)(**arguments),
            getattr(regularizers, name)(**arguments),
        )
        (got,) = interpreted(ours, w)
        close(got, np.asarray(theirs(keras.ops.convert_to_tensor(w))))
        again = regularizers.deserialize(keras.regularizers.serialize(theirs))
        assert again.get_config() == pytest.approx(theirs.get_config()) or name.startswith("Orthogonal")


@pytest.mark.parametrize("name", [
    "Zeros", "Ones", "Constant", "Identity", "RandomNormal", "RandomUniform", "TruncatedNormal", "GlorotNormal",
    "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform", "VarianceScaling", "Orthogonal",
])  # fmt: skip
def test_initializers(keras: Any, name: str) -> None:
    theirs, ours = getattr(keras.initializers, name)(), getattr(initializers, name)()
    if name != "Identity":  # whose gain Keras forgets
        assert initializers.serialize(ours) == keras.initializers.serialize(theirs)
    assert type(initializers.deserialize(keras.initializers.serialize(theirs))) is type(ours)
    a, b = ours((300, 200), dtype="float32").numpy(), np.asarray(theirs((300, 200)))
    assert a.dtype == b.dtype
    assert abs(a.std() - b.std()) <= 0.02 * b.std()
    assert abs(a.max() - b.max()) <= 0.05 * abs(b.max()) or name in ("RandomNormal", "Orthogonal")
