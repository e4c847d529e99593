"""Branches and loops of `ops`: with values, in traced functions, and their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from netwright.frontends.eager import ops
from netwright.frontends.eager.function import function
from netwright.frontends.eager.tape import GradientTape
from netwright.frontends.eager.tensor import convert
from netwright.frontends.eager.variable import Variable
from netwright.runtime.errors import InputError

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def branch(x: Any) -> Any:
    return ops.cond(ops.sum(x) > 0, lambda: (x * 2, 1.0), lambda: (ops.exp(x), 2.0))


def loop(x: Any) -> Any:
    return ops.while_loop(lambda i, v: ops.sum(v) < 100, lambda i, v: (i + 1, v * 2 + x), (0, x))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_branch_is_the_same_in_a_traced_function(sign: int) -> None:
    x = X * sign
    for made in (branch(convert(x)), function(branch)(x)):
        np.testing.assert_allclose(made[0].numpy(), x * 2 if sign > 0 else np.exp(x), rtol=1e-6)
        assert float(made[1]) == (1 if sign > 0 else 2)


@pytest.mark.parametrize("sign", [1, -1])
def test_gradients_go_through_a_branch(sign: int) -> None:
    @function
    def slope(x: Any) -> Any:
        with GradientTape() as tape:
            tape.watch(x)
            y = ops.sum(branch(x)[0])
        return tape.gradient(y, x)

    x = X * sign
    np.testing.assert_allclose(slope(x).numpy(), np.full_like(x, 2) if sign > 0 else np.exp(x), rtol=1e-6)


@pytest.mark.parametrize("up", [True, False])
def test_a_branch_assigns_variables(up: bool) -> None:
    v = Variable(np.float32(3))

    def grow() -> None:
        v.assign(v + 1)

    def step(flag: Any) -> Any:
        ops.cond(flag, grow, lambda: None)
        return v * 1.0

    assert float(function(step)(np.array(up))) == (4 if up else 3)
    assert float(v) == (4 if up else 3)


def test_branches_must_give_the_same() -> None:
    def wrong(x: Any) -> Any:
        return ops.cond(ops.sum(x) > 0, lambda: x, lambda: ops.sum(x))

    with pytest.raises(InputError, match="branches of the same types"):
        function(wrong)(X)


def test_a_loop_is_the_same_in_a_traced_function() -> None:
    v, rounds = X.copy(), 0
    while v.sum() < 100:
        v, rounds = v * 2 + X, rounds + 1
    for made in (loop(convert(X)), function(loop)(X)):
        assert int(made[0]) == rounds
        np.testing.assert_array_equal(made[1].numpy(), v)


def test_a_loop_stops_after_so_many_rounds() -> None:
    def limited(x: Any) -> Any:
        return ops.while_loop(lambda v: ops.sum(v) < 100, lambda v: v + 1, x, maximum_iterations=3)

    np.testing.assert_array_equal(function(limited)(X).numpy(), X + 3)
    np.testing.assert_array_equal(limited(X).numpy(), X + 3)


def test_a_loop_reads_variables_and_does_not_assign_them() -> None:
    w = Variable(np.float32(2))
    made = function(lambda x: ops.fori_loop(0, 3, lambda i, v: v * w, x))(X)
    np.testing.assert_array_equal(made.numpy(), X * 8)
    with pytest.raises(InputError, match="no assignment in the body of a loop"):
        function(lambda x: ops.fori_loop(0, 3, lambda i, v: v * w.assign(v[0, 0]).value, x))(X)


def test_loop_variables_keep_their_types() -> None:
    with pytest.raises(InputError, match="loop variable 0 to stay"):
        function(lambda x: ops.while_loop(lambda v: ops.sum(v) < 9, lambda v: ops.concatenate([v, v]), x))(X)


def test_a_branch_inside_of_a_loop() -> None:
    def body(i: Any, v: Any) -> Any:
        return ops.cond(i % 2 == 0, lambda: v + 1, lambda: v * 2)

    made = function(lambda x: ops.fori_loop(0, 4, body, x))(X)
    np.testing.assert_array_equal(made.numpy(), ((X + 1) * 2 + 1) * 2)


@pytest.mark.parametrize("reverse", [False, True])
def test_scan(reverse: bool) -> None:
    def run(x: Any) -> Any:
        return ops.scan(lambda c, row: (c + row, {"y": c * row}), np.zeros(3, np.float32), x, reverse=reverse)

    rows = X[::-1] if reverse else X
    carry, kept = np.zeros(3, np.float32), []
    for row in rows:
        kept.append(carry * row)
        carry = carry + row
    for last, ys in (run(X), function(run)(X)):
        np.testing.assert_array_equal(last.numpy(), carry)
        np.testing.assert_array_equal(ys["y"].numpy(), kept[::-1] if reverse else kept)


def test_gradients_go_through_a_scan() -> None:
    @function
    def slope(x: Any) -> Any:
        with GradientTape() as tape:
            tape.watch(x)
            last, _ = ops.scan(lambda c, row: (c * row, c), np.ones(3, np.float32), x)
            y = ops.sum(last)
        return tape.gradient(y, x)

    np.testing.assert_array_equal(slope(X + 1).numpy(), (X + 1)[::-1])


def test_map_switch_and_their_kin() -> None:
    np.testing.assert_array_equal(ops.map(lambda r: ops.sum(r), X).numpy(), X.sum(1))
    np.testing.assert_array_equal(function(lambda x: ops.map(lambda r: r * 2, x))(X).numpy(), X * 2)
    np.testing.assert_array_equal(ops.vectorized_map(lambda r: ops.max(r), X).numpy(), X.max(1))
    chosen = [lambda x: x + 1, lambda x: x * 3, lambda x: -x]
    for i, wanted in ((-1, X + 1), (1, X * 3), (7, -X)):
        made = function(lambda k, x: ops.switch(k, chosen, x))(np.array(i, np.int32), X)
        np.testing.assert_array_equal(made.numpy(), wanted)


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_associative_scan(size: int) -> None:
    x = np.arange(1, size + 1, dtype=np.float32)
    np.testing.assert_array_equal(ops.associative_scan(lambda a, b: a + b, x).numpy(), np.cumsum(x))
    made = ops.associative_scan(lambda a, b: a + b, x, reverse=True).numpy()
    np.testing.assert_array_equal(made, np.cumsum(x[::-1])[::-1])
