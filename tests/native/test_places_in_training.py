"""Pooled images in the border that the next convolution wants, while gradients read them too: against the
interpreter."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from netwright.compiler.autodiff.reverse import gradients
from netwright.compiler.cost import winograd as cost
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.kernels import former
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.conv import Conv2D, Conv3D
from netwright.compiler.ops.elementwise import Mul
from netwright.compiler.ops.pool import MaxPool2D, MaxPool3D
from netwright.compiler.ops.reduce import ReduceSum

from ..helpers import check, graph, tensor

APART = {"kernel": 2, "strides": 2, "padding": "VALID"}
LAPPED = {"kernel": 3, "strides": 2, "padding": "SAME"}


@pytest.fixture(autouse=True)
def _everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small convolutions use Winograd's transforms too, and threads share small kernels."""
    monkeypatch.setattr(cost, "LEAST_CYCLES", 0)
    monkeypatch.setattr(former, "TASK_NS", 1)


def step(sizes: tuple[int, ...], window: dict[str, Any], strides: int) -> Op:
    """Two convolutions, each with a pool behind it, and the gradients of the image and both filters."""
    rank = len(sizes)
    conv, pool = (Conv2D, MaxPool2D) if rank == 2 else (Conv3D, MaxPool3D)
    attributes = {
        "kernel": (window["kernel"],) * rank,
        "strides": (window["strides"],) * rank,
        "padding": window["padding"],
        "pads": (0,) * (2 * rank),
    }

    def build(b: Builder, x: Value, w: Value, u: Value) -> tuple[Value, ...]:
        y = x
        for filters, s in ((w, 1), (u, strides)):
            y = b(Relu, b(conv, y, filters, strides=(s,) * rank, padding="SAME"))
            y = b(pool, y, **attributes)
        total = b(ReduceSum, b(Mul, y, y), axes=tuple(range(rank + 2)))
        found = gradients(b, [total], [x, w, u])
        return (y, *(g for g in found if g is not None))

    types = [tensor(3, *sizes, 5), tensor(*(3,) * rank, 5, 16), tensor(*(5,) * rank, 16, 24)]
    return graph(build, types)


@pytest.mark.parametrize("sizes", [(16, 16), (21, 14), (9, 8, 10)])
@pytest.mark.parametrize("window", [APART, LAPPED], ids=["apart", "lapped"])
@pytest.mark.parametrize("strides", [1, 2])
def test_gradients_read_pooled_images_where_they_lie(
    strides: int, window: dict[str, Any], sizes: tuple[int, ...], tmp_path: Path
) -> None:
    """The second convolution wants a border around the first pool's result, which the pool's gradient, the mask of its
    activation, and the filter's gradient read as well."""
    model = check(step(sizes, window, strides), tmp_path, [{}], tolerance=1e-4)
    assert len(model.outputs) == 4
    found = Counter(str(c["family"]) for c in model.manifest["calls"])  # type: ignore[index]
    if strides == 1 and len(sizes) == 2:
        assert found["border"] == 4, "the image, twice, and the gradient of each convolution's result"
