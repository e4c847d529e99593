"""Sizes that turn out to be 1 at run time repeat; denormals count as zero, and only inside of a call."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.dims import Sym, dim_bcast, evaluate_dim, parse_dim
from netwright.compiler.ops import elementwise as ew
from netwright.compiler.ops import reduce
from netwright.compiler.ops import shape as sh
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.matmul import MatMul
from netwright.runtime.errors import ShapeError
from netwright.runtime.spec import boolean, f64, i32

from ..helpers import build, check, constant, graph, n, tensor

m, k = Sym.symbol("m"), Sym.symbol("k")


def test_dims_of_broadcasts() -> None:
    both = dim_bcast(n, m)
    assert str(both) == "bcast(m, n)"
    assert parse_dim(str(both)) == both == dim_bcast(m, n) == dim_bcast(both, n) == dim_bcast(m, both)
    assert dim_bcast(dim_bcast(k, n), m) == dim_bcast(both, k)
    assert dim_bcast(n, 1) == dim_bcast(1, n) == dim_bcast(n, n) == n
    assert dim_bcast(n, 5) == dim_bcast(5, n) == 5
    for a, b, want in ((1, 4, 4), (4, 1, 4), (4, 4, 4), (1, 1, 1), (0, 1, 0), (1, 0, 0)):
        assert evaluate_dim(both, {"n": a, "m": b}) == want
        assert evaluate_dim(both * 3 + 1, {"n": a, "m": b}) == 3 * want + 1


PAIRS = [{"n": a, "m": b} for a, b in ((1, 1), (1, 6), (6, 1), (6, 6), (40, 1), (40, 40), (0, 1), (1, 0))]
NETS: dict[str, tuple[Any, list[Any]]] = {
    "vectors": (lambda b, x, y: b(ew.Add, x, y), [tensor(n), tensor(m)]),
    "rows": (lambda b, x, y: b(ew.Sub, x, y), [tensor(n, 37), tensor(m, 37)]),
    "columns": (lambda b, x, y: b(ew.Mul, x, y), [tensor(5, n), tensor(5, m)]),
    "crossed": (lambda b, x, y: b(ew.Mul, x, y), [tensor(n, m), tensor(m, n)]),
    "chain": (lambda b, x, y: b(Relu, b(ew.Sub, b(ew.Mul, b(ew.Add, x, y), x), y)), [tensor(n, 3, 9), tensor(m, 1, 9)]),
    "select": (lambda b, c, x: b(ew.Select, c, x, b(ew.Add, x, x)), [tensor(n, 7, dtype=boolean), tensor(m, 7)]),
    "integers": (lambda b, x, y: b(ew.Div, x, b(ew.Maximum, y, constant(b, np.int32(2)))),
                 [tensor(n, 9, dtype=i32), tensor(m, 9, dtype=i32)]),
    "a sum of it": (lambda b, x, y: b(reduce.ReduceSum, b(ew.Add, x, y), axes=(0,)), [tensor(n, 9), tensor(m, 9)]),
    "in front of a product": (lambda b, x, y: b(MatMul, b(ew.Add, x, y), constant(b, np.ones((9, 5), np.float32))),
                              [tensor(n, 9), tensor(m, 9)]),
    "behind a product": (lambda b, x, y: b(ew.Add, b(MatMul, x, constant(b, np.ones((9, 5), np.float32))), y),
                         [tensor(n, 9), tensor(m, 5)]),
}  # fmt: skip


@pytest.mark.parametrize("name", list(NETS))
def test_sizes_of_1_repeat(tmp_path: Path, name: str) -> None:
    net, types = NETS[name]
    model = check(graph(net, types), tmp_path, PAIRS)
    wrong = {"n": 3, "m": 4}
    with pytest.raises(ShapeError, match="or 1 must hold, here"):
        model(*(np.ones([evaluate_dim(d, wrong) for d in t.shape], t.dtype.numpy) for t in types))


def test_a_size_of_1_against_a_known_one(tmp_path: Path) -> None:
    """Behind a convolution and a product as well, whose kernels read operands tile by tile."""
    w = np.random.default_rng(0).normal(size=(3, 3, 2, 4)).astype(np.float32)
    net = lambda b, x, y: b(ew.Add, b(Conv2D, x, constant(b, w)), y)  # noqa: E731
    module = graph(net, [tensor(6, 5, 5, 2), tensor(n, 3, 3, 4)])
    model = check(module, tmp_path, [{"n": 1}, {"n": 6}])
    assert model.outputs[0].shape == (6, 3, 3, 4)
    with pytest.raises(ShapeError, match=r"n == 6 or 1 must hold|6 == n or 1 must hold"):
        model(np.ones((6, 5, 5, 2), np.float32), np.ones((5, 3, 3, 4), np.float32))


def test_broadcast_to_takes_a_1_but_gives_none(tmp_path: Path) -> None:
    module = graph(
        lambda b, x, y: b(ew.Mul, b(sh.BroadcastTo, x, shape=(m, 7)), y), [tensor(n, 7), tensor(m, 7)]
    )
    model = check(module, tmp_path, [{"n": 1, "m": 1}, {"n": 1, "m": 5}, {"n": 5, "m": 5}])
    with pytest.raises(ShapeError):
        model(np.ones((5, 7), np.float32), np.ones((1, 7), np.float32))


def test_denormals_are_zero_on_every_thread(tmp_path: Path) -> None:
    module = graph(
        lambda b, x, y: (b(ew.Mul, x, y), b(ew.Greater, x, b(ew.Sub, y, y))), [tensor(n), tensor(n)]
    )
    model = build(module, tmp_path, threads=2)
    x, y = np.full(1_000_000, 1e-40, np.float32), np.full(1_000_000, 3.0, np.float32)
    for _ in range(3):
        product, greater = model(x, y).values()
        assert not product.any()
        assert not greater.any()
    wide = build(graph(lambda b, v: b(ew.Add, v, v), [tensor(n, dtype=f64)]), tmp_path)
    assert not np.any(np.asarray(wide(np.full(9, 1e-310))))


def test_the_callers_own_denormals_are_left_alone(tmp_path: Path) -> None:
    model = build(graph(lambda b, x: b(ew.Add, x, x), [tensor(n)]), tmp_path)
    seen: list[float] = []

    def run() -> None:
        model(np.ones(5, np.float32))
        seen.append(float(np.float64(1e-310) * np.float64(0.5)))

    run_in_thread = threading.Thread(target=run)
    run_in_thread.start()
    run_in_thread.join()
    assert seen == [5e-311]
