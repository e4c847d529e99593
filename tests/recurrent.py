"""Recurrent layers for tests: their operands, and every kind of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ir.dims import Dim
from netwright.compiler.ir.types import TensorType
from netwright.compiler.ops.recurrent import GRU, LSTM
from netwright.compiler.ops.recurrent import SimpleRNN as RNN
from netwright.runtime.spec import DType, boolean, f32

from .helpers import constant, graph, random_array, tensor

GATES = {LSTM: 4, GRU: 3, RNN: 1}


@dataclass(frozen=True)
class Layer:
    """A layer of one kind on operands of given sizes."""

    op: type[Op]
    units: int
    batch: Dim
    steps: Dim
    inputs: int
    masked: bool = False
    reverse: bool = False
    dtype: DType = f32
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        flags = [n for n in ("masked", "reverse") if getattr(self, n)]
        options = [f"{k}={v}" for k, v in self.options.items()]
        return "-".join([self.op.__name__, f"{self.batch}x{self.steps}x{self.units}", *flags, *options])

    def attributes(self) -> dict[str, Any]:
        return {"reverse": self.reverse, **self.options}

    def types(self) -> list[TensorType]:
        """The types of the operands, in order."""
        n, t, i, h = self.batch, self.steps, self.inputs, self.units
        columns = GATES[self.op] * h
        bias = (2, columns) if self.op is GRU and self.options.get("reset_after", True) else (columns,)
        states = [(n, h), (n, h)] if self.op is LSTM else [(n, h)]
        shapes = [(n, t, i), *states, (i, columns), (h, columns), bias]
        out = [tensor(*s, dtype=self.dtype) for s in shapes]
        return [*out, tensor(n, t, dtype=boolean)] if self.masked else out

    def module(self, results: tuple[int, ...] | None = None, weights: list[Any] | None = None) -> Op:
        """A function that gives these results of the layer, by default all; with `weights` they are constants."""

        def build(b: Builder, *v: Value) -> tuple[Value, ...]:
            operands = list(v)
            if weights is not None:
                first = 3 if self.op is LSTM else 2
                operands[first:first] = [constant(b, w) for w in weights]
            op = b.create(self.op, *operands, **self.attributes())
            return tuple(op.results[k] for k in (results or range(len(op.results))))

        types = self.types()
        if weights is not None:
            first = 3 if self.op is LSTM else 2
            types[first : first + 3] = []
        return graph(build, types)


def arrays_of(layer: Layer, sizes: dict[str, int] | None = None, seed: int = 0) -> list[Any]:
    """Operands for a layer: states as activations leave them, weights of a usual size."""
    rng = np.random.default_rng(seed)
    out = [random_array(t, sizes or {}, rng) for t in layer.types()]
    scale = np.asarray(0.7 / np.sqrt(layer.units), layer.dtype.numpy)
    return [a if a.dtype == bool or a.ndim == 3 else a * scale for a in out]


def layers(**sizes: Any) -> Iterator[Layer]:
    """Every kind of layer, with and without mask, in both directions, with other activations."""
    kinds: list[tuple[type[Op], dict[str, Any]]] = [
        (LSTM, {}),
        (GRU, {}),
        (GRU, {"reset_after": False}),
        (RNN, {}),
    ]
    for op, options in kinds:
        for masked in (False, True):
            for reverse in (False, True):
                yield Layer(op, masked=masked, reverse=reverse, options=options, **sizes)
    other = {"activation": "softsign", "recurrent_activation": "hard_sigmoid"}
    yield Layer(LSTM, options=other, **sizes)
    yield Layer(GRU, options=other, **sizes)
    yield Layer(RNN, options={"activation": "elu"}, **sizes)
