"""Matrix products with many steps of the summed dimension, taken in blocks: compiled code against the interpreter."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.cost.tiles import depth_block
from netwright.compiler.ir.dims import Sym
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.elementwise import Add, Cast
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.target import TARGETS as ALL_TARGETS
from netwright.runtime.spec import DType, f32, f64, i32

from ..helpers import build, check, constant, graph, n, tensor

TARGETS = ["native", "x86-64-v3", "x86-64"]
BATCHES = [{"n": i} for i in (0, 1, 2, 7, 33)]
m = Sym.symbol("m")


def _random(*shape: int, dtype: DType = f32) -> Any:
    made = np.random.default_rng(sum(shape)).normal(size=shape)
    return (made * (1 if dtype.is_float else 9)).astype(dtype.numpy)


def _finished(b: Any, y: Any, o: int) -> Any:
    return b(Relu, b(Add, y, constant(b, _random(o))))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("k", "o"), [(9001, 128), (17000, 70), (33000, 9), (8200, 33)])
@pytest.mark.parametrize("rows", ["n", 3, 29, 130])
def test_constant_weights(tmp_path: Path, target: str, k: int, o: int, rows: Any) -> None:
    module = graph(
        lambda b, x: _finished(b, b(MatMul, x, constant(b, _random(k, o))), o),
        [tensor(n if rows == "n" else rows, k)],
    )
    check(module, tmp_path, BATCHES if rows == "n" else [{}], target=target)


@pytest.mark.parametrize("dtype", [f64, i32])
def test_other_dtypes(tmp_path: Path, dtype: Any) -> None:
    weights = _random(9001, 70, dtype=dtype)
    module = graph(lambda b, x: b(MatMul, x, constant(b, weights)), [tensor(n, 9001, dtype=dtype)])
    check(module, tmp_path, BATCHES, tolerance=1e-13)


@pytest.mark.parametrize("to", [f64, i32])
def test_sums_wait_elsewhere_where_the_result_has_another_dtype(tmp_path: Path, to: Any) -> None:
    """Also in a model of one size, whose buffer for sums is as large as the result."""
    weights = np.round(_random(9001, 70) * 4)
    for rows in (n, 29):
        module = graph(
            lambda b, x: b(Cast, b(Relu, b(MatMul, b(Cast, x, dtype=f32), constant(b, weights))), dtype=to),
            [tensor(rows, 9001, dtype=i32)],
        )
        check(module, tmp_path, BATCHES if rows is n else [{}])


@pytest.mark.parametrize("tx", [False, True])
@pytest.mark.parametrize("ty", [False, True])
def test_weights_known_at_run_time(tmp_path: Path, tx: bool, ty: bool) -> None:
    x, y = (9001, 31) if tx else (31, 9001), (70, 9001) if ty else (9001, 70)
    module = graph(
        lambda b, p, q: _finished(b, b(MatMul, p, q, transpose_x=tx, transpose_y=ty), 70),
        [tensor(3, *x), tensor(3, *y)],
    )
    check(module, tmp_path, [{}])


def test_nan_and_infinity_stay_in_their_rows(tmp_path: Path) -> None:
    x = np.ones((33, 9001), np.float32)
    x[3, 17], x[7, 9000], x[32, 4000] = np.inf, np.nan, -np.inf
    weights = np.abs(_random(9001, 70))
    module = graph(lambda b, x: b(MatMul, x, constant(b, weights)), [tensor(n, 9001)])
    check(module, tmp_path, [{}], inputs=[x])


def test_rows_do_not_depend_on_those_beside_them(tmp_path: Path) -> None:
    """A row has the same bits in a batch of any size above one."""
    weights = _random(9001, 70)
    model = build(graph(lambda b, x: b(MatMul, x, constant(b, weights)), [tensor(n, 9001)]), tmp_path)
    x = _random(33, 9001)
    few, many = (next(iter(model.run({model.inputs[0].name: x[:k]}).values())) for k in (2, 33))
    assert few.tobytes() == many[:2].tobytes()


def test_blocks() -> None:
    target = ALL_TARGETS["x86-64-v4"]
    assert depth_block(target, 6, 6, 64, 30976, 4) == 0
    assert depth_block(target, 32, 6, 64, 784, 4) == 0
    step = depth_block(target, 32, 6, 64, 30976, 4)
    assert step % 4 == 0 and step >= 64 and step * 64 * 4 <= target.l1
