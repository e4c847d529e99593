"""Reductions with pointwise ops in front of them, several in one kernel, and in parts: against float64."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ops.activation import Exp, Log, Neg, Square
from netwright.compiler.ops.elementwise import Add, Cast, Maximum, Mul, Sub
from netwright.compiler.ops.interpreter import Interpreter
from netwright.compiler.ops.reduce import ReduceMax, ReduceMean, ReduceMin, ReduceProd, ReduceSum
from netwright.runtime.spec import f32, f64, i32

from ..helpers import check, close, constant, graph, n, tensor
from .test_several_results import families

TARGETS = ["native", "x86-64-v3", "x86-64"]
SPACES = [
    ((5, 7), (1,)), ((5, 7), (0,)), ((5, 7), (0, 1)), ((3, 5, 7, 3), (0, 1, 2)), ((2, 9, 8, 67), (0, 1, 2)),
    ((7, 1000), (1,)), ((33, 10), (1,)), ((128, 16), (0,)), ((3, 4, 5, 6), (1, 3)), ((3, 4, 5, 6), (0, 2)),
    ((1, 64), (0,)), ((4, 1, 9), (1,)), ((1, 1), (0, 1)), ((2, 3, 131), (0, 2)), ((9, 2, 40), (0,)), ((6, 250), (0,)),
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("shape", "axes"), SPACES)
def test_what_is_reduced_is_computed(tmp_path: Path, shape: Any, axes: Any, target: str) -> None:
    """Five reductions of one pass, with inputs that repeat."""

    def net(b: Any, x: Any, y: Any, row: Any) -> Any:
        xy = b(Mul, b(Sub, x, row), y)
        return (
            b(ReduceSum, xy, axes=axes),
            b(ReduceMean, b(Square, x), axes=axes, keep_dims=True),
            b(ReduceMax, b(Neg, xy), axes=axes),
            b(ReduceMin, x, axes=axes),
            b(ReduceSum, y, axes=axes),
        )

    module = graph(net, [tensor(*shape), tensor(*shape), tensor(shape[-1])])
    assert families(module.clone({}), target) == ["reductions"]
    check(module, tmp_path, [{}], target=target)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [((8, 57, 56, 64), (0, 1, 2)), ((300_007,), (0,)), ((70_001, 3), (0,)), ((3, 40_000, 2), (1,)), ((2, 99_000), (1,)),
     ((13, 5, 7001), (0, 2)), ((20_000, 16), (0,)), ((9_000, 1100), (0,))],
)  # fmt: skip
def test_in_parts(tmp_path: Path, shape: Any, axes: Any, threads: int) -> None:
    """Long sums are exact to float32's precision, and the same with any number of threads."""

    def net(b: Any, x: Any, y: Any) -> Any:
        return (
            b(ReduceMean, b(Mul, x, y), axes=axes),
            b(ReduceSum, b(Square, x), axes=axes),
            b(ReduceMax, x, axes=axes, keep_dims=True),
        )

    rng = np.random.default_rng(0)
    x, y = (rng.normal(1, 1, shape).astype(np.float32) for _ in range(2))
    module = graph(net, [tensor(*shape), tensor(*shape)])
    wide = Interpreter(module.clone({})).run([x.astype(np.float64), y.astype(np.float64)])
    model = check(module, tmp_path, [{}], inputs=[x, y], tolerance=2e-5)
    for got, want in zip(model.run({"x0": x, "x1": y}).values(), wide, strict=True):
        close(got, want.astype(np.float32), 1e-6)


def test_one_that_needs_another_of_the_same(tmp_path: Path) -> None:
    """The squared distances from the mean wait for the mean, whoever shares a pass with that."""

    def net(b: Any, x: Any, y: Any) -> Any:
        mean = b(ReduceMean, x, axes=(0, 2), keep_dims=True)
        spread = b(ReduceMean, b(Square, b(Sub, x, mean)), axes=(0, 2))
        return spread, b(ReduceSum, b(Mul, x, y), axes=(0, 2)), b(ReduceSum, y, axes=(0, 2)), mean

    module = graph(net, [tensor(5, 6, 7), tensor(5, 6, 7)])
    check(module, tmp_path, [{}])


def test_plain_reductions_in_parts(tmp_path: Path) -> None:
    for op in (ReduceSum, ReduceMean, ReduceMax, ReduceMin):
        check(
            graph(lambda b, x, op=op: b(op, x, axes=(0,)), [tensor(30_011, 5)]),
            tmp_path,
            [{}],
            tolerance=1e-4,
        )
    module = graph(
        lambda b, x: b(ReduceProd, b(Add, x, constant(b, np.float32(1))), axes=(0,)), [tensor(70_000)]
    )
    x = np.zeros(70_000, np.float32)
    x[::9000] = 1
    check(module, tmp_path, [{}], inputs=[x])


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_odd_numbers(tmp_path: Path, odd: float) -> None:
    def net(b: Any, x: Any) -> Any:
        y = b(Maximum, b(Mul, x, constant(b, np.float32(-2))), x)
        return b(ReduceMax, y, axes=(1,)), b(ReduceMin, b(Neg, x), axes=(1,)), b(ReduceSum, y, axes=(1,))

    for size in (5, 16, 70, 200):
        x = np.random.default_rng(0).normal(size=(3, size)).astype(np.float32)
        x[1, size - 1] = odd
        x[2, :] = odd
        check(graph(net, [tensor(3, size)]), tmp_path, [{}], inputs=[x])


def test_data_types(tmp_path: Path) -> None:
    def net(b: Any, x: Any, k: Any) -> Any:
        y = b(Mul, x, b(Cast, k, dtype=f64))
        return b(ReduceSum, y, axes=(1,)), b(ReduceMax, y, axes=(1,)), b(ReduceSum, k, axes=(1,))

    check(graph(net, [tensor(9, 77, dtype=f64), tensor(9, 77, dtype=i32)]), tmp_path, [{}], tolerance=1e-13)
    check(graph(net, [tensor(n, 77, dtype=f64), tensor(n, 77, dtype=i32)]), tmp_path, tolerance=1e-13)


def test_stays_apart(tmp_path: Path) -> None:
    """What others read as well is stored; other axes, and what depends on the first result, take another pass."""

    def net(b: Any, x: Any) -> Any:
        e = b(Exp, x)
        first = b(ReduceSum, e, axes=(1,), keep_dims=True)
        centred = b(Square, b(Sub, e, first))
        return e, first, b(ReduceMean, centred, axes=(1,)), b(ReduceSum, b(Log, e), axes=(0,))

    module = graph(net, [tensor(12, 20)])
    found = families(module.clone({}))
    assert found.count("reductions") == 2 and len(found) == 4
    check(module, tmp_path, [{}])


def test_nothing(tmp_path: Path) -> None:
    def net(b: Any, x: Any, y: Any) -> Any:
        return b(ReduceSum, b(Mul, x, y), axes=(0,)), b(ReduceMax, b(Neg, x), axes=(1,))

    check(graph(net, [tensor(0, 5), tensor(0, 5)]), tmp_path, [{}])
    check(graph(net, [tensor(n, 5), tensor(n, 5)]), tmp_path, [{"n": 0}, {"n": 2}])


def test_one_element(tmp_path: Path) -> None:
    module = graph(lambda b, x: b(ReduceMean, b(Exp, x), axes=(0,)), [tensor(1, dtype=f32)])
    check(module, tmp_path, [{}])
