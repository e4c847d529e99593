"""Grouped, depthwise, transposed and 3-D convolutions: compiled code against the interpreter."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.dims import Sym
from netwright.compiler.ops.activation import Elu, Relu
from netwright.compiler.ops.conv import Conv2D, Conv3D, ConvTranspose
from netwright.compiler.ops.elementwise import Add, Mul
from netwright.runtime.spec import f64, i32

from ..helpers import check, constant, graph, n, tensor

TARGETS = ["native", "x86-64-v3", "x86-64"]
h, w = Sym.symbol("h"), Sym.symbol("w")
SIZES = [
    {"n": 1, "h": 9, "w": 11},
    {"n": 2, "h": 8, "w": 1},
    {"n": 1, "h": 1, "w": 20},
    {"n": 0, "h": 4, "w": 4},
]


def _random(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def _finished(b: Any, y: Any, channels: int, residual: Any = None) -> Any:
    """Bias, a residual when there is one, relu: what convolutions are followed by."""
    y = b(Add, y, constant(b, _random(channels)))
    return b(Relu, y if residual is None else b(Add, y, residual))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("size", "c", "many", "k", "s", "d", "padding"),
    [
        ((9, 9), 32, 1, (3, 3), (1, 1), (1, 1), "SAME"),
        ((9, 8), 5, 1, (3, 3), (2, 2), (1, 1), "SAME"),
        ((14, 15), 40, 1, (5, 5), (1, 2), (1, 1), "EXPLICIT"),
        ((20, 17), 16, 1, (3, 2), (1, 1), (2, 3), "VALID"),
        ((9, 30), 6, 1, (7, 11), (1, 1), (1, 1), "SAME"),
        ((6, 1), 70, 1, (3, 1), (1, 1), (1, 1), "SAME"),
        ((7, 7), 6, 2, (3, 3), (1, 1), (1, 1), "SAME"),
        ((7, 6), 3, 20, (3, 3), (2, 2), (1, 1), "SAME"),
    ],
)
def test_depthwise(tmp_path: Path, target: str, size: Any, c: int, many: int, k: Any, s: Any, d: Any,
                   padding: str) -> None:  # fmt: skip
    def net(b: Any, x: Any) -> Any:
        y = b(Conv2D, x, constant(b, _random(*k, 1, c * many)), strides=s, dilations=d, padding=padding,
              pads=(1, 2, 0, 3))  # fmt: skip
        return _finished(b, y, c * many)

    check(graph(net, [tensor(n, *size, c)]), tmp_path, target=target)


@pytest.mark.parametrize("many", [1, 2])
def test_depthwise_of_any_size(tmp_path: Path, many: int) -> None:
    def net(b: Any, x: Any, f: Any, r: Any) -> Any:
        return _finished(b, b(Conv2D, x, f, padding="SAME"), 20 * many, r)

    types = [tensor(n, h, w, 20), tensor(3, 3, 1, 20 * many), tensor(n, h, w, 20 * many)]
    check(graph(net, types), tmp_path, SIZES)
    module = graph(
        lambda b, x: b(Conv2D, x, constant(b, _random(3, 3, 1, 20)), padding="SAME", strides=(2, 2)),
        [tensor(n, h, w, 20)],
    )
    check(module, tmp_path, SIZES)


@pytest.mark.parametrize("dtype", [f64, i32])
def test_depthwise_of_other_dtypes(tmp_path: Path, dtype: Any) -> None:
    weights = (_random(3, 3, 1, 20) * 5).astype(dtype.numpy)
    module = graph(
        lambda b, x: b(Conv2D, x, constant(b, weights), padding="SAME"), [tensor(n, 6, 7, 20, dtype=dtype)]
    )
    check(module, tmp_path, tolerance=1e-13)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("groups", "c", "o"), [(2, 6, 12), (3, 6, 9), (6, 6, 120), (4, 32, 64)])
def test_groups_with_steps(tmp_path: Path, known: bool, groups: int, c: int, o: int) -> None:
    def net(b: Any, x: Any, r: Any, *given: Any) -> Any:
        f = given[0] if given else constant(b, _random(3, 3, c // groups, o))
        return _finished(b, b(Conv2D, x, f, padding="SAME"), o, b(Mul, r, b(Elu, r)))

    types = [tensor(n, 7, 9, c), tensor(n, 7, 9, o)]
    check(graph(net, types if known else [*types, tensor(3, 3, c // groups, o)]), tmp_path)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("size", "k", "s", "d", "padding", "groups"),
    [
        ((8, 8), (2, 2), (2, 2), (1, 1), "VALID", 1),
        ((9, 7), (3, 3), (2, 2), (1, 1), "SAME", 1),
        ((9, 8), (3, 3), (1, 1), (1, 1), "SAME", 1),
        ((10, 12), (4, 4), (2, 2), (1, 1), "SAME", 1),
        ((15, 17), (2, 5), (3, 4), (1, 1), "VALID", 1),
        ((7, 8), (2, 2), (3, 3), (1, 1), "SAME", 1),
        ((16, 15), (3, 3), (2, 2), (2, 3), "SAME", 1),
        ((11, 11), (3, 3), (2, 1), (2, 2), "EXPLICIT", 1),
        ((9, 8), (3, 3), (2, 2), (1, 1), "SAME", 2),
        ((9, 8), (3, 3), (2, 2), (1, 1), "SAME", 6),
        ((9, 8), (1, 1), (3, 2), (1, 1), "SAME", 6),
    ],
)
def test_transposed(tmp_path: Path, target: str, size: Any, k: Any, s: Any, d: Any, padding: str,
                    groups: int) -> None:  # fmt: skip
    pads, c, o = (1, 2, 0, 3), 6, 12 if groups == 2 else 6
    reach = [(a - 1) * e + 1 for a, e in zip(k, d, strict=True)]
    around = [sum(pads[:2]), sum(pads[2:])] if padding == "EXPLICIT" else [0, 0]
    image = [
        -(-z // t) if padding == "SAME" else (z + p - r) // t + 1
        for z, t, p, r in zip(size, s, around, reach, strict=True)
    ]

    def net(b: Any, x: Any, r: Any, *given: Any) -> Any:
        f = given[0] if given else constant(b, _random(*k, o // groups, c))
        y = b(ConvTranspose, x, f, strides=s, dilations=d, padding=padding, pads=pads, size=size,
              groups=groups)  # fmt: skip
        return _finished(b, y, o, r)

    types = [tensor(n, *image, c), tensor(n, *size, o)]
    check(graph(net, types), tmp_path, target=target)
    if target == "native":
        check(graph(net, [*types, tensor(*k, o // groups, c)]), tmp_path)


@pytest.mark.parametrize("o", [1, 3, 40])
@pytest.mark.parametrize(
    ("k", "padding"), [(2, "SAME"), (3, "SAME"), (4, "SAME"), (1, "VALID"), (5, "VALID")]
)
def test_transposed_of_any_size(tmp_path: Path, o: int, k: int, padding: str) -> None:
    over = max(k - 2, 0) if padding == "VALID" else 0

    def net(b: Any, x: Any) -> Any:
        f = constant(b, _random(k, k, o, 5))
        y = b(ConvTranspose, x, f, strides=(2, 2), dilations=(1, 1), padding=padding, pads=(0,) * 4,
              size=(h * 2 + over, w * 2 + over))  # fmt: skip
        return _finished(b, y, o)

    check(graph(net, [tensor(n, h, w, 5)]), tmp_path, SIZES)


def test_transposed_to_the_size_of_another_image(tmp_path: Path) -> None:
    """Whether SAME cuts something off in front depends on whether the sizes are odd."""

    def net(b: Any, x: Any, like: Any) -> Any:
        f = constant(b, _random(5, 5, 7, 3))
        y = b(ConvTranspose, x, f, strides=(2, 2), dilations=(1, 1), padding="SAME", pads=(0,) * 4,
              size=(h, w))  # fmt: skip
        return b(Add, _finished(b, y, 7), like)

    p, q = Sym.symbol("p"), Sym.symbol("q")
    module = graph(net, [tensor(n, p, q, 3), tensor(n, h, w, 7)])
    sizes = [{"n": 2, "h": 9, "w": 8, "p": 5, "q": 4}, {"n": 1, "h": 2, "w": 1, "p": 1, "q": 1}]
    check(module, tmp_path, sizes)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("size", "k", "s", "d", "padding", "groups"),
    [
        ((5, 6, 7), (3, 3, 3), (1, 1, 1), (1, 1, 1), "SAME", 1),
        ((5, 6, 7), (2, 3, 1), (2, 1, 2), (1, 1, 1), "SAME", 1),
        ((7, 6, 7), (2, 2, 2), (1, 1, 1), (2, 3, 2), "VALID", 1),
        ((5, 5, 6), (1, 1, 1), (1, 1, 1), (1, 1, 1), "SAME", 1),
        ((5, 5, 6), (2, 2, 2), (1, 2, 1), (1, 1, 1), "EXPLICIT", 2),
    ],
)
def test_volumes(tmp_path: Path, target: str, size: Any, k: Any, s: Any, d: Any, padding: str,
                 groups: int) -> None:  # fmt: skip
    def net(b: Any, x: Any) -> Any:
        f = constant(b, _random(*k, 4 // groups, 20))
        y = b(Conv3D, x, f, strides=s, dilations=d, padding=padding, pads=(1, 0, 0, 1, 2, 0))
        return _finished(b, y, 20)

    check(graph(net, [tensor(n, *size, 4)]), tmp_path, target=target)


def test_volumes_of_any_size(tmp_path: Path) -> None:
    depth = Sym.symbol("d")
    sizes = [{"d": 3, **env} for env in SIZES]

    def net(b: Any, x: Any, f: Any, r: Any) -> Any:
        return _finished(b, b(Conv3D, x, f, padding="SAME"), 20, r)

    types = [tensor(n, depth, h, w, 3), tensor(3, 3, 2, 3, 20), tensor(n, depth, h, w, 20)]
    check(graph(net, types), tmp_path, sizes)


@pytest.mark.parametrize(
    ("image", "size", "k", "s", "padding"),
    [
        ((2, 3, 3), (4, 6, 6), (2, 2, 2), (2, 2, 2), "VALID"),
        ((2, 3, 3), (3, 6, 5), (3, 3, 3), (2, 2, 2), "SAME"),
        ((2, 3, 4), (2, 9, 4), (2, 3, 2), (1, 3, 1), "SAME"),
    ],
)
def test_transposed_volumes(tmp_path: Path, image: Any, size: Any, k: Any, s: Any, padding: str) -> None:
    def net(b: Any, x: Any, r: Any) -> Any:
        f = constant(b, _random(*k, 5, 4))
        y = b(ConvTranspose, x, f, strides=s, dilations=(1, 1, 1), padding=padding, pads=(0,) * 6, size=size)
        return _finished(b, y, 5, r)

    check(graph(net, [tensor(n, *image, 4), tensor(n, *size, 5)]), tmp_path)


def test_infinities_stay_where_they_are(tmp_path: Path) -> None:
    """No product with zeros of the compiler's own making: an infinity reaches what its windows reach."""
    x = np.ones((1, 6, 6, 6), np.float32)
    x[0, 2, 3, 1] = np.inf

    def net(b: Any, x: Any) -> Any:
        kept = {"strides": (2, 2), "dilations": (1, 1), "padding": "SAME", "pads": (0,) * 4, "size": (12, 12)}
        return (
            b(ConvTranspose, x, constant(b, _random(3, 3, 4, 6)), **kept),
            b(ConvTranspose, x, constant(b, _random(3, 3, 1, 6)), groups=6, **kept),
            b(Conv2D, x, constant(b, _random(3, 3, 1, 6)), padding="SAME"),
            b(Conv2D, x, constant(b, _random(3, 3, 3, 8)), padding="SAME"),
        )

    check(graph(net, [tensor(1, 6, 6, 6)]), tmp_path, [{}], inputs=[x])


@pytest.mark.parametrize("height", [1, 3, 4])
@pytest.mark.parametrize("channels", [8, 20])
def test_depthwise_with_padding_behind_alone(tmp_path: Path, height: int, channels: int) -> None:
    """A window that SAME padding moves over the lower edge alone."""
    w = np.random.default_rng(0).normal(size=(2, 1, 1, 2 * channels)).astype(np.float32)

    def make(b: Any, x: Any) -> Any:
        return b(Conv2D, x, constant(b, w), strides=(2, 1), dilations=(1, 1), padding="SAME", pads=(0,) * 4)

    check(graph(make, [tensor(3, height, 1, channels)]), tmp_path)
