"""Recurrent layers and their gradients: compiled code against the interpreter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ir.dims import Sym
from netwright.compiler.ops.recurrent import GRU, LSTM
from netwright.compiler.ops.recurrent import SimpleRNN as RNN
from netwright.compiler.ops.recurrent_activation import ACTIVATIONS
from netwright.runtime.spec import f32, f64

from ..helpers import check, graph, n
from ..recurrent import Layer, arrays_of, layers

SIZES = {"units": 7, "batch": 5, "steps": 4, "inputs": 3}


def gradient_module(case: Layer, use: tuple[bool, ...]) -> Op:
    """All gradients of a layer; those of its results are inputs behind the layer's operands."""
    kinds = [r.type for r in _results(case)]
    given = [t for t, on in zip(kinds, use, strict=False) if on]

    def build(b: Builder, *v: Value) -> tuple[Value, ...]:
        count = len(case.types())
        op = b.create(case.op, *v[:count], **case.attributes())
        rest = iter(v[count:])
        dy = [next(rest) if on else None for on in use]
        gradients = op.gradient(b, *dy, *[None] * (len(kinds) - len(use)))  # type: ignore[attr-defined]
        return tuple(g for g in gradients if g is not None)

    return graph(build, [*case.types(), *given])  # type: ignore[list-item]


def _results(case: Layer) -> Any:
    found: list[Any] = []

    def build(b: Builder, *v: Value) -> Value:
        found.extend(b.create(case.op, *v, **case.attributes()).results)
        return found[0]

    graph(build, case.types())
    return found


def check_gradient(
    case: Layer, folder: Path, use: tuple[bool, ...], tolerance: float = 2e-5, **options: Any
) -> None:
    module = gradient_module(case, use)
    rng = np.random.default_rng(3)
    kinds = [r.type for r in _results(case)]
    more = [rng.normal(size=t.shape).astype(t.dtype.numpy) for t, on in zip(kinds, use, strict=False) if on]
    check(module, folder, [{}], tolerance, [*arrays_of(case), *more], **options)


@pytest.mark.parametrize("case", list(layers(**SIZES)), ids=str)
def test_every_kind(tmp_path: Path, case: Layer) -> None:
    check(case.module(), tmp_path, [{}], inputs=arrays_of(case))
    check_gradient(case, tmp_path, (True,) * (3 if case.op is LSTM else 2))


@pytest.mark.parametrize("units", [1, 7, 16, 30, 64])
@pytest.mark.parametrize("batch", [1, 5, 32])
def test_sizes(tmp_path: Path, units: int, batch: int) -> None:
    for op in (LSTM, GRU, RNN):
        case = Layer(op, units=units, batch=batch, steps=10, inputs=2)
        check(case.module(), tmp_path, [{}], inputs=arrays_of(case))
        # the gradient of a single unit's weights is one sum in which most cancels
        check_gradient(case, tmp_path, (True,), 2e-4 if units == 1 else 2e-5)


@pytest.mark.parametrize("op", [LSTM, GRU, RNN])
@pytest.mark.parametrize("steps", [0, 1])
def test_few_steps(tmp_path: Path, op: type[Op], steps: int) -> None:
    case = Layer(op, units=5, batch=3, steps=steps, inputs=2, masked=True)
    check(case.module(), tmp_path, [{}], inputs=arrays_of(case))
    check_gradient(case, tmp_path, (True, True))


@pytest.mark.parametrize("op", [LSTM, GRU, RNN])
@pytest.mark.parametrize("masked", [False, True])
def test_double(tmp_path: Path, op: type[Op], masked: bool) -> None:
    case = Layer(op, units=19, batch=9, steps=6, inputs=4, masked=masked, dtype=f64)
    check(case.module(), tmp_path, [{}], 1e-12, arrays_of(case))
    check_gradient(case, tmp_path, (True, True), 1e-12)


@pytest.mark.parametrize("case", list(layers(**SIZES))[:13:2], ids=str)
@pytest.mark.parametrize("units", [7, 40])
def test_constant_weights(tmp_path: Path, case: Layer, units: int) -> None:
    case = Layer(**{**vars(case), "units": units})
    arrays = arrays_of(case)
    first = 3 if case.op is LSTM else 2
    module = case.module(weights=arrays[first : first + 3])
    check(module, tmp_path, [{}], inputs=[*arrays[:first], *arrays[first + 3 :]])


@pytest.mark.parametrize("op", [LSTM, GRU, RNN])
def test_wide_weights_are_packed(tmp_path: Path, op: type[Op]) -> None:
    for units in (128, 141):
        case = Layer(op, units=units, batch=7, steps=3, inputs=8)
        model = check(case.module((0,)), tmp_path, [{}], inputs=arrays_of(case))
        assert [r["family"] for r in model.manifest["calls"]][-1] == op.name.removeprefix("graph.")
        check_gradient(case, tmp_path, (True,))


@pytest.mark.parametrize("op", [LSTM, GRU, RNN])
@pytest.mark.parametrize("masked", [False, True])
def test_results_without_a_use(tmp_path: Path, op: type[Op], masked: bool) -> None:
    case = Layer(op, **SIZES, masked=masked)
    for result in range(len(_results(case))):
        check(case.module((result,)), tmp_path, [{}], inputs=arrays_of(case))


@pytest.mark.parametrize("op", [LSTM, GRU, RNN])
@pytest.mark.parametrize("use", [(False, True), (False, False, True)])
def test_gradients_of_last_states(tmp_path: Path, op: type[Op], use: tuple[bool, ...]) -> None:
    if len(use) == 2 or op is LSTM:
        check_gradient(Layer(op, **SIZES), tmp_path, use)


@pytest.mark.parametrize("op", [LSTM, GRU, RNN])
def test_sizes_known_at_run_time(tmp_path: Path, op: type[Op]) -> None:
    """Batch and number of steps are symbols."""
    case = Layer(op, units=9, batch=n, steps=Sym.symbol("t"), inputs=3, masked=True, reverse=True)
    check(case.module(), tmp_path, [{"n": 1, "t": 9}, {"n": 17, "t": 4}, {"n": 2, "t": 0}])


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations(tmp_path: Path, name: str) -> None:
    case = Layer(LSTM, **SIZES, options={"activation": name, "recurrent_activation": "hard_sigmoid"})
    check(case.module(), tmp_path, [{}], inputs=arrays_of(case))
    check_gradient(case, tmp_path, (True,))


def test_work_for_two_threads(tmp_path: Path) -> None:
    """Enough work for several tasks; `check` compares the bits of one thread and of two."""
    for op in (LSTM, GRU):
        case = Layer(op, units=48, batch=45, steps=20, inputs=16, masked=True)
        check(case.module(), tmp_path, [{}], inputs=arrays_of(case))
        check_gradient(case, tmp_path, (True,))


@pytest.mark.parametrize("target", ["x86-64", "x86-64-v3"])
def test_other_targets(tmp_path: Path, target: str) -> None:
    for op in (LSTM, GRU, RNN):
        for batch, dtype in ((1, f32), (11, f64)):
            case = Layer(op, units=21, batch=batch, steps=3, inputs=2, dtype=dtype)
            check(case.module(), tmp_path, [{}], inputs=arrays_of(case), target=target)
        check_gradient(Layer(op, **SIZES, masked=True), tmp_path, (True,), target=target)
