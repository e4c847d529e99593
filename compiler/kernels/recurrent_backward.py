"""Gradients of recurrent layers: the loop backwards over time.

The gradient of a state is the sum of `sums`, which came through the recurrent weights, and of `keep`, which did not.
Of a step that is not there the output's gradient waits in `carried` for the step before.
"""

from __future__ import annotations

from ..ir.core import Value
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..target import Target
from .build import Index
from .dialect_kern import Kernel
from .family import lowers
from .recurrent import Recurrence


@lowers("lstm_gradient")
def lower_lstm_gradient(kernel: Kernel, target: Target) -> FuncOp:
    """Reads `c0`, `u` (transposed), `gates` [B, T, 4, H], `cells` and what is given; writes scratch `left`, `sums`,
    `cell`, with a mask `keep` and `carried`; `dz`, and `dh0` and `dc0` where they are used."""
    return _LSTM(kernel, target).function()


@lowers("gru_gradient")
def lower_gru_gradient(kernel: Kernel, target: Target) -> FuncOp:
    """Reads `before`, `u` (transposed), `gates` [B, T, 3, H], `inner` and what is given; without params["reset_after"]
    `u` has two thirds of the weights and `candidate` the others. Writes scratch `left`, `sums`, `keep`, with a mask
    `carried`; `dz`, and `dh0` and `dr` where they are used."""
    return _GRU(kernel, target).function()


@lowers("simple_rnn_gradient")
def lower_simple_rnn_gradient(kernel: Kernel, target: Target) -> FuncOp:
    """Reads `u` (transposed), `y` and what is given; writes scratch `left`, `sums`, with a mask `keep` and `carried`;
    `dz`, and `dh0` where it is used."""
    return _SimpleRNN(kernel, target).function()


class _Backward(Recurrence):
    backward = True
    #: gates whose gradients go through the recurrent weights
    through = 1

    def begin(self) -> None:
        # its rows as gates: a vector may not reach into the next one
        self.buffers["left rows"] = self.buffers["left"]
        left, (gates, units) = self.type("left"), (self.through, self.units)
        strides = (left.element_strides[0], units, 1)
        self.buffers["left"] = self.b.reinterpret(
            self.buffers["left"], (left.shape[0], gates, units), strides
        )

        def first(row: Value, j: Index, inside: bool) -> None:
            self.put(self.given("dh", row, j, inside=inside), "sums", row, j)
            self.put(self.given("dc", row, j, inside=inside), "cell", row, j)
            for name in ("keep", "carried"):
                self.put(self.zero(), name, row, j)

        self.each(first)

    def end(self) -> None:
        def last(row: Value, j: Index, inside: bool) -> None:
            if self.has("dh0"):
                self.put(self.state(row, j), "dh0", row, j, inside=inside)
            if self.has("dc0"):
                self.put(self.get("cell", row, j), "dc0", row, j, inside=inside)

        if self.has("dh0") or self.has("dc0"):
            self.each(last)

    def state(self, row: Value, j: Index) -> Num:
        """The gradient of the state behind a step."""
        total = self.get("sums", row, j)
        return total + self.get("keep", row, j) if self.has("keep") else total

    def output(self, row: Value, s: Index, j: Index, inside: bool) -> Num | None:
        """The gradient of the step's output."""
        dy = self.get("dy", row, s, j, inside=inside) if self.has("dy") else None
        if not self.has("carried"):
            return dy
        carried = self.get("carried", row, j)
        return carried if dy is None else carried + dy

    def both(self, row: Value, s: Index, j: Index, inside: bool) -> Num:
        """The gradient of what a step makes, which is its state and its output."""
        dy, dh = self.output(row, s, j, inside), self.state(row, j)
        self.put(self.zero(), "carried", row, j)
        return dh if dy is None else dh + dy

    def missing(self, row: Value, s: Index, t: Index, j: Index, inside: bool, gates: int) -> None:
        """A step that is not there."""
        out, dh = self.output(row, s, j, inside), self.state(row, j)
        if out is not None:
            self.put(out, "carried", row, j)
        self.put(dh, "keep", row, j)
        for gate in range(gates):
            self.put(self.zero(), "dz", row, t, gate, j, inside=inside)
            self.put(self.zero(), "dr", row, t, gate, j, inside=inside)
        for gate in range(self.through):
            self.put(self.zero(), "left", row, gate, j, inside=inside)

    def recur(self, s: Index, weights: str = "u") -> None:
        """What goes through the recurrent weights to the state before; that of the first step only where it is used."""
        b = self.b

        def run() -> None:
            self.product("left rows", weights, "sums", self.through * self.units, self.units)

        if self.has("dh0"):
            run()
            return
        with b.when(b.compare("sgt", s, 0)):
            run()


