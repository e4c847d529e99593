"""Convolutions that take the maxima of 2x2 pixels themselves, against the interpreter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.cost import winograd as cost
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ir.dims import Dim, Sym
from netwright.compiler.kernels import pooled
from netwright.compiler.ops.activation import Relu, Sigmoid
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.elementwise import Add
from netwright.compiler.ops.pool import AvgPool2D, MaxPool2D
from netwright.compiler.ops.shape import Concat

from ..helpers import build, check, constant, graph, many_registers, n, tensor

Step = Callable[[Builder, Value], Value]
BATCHES = [{"n": k} for k in (0, 1, 7)]
POOL: dict[str, Any] = {"kernel": (2, 2), "strides": (2, 2)}


@pytest.fixture(autouse=True)
def _small_ones_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it pays is not what is tested here."""
    monkeypatch.setattr(cost, "LEAST_CYCLES", 0)
    monkeypatch.setattr(pooled, "POOL_CYCLES", 1e9)


def convolve(b: Builder, x: Value, taps: int, c: int, o: int, seed: int = 0, **options: Any) -> Value:
    rng = np.random.default_rng(seed)
    filters = (rng.normal(size=(taps, taps, c, o)) / taps / np.sqrt(c)).astype(np.float32)
    given: dict[str, Any] = {"strides": (1, 1), "dilations": (1, 1), "padding": "SAME", "pads": (0,) * 4}
    y = b(Conv2D, x, constant(b, filters, "w"), **{**given, **options})
    return b(Add, y, constant(b, rng.normal(size=o).astype(np.float32), "bias"))


def network(
    h: Dim, w: Dim, c: int, o: int, taps: int = 3, batch: Dim = n, pool: dict[str, Any] = POOL, **options: Any
) -> Op:
    def make(b: Builder, x: Value) -> Value:
        return b(MaxPool2D, b(Relu, convolve(b, x, taps, c, o, **options)), **pool)

    return graph(make, [tensor(batch, h, w, c)])


def calls(module: Op, tmp_path: Path, **options: Any) -> list[dict[str, Any]]:
    return build(module, tmp_path, **options).manifest["calls"]


def families(module: Op, tmp_path: Path, **options: Any) -> set[str]:
    return {c["family"] for c in calls(module, tmp_path, **options)}


WINOGRAD = [
    (8, 8, 16, 16),
    (7, 9, 32, 48),
    (14, 13, 48, 33),
    (2, 3, 16, 16),
    (13, 18, 40, 8),
    (28, 28, 20, 64),
]
DIRECT = [(28, 28, 1, 32), (9, 7, 3, 16), (15, 30, 3, 40), (2, 2, 3, 5), (5, 4, 2, 70), (44, 17, 4, 12)]


@pytest.mark.parametrize("size", WINOGRAD)
@pytest.mark.parametrize("taps", [3, 5])
def test_winograd(tmp_path: Path, size: tuple[int, int, int, int], taps: int) -> None:
    model = check(network(*size, taps=taps), tmp_path, sizes=BATCHES)
    assert "pool" not in {c["family"] for c in model.manifest["calls"]}


@pytest.mark.parametrize("size", DIRECT)
@pytest.mark.parametrize("taps", [2, 3, 5])
def test_direct(tmp_path: Path, size: tuple[int, int, int, int], taps: int) -> None:
    model = check(network(*size, taps=taps), tmp_path, sizes=BATCHES)
    if many_registers():
        assert {c["family"] for c in model.manifest["calls"]} <= {"conv2d", "border"}


@pytest.mark.parametrize("batch", [1, 7])
def test_batches_known_when_compiled(tmp_path: Path, batch: int) -> None:
    check(network(11, 14, 32, 32, batch=batch), tmp_path, sizes=[{}])
    check(network(11, 14, 3, 32, batch=batch), tmp_path, sizes=[{}])


def test_many_weights(tmp_path: Path) -> None:
    """Stages of their own, and filters that are transformed on the way."""
    module = network(14, 15, 256, 256, batch=1)
    made = families(module.clone({}), tmp_path)
    assert "winograd_output" in made or not many_registers()
    check(module, tmp_path, sizes=[{}])
    module = network(8, 7, 512, 384, batch=1)
    made = families(module.clone({}), tmp_path)
    assert "winograd" in made or not many_registers()
    check(module, tmp_path, sizes=[{}])


@pytest.mark.parametrize("target", ["x86-64", "x86-64-v3", "x86-64-v4"])
@pytest.mark.parametrize("size", [(9, 12, 24, 40), (11, 13, 3, 20), (6, 3, 3, 7)])
def test_targets(tmp_path: Path, target: str, size: tuple[int, int, int, int]) -> None:
    module = network(*size)
    assert "pool" not in families(module.clone({}), tmp_path, target=target)
    check(module, tmp_path, sizes=BATCHES, target=target)


@pytest.mark.parametrize("channels", [3, 32])
@pytest.mark.parametrize(
    "options",
    [
        {"padding": "VALID"},
        {"padding": "EXPLICIT", "pads": (2, 0, 2, 1)},
        {"padding": "EXPLICIT", "pads": (0, 2, 0, 3)},
        {"strides": (2, 1)},
        {"dilations": (2, 2)},
    ],
)
def test_windows(tmp_path: Path, channels: int, options: dict[str, Any]) -> None:
    for h, w in ((14, 15), (15, 16)):
        module = network(h, w, channels, 32, **options)
        assert "pool" not in families(module.clone({}), tmp_path)
        check(module, tmp_path, sizes=BATCHES)


