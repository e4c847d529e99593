"""Convolutions and matrix products: compiled code against the interpreter, over shapes and targets."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.dims import Sym
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.elementwise import Add
from netwright.compiler.ops.matmul import MatMul
from netwright.runtime.spec import f64, i32

from ..helpers import check, constant, graph, n, tensor

TARGETS = ["native", "x86-64-v3", "x86-64"]
h, w = Sym.symbol("h"), Sym.symbol("w")


def _random(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("height", "width", "c", "o", "k", "s", "d", "padding"),
    [
        (8, 8, 4, 16, 3, 1, 1, "SAME"),
        (7, 7, 3, 10, 3, 2, 1, "SAME"),
        (9, 6, 5, 33, 3, 2, 1, "VALID"),
        (14, 14, 16, 64, 1, 1, 1, "VALID"),
        (7, 7, 8, 40, 1, 1, 1, "SAME"),
        (7, 7, 8, 40, 1, 2, 1, "SAME"),
        (13, 11, 3, 48, 5, 2, 1, "SAME"),
        (10, 12, 6, 32, 3, 1, 2, "SAME"),
        (28, 28, 1, 32, 5, 1, 1, "SAME"),
        (7, 7, 64, 512, 3, 1, 1, "SAME"),
        (1, 1, 8, 8, 1, 1, 1, "SAME"),
        (17, 5, 2, 70, 2, 3, 1, "EXPLICIT"),
    ],
)
def test_conv_bias_relu(tmp_path: Path, target: str, height: int, width: int, c: int, o: int, k: int, s: int,
                        d: int, padding: str) -> None:  # fmt: skip
    def net(b: Any, x: Any) -> Any:
        y = b(Conv2D, x, constant(b, _random(k, k, c, o)), strides=(s, s), dilations=(d, d), padding=padding,
              pads=(1, 2, 0, 1))  # fmt: skip
        return b(Relu, b(Add, y, constant(b, _random(o))))

    check(graph(net, [tensor(n, height, width, c)]), tmp_path, target=target)


@pytest.mark.parametrize("target", TARGETS)
def test_residual(tmp_path: Path, target: str) -> None:
    def net(b: Any, x: Any, r: Any) -> Any:
        y = b(Add, b(Conv2D, x, constant(b, _random(1, 1, 3, 70))), constant(b, _random(70)))
        return b(Relu, b(Add, y, r))

    check(graph(net, [tensor(n, 14, 14, 3), tensor(n, 14, 14, 70)]), tmp_path, target=target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("stride", [1, 2])
def test_image_size_known_at_run_time(tmp_path: Path, target: str, stride: int) -> None:
    def net(b: Any, x: Any) -> Any:
        return b(Conv2D, x, constant(b, _random(3, 3, 2, 70)), padding="SAME", strides=(stride, stride))

    sizes = [
        {"n": 1, "h": 9, "w": 11},
        {"n": 2, "h": 8, "w": 1},
        {"n": 3, "h": 2, "w": 31},
        {"n": 0, "h": 4, "w": 4},
    ]
    check(graph(net, [tensor(n, h, w, 2)]), tmp_path, sizes, target=target)


def test_filter_known_at_run_time(tmp_path: Path) -> None:
    module = graph(lambda b, x, f: b(Conv2D, x, f, padding="SAME"), [tensor(n, 9, 9, 5), tensor(3, 3, 5, 20)])
    check(module, tmp_path)


@pytest.mark.parametrize("groups", [2, 3, 6])
def test_groups(tmp_path: Path, groups: int) -> None:
    def net(b: Any, x: Any) -> Any:
        return b(Conv2D, x, constant(b, _random(3, 3, 6 // groups, 12)), padding="SAME")

    check(graph(net, [tensor(n, 9, 9, 6)]), tmp_path)


@pytest.mark.parametrize("dtype", [f64, i32])
def test_other_dtypes(tmp_path: Path, dtype: Any) -> None:
    weights = (_random(3, 3, 4, 20) * 5).astype(dtype.numpy)

    def net(b: Any, x: Any) -> Any:
        return b(Conv2D, x, constant(b, weights), padding="SAME")

    check(graph(net, [tensor(n, 6, 7, 4, dtype=dtype)]), tmp_path, tolerance=1e-13)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("m", "k", "o"),
    [("n", 784, 500), ("n", 500, 10), ("n", 3, 1), (5, 7, 9), (32, 64, 64), (100, 16, 130), ("n", 64, 1000),
     (1, 33, 40)],
)  # fmt: skip
def test_dense(tmp_path: Path, target: str, m: Any, k: int, o: int) -> None:
    def net(b: Any, x: Any) -> Any:
        return b(Relu, b(Add, b(MatMul, x, constant(b, _random(k, o))), constant(b, _random(o))))

    rows = n if m == "n" else m
    sizes = [{"n": i} for i in ((0, 1, 2, 7, 32, 50) if m == "n" else (0,))]
    check(graph(net, [tensor(rows, k)]), tmp_path, sizes, target=target)


@pytest.mark.parametrize(
    ("xs", "ys", "tx", "ty"),
    [
        ((n, 7, 20), (n, 20, 45), False, False),
        ((n, 7, 20), (n, 45, 20), False, True),
        ((3, 20, 7), (20, 45), True, False),
        ((7, n), (n, 45), False, False),
        ((2, 1, 5, 6), (3, 6, 4), False, False),
        ((n, 0), (0, 4), False, False),
    ],
)
def test_products_of_two_inputs(tmp_path: Path, xs: Any, ys: Any, tx: bool, ty: bool) -> None:
    module = graph(
        lambda b, x, y: b(MatMul, x, y, transpose_x=tx, transpose_y=ty), [tensor(*xs), tensor(*ys)]
    )
    check(module, tmp_path)
