"""With `precise` whole networks are as near to exact results as a plain evaluation in float32 is; without it they
are not much farther."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.base import tensor as type_of
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.elementwise import Add, Maximum, Minimum
from netwright.compiler.ops.interpreter import run_module
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.ops.pool import AvgPool2D, MaxPool2D
from netwright.compiler.ops.reduce import ReduceMean
from netwright.compiler.ops.shape import Reshape

from ..helpers import build, constant, graph, n, tensor
from ..precision import error, exact

IMAGES = 24


class _Net:
    """Layers with random weights, scaled so that numbers keep their size."""

    def __init__(self, b: Builder) -> None:
        self.b, self.rng = b, np.random.default_rng(5)

    def conv(
        self, x: Value, o: int, kernel: int, strides: int = 1, groups: int = 1, padding: str = "SAME"
    ) -> Value:
        shape = (kernel, kernel, int(type_of(x).shape[-1]) // groups, o)
        w = self.rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[:-1]))
        y = self.b(
            Conv2D, x, constant(self.b, w.astype(np.float32)), strides=(strides,) * 2, dilations=(1, 1),
            padding=padding, pads=(0,) * 4,
        )  # fmt: skip
        return self.b(Add, y, self._bias(o))

    def _bias(self, o: int) -> Value:
        return constant(self.b, (0.1 * self.rng.normal(size=o)).astype(np.float32))

    def relu(self, x: Value) -> Value:
        return self.b(Relu, x)

    def relu6(self, x: Value) -> Value:
        zero, six = (constant(self.b, np.array(v, np.float32)) for v in (0, 6))
        return self.b(Minimum, self.b(Maximum, x, zero), six)

    def dense(self, x: Value, o: int) -> Value:
        k = int(type_of(x).shape[-1])
        w = (self.rng.normal(size=(k, o)) / np.sqrt(k)).astype(np.float32)
        return self.b(Add, self.b(MatMul, x, constant(self.b, w)), self._bias(o))

    def flat(self, x: Value) -> Value:
        shape = type_of(x).shape
        return self.b(Reshape, x, shape=(shape[0], shape[1] * shape[2] * shape[3]))

    def pool(self, x: Value, kind: type) -> Value:
        return self.b(kind, x, kernel=(2, 2), strides=(2, 2), padding="VALID")


def lenet(net: _Net, x: Value) -> Value:
    x = net.pool(net.relu(net.conv(x, 6, 5)), AvgPool2D)
    x = net.pool(net.relu(net.conv(x, 16, 5, padding="VALID")), AvgPool2D)
    return net.dense(net.relu(net.dense(net.relu(net.dense(net.flat(x), 120)), 84)), 10)


def resnet(net: _Net, x: Value) -> Value:
    x = net.pool(net.relu(net.conv(x, 32, 7, 2)), MaxPool2D)
    for o, strides in ((32, 1), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1)):
        y = net.conv(net.relu(net.conv(x, o, 3, strides)), o, 3)
        short = x if strides == 1 else net.conv(x, o, 1, strides)
        x = net.relu(net.b(Add, y, short))
    return net.dense(net.b(ReduceMean, x, axes=(1, 2)), 10)


def mobilenet(net: _Net, x: Value) -> Value:
    x = net.relu6(net.conv(x, 16, 3, 2))
    for o, strides in ((16, 1), (24, 2), (24, 1), (32, 2), (32, 1)):
        c = 6 * int(type_of(x).shape[-1])
        y = net.relu6(net.conv(net.relu6(net.conv(x, c, 1)), c, 3, strides, groups=c))
        y = net.conv(y, o, 1)
        x = net.b(Add, x, y) if type_of(x).shape == type_of(y).shape else y
    return net.dense(net.b(ReduceMean, net.relu6(net.conv(x, 128, 1)), axes=(1, 2)), 10)


NETWORKS: dict[str, tuple[Callable[[_Net, Value], Value], tuple[int, int, int]]] = {
    "lenet": (lenet, (28, 28, 1)),
    "resnet": (resnet, (64, 64, 3)),
    "mobilenet": (mobilenet, (64, 64, 3)),
}


def _module(name: str) -> tuple[Op, Any]:
    make, shape = NETWORKS[name]
    x = np.random.default_rng(1).normal(size=(IMAGES, *shape)).astype(np.float32)
    return graph(lambda b, x: make(_Net(b), x), [tensor(n, *shape)]), x


@pytest.mark.parametrize("name", NETWORKS)
def test_precise_is_as_good_as_plain(name: str, tmp_path: Path) -> None:
    module, x = _module(name)
    want = exact(module, [x])
    plain = error(run_module(module, [x])[0], want)
    precise, fast = (error(build(module.clone({}), tmp_path, precise=p)(x), want) for p in (True, False))
    assert precise <= 1.5 * plain
    assert fast <= 2 * plain


@pytest.mark.parametrize("name", NETWORKS)
def test_precise_has_no_error_bound(name: str, tmp_path: Path) -> None:
    """What an algorithm adds to rounding stands beside its calls; with `precise` there is no such algorithm."""
    rows = {p: build(_module(name)[0], tmp_path, precise=p).manifest["calls"] for p in (True, False)}
    assert not any("error_bound" in r for r in rows[True])
    assert any("error_bound" in r for r in rows[False]) == (name == "resnet")
