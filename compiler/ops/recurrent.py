"""Recurrent layers: LSTM, GRU and the simple one, each the whole loop over time. Semantics are Keras 3's.

With a mask [B, T] (the last, optional operand) a step that is not there leaves the states as they are and repeats the
previous output; in front of the first step the output is 0. What such a step leaves for the gradient is 0, too.
Results beside outputs and states are what the gradient needs; a result that nothing uses is not computed.
"""

from __future__ import annotations

import numpy as np

from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.opdef import Attr, Operand, Variadic
from ..ir.types import Type
from .base import Gradients, shape_error, tensor
from .recurrent_backward import (
    in_time,
    input_gradients,
    previous_states,
    rows_of,
    summed_rows,
    weight_gradient,
)
from .recurrent_base import Gated, RecurrentOp, grown, there
from .recurrent_gradient import GRUGradient, LSTMGradient, SimpleRNNGradient
from .shape import Concat, Reshape, Slice


class Layer(RecurrentOp, name=""):
    """A layer over x [B, T, I] from the state h0 [B, H] on."""

    x = Operand()
    h0 = Operand()

    def check_layer(self, w: Value, u: Value, gates: int, masks: tuple[Value, ...]) -> None:
        """Checks input, weights [I, gates * H] and [H, gates * H], first state and mask."""
        x, h = tensor(self.x), self.sizes(u, gates)
        if x.rank != 3:
            raise shape_error(self, f"expected sequences [batch, steps, numbers], received {x}")
        if len(masks) > 1:
            raise shape_error(self, f"expected at most one mask, received {len(masks)}")
        self.float_operands(self.x, *(v for v in self.operands if v not in masks))
        self.expect("the first state", self.h0, x.shape[0], h)
        self.expect("the weights", w, x.shape[2], gates * h)
        for mask in masks:
            self.expect_mask(mask, x.shape[0], x.shape[1])


class LSTM(Layer, Gated, name="graph.lstm"):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997), gates in the order i, f, c, o: of x[B, T, I],
    h0[B, H], c0[B, H], w[I, 4H], u[H, 4H] and b[4H] the outputs [B, T, H], the last states h and c [B, H]; then for the
    gradient the gates after their activation [B, T, 4H] and the cells [B, T, H]."""

    c0 = Operand()
    w = Operand()
    u = Operand()
    b = Operand()
    mask = Variadic()

    def infer(self) -> tuple[Type, ...]:
        self.check_layer(self.w, self.u, 4, self.mask)
        x, (batch, h) = tensor(self.x), tensor(self.h0).shape
        self.expect("the first cell state", self.c0, batch, h)
        self.expect("the bias", self.b, 4 * h)
        y, state = grown(x, batch, x.shape[1], h), grown(x, batch, h)
        return y, state, state, grown(x, batch, x.shape[1], 4 * h), y

    def evaluate(self, *arrays: Array) -> tuple[Array, ...]:
        x, h, c, w, u, b, *masks = arrays
        act, gate = self.function(self.x), self.function(self.x, self.recurrent_activation)
        (batch, count, _), size = x.shape, h.shape[1]
        y, cells = (np.zeros((batch, count, size), x.dtype) for _ in range(2))
        gates = np.zeros((batch, count, 4 * size), x.dtype)
        out, given = np.zeros_like(h), np.matmul(x, w) + b
        for s, t in self.steps(count):
            zi, zf, zc, zo = np.split(given[:, t] + h @ u, 4, axis=1)
            i, f, g, o = gate(zi), gate(zf), act(zc), gate(zo)
            now, live = f * c + i * g, there(tuple(masks), t)
            c = np.where(live, now, c)
            h, out = (np.where(live, o * act(now), old) for old in (h, out))
            y[:, s], cells[:, s] = out, c
            gates[:, s] = np.where(live, np.concatenate([i, f, g, o], 1), 0)
        return y, h, c, gates, cells

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        """Backwards through time for what enters the gates, then products over all steps."""
        given = _given(self.mask, dy=dy[0], dh=dy[1], dc=dy[2])
        none = (None,) * len(self.mask)
        if not set(given) - {"mask"}:
            return (None,) * 6 + none
        back = b.create(
            LSTMGradient, self.c0, self.u, self.results[3], self.results[4], *given.values(),
            given=tuple(given), activation=self.activation, recurrent_activation=self.recurrent_activation,
            reverse=self.reverse,
        )  # fmt: skip
        dz, dh0, dc0 = back.results
        before = previous_states(b, self.results[0], self.h0, self.reverse, self.mask)
        dx, dw, db = input_gradients(b, self.x, self.w, dz)
        return (dx, dh0, dc0, dw, weight_gradient(b, before, dz), db, *none)


class GRU(Layer, Gated, name="graph.gru"):
    """Gated recurrent unit (Cho et al., 2014), gates in the order z, r, h: of x[B, T, I], h0[B, H], w[I, 3H], u[H, 3H]
    and b[2, 3H] (for x and for the state; without `reset_after` b[3H]) the outputs [B, T, H] and the last state [B, H];
    then for the gradient the gates after their activation [B, T, 3H] and the state's part of the candidate in front of
    the reset gate, without `reset_after` the state behind it [B, T, H]."""

    w = Operand()
    u = Operand()
    b = Operand()
    mask = Variadic()
    reset_after = Attr(bool, default=True)

    def infer(self) -> tuple[Type, ...]:
        self.check_layer(self.w, self.u, 3, self.mask)
        x, (batch, h) = tensor(self.x), tensor(self.h0).shape
        self.expect("the bias", self.b, *((2,) if self.reset_after else ()), 3 * h)
        y = grown(x, batch, x.shape[1], h)
        return y, grown(x, batch, h), grown(x, batch, x.shape[1], 3 * h), y

    def evaluate(self, *arrays: Array) -> tuple[Array, ...]:
        x, h, w, u, b, *masks = arrays
        act, gate = self.function(self.x), self.function(self.x, self.recurrent_activation)
        (batch, count, _), size = x.shape, h.shape[1]
        y, inner = (np.zeros((batch, count, size), x.dtype) for _ in range(2))
        gates = np.zeros((batch, count, 3 * size), x.dtype)
        out, given = np.zeros_like(h), np.matmul(x, w) + (b[0] if self.reset_after else b)
        for s, t in self.steps(count):
            xz, xr, xh = np.split(given[:, t], 3, axis=1)
            if self.reset_after:
                hz, hr, part = np.split(h @ u + b[1], 3, axis=1)
                z, r = gate(xz + hz), gate(xr + hr)
                candidate = act(xh + r * part)
            else:
                hz, hr = np.split(h @ u[:, : 2 * size], 2, axis=1)
                z, r = gate(xz + hz), gate(xr + hr)
                part = r * h
                candidate = act(xh + part @ u[:, 2 * size :])
            now, live = z * h + (1 - z) * candidate, there(tuple(masks), t)
            h, out = (np.where(live, now, old) for old in (h, out))
            y[:, s], inner[:, s] = out, np.where(live, part, 0)
            gates[:, s] = np.where(live, np.concatenate([z, r, candidate], 1), 0)
        return y, h, gates, inner

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        """Backwards through time for what enters the gates, then products over all steps."""
        given = _given(self.mask, dy=dy[0], dh=dy[1])
        none = (None,) * len(self.mask)
        if not set(given) - {"mask"}:
            return (None,) * 5 + none
        before = previous_states(b, self.results[0], self.h0, self.reverse, self.mask)
        back = b.create(
            GRUGradient, before, self.u, self.results[2], self.results[3], *given.values(), given=tuple(given),
            activation=self.activation, recurrent_activation=self.recurrent_activation, reverse=self.reverse,
            reset_after=self.reset_after,
        )  # fmt: skip
        dx, dw, db = input_gradients(b, self.x, self.w, back.results[0])
        if self.reset_after:
            du, both = self._recurrent_after(b, before, db, back.results[2])
        else:
            du, both = self._recurrent_before(b, before, back.results[0]), db
        return (dx, back.results[1], dw, du, both, *none)

    def _recurrent_after(self, b: Builder, before: Value, db: Value, dr: Value) -> tuple[Value, Value]:
        """The gradients of u and b, where the candidate's part goes through the reset gate."""
        columns = tensor(db).shape[0]
        rows = [b(Reshape, v, shape=(1, columns)) for v in (db, summed_rows(b, dr))]
        return weight_gradient(b, before, dr), b(Concat, *rows, axis=0)

    def _recurrent_before(self, b: Builder, before: Value, dz: Value) -> Value:
        """The gradient of u, whose last third sees the state behind the reset gate."""
        size = tensor(self.h0).shape[1]
        flat = rows_of(b, dz)
        rows = tensor(flat).shape[0]
        halves = [
            b(Slice, flat, starts=(0, lo * size), stops=(rows, hi * size), steps=(1, 1))
            for lo, hi in ((0, 2), (2, 3))
        ]
        inner = in_time(b, self.results[3], self.reverse)
        parts = [weight_gradient(b, v, d) for v, d in zip((before, inner), halves, strict=True)]
        return b(Concat, *parts, axis=1)