class _LSTM(_Backward):
    through = 4

    def step(self, s: Index, t: Index) -> None:
        self.each(
            lambda row, j, inside: self._cell(row, s, t, j, inside),
            lambda row, j, inside: self.missing(row, s, t, j, inside, 4),
            t,
        )
        self.recur(s)

    def _cell(self, row: Value, s: Index, t: Index, j: Index, inside: bool) -> None:
        i, f, g, o = (self.get("gates", row, s, k, j, inside=inside) for k in range(4))
        value = self.act(self.get("cells", row, s, j, inside=inside))
        dnow = self.both(row, s, j, inside)
        dcell = self.get("cell", row, j) + dnow * o * self.slope(value)
        before = self._before(row, s, j, inside)
        parts = (
            dcell * g * self.gate_slope(i),
            dcell * before * self.gate_slope(f),
            dcell * i * self.slope(g),
            dnow * value * self.gate_slope(o),
        )
        for k, x in enumerate(parts):
            self.put(x, "dz", row, t, k, j, inside=inside)
            self.put(x, "left", row, k, j, inside=inside)
        self.put(dcell * f, "cell", row, j)
        self.put(self.zero(), "keep", row, j)

    def _before(self, row: Value, s: Index, j: Index, inside: bool) -> Num:
        """The cells in front of the step."""
        b = self.b
        (found,) = b.choose(
            b.compare("sgt", s, 0),
            lambda: [self.get("cells", row, b.sub(s, 1), j, inside=inside).v],
            lambda: [self.get("c0", row, j, inside=inside).v],
        )
        return Num(self.scalars, found, self.dtype)


class _GRU(_Backward):
    @property
    def after(self) -> bool:
        return bool(self.params["reset_after"])

    @property
    def through(self) -> int:  # type: ignore[override]
        return 3 if self.after else 2

    def step(self, s: Index, t: Index) -> None:
        def missing(row: Value, j: Index, inside: bool) -> None:
            self.missing(row, s, t, j, inside, 3)

        if self.after:
            self.each(lambda row, j, inside: self._cell(row, s, t, j, inside), missing, t)
        else:
            self.each(lambda row, j, inside: self._candidate(row, s, t, j, inside))
            self.product("dg", "candidate", "dpart", self.units, self.units)
            self.each(lambda row, j, inside: self._reset(row, s, t, j, inside), missing, t)
        self.recur(s)

    def _gates(self, row: Value, s: Index, j: Index, inside: bool) -> tuple[Num, Num, Num]:
        z, r, g = (self.get("gates", row, s, k, j, inside=inside) for k in range(3))
        return z, r, g

    def _cell(self, row: Value, s: Index, t: Index, j: Index, inside: bool) -> None:
        z, r, g = self._gates(row, s, j, inside)
        old = self.get("before", row, t, j, inside=inside)
        dnow = self.both(row, s, j, inside)
        dg = dnow * (1.0 - z) * self.slope(g)
        part = self.get("inner", row, s, j, inside=inside)
        first = (dnow * (old - g) * self.gate_slope(z), dg * part * self.gate_slope(r))
        for name, last in (("dz", dg), ("dr", dg * r)):
            for k, x in enumerate((*first, last)):
                self.put(x, name, row, t, k, j, inside=inside)
        for k, x in enumerate((*first, dg * r)):
            self.put(x, "left", row, k, j, inside=inside)
        self.put(dnow * z, "keep", row, j)

    def _candidate(self, row: Value, s: Index, t: Index, j: Index, inside: bool) -> None:
        """What enters the candidate, of steps that are not there too, where nothing reads it."""
        z, _, g = self._gates(row, s, j, inside)
        dy, dh = self.output(row, s, j, inside), self.state(row, j)
        dnow = dh if dy is None else dh + dy
        self.put(dnow, "dnow", row, j)
        self.put(dnow * (1.0 - z) * self.slope(g), "dg", row, j)

    def _reset(self, row: Value, s: Index, t: Index, j: Index, inside: bool) -> None:
        z, r, g = self._gates(row, s, j, inside)
        old = self.get("before", row, t, j, inside=inside)
        dnow, dg, dpart = (self.get(n, row, j) for n in ("dnow", "dg", "dpart"))
        parts = (dnow * (old - g) * self.gate_slope(z), dpart * old * self.gate_slope(r))
        for k, x in enumerate((*parts, dg)):
            self.put(x, "dz", row, t, k, j, inside=inside)
        for k, x in enumerate(parts):
            self.put(x, "left", row, k, j, inside=inside)
        self.put(dnow * z + dpart * r, "keep", row, j)
        self.put(self.zero(), "carried", row, j)


class _SimpleRNN(_Backward):
    def step(self, s: Index, t: Index) -> None:
        def cell(row: Value, j: Index, inside: bool) -> None:
            x = self.both(row, s, j, inside) * self.slope(self.get("y", row, s, j, inside=inside))
            self.put(x, "dz", row, t, 0, j, inside=inside)
            self.put(x, "left", row, 0, j, inside=inside)
            self.put(self.zero(), "keep", row, j)

        self.each(cell, lambda row, j, inside: self.missing(row, s, t, j, inside, 1), t)
        self.recur(s)
