"""Steps on the result of a product or convolution where some of its sizes are 1: what is added is then not one
number for all columns or pixels, though its size is 1 there."""

from pathlib import Path
from typing import Any

import pytest
from netwright.compiler.ops import elementwise as ew
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.ops.norm import BatchNorm

from ..helpers import check, graph, n, tensor

SIZES = [{"n": 1}, {"n": 4}, {"n": 33}]


@pytest.mark.parametrize("op", [ew.Add, ew.Sub])
@pytest.mark.parametrize("extra", [(n, 1), (1, 1), (1,), ()])
def test_a_product_of_one_column(tmp_path: Path, op: Any, extra: Any) -> None:
    types = [tensor(n, 7), tensor(7, 1), tensor(*extra)]
    check(graph(lambda b, x, w, e: b(op, b(MatMul, x, w), e), types), tmp_path, SIZES)


@pytest.mark.parametrize("image", [(5, 1, 3), (1, 5, 3), (5, 4, 1), (5, 1, 1), (1, 1, 1), (34, 1, 40)])
def test_convolutions_of_narrow_images(tmp_path: Path, image: Any) -> None:
    h, w, c = image
    types = [tensor(n, h, w, 2), tensor(1, 1, 2, c), tensor(n, h, w, c), tensor(1, h, w, c), tensor(h, 1, 1)]

    def net(b: Any, x: Any, k: Any, *extras: Any) -> Any:
        return tuple(b(ew.Sub, b(Conv2D, x, k), e) for e in extras)

    check(graph(net, types), tmp_path, SIZES[:2])


def test_batch_norm_with_computed_statistics(tmp_path: Path) -> None:
    def net(b: Any, x: Any, s: Any, o: Any, m: Any, v: Any) -> Any:
        return b(BatchNorm, x, s, o, m, b(ew.Mul, v, v))

    check(graph(net, [tensor(n, 3, 5), *[tensor(5)] * 4]), tmp_path)
