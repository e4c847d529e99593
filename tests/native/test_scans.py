"""Reductions of all dtypes, places of extremes, running totals, searches, segments, counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.dims import Sym
from netwright.compiler.ops import reduce, scan, segment
from netwright.runtime.errors import ExecutionError, ShapeError
from netwright.runtime.spec import DType, bf16, boolean, f16, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64

from ..helpers import check, close, graph, n, tensor

m = Sym.symbol("m")
INTEGERS = (i8, i16, i32, i64, u8, u16, u32, u64)
SHAPES: list[Any] = [((n, 37), 1), ((n, 37), 0), ((n, 5, 33), 1), ((7, n, 70), 1), ((n,), 0), ((n, 3, 1), -1)]


@pytest.mark.parametrize("d", INTEGERS)
@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_means_of_integers(tmp_path: Path, d: DType, axes: Any) -> None:
    """Summed in 64 bits, divided towards zero; 0 of nothing."""
    module = graph(lambda b, x: b(reduce.ReduceMean, x, axes=axes), [tensor(n, m, dtype=d)])
    info = np.iinfo(d.numpy)
    model = check(module, tmp_path, [{"n": 3, "m": 70}, {"n": 0, "m": 5}])
    x = np.random.default_rng(0).integers(info.min, info.max, (9, 67), dtype=d.numpy, endpoint=True)
    want = reduce.ReduceMean.evaluate(_with(reduce.ReduceMean, axes=axes), x)
    np.testing.assert_array_equal(np.asarray(model(x)), want)


def _with(op: Any, **attributes: Any) -> Any:
    """An op to evaluate without a graph around it."""
    made = object.__new__(op)
    made.attributes = {"keep_dims": False, **attributes}
    return made


@pytest.mark.parametrize("d", [*INTEGERS, boolean, f64])
@pytest.mark.parametrize("axes", [(0,), (1,), (0, 2)])
def test_extremes(tmp_path: Path, d: DType, axes: Any) -> None:
    """Of bools: any and all. Of nothing: the ends of the range."""

    def net(b: Any, x: Any) -> Any:
        return b(reduce.ReduceMax, x, axes=axes), b(reduce.ReduceMin, x, axes=axes, keep_dims=True)

    check(
        graph(net, [tensor(n, m, 33, dtype=d)]),
        tmp_path,
        [{"n": 2, "m": 7}, {"n": 0, "m": 3}, {"n": 5, "m": 0}],
    )


@pytest.mark.parametrize("d", [i8, i64, u8, u32])
def test_sums_and_products_wrap(tmp_path: Path, d: DType) -> None:
    net = lambda b, x: (b(reduce.ReduceSum, x, axes=(0,)), b(reduce.ReduceProd, x, axes=(1,)))  # noqa: E731
    check(graph(net, [tensor(n, 70, dtype=d)]), tmp_path, [{"n": 0}, {"n": 1}, {"n": 40}])


@pytest.mark.parametrize("target", ["native", "x86-64"])
@pytest.mark.parametrize("op", [reduce.ArgMax, reduce.ArgMin])
@pytest.mark.parametrize(
    ("shape", "axis", "d"),
    [(*s, d) for k, s in enumerate(SHAPES) for d in ([f32, u64, f16] if k % 2 else [f32, f64, i8, boolean])],
)
def test_places(tmp_path: Path, op: Any, shape: Any, axis: int, d: DType, target: str) -> None:
    index = {f32: i64, f64: i32, i8: u16, u64: i64, boolean: i32, f16: i16}[d]
    module = graph(lambda b, x: b(op, x, axis=axis, dtype=index), [tensor(*shape, dtype=d)])
    check(module, tmp_path, [{"n": 1}, {"n": 4}, {"n": 70}], target=target)


@pytest.mark.parametrize("op", [reduce.ArgMax, reduce.ArgMin])
@pytest.mark.parametrize("axis", [0, 1])
def test_places_among_ties_and_nan(tmp_path: Path, op: Any, axis: int) -> None:
    odd = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, 1.0]
    x = np.random.default_rng(0).choice(odd, (41, 23)).astype(np.float32)
    x[0], x[:, 1], x[1], x[2] = np.nan, -np.inf, np.inf, [np.nan, *[-np.inf] * 22]
    check(graph(lambda b, v: b(op, v, axis=axis), [tensor(n, m)]), tmp_path, [{"n": 1}], inputs=[x])


def test_places_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="axis 1 has size 0"):
        graph(lambda b, x: b(reduce.ArgMax, x, axis=1), [tensor(n, 0)])
    model = check(graph(lambda b, x: b(reduce.ArgMax, x, axis=0), [tensor(n, 3)]), tmp_path, [{"n": 2}])
    with pytest.raises(ShapeError):
        model(np.zeros((0, 3), np.float32))


@pytest.mark.parametrize("kind", scan.KINDS)
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize(("exclusive", "reverse"), [(False, False), (True, True)])
def test_running_totals(
    tmp_path: Path, kind: str, shape: Any, axis: int, exclusive: bool, reverse: bool
) -> None:
    for d in (f32, f64) if kind == "log_sum_exp" else (f32, u8 if exclusive else i32):
        module = graph(
            lambda b, x: b(scan.Cumulative, x, axis=axis, kind=kind, exclusive=exclusive, reverse=reverse),
            [tensor(*shape, dtype=d)],
        )
        check(module, tmp_path, [{"n": 0}, {"n": 1}, {"n": 9}])


def test_running_log_sum_exp_of_specials(tmp_path: Path) -> None:
    x = np.array([-np.inf, -np.inf, 1, 800, -800, 2, -np.inf, 3, np.inf, 1, np.nan, 1], np.float32)
    check(graph(lambda b, v: b(scan.Cumulative, v, axis=0, kind="log_sum_exp"), [tensor(n)]), tmp_path, [{"n": 1}],
          inputs=[x])  # fmt: skip


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("d", [f32, i32, f64, u8])
def test_searches(tmp_path: Path, upper: bool, d: DType) -> None:
    module = graph(
        lambda b, s, v: b(scan.SearchSorted, s, v, upper=upper, dtype=i64),
        [tensor(2, n, dtype=d), tensor(2, m, dtype=d)],
    )
    model = check(module, tmp_path, [{"n": 0, "m": 4}, {"n": 3, "m": 0}])
    rng = np.random.default_rng(0)
    for size in (1, 2, 31, 64):
        rows = np.sort(rng.integers(0, 20, (2, size)), axis=1).astype(d.numpy)
        values = rng.integers(0, 22, (2, 50)).astype(d.numpy)
        if d.is_float:
            values[0, :3] = np.nan, np.inf, -np.inf
        want = scan.SearchSorted.evaluate(_with(scan.SearchSorted, upper=upper, dtype=i64), rows, values)
        np.testing.assert_array_equal(np.asarray(model(rows, values)), want)


@pytest.mark.parametrize("sorted_ids", [False, True])
@pytest.mark.parametrize("kind", segment.KINDS)
@pytest.mark.parametrize(("inner", "d"), [((), i32), ((37,), f32), ((3, 45), f64), ((70,), u8)])
def test_segments(tmp_path: Path, kind: str, inner: Any, d: DType, sorted_ids: bool) -> None:
    module = graph(
        lambda b, x, ids: b(segment.SegmentReduce, x, ids, kind=kind, count=9, sorted=sorted_ids),
        [tensor(n, *inner, dtype=d), tensor(n, dtype=i32)],
    )
    reference = module.clone({})
    model = check(module, tmp_path, [{"n": 0}])
    rng = np.random.default_rng(1)
    ids = rng.integers(0 if sorted_ids else -1, 9, 20).astype(np.int32)
    ids = np.sort(ids) if sorted_ids else ids
    ids[ids == 4] = 3  # one without rows
    x = (
        (rng.normal(size=(20, *inner)) * 3).astype(d.numpy)
        if d.is_float
        else rng.integers(0, 99, (20, *inner)).astype(d.numpy)
    )
    if d.is_float:
        x[3], x[7] = np.nan, np.inf
    from netwright.compiler.ops.interpreter import run_module

    close(model(x, ids), run_module(reference, [x, ids])[0])
    for bad in (9, 100) if not sorted_ids else (9, -1, 2):
        wrong = ids.copy()
        wrong[-1] = bad
        with pytest.raises(ExecutionError, match="an index lies outside"):
            model(x, wrong)


@pytest.mark.parametrize("d", [f16, bf16])
def test_segments_of_16_bit_floats(tmp_path: Path, d: DType) -> None:
    limit = {f16: 65504.0, bf16: 3.3895313892515355e38}[d]
    module = graph(
        lambda b, x, ids: b(segment.SegmentReduce, x, ids, kind="max", count=3, limit=limit),
        [tensor(n, 5, dtype=d), tensor(n, dtype=i64)],
    )
    x = np.arange(10, dtype=np.float32).reshape(2, 5)
    x = x.astype(np.float16) if d == f16 else (x.view(np.uint32) >> 16).astype(np.uint16)
    check(module, tmp_path, [{"n": 2}], inputs=[x, np.array([2, 0])])


@pytest.mark.parametrize("d", [f32, f64, i32, i64])
@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rows", [(), (3,)])
def test_counts(tmp_path: Path, d: DType, binary: bool, weighted: bool, rows: Any) -> None:
    types = [tensor(*rows, n, dtype=i32), *([tensor(*rows, n, dtype=d)] if weighted else [])]
    net = lambda b, *v: b(segment.Bincount, *v, size=15, binary=binary, dtype=d)  # noqa: E731
    module = graph(net, types)
    reference = module.clone({})
    model = check(module, tmp_path, [{"n": 0}])
    from netwright.compiler.ops.interpreter import run_module

    rng = np.random.default_rng(0)
    x = rng.integers(0, 20, (*rows, 41)).astype(np.int32)
    weights = [rng.integers(0, 9, x.shape).astype(d.numpy)] if weighted else []
    close(model(x, *weights), run_module(reference, [x, *weights])[0])
    x[..., 5] = -1
    with pytest.raises(ExecutionError, match="an index lies outside"):
        model(x, *weights)
