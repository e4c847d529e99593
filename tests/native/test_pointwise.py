"""Elementwise ops and movements of elements against the interpreter, edge values included."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ops import activation as act
from netwright.compiler.ops import elementwise as ew
from netwright.compiler.ops import shape as sh
from netwright.compiler.ops.base import flushed
from netwright.compiler.ops.constant import Dims
from netwright.runtime.spec import boolean, f32, f64, i8, i32, i64, u8

from ..helpers import check, constant, graph, n, tensor

TARGETS = ["native", "x86-64-v3", "x86-64"]
EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, 6.0, 88.7, 89.5, -87.3, -103.5, -105.0, 1e-40, -1e-40, 3e38, -3e38, 1e-7,
         np.inf, -np.inf, np.nan, 20.0, -20.0, 0.3465, -0.3466, 710.0, -745.0]  # fmt: skip
UNARY = [act.Neg, act.Abs, act.Square, act.Sqrt, act.Rsqrt, act.Exp, act.Log, act.Floor, act.Relu, act.Relu6,
         act.LeakyRelu, act.Sigmoid, act.Tanh, act.Elu]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", [f32, f64])
@pytest.mark.parametrize("op", UNARY)
def test_unary_edges(tmp_path: Path, op: Any, dtype: Any, target: str) -> None:
    x = np.array(EDGES, dtype.numpy)
    for scale in (1.0, 1e-3):
        got = np.asarray(check(graph(lambda b, v: b(op, v), [tensor(n, dtype=dtype)]), tmp_path, [],
                               target=target)(x * dtype.numpy.type(scale)))  # fmt: skip
        with np.errstate(all="ignore"):
            want = op.evaluate(object.__new__(op), x * dtype.numpy.type(scale)) if op is not act.LeakyRelu else (
                np.where(x * scale < 0, x * scale * 0.2, x * scale))  # fmt: skip
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
        fine = np.isfinite(want)
        np.testing.assert_array_equal(got[~fine], want[~fine])
        eps = np.finfo(dtype.numpy)
        slack = 8 * eps.eps * np.abs(want[fine]) + eps.tiny  # denormals are flushed to zero
        assert (np.abs(got[fine].astype(np.float64) - want[fine]) <= slack).all(), op.name


@pytest.mark.parametrize("op", [act.Exp, act.Tanh, act.Sigmoid, act.Log])
def test_accuracy(tmp_path: Path, op: Any) -> None:
    """A few units in the last place over the whole range."""
    x = np.linspace(-90, 90, 200_001).astype(np.float32)
    x = np.abs(x) + np.float32(1e-6) if op is act.Log else x
    got = np.asarray(check(graph(lambda b, v: b(op, v), [tensor(n)]), tmp_path, [])(x)).astype(np.float64)
    with np.errstate(all="ignore"):
        want = np.asarray(op.evaluate(object.__new__(op), x.astype(np.float64)), np.float64)
    fine = (np.abs(want) > 1e-37) & (np.abs(want) < 3e38)
    ulps = np.abs(got - want)[fine] / np.spacing(np.abs(want[fine]).astype(np.float32))
    assert ulps.max() < 6, ulps.max()


@pytest.mark.parametrize("dtype", [f32, f64, i8, i32, i64, u8])
@pytest.mark.parametrize("op", [ew.Add, ew.Sub, ew.Mul, ew.Maximum, ew.Minimum, ew.SquaredDifference, ew.Less,
                                ew.LessEqual, ew.Greater, ew.GreaterEqual, ew.Equal, ew.NotEqual])  # fmt: skip
@pytest.mark.parametrize(
    ("a", "b"),
    [((n, 5, 7), (n, 5, 7)), ((n, 5, 7), (7,)), ((n, 5, 7), (5, 1)), ((n, 1, 7), (1, 5, 1)), ((), (n, 3))],
)
def test_binary(tmp_path: Path, op: Any, dtype: Any, a: Any, b: Any) -> None:
    module = graph(lambda bd, x, y: bd(op, x, y), [tensor(*a, dtype=dtype), tensor(*b, dtype=dtype)])
    check(module, tmp_path, [{"n": 1}, {"n": 4}, {"n": 0}])


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "op", [ew.Add, ew.Sub, ew.Mul, ew.Div, ew.Maximum, ew.Minimum, ew.Less, ew.Equal, ew.NotEqual]
)
def test_binary_edges(tmp_path: Path, op: Any, target: str) -> None:
    pairs = np.array(
        list(itertools.product([0.0, -0.0, 1.0, -2.0, np.inf, -np.inf, np.nan, 1e-40], repeat=2)), np.float32
    )
    x, y = np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])
    got = np.asarray(
        check(graph(lambda b, u, v: b(op, u, v), [tensor(n), tensor(n)]), tmp_path, [], target=target)(x, y)
    )
    with np.errstate(all="ignore"):
        want = op.evaluate(object.__new__(op), x, y)
    np.testing.assert_array_equal(flushed(got), flushed(want))


@pytest.mark.parametrize(("a", "b"), list(itertools.permutations((f32, f64, i8, i32, i64, u8, boolean), 2)))
def test_cast(tmp_path: Path, a: Any, b: Any) -> None:
    check(graph(lambda bd, x: bd(ew.Cast, x, dtype=b), [tensor(n, 37, dtype=a)]), tmp_path)


def test_chain_of_ops_is_one_kernel(tmp_path: Path) -> None:
    def net(b: Any, x: Any, y: Any) -> Any:
        return b(act.Sigmoid, b(ew.Mul, b(ew.Add, x, y), b(act.Tanh, x)))

    model = check(graph(net, [tensor(n, 37), tensor(37)]), tmp_path)
    assert model.outputs[0].shape == (None, 37)


MOVES: dict[str, tuple[Any, list[Any]]] = {
    "reshape": (lambda b, x: b(act.Relu, b(sh.Reshape, x, shape=(n, 35))), [tensor(n, 5, 7)]),
    "reshape of the result": (lambda b, x: b(sh.Reshape, b(act.Relu, x), shape=(n, 35)), [tensor(n, 5, 7)]),
    "transpose": (lambda b, x: b(sh.Transpose, x, permutation=(0, 3, 1, 2)), [tensor(n, 5, 7, 3)]),
    "pad": (
        lambda b, x: b(sh.Pad, x, constant(b, np.float32(2.5)), low=(0, 1, 2, 0), high=(0, 2, 0, 1)),
        [tensor(n, 5, 7, 3)],
    ),
    "concat": (lambda b, x, y: b(sh.Concat, x, y, x, axis=2), [tensor(n, 5, 7), tensor(n, 5, 2)]),
    "slice": (
        lambda b, x: b(sh.Slice, x, starts=(0, 1, 2), stops=(n, 5, 7), steps=(1, 2, 1)), [tensor(n, 5, 7)]),
    "broadcast": (lambda b, x: b(sh.BroadcastTo, x, shape=(n, 5, 7)), [tensor(n, 1, 7)]),
    "select": (lambda b, c, x: b(ew.Select, c, x, b(act.Neg, x)), [tensor(n, 9, dtype=boolean), tensor(n, 9)]),
    "logic": (
        lambda b, x, y: b(ew.LogicalAnd, b(ew.LogicalNot, x), b(ew.LogicalOr, x, y)),
        [tensor(n, 9, dtype=boolean)] * 2),
    "inputs and constants as results": (lambda b, x: (x, x, constant(b, np.arange(7.0))), [tensor(n, 5)]),
    "sizes": (lambda b, x: (b(Dims, value=(n, n * 3 + 1), shape=(2,), dtype=i64), x), [tensor(n, 5)]),
}  # fmt: skip


@pytest.mark.parametrize("name", list(MOVES))
def test_moves(tmp_path: Path, name: str) -> None:
    net, types = MOVES[name]
    check(graph(net, types), tmp_path, [{"n": 1}, {"n": 4}, {"n": 0}])
