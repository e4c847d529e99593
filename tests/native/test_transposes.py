"""Copies that turn tiles in registers, weave, take apart and go backwards: any sizes, data types and targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from netwright.compiler.ir.core import Builder, Value
from netwright.compiler.ops.rearrange import Reverse
from netwright.compiler.ops.shape import Concat, Slice, Transpose
from netwright.runtime.spec import boolean, f16, f32, f64, i8, i32, u16

from ..helpers import check, graph, n, tensor

SIZES = ({"n": 0}, {"n": 1}, {"n": 5}, {"n": 67})
CASES: list[tuple[tuple[Any, ...], tuple[int, ...]]] = [
    ((33, 70), (1, 0)),
    ((n, 19), (1, 0)),
    ((19, n), (1, 0)),
    ((2, 3, n), (0, 2, 1)),
    ((2, n, 3), (0, 2, 1)),
    ((2, 4, 35), (0, 2, 1)),
    ((2, 35, 4), (0, 2, 1)),
    ((n, 5, 7, 20), (0, 3, 1, 2)),
    ((n, 5, 7, 20), (3, 1, 0, 2)),
    ((3, n, 2, 17), (2, 3, 1, 0)),
]


@pytest.mark.parametrize("target", ["native", "x86-64", "x86-64-v3"])
@pytest.mark.parametrize("dtype", [f32, f64, i8, u16, boolean], ids=str)
def test_transpositions(tmp_path: Path, dtype: Any, target: str) -> None:
    for shape, order in CASES if target == "native" and dtype in (f32, i8) else CASES[2:7]:
        module = graph(
            lambda b, x, order=order: b(Transpose, x, permutation=order), [tensor(*shape, dtype=dtype)]
        )
        check(module, tmp_path, SIZES if n in shape else [{}], target=target)


@pytest.mark.parametrize("dtype", [f32, f64, f16, i32], ids=str)
def test_strided_on_both_sides(tmp_path: Path, dtype: Any) -> None:
    """From slices, into a part of a larger result."""

    def build(b: Builder, x: Value) -> tuple[Value, ...]:
        part = b(Slice, x, starts=(1, 0, 2), stops=(20, n, 40), steps=(1, 1, 1))
        turned = b(Transpose, part, permutation=(2, 1, 0))
        few = b(Slice, x, starts=(0, 0, 1), stops=(2, n, 40), steps=(1, 1, 1))
        woven = b(Transpose, few, permutation=(2, 1, 0))
        rows = b(Transpose, woven, permutation=(1, 2, 0))
        return b(Concat, turned, turned, axis=1), b(Concat, turned, turned, axis=2), woven, rows

    check(graph(build, [tensor(20, n, 41, dtype=dtype)]), tmp_path, SIZES)


@pytest.mark.parametrize("dtype", [f32, f64, i8, boolean], ids=str)
def test_backwards(tmp_path: Path, dtype: Any) -> None:
    def build(b: Builder, x: Value) -> tuple[Value, ...]:
        whole, turned = b(Reverse, x, axes=(1,)), b(Transpose, x, permutation=(1, 0))
        tail = b(Slice, whole, starts=(0, 3), stops=(n, 70), steps=(1, 1))
        return (
            whole,
            tail,
            b(Reverse, turned, axes=(0, 1)),
            b(Reverse, b(Reverse, turned, axes=(1,)), axes=(0,)),
        )

    check(graph(build, [tensor(n, 70, dtype=dtype)]), tmp_path, SIZES)
    check(graph(build, [tensor(n, 70, dtype=dtype)]), tmp_path, SIZES[1:2], target="x86-64")
