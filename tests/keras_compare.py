"""A layer of this package beside Keras' with the same weights: results, states, and gradients by inputs and weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from netwright.frontends.eager import ops
from netwright.frontends.eager.function import function
from netwright.frontends.eager.tape import GradientTape


def flat(value: Any) -> list[Any]:
    """Results in a list, also nested ones."""
    if isinstance(value, (list, tuple)):
        return [v for item in value for v in flat(item)]
    return [value]


def _place(path: str) -> str:
    """A weight's path below its layer, without the numbers that tell layers of one kind apart."""
    return re.sub(r"_\d+(?=/)", "", path).partition("/")[2]


def share_weights(ours: Any, theirs: Any, seed: int = 0, scale: float = 0.5) -> None:
    """Gives both layers, which are built, the same weights; checks that they have them under the same names."""
    rng = np.random.default_rng(seed)
    values = [rng.normal(size=w.shape).astype(np.float32) * scale for w in theirs.weights]
    theirs.set_weights(values)
    ours.set_weights(values)
    assert [_place(w.path) for w in ours.weights] == [_place(w.path) for w in theirs.weights]


def of_keras(tf: ModuleType, layer: Any, call: Callable[..., Any], arrays: Sequence[Any]) -> list[Any]:
    """Results, and the gradients of the sum of their squares by inputs and weights."""
    x = [tf.constant(a) for a in arrays]
    with tf.GradientTape() as tape:
        tape.watch(x)
        made = flat(call(layer, x))
        loss = tf.add_n([tf.reduce_sum(y * y) for y in made])
    weights = [v.value for v in layer.trainable_weights]
    found = tape.gradient(loss, [*x, *weights], unconnected_gradients="zero")
    return [np.asarray(v) for v in [*made, *map(tf.convert_to_tensor, found)]]


def of_ours(layer: Any, call: Callable[..., Any], arrays: Sequence[Any]) -> list[Any]:
    """The same, in one compiled function."""

    @function
    def run(*x: Any) -> Any:
        with GradientTape() as tape:
            tape.watch(list(x))
            made = flat(call(layer, list(x)))
            loss = sum((ops.sum(y * y) for y in made[1:]), ops.sum(made[0] * made[0]))
        found = tape.gradient(loss, [*x, *layer.trainable_weights], unconnected_gradients="zero")
        return [*made, *found]

    return [t.numpy() for t in run(*arrays)]


def compare(
    tf: ModuleType, ours: Any, theirs: Any, call: Callable[[Any, Any], Any], arrays: Sequence[Any]
) -> None:
    """Builds both layers by a call, and compares all of it to 1e-5."""
    call(theirs, [tf.constant(a) for a in arrays])
    call(ours, list(arrays))
    share_weights(ours, theirs)
    have, want = of_ours(ours, call, arrays), of_keras(tf, theirs, call, arrays)
    count = len(want) - len(arrays) - len(theirs.trainable_weights)
    # gradients are as exact as the largest of them: some are sums that should cancel out
    largest = max((float(np.abs(w).max(initial=0)) for w in want[count:]), default=0)
    for i, (h, w) in enumerate(zip(have, want, strict=True)):
        assert h.shape == w.shape
        scale = max(1.0, float(np.abs(w).max(initial=0)) if i < count else largest)
        np.testing.assert_allclose(h, w, rtol=1e-5, atol=1e-5 * scale, err_msg=f"value {i}")
