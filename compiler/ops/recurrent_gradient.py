"""Gradients of recurrent layers backwards through time: what enters the gates, and the first states.

Gradients with a time axis are in the order of the layer's input, what the layer kept is in the order of its steps.
`given` names the optional operands that follow, in this order: "mask", "dy" [B, T, H], "dh" and "dc" [B, H].
A step that is not there has the gradient 0, and hands that of its output to the step before.
"""

from __future__ import annotations

import numpy as np

from ..ir.attributes import Array
from ..ir.core import Value
from ..ir.opdef import Attr, Operand, Variadic
from ..ir.types import Type
from .base import shape_error, tensor
from .recurrent_base import Gated, RecurrentOp, grown, there


class LayerGradient(RecurrentOp, name=""):
    """Backwards through time."""

    given = Attr(tuple[str, ...])
    optional = ("mask", "dy", "dh")

    def check_given(self, like: Value, rest: tuple[Value, ...]) -> None:
        """Checks the optional operands against a result [B, T, H] of the layer."""
        if len(rest) != len(self.given) or [n for n in self.optional if n in self.given] != list(self.given):
            raise shape_error(
                self, f"{len(rest)} optional operands are called {list(self.given)}; expected {self.optional}"
            )
        batch, count, size = tensor(like).shape
        for name, v in zip(self.given, rest, strict=True):
            if name == "mask":
                self.expect_mask(v, batch, count)
            elif name == "dy":
                self.expect("dy", v, batch, count, size)
            else:
                self.expect(name, v, batch, size)
        self.float_operands(*(v for v in self.operands if v not in rest[: "mask" in self.given]))

    def named(self, arrays: list[Array], like: Array) -> tuple[tuple[Array, ...], Array, Array, Array]:
        """(mask, if any), dy, dh and dc; zeros where they are not given."""
        found = dict(zip(self.given, arrays, strict=True))
        state = np.zeros_like(like[:, 0] if like.shape[1] else like.sum(1))
        masks = tuple(found[n] for n in ("mask",) if n in found)
        return masks, found.get("dy", np.zeros_like(like)), found.get("dh", state), found.get("dc", state)

    def backwards(self, count: int) -> list[tuple[int, int]]:
        """(number of the step, place in time), the last step first."""
        return list(self.steps(count))[::-1]


class LSTMGradient(LayerGradient, Gated, name="graph.lstm_gradient"):
    """The gradients of what enters an LSTM's gates [B, T, 4H], of h0 and of c0 [B, H], from c0, u[H, 4H], the gates
    [B, T, 4H] and cells [B, T, H] that it kept, and the gradients of its outputs and last states."""

    c0 = Operand()
    u = Operand()
    gates = Operand()
    cells = Operand()
    rest = Variadic()
    optional = ("mask", "dy", "dh", "dc")

    def infer(self) -> tuple[Type, ...]:
        h, t = self.sizes(self.u, 4), tensor(self.cells)
        if t.rank != 3:
            raise shape_error(self, f"expected cells [batch, steps, units], received {t}")
        self.expect("the cells", self.cells, *t.shape[:2], h)
        self.expect("the gates", self.gates, *t.shape[:2], 4 * h)
        self.expect("the first cell state", self.c0, t.shape[0], h)
        self.check_given(self.cells, self.rest)
        state = grown(t, t.shape[0], h)
        return grown(t, *t.shape[:2], 4 * h), state, state

    def evaluate(self, *arrays: Array) -> tuple[Array, ...]:
        c0, u, gates, cells, *rest = arrays
        masks, dys, dh, dc = self.named(rest, cells)
        act, slope = self.function(self.u), self.slope(self.u)
        gate = self.slope(self.u, self.recurrent_activation)
        dz, carried = np.zeros_like(gates), np.zeros_like(dh)
        for s, t in self.backwards(cells.shape[1]):
            live = there(masks, t)
            i, f, g, o = np.split(gates[:, s], 4, axis=1)
            before = cells[:, s - 1] if s else c0
            value = act(cells[:, s])
            out = carried + dys[:, s]
            dnow = dh + out
            dcell = dc + dnow * o * slope(value)
            parts = [
                dcell * g * gate(i),
                dcell * before * gate(f),
                dcell * i * slope(g),
                dnow * value * gate(o),
            ]
            dz[:, t] = np.where(live, np.concatenate(parts, 1), 0)
            dh = np.where(live, dz[:, t] @ u.T, dh)
            dc, carried = np.where(live, dcell * f, dc), np.where(live, 0, out).astype(dh.dtype)
        return dz, dh, dc


