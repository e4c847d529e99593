"""Reductions, pools and softmax against the interpreter."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.dims import Sym
from netwright.compiler.ops import pool, reduce
from netwright.compiler.ops.norm import Softmax
from netwright.runtime.spec import f64, i32, u8

from ..helpers import check, graph, n, tensor

h, w = Sym.symbol("h"), Sym.symbol("w")
REDUCTIONS = [reduce.ReduceSum, reduce.ReduceMean, reduce.ReduceMax, reduce.ReduceMin, reduce.ReduceProd]


@pytest.mark.parametrize("target", ["native", "x86-64"])
@pytest.mark.parametrize("op", REDUCTIONS)
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((n, 7, 7, 64), (1, 2)), ((n, 5, 33), (2,)), ((n, 5, 33), (1,)), ((n, 5, 33), (0,)),
        ((4, 5, 6, 7), (0, 2)), ((4, 5, 6, 7), (1, 3)), ((4, 5), (0, 1)), ((n, 200), (1,)), ((n, 3, 70), (0, 1)),
    ],
)  # fmt: skip
def test_reductions(tmp_path: Path, target: str, op: Any, shape: Any, axes: Any) -> None:
    check(graph(lambda b, x: b(op, x, axes=axes), [tensor(*shape)]), tmp_path, target=target)


@pytest.mark.parametrize("dtype", [f64, i32, u8])
@pytest.mark.parametrize("op", [reduce.ReduceSum, reduce.ReduceMax, reduce.ReduceMin])
def test_reductions_of_other_dtypes(tmp_path: Path, op: Any, dtype: Any) -> None:
    module = graph(lambda b, x: b(op, x, axes=(1,), keep_dims=True), [tensor(n, 70, dtype=dtype)])
    check(module, tmp_path, tolerance=1e-13)


@pytest.mark.parametrize("op", [reduce.ReduceSum, reduce.ReduceMax, reduce.ReduceMin, reduce.ReduceProd])
def test_reduction_of_nothing(tmp_path: Path, op: Any) -> None:
    check(graph(lambda b, x: b(op, x, axes=(0,)), [tensor(n, 5)]), tmp_path, [{"n": 0}])


@pytest.mark.parametrize("op", [pool.MaxPool2D, pool.AvgPool2D])
@pytest.mark.parametrize(
    ("height", "width", "c", "k", "s", "padding"),
    [(8, 8, 3, 2, 2, "VALID"), (9, 7, 64, 3, 2, "SAME"), (7, 7, 70, 3, 1, "SAME"), (12, 8, 64, 3, 2, "VALID"),
     (h, w, 5, 3, 2, "SAME"), (5, 5, 4, 7, 1, "SAME")],
)  # fmt: skip
def test_pools(
    tmp_path: Path, op: Any, height: Any, width: Any, c: int, k: int, s: int, padding: str
) -> None:
    module = graph(
        lambda b, x: b(op, x, kernel=(k, k), strides=(s, s), padding=padding), [tensor(n, height, width, c)]
    )
    check(module, tmp_path, [{"n": 1, "h": 9, "w": 4}, {"n": 3, "h": 2, "w": 7}])


def test_max_pool_passes_over_nan(tmp_path: Path) -> None:
    x = np.arange(2 * 4 * 4 * 3, dtype=np.float32).reshape(2, 4, 4, 3)
    x[0, 0, 0, 0] = x[1, 3, 3, 2] = np.nan
    x[0, 2, 2, 1] = -np.inf
    x[1, :2, :2, 0] = np.nan  # a window of nothing else gives the lowest number, as TensorFlow's does
    module = graph(lambda b, v: b(pool.MaxPool2D, v, kernel=(2, 2), strides=(2, 2)), [tensor(n, 4, 4, 3)])
    check(module, tmp_path, [{"n": 2}], inputs=[x])


@pytest.mark.parametrize("shape", [(n, 10), (n, 1000), (n, 3, 17), (n, 1)])
def test_softmax(tmp_path: Path, shape: Any) -> None:
    check(graph(lambda b, x: b(Softmax, x), [tensor(*shape)]), tmp_path, [{"n": 0}, {"n": 1}, {"n": 7}])


def test_softmax_edges(tmp_path: Path) -> None:
    x = np.array(
        [[1e4, -1e4, 0], [-np.inf, 0, 0], [np.inf, 0, 0], [np.nan, 0, 0], [-np.inf] * 3, [1e-40, 0, 0]],
        np.float32,
    )
    check(graph(lambda b, v: b(Softmax, v), [tensor(n, 3)]), tmp_path, [{"n": 6}], inputs=[x])
