"""Recurrent layers: the loop over time."""

from __future__ import annotations

from ..ir.core import Value
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..target import Target
from .build import Index
from .dialect_kern import Kernel
from .family import lowers
from .recurrent import Recurrence


@lowers("lstm")
def lower_lstm(kernel: Kernel, target: Target) -> FuncOp:
    """Reads what the input adds to the gates `xz` [B, T, 4, H], `h0`, `c0`, `u` and maybe `mask`; writes scratch
    `state`, `cell` and `sums`, with a mask `previous`, and `y`, `h`, `c`, `gates` and `cells` where they are used."""
    return _LSTM(kernel, target).function()


@lowers("gru")
def lower_gru(kernel: Kernel, target: Target) -> FuncOp:
    """Reads `xz` [B, T, 3, H], `h0`, `u`, the state's `bias` [3, H] and maybe `mask`; without a bias the reset gate
    comes before the product, and `u` has the columns of z and r, `candidate` the others. Writes scratch `state`,
    `sums`, `part`, with a mask `previous`, and those of `y`, `h`, `gates` and `inner` that are used."""
    return _GRU(kernel, target).function()


@lowers("simple_rnn")
def lower_simple_rnn(kernel: Kernel, target: Target) -> FuncOp:
    """Reads `xz` [B, T, 1, H], `h0`, `u` and maybe `mask`; writes scratch `state` and `sums`, with a mask `previous`,
    and those of `y` and `h` that are used."""
    return _SimpleRNN(kernel, target).function()


class _Forward(Recurrence):
    """States of the rows lie in scratch memory, whose rows have room for whole vectors."""

    #: (first state, its scratch, last state)
    states = (("h0", "state", "h"),)

    def begin(self) -> None:
        def first(row: Value, j: Index, inside: bool) -> None:
            for given, scratch, _ in self.states:
                self.put(self.get(given, row, j, inside=inside), scratch, row, j)
            self.put(self.zero(), "previous", row, j)

        self.each(first)

    def end(self) -> None:
        def last(row: Value, j: Index, inside: bool) -> None:
            for _, scratch, result in self.states:
                if self.has(result):
                    self.put(self.get(scratch, row, j), result, row, j, inside=inside)

        if any(self.has(result) for *_, result in self.states):
            self.each(last)

    def entering(self, row: Value, t: Index, gate: int, j: Index, inside: bool) -> Num:
        """What the input adds to a gate."""
        return self.get("xz", row, t, gate, j, inside=inside)

    def summed(self, row: Value, gate: int, j: Index) -> Num:
        """What the state adds."""
        return self.get("sums", row, self.b.add(j, gate * self.units))

    def output(self, h: Num, row: Value, s: Index, j: Index, inside: bool) -> None:
        """The new state, and the output of a step that is there."""
        self.put(h, "state", row, j)
        self.put(h, "previous", row, j)
        self.put(h, "y", row, s, j, inside=inside)

    def skip(self, row: Value, s: Index, j: Index, inside: bool, gates: int = 0) -> None:
        """The output of a step that is not there."""
        if self.has("y"):
            self.put(self.get("previous", row, j), "y", row, s, j, inside=inside)
        for gate in range(gates):
            self.put(self.zero(), "gates", row, s, gate, j, inside=inside)


class _LSTM(_Forward):
    states = (("h0", "state", "h"), ("c0", "cell", "c"))

    def step(self, s: Index, t: Index) -> None:
        self.product("state", "u", "sums", self.units, 4 * self.units)

        def cell(row: Value, j: Index, inside: bool) -> None:
            zi, zf, zg, zo = (self.entering(row, t, k, j, inside) + self.summed(row, k, j) for k in range(4))
            i, f, g, o = self.gate(zi), self.gate(zf), self.act(zg), self.gate(zo)
            c = f * self.get("cell", row, j) + i * g
            self.put(c, "cell", row, j)
            self.output(o * self.act(c), row, s, j, inside)
            self.put(c, "cells", row, s, j, inside=inside)
            for k, x in enumerate((i, f, g, o)):
                self.put(x, "gates", row, s, k, j, inside=inside)

        def missing(row: Value, j: Index, inside: bool) -> None:
            self.skip(row, s, j, inside, 4)
            if self.has("cells"):
                self.put(self.get("cell", row, j), "cells", row, s, j, inside=inside)

        self.each(cell, missing, t)


class _GRU(_Forward):
    def step(self, s: Index, t: Index) -> None:
        def missing(row: Value, j: Index, inside: bool) -> None:
            self.skip(row, s, j, inside, 3)
            self.put(self.zero(), "inner", row, s, j, inside=inside)

        if self.has("bias"):
            self.product("state", "u", "sums", self.units, 3 * self.units)
            self.each(lambda row, j, inside: self._after(row, s, t, j, inside), missing, t)
            return
        self.product("state", "u", "sums", self.units, 2 * self.units)
        self.each(lambda row, j, inside: self._reset(row, t, j, inside))
        self.product("part", "candidate", "inside", self.units, self.units)
        self.each(lambda row, j, inside: self._before(row, s, t, j, inside), missing, t)

    def _after(self, row: Value, s: Index, t: Index, j: Index, inside: bool) -> None:
        """The reset gate behind the product."""
        xz, xr, xg = (self.entering(row, t, k, j, inside) for k in range(3))
        hz, hr, part = (self.summed(row, k, j) + self.get("bias", k, j, inside=inside) for k in range(3))
        z, r = self.gate(xz + hz), self.gate(xr + hr)
        self._finish(row, s, j, inside, (z, r, self.act(xg + r * part)), part)

    def _reset(self, row: Value, t: Index, j: Index, inside: bool) -> None:
        """Gates, and the state that the reset gate lets through."""
        for k, name in enumerate(("update", "reset")):
            x = self.gate(self.entering(row, t, k, j, inside) + self.summed(row, k, j))
            self.put(x, name, row, j)
        self.put(self.get("reset", row, j) * self.get("state", row, j), "part", row, j)

    def _before(self, row: Value, s: Index, t: Index, j: Index, inside: bool) -> None:
        """The reset gate in front of the product."""
        z, r, part = (self.get(n, row, j) for n in ("update", "reset", "part"))
        g = self.act(self.entering(row, t, 2, j, inside) + self.get("inside", row, j))
        self._finish(row, s, j, inside, (z, r, g), part)

    def _finish(
        self, row: Value, s: Index, j: Index, inside: bool, gates: tuple[Num, ...], part: Num
    ) -> None:
        z, _, g = gates
        self.output(z * self.get("state", row, j) + (1.0 - z) * g, row, s, j, inside)
        self.put(part, "inner", row, s, j, inside=inside)
        for k, x in enumerate(gates):
            self.put(x, "gates", row, s, k, j, inside=inside)


class _SimpleRNN(_Forward):
    def step(self, s: Index, t: Index) -> None:
        self.product("state", "u", "sums", self.units, self.units)

        def cell(row: Value, j: Index, inside: bool) -> None:
            z = self.entering(row, t, 0, j, inside) + self.summed(row, 0, j)
            self.output(self.act(z), row, s, j, inside)

        self.each(cell, lambda row, j, inside: self.skip(row, s, j, inside), t)
