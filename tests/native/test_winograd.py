"""Convolutions by Winograd's transforms against the interpreter, and the transforms against their definition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.cost import winograd as cost
from netwright.compiler.cost.winograd import transform
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ir.dims import Dim
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.elementwise import Add

from ..helpers import build, check, constant, graph, n, tensor


@pytest.fixture(autouse=True)
def _small_ones_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small convolutions stay direct for their rounding; here they are to be tested."""
    monkeypatch.setattr(cost, "LEAST_CYCLES", 0)


@pytest.mark.parametrize(("m", "r"), [(2, 3), (4, 3), (2, 5), (3, 4), (1, 3)])
def test_transforms_convolve(m: int, r: int) -> None:
    rng = np.random.default_rng(m)
    t = transform(m, r)
    d, g = rng.normal(size=t.size), rng.normal(size=r)
    output, weights, given = (np.array(x, np.float64) for x in (t.output, t.weights, t.input))
    np.testing.assert_allclose(
        output @ ((weights @ g) * (given @ d)), np.correlate(d, g, "valid"), atol=1e-13
    )


def network(
    h: Dim, w: Dim, c: int, o: int, taps: int = 3, padding: str = "SAME", pads: tuple[int, ...] = (0,) * 4
) -> Op:
    rng = np.random.default_rng(0)
    filters = (rng.normal(size=(taps, taps, c, o)) / taps / np.sqrt(c)).astype(np.float32)

    def make(b: Builder, x: Value, residual: Value | None = None) -> Value:
        options: dict[str, Any] = {"padding": padding, "pads": pads}
        y = b(Conv2D, x, constant(b, filters, "w"), strides=(1, 1), dilations=(1, 1), **options)
        y = b(Add, y, constant(b, rng.normal(size=o).astype(np.float32), "bias"))
        return b(Relu, y if residual is None else b(Add, y, residual))

    types = [tensor(n, h, w, c)]
    return graph(make, [*types, tensor(n, h, w, o)] if padding == "SAME" else types)


def uses_winograd(module: Op, tmp_path: Path, **options: Any) -> bool:
    build(module, tmp_path, dump_ir=str(tmp_path / "dumps"), **options)
    return "winograd" in next((tmp_path / "dumps").glob("*form-kernels.mlir")).read_text()


SIZES = [(8, 8, 16, 16), (7, 9, 32, 48), (14, 14, 48, 33), (1, 3, 16, 16), (13, 17, 40, 8), (28, 28, 20, 64)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("taps", [3, 5])
def test_results(tmp_path: Path, size: tuple[int, int, int, int], taps: int) -> None:
    check(network(*size, taps=taps), tmp_path, sizes=[{"n": k} for k in (0, 1, 3)])


@pytest.mark.parametrize("target", ["x86-64", "x86-64-v3"])
def test_other_targets(tmp_path: Path, target: str) -> None:
    check(network(9, 12, 24, 40), tmp_path, target=target)


@pytest.mark.parametrize(("padding", "pads"), [("VALID", (0, 0, 0, 0)), ("EXPLICIT", (2, 1, 0, 3))])
def test_paddings(tmp_path: Path, padding: str, pads: tuple[int, ...]) -> None:
    check(network(11, 10, 32, 32, padding=padding, pads=pads), tmp_path)


def test_what_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert uses_winograd(network(28, 28, 64, 64), tmp_path / "a")
    assert not uses_winograd(network(28, 28, 64, 64), tmp_path / "b", precise=True)
    assert not uses_winograd(network(28, 28, 3, 64), tmp_path / "c")
    assert not uses_winograd(network(n, 28, 64, 64, padding="VALID"), tmp_path / "d")
    monkeypatch.undo()
    assert not uses_winograd(network(4, 4, 16, 16), tmp_path / "e")


def test_error_is_small(tmp_path: Path) -> None:
    """Against float64, the largest error over the largest result is that of the cost table."""
    module = network(28, 28, 128, 64, padding="VALID")
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1, 28, 28, 128)).astype(np.float32)
    want = None
    from netwright.compiler.ops.interpreter import Interpreter

    (want,) = Interpreter(module.clone({})).run([x.astype(np.float64)])
    got = build(module, tmp_path)(x)
    assert np.abs(got - want).max() / np.abs(want).max() < 5e-6