class SimpleRNN(Layer, name="graph.simple_rnn"):
    """A fully connected layer that sees its own last output: of x[B, T, I], h0[B, H], w[I, H], u[H, H] and b[H] the
    outputs [B, T, H] and the last state [B, H]."""

    w = Operand()
    u = Operand()
    b = Operand()
    mask = Variadic()

    def infer(self) -> tuple[Type, ...]:
        self.check_layer(self.w, self.u, 1, self.mask)
        x, (batch, h) = tensor(self.x), tensor(self.h0).shape
        self.expect("the bias", self.b, h)
        return grown(x, batch, x.shape[1], h), grown(x, batch, h)

    def evaluate(self, *arrays: Array) -> tuple[Array, ...]:
        x, h, w, u, b, *masks = arrays
        act = self.function(self.x)
        y = np.zeros((*x.shape[:2], h.shape[1]), x.dtype)
        out, given = np.zeros_like(h), np.matmul(x, w) + b
        for s, t in self.steps(x.shape[1]):
            now, live = act(given[:, t] + h @ u), there(tuple(masks), t)
            h, out = (np.where(live, now, old) for old in (h, out))
            y[:, s] = out
        return y, h

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        """Backwards through time for what enters the activation, then products over all steps."""
        given = _given(self.mask, dy=dy[0], dh=dy[1])
        none = (None,) * len(self.mask)
        if not set(given) - {"mask"}:
            return (None,) * 5 + none
        back = b.create(
            SimpleRNNGradient, self.u, self.results[0], *given.values(), given=tuple(given),
            activation=self.activation, reverse=self.reverse,
        )  # fmt: skip
        dz, dh0 = back.results
        before = previous_states(b, self.results[0], self.h0, self.reverse, self.mask)
        dx, dw, db = input_gradients(b, self.x, self.w, dz)
        return (dx, dh0, dw, weight_gradient(b, before, dz), db, *none)


def _given(masks: tuple[Value, ...], **gradients: Value | None) -> dict[str, Value]:
    """The optional operands of a gradient that there are."""
    rows = [*(("mask", v) for v in masks), *gradients.items()]
    return {k: v for k, v in rows if v is not None}
