"""Large products of operands known at run time, in blocks: compiled code against the interpreter."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.cost.gemm import Product, choose_gemm, gemm_pays
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.conv import Conv2D, ConvTranspose
from netwright.compiler.ops.conv_gradient import ConvFilterGradient
from netwright.compiler.ops.elementwise import Add
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.target import TARGETS as ALL_TARGETS
from netwright.compiler.target import resolve_target

from ..helpers import build, check, graph, random_inputs, tensor

TARGETS = ["native", "x86-64-v3", "x86-64"]
WINDOW: dict[str, Any] = {"dilations": (1, 1), "padding": "SAME", "pads": (0, 0, 0, 0)}


def _families(model: Any) -> list[str]:
    return [row["family"] for row in model.manifest["calls"]]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("m", "n", "k"), [(101, 500, 300), (33, 130, 1100), (290, 97, 1024), (700, 52, 71)])
@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True), (True, True)])
def test_products(tmp_path: Path, target: str, m: int, n: int, k: int, turned: tuple[bool, bool]) -> None:
    """With tails of rows, columns and steps, one block or several."""
    module = graph(
        lambda b, x, w, bias: b(
            Relu, b(Add, b(MatMul, x, w, transpose_x=turned[0], transpose_y=turned[1]), bias)
        ),
        [tensor(*((k, m) if turned[0] else (m, k))), tensor(*((n, k) if turned[1] else (k, n))), tensor(n)],
    )
    model = check(module, tmp_path, [{}], target=target)
    given = Product(m, n, k, *turned)
    assert ("gemm" in _families(model)) == gemm_pays(resolve_target(target), given)


def test_what_follows_reads_a_tensor_of_the_results_shape(tmp_path: Path) -> None:
    module = graph(
        lambda b, x, w, r: b(Add, b(MatMul, x, w), r), [tensor(120, 600), tensor(600, 90), tensor(120, 90)]
    )
    assert "gemm" in _families(check(module, tmp_path, [{}]))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("size", "c", "o"), [(15, 96, 130), (8, 512, 64), (7, 300, 270)])
def test_windows_of_one_pixel(tmp_path: Path, target: str, stride: int, size: int, c: int, o: int) -> None:
    """The convolution with a step behind it, its image's gradient added to another, and its filter's gradient."""
    given, out = {**WINDOW, "strides": (stride, stride)}, -(-size // stride)

    def net(b: Any, x: Any, w: Any, dy: Any, more: Any) -> Any:
        y = b(Add, b(Conv2D, x, w, **given), dy)
        dx = b(Add, b(ConvTranspose, dy, w, size=(size, size), **given), more)
        return y, dx, b(ConvFilterGradient, x, dy, kernel=(1, 1), **given)

    image, result = tensor(3, size, size, c), tensor(3, out, out, o)
    check(graph(net, [image, tensor(1, 1, c, o), result, image]), tmp_path, [{}], target=target)


@pytest.mark.parametrize("way", ["x", "dx", "dw"])
def test_bits_do_not_depend_on_threads(tmp_path: Path, way: str) -> None:
    types = {
        "x": [tensor(8, 28, 28, 128), tensor(1, 1, 128, 256)],
        "dx": [tensor(8, 28, 28, 256), tensor(1, 1, 128, 256)],
        "dw": [tensor(8, 28, 28, 512), tensor(8, 28, 28, 256)],
    }[way]
    given = {**WINDOW, "strides": (1, 1)}
    make = {
        "x": lambda b, x, w: b(Conv2D, x, w, **given),
        "dx": lambda b, dy, w: b(ConvTranspose, dy, w, size=(28, 28), **given),
        "dw": lambda b, x, dy: b(ConvFilterGradient, x, dy, kernel=(1, 1), **given),
    }[way]
    module = graph(make, types)
    inputs = random_inputs(module, {})
    found = []
    for threads in (1, 2):
        model = build(module.clone({}), tmp_path, threads=threads)
        assert "gemm" in _families(model)
        found.append(model(*inputs))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("target", list(ALL_TARGETS.values()), ids=list(ALL_TARGETS))
def test_units_cover_the_product(target: Any) -> None:
    for m, n, k in [(100, 784, 500), (100, 3136, 512), (25088, 64, 256), (392, 2048, 512), (32, 128, 30976)]:
        for turned in (False, True):
            choice = choose_gemm(target, Product(m, n, k, turned, row_bytes=4 * k))
            width = choice.tile[1] * target.lanes
            assert choice.units * choice.tiles * choice.tile[0] * choice.groups * width >= m * n
            assert 0 < choice.step <= k
