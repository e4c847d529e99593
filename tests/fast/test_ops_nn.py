"""`ops` of networks: gradients at awkward places, how they compile, what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.core import Op
from netwright.compiler.ir.types import TensorType
from netwright.frontends.eager import ops
from netwright.frontends.eager.function import function
from netwright.frontends.eager.tape import GradientTape
from netwright.frontends.eager.tensor import convert
from netwright.frontends.eager.traced import Traced
from netwright.runtime.errors import InputError, ShapeError
from netwright.runtime.spec import f32

ENDS = np.array([-200, -1, 0, 1, 200], np.float32)


def slope(f: Any, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    t = convert(x)
    with GradientTape() as tape:
        tape.watch(t)
        y = f(t)
    return tape.gradient(y, t).numpy()


def names(f: Any, *shapes: tuple[int, ...]) -> list[str]:
    """The ops of a traced function."""
    types = [(f"x{i}", TensorType(s, f32)) for i, s in enumerate(shapes)]
    module: Op = Traced(f, types, "f").module()[0]
    return [op.name.removeprefix("graph.") for op in module.walk() if op.name.startswith("graph.")]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x.astype(np.float64)))


@pytest.mark.parametrize(
    ("f", "wanted"),
    [
        (ops.softplus, sigmoid(ENDS)),
        (ops.log_sigmoid, sigmoid(-ENDS)),
        (
            ops.selu,
            np.where(
                ENDS > 0,
                1.0507009873554805,
                1.0507009873554805 * 1.6732632423543772 * np.exp(np.minimum(ENDS, 0)),
            ),
        ),
        (lambda x: ops.elu(x, 0.5), np.where(ENDS > 0, 1, 0.5 * np.exp(np.minimum(ENDS, 0)))),
        (ops.relu, ENDS > 0),
        (lambda x: ops.binary_crossentropy(ENDS * 0 + 1, x, from_logits=True), sigmoid(ENDS) - 1),
    ],
)
def test_gradients_are_finite_and_right_at_the_ends(f: Any, wanted: Any) -> None:
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(slope(f, ENDS), wanted, rtol=1e-5, atol=1e-6)


def test_a_crossentropy_of_logits_has_the_plain_gradient() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 5)).astype(np.float32)
    labels = np.array([0, 3, 4, 1], np.int32)
    p = np.exp(x.astype(np.float64))
    wanted = p / p.sum(1, keepdims=True) - np.eye(5)[labels]
    sparse = lambda t: ops.sparse_categorical_crossentropy(labels, t, from_logits=True)  # noqa: E731
    dense = lambda t: ops.categorical_crossentropy(np.eye(5, dtype=np.float32)[labels], t, from_logits=True)  # noqa: E731
    for f in (sparse, dense):
        np.testing.assert_allclose(slope(f, x), wanted, atol=1e-6)


def test_losses_behind_an_activation_take_its_logits() -> None:
    x = np.array([[-300.0, 300.0, 0.0]], np.float32)
    found = function(lambda t: ops.sparse_categorical_crossentropy(np.array([0]), ops.softmax(t)))(x)
    np.testing.assert_allclose(found.numpy(), [600])
    found = function(lambda t: ops.binary_crossentropy(np.ones((1, 3)), ops.sigmoid(t)))(x)
    np.testing.assert_allclose(found.numpy(), [[300, 0, np.log(2)]], rtol=1e-6)


def test_what_is_one_op_stays_one() -> None:
    assert names(ops.softmax, (2, 3)) == ["softmax"]
    assert names(ops.relu, (2, 3)) == ["relu"]
    norm = lambda x, m, v: ops.batch_normalization(x, m, v, -1)  # noqa: E731
    assert [n for n in names(norm, (2, 3), (3,), (3,)) if n not in ("constant", "broadcast_to")] == [
        "batch_norm"
    ]
    assert names(lambda x, w: ops.conv(x, w, padding="same"), (1, 8, 8, 2), (3, 3, 2, 4)) == ["conv2d"]


def test_causal_convolutions_do_not_look_ahead() -> None:
    x = np.arange(6, dtype=np.float32).reshape(1, 6, 1)
    w = np.array([1, 10, 100], np.float32).reshape(3, 1, 1)
    found = ops.conv(x, w, padding="causal", dilation_rate=2).numpy()[0, :, 0]
    row = [x[0, max(i, 0), 0] * (i >= 0) for i in range(-4, 6)]
    np.testing.assert_array_equal(found, [row[i] + 10 * row[i + 2] + 100 * row[i + 4] for i in range(6)])


def test_channels_first_is_a_transpose() -> None:
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(2, 7, 6, 3)).astype(np.float32), rng.normal(size=(3, 3, 3, 4)).astype(np.float32)
    first = x.transpose(0, 3, 1, 2)
    for f in (
        lambda t, **k: ops.conv(t, w, 2, "same", **k),
        lambda t, **k: ops.max_pool(t, 2, **k),
        lambda t, **k: ops.average_pool(t, (3, 2), 1, "same", **k),
        lambda t, **k: ops.image.resize(t, (3, 4), **k),
    ):
        made = f(first, data_format="channels_first").numpy()
        np.testing.assert_allclose(made.transpose(0, 2, 3, 1), f(x).numpy(), rtol=1e-6, atol=1e-6)


def test_errors_say_what_was_expected() -> None:
    x = np.zeros((2, 4, 4, 3), np.float32)
    with pytest.raises(ShapeError, match="expected a kernel of rank 4"):
        ops.conv(x, np.zeros((3, 3), np.float32))
    with pytest.raises(InputError, match="expected padding 'valid' or 'same'"):
        ops.max_pool(x, 2, padding="full")
    with pytest.raises(InputError, match="expected data_format"):
        ops.conv(x, np.zeros((3, 3, 3, 3), np.float32), data_format="NHWC")
    with pytest.raises(ShapeError, match="expected target and output of one shape"):
        ops.binary_crossentropy(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(AttributeError, match=r"netwright.ops has no 'ctc_loss' yet"):
        ops.__getattr__("ctc_loss")
