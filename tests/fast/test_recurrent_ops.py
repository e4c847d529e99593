"""Recurrent layers: the reference evaluation against a plain loop, gradients against finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ops.builtin import functions
from netwright.compiler.ops.elementwise import Add, Mul
from netwright.compiler.ops.interpreter import Interpreter
from netwright.compiler.ops.recurrent import GRU, LSTM, SimpleRNN
from netwright.compiler.ops.recurrent_activation import ACTIVATIONS, on_arrays
from netwright.compiler.ops.recurrent_gradient import LSTMGradient
from netwright.compiler.ops.reduce import ReduceSum
from netwright.compiler.ops.shape import Slice
from netwright.runtime.errors import DTypeError, ShapeError
from netwright.runtime.spec import boolean, f32, f64, i32

from ..gradients import check_gradient as check_by_differences
from ..helpers import close, constant, graph, tensor
from ..recurrent import Layer, arrays_of, layers


def run(module: Op, arrays: list[Any]) -> list[Any]:
    return list(Interpreter(module).run(arrays))


def sigmoid(x: float) -> float:
    return 1 / (1 + np.exp(-x))


def plain_lstm(x: Any, h: Any, c: Any, w: Any, u: Any, b: Any, mask: Any, reverse: bool) -> Any:
    """One sequence, one number at a time."""
    size = len(h)
    h, c, out, rows = list(h), list(c), [0.0] * size, []
    order = range(len(x))
    for t in reversed(order) if reverse else order:
        if mask[t]:
            z = [
                sum(x[t][k] * w[k][j] for k in range(len(w)))
                + sum(h[k] * u[k][j] for k in range(size))
                + b[j]
                for j in range(4 * size)
            ]
            i, f, o = ([sigmoid(v) for v in z[k * size : (k + 1) * size]] for k in (0, 1, 3))
            g = [np.tanh(v) for v in z[2 * size : 3 * size]]
            c = [f[j] * c[j] + i[j] * g[j] for j in range(size)]
            h = [o[j] * np.tanh(c[j]) for j in range(size)]
            out = h
        rows.append(out)
    return np.array(rows), np.array(h), np.array(c)


def plain_gru(x: Any, h: Any, w: Any, u: Any, b: Any, mask: Any, reverse: bool, after: bool) -> Any:
    size = len(h)
    bx, bh = (b[0], b[1]) if after else (b, np.zeros(3 * size))
    out, rows = np.zeros(size), []
    for t in range(len(x))[:: -1 if reverse else 1]:
        if mask[t]:
            p = x[t] @ w + bx
            q = h @ u + bh
            z, r = sigmoid(p[:size] + q[:size]), sigmoid(p[size : 2 * size] + q[size : 2 * size])
            part = r * q[2 * size :] if after else (r * h) @ u[:, 2 * size :]
            h = out = z * h + (1 - z) * np.tanh(p[2 * size :] + part)
        rows.append(out)
    return np.array(rows).reshape(-1, size), h


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 6])
def test_lstm_is_the_plain_loop(steps: int, masked: bool, reverse: bool) -> None:
    case = Layer(LSTM, units=3, batch=4, steps=steps, inputs=2, masked=masked, dtype=f64, reverse=reverse)
    arrays = arrays_of(case)
    x, h0, c0, w, u, b = arrays[:6]
    mask = arrays[6] if masked else np.ones((4, steps), bool)
    y, h, c, *_ = run(case.module(), arrays)
    for k in range(4):
        rows, last, cell = plain_lstm(x[k], h0[k], c0[k], w, u, b, mask[k], reverse)
        close(y[k], rows.reshape(steps, 3), 1e-12)
        close(h[k], last, 1e-12)
        close(c[k], cell, 1e-12)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_gru_is_the_plain_loop(masked: bool, reverse: bool, after: bool) -> None:
    case = Layer(GRU, units=3, batch=4, steps=5, inputs=2, masked=masked, dtype=f64, reverse=reverse,
                 options={"reset_after": after})  # fmt: skip
    arrays = arrays_of(case)
    x, h0, w, u, b = arrays[:5]
    mask = arrays[5] if masked else np.ones((4, 5), bool)
    y, h, *_ = run(case.module(), arrays)
    for k in range(4):
        rows, last = plain_gru(x[k], h0[k], w, u, b, mask[k], reverse, after)
        close(y[k], rows, 1e-12)
        close(h[k], last, 1e-12)


def loss_of(case: Layer, weights: list[Any]) -> Callable[..., tuple[Value, ...]]:
    """Σ result · weights over the outputs and states of a layer, and its gradients by every operand."""

    def build(b: Builder, *operands: Value) -> tuple[Value, ...]:
        op = b.create(case.op, *operands, **case.attributes())
        dy = [constant(b, a) if a is not None else None for a in weights]
        total: Value | None = None
        for r, d in zip(op.results, dy, strict=False):
            if d is not None:
                part = b(ReduceSum, b(Mul, r, d), axes=tuple(range(r.type.rank)))  # type: ignore[union-attr]
                total = part if total is None else b(Add, total, part)
        more = [None] * (len(op.results) - len(dy))
        gradients = op.gradient(b, *dy, *more)  # type: ignore[attr-defined]
        assert total is not None and len(gradients) == len(operands)
        if case.masked:
            assert gradients[-1] is None
        return (total, *(g for g in gradients if g is not None))

    return build


def check_gradients(case: Layer, use: tuple[bool, ...]) -> None:
    """Every gradient against central differences of the reference."""
    rng = np.random.default_rng(7)
    arrays = arrays_of(case)
    shapes = [r.type.shape for r in functions(case.module())[0].body.terminator.operands]  # type: ignore[union-attr]
    weights = [rng.normal(size=s) if on else None for s, on in zip(shapes, use, strict=False)]
    module = graph(loss_of(case, weights), case.types())
    _, *gradients = run(module, arrays)
    for k, got in enumerate(gradients):
        want = np.zeros_like(got)
        for at in np.ndindex(got.shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = [a.copy() for a in arrays]
                moved[k][at] += step
                ends.append(run(module, moved)[0])
            want[at] = (ends[0] - ends[1]) / 2e-5
        close(got, want, 1e-7)


SMALL = {"units": 3, "batch": 2, "steps": 4, "inputs": 2, "dtype": f64}


@pytest.mark.parametrize("case", list(layers(**SMALL)), ids=str)
def test_gradients(case: Layer) -> None:
    check_gradients(case, (True, True, True) if case.op is LSTM else (True, True))


@pytest.mark.parametrize("op", [LSTM, GRU, SimpleRNN])
def test_gradients_of_some_results(op: type[Op]) -> None:
    case = Layer(op, **SMALL)
    check_gradients(case, (True,))
    check_gradients(case, (False, True))
    if op is LSTM:
        check_gradients(case, (False, False, True))


def test_layers_on_each_other() -> None:
    """An LSTM on a GRU, the last output alone; through the driver of reverse mode."""
    first, second = Layer(GRU, **SMALL, masked=True), Layer(LSTM, **{**SMALL, "inputs": 3}, masked=True)
    lower, upper = arrays_of(first), arrays_of(second)

    def build(b: Builder, *v: Value) -> Value:
        *operands, mask = v[: len(lower)]
        middle = b.create(GRU, *operands, mask).results[0]
        y = b.create(LSTM, middle, *v[len(lower) :], mask, reverse=True).results[0]
        return b(Slice, y, starts=(0, 3, 0), stops=(2, 4, 3), steps=(1, 1, 1))

    check_by_differences(build, *lower, *upper[1:-1])


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_slopes_follow_from_values(name: str) -> None:
    value, slope = (on_arrays(f, f64) for f in (ACTIVATIONS[name].value, ACTIVATIONS[name].slope))
    x = np.linspace(-8.05, 8.05, 162)
    want = (value(x + 1e-6) - value(x - 1e-6)) / 2e-6
    np.testing.assert_allclose(slope(value(x)), want, atol=1e-7, rtol=1e-7)


@pytest.mark.parametrize("op", [LSTM, GRU, SimpleRNN])
def test_nothing_flows_without_gradients(op: type[Op]) -> None:
    def build(b: Builder, *operands: Value) -> Value:
        made = b.create(op, *operands)
        assert set(made.gradient(b, *[None] * len(made.results))) == {None}  # type: ignore[attr-defined]
        return made.results[0]

    graph(build, Layer(op, **SMALL).types())


def test_wrong_operands_are_named() -> None:
    types = Layer(LSTM, units=3, batch=2, steps=4, inputs=2).types()

    def build(b: Builder, *v: Value) -> Value:
        return b.create(LSTM, *v).results[0]

    for k, wrong, error in [
        (0, tensor(2, 4), ShapeError),
        (1, tensor(2, 4), ShapeError),
        (3, tensor(3, 12), ShapeError),
        (4, tensor(3, 13), ShapeError),
        (5, tensor(12, dtype=f64), DTypeError),
    ]:
        with pytest.raises(error, match=r"graph\.lstm"):
            graph(build, [*types[:k], wrong, *types[k + 1 :]])
    with pytest.raises(DTypeError, match="mask must be bool"):
        graph(build, [*types, tensor(2, 4, dtype=i32)])
    with pytest.raises(ShapeError, match="mask"):
        graph(build, [*types, tensor(2, 5, dtype=boolean)])
    whole = [tensor(2, 3), tensor(3, 12), tensor(2, 4, 12), tensor(2, 4, 3), tensor(2, 4, 3)]
    with pytest.raises(ShapeError, match="optional operands"):
        graph(lambda b, *v: b.create(LSTMGradient, *v, given=("dh", "dy")).results[0], whole)
    assert types[0].dtype == f32
