"""Preprocessing and augmentation: what they do to images, inference as identity, configurations, errors."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from netwright.frontends.eager.function import function
from netwright.frontends.eager.tensor import convert
from netwright.frontends.keras import layers as L

IMAGES = (np.random.default_rng(0).random((4, 6, 8, 3)) * 255).astype(np.float32)
RANDOM: list[tuple[Any, Any]] = [
    (L.RandomFlip, ()),
    (L.RandomRotation, (0.2,)),
    (L.RandomZoom, (0.2,)),
    (L.RandomTranslation, (0.2, 0.1)),
    (L.RandomBrightness, (0.2,)),
    (L.RandomContrast, (0.3,)),
]


@pytest.mark.parametrize(("made", "arguments"), RANDOM)
def test_random_while_training_alone(made: Any, arguments: Any) -> None:
    layer = made(*arguments, seed=3)
    first, second = (layer(IMAGES, training=True).numpy() for _ in range(2))
    assert first.shape == IMAGES.shape
    assert np.abs(first - second).max() > 0
    np.testing.assert_array_equal(layer(IMAGES, training=False).numpy(), IMAGES)
    np.testing.assert_array_equal(made(*arguments, seed=3)(IMAGES, training=True).numpy(), first)
    assert layer(IMAGES[0], training=True).shape == IMAGES[0].shape
    assert layer(IMAGES.astype(np.uint8), training=False).dtype == "float32"
    assert layer(L.Input((6, 8, 3))).shape == (None, 6, 8, 3)
    assert layer.compute_output_shape((None, 6, 8, 3)) == (None, 6, 8, 3)
    other = made.from_config(layer.get_config())
    assert other.get_config() == layer.get_config()


def test_compiled_function_draws_anew() -> None:
    layer = L.RandomRotation(0.5, seed=1)
    run = function(lambda x: layer(x, training=True))
    assert np.abs(run(IMAGES).numpy() - run(IMAGES).numpy()).max() > 0


def test_each_image_by_itself() -> None:
    same = np.repeat(IMAGES[:1], 16, 0)
    y = L.RandomFlip("horizontal", seed=2)(same, training=True).numpy()
    kinds = {bool((v == same[0]).all()) for v in y}
    assert kinds == {True, False}
    assert all((v == same[0]).all() or (v == same[0][:, ::-1]).all() for v in y)


def test_quarter_turn() -> None:
    x = IMAGES[:, :6, :6]
    y = L.RandomRotation(0.25).apply(convert(x), convert(np.full(4, 90, np.float32))).numpy()
    np.testing.assert_allclose(y, np.rot90(x, 1, (1, 2)), atol=1e-2)


def test_shift() -> None:
    layer = L.RandomTranslation(0.5, 0.5, fill_mode="constant", fill_value=9.0)
    y = layer.apply(
        convert(IMAGES), (convert(np.full(4, 2, np.float32)), convert(np.full(4, -1, np.float32)))
    ).numpy()
    np.testing.assert_array_equal(y[:, 2:, :-1], IMAGES[:, :-2, 1:])
    assert (y[:, :2] == 9).all()
    assert (y[:, :, -1] == 9).all()


def test_factors_stay_in_their_bounds() -> None:
    turn, zoom = L.RandomRotation((0.1, 0.2)), L.RandomZoom((0.1, 0.2), (-0.3, -0.2))
    many = convert(np.zeros((200, 4, 4, 1), np.float32))
    angles = turn.draw(many).numpy()
    assert 36 <= angles.min() < 45 < 63 < angles.max() <= 72
    rows, columns = (v.numpy() for v in zoom.draw(many))
    assert 1.1 <= rows.min() < rows.max() <= 1.2
    assert 0.7 <= columns.min() < columns.max() <= 0.8
    one = L.RandomZoom(0.2).draw(many)
    assert one[0] is one[1]


def test_value_range() -> None:
    y = L.RandomBrightness((0.5, 0.5), value_range=(0, 1))(IMAGES / 255, training=True).numpy()
    np.testing.assert_allclose(y, np.clip(IMAGES / 255 + 0.5, 0, 1), atol=1e-6)
    y = L.RandomContrast(0.0)(IMAGES, training=True).numpy()
    np.testing.assert_allclose(y, IMAGES, atol=1e-3)


def test_random_crop() -> None:
    layer = L.RandomCrop(4, 5, seed=1)
    y = layer(IMAGES, training=True).numpy()
    places = [(i, j) for i in range(3) for j in range(4) if (IMAGES[:, i : i + 4, j : j + 5] == y).all()]
    assert len(places) == 1
    assert layer(IMAGES, training=False).shape == IMAGES.shape
    assert layer.compute_output_shape((None, 6, 8, 3)) == (None, 4, 5, 3)
    np.testing.assert_array_equal(L.CenterCrop(4, 5)(IMAGES).numpy(), IMAGES[:, 1:5, 1:6])


def test_resizing() -> None:
    assert L.Resizing(3, 4)(L.Input((6, 8, 3))).shape == (None, 3, 4, 3)
    y = L.Resizing(3, 4)(IMAGES.astype(np.uint8))
    assert y.dtype == "uint8"
    np.testing.assert_allclose(
        y.numpy(), IMAGES.astype(np.uint8).reshape(4, 3, 2, 4, 2, 3).mean((2, 4)), atol=0.51
    )
    first = IMAGES.transpose(0, 3, 1, 2)
    assert L.Resizing(3, 4, data_format="channels_first")(first).shape == (4, 3, 3, 4)


def test_normalization() -> None:
    x = np.random.default_rng(1).standard_normal((50, 3)).astype(np.float32) * 4 + 2
    layer = L.Normalization()
    layer.adapt(x)
    want = (x - x.mean(0)) / x.std(0)
    np.testing.assert_allclose(layer(x).numpy(), want, atol=1e-5)
    other = L.Normalization()
    other.adapt([x[:20], x[20:]])
    np.testing.assert_allclose(other(x).numpy(), want, atol=1e-5)
    run = function(lambda v: other(v))
    np.testing.assert_allclose(run(x).numpy(), want, atol=1e-5)
    other.adapt(x * 2)
    np.testing.assert_allclose(run(x * 2).numpy(), want, atol=1e-5)
    back = L.Normalization(invert=True)
    back.build(x.shape)
    back.set_weights(layer.get_weights())
    np.testing.assert_allclose(back(layer(x)).numpy(), x, atol=1e-4)
    assert [w.name for w in layer.weights] == ["mean", "variance", "count"]
    given = L.Normalization.from_config(L.Normalization(mean=1.0, variance=4.0).get_config())
    np.testing.assert_allclose(given(x).numpy(), (x - 1) / 2, atol=1e-6)


def test_rescaling_and_categories() -> None:
    y = L.Rescaling(1 / 255, offset=-1)(IMAGES.astype(np.uint8))
    np.testing.assert_allclose(y.numpy(), IMAGES.astype(np.uint8) / 255.0 - 1, atol=1e-6)
    x = np.array([[0, 2, 2]], np.int32)
    assert L.CategoryEncoding(4, "count")(x).numpy().tolist() == [[1, 0, 2, 0]]
    assert L.CategoryEncoding(4)(x).numpy().tolist() == [[1, 0, 1, 0]]
    assert L.CategoryEncoding(3, "one_hot")(x).shape == (1, 3, 3)
    ranges = L.Discretization([0.0, 1.0])
    assert ranges(np.array([-1, 0, 0.5, 1, 7], np.float32)).numpy().tolist() == [0, 1, 1, 2, 2]
    even = L.Discretization(num_bins=4)
    even.adapt(np.arange(1000, dtype=np.float32))
    np.testing.assert_allclose(even.bin_boundaries, [250, 500, 750], atol=15)
    assert L.Discretization.from_config(even.get_config()).bin_boundaries == even.bin_boundaries


WRONG: list[tuple[Any, str]] = [
    (lambda: L.RandomRotation(2), "in the range [-1, 1]. Received: factor=2"),
    (lambda: L.RandomRotation((0.1, 0.2, 0.3)), "(or a list of two numbers)"),
    (lambda: L.RandomZoom(-1.0), "in the range (-1.0, 1.0]"),
    (lambda: L.RandomContrast(-0.1), "in the range [0, 1]"),
    (
        lambda: L.RandomBrightness(0.1, value_range=3),
        "should be a list of two numbers. Received: value_range=3",
    ),
    (lambda: L.RandomFlip("both"), "expected a mode of horizontal, vertical"),
    (lambda: L.RandomFlip(bounding_box_format="xyxy"), "no bounding_box_format here"),
    (lambda: L.RandomFlip()({"images": IMAGES}), "takes images alone here"),
    (lambda: L.RandomFlip()(IMAGES[0, 0]), "to have rank 3 (single image) or 4"),
    (lambda: L.RandomFlip(data_format="last"), "The `data_format` argument must be one of"),
    (lambda: L.Normalization(mean=1.0), "both `mean` and `variance` must be set"),
    (lambda: L.Normalization(mean=[1.0, 2], variance=[1.0]), "must have the same shape"),
    (lambda: L.Normalization().adapt([]), "adapt() received an empty iterable"),
    (lambda: L.Normalization(axis=5)(IMAGES), "must be in the range [-ndim, ndim)"),
    (lambda: L.CategoryEncoding(), "num_tokens must be set"),
    (lambda: L.CategoryEncoding(0), "`num_tokens` must be >= 1"),
    (lambda: L.CategoryEncoding(3, "some"), "Unknown arg for output_mode: some"),
    (lambda: L.Discretization(), "set either `num_bins` or `bin_boundaries`"),
    (lambda: L.Discretization([0.0], num_bins=2), "should not be set"),
    (lambda: L.Discretization(num_bins=2)(IMAGES), "before you can start using"),
]


@pytest.mark.parametrize(("make", "text"), WRONG, ids=[t for _, t in WRONG])
def test_errors(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        make()


def test_unknown_fill_mode() -> None:
    with pytest.raises(NotImplementedError, match="Unknown `fill_mode` mirror"):
        L.RandomRotation(0.1, fill_mode="mirror")
