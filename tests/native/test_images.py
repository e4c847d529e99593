"""Image ops compiled, against the interpreter."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.compiler.ir.dims import Sym
from netwright.compiler.ops.image import COLOURS, FILLS, Colour, CropAndResize, DrawBoxes, ProjectiveTransform
from netwright.compiler.ops.resize import COORDINATES, KERNELS, METHODS, Resize, ScaleAndTranslate
from netwright.runtime.errors import ExecutionError, ShapeError
from netwright.runtime.spec import boolean, f32, f64, i32, i64, u8

from ..helpers import check, constant, graph, n, tensor

h, w = Sym.symbol("h"), Sym.symbol("w")
SIZES = [{"n": 2, "h": 3, "w": 5}, {"n": 1, "h": 1, "w": 1}, {"n": 0, "h": 4, "w": 2}]
PAIRS = [(m, c) for m in METHODS for c in COORDINATES if (m, c) != ("area", "half_pixel")]


@pytest.mark.parametrize(("method", "coordinates"), PAIRS)
def test_resize_to_run_time_sizes(tmp_path, method, coordinates):
    def build(b, x):
        bigger = b(Resize, x, size=(h * 2 + 1, w + 4), method=method, coordinates=coordinates)
        return bigger, b(Resize, x, size=((h + 1) // 2, 1), method=method, coordinates=coordinates)

    check(graph(build, [tensor(n, h, w, 3)]), tmp_path, SIZES)


@pytest.mark.parametrize(("method", "coordinates"), PAIRS)
def test_resize_to_fixed_sizes(tmp_path, method, coordinates):
    def build(b, x, y):
        return tuple(b(Resize, v, size=(7, 4), method=method, coordinates=coordinates) for v in (x, y))

    check(graph(build, [tensor(n, 3, 9, 70), tensor(2, 7, 4, 16)]), tmp_path)


@pytest.mark.parametrize("dtype", [u8, i32, i64, f64, boolean], ids=str)
def test_resize_of_other_numbers(tmp_path, dtype):
    def build(b, x):
        kinds = METHODS if dtype != boolean else ("nearest",)
        return tuple(b(Resize, x, size=(5, 6), method=m, coordinates="align_corners") for m in kinds)

    check(graph(build, [tensor(n, 4, 3, 5, dtype=dtype)]), tmp_path)


def test_resize_of_special_values(tmp_path):
    x = np.array([1, np.inf, -2, np.nan, -np.inf, 3, 4, 5, 6, 7, 8, 9], np.float32).reshape(1, 3, 4, 1)
    for size in ((3, 4), (5, 7)):
        build = lambda b, x, size=size: tuple(b(Resize, x, size=size, method=m) for m in METHODS)  # noqa: E731
        check(graph(build, [tensor(1, 3, 4, 1)]), tmp_path, [{}], inputs=[x])
        check(graph(build, [tensor(1, h, w, 1)]), tmp_path, [{}], inputs=[x])


@pytest.mark.parametrize("kernel", sorted(KERNELS))
def test_scale_and_translate(tmp_path, kernel):
    def build(b, x, scale, translation):
        by = {"size": (6, 9), "kernel": kernel}
        fixed = constant(b, np.array([0.4, 1.7], np.float32)), constant(b, np.array([0.5, -2.0], np.float32))
        return (
            b(ScaleAndTranslate, x, *fixed, **by),
            b(ScaleAndTranslate, x, *fixed, antialias=False, **by),
            b(ScaleAndTranslate, x, scale, translation, **by),
        )

    x = np.random.default_rng(0).normal(size=(2, 5, 8, 3)).astype(np.float32)
    inputs = [x, np.array([0.21, 3.3], np.float32), np.array([-0.7, 3.0], np.float32)]
    check(graph(build, [tensor(n, h, w, 3), tensor(2), tensor(2)]), tmp_path, [{}], inputs=inputs)


def test_images_of_nothing_are_refused():
    for shape, size in (((1, 0, 2, 1), (3, 3)), ((1, 2, 2, 1), (0, 3))):
        with pytest.raises(ShapeError, match=r"graph\.resize"):
            graph(lambda b, x, size=size: b(Resize, x, size=size, method="nearest"), [tensor(*shape)])


@pytest.mark.parametrize("dtype", [f32, f64], ids=str)
def test_colours(tmp_path, dtype):
    def build(b, x, amount):
        return tuple(
            b(Colour, x, *([amount] if kind.startswith("adjust") else []), kind=kind) for kind in COLOURS
        )

    rng = np.random.default_rng(0)
    x = rng.uniform(-0.2, 1.2, (3, 700, 3)).astype(dtype.numpy)
    x[0, :200] = rng.integers(0, 3, (200, 3))  # ties
    for amount in (0.3, -1.7, 0.0):
        inputs = [x, np.array(amount, dtype.numpy)]
        types = [tensor(n, w, 3, dtype=dtype), tensor(dtype=dtype)]
        check(graph(build, types), tmp_path, [{}], inputs=inputs)


@pytest.mark.parametrize("method", ["bilinear", "nearest"])
@pytest.mark.parametrize("dtype", [f32, u8], ids=str)
def test_crops(tmp_path, method, dtype):
    def build(b, x, boxes, image):
        return tuple(
            b(CropAndResize, x, boxes, image, size=s, method=method, outside=2.5) for s in ((3, 4), (1, h))
        )

    rng = np.random.default_rng(1)
    x = rng.integers(0, 99, (2, 5, 6, 3)).astype(dtype.numpy)
    boxes = np.concatenate([rng.uniform(-0.3, 1.3, (6, 4)), [[0, 0, 1, 1], [1, 1, 0, 0]]]).astype(np.float32)
    types = [tensor(n, h, w, 3, dtype=dtype), tensor(Sym.symbol("k"), 4), tensor(Sym.symbol("k"), dtype=i32)]
    image = rng.integers(0, 2, 8).astype(np.int32)
    model = check(graph(build, types), tmp_path, [{}], inputs=[x, boxes, image])
    for wrong in ({"x2": image + 1}, {"x2": image - 2}, {"x1": np.full_like(boxes, np.inf)}, {"x0": x[:0]}):
        with pytest.raises(ExecutionError) as caught:
            model.run({"x0": x, "x1": boxes, "x2": image, **wrong})
        assert caught.value.status == "INDEX"


@pytest.mark.parametrize("fill_mode", FILLS)
@pytest.mark.parametrize("dtype", [f32, u8, f64], ids=str)
def test_projective_transforms(tmp_path, fill_mode, dtype):
    def build(b, x, transforms, fill):
        by = {"size": (5, w), "fill_mode": fill_mode}
        return tuple(
            b(ProjectiveTransform, x, transforms, fill, method=m, **by) for m in ("NEAREST", "BILINEAR")
        )

    rng = np.random.default_rng(2)
    x = rng.integers(0, 99, (3, 4, 6, 20)).astype(dtype.numpy)
    turn = [0.8, -0.6, 2, 0.6, 0.8, -1, 0, 0]
    many = np.array([turn, [1, 0, -9, 0, 1, 17, 0, 0], [1, 0.1, 0, 0.2, 1, 0, -0.5, 0.1]], np.float32)
    for transforms in (many, many[:1]):
        k = 1 if len(transforms) == 1 else n
        types = [tensor(n, h, w, 20, dtype=dtype), tensor(k, 8), tensor()]
        check(graph(build, types), tmp_path, [{}], inputs=[x, transforms, np.array(7, np.float32)])
        one = [x[:, :1, :1], transforms, np.array(7, np.float32)]
        check(graph(build, types), tmp_path, [{}], inputs=one)


def test_boxes_drawn(tmp_path):
    rng = np.random.default_rng(3)
    boxes = rng.uniform(-0.5, 1.2, (2, 5, 4)).astype(np.float32)
    boxes[..., 2:] += 0.3
    boxes[0, 0] = [0, 0, 1, 1]
    x = rng.normal(size=(2, 9, 7, 3)).astype(np.float32)
    inputs = [x, boxes, rng.normal(size=(2, 4)).astype(np.float32)]
    types = [tensor(n, h, w, 3), tensor(n, 5, 4), tensor(2, 4)]
    check(graph(lambda b, *v: b(DrawBoxes, *v), types), tmp_path, [{}], inputs=inputs)
