"""Layers against Keras where steps are masked, and where numbers are drawn: with the numbers that Keras drew."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from netwright.frontends.eager import ops
from netwright.frontends.eager.function import function
from netwright.frontends.eager.tape import GradientTape
from netwright.frontends.eager.tensor import convert
from netwright.frontends.keras import layers, random

Array = np.ndarray[Any, Any]


def steps(seed: int, shape: tuple[int, ...] = (3, 5, 4)) -> Array:
    """Random numbers of which some steps are all 0."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape).astype(np.float32)
    x[rng.uniform(size=shape[:2]) < 0.4] = 0
    x[0, seed % 3] = 0
    x[-1, 0] = 1
    return x


def same(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-5, atol=1e-5)


def same_mask(ours: Any, theirs: Any) -> None:
    mask = getattr(theirs, "_keras_mask", None)
    assert (ours.mask is None) == (mask is None)
    if mask is not None:
        np.testing.assert_array_equal(ours.mask.numpy(), np.asarray(mask))


MERGES = [
    ("Add", {}), ("Average", {}), ("Multiply", {}), ("Maximum", {}), ("Minimum", {}), ("Concatenate", {}),
    ("Concatenate", {"axis": 1}), ("Dot", {"axes": 2}),
]  # fmt: skip


@pytest.mark.parametrize("masked", ["both", "first", "second"])
@pytest.mark.parametrize(("name", "options"), MERGES, ids=str)
def test_merge(keras: ModuleType, name: str, options: dict[str, Any], masked: str) -> None:
    def run(module: Any) -> Any:
        x, y = steps(1), steps(2)
        x = module.Masking()(x) if masked != "second" else module.Identity()(x)
        y = module.Masking()(y) if masked != "first" else module.Identity()(y)
        return getattr(module, name)(**options)([x, y])

    ours, theirs = run(layers), run(keras.layers)
    same(ours, theirs)
    same_mask(ours, theirs)


@pytest.mark.parametrize("name", ["Identity", "Activation", "Dropout", "BatchNormalization", "Dense"])
def test_mask_goes_on(keras: ModuleType, name: str) -> None:
    given: dict[str, Any] = {
        "Activation": {"activation": "relu"},
        "Dropout": {"rate": 0.5},
        "Dense": {"units": 2},
    }

    def run(module: Any) -> Any:
        return getattr(module, name)(**given.get(name, {}))(module.Masking()(steps(3)))

    same_mask(run(layers), run(keras.layers))


@pytest.mark.parametrize("training", [False, True])
def test_batch_normalization(keras: ModuleType, tensorflow: ModuleType, training: bool) -> None:
    tf = tensorflow
    x, r = steps(4), np.random.default_rng(0).normal(size=(3, 5, 4)).astype(np.float32)
    theirs, ours = keras.layers.BatchNormalization(), layers.BatchNormalization()
    theirs.build(x.shape)
    ours.build(x.shape)
    a, b = tf.constant(x), convert(x)
    mask = x.any(-1)
    with tf.GradientTape() as tape:
        tape.watch(a)
        expected = theirs(a, training=training, mask=tf.constant(mask))
        loss = tf.reduce_sum(expected * r)
    wanted = tape.gradient(loss, [a, *(v.value for v in theirs.trainable_weights)])
    with GradientTape() as own_tape:
        own_tape.watch(b)
        found = ours(b, training=training, mask=mask)
        own_loss = ops.sum(found * r)
    same(found, expected)
    for g, w in zip(own_tape.gradient(own_loss, [b, *ours.trainable_weights]), wanted, strict=True):
        np.testing.assert_allclose(g.numpy(), np.asarray(w), rtol=1e-4, atol=1e-4)
    for v, w in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        same(v, w)


def test_pool_and_softmax(keras: ModuleType) -> None:
    x = steps(5)
    mask = x.any(-1)
    for options in ({}, {"keepdims": True}):
        ours, theirs = (m.GlobalAveragePooling1D(**options)(x, mask=mask) for m in (layers, keras.layers))
        same(ours, theirs)
    for axis in (-1, 1, (1, 2)):
        ours, theirs = (m.Softmax(axis)(x, mask=mask[:, :, None]) for m in (layers, keras.layers))
        same(ours, theirs)


