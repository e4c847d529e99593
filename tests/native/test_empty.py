"""Tensors without elements: what would make them is not run, what sums over nothing is."""

from pathlib import Path
from typing import Any

import pytest
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.ops.pool import MaxPool2D
from netwright.compiler.ops.sort import TopK
from netwright.runtime.spec import i32

from ..helpers import check, graph, n, tensor

NETS: dict[str, tuple[Any, list[Any]]] = {
    "matmul without rows": (lambda b, x, y: b(MatMul, x, y), [tensor(0, 3), tensor(3, n)]),
    "matmul over nothing": (lambda b, x, y: b(MatMul, x, y), [tensor(n, 0), tensor(0, 5)]),
    "conv2d without rows": (lambda b, x, w: b(Conv2D, x, w, padding="SAME"), [tensor(n, 0, 4, 3), tensor(1, 2, 3, 5)]),
    "conv2d of an image of n rows": (
        lambda b, x, w: b(Conv2D, x, w, padding="SAME", strides=(3, 3)), [tensor(2, n, n, 3), tensor(1, 2, 3, 5)]),
    "max_pool2d without images": (
        lambda b, x: b(MaxPool2D, x, kernel=(2, 2), padding="SAME"), [tensor(0, 4, n, 3)]),
    "top_k without rows": (lambda b, x: b.create(TopK, x, k=2).results, [tensor(0, 8, dtype=i32)]),
}  # fmt: skip


@pytest.mark.parametrize("name", list(NETS))
def test_empty(tmp_path: Path, name: str) -> None:
    net, types = NETS[name]
    check(graph(net, types), tmp_path, [{"n": 0}, {"n": 1}, {"n": 4}])
