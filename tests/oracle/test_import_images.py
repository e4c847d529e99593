"""The importer against TensorFlow: image ops."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from .tensorflow_graphs import check, check_values, node

# TensorFlow calls what Python and numpy deprecate.
pytestmark = pytest.mark.filterwarnings("ignore")

CONVENTIONS = [{}, {"align_corners": True}, {"half_pixel_centers": True}]
RESIZES = ["ResizeNearestNeighbor", "ResizeBilinear", "ResizeBicubic", "ResizeArea"]
SHAPES = [(1, 1), (1, 7), (5, 3), (4, 6), (13, 12), (3, 31)]


@pytest.mark.parametrize("op", RESIZES)
def test_resizes(tensorflow, op):
    rng = np.random.default_rng(0)
    for convention in CONVENTIONS[: 2 if op == "ResizeArea" else 3]:
        for (h, w), size in itertools.product(SHAPES, SHAPES[::-1]):
            x = rng.normal(size=(2, h, w, 3)).astype(np.float32)
            check_values(tensorflow, node(tensorflow, op, "images", size=size, **convention), x)
    special = rng.normal(size=(1, 4, 5, 2)).astype(np.float32)
    special[0, 1, 2], special[0, 3, 0] = [np.inf, np.nan], [-np.inf, np.inf]
    for size in ((4, 5), (7, 5), (9, 2)):
        check_values(tensorflow, node(tensorflow, op, "images", size=size), special)
    for dtype in ("uint8", "int8", "int16", "uint16", "int32", "int64", "float64"):
        check(tensorflow, node(tensorflow, op, "images", size=(5, 7)), ((None, 4, 3, 2), dtype))


@pytest.mark.parametrize("op", RESIZES)
def test_resizes_to_run_time_sizes(tensorflow, op):
    tf = tensorflow

    def build(x: Any, like: Any) -> Any:
        shape = tf.shape(x)
        made = getattr(tf.raw_ops, op)
        return made(images=x, size=shape[1:3] * 2), made(images=x, size=tf.shape(like)[1:3])

    rng = np.random.default_rng(1)
    for h, w in ((3, 4), (1, 6)):
        arrays = [rng.normal(size=(2, *s, 3)).astype(np.float32) for s in ((h, w), (w, h))]
        check_values(tf, build, *arrays)


KERNELS = ["lanczos1", "lanczos3", "lanczos5", "gaussian", "box", "triangle", "keyscubic", "mitchellcubic"]


@pytest.mark.parametrize("kernel", KERNELS)
def test_scale_and_translate(tensorflow, kernel):
    x = np.random.default_rng(2).normal(size=(2, 9, 6, 3)).astype(np.float32)
    keys = ("images", "scale", "translation")
    for antialias in (True, False):
        build = node(
            tensorflow, "ScaleAndTranslate", *keys, size=(5, 11), kernel_type=kernel, antialias=antialias
        )
        for scale, shift in (((5 / 9, 11 / 6), (0, 0)), ((0.3, 2.2), (1.5, -3))):
            arrays = [x, np.array(scale, np.float32), np.array(shift, np.float32)]
            check_values(tensorflow, build, *arrays)
            fixed = lambda v, a=arrays, build=build: build(v, a[1], a[2])  # noqa: E731
            check(tensorflow, fixed, (None, 9, 6, 3))


@pytest.mark.parametrize("method", ["bilinear", "nearest"])
def test_crops(tensorflow, method):
    rng = np.random.default_rng(3)
    boxes = np.concatenate([rng.uniform(-0.3, 1.3, (6, 4)), [[0, 0, 1, 1], [1, 1, 0, 0]]]).astype(np.float32)
    image = rng.integers(0, 2, 8).astype(np.int32)
    for dtype, size in itertools.product(("float32", "uint8", "float64"), ((3, 4), (1, 1))):
        x = rng.integers(0, 99, (2, 5, 6, 3)).astype(dtype)
        by = {"crop_size": size, "method": method, "extrapolation_value": 2.5}
        build = node(tensorflow, "CropAndResize", "image", "boxes", "box_ind", **by)
        check_values(tensorflow, build, x, boxes, image)


@pytest.mark.parametrize("fill_mode", ["CONSTANT", "REFLECT", "WRAP", "NEAREST"])
def test_projective_transforms(tensorflow, fill_mode):
    rng = np.random.default_rng(4)
    turn = [0.8, -0.6, 2, 0.6, 0.8, -1, 0, 0]
    many = np.array([turn, [1, 0, -9, 0, 1, 17, 0, 0], [1, 0.1, 0, 0.2, 1, 0, -0.5, 0.1]], np.float32)
    for dtype, method in itertools.product(("float32", "uint8", "int32", "float64"), ("NEAREST", "BILINEAR")):
        x = rng.integers(0, 99, (3, 4, 6, 2)).astype(dtype)
        by = {"output_shape": (5, 7), "fill_mode": fill_mode, "interpolation": method}
        build = node(tensorflow, "ImageProjectiveTransformV3", "images", "transforms", fill_value=3.0, **by)
        for transforms in (many, many[:1]):
            check_values(tensorflow, build, x, transforms)
            check_values(tensorflow, build, x[:, :1], transforms)
        check_values(
            tensorflow, node(tensorflow, "ImageProjectiveTransformV2", "images", "transforms", **by), x, many
        )


def test_colours(tensorflow):
    rng = np.random.default_rng(5)
    x = rng.uniform(-0.2, 1.2, (2, 30, 9, 3)).astype(np.float32)
    x[0, :9] = rng.integers(0, 3, (9, 9, 3))  # ties
    for dtype in ("float32", "float64"):
        check_values(tensorflow, node(tensorflow, "RGBToHSV", "images"), x.astype(dtype))
        check_values(tensorflow, node(tensorflow, "HSVToRGB", "images"), x.astype(dtype))
    for amount in (0.0, 0.3, -1.7, 0.99):
        value = np.array(amount, np.float32)
        check_values(tensorflow, node(tensorflow, "AdjustHue", "images", "delta"), x, value)
        check_values(tensorflow, node(tensorflow, "AdjustSaturation", "images", "scale"), x, value)
        contrast = node(tensorflow, "AdjustContrastv2", "images", "contrast_factor")
        for images in (x, x[0], x[..., :1], x[:, :0]):
            check_values(tensorflow, contrast, images, value)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_boxes_drawn(tensorflow, channels):
    rng = np.random.default_rng(6)
    boxes = rng.uniform(-0.5, 1.2, (2, 12, 4)).astype(np.float32)
    boxes[..., 2:] += 0.3
    x = rng.normal(size=(2, 19, 17, channels)).astype(np.float32)
    plain = node(tensorflow, "DrawBoundingBoxes", "images", "boxes")
    check_values(tensorflow, lambda v, at: plain(tensorflow.reshape(v, [-1, 19, 17, channels]), at), x, boxes)
    colours = rng.normal(size=(3, channels)).astype(np.float32)
    check_values(
        tensorflow, node(tensorflow, "DrawBoundingBoxesV2", "images", "boxes", "colors"), x, boxes, colours
    )


def test_keras_layers(tensorflow):
    tf = tensorflow
    x = np.random.default_rng(7).uniform(size=(2, 8, 6, 3)).astype(np.float32)
    for method in ("bilinear", "nearest", "bicubic", "area", "lanczos3", "gaussian", "mitchellcubic"):
        check_values(tf, lambda v, m=method: tf.image.resize(v, (5, 9), m, antialias=True), x)
    check_values(tf, lambda v: tf.image.adjust_brightness(tf.image.adjust_contrast(v, 1.5), 0.1), x)
    check(tf, lambda v: tf.image.resize_with_pad(v, 7, 7), (None, 8, 6, 3))
