"""Results in the place of an input: values against the interpreter, and how much memory is left."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.driver import compile_module
from netwright.compiler.ops.activation import Neg, Relu
from netwright.compiler.ops.elementwise import Add, Greater, Mul, Select
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.ops.pool import MaxPool2D
from netwright.compiler.ops.pool_gradient import MaxPoolGradient
from netwright.compiler.ops.shape import Transpose
from netwright.compiler.options import CompileOptions
from netwright.runtime import load

from ..helpers import check, constant, graph, n, tensor

WINDOW = {"kernel": (2, 2), "strides": (2, 2)}
LAPPING = {"kernel": (3, 3), "strides": (2, 2), "padding": "SAME"}


def arena(module: Any, folder: Path) -> int:
    """Bytes that the compiled function works in."""
    path = folder / "m.so"
    compile_module(module.clone({}), path, CompileOptions())
    (size,) = (f["arena"] for f in load(path).manifest["functions"])
    return size


def turned(b: Any, v: Any) -> Any:
    """A value that is a kernel's own: nothing is computed where it is read."""
    return b(Transpose, v, permutation=(0, 2, 1, 3))


def pooled(window: dict[str, Any], again: bool = False) -> Any:
    """An image computed, pooled, and the pool's gradient; `again` reads the image afterwards."""

    def net(b: Any, x: Any) -> Any:
        image = turned(b, x)
        y = b(MaxPool2D, image, pads=(0, 0, 0, 0), **window)
        dx = turned(b, b(MaxPoolGradient, image, y, b(Neg, y), **window))
        if not again:
            return dx
        return dx, b(MaxPool2D, image, kernel=(1, 1), strides=(2, 2), pads=(0, 0, 0, 0))

    return net


@pytest.mark.parametrize("batch", [1, 7, n])
@pytest.mark.parametrize("size", [(8, 8), (7, 9), (2, 3), (2, 2)])
@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("window", [WINDOW, LAPPING], ids=["apart", "lapping"])
def test_gradient_of_a_pool(
    tmp_path: Path, window: dict[str, Any], again: bool, size: tuple[int, int], batch: Any
) -> None:
    sizes = [{"n": 1}, {"n": 5}, {"n": 0}] if batch is n else [{}]
    check(graph(pooled(window, again), [tensor(batch, *size, 19)]), tmp_path, sizes)


def test_only_windows_apart_and_the_last_use_save_memory(tmp_path: Path) -> None:
    image = 16 * 16 * 64 * 4
    apart, lapping, again = (
        arena(graph(pooled(w, a), [tensor(1, 16, 16, 64)]), tmp_path)
        for w, a in ((WINDOW, False), (LAPPING, False), (WINDOW, True))
    )
    assert apart + image <= lapping
    assert apart + image <= again


def test_products_add_to_what_is_there(tmp_path: Path) -> None:
    """The sum may take the place of what is added, never of what is multiplied."""

    def net(b: Any, x: Any, w: Any) -> Any:
        rows, columns = (b(Transpose, v, permutation=(1, 0)) for v in (x, w))
        product = b(Add, b(MatMul, rows, w), columns)
        again = b(Add, b(MatMul, product, x), product)
        return b(Transpose, again, permutation=(1, 0))

    for size in (5, 33, 200, 700):
        check(graph(net, [tensor(size, size), tensor(size, size)]), tmp_path)


def test_an_input_twice(tmp_path: Path) -> None:
    """A buffer that a kernel reads at other places too stays as it is."""

    def net(b: Any, x: Any) -> Any:
        image = turned(b, x)
        return turned(b, b(MaxPoolGradient, image, image, image, kernel=(1, 1), strides=(1, 1)))

    def crossed(b: Any, x: Any) -> Any:
        square = b(Transpose, x, permutation=(1, 0))
        product = b(Add, b(MatMul, square, square), square)
        return b(Transpose, product, permutation=(1, 0))

    check(graph(net, [tensor(1, 3, 3, 2)]), tmp_path)
    check(graph(crossed, [tensor(70, 70)]), tmp_path)


def test_masks_move_before_the_pool(tmp_path: Path) -> None:
    """The gradient of relu and pool, as a training step writes it."""

    def net(b: Any, x: Any, dy: Any) -> Any:
        zero = constant(b, np.float32(0))
        image = b(Relu, turned(b, x))
        y = b(MaxPool2D, image, pads=(0, 0, 0, 0), **LAPPING)
        g = b(MaxPoolGradient, image, y, b(Mul, dy, y), **LAPPING)
        return turned(b, b(Select, b(Greater, image, zero), g, zero))

    check(graph(net, [tensor(2, 9, 7, 5), tensor(2, 4, 5, 5)]), tmp_path, [{}])
