"""Sorting: compiled code against the interpreter."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ops.sort import TopK
from netwright.runtime.spec import DType, f32, f64, i8, i16, i32, i64, u8, u32, u64

from ..helpers import check, graph, n, tensor


def _module(shape: Any, k: Any, dtype: DType = f32, index: DType = i32, is_sorted: bool = True) -> Any:
    def net(b: Any, x: Any) -> Any:
        return b.create(TopK, x, k=k, index_dtype=index, sorted=is_sorted).results

    return graph(net, [tensor(*shape, dtype=dtype)])


@pytest.mark.parametrize("dtype", [f32, f64, i8, i32, i64, u8, u32, u64], ids=str)
@pytest.mark.parametrize("k", [1, 5, 67])
def test_dtypes(tmp_path: Path, dtype: DType, k: int) -> None:
    check(_module((n, 67), k, dtype), tmp_path)


@pytest.mark.parametrize(
    ("shape", "k"),
    [
        ((n,), 0),
        ((n,), 2),
        ((n, n), n),
        ((3, n), n - 1),
        ((2, n, 5), 5),
        ((300, 7), 3),
        ((n, 1000), 20),
        ((n, 1), 1),
    ],
)
@pytest.mark.parametrize("index", [i16, i64], ids=str)
def test_sizes(tmp_path: Path, shape: Any, k: Any, index: DType) -> None:
    sizes = [{"n": 2}, {"n": 3}, {"n": 130}, *([{"n": 0}] if k == n or shape[-1] != n else [])]
    check(_module(shape, k, index=index), tmp_path, sizes)


def test_size_zero(tmp_path: Path) -> None:
    check(_module((3, 0), 0), tmp_path)


@pytest.mark.parametrize("k", [1, 3, 40])
@pytest.mark.parametrize("dtype", [f32, i32, u32, i64], ids=str)
def test_ties_and_limits(tmp_path: Path, k: int, dtype: DType) -> None:
    rng = np.random.default_rng(k)
    if dtype.is_float:
        values = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 3e38, -3e38, 1e-30, np.nan]
    else:
        limits = np.iinfo(dtype.numpy)
        values = [limits.min, limits.max, 0, 1, limits.max - 1]
    x = rng.choice(np.array(values, dtype.numpy), (20, 200))
    x[0] = np.arange(200)
    x[1] = np.arange(200)[::-1]
    x[2] = x[2, 0]
    x[3] = values[3]
    check(_module((20, 200), k, dtype), tmp_path, inputs=[x])
    if k > 1:
        check(_module((20, 200), k, dtype, i64, is_sorted=False), tmp_path, inputs=[x])


@pytest.mark.parametrize(("size", "k"), [(3, 2), (5, 3), (9, 8), (100, 7), (700, 300)])
def test_heap_order(tmp_path: Path, size: int, k: int) -> None:
    sizes = [{"n": 0}, {"n": 1}, {"n": 90}]
    check(_module((n, size), k, is_sorted=False), tmp_path, sizes)


def test_long_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = np.stack([np.arange(100_000), rng.integers(0, 1000, 100_000), np.zeros(100_000)]).astype(np.float32)
    for k in (7, 100_000):
        check(_module((3, 100_000), k), tmp_path, inputs=[x])