class GRUGradient(LayerGradient, Gated, name="graph.gru_gradient"):
    """The gradients of what enters a GRU's gates from x [B, T, 3H] and of h0 [B, H], with `reset_after` also of what
    enters them from the state [B, T, 3H]; from the states in front of every step [B, T, H], u[H, 3H], what the layer
    kept, and the gradients of its outputs and last state."""

    before = Operand()
    u = Operand()
    gates = Operand()
    inner = Operand()
    rest = Variadic()
    reset_after = Attr(bool, default=True)

    def infer(self) -> tuple[Type, ...]:
        h, t = self.sizes(self.u, 3), tensor(self.before)
        if t.rank != 3:
            raise shape_error(self, f"expected states [batch, steps, units], received {t}")
        self.expect("the states", self.before, *t.shape[:2], h)
        self.expect("the gates", self.gates, *t.shape[:2], 3 * h)
        self.expect("the inner values", self.inner, *t.shape)
        self.check_given(self.before, self.rest)
        dz = grown(t, *t.shape[:2], 3 * h)
        return dz, grown(t, t.shape[0], h), *((dz,) if self.reset_after else ())

    def evaluate(self, *arrays: Array) -> tuple[Array, ...]:
        before, u, gates, inner, *rest = arrays
        masks, dys, dh, _ = self.named(rest, before)
        slope, gate = self.slope(self.u), self.slope(self.u, self.recurrent_activation)
        size = u.shape[0]
        dz, dr, carried = np.zeros_like(gates), np.zeros_like(gates), np.zeros_like(dh)
        for s, t in self.backwards(before.shape[1]):
            live, old = there(masks, t), before[:, t]
            z, r, g = np.split(gates[:, s], 3, axis=1)
            out = carried + dys[:, s]
            dnow = dh + out
            dg = dnow * (1 - z) * slope(g)
            inside = inner[:, s] if self.reset_after else old
            dpart = dg if self.reset_after else dg @ u[:, 2 * size :].T
            parts = [dnow * (old - g) * gate(z), dpart * inside * gate(r)]
            dz[:, t] = np.where(live, np.concatenate([*parts, dg], 1), 0)
            dr[:, t] = np.where(live, np.concatenate([*parts, dg * r], 1), 0)
            if self.reset_after:
                below = dnow * z + dr[:, t] @ u.T
            else:
                below = dnow * z + dpart * r + dz[:, t, : 2 * size] @ u[:, : 2 * size].T
            dh, carried = np.where(live, below, dh), np.where(live, 0, out).astype(dh.dtype)
        return (dz, dh, dr) if self.reset_after else (dz, dh)


class SimpleRNNGradient(LayerGradient, name="graph.simple_rnn_gradient"):
    """The gradients of what enters the activation [B, T, H] and of h0 [B, H], from u[H, H], the layer's outputs
    [B, T, H], and the gradients of its outputs and last state."""

    u = Operand()
    y = Operand()
    rest = Variadic()

    def infer(self) -> tuple[Type, ...]:
        h, t = self.sizes(self.u, 1), tensor(self.y)
        if t.rank != 3:
            raise shape_error(self, f"expected outputs [batch, steps, units], received {t}")
        self.expect("the outputs", self.y, *t.shape[:2], h)
        self.check_given(self.y, self.rest)
        return t, grown(t, t.shape[0], h)

    def evaluate(self, *arrays: Array) -> tuple[Array, ...]:
        u, y, *rest = arrays
        masks, dys, dh, _ = self.named(rest, y)
        slope = self.slope(self.u)
        dz, carried = np.zeros_like(y), np.zeros_like(dh)
        for s, t in self.backwards(y.shape[1]):
            live = there(masks, t)
            out = carried + dys[:, s]
            dz[:, t] = np.where(live, (dh + out) * slope(y[:, s]), 0)
            dh = np.where(live, dz[:, t] @ u.T, dh)
            carried = np.where(live, 0, out).astype(dh.dtype)
        return dz, dh
