"""Mean and variance of the same numbers: against float64."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ops.elementwise import Add, Mul
from netwright.compiler.ops.moments import Moments
from netwright.runtime.errors import DTypeError, ShapeError
from netwright.runtime.spec import f16, f64, i32

from ..helpers import check, close, graph, tensor

TARGETS = ["native", "x86-64-v3", "x86-64"]
SPACES = [
    ((3, 5, 7, 3), (0, 1, 2)), ((2, 9, 8, 67), (0, 1, 2)), ((7, 10), (1,)), ((7, 130), (0,)), ((5, 77), (0, 1)),
    ((3, 4, 5, 6), (1, 3)), ((1, 64), (0,)), ((1, 1), (0, 1)), ((8, 28, 29, 64), (0, 1, 2)),
    ((16, 24, 24, 80), (0, 1, 2)), ((70_001,), (0,)), ((3, 40_000, 2), (1,)), ((7, 1, 1, 512), (0, 1, 2)),
    ((1, 33, 31, 96), (0, 1, 2)), ((2, 99_000), (1,)),
]  # fmt: skip


def moments(axes: Any, keep_dims: bool = False) -> Any:
    return lambda b, x: b.create(Moments, x, axes=axes, keep_dims=keep_dims).results


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("shape", "axes"), SPACES)
def test_moments(tmp_path: Path, shape: Any, axes: Any, target: str) -> None:
    x = np.random.default_rng(0).normal(3, 2, shape).astype(np.float32)
    module = graph(moments(axes, keep_dims=len(shape) == 2), [tensor(*shape)])
    check(module, tmp_path, [{}], inputs=[x], tolerance=1e-6, target=target)


@pytest.mark.parametrize(
    ("shape", "axes"), [((8, 57, 56, 64), (0, 1, 2)), ((5, 3000), (1,)), ((200_000,), (0,))]
)
def test_far_from_zero(tmp_path: Path, shape: Any, axes: Any) -> None:
    """Where the mean of squares minus the square of the mean would be nothing but rounding errors; the first numbers
    are far from all others."""
    x = np.random.default_rng(0).normal(1000, 0.5, shape).astype(np.float32)
    x.reshape(-1)[: shape[-1] if len(shape) > 2 else 1] = -300
    model = check(graph(moments(axes), [tensor(*shape)]), tmp_path, [{}], inputs=[x], tolerance=1e-5)
    mean, variance = model.run({"x0": x}).values()
    wide = x.astype(np.float64)
    close(mean, wide.mean(axes).astype(np.float32), 1e-6)
    close(variance, wide.var(axes).astype(np.float32), 1e-5)


def test_constant_numbers_have_no_variance(tmp_path: Path) -> None:
    x = np.full((4, 41, 43, 24), 0.1, np.float32)
    model = check(graph(moments((0, 1, 2)), [tensor(*x.shape)]), tmp_path, [{}], inputs=[x])
    _, variance = model.run({"x0": x}).values()
    assert variance.max() < 1e-14 and variance.min() >= 0


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_odd_numbers(tmp_path: Path, odd: float) -> None:
    for shape, axes in (((6, 50), (0,)), ((6, 50), (1,)), ((9000, 20), (0,))):
        x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        x[4, 17] = odd
        check(graph(moments(axes), [tensor(*shape)]), tmp_path, [{}], inputs=[x])


def test_other_floats(tmp_path: Path) -> None:
    check(graph(moments((0, 1)), [tensor(40, 30, 70, dtype=f64)]), tmp_path, [{}], tolerance=1e-13)
    check(graph(moments((0,)), [tensor(40, 33, dtype=f16)]), tmp_path, [{}], tolerance=1e-3)


def test_among_other_ops(tmp_path: Path) -> None:
    def net(b: Any, x: Any) -> Any:
        y = b(Mul, x, x)
        mean, variance = b.create(Moments, y, axes=(0,)).results
        return b(Add, b(Mul, y, variance), mean), mean

    check(graph(net, [tensor(300, 70)]), tmp_path, [{}])


def test_refused() -> None:
    with pytest.raises(DTypeError, match="expected floats, received int32"):
        graph(moments((0,)), [tensor(3, dtype=i32)])
    with pytest.raises(ShapeError, match="one or more different axes"):
        graph(moments(()), [tensor(3)])
