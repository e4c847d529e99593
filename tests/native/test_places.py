"""Values that are written straight into concatenations, paddings and buffers with borders, against the interpreter."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.cost import winograd as cost
from netwright.compiler.ir.core import Block, Builder, Op, Region, Value
from netwright.compiler.ir.dims import Dim, Sym
from netwright.compiler.kernels import former
from netwright.compiler.ops.activation import Exp, Relu
from netwright.compiler.ops.base import tensor as type_of
from netwright.compiler.ops.control import If, Yield
from netwright.compiler.ops.conv import Conv2D, Conv3D, ConvTranspose
from netwright.compiler.ops.elementwise import Add, Equal, NotEqual, Select
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.ops.pool import AvgPool2D, AvgPool3D, MaxPool2D, MaxPool3D
from netwright.compiler.ops.reduce import ReduceMax, ReduceSum
from netwright.compiler.ops.resize import Resize
from netwright.compiler.ops.shape import Concat, Pad, Reshape, Slice, Transpose
from netwright.runtime import Model
from netwright.runtime.spec import DType, boolean, f64, i32, u8

from ..helpers import check, constant, graph, many_registers, n, tensor

SIZES = ({"n": 1}, {"n": 7})
COUNT = int(os.environ.get("NETWRIGHT_RANDOM_PLACES", "40"))
FIRST = int(os.environ.get("NETWRIGHT_RANDOM_SEED", "0"))


@pytest.fixture(autouse=True)
def _everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small convolutions use Winograd's transforms too, and threads share small kernels."""
    monkeypatch.setattr(cost, "LEAST_CYCLES", 0)
    monkeypatch.setattr(former, "TASK_NS", 1)


