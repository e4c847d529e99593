"""Matrix products whose operands are both computed: compiled code against the interpreter."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.dims import Sym
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.elementwise import Add, Cast, Mul
from netwright.compiler.ops.matmul import MatMul
from netwright.runtime.spec import DType, boolean, f16, f32, f64, i16, i32, i64

from ..helpers import check, constant, graph, n, tensor

TARGETS = ["native", "x86-64-v3", "x86-64"]
m = Sym.symbol("m")


def _check(path: Path, xs: Any, ys: Any, dtype: DType = f32, sizes: Any = None, **options: Any) -> None:
    """All four ways of transposing operands [..., M, K] and [..., K, N]."""
    for tx in (False, True):
        for ty in (False, True):
            x = (*xs[:-2], xs[-1], xs[-2]) if tx else xs
            y = (*ys[:-2], ys[-1], ys[-2]) if ty else ys
            module = graph(
                lambda b, p, q, tx=tx, ty=ty: b(MatMul, p, q, transpose_x=tx, transpose_y=ty),
                [tensor(*x, dtype=dtype), tensor(*y, dtype=dtype)],
            )
            check(module, path, sizes or ({"n": 1, "m": 5}, {"n": 6, "m": 2}), **options)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("xs", "ys"),
    [
        ((1, 70), (70, 300)),
        ((2, 33), (33, 140)),
        ((3, 5), (5, 97)),
        ((150, 100), (100, 1)),
        ((2, 66, 40), (2, 40, 1)),
        ((5, 1, 100), (5, 100, 130)),
        ((1, 1000), (1000, 1)),
        ((30, 1), (1, 40)),
    ],
    ids=str,
)
def test_thin_matrices(tmp_path: Path, target: str, xs: Any, ys: Any) -> None:
    _check(tmp_path, xs, ys, target=target)


@pytest.mark.parametrize("dtype", [f64, i16, i32, i64], ids=str)
@pytest.mark.parametrize(
    ("xs", "ys"), [((2, 17, 20), (2, 20, 70)), ((1, 33), (33, 140)), ((70, 33), (33, 1))], ids=str
)
def test_other_dtypes(tmp_path: Path, dtype: DType, xs: Any, ys: Any) -> None:
    _check(tmp_path, xs, ys, dtype, tolerance=1e-13)


@pytest.mark.parametrize(
    ("xs", "ys"),
    [
        ((n, m), (m, 1)),
        ((1, m), (m, n)),
        ((n, 7, m), (n, m, 3)),
        ((n, 1, m), (n, m, 1)),
        ((3, 1, n, 4), (2, 4, m)),
        ((2, 3, 4, n, 5), (4, 5, m)),
        ((m, 0), (0, n)),
        ((0, n), (n, 3)),
        ((n, 5), (5, 0)),
    ],
    ids=str,
)
def test_sizes_known_at_run_time(tmp_path: Path, xs: Any, ys: Any) -> None:
    _check(tmp_path, xs, ys, sizes=[{"n": 1, "m": 1}, {"n": 3, "m": 70}, {"n": 65, "m": 2}, {"n": 0, "m": 3}])


@pytest.mark.parametrize("rows", [70, n])
@pytest.mark.parametrize("axis", [-1, -2])
def test_steps_after_a_product_with_a_vector(tmp_path: Path, rows: Any, axis: int) -> None:
    def net(b: Any, x: Any, v: Any, r: Any) -> Any:
        y = b(MatMul, x, v) if axis == -2 else b(MatMul, v, x, transpose_y=True)
        bias = constant(b, np.full(1, 0.5, np.float32))
        return b(Relu, b(Mul, b(Add, y, bias), r))

    v, y = ((40, 1), (2, rows, 1)) if axis == -2 else ((2, 1, 40), (2, 1, rows))
    check(graph(net, [tensor(2, rows, 40), tensor(*v), tensor(*y)]), tmp_path, [{"n": 5}, {"n": 130}])


@pytest.mark.parametrize("rank", [2, 3])
def test_constant_vectors(tmp_path: Path, rank: int) -> None:
    rng = np.random.default_rng(0)
    w, c = (rng.normal(size=s).astype(np.float32) for s in ((40, 1), (1,)))
    module = graph(
        lambda b, x: b(Relu, b(Add, b(MatMul, x, constant(b, w)), constant(b, c))),
        [tensor(*(3, n, 40)[3 - rank :])],
    )
    check(module, tmp_path, [{"n": 0}, {"n": 1}, {"n": 131}])


@pytest.mark.parametrize("dtype", [f16, f64, i32, boolean], ids=str)
@pytest.mark.parametrize("shape", [(70, 1), (1, 70), (5, 20)], ids=str)
def test_casts_after_a_product(tmp_path: Path, dtype: DType, shape: Any) -> None:
    def net(b: Any, x: Any, y: Any) -> Any:
        return b(Cast, b(MatMul, x, y, transpose_y=True), dtype=dtype)

    check(graph(net, [tensor(shape[0], 40), tensor(shape[1], 40)]), tmp_path, tolerance=1e-3)
