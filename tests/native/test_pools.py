"""Pools over images and volumes, with positions, and grey-scale dilation: compiled against the interpreter."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.dims import Sym
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.elementwise import Add
from netwright.compiler.ops.norm import BatchNorm
from netwright.compiler.ops.pool import AvgPool3D, Dilation2D, MaxPool3D, MaxPoolArgmax
from netwright.runtime.spec import f32, f64, i8, i32, i64, u8

from ..helpers import check, constant, graph, n, tensor

TARGETS = ["native", "x86-64-v3", "x86-64"]
h, w = Sym.symbol("h"), Sym.symbol("w")
SPECIAL = np.array([np.nan, -np.inf, 1, -0.0, 0.0, np.inf, -np.inf, np.nan, np.nan, -3e38, 2, 2], np.float32)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("cls", [MaxPool3D, AvgPool3D])
@pytest.mark.parametrize(
    ("k", "s", "padding"),
    [((2, 2, 2), (2, 2, 2), "VALID"), ((3, 2, 1), (1, 2, 1), "SAME"), ((2, 3, 3), (2, 1, 2), "EXPLICIT")],
)
def test_volumes(tmp_path: Path, target: str, cls: Any, k: Any, s: Any, padding: str) -> None:
    def net(b: Any, x: Any) -> Any:
        y = b(cls, x, kernel=k, strides=s, padding=padding, pads=(1, 0, 1, 2, 0, 1))
        return b(Relu, b(Add, y, constant(b, np.arange(-9, 10, dtype=np.float32))))

    check(graph(net, [tensor(n, 5, 6, 7, 19)]), tmp_path, target=target)


@pytest.mark.parametrize("cls", [MaxPool3D, AvgPool3D])
def test_volumes_of_any_size(tmp_path: Path, cls: Any) -> None:
    module = graph(
        lambda b, x: b(cls, x, kernel=(2, 3, 3), strides=(1, 2, 2), padding="SAME"), [tensor(n, 3, h, w, 5)]
    )
    check(module, tmp_path, [{"n": 2, "h": 4, "w": 9}, {"n": 1, "h": 1, "w": 2}, {"n": 0, "h": 3, "w": 3}])


def test_maximum_of_volumes_of_integers(tmp_path: Path) -> None:
    module = graph(lambda b, x: b(MaxPool3D, x, kernel=(2, 2, 2)), [tensor(n, 3, 4, 5, 7, dtype=i8)])
    check(module, tmp_path)


@pytest.mark.parametrize("dtype", [f32, f64, i32, u8])
@pytest.mark.parametrize(("batch", "index"), [(False, i64), (True, i32)])
def test_where_the_maximum_is(tmp_path: Path, dtype: Any, batch: bool, index: Any) -> None:
    def net(b: Any, x: Any) -> Any:
        op = b.create(
            MaxPoolArgmax, x, kernel=(3, 2), strides=(2, 1), padding="SAME", batch=batch, index=index
        )
        return op.results

    module = graph(net, [tensor(n, h, w, 3, dtype=dtype)])
    check(module, tmp_path, [{"n": 2, "h": 5, "w": 4}, {"n": 1, "h": 1, "w": 1}, {"n": 0, "h": 3, "w": 3}])


def test_where_the_maximum_of_odd_numbers_is(tmp_path: Path) -> None:
    def net(b: Any, x: Any) -> Any:
        return b.create(MaxPoolArgmax, x, kernel=(1, 3), strides=(1, 2), padding="SAME").results

    check(graph(net, [tensor(1, 1, 12, 1)]), tmp_path, [{}], inputs=[SPECIAL.reshape(1, 1, 12, 1)])


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("k", "s", "rates", "padding"),
    [((2, 2), (1, 1), (1, 1), "SAME"), ((3, 3), (2, 1), (2, 3), "SAME"), ((2, 3), (1, 2), (3, 1), "VALID")],
)
def test_dilation(tmp_path: Path, target: str, k: Any, s: Any, rates: Any, padding: str) -> None:
    f = np.random.default_rng(0).normal(size=(*k, 37)).astype(np.float32)

    def net(b: Any, x: Any) -> Any:
        return b(Relu, b(Dilation2D, x, constant(b, f), strides=s, rates=rates, padding=padding))

    sizes = [{"n": 2, "h": 9, "w": 7}, {"n": 1, "h": 4, "w": 11}, {"n": 0, "h": 5, "w": 5}]
    check(graph(net, [tensor(n, h, w, 37)]), tmp_path, sizes, target=target)


@pytest.mark.parametrize("dtype", [f64, i32, u8])
def test_dilation_of_other_dtypes(tmp_path: Path, dtype: Any) -> None:
    net = lambda b, x, f: b(Dilation2D, x, f, padding="SAME")  # noqa: E731
    module = graph(net, [tensor(n, 6, 5, 3, dtype=dtype), tensor(2, 2, 3, dtype=dtype)])
    check(module, tmp_path, tolerance=1e-15)


def test_dilation_of_odd_numbers(tmp_path: Path) -> None:
    x = np.concatenate([SPECIAL, np.full(6, np.nan, np.float32)]).reshape(1, 3, 3, 2)
    f = np.zeros((2, 2, 2), np.float32)
    module = graph(lambda b, x, f: b(Dilation2D, x, f, padding="SAME"), [tensor(1, 3, 3, 2), tensor(2, 2, 2)])
    check(module, tmp_path, [{}], inputs=[x, f])


def test_batch_norm_with_computed_statistics(tmp_path: Path) -> None:
    module = graph(
        lambda b, x, *s: b(BatchNorm, b(Relu, x), *s, epsilon=0.25), [tensor(n, 5, 4, 21), *[tensor(21)] * 4]
    )
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(2, 5, 4, 21)).astype(np.float32)]
    inputs += [rng.uniform(0.1, 2, size=21).astype(np.float32) for _ in range(4)]
    check(module, tmp_path, [{"n": 2}], inputs=inputs)
