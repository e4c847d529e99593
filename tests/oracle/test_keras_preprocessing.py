"""Preprocessing and augmentation against Keras, given the same random parameters."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from netwright.frontends.eager.tensor import convert
from netwright.frontends.keras import layers

RNG = np.random.default_rng(0)
IMAGES = (RNG.random((3, 7, 9, 2)) * 255).astype(np.float32)
ROWS, COLUMNS = np.array([0.7, 1.2, 1.0], np.float32), np.array([1.1, 0.8, 0.5], np.float32)


def both(keras: ModuleType, name: str, *arguments: Any, **options: Any) -> tuple[Any, Any]:
    return getattr(layers, name)(*arguments, **options), getattr(keras.layers, name)(*arguments, **options)


def close(ours: Any, theirs: Any, tolerance: float = 1e-5) -> None:
    have, want = np.asarray(ours), np.asarray(theirs)
    assert have.shape == want.shape
    assert have.dtype == want.dtype
    limit = tolerance * max(1.0, float(np.abs(want).max(initial=0)))
    np.testing.assert_allclose(have.astype(np.float64), want.astype(np.float64), atol=limit)


@pytest.mark.parametrize("fill", ["reflect", "wrap", "constant", "nearest"])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_rotation(keras: ModuleType, fill: str, interpolation: str) -> None:
    options = {"fill_mode": fill, "interpolation": interpolation, "fill_value": 7.0}
    ours, theirs = both(keras, "RandomRotation", 0.3, **options)
    angles, none = np.array([10, -77, 200], np.float32), np.zeros(3, np.float32)
    matrix = theirs._compute_affine_matrix(
        center_x=0.5, center_y=0.5, angle=keras.ops.convert_to_tensor(angles), translate_x=none, translate_y=none,
        scale=none + 1, shear_x=none, shear_y=none, height=7, width=9,
    )  # fmt: skip
    close(ours.matrices(convert(IMAGES), convert(angles)), matrix, 1e-6)
    want = theirs.transform_images(IMAGES, {"rotation_matrix": matrix}, training=True)
    close(ours.apply(convert(IMAGES), convert(angles)), want)


def test_zoom(keras: ModuleType) -> None:
    ours, theirs = both(keras, "RandomZoom", 0.3, 0.2)
    want = theirs.transform_images(IMAGES, {"height_zoom": ROWS[:, None], "width_zoom": COLUMNS[:, None]})
    close(ours.apply(convert(IMAGES), (convert(ROWS), convert(COLUMNS))), want)


def test_translation(keras: ModuleType) -> None:
    ours, theirs = both(keras, "RandomTranslation", 0.3, 0.2)
    moved = keras.ops.convert_to_tensor(np.stack([COLUMNS * 3, ROWS * 2], 1))
    want = theirs.transform_images(IMAGES, {"translations": moved})
    close(ours.apply(convert(IMAGES), (convert(ROWS * 2), convert(COLUMNS * 3))), want)


@pytest.mark.parametrize(
    ("name", "key"), [("RandomBrightness", "rgb_delta"), ("RandomContrast", "contrast_factor")]
)
def test_colour(keras: ModuleType, name: str, key: str) -> None:
    ours, theirs = both(keras, name, 0.3)
    given = np.array([3, -0.4, 0.9], np.float32).reshape(3, 1, 1, 1)
    close(ours.apply(convert(IMAGES), convert(given)), theirs.transform_images(IMAGES, {key: given}))


@pytest.mark.parametrize("mode", ["horizontal", "vertical", "horizontal_and_vertical"])
def test_flip(keras: ModuleType, mode: str) -> None:
    ours, theirs = both(keras, "RandomFlip", mode)
    flips = np.array([True, False, True]).reshape(3, 1, 1, 1)
    close(ours.apply(convert(IMAGES), convert(flips)), theirs.transform_images(IMAGES, {"flips": flips}))


def test_crop(keras: ModuleType) -> None:
    ours, theirs = both(keras, "RandomCrop", 4, 5)
    place = (convert(np.int32(2)), convert(np.int32(3)))
    close(ours.apply(convert(IMAGES), place), theirs.transform_images(IMAGES, (2, 3)))
    ours, theirs = both(keras, "RandomCrop", 10, 5)
    for training in (True, False):
        close(ours(IMAGES, training=training), theirs(IMAGES, training=training))


@pytest.mark.parametrize("size", [(4, 5), (14, 5), (3, 12)], ids=str)
def test_sizes(keras: ModuleType, size: Any) -> None:
    ours, theirs = both(keras, "CenterCrop", *size)
    for x in (IMAGES, IMAGES[0]):
        close(ours(x), theirs(x))
    for options in (
        {}, {"interpolation": "nearest"}, {"crop_to_aspect_ratio": True},
        {"pad_to_aspect_ratio": True, "fill_value": 3.0}, {"interpolation": "bicubic"}, {"antialias": True},
    ):  # fmt: skip
        ours, theirs = both(keras, "Resizing", *size, **options)
        close(ours(IMAGES), theirs(IMAGES), 1e-4)
    ours, theirs = both(keras, "Resizing", *size, data_format="channels_first")
    moved = IMAGES.transpose(0, 3, 1, 2)
    close(ours(moved), theirs(moved), 1e-4)


@pytest.mark.parametrize("axis", [-1, None, 1, (1, 2)])
def test_normalization(keras: ModuleType, axis: Any) -> None:
    x = RNG.standard_normal((20, 3, 4)).astype(np.float32) * 3 + 1
    ours, theirs = both(keras, "Normalization", axis=axis)
    for data in (x, [x[:7], x[7:]]):
        ours.adapt(data)
        theirs.adapt(data)
        close(ours(x), theirs(x))
    close(ours.mean, theirs.mean)
    close(ours.variance, theirs.variance)


def test_given_statistics(keras: ModuleType) -> None:
    x = RNG.standard_normal((5, 4)).astype(np.float32)
    ours, theirs = both(keras, "Normalization", mean=[1.0, 2, 3, 4], variance=[4.0, 1, 2, 0.5], invert=True)
    close(ours(x), theirs(x))


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_rescaling(keras: ModuleType, dtype: Any) -> None:
    for scale, offset in ((1 / 255.0, -1), ([1.0, 2.0], [3.0, 4.0])):
        ours, theirs = both(keras, "Rescaling", scale, offset=offset)
        close(ours(IMAGES.astype(dtype)), theirs(IMAGES.astype(dtype)))


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
def test_categories(keras: ModuleType, mode: str) -> None:
    numbers = RNG.integers(0, 6, (4, 3)).astype(np.int32)
    ours, theirs = both(keras, "CategoryEncoding", 6, mode)
    for x in (numbers, numbers[:, :1], numbers[:, 0]):
        close(ours(x), theirs(x))
    if mode == "count":
        shares = RNG.random((4, 3)).astype(np.float32)
        close(ours(numbers, count_weights=shares), theirs(numbers, count_weights=shares))


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
def test_ranges(keras: ModuleType, mode: str) -> None:
    x = RNG.standard_normal((50, 4)).astype(np.float32)
    ours, theirs = both(keras, "Discretization", [-0.5, 0.0, 1.0], output_mode=mode)
    close(ours(x), theirs(x))
    ours, theirs = both(keras, "Discretization", num_bins=4)
    for data in (x, [x[:20], x[20:]]):
        ours.adapt(data)
        theirs.adapt(data)
        np.testing.assert_allclose(ours.bin_boundaries, theirs.bin_boundaries, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("RandomFlip", ()), ("RandomRotation", (0.2,)), ("RandomZoom", (0.2,)), ("RandomTranslation", (0.2, 0.1)),
        ("RandomBrightness", (0.2,)), ("RandomContrast", (0.2,)), ("RandomCrop", (4, 5)), ("Resizing", (4, 5)),
        ("CenterCrop", (4, 5)), ("Rescaling", (0.5,)), ("CategoryEncoding", (6,)), ("Discretization", ([0.0],)),
    ],
)  # fmt: skip
def test_configuration(keras: ModuleType, name: str, arguments: Any) -> None:
    options = {"seed": 3} if name.startswith("Random") else {}
    ours, theirs = (layer.get_config() for layer in both(keras, name, *arguments, **options))
    for config in (ours, theirs):
        for key in ("name", "dtype", "trainable"):
            config.pop(key, None)
    assert ours == theirs
