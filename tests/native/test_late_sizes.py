"""Sizes that are computed at run time: symbols defined in the middle of a function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.driver import compile_module
from netwright.compiler.explain.dump import read_dump
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ir.dims import Dim, Sym
from netwright.compiler.ir.parser import parse_module
from netwright.compiler.ir.passes import PassContext
from netwright.compiler.ir.printer import print_op
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.constant import Shape
from netwright.compiler.ops.dynamic import DefineSize
from netwright.compiler.ops.elementwise import Add
from netwright.compiler.ops.interpreter import Interpreter
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.ops.nonzero import Nonzero, Unique
from netwright.compiler.ops.reduce import ReduceSum
from netwright.compiler.ops.shape import BroadcastTo, Concat, Slice
from netwright.compiler.options import CompileOptions
from netwright.compiler.passes.dce import Dce
from netwright.runtime import load
from netwright.runtime.errors import Error, InputError, ShapeError
from netwright.runtime.spec import DType, boolean, f32, f64, i32, i64, u8

from ..helpers import build, check, close, graph, n, tensor

Array = np.ndarray[Any, Any]


def prefix(b: Builder, x: Value, k: Value, name: str = "size0") -> Value:
    b.create(DefineSize, k, symbol=name)
    rest = x.type.shape[1:]  # type: ignore[union-attr]
    stops = (Sym.symbol(name), *rest)
    return b(Slice, x, starts=(0,) * len(stops), stops=stops, steps=(1,) * len(stops))


def pieces(b: Builder, x: Value, k: Value, m: Value) -> tuple[Value, ...]:
    first = b(Relu, prefix(b, x, k))
    both = b(Concat, first, x, axis=0)
    second = prefix(b, both, m, "size1")
    product = b(MatMul, second, first, transpose_y=True)
    total = b(ReduceSum, b(Add, second, second), axes=(0,))
    return first, product, total, b(Shape, product, dtype=i64)


def module(make: Any = pieces) -> Op:
    return graph(make, [tensor(n, 4), tensor(dtype=i32), tensor(dtype=i64)])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("target", ["native", "x86-64"])
def test_results_have_the_sizes_that_data_says(tmp_path: Path, threads: int, target: str) -> None:
    whole = module()
    reference = whole.clone({})
    model = build(whole, tmp_path, threads=threads, target=target)
    rng = np.random.default_rng(1)
    for rows, k, m in [(5, 3, 7), (5, 0, 5), (1, 1, 2), (300, 300, 600), (4, 2, 0), (0, 0, 0), (64, 1, 1)]:
        x = rng.normal(size=(rows, 4)).astype(np.float32)
        got = model.run({"x0": x, "x1": np.int32(k), "x2": np.int64(m)})
        want = Interpreter(reference).run([x, np.array(k, np.int32), np.array(m)])
        assert got["y1"].shape == (m, k)
        for g, w in zip(got.values(), want, strict=True):
            close(g, w)
    assert model.outputs[1].shape == (None, None)


@pytest.mark.parametrize(("k", "m", "why"), [(-1, 2, "does not fit"), (6, 2, "n >= size0"), (2, 8, "size1")])
def test_sizes_that_do_not_fit_end_the_call(tmp_path: Path, k: int, m: int, why: str) -> None:
    whole = module()
    reference = whole.clone({})
    model = build(whole, tmp_path)
    x = np.ones((5, 4), np.float32)
    with pytest.raises(ShapeError, match=why):
        model.run({"x0": x, "x1": np.int32(k), "x2": np.int64(m)})
    with pytest.raises(Error):
        Interpreter(reference).run([x, np.array(k, np.int32), np.array(m)])
    model.run({"x0": x, "x1": np.int32(1), "x2": np.int64(1)})  # the session is usable after an error


def test_too_large_a_size_is_no_memory(tmp_path: Path) -> None:
    def made(b: Builder, x: Value, k: Value, m: Value) -> Value:
        b.create(DefineSize, m, symbol="size0")
        return b(BroadcastTo, x, shape=(Sym.symbol("size0"), n, 4))

    model = build(module(made), tmp_path)
    with pytest.raises(Error, match="no memory"):
        model.run({"x0": np.ones((5, 4), np.float32), "x1": np.int32(1), "x2": np.int64(1 << 50)})


def test_no_array_can_be_given_for_a_result_of_unknown_size(tmp_path: Path) -> None:
    model = build(module(), tmp_path)
    given = {"x0": np.ones((5, 4), np.float32), "x1": np.int32(1), "x2": np.int64(1)}
    with pytest.raises(InputError, match="only after the call"):
        model.run(given, out={"y0": np.zeros((1, 4), np.float32)})
    total = np.zeros(4, np.float32)
    model.run(given, out={"y2": total})
    assert total.tolist() == [2.0] * 4


def test_dumps_of_all_levels_read_back(tmp_path: Path) -> None:
    path = tmp_path / "m.so"
    compile_module(module(), path, CompileOptions(dump_ir=str(tmp_path / "dumps")))
    files = sorted((tmp_path / "dumps").glob("*.mlir"))
    assert len(files) > 3
    for file in files:
        text = print_op(read_dump(file))
        assert print_op(parse_module(text)) == text
    assert load(path).outputs[0].shape == (None, 4)


def test_a_size_that_nothing_uses_is_not_computed() -> None:
    def unused(b: Builder, x: Value, k: Value, m: Value) -> Value:
        b.create(DefineSize, k, symbol="size0")
        return b(Relu, x)

    whole = module(unused)
    Dce().run(whole, PassContext())
    assert not [op for op in whole.walk() if isinstance(op, DefineSize)]


SPECIALS = [0.0, -0.0, 1.5, np.nan, np.inf, -np.inf, 1.5, 1e-3]


@pytest.mark.parametrize("dtype", [f32, f64, i32, i64, u8, boolean])
@pytest.mark.parametrize("rows", [0, 1, 2, 37, 1000])
def test_different_elements(tmp_path: Path, dtype: DType, rows: int) -> None:
    rng = np.random.default_rng(rows)
    x = rng.integers(0, 1 + rows // 3, rows).astype(dtype.numpy)
    if dtype.is_float and rows > len(SPECIALS):
        x[: len(SPECIALS)] = SPECIALS
    whole = graph(lambda b, v: b.create(Unique, v, index_dtype=i64).results, [tensor(n, dtype=dtype)])
    check(whole, tmp_path, sizes=[{"n": rows}], inputs=[x])


@pytest.mark.parametrize("shape", [(n,), (n, 3), (2, n, 5), ()])
def test_positions_of_true_elements(tmp_path: Path, shape: tuple[Dim, ...]) -> None:
    whole = graph(lambda b, v: b.create(Nonzero, v).results, [tensor(*shape, dtype=boolean)])
    check(whole, tmp_path, sizes=[{"n": k} for k in (0, 1, 4, 33)])