DROPPED = [
    ("Dropout", {"rate": 0.4}), ("Dropout", {"rate": 0.4, "noise_shape": (None, 1, None)}), ("Dropout", {"rate": 1.0}),
    ("SpatialDropout1D", {"rate": 0.4}), ("AlphaDropout", {"rate": 0.4}), ("GaussianNoise", {"stddev": 0.4}),
    ("GaussianDropout", {"rate": 0.4}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), DROPPED, ids=str)
def test_drawn(
    monkeypatch: pytest.MonkeyPatch,
    keras: ModuleType,
    tensorflow: ModuleType,
    name: str,
    options: dict[str, Any],
) -> None:
    tf = tensorflow
    x = np.random.default_rng(6).normal(size=(3, 5, 4)).astype(np.float32)
    theirs, ours = getattr(keras.layers, name)(seed=3, **options), getattr(layers, name)(**options)
    a, b = tf.constant(x), convert(x)
    with tf.GradientTape() as tape:
        tape.watch(a)
        expected = theirs(a, training=True)
        loss = tf.reduce_sum(expected * expected)
    wanted = np.asarray(tape.gradient(loss, a, unconnected_gradients="zero"))
    result = np.asarray(expected)
    kept = result != 0
    if name == "AlphaDropout":
        values, counts = np.unique(result, return_counts=True)
        kept = result != values[counts.argmax()]
    asked: list[Any] = []

    def draw(sizes: Any, rate: float, seed: Any) -> Any:
        asked.append((tuple(sizes), rate))
        index = tuple(slice(0, 1) if s == 1 else slice(None) for s in sizes)
        return convert(kept.any(1, keepdims=True) if sizes[1] == 1 else kept[index])

    def normal(shape: Any, mean: float, stddev: float, dtype: Any, seed: Any) -> Any:
        asked.append((tuple(shape), stddev))
        return convert(result - x if name == "GaussianNoise" else result / x)

    monkeypatch.setattr(random, "kept", draw)
    monkeypatch.setattr(random, "normal", normal)
    with GradientTape() as own_tape:
        own_tape.watch(b)
        found = ours(b, training=True)
        own_loss = ops.sum(found * found)
    same(found, expected)
    np.testing.assert_allclose(
        own_tape.gradient(own_loss, b, unconnected_gradients="zero").numpy(), wanted, rtol=1e-4, atol=1e-4
    )
    assert len(asked) == (0 if options.get("rate") == 1.0 else 1)


def test_spectral_normalization(keras: ModuleType) -> None:
    x = np.random.default_rng(7).normal(size=(3, 4)).astype(np.float32)
    kernel, u = np.random.default_rng(8).normal(size=(4, 5)).astype(np.float32), np.ones((1, 5), np.float32)

    def run(module: Any) -> list[Any]:
        layer = module.SpectralNormalization(module.Dense(5), power_iterations=2)
        layer.build((None, 4))
        layer.layer.kernel.assign(kernel)
        layer.vector_u.assign(u)
        results = [
            np.asarray(layer(x)),
            np.asarray(layer(x, training=True)),
            np.asarray(layer(x, training=True)),
        ]
        return [*results, np.asarray(layer.vector_u), np.asarray(layer.layer.kernel)]

    for ours, theirs in zip(run(layers), run(keras.layers), strict=True):
        same(ours, theirs)


def test_gradient_of_spectral_normalization(keras: ModuleType, tensorflow: ModuleType) -> None:
    tf = tensorflow
    rng = np.random.default_rng(9)
    x, r, kernel = (rng.normal(size=s).astype(np.float32) for s in ((3, 4), (3, 5), (4, 5)))

    def made(module: Any) -> Any:
        layer = module.SpectralNormalization(module.Dense(5))
        layer.build((None, 4))
        layer.layer.kernel.assign(kernel)
        layer.vector_u.assign(np.ones((1, 5), np.float32))
        return layer

    theirs, ours = made(keras.layers), made(layers)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(theirs(x, training=True) * r)
    wanted = tape.gradient(loss, theirs.layer.kernel.value)

    @function
    def run(x: Any) -> Any:
        with GradientTape() as own_tape:
            own_loss = ops.sum(ours(x, training=True) * r)
        return own_tape.gradient(own_loss, ours.layer.kernel)

    same(run(x), wanted)
    same(ours.layer.kernel, theirs.layer.kernel)