class Net:
    """Layers with random weights."""

    def __init__(self, b: Builder, seed: int = 0) -> None:
        self.b, self.rng = b, np.random.default_rng(seed)

    def weights(self, *shape: int) -> Value:
        scale = 1 / np.sqrt(np.prod(shape[:-1]))
        return constant(self.b, (self.rng.normal(size=shape) * scale).astype(np.float32), "w")

    def conv(
        self, x: Value, o: int, kernel: int | tuple[int, int] = 3, strides: int = 1, padding: str = "SAME",
        groups: int = 1, pads: tuple[int, ...] = (0, 0, 0, 0), dilations: int = 1,
    ) -> Value:  # fmt: skip
        kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
        w = self.weights(*kernel, int(type_of(x).shape[-1]) // groups, o)
        return self.b(
            Conv2D, x, w, strides=(strides,) * 2, dilations=(dilations,) * 2, padding=padding, pads=pads
        )

    def unit(self, x: Value, *args: Any, **options: Any) -> Value:
        """A convolution, bias and relu."""
        y = self.conv(x, *args, **options)
        bias = self.rng.normal(size=int(type_of(y).shape[-1])).astype(np.float32)
        return self.b(Relu, self.b(Add, y, constant(self.b, bias, "bias")))

    def pool(
        self, x: Value, kind: type = MaxPool2D, kernel: int = 3, strides: int = 1, padding: str = "SAME"
    ) -> Value:
        return self.b(kind, x, kernel=(kernel,) * 2, strides=(strides,) * 2, padding=padding)

    def concat(self, *xs: Value, axis: int = -1) -> Value:
        return self.b(Concat, *xs, axis=axis)

    def pad(self, x: Value, low: Sequence[Dim], high: Sequence[Dim], value: float = 0.0) -> Value:
        fill = constant(self.b, np.array(value, type_of(x).dtype.numpy), "fill")
        return self.b(Pad, x, fill, low=tuple(low), high=tuple(high))


def run(
    make: Callable[..., Value | tuple[Value, ...]], *types: Any, folder: Path, sizes: Any = SIZES
) -> Counter[str]:
    """Compares with the interpreter; how often kernels of each family are called, copies apart."""
    model = check(graph(lambda b, *xs: make(Net(b), *xs), types), folder, sizes, tolerance=1e-4)
    return calls(model)


def calls(model: Model) -> Counter[str]:
    rows: Any = model.manifest["calls"]
    return Counter("copy" if r["algorithm"] == "copy" else r["family"] for r in rows)


def image(h: Dim, w: Dim, c: int) -> Any:
    return tensor(n, h, w, c)


@pytest.mark.parametrize("size", [8, 9, 17])
def test_inception_block(size: int, tmp_path: Path) -> None:
    """Branches that end in convolutions and pools of odd numbers of channels: nothing is copied."""

    def make(net: Net, x: Value) -> Value:
        x = net.unit(x, 24, 1)
        a = net.unit(x, 35, 1)
        b = net.unit(net.unit(x, 17, 1), 33, 3)
        c = net.unit(net.unit(net.unit(x, 16, 1), 20, (1, 7)), 31, (7, 1))
        d = net.unit(net.pool(x, AvgPool2D), 13, 1)
        first = net.concat(a, b, c, d)
        e, g = net.unit(first, 10, 3, 2, "VALID"), net.pool(first, MaxPool2D, 3, 2, "VALID")
        second = net.concat(e, g)
        return net.unit(second, 8, 1)

    found = run(make, image(size, size, 5), folder=tmp_path)
    if many_registers():
        assert not found["copy"] and not found["border"] and found["frame"] == 3


def test_a_chain_of_convolutions(tmp_path: Path) -> None:
    """Only the image that comes from outside is copied; borders of the others are filled around them."""

    def make(net: Net, x: Value) -> Value:
        for o in (16, 16, 0, 24, 33, 0, 40):
            x = net.unit(x, o) if o else net.pool(x, MaxPool2D, 2, 2)
        return x

    found = run(make, image(21, 18, 3), folder=tmp_path)
    assert (found["border"], found["frame"], found["copy"]) == (1, 4, 0)


KINDS: dict[str, Callable[[Net, Value, int], Value]] = {
    "direct": lambda net, x, c: net.unit(x, c, (1, 3)),
    "winograd": lambda net, x, c: net.unit(x, c, 3),
    "1x1": lambda net, x, c: net.unit(x, c, 1),
    "grouped": lambda net, x, c: net.conv(net.unit(x, 2 * c, 1), 2 * c, 3, groups=2),
    "depthwise": lambda net, x, c: net.conv(net.unit(x, c, 1), c, 3, groups=c),
    "multiplied": lambda net, x, c: net.conv(net.unit(x, c, 1), 2 * c, 3, groups=c),
    "max": lambda net, x, c: net.pool(net.unit(x, c, 1)),
    "avg": lambda net, x, c: net.pool(net.unit(x, c, 1), AvgPool2D),
    "pointwise": lambda net, x, c: net.b(Exp, net.pool(net.unit(x, c, 1), AvgPool2D)),
    "pad": lambda net, x, c: net.pad(net.pool(net.unit(x, c, 1)), (0, 0, 0, 1), (0, 0, 0, 2), 0.5),
    "nested": lambda net, x, c: net.concat(net.unit(x, c, 1), net.pool(net.unit(x, 3, 1))),
    "transposed": lambda net, x, c: net.b(
        ConvTranspose, net.unit(x, 4, 1), net.weights(1, 1, c, 4), size=type_of(x).shape[1:3], strides=(1, 1),
        dilations=(1, 1), padding="SAME", pads=(0, 0, 0, 0),
    ),
    "resize": lambda net, x, c: net.b(
        Resize, net.unit(x, c, 1, 2), size=type_of(x).shape[1:3], method="bilinear",
        coordinates="half_pixel",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("h", "w", "c"), [(6, 9, 7), (5, 5, 35), (1, 13, 64)])
def test_writers(kind: str, h: int, w: int, c: int, tmp_path: Path) -> None:
    """Each kernel into a part of a concatenation, between others, and into borders and paddings."""

    def make(net: Net, x: Value) -> tuple[Value, ...]:
        made = [KINDS[kind](net, x, c) for _ in range(4)]
        both = net.concat(net.unit(x, 3, 1), made[0], made[1], net.unit(x, 5, 1))
        padded = net.pad(made[2], (0, 1, 2, 0), (0, 2, 0, 0), -2.5)
        return net.b(Relu, both), net.pool(padded, MaxPool2D, 2, 1, "VALID"), net.unit(made[3], 4)

    run(make, image(h, w, 16), folder=tmp_path)


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_axes(axis: int, tmp_path: Path) -> None:
    def make(net: Net, x: Value) -> tuple[Value, ...]:
        parts = [net.unit(x, 9, 1), net.unit(x, 9), net.pool(net.unit(x, 9, 1)), net.b(Exp, x)]
        both = net.concat(*parts, axis=axis)
        return both, net.unit(both, 5, 1), net.b(Exp, net.unit(parts[0], 6, 1))

    run(make, image(7, 10, 9), folder=tmp_path, sizes=({"n": 1}, {"n": 2}))


def test_who_else_reads_it(tmp_path: Path) -> None:
    """Values in concatenations and borders that others read: convolutions, sums, pools, views, reductions."""

    def make(net: Net, x: Value) -> tuple[Value, ...]:
        b = net.b
        v, w, u = net.unit(x, 35, 1), net.unit(x, 35), net.unit(x, 19)
        both = net.concat(v, w, u, axis=-1)
        out = [
            b(Add, net.conv(w, 35), v),
            net.unit(v, 20, 1),
            b(Add, net.conv(u, 35, 1), w),
            net.pool(u),
            b(Exp, b(Transpose, w, permutation=(0, 3, 1, 2))),
            b(Exp, b(Slice, v, starts=(0, 1, 2, 3), stops=(n, 6, 7, 30), steps=(1, 2, 1, 4))),
            net.conv(w, 35, 3, groups=35),
            net.conv(v, 35, (3, 1), groups=5),
            b(ReduceSum, both, axes=(1, 2)),
        ]
        bordered = net.unit(x, 12)
        out += [net.unit(bordered, 8), net.unit(bordered, 8, (1, 5)), net.unit(bordered, 8, 2, 2)]
        out += [net.unit(bordered, 8, dilations=2), net.unit(bordered, 5, 1), b(Exp, bordered)]
        return tuple(out)

    run(make, image(7, 8, 11), folder=tmp_path)


def test_who_keeps_it_out(tmp_path: Path) -> None:
    """Values that a reshape, a reduction, another block or the caller sees have buffers of their own."""

    def make(net: Net, x: Value, c: Value) -> tuple[Value, ...]:
        b = net.b
        v = [net.unit(x, 6) for _ in range(4)]
        both = net.concat(x, *v, x, v[0], constant(b, np.full((1, 5, 6, 3), 2, np.float32)))
        flat = b(Reshape, v[1], shape=(1, 180))
        total = b(ReduceMax, v[2], axes=(3,))

        def branch(op: type) -> Any:
            block = Block()
            block.insert(Yield(Builder(block)(op, v[3])))
            return Region(block)

        chosen = b.create(If, c, regions=[branch(Exp), branch(Relu)]).results[0]
        return both, v[0], flat, total, chosen

    run(make, tensor(1, 5, 6, 4), tensor(dtype=boolean), folder=tmp_path, sizes=({},))


def test_nested_and_repeated(tmp_path: Path) -> None:
    """Concatenations of concatenations, as in dense blocks; the same operand twice; a result of the function."""

    def make(net: Net, x: Value) -> tuple[Value, ...]:
        x = net.pool(net.unit(x, 32, 1))
        for _ in range(3):
            x = net.concat(x, net.unit(net.unit(x, 16, 1), 33))
        again = net.concat(x, net.unit(x, 7, 1), x)
        last = net.concat(net.unit(x, 9), net.unit(x, 5, 1), axis=-1)
        return net.unit(again, 6), last, net.unit(net.concat(net.unit(x, 3, 1), net.unit(x, 4)), 8)

    found = run(make, image(6, 7, 8), folder=tmp_path)
    if many_registers():
        assert found["copy"] == 1  # the second time of the operand that stands there twice


@pytest.mark.parametrize("value", [0.0, -1.5, float("inf")])
@pytest.mark.parametrize(
    ("low", "high"),
    [
        ((0, 1, 1, 0), (0, 1, 1, 0)),
        ((0, 0, 3, 0), (0, 0, 0, 0)),
        ((0, 2, 0, 0), (0, 1, 0, 0)),
        ((1, 0, 2, 3), (2, 1, 0, 4)),
        ((0, 0, 0, 5), (0, 0, 0, 0)),
        ((2, 0, 0, 0), (0, 0, 0, 0)),
        ((0, 0, 0, 0), (0, 0, 0, 0)),
    ],
)
def test_pads(low: tuple[int, ...], high: tuple[int, ...], value: float, tmp_path: Path) -> None:
    """Every side, of a value computed here, of an input, and into a concatenation."""

    def make(net: Net, x: Value, y: Value) -> tuple[Value, ...]:
        made = net.pad(net.unit(x, 33, 1), low, high, value)
        twice = net.pad(net.pad(net.unit(x, 33), low, high, value), low, high, 3.0)
        part = net.pad(net.unit(x, 4), low, high, value)
        return (
            net.b(Relu, made),
            net.b(Relu, twice),
            net.pad(y, low, high, value),
            net.b(Relu, net.concat(net.b(Relu, made), part)),
        )

    run(make, image(4, 5, 6), image(5, 4, 2), folder=tmp_path, sizes=({"n": 1}, {"n": 3}))


def test_image_sizes_at_run_time(tmp_path: Path) -> None:
    h, w = Sym.symbol("h"), Sym.symbol("w")

    def make(net: Net, x: Value) -> tuple[Value, ...]:
        a = net.unit(x, 20)
        both = net.concat(a, net.unit(x, 13, 1), net.pool(net.unit(x, 6, 1)), net.conv(a, 20, 3, groups=20))
        y = net.unit(net.unit(both, 7), 7, 3, 2)
        padded = net.pad(net.unit(x, 3), (0, h, 1, 0), (0, 1, w, 0), 2.0)
        return net.unit(y, 4), net.pool(padded, MaxPool2D, 2, 2, "VALID")

    sizes = [
        {"n": 1, "h": 5, "w": 8},
        {"n": 3, "h": 6, "w": 1},
        {"n": 2, "h": 17, "w": 14},
        {"n": 0, "h": 3, "w": 3},
    ]
    run(make, image(h, w, 5), folder=tmp_path, sizes=sizes)


def test_volumes(tmp_path: Path) -> None:
    def make(net: Net, x: Value) -> tuple[Value, ...]:
        b = net.b

        def conv(v: Value, o: int, k: int) -> Value:
            return b(Relu, b(Conv3D, v, net.weights(k, k, k, int(type_of(v).shape[-1]), o), padding="SAME"))

        x = conv(x, 18, 1)
        pool = b(MaxPool3D, x, kernel=(3, 3, 3), padding="SAME")
        both = net.concat(conv(x, 9, 1), conv(pool, 5, 3), b(AvgPool3D, x, kernel=(2, 2, 2), padding="SAME"))
        return conv(conv(both, 7, 3), 3, 3), net.pad(conv(x, 4, 1), (0, 1, 0, 2, 0), (0, 0, 1, 0, 0), 1.0)

    found = run(make, tensor(n, 4, 5, 6, 3), folder=tmp_path, sizes=({"n": 1}, {"n": 2}))
    assert not found["copy"] and not found["border"]


@pytest.mark.parametrize("dtype", [i32, u8, f64, boolean])
def test_other_dtypes(dtype: DType, tmp_path: Path) -> None:
    """Pointwise steps into paddings and concatenations; short stretches stay copies."""

    def make(net: Net, x: Value, y: Value) -> tuple[Value, ...]:
        different, same = (net.b(op, x, y) for op in (NotEqual, Equal))
        padded = net.pad(net.b(Select, different, x, y), (0, 1, 0), (2, 0, 0), 1)
        both = net.concat(same, different, net.b(NotEqual, same, different), axis=1)
        short = net.concat(net.b(Select, same, x, y), x)
        return net.b(NotEqual, padded, padded), padded, both, short

    run(make, tensor(n, 3, 20, dtype=dtype), tensor(n, 3, 20, dtype=dtype), folder=tmp_path)


def test_products(tmp_path: Path) -> None:
    """Rows of several products side by side."""

    def make(net: Net, x: Value) -> Value:
        y = [net.b(Relu, net.b(MatMul, x, net.weights(19, o))) for o in (33, 5, 64)]
        both = net.concat(*y)
        more = [net.b(MatMul, v, net.weights(o, 9)) for v, o in zip(y, (33, 5, 64), strict=True)]
        return net.concat(net.b(MatMul, both, net.weights(102, 40)), *more)

    found = run(make, tensor(n, 19), folder=tmp_path, sizes=({"n": 1}, {"n": 6}, {"n": 23}))
    assert not found["copy"]


def random_layer(net: Net, rng: np.random.Generator, v: Value, same: list[Value]) -> Value:
    """A layer on v, or on v and others; `same` are images of its height and width."""
    b, size, c = net.b, type_of(v).shape, int(rng.choice([1, 3, 8, 16, 19, 32, 35, 48]))
    own = int(size[-1])  # type: ignore[arg-type]
    is_large = all(isinstance(d, int) and d > 4 for d in size[1:3])
    stride = int(rng.integers(1, 3)) if is_large else 1
    alike = [u for u in same if type_of(u).shape == size]
    kernel = tuple(int(k) for k in rng.choice([1, 3, 3, 5, 7], 2))
    pads = [int(p) for p in rng.integers(0, 3, 4)]
    low, high = (0, *pads[:2], 0), (0, *pads[2:], 0)
    parts = [same[int(i)] for i in rng.integers(0, len(same), int(rng.integers(2, 5)))]
    layers: list[Callable[[], Value]] = [
        *[lambda: net.unit(v, c, kernel, stride)] * 3,
        *[lambda: net.concat(*parts)] * 3,
        lambda: net.unit(v, c, 1),
        lambda: net.conv(v, own, 3, groups=own),
        lambda: net.pool(v, MaxPool2D, int(rng.integers(2, 4)), stride),
        lambda: net.pool(v, AvgPool2D, int(rng.integers(2, 4)), stride),
        lambda: b(Add, v, alike[int(rng.integers(0, len(alike)))]),
        lambda: net.pad(v, low, high, float(rng.choice([0, 0, 1.5]))),
        lambda: b(Relu, v),
        lambda: net.unit(v, c, 3, 1, "VALID" if is_large else "SAME"),
    ]
    return layers[int(rng.integers(0, len(layers)))]()


def random_net(seed: int) -> Op:
    """A graph of layers on images, whose values are read by any number of others."""
    rng = np.random.default_rng(seed)
    h, w = (int(d) for d in rng.integers(3, 16, 2))

    def make(b: Builder, x: Value) -> tuple[Value, ...]:
        net = Net(b, seed)
        values = [x, net.unit(x, int(rng.integers(1, 40)), 1)]
        for _ in range(int(rng.integers(6, 18))):
            v = values[-1 - min(int(rng.exponential(1.5)), len(values) - 1)]
            same = [u for u in values if type_of(u).shape[1:3] == type_of(v).shape[1:3]]
            made = random_layer(net, rng, v, same)
            if all(isinstance(d, int) and d < 200 for d in type_of(made).shape[1:]):
                values.append(made)
        used = [v for v in values if not v.uses]
        return tuple(used) if rng.random() < 0.5 else (*used, values[int(rng.integers(1, len(values)))])

    return graph(make, [image(h, w, int(rng.integers(1, 20)))])


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_random_networks(seed: int, tmp_path: Path) -> None:
    target = "native" if seed % 4 else "x86-64"
    check(random_net(seed), tmp_path, ({"n": 1}, {"n": 3}), tolerance=1e-4, target=target)
