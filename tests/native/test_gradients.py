"""Compiled gradients beside the interpreter's: of every op, and of networks whose ops are fused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.autodiff import gradients
from netwright.compiler.ir.attributes import Dense
from netwright.compiler.ir.core import Block, Builder, Op, Region, Value
from netwright.compiler.ir.opdef import REGISTRY
from netwright.compiler.ops.builtin import finish_function, new_function, new_module
from netwright.compiler.ops.control import If, Yield
from netwright.compiler.ops.elementwise import Greater
from netwright.compiler.ops.gradient import Term, constant
from netwright.compiler.ops.reduce import ReduceSum
from netwright.runtime.spec import DType, f32, f64

from ..gradient_cases import CASES, Case
from ..gradients import floating, types_of
from ..helpers import Array, check, tensor

#: cases in one library
SOME = 16
IMAGES = ("resize", "scale_and_translate", "crop_and_resize")


def together(cases: Sequence[Case]) -> tuple[Op, list[Array]]:
    """A module that gives the gradients of all cases, for gradients of their results that are inputs; its inputs."""
    module = new_module()
    arrays = [a for case in cases for a in case.arrays]
    named = [(f"x{i}", t) for i, t in enumerate(types_of(arrays))]
    func, block = new_function(module, "main", named)
    b, rng = Builder(block), np.random.default_rng(0)
    found: list[Value] = []
    at = 0
    for case in cases:
        xs = block.args[at : at + len(case.arrays)]
        at += len(case.arrays)
        ys = [y for y in case.build(b, *xs) if y.type.dtype.is_float]
        dys = [constant(b, rng.normal(size=y.type.shape), y.type.dtype).v for y in ys]
        wrt = case.wrt or floating(case.arrays)
        found += [g for g in gradients(b, ys, [xs[i] for i in wrt], dys) if g is not None]
    finish_function(func, [(f"g{i}", g) for i, g in enumerate(found)])
    return module, arrays


@pytest.mark.parametrize("dtype", [f32, f64], ids=str)
@pytest.mark.parametrize("at", range(0, len(CASES), SOME), ids=lambda at: f"{at}-{CASES[at].op}")
def test_every_op(tmp_path: Path, at: int, dtype: DType) -> None:
    """Those of images are float32 in any case."""
    module, arrays = together(
        [case if case.op in IMAGES else case.of(dtype) for case in CASES[at : at + SOME]]
    )
    check(module, tmp_path, ({},), inputs=arrays)


def trained(loss: Callable[..., Term], *types: Any) -> Op:
    """A module that gives the loss and its gradients by all arguments."""
    module = new_module()
    func, block = new_function(module, "main", [(f"x{i}", t) for i, t in enumerate(types)])
    b = Builder(block)
    y = loss(*(Term(b, v) for v in block.args)).v
    found = gradients(b, [y], block.args)
    outputs = [("loss", y), *((f"g{i}", g) for i, g in enumerate(found) if g is not None)]
    finish_function(func, outputs)
    return module


def op_names(module: Op) -> list[str]:
    return [op.name.removeprefix("graph.") for op in module.walk()]


def cross_entropy(logits: Term, labels: Term) -> Term:
    """The mean over all rows, in the way that frontends write it."""
    top = logits.make("reduce_max", axes=(1,), keep_dims=True).make("stop_gradient")
    moved = logits - top
    log = moved.point("exp").sum((1,), keep_dims=True).point("log")
    return -((moved - log) * labels).sum((1,)).make("reduce_mean", axes=(0,))


def test_a_perceptron(tmp_path: Path) -> None:
    def loss(x: Term, labels: Term, w1: Term, b1: Term, w2: Term, b2: Term) -> Term:
        hidden = (x.matmul(w1) + b1).point("relu")
        return cross_entropy(hidden.matmul(w2) + b2, labels)

    shapes = ((32, 20), (32, 10), (20, 64), (64,), (64, 10), (10,))
    module = trained(loss, *(tensor(*s) for s in shapes))
    assert (
        op_names(module).count("reduce_sum") == 5
    )  # two of the loss and one of its gradient, one for each bias
    check(module, tmp_path, ({},))


def test_a_convolutional_network(tmp_path: Path) -> None:
    def loss(x: Term, w1: Term, b1: Term, w2: Term, b2: Term, w3: Term, labels: Term) -> Term:
        same = {"strides": (1, 1), "padding": "SAME"}
        y = (x.make("conv2d", w1, **same) + b1).point("relu")
        y = y.make("max_pool2d", kernel=(2, 2), strides=(2, 2))
        y = (y.make("conv2d", w2, **same) + b2).point("elu")
        y = y.make("avg_pool2d", kernel=(2, 2), strides=(2, 2)).reshape((4, 3 * 3 * 16))
        return cross_entropy(y.matmul(w3), labels)

    shapes = ((4, 12, 12, 3), (3, 3, 3, 8), (8,), (3, 3, 8, 16), (16,), (144, 5), (4, 5))
    check(trained(loss, *(tensor(*s) for s in shapes)), tmp_path, ({},))


def test_separable_convolutions_with_batch_statistics(tmp_path: Path) -> None:
    def loss(x: Term, deep: Term, flat: Term, scale: Term, offset: Term) -> Term:
        y = x.make("conv2d", deep, strides=(2, 2), padding="SAME").make("conv2d", flat)
        mean = y.make("reduce_mean", axes=(0, 1, 2))
        variance = y.point("squared_difference", mean).make("reduce_mean", axes=(0, 1, 2))
        y = (y - mean) * ((variance + 1e-3).point("rsqrt") * scale) + offset
        return y.point("relu6").make("reduce_mean", axes=(1, 2)).point("square").sum((0, 1))

    shapes = ((2, 9, 9, 6), (3, 3, 1, 6), (1, 1, 6, 12), (12,), (12,))
    check(trained(loss, *(tensor(*s) for s in shapes)), tmp_path, ({},), tolerance=1e-4)


def test_attention_with_layer_normalisation(tmp_path: Path) -> None:
    def loss(x: Term, scale: Term, offset: Term, wq: Term, wk: Term, wv: Term) -> Term:
        mean = x.make("reduce_mean", axes=(2,), keep_dims=True)
        variance = x.point("squared_difference", mean).make("reduce_mean", axes=(2,), keep_dims=True)
        x = (x - mean) * (variance + 1e-5).point("rsqrt") * scale + offset
        q, k, v = (x.matmul(w) for w in (wq, wk, wv))
        weights = (q.matmul(k, False, True) * 0.25).make("softmax")
        return weights.matmul(v).point("tanh").make("reduce_mean", axes=(0, 1, 2))

    shapes = ((2, 7, 16), (16,), (16,), (16, 16), (16, 16), (16, 16))
    check(trained(loss, *(tensor(*s) for s in shapes)), tmp_path, ({},), tolerance=1e-4)


def test_an_embedding(tmp_path: Path) -> None:
    rows = np.array([[1, 4, 1], [0, 1, 5]], np.int32)

    def loss(table: Term, w: Term) -> Term:
        at = Term(table.b, table.b(REGISTRY["graph.constant"], value=Dense(rows)))
        return (table.make("gather", at).matmul(w)).point("sigmoid").sum((0, 1, 2))

    check(trained(loss, tensor(9, 4), tensor(4, 3)), tmp_path, ({},))


def test_branches(tmp_path: Path) -> None:
    def loss(x: Term, w: Term) -> Term:
        condition = x.b(Greater, x.sum((0, 1)).v, x.like(0).v)
        yes, no = Block(), Block()
        one, two = Builder(yes), Builder(no)
        one.create(Yield, Term(one, x.v).matmul(Term(one, w.v)).point("tanh").v)
        two.create(Yield, (Term(two, x.v) * 2).v)
        y = Term(x.b, x.b(If, condition, regions=[Region(yes), Region(no)]))
        return Term(x.b, x.b(ReduceSum, (y * y).v, axes=(0, 1)))

    for sign in (1, -1):
        x = sign * np.abs(np.random.default_rng(0).normal(size=(4, 4))).astype(np.float32)
        w = np.random.default_rng(1).normal(size=(4, 4)).astype(np.float32)
        check(trained(loss, tensor(4, 4), tensor(4, 4)), tmp_path, ({},), inputs=[x, w])


def test_second_order(tmp_path: Path) -> None:
    def loss(x: Term, w: Term) -> Term:
        y = (x.make("conv2d", w, strides=(1, 1), padding="SAME")).point("tanh")
        y = y.make("max_pool2d", kernel=(2, 2), strides=(2, 2))
        (first,) = gradients(x.b, [y.v], [x.v])
        assert first is not None
        return Term(x.b, first).point("square").sum((0, 1, 2, 3))

    check(trained(loss, tensor(1, 6, 6, 2), tensor(3, 3, 2, 3)), tmp_path, ({},), tolerance=1e-4)
