"""Convolutions to very few channels, whose vectors run along the sums: compiled code against the interpreter."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.cost.dot import dot_cycles
from netwright.compiler.ir.dims import Sym
from netwright.compiler.ops.activation import Relu, Sigmoid
from netwright.compiler.ops.conv import Conv2D, ConvTranspose
from netwright.compiler.ops.elementwise import Add, Cast
from netwright.compiler.ops.shape import Concat
from netwright.compiler.target import TARGETS as ALL_TARGETS
from netwright.runtime.spec import f32, f64, i32, u8

from ..helpers import check, constant, graph, many_registers, n, tensor

TARGETS = ["native", "x86-64-v3", "x86-64"]
h, w = Sym.symbol("h"), Sym.symbol("w")
BATCHES = [{"n": 1}, {"n": 7}]


def _random(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def _uses(model: Any) -> bool:
    return any(c["family"] == "conv_dot" for c in model.manifest["calls"])


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("size", "c", "o", "k", "s", "d", "padding"),
    [
        ((26, 26), 16, 1, (3, 3), (1, 1), (1, 1), "SAME"),
        ((9, 11), 21, 1, (3, 3), (1, 1), (1, 1), "SAME"),
        ((6, 33), 20, 2, (3, 3), (2, 2), (1, 1), "SAME"),
        ((7, 40), 13, 3, (5, 4), (1, 1), (1, 1), "VALID"),
        ((11, 19), 19, 3, (3, 3), (1, 1), (2, 3), "VALID"),
        ((5, 17), 100, 1, (3, 3), (1, 2), (1, 1), "EXPLICIT"),
        ((7, 7), 70, 2, (1, 1), (1, 1), (1, 1), "VALID"),
        ((8, 9), 70, 2, (1, 1), (2, 2), (1, 1), "VALID"),
        ((1, 1), 64, 1, (1, 1), (1, 1), (1, 1), "SAME"),
        ((4, 300), 32, 1, (3, 3), (1, 1), (1, 1), "SAME"),
    ],
)
def test_few_channels(tmp_path: Path, target: str, size: Any, c: int, o: int, k: Any, s: Any, d: Any,
                      padding: str) -> None:  # fmt: skip
    def net(b: Any, x: Any) -> Any:
        y = b(
            Conv2D,
            x,
            constant(b, _random(*k, c, o)),
            strides=s,
            dilations=d,
            padding=padding,
            pads=(1, 2, 0, 3),
        )
        return b(Sigmoid, b(Add, y, constant(b, _random(o))))

    model = check(graph(net, [tensor(n, *size, c)]), tmp_path, BATCHES, target=target)
    assert _uses(model) or target == "x86-64"


@pytest.mark.parametrize("target", TARGETS)
def test_transposed(tmp_path: Path, target: str) -> None:
    """Stride 1 is one convolution; with stride 2 each phase writes every second pixel of the result."""

    def net(b: Any, x: Any) -> Any:
        kept = {"dilations": (1, 1), "padding": "SAME", "pads": (0,) * 4}
        f = constant(b, _random(3, 3, 1, 16))
        one = b(ConvTranspose, x, f, strides=(1, 1), size=(15, 17), **kept)
        two = b(ConvTranspose, x, constant(b, _random(5, 5, 2, 16)), strides=(2, 2), size=(30, 34), **kept)
        bias = constant(b, _random(1))
        return b(Relu, b(Add, one, bias)), b(Relu, b(Add, two, bias))

    check(graph(net, [tensor(n, 15, 17, 16)]), tmp_path, BATCHES, target=target)


@pytest.mark.parametrize("o", [1, 3])
@pytest.mark.parametrize("stride", [1, 2])
def test_any_size(tmp_path: Path, o: int, stride: int) -> None:
    def net(b: Any, x: Any, r: Any) -> Any:
        y = b(Conv2D, x, constant(b, _random(3, 3, 24, o)), padding="SAME", strides=(stride, stride))
        return b(Relu, b(Add, y, r)) if stride == 1 else b(Relu, y)

    sizes = [
        {"n": 1, "h": 9, "w": 11},
        {"n": 7, "h": 3, "w": 47},
        {"n": 1, "h": 2, "w": 300},
        {"n": 2, "h": 4, "w": 16},
        {"n": 2, "h": 8, "w": 1},
        {"n": 0, "h": 4, "w": 4},
    ]
    assert _uses(check(graph(net, [tensor(n, h, w, 24), tensor(n, h, w, o)]), tmp_path, sizes))


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("o", [1, 2])
def test_residual_of_all_pixels(tmp_path: Path, known: bool, o: int) -> None:
    """Operands as large as the result, as one number, one for each channel, and one for each pixel."""

    def net(b: Any, x: Any, r: Any, p: Any, *given: Any) -> Any:
        f = constant(b, _random(3, 3, 40, o)) if known else given[0]
        y = b(Add, b(Conv2D, x, f, padding="SAME"), constant(b, _random(o)))
        return b(Relu, b(Add, b(Add, b(Add, y, r), p), constant(b, np.float32(0.5))))

    types = [tensor(n, 7, 19, 40), tensor(n, 7, 19, o), tensor(n, 7, 19, 1)]
    model = check(graph(net, types if known else [*types, tensor(3, 3, 40, o)]), tmp_path, BATCHES)
    assert _uses(model) == (known or o == 1)


def test_into_a_part_of_a_concatenation(tmp_path: Path) -> None:
    def net(b: Any, x: Any) -> Any:
        parts = [b(Conv2D, x, constant(b, _random(3, 3, 20, o)), padding="SAME") for o in (1, 3, 20)]
        y = b(Concat, *parts, axis=-1)
        return b(Relu, b(Conv2D, y, constant(b, _random(3, 3, 24, 3)), padding="SAME"))

    assert _uses(check(graph(net, [tensor(n, 9, 21, 20)]), tmp_path, BATCHES))


def test_groups(tmp_path: Path) -> None:
    def net(b: Any, x: Any) -> Any:
        return b(Conv2D, x, constant(b, _random(3, 3, 48, 4)), padding="SAME")

    assert _uses(check(graph(net, [tensor(n, 9, 21, 96)]), tmp_path, BATCHES))


@pytest.mark.parametrize("o", [1, 3])
@pytest.mark.parametrize("to", [f64, f32, u8, i32])
def test_other_dtypes(tmp_path: Path, o: int, to: Any) -> None:
    weights = _random(3, 3, 24, o).astype(np.float64)

    def net(b: Any, x: Any) -> Any:
        return b(Cast, b(Sigmoid, b(Conv2D, x, constant(b, weights), padding="SAME")), dtype=to)

    model = check(
        graph(net, [tensor(n, 6, 19, 24, dtype=f64)]), tmp_path, BATCHES, 1e-13 if to is f64 else 1e-5
    )
    assert _uses(model) or not many_registers()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("c", [16, 21])
def test_nan_and_infinity_reach_their_windows_alone(tmp_path: Path, target: str, c: int) -> None:
    x = np.ones((2, 6, 20, c), np.float32)
    x[0, 2, 3, 1] = np.inf
    x[0, 5, 19, c - 1] = np.nan
    x[1, 0, 0, 0] = -np.inf

    def net(b: Any, x: Any) -> Any:
        return (
            b(Conv2D, x, constant(b, _random(3, 3, c, 1)), padding="SAME"),
            b(Conv2D, x, constant(b, _random(2, 3, c, 2)), padding="VALID"),
            b(Conv2D, x, constant(b, _random(2, 3, c, 1)), padding="VALID", dilations=(1, 2)),
        )

    check(graph(net, [tensor(2, 6, 20, c)]), tmp_path, [{}], inputs=[x], target=target)


def test_cycles() -> None:
    """A row of equal tiles costs no more than one of a full tile and a small one."""
    target = ALL_TARGETS["x86-64-v4"]
    row, two = (dot_cycles(target, (n, 1, width, 1), 3, 48, 1, 4) for width in (16, 26))
    assert row < two < 2 * row
