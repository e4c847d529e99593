"""Recurrent layers against Keras: values, and gradients by its tape."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ops.interpreter import Interpreter
from netwright.compiler.ops.recurrent import GRU, LSTM
from netwright.compiler.ops.recurrent import SimpleRNN as RNN

from ..helpers import build, close, graph
from ..recurrent import Layer, arrays_of, layers

SIZES = {"units": 11, "batch": 5, "steps": 7, "inputs": 3}
NAMES = {LSTM: "LSTM", GRU: "GRU", RNN: "SimpleRNN"}


def of_keras(keras: ModuleType, tf: ModuleType, case: Layer, arrays: list[Any], dy: list[Any]) -> Any:
    """The outputs and states of the real layer, and the gradients of Σ result · dy by its operands."""
    options = {k: v for k, v in case.options.items() if not (case.op is RNN and k == "recurrent_activation")}
    layer = getattr(keras.layers, NAMES[case.op])(
        case.units, return_sequences=True, return_state=True, go_backwards=case.reverse, dtype="float32", **options
    )  # fmt: skip
    states = 2 if case.op is LSTM else 1
    x, *rest = (tf.constant(a) for a in arrays)
    mask = rest.pop() if case.masked else None
    initial, weights = rest[:states], [a.numpy() for a in rest[states:]]
    layer.build(x.shape)
    layer.set_weights(weights)
    variables = [v.value for v in layer.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch([x, *initial])
        results = layer(x, initial_state=initial, mask=mask)
        loss = sum(tf.reduce_sum(r * d) for r, d in zip(results, dy, strict=True))
    return [r.numpy() for r in results], [g.numpy() for g in tape.gradient(loss, [x, *initial, *variables])]


def ours(case: Layer, dy: list[Any]) -> Op:
    """The same: results, then gradients, as one function of the operands and of dy."""

    def make(b: Builder, *v: Value) -> tuple[Value, ...]:
        count = len(case.types())
        op = b.create(case.op, *v[:count], **case.attributes())
        none = [None] * (len(op.results) - len(dy))
        gradients = op.gradient(b, *v[count:], *none)  # type: ignore[attr-defined]
        return (*op.results[: len(dy)], *(g for g in gradients if g is not None))

    results = Layer(case.op, **SIZES).module()
    kinds = [v.type for v in list(results.walk())[-1].operands[: len(dy)]]
    return graph(make, [*case.types(), *kinds])  # type: ignore[list-item]


CASES = [
    *layers(**SIZES),
    Layer(LSTM, **SIZES, options={"activation": "relu", "recurrent_activation": "sigmoid"}),
    Layer(GRU, **SIZES, options={"activation": "elu", "recurrent_activation": "hard_sigmoid", "reset_after": False}),
    Layer(RNN, **SIZES, masked=True, reverse=True, options={"activation": "relu"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_layers(tmp_path: Path, keras: ModuleType, tensorflow: ModuleType, case: Layer) -> None:
    arrays = arrays_of(case)
    if case.masked:
        arrays[-1][0] = False  # a sequence of nothing
        arrays[-1][1, :3] = False
    rng = np.random.default_rng(5)
    count, h = (3 if case.op is LSTM else 2), case.units
    shapes = [(case.batch, case.steps, h), *[(case.batch, h)] * (count - 1)]
    dy = [rng.normal(size=s).astype(np.float32) for s in shapes]
    results, gradients = of_keras(keras, tensorflow, case, arrays, dy)
    module = ours(case, dy)
    reference = Interpreter(module).run([*arrays, *dy])
    model = build(module, tmp_path, threads=1)
    given = dict(zip((s.name for s in model.inputs), [*arrays, *dy], strict=True))
    compiled = list(model.run(given).values())
    for have in (reference, compiled):
        for got, want in zip(have, [*results, *gradients], strict=True):
            close(got, want, 2e-5)
