"""Layers against Keras: values and gradients with the same weights, shapes, configurations, arguments."""

from __future__ import annotations

import inspect
import json
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from netwright.frontends.eager import ops
from netwright.frontends.eager.function import function
from netwright.frontends.eager.tape import GradientTape
from netwright.frontends.keras import layers

from ..keras_layers import CASES, Case

NAMES = sorted({c.name for c in CASES})


def weights(shapes: list[Any], names: list[str], rng: np.random.Generator) -> list[Any]:
    made = [rng.normal(size=s).astype(np.float32) * 0.5 for s in shapes]
    return [np.abs(w) + 0.5 if "variance" in n else w for w, n in zip(made, names, strict=True)]


def of_keras(tf: ModuleType, layer: Any, given: Any, r: Any, options: dict[str, Any]) -> list[Any]:
    """The result, and the gradients of Σ result · r by inputs and weights."""
    x = [tf.constant(g) for g in given]
    variables = [v.value for v in layer.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x if len(x) > 1 else x[0], **options)
        loss = tf.reduce_sum(y * r)
    found = tape.gradient(loss, [*x, *variables], unconnected_gradients="zero")
    return [np.asarray(y), *(np.asarray(g) for g in found)]


def of_ours(layer: Any, given: Any, r: Any, options: dict[str, Any]) -> list[Any]:
    """The same, in one compiled function."""

    @function
    def run(r: Any, *x: Any) -> Any:
        with GradientTape() as tape:
            tape.watch(x)
            y = layer(list(x) if len(x) > 1 else x[0], **options)
            loss = ops.sum(y * r)
        found = tape.gradient(loss, [*x, *layer.trainable_weights], unconnected_gradients="zero")
        return [y, *found]

    return [t.numpy() for t in run(r, *given)]


def close(ours: Any, theirs: Any, what: str) -> None:
    assert ours.shape == theirs.shape, what
    scale = max(1.0, float(np.abs(theirs).max(initial=0)))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5 * scale, err_msg=what)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_layer(keras: ModuleType, tensorflow: ModuleType, case: Case) -> None:
    rng = np.random.default_rng(3)
    given = case.inputs(rng)
    shape = [g.shape for g in given] if case.several else given[0].shape
    theirs, own = getattr(keras.layers, case.name)(**case.options), getattr(layers, case.name)(**case.options)
    theirs.build(shape)
    own.build(shape)
    assert [v.name for v in own.weights] == [v.name for v in theirs.weights]
    values = weights([v.shape for v in theirs.weights], [v.name for v in theirs.weights], rng)
    theirs.set_weights(values)
    own.set_weights(values)
    r = rng.normal(size=theirs.compute_output_shape(shape)).astype(np.float32)
    for training in (False, True) if case.both else (None,):
        options = {} if training is None else {"training": training}
        expected = of_keras(tensorflow, theirs, given, r, options)
        for i, (a, b) in enumerate(zip(of_ours(own, given, r, options), expected, strict=True)):
            close(a, b, f"result {i}, training={training}")
    for a, b in zip(own.get_weights(), theirs.get_weights(), strict=True):
        close(a, b, "weights afterwards")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_shape_and_configuration(keras: ModuleType, case: Case) -> None:
    theirs, own = getattr(keras.layers, case.name)(**case.options), getattr(layers, case.name)(**case.options)
    open_shapes = [(None, *s[1:]) for s in (case.shapes if case.several else [case.shapes])]
    shape = open_shapes if case.several else open_shapes[0]
    assert tuple(own.compute_output_shape(shape)) == tuple(theirs.compute_output_shape(shape))
    config = own.get_config()
    again = type(own).from_config(config)
    assert again.get_config() == config
    assert plain(config) == plain(theirs.get_config())
    assert plain(type(theirs).from_config(json.loads(json.dumps(config))).get_config()) == plain(config)


def plain(config: Any) -> Any:
    """A configuration as JSON has it, without what differs: names and the form of data types."""
    kept = {k: v for k, v in config.items() if k not in ("name", "dtype", "quantization_config")}
    return json.loads(json.dumps(kept))


@pytest.mark.parametrize("name", NAMES)
def test_arguments(keras: ModuleType, name: str) -> None:
    """The same arguments in the same order, with defaults that mean the same."""

    def arguments(cls: Any) -> list[tuple[str, Any]]:
        found = list(inspect.signature(cls).parameters.values())
        return [(p.name, same(p.default)) for p in found if p.kind is p.POSITIONAL_OR_KEYWORD]

    def same(default: Any) -> Any:
        return default[0] if isinstance(default, tuple) and len(set(default)) == 1 else default

    assert arguments(getattr(layers, name)) == arguments(getattr(keras.layers, name))


def test_names(keras: ModuleType) -> None:
    """What Keras has is here, or refused by name."""
    for name in dir(keras.layers):
        if not name.startswith("_") and name not in dir(layers):
            with pytest.raises(AttributeError, match=f"no keras.layers.{name}: this layer is not built"):
                getattr(layers, name)
