"""Ops with several results of which one is asked for first, and tensors that functions take from outside."""

from __future__ import annotations

import numpy as np
from netwright.compiler.ops.recurrent import SimpleRNN
from netwright.frontends.eager import ops as eager
from netwright.frontends.eager.function import function
from netwright.frontends.eager.tape import GradientTape
from netwright.frontends.eager.tensor import convert, ops
from netwright.frontends.eager.variable import Variable

X = np.random.default_rng(0).standard_normal((2, 3, 2)).astype(np.float32)
U = np.eye(2, dtype=np.float32)
NONE = np.zeros((2, 2), np.float32)


def steps(w: object) -> list[object]:
    operands = [convert(v) for v in (X, NONE, w, U, NONE[0])]
    return ops(SimpleRNN, *operands)


def test_results_one_after_the_other() -> None:
    y, h = steps(U)
    first = y.numpy()
    np.testing.assert_array_equal(h.numpy(), first[:, -1])
    np.testing.assert_array_equal((h + 1).numpy(), first[:, -1] + 1)


def test_gradient_after_one_result_is_known() -> None:
    w = Variable(U)
    with GradientTape() as tape:
        y, h = steps(w)
        loss = eager.sum(y) + eager.sum(h)
        y.numpy()
    assert tape.gradient(loss, w).shape == (2, 2)


def test_other_results_are_of_the_time_before_an_assignment() -> None:
    w = Variable(U)
    y, h = steps(w)
    first = y.numpy()
    w.assign(NONE)
    np.testing.assert_array_equal(h.numpy(), first[:, -1])


def test_function_takes_computed_tensors_from_outside() -> None:
    known, pending = convert(X) * 2, convert(X) * 3
    known.numpy()
    np.testing.assert_allclose(function(lambda x: x + known + pending)(X).numpy(), X * 6, rtol=1e-6)
