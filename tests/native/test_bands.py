"""Widening, depthwise and narrowing convolutions computed in bands of rows, against the interpreter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.cost import choose
from netwright.compiler.driver import compile_module
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ops.activation import Relu6
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.elementwise import Add
from netwright.compiler.options import CompileOptions
from netwright.compiler.target import Target
from netwright.frontends.load import load_model
from netwright.runtime import load

from ..helpers import build, check, constant, graph, n, tensor


@pytest.fixture
def band(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> int:
    """Bands of so many rows, whatever the caches."""
    rows: int = request.param

    def always(target: Target, image: Any, channels: int, total: int, taps: int, stride: int) -> int:
        return min(rows, total)

    monkeypatch.setattr("netwright.compiler.kernels.bands.banded_rows", always)
    return rows


def network(
    size: tuple[int, int], c: int, wide: int, o: int, taps: int, stride: int, pads: tuple[int, ...] | None,
    residual: bool = False, narrow: bool = True, twice: bool = False,
) -> Op:  # fmt: skip
    rng = np.random.default_rng(0)

    def weights(*shape: int) -> np.ndarray[Any, Any]:
        return (rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1]))).astype(np.float32)

    def step(b: Builder, x: Value, w: np.ndarray[Any, Any], **options: Any) -> Value:
        y = b(Conv2D, x, constant(b, w), **options)
        bias = rng.normal(size=w.shape[-1]).astype(np.float32)
        return b(Add, y, constant(b, bias))

    def make(b: Builder, x: Value) -> tuple[Value, ...]:
        padding: dict[str, Any] = (
            {"padding": "SAME"} if pads is None else {"padding": "EXPLICIT", "pads": pads}
        )
        y = b(Relu6, step(b, x, weights(1, 1, c, wide), strides=(1, 1)))
        z = b(
            Relu6, step(b, y, weights(taps, taps, 1, wide), strides=(stride, stride), groups=wide, **padding)
        )
        if narrow:
            z = step(b, z, weights(1, 1, wide, o), strides=(1, 1))
        if residual:
            z = b(Add, z, x)
        return (z, y) if twice else (z,)

    return graph(make, [tensor(n, *size, c)])


def has_bands(module: Op, tmp_path: Path) -> bool:
    build(module, tmp_path, dump_ir=str(tmp_path / "dumps"))
    return "kern.bands" in next((tmp_path / "dumps").glob("*form-kernels.mlir")).read_text()


CASES: list[dict[str, Any]] = [
    {"size": (20, 30), "c": 16, "wide": 48, "o": 24, "taps": 3, "stride": 1, "pads": None},
    {"size": (21, 29), "c": 16, "wide": 40, "o": 17, "taps": 3, "stride": 2, "pads": None},
    {"size": (20, 28), "c": 20, "wide": 36, "o": 8, "taps": 3, "stride": 2, "pads": (0, 1, 0, 1)},
    {"size": (18, 31), "c": 24, "wide": 33, "o": 24, "taps": 5, "stride": 1, "pads": None, "residual": True},
    {"size": (19, 27), "c": 8, "wide": 64, "o": 8, "taps": 5, "stride": 2, "pads": None, "narrow": False},
    {"size": (3, 40), "c": 8, "wide": 32, "o": 16, "taps": 3, "stride": 1, "pads": None},
]


@pytest.mark.parametrize("case", range(len(CASES)))
@pytest.mark.parametrize(
    ("band", "target"),
    [(1, "native"), (4, "native"), (7, "native"), (4, "x86-64-v3"), (4, "x86-64")],
    indirect=["band"],
)
def test_bands(band: int, case: int, target: str, tmp_path: Path) -> None:
    module = network(**CASES[case])
    assert has_bands(module.clone({}), tmp_path)
    check(module, tmp_path, sizes=[{"n": 1}, {"n": 3}], target=target)


@pytest.mark.parametrize("band", [4], indirect=True)
def test_an_image_with_other_users_is_made_whole(band: int, tmp_path: Path) -> None:
    module = network((20, 30), 16, 48, 24, 3, 1, None, twice=True)
    assert not has_bands(module.clone({}), tmp_path)
    check(module, tmp_path, sizes=[{"n": 2}])


@pytest.mark.parametrize("band", [4], indirect=True)
def test_the_dump_before_the_loops_compiles_to_the_same(band: int, tmp_path: Path) -> None:
    module = network(**CASES[0])
    build(module, tmp_path, dump_ir=str(tmp_path / "dumps"))
    dumped = next((tmp_path / "dumps").glob("*plan-memory.mlir"))
    again = load_model(str(dumped))
    assert "kern.bands" in dumped.read_text()
    result = compile_module(again, tmp_path / "again.so", CompileOptions(pipeline="loops(lower-loops)"))
    x = np.random.default_rng(1).normal(size=(3, *CASES[0]["size"], 16)).astype(np.float32)
    first = next(tmp_path.glob("m*.so"))
    np.testing.assert_array_equal(load(result.path)(x), load(first)(x))


def test_bands_pay_for_large_images_alone() -> None:
    target = Target("t", "", "", 64, 32, l2=2 << 20)
    rows = choose.banded_rows(target, (112, 112, 96), 16, 56, 3, 2)
    assert rows is not None and 4 * 112 * 96 * ((rows - 1) * 2 + 3) <= target.l2 // 2
    assert choose.banded_rows(target, (28, 28, 192), 32, 28, 3, 1) is None
    assert choose.banded_rows(target, (112, 8, 960), 160, 112, 3, 1) is None