@pytest.mark.parametrize("channels", [3, 32])
def test_numbers_below_zero_and_residuals(tmp_path: Path, channels: int) -> None:
    def make(b: Builder, x: Value, r: Value, column: Value) -> Value:
        y = b(Add, b(Add, convolve(b, x, 3, channels, 35), r), constant(b, np.float32(-9)))
        return b(MaxPool2D, b(Add, y, column), **POOL)

    def types(h: int, w: int) -> list[Any]:
        return [tensor(n, h, w, channels), tensor(n, h, w, 35), tensor(n, 1, 1, 35)]

    for size in ((8, 14), (13, 9)):
        module = graph(make, types(*size))
        assert "pool" not in families(module.clone({}), tmp_path)
        check(module, tmp_path, sizes=BATCHES)


@pytest.mark.parametrize("channels", [3, 16])
def test_odd_numbers(tmp_path: Path, channels: int) -> None:
    """NaN takes no part, and nothing is lower than the lowest finite number."""
    odd = np.array([np.nan, -np.inf, np.inf, 1, -1, -np.inf, np.nan], np.float32)

    def make(b: Builder, x: Value, r: Value) -> Value:
        return b(MaxPool2D, b(Add, convolve(b, x, 3, channels, 20), r), **POOL)

    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 9, 12, channels)).astype(np.float32)
    r = rng.choice(odd, (2, 9, 12, 20)).astype(np.float32)
    r[:, :4] = rng.choice(odd[:2], (2, 4, 12, 20))
    module = graph(make, [tensor(2, 9, 12, channels), tensor(2, 9, 12, 20)])
    assert "pool" not in families(module.clone({}), tmp_path)
    check(module, tmp_path, sizes=[{}], inputs=[x, r])


@pytest.mark.parametrize("channels", [3, 32])
def test_steps_behind(tmp_path: Path, channels: int) -> None:
    def make(b: Builder, x: Value, r: Value) -> Value:
        y = b(MaxPool2D, convolve(b, x, 3, channels, 32), **POOL)
        return b(Sigmoid, b(Add, b(Relu, y), r))

    module = graph(make, [tensor(n, 10, 9, channels), tensor(n, 5, 4, 32)])
    found = families(module.clone({}), tmp_path)
    assert "pool" not in found and "pointwise" in found
    check(module, tmp_path, sizes=BATCHES)


@pytest.mark.parametrize("channels", [3, 32])
def test_places(tmp_path: Path, channels: int) -> None:
    """Into parts of a concatenation, and into the inside of an image that the next convolution reads with a border."""

    def make(b: Builder, x: Value) -> tuple[Value, ...]:
        parts = [b(MaxPool2D, convolve(b, x, 3, channels, 32, seed), **POOL) for seed in range(2)]
        y = b(Concat, *parts, axis=3)
        z = b(MaxPool2D, b(Relu, convolve(b, y, 3, 64, 16, 2)), **POOL)
        return convolve(b, z, 3, 16, 16, 3), b(Relu, z)

    for h, w in ((16, 20), (15, 13)):
        module = graph(make, [tensor(n, h, w, channels)])
        assert not {"pool", "copy", "concat"} & families(module.clone({}), tmp_path)
        check(module, tmp_path, sizes=BATCHES)


def test_what_stays_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pools(make: Callable[..., Any], h: Dim = 12, w: Dim = 12) -> bool:
        return "pool" in families(graph(make, [tensor(n, h, w, 16)]), tmp_path)

    def second_user(b: Builder, x: Value) -> Any:
        y = convolve(b, x, 3, 16, 16)
        return b(MaxPool2D, y, **POOL), b(Sigmoid, y)

    def result(b: Builder, x: Value) -> Any:
        y = convolve(b, x, 3, 16, 16)
        return b(MaxPool2D, y, **POOL), y

    def twice(b: Builder, x: Value) -> Any:
        return b(MaxPool2D, b(MaxPool2D, convolve(b, x, 3, 16, 16), **POOL), **POOL)

    def one(cls: Any = MaxPool2D, taps: int = 3, **pool: Any) -> Callable[..., Any]:
        return lambda b, x: b(cls, convolve(b, x, taps, 16, 16), **{**POOL, **pool})

    assert pools(second_user) and pools(result) and pools(twice)
    assert pools(one(AvgPool2D)) and pools(one(kernel=(3, 3))) and pools(one(strides=(1, 1)))
    assert pools(one(taps=1)) and pools(one(padding="EXPLICIT", pads=(1, 1, 0, 0)))
    assert pools(one(padding="SAME"), 11) and not pools(one(padding="SAME"), 12)
    assert pools(one(), Sym.symbol("h"))
    for make in (second_user, result, twice):
        check(graph(make, [tensor(n, 12, 11, 16)]), tmp_path)
    monkeypatch.undo()
    assert not pools(one(), 224, 224)


def test_dumps_and_manifest(tmp_path: Path) -> None:
    folder = tmp_path / "dumps"
    (call,) = (
        c for c in calls(network(12, 12, 16, 16, batch=1), tmp_path, dump_ir=str(folder)) if int(c["flops"])
    )
    assert "pool = [2, 2]" in next(folder.glob("*form-kernels.mlir")).read_text()
    size = 12 * 12 * 16
    assert int(call["flops"]) == 2 * size * 9 * 16 + 2 * size + size
    assert int(call["bytes"]) == 4 * (12 * 12 * 16 + 9 * 16 * 16 + 16 + size // 4)
