"""float16 and bfloat16: computed in float32, rounded once per op, in every family of kernels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.passes import PassContext
from netwright.compiler.ops import activation as act
from netwright.compiler.ops import elementwise as ew
from netwright.compiler.ops import reduce
from netwright.compiler.ops import shape as sh
from netwright.compiler.ops.bfloat16 import narrow, widen
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.interpreter import Interpreter
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.ops.norm import Softmax
from netwright.compiler.ops.pool import MaxPool2D
from netwright.compiler.passes.widen_half import WidenHalf
from netwright.runtime import load
from netwright.runtime.spec import DType, bf16, boolean, f16, f32, f64, i32

from ..helpers import Array, bits_of_bfloat16, build, graph, n, tensor

NETS: dict[str, tuple[Any, list[Any]]] = {
    "add": (lambda b, x, y: b(ew.Add, x, y), [(n, 37), (37,)]),
    "chain": (lambda b, x, y: b(ew.Sub, b(ew.Mul, b(ew.Add, x, y), x), b(act.Tanh, y)), [(n, 37), (37,)]),
    "compare": (lambda b, x, y: b(ew.Less, x, y), [(n, 37), (37,)]),
    "select": (lambda b, x, y: b(ew.Select, b(ew.Less, x, y), x, y), [(n, 37), (37,)]),
    "casts": (lambda b, x: tuple(b(ew.Cast, x, dtype=d) for d in (i32, f64, boolean)), [(n, 9)]),
    "division": (lambda b, x, y: b(ew.Div, x, y), [(n, 5, 3), (5, 1)]),
    "sum": (lambda b, x: b(reduce.ReduceSum, x, axes=(1,)), [(n, 70)]),
    "mean": (lambda b, x: b(reduce.ReduceMean, x, axes=(0,)), [(n, 70)]),
    "max": (lambda b, x: b(reduce.ReduceMax, x, axes=(1,), keep_dims=True), [(n, 70)]),
    "softmax": (lambda b, x: b(Softmax, x), [(n, 33)]),
    "matmul": (lambda b, x, y: b(MatMul, x, y), [(n, 20), (20, 33)]),
    "conv": (lambda b, x, w, c: b(act.Relu, b(ew.Add, b(Conv2D, x, w), c)), [(n, 6, 5, 3), (3, 3, 3, 20), (20,)]),
    "pool": (lambda b, x: b(MaxPool2D, x, kernel=(2, 2), strides=(2, 2)), [(n, 6, 5, 3)]),
    "moves": (
        lambda b, x, y: b(sh.Concat, b(sh.Transpose, x, permutation=(1, 0)), b(sh.Reshape, y, shape=(5, n)), axis=0),
        [(n, 7), (n, 5)]),
}  # fmt: skip


def random(d: DType, shape: tuple[Any, ...], size: int, seed: int) -> Array:
    x = np.random.default_rng(seed).normal(size=[size if s is n else s for s in shape]).astype(np.float32)
    return narrow(x) if d == bf16 else x.astype(np.float16)


def steps_apart(got: Array, want: Array) -> int:
    """The largest distance of two arrays of 16-bit floats in representable numbers."""
    if got.size == 0:
        return 0
    codes = [
        np.where(b < 0x8000, b, 0x8000 - b) for b in (a.view(np.uint16).astype(np.int64) for a in (got, want))
    ]
    return int(np.abs(codes[0] - codes[1]).max())


@pytest.mark.parametrize("target", ["native", "x86-64"])
@pytest.mark.parametrize("d", [f16, bf16])
@pytest.mark.parametrize("name", list(NETS))
def test_families(tmp_path: Path, name: str, d: DType, target: str) -> None:
    """Equal to the interpreter's; where the order of a sum or a series decides the rounding, off by one."""
    net, shapes = NETS[name]
    module = graph(net, [tensor(*s, dtype=d) for s in shapes])
    reference = module.clone({})
    one = build(module, tmp_path, threads=1, target=target)
    two = load(one.path, threads=2)
    for size in (0, 1, 5):
        arrays = [random(d, s, size, k) for k, s in enumerate(shapes)]
        if size == 0 and name == "mean":
            continue
        want = Interpreter(reference).run(arrays)
        given = {s.name: a for s, a in zip(one.inputs, arrays, strict=True)}
        for got, again, w in zip(one.run(given).values(), two.run(given).values(), want, strict=True):
            assert got.dtype == d.array if w.dtype.itemsize == 2 else got.dtype == w.dtype
            assert got.tobytes() == again.tobytes()
            got = bits_of_bfloat16(got)
            assert got.shape == w.shape
            if w.dtype.itemsize == 2:
                assert steps_apart(got, w) <= 1
                assert np.mean(got != w) < 0.1 if got.size else True
            else:
                np.testing.assert_array_equal(got, w)


@pytest.mark.parametrize("d", [f16, bf16])
def test_every_op_rounds(tmp_path: Path, d: DType) -> None:
    """(1 + e) - 1 is 0 when e is lost after the addition."""
    net = lambda b, x, y: b(ew.Sub, b(ew.Add, x, y), x)  # noqa: E731
    model = build(graph(net, [tensor(n, dtype=d)] * 2), tmp_path)
    x, y = np.ones(40, np.float32), np.full(40, 1e-3 if d == bf16 else 4e-4, np.float32)
    pair = [narrow(a) if d == bf16 else a.astype(np.float16) for a in (x, y)]
    got = bits_of_bfloat16(np.asarray(model(*pair)))
    assert not np.any(widen(got) if d == bf16 else got)


def test_denormals_and_specials_of_float16(tmp_path: Path) -> None:
    x = np.array([6e-8, -6e-8, 1e-7, 65504, -65504, np.inf, -np.inf, np.nan, 0, -0.0] * 4, np.float16)
    for target in ("native", "x86-64"):
        model = build(graph(lambda b, v: b(ew.Add, v, v), [tensor(n, dtype=f16)]), tmp_path, target=target)
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(np.asarray(model(x)), x + x)


def test_widen_half_leaves_moves_alone() -> None:
    module = graph(
        lambda b, x: (b(sh.Transpose, x, permutation=(1, 0)), b(act.Relu, x)), [tensor(n, 4, dtype=f16)]
    )
    WidenHalf().run(module, PassContext())
    made = [
        (op.name, str(op.result.type)) for op in module.walk() if op.name.startswith("graph.") and op.results
    ]
    assert made == [
        ("graph.transpose", "tensor<4x?xf16>"),
        ("graph.cast", "tensor<?x4xf32>"),
        ("graph.relu", "tensor<?x4xf32>"),
        ("graph.cast", "tensor<?x4xf16>"),
    ]


def test_constants_are_widened_at_compile_time(tmp_path: Path) -> None:
    from ..helpers import constant

    w = np.random.default_rng(0).normal(size=(9, 33)).astype(np.float16)
    module = graph(lambda b, x: b(MatMul, x, constant(b, w)), [tensor(n, 9, dtype=f16)])
    WidenHalf().run(module, PassContext())
    kinds = [op.value.dtype for op in module.walk() if op.name == "graph.constant"]
    assert f32 in kinds
    x = np.ones((2, 9), np.float16)
    got = np.asarray(build(module, tmp_path)(x))
    assert steps_apart(got, (x.astype(np.float32) @ w.astype(np.float32)).astype(np.float16)) <= 1
