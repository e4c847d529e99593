"""Compiled gathers, scatters, diagonals and movements of elements against the interpreter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.core import Builder, Value
from netwright.compiler.ops.diagonal import ALIGNMENTS, MatrixDiagPart, MatrixSetDiag
from netwright.compiler.ops.indexing import GatherNd, InvertPermutation, Iota, ScatterNd
from netwright.compiler.ops.rearrange import Patches, Reverse
from netwright.compiler.ops.shape import BroadcastTo, Concat, Gather, Pad, Reshape, Slice, Transpose
from netwright.runtime.errors import Error
from netwright.runtime.spec import boolean, f16, f32, f64, i8, i32, i64, u8, u16

from ..helpers import build, check, constant, graph, n, random_array, tensor

SIZES = ({"n": 0}, {"n": 1}, {"n": 3}, {"n": 40})


@pytest.mark.parametrize(
    ("shape", "axis", "batch", "rows"),
    [
        ((n, 5), 0, 0, (n,)),
        ((n, 4, 37), 1, 0, (3, 2)),
        ((n, 4, 37), 2, 0, (n,)),
        ((n, 3, 4), 1, 1, (n, 2, 2)),
        ((3, 2, n, 5), 2, 1, (3, 3)),
        ((2, 3, 4, 33), 2, 2, (2, 3, n)),
        ((6, 1), 0, 0, ()),
    ],
)
def test_gathers(tmp_path: Path, shape: Any, axis: int, batch: int, rows: Any) -> None:
    dtypes = ((f32, i32), (f64, i64), (boolean, u8), (f16, u16))
    for dtype, index in dtypes if axis == 1 else dtypes[:2]:
        whole = tensor(*shape, dtype=dtype)
        module = graph(
            lambda b, x, i: b(Gather, x, i, axis=axis, batch_dims=batch), [whole, tensor(*rows, dtype=index)]
        )
        limit = shape[axis]
        for k in (1, 9):
            rng = np.random.default_rng(k)
            sizes = {"n": k}
            x = random_array(whole, sizes, rng)
            top = k if limit is n else limit
            places = rng.integers(0, top, [k if d is n else d for d in rows]).astype(index.numpy)
            check(module.clone({}), tmp_path, [sizes], inputs=[x, np.asarray(places)])


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_gathers_of_many_axes(tmp_path: Path, depth: int) -> None:
    module = graph(lambda b, x, i: b(GatherNd, x, i), [tensor(n, 3, 35), tensor(2, n, depth, dtype=i32)])
    for k in (1, 6):
        rng = np.random.default_rng(k)
        i = np.stack([rng.integers(0, (k, 3, 35)[j], (2, k)) for j in range(depth)], -1) if depth else None
        i = np.zeros((2, k, 0), np.int32) if i is None else i.astype(np.int32)
        check(
            module.clone({}), tmp_path, inputs=[rng.normal(size=(k, 3, 35)).astype(np.float32), i], sizes=[{}]
        )


KINDS = ("update", "add", "sub", "min", "max")


def test_single_elements(tmp_path: Path) -> None:
    """Indices of rank 1 that choose from all axes."""
    module = graph(lambda b, x, i: b(GatherNd, x, i), [tensor(n, 5, dtype=i8), tensor(2, dtype=i64)])
    x = np.arange(15, dtype=np.int8).reshape(3, 5)
    check(module, tmp_path, [{}], inputs=[x, np.array([2, 3])])


def test_paddings_that_turn_out_negative(tmp_path: Path) -> None:
    def pad(b: Builder, x: Value) -> Value:
        return b(Pad, x, constant(b, np.float32(0)), low=(n - 3,), high=(0,))

    model = check(graph(pad, [tensor(n)]), tmp_path, ({"n": 3}, {"n": 9}))
    with pytest.raises(Error, match=r"n - 3 >= 0|n >= 3"):
        model.run({"x0": np.ones(2, np.float32)})


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        *((d, k) for d in (f32, i32, u8) for k in KINDS),
        (f64, "add"),
        (f64, "max"),
        (boolean, "update"),
        (boolean, "max"),
    ],
    ids=str,
)
def test_scatters(tmp_path: Path, dtype: Any, kind: str) -> None:
    cases: list[Any] = [((n, 600), (7,), 1), ((4, n, 3), (n,), 2), ((5, n), (6,), 2)]
    for shape, rows, depth in cases[: 3 if dtype == f32 else 2]:
        types = [
            tensor(*shape, dtype=dtype),
            tensor(*rows, depth, dtype=i64),
            tensor(*rows, *shape[depth:], dtype=dtype),
        ]
        module = graph(lambda b, x, i, u: b(ScatterNd, x, i, u, kind=kind), types)
        for k in (1, 5):
            rng = np.random.default_rng(k)
            x, _, u = (random_array(t, {"n": k}, rng) for t in types)
            if dtype.is_float:
                x.reshape(-1)[::3], u.reshape(-1)[::2] = np.nan, np.nan
            sizes = [k if d is n else d for d in shape[:depth]]
            count = [k if d is n else d for d in rows]
            i = np.stack([rng.integers(0, d, count) for d in sizes], -1).astype(np.int64)
            check(module.clone({}), tmp_path, [{}], inputs=[x, i, u])


@pytest.mark.parametrize("places", [[0, 5], [-1, 0], [3, 0]])
def test_indices_outside(tmp_path: Path, places: list[int]) -> None:
    """Are found, also where a slice is empty, and touch no memory."""
    i = np.array(places, np.int32)
    x = np.ones((3, 4), np.float32)
    builds: list[Any] = [
        lambda b, x, i: b(Gather, x, i),
        lambda b, x, i: b(Gather, b(Transpose, x, permutation=(1, 0)), i, axis=1),
        lambda b, x, i: b(GatherNd, x, b(Reshape, i, shape=(2, 1))),
        lambda b, x, i: b(ScatterNd, x, b(Reshape, i, shape=(2, 1)), constant(b, np.ones((2, 4), np.float32))),
        lambda b, x, i: b(InvertPermutation, i),
    ]  # fmt: skip
    for make in builds:
        model = build(graph(make, [tensor(3, 4), tensor(2, dtype=i32)]), tmp_path)
        with pytest.raises(Error, match="index"):
            model.run({"x0": x, "x1": i})


def test_inverse_permutations(tmp_path: Path) -> None:
    for dtype in (i32, i64):
        module = graph(lambda b, x: b(InvertPermutation, x), [tensor(n, dtype=dtype)])
        for k in (0, 1, 9):
            p = np.random.default_rng(k).permutation(k).astype(dtype.numpy)
            check(module.clone({}), tmp_path, [{}], inputs=[p])
    model = build(graph(lambda b, x: b(InvertPermutation, x), [tensor(n, dtype=i32)]), tmp_path)
    with pytest.raises(Error, match="index"):
        model.run({"x0": np.array([0, 1, 1], np.int32)})


def test_counting(tmp_path: Path) -> None:
    def count(b: Builder, x: Value) -> tuple[Value, ...]:
        return b(Iota, size=n * 3 + 1), b(Iota, size=n * 5000, dtype=i64), b(Iota, size=5)

    check(graph(count, [tensor(n)]), tmp_path, SIZES)


@pytest.mark.parametrize("align", ALIGNMENTS)
@pytest.mark.parametrize("k", [(0, 0), (2, 2), (-1, -1), (-1, 2), (1, 3), (-2, -1)])
def test_diagonals(tmp_path: Path, k: tuple[int, int], align: str) -> None:
    dtype = {"LEFT_LEFT": f32, "LEFT_RIGHT": i8, "RIGHT_LEFT": f64, "RIGHT_RIGHT": boolean}[align]
    for shape, sizes in (((n, 3, 5), SIZES), ((2, n, 4), ({"n": 3}, {"n": 8}))):

        def both(b: Builder, x: Value, p: Value) -> tuple[Value, ...]:
            part = b(MatrixDiagPart, x, p, k=k, align=align)
            return part, b(MatrixSetDiag, b(Reverse, x, axes=(0, 2)), part, k=k, align=align)

        check(graph(both, [tensor(*shape, dtype=dtype), tensor(dtype=dtype)]), tmp_path, sizes)


@pytest.mark.parametrize("dtype", [f32, f64, i8, u16, boolean, f16], ids=str)
def test_movements_through_views(tmp_path: Path, dtype: Any) -> None:
    """What is only moved on is read through; what is used otherwise too is there as itself."""

    def moved(b: Builder, x: Value) -> tuple[Value, ...]:
        back = b(Reverse, x, axes=(0, -1))
        every = b(Slice, back, starts=(0, 1, 0), stops=(n, 5, 7), steps=(1, 2, 3))
        turned = b(Transpose, every, permutation=(2, 0, 1))
        twice = b(Concat, turned, b(Reverse, turned, axes=(1,)), axis=1)
        pad = b(Pad, b(Slice, x, starts=(0, 0, 0), stops=(n, 1, 7), steps=(1, 1, 1)),
                constant(b, np.array(1, dtype.numpy)), low=(0, 2, 1), high=(1, 0, 0))  # fmt: skip
        wide = b(
            BroadcastTo, b(Slice, x, starts=(0, 0, 2), stops=(n, 1, 4), steps=(1, 1, 1)), shape=(3, n, 4, 2)
        )
        flat = b(Reshape, b(Transpose, wide, permutation=(3, 1, 0, 2)), shape=(2 * n, 12))
        return (
            twice,
            back,
            pad,
            flat,
            b(Reverse, b(Reshape, b(Reverse, x, axes=(1,)), shape=(n * 7, 5)), axes=(0,)),
        )

    check(graph(moved, [tensor(n, 5, 7, dtype=dtype)]), tmp_path, SIZES)


@pytest.mark.parametrize(
    ("shape", "kernel", "strides", "dilations"),
    [
        ((n, 7, 9, 3), (3, 2), (1, 1), (1, 1)),
        ((2, n, 9, 1), (3, 3), (2, 3), (2, 1)),
        ((n, 4, 5, 6, 2), (2, 2, 3), (1, 2, 1), (1, 1, 1)),
    ],
)
def test_patches(tmp_path: Path, shape: Any, kernel: Any, strides: Any, dilations: Any) -> None:
    def windows(b: Builder, x: Value) -> Value:
        return b(Patches, x, kernel=kernel, strides=strides, dilations=dilations)

    check(graph(windows, [tensor(*shape)]), tmp_path, SIZES if shape[0] is n else ({"n": 5}, {"n": 12}))
