"""Gradients of pools over images and volumes: compiled against the interpreter."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ops.interpreter import Interpreter
from netwright.compiler.ops.pool import AvgPool2D, AvgPool3D, MaxPool2D, MaxPool3D
from netwright.compiler.ops.pool_gradient import AvgPoolGradient, MaxPoolGradient
from netwright.runtime.errors import DTypeError, ShapeError
from netwright.runtime.spec import f32, f64, i32

from ..helpers import check, graph, n, tensor

TARGETS = ["native", "x86-64-v3", "x86-64"]
#: kernel, strides, padding, pads
IMAGES = [
    ((2, 2), (2, 2), "VALID", ()),
    ((2, 2), (2, 2), "SAME", ()),
    ((3, 3), (2, 2), "SAME", ()),
    ((3, 3), (2, 2), "VALID", ()),
    ((3, 3), (1, 1), "SAME", ()),
    ((3, 2), (3, 2), "VALID", ()),
    ((2, 3), (3, 4), "VALID", ()),
    ((3, 3), (2, 1), "EXPLICIT", (1, 2, 0, 1)),
    ((1, 1), (2, 2), "VALID", ()),
]
VOLUMES = [
    ((2, 2, 2), (2, 2, 2), "VALID", ()),
    ((3, 2, 3), (2, 1, 2), "SAME", ()),
    ((2, 3, 1), (1, 2, 1), "EXPLICIT", (1, 0, 0, 2, 0, 0)),
]


def full(pads: tuple[int, ...], kernel: tuple[int, ...]) -> tuple[int, ...]:
    return pads or (0,) * (2 * len(kernel))


def max_net(case: Any) -> Any:
    k, s, padding, pads = case
    cls = MaxPool2D if len(k) == 2 else MaxPool3D

    def net(b: Any, x: Any, y: Any, dy: Any) -> Any:
        return b(MaxPoolGradient, x, y, dy, kernel=k, strides=s, padding=padding, pads=pads)

    def pool(x: Any) -> Any:
        module = graph(
            lambda b, v: b(cls, v, kernel=k, strides=s, padding=padding, pads=full(pads, k)),
            [tensor(*x.shape, dtype=f64 if x.dtype == np.float64 else f32)],
        )
        return Interpreter(module).run([x])[0]

    return net, pool


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("case", [*IMAGES, *VOLUMES])
@pytest.mark.parametrize(("batch", "channels"), [(1, 3), (7, 67), (2, 128)])
def test_max(tmp_path: Path, case: Any, batch: int, channels: int, target: str) -> None:
    """Whole numbers, so that many are equal."""
    net, pool = max_net(case)
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 3, (batch, 7, 6, 5)[: len(case[0]) + 1] + (channels,)).astype(np.float32)
    y = pool(x)
    dy = rng.normal(size=y.shape).astype(np.float32)
    types = [tensor(*a.shape) for a in (x, y, dy)]
    check(graph(net, types), tmp_path, [{}], inputs=[x, y, dy], target=target)


def test_max_of_doubles_and_odd_numbers(tmp_path: Path) -> None:
    special = [np.nan, -np.inf, 1, -0.0, 0.0, np.inf, -np.inf, np.nan, np.nan, -3e38, 2, 2]
    for case in IMAGES[:3]:
        net, pool = max_net(case)
        for dtype, kind in ((np.float32, f32), (np.float64, f64)):
            x = np.array(special * 4, dtype).reshape(1, 6, 8, 1)
            y = pool(x)
            dy = np.arange(1, y.size + 1, dtype=dtype).reshape(y.shape)
            dy.ravel()[0] = np.nan
            check(
                graph(net, [tensor(*a.shape, dtype=kind) for a in (x, y, dy)]), tmp_path, [{}],
                inputs=[x, y, dy],
            )  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("case", [*IMAGES, *VOLUMES])
@pytest.mark.parametrize(("dtype", "channels"), [(f32, 3), (f32, 67), (f64, 20)])
def test_mean(tmp_path: Path, case: Any, dtype: Any, channels: int, target: str) -> None:
    k, s, padding, pads = case
    size = (7, 6, 5)[: len(k)]
    cls = AvgPool2D if len(k) == 2 else AvgPool3D
    like = graph(
        lambda b, v: b(cls, v, kernel=k, strides=s, padding=padding, pads=full(pads, k)),
        [tensor(1, *size, channels)],
    )
    out = like.body.first.body.terminator.operands[0].type.shape[1:]  # type: ignore[union-attr]

    def net(b: Any, dy: Any) -> Any:
        return b(AvgPoolGradient, dy, size=size, kernel=k, strides=s, padding=padding, pads=pads)

    sizes = [{"n": 1}, {"n": 7}, {"n": 0}]
    check(graph(net, [tensor(n, *out, dtype=dtype)]), tmp_path, sizes, target=target)


def test_many_threads_agree(tmp_path: Path) -> None:
    """Large enough to be shared among threads; `check` compares bits."""
    for case in (IMAGES[0], IMAGES[2]):
        net, pool = max_net(case)
        rng = np.random.default_rng(0)
        x = rng.normal(size=(3, 65, 64, 96)).astype(np.float32)
        y = pool(x)
        dy = rng.normal(size=y.shape).astype(np.float32)
        check(graph(net, [tensor(*a.shape) for a in (x, y, dy)]), tmp_path, [{}], inputs=[x, y, dy])


def test_refused() -> None:
    attributes = {"kernel": (2, 2), "strides": (2, 2)}

    def net(b: Any, x: Any, y: Any) -> Any:
        return b(MaxPoolGradient, x, y, y, **attributes)

    with pytest.raises(ShapeError, match="expected tensor<1x2x2x3xf32>"):
        graph(net, [tensor(1, 4, 4, 3), tensor(1, 2, 1, 3)])
    with pytest.raises(DTypeError, match="expected floats, received int32"):
        graph(net, [tensor(1, 4, 4, 3, dtype=i32), tensor(1, 2, 2, 3, dtype=i32)])
    with pytest.raises(ShapeError, match="do not fit"):
        graph(
            lambda b, dy: b(AvgPoolGradient, dy, size=(4, 4), kernel=(2,), strides=(2, 2)),
            [tensor(1, 2, 2, 3)],
        )
