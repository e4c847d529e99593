"""Optimizers over several steps, and schedules, against Keras: variables, slots, names, configurations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from netwright.frontends.eager.variable import Variable
from netwright.frontends.keras import constraints, optimizers

from ..helpers import close
from ..traced_functions import compiled, interpreted

pytestmark = pytest.mark.filterwarnings("ignore")

SHAPES = [(4, 3), (5,), (), (3, 3, 2, 4)]
STEPS = 5

CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"learning_rate": 0.1}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"learning_rate": 0.1, "clipnorm": 0.5}),
    ("SGD", {"learning_rate": 0.1, "clipvalue": 0.3}),
    ("SGD", {"learning_rate": 0.1, "global_clipnorm": 1.0}),
    ("SGD", {"momentum": 0.9, "loss_scale_factor": 8.0}),
    ("SGD", {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.8}),
    ("SGD", {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 2}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9, "centered": True, "rho": 0.8}),
    ("Adam", {"learning_rate": 0.01}),
    ("Adam", {"amsgrad": True, "global_clipnorm": 0.7, "weight_decay": 0.02}),
    ("Adam", {"learning_rate": 0.01, "gradient_accumulation_steps": 2, "weight_decay": 0.01}),
    ("AdamW", {"learning_rate": 0.01}),
    ("Adagrad", {"learning_rate": 0.1}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adamax", {"learning_rate": 0.01}),
    ("Nadam", {"learning_rate": 0.01}),
    ("Nadam", {"learning_rate": 0.01, "gradient_accumulation_steps": 2}),
    ("Ftrl", {"learning_rate": 0.1}),
    ("Ftrl", {
        "learning_rate": 0.1, "l1_regularization_strength": 0.05, "l2_regularization_strength": 0.1,
        "l2_shrinkage_regularization_strength": 0.02, "beta": 0.1, "learning_rate_power": -0.7,
    }),
    ("Lion", {"weight_decay": 0.1}),
    ("Adafactor", {"learning_rate": 0.05}),
    ("Adafactor", {"learning_rate": 0.05, "clip_threshold": 0.5, "weight_decay": 0.01}),
    ("Lamb", {"learning_rate": 0.01}),
]  # fmt: skip
NAMES = [f"{c[0]}{i}" for i, c in enumerate(CASES)]

SCHEDULES: list[tuple[str, dict[str, Any]]] = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9}),
    (
        "ExponentialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9, "staircase": True},
    ),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5}),
    (
        "InverseTimeDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5, "staircase": True},
    ),
    ("PiecewiseConstantDecay", {"boundaries": [3, 9, 20], "values": [1.0, 0.5, 0.2, 0.1]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 13, "power": 2.0}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 13, "power": 0.5, "cycle": True}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 17, "alpha": 0.1}),
    (
        "CosineDecay",
        {"initial_learning_rate": 0.01, "decay_steps": 17, "warmup_target": 0.1, "warmup_steps": 5},
    ),
    (
        "CosineDecayRestarts",
        {"initial_learning_rate": 0.1, "first_decay_steps": 5, "t_mul": 1.0, "m_mul": 0.8},
    ),
    (
        "CosineDecayRestarts",
        {"initial_learning_rate": 0.1, "first_decay_steps": 6, "t_mul": 1.5, "m_mul": 0.9},
    ),
]


def start(seed: int = 0) -> tuple[list[Any], list[list[Any]]]:
    rng = np.random.default_rng(seed)
    # none so small that the steps cancel it
    weights = [(rng.normal(size=s) + 2).astype(np.float32) for s in SHAPES]
    return weights, [[rng.normal(size=s).astype(np.float32) for s in SHAPES] for _ in range(STEPS)]


def theirs_after(
    keras: Any, name: str, arguments: dict[str, Any], constraint: Any = None
) -> tuple[Any, list[Any]]:
    weights, gradients = start()
    variables = [keras.Variable(w, name=f"w{i}") for i, w in enumerate(weights)]
    for v in variables:
        v.constraint = constraint
    optimizer = getattr(keras.optimizers, name)(**arguments)
    for g in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(a) for a in g], variables)
    return optimizer, variables


def ours_after(
    name: str, arguments: dict[str, Any], way: str, constraint: Any = None
) -> tuple[Any, list[Variable]]:
    weights, gradients = start()
    variables = [Variable(w, name=f"w{i}") for i, w in enumerate(weights)]
    for v in variables:
        v.constraint = constraint
    optimizer = getattr(optimizers, name)(**arguments)
    optimizer.build(variables)

    def step(*given: Any) -> None:
        optimizer.apply(given, variables)

    run = compiled(step, *gradients[0]) if way == "compiled" else None
    for g in gradients:
        if run is not None:
            run(*g)
        elif way == "eager":
            step(*g)
        else:
            interpreted(step, *g)
    return optimizer, variables


def same(keras: Any, name: str, arguments: dict[str, Any], way: str) -> None:
    theirs, want = theirs_after(keras, name, arguments)
    ours, got = ours_after(name, arguments, way)
    for a, b in zip(got, want, strict=True):
        close(a.numpy(), np.asarray(b))
    assert len(ours.variables) == len(theirs.variables)
    for a, b in zip(ours.variables, theirs.variables, strict=True):
        assert a.shape == tuple(b.shape)
        assert a.dtype == b.dtype
        assert a.path.split("/")[-1] == b.path.split("/")[-1] or a.name == "u_product"
        close(a.numpy(), np.asarray(b))


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_steps(keras: Any, case: Any) -> None:
    same(keras, *case, "interpreted")


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_compiled_steps(keras: Any, case: Any) -> None:
    same(keras, *case, "compiled")


@pytest.mark.parametrize("name", ["SGD", "Adam", "Nadam", "Adafactor"])
def test_eager_steps(keras: Any, name: str) -> None:
    same(keras, name, {}, "eager")


@pytest.mark.parametrize("name", ["MaxNorm", "NonNeg", "UnitNorm", "MinMaxNorm"])
def test_constraints(keras: Any, name: str) -> None:
    for shape in [(4, 3), (5,), (3, 3, 2, 4)]:
        w = np.random.default_rng(1).normal(size=shape).astype(np.float32) * 3
        for arguments in [{}] if name == "NonNeg" else [{}, {"axis": -1}]:
            (got,) = interpreted(getattr(constraints, name)(**arguments), w)
            close(got, np.asarray(getattr(keras.constraints, name)(**arguments)(w)))
    _, want = theirs_after(keras, "SGD", {"learning_rate": 0.1}, keras.constraints.NonNeg())
    _, got = ours_after("SGD", {"learning_rate": 0.1}, "interpreted", constraints.NonNeg())
    for a, b in zip(got, want, strict=True):
        close(a.numpy(), np.asarray(b))


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_configurations(keras: Any, case: Any) -> None:
    name, arguments = case
    theirs = getattr(keras.optimizers, name)(**arguments)
    ours = optimizers.deserialize(keras.optimizers.serialize(theirs))
    assert ours.get_config() == theirs.get_config()
    if name != "Lamb":  # which Keras does not find
        again = keras.optimizers.deserialize(optimizers.serialize(ours))
        assert again.get_config() == theirs.get_config()


@pytest.mark.parametrize("case", SCHEDULES, ids=[f"{c[0]}{i}" for i, c in enumerate(SCHEDULES)])
def test_schedules(keras: Any, case: Any) -> None:
    name, arguments = case
    theirs = getattr(keras.optimizers.schedules, name)(**arguments)
    ours = getattr(optimizers.schedules, name)(**arguments)
    steps = np.arange(0, 40, dtype=np.int64)
    # at a restart, rounding decides whether the wave is at its top or its bottom
    (got,) = interpreted(ours, steps)
    want = np.array([np.asarray(theirs(int(s))) for s in steps])
    smooth = np.ones(len(steps), bool)
    if arguments.get("t_mul", 1.0) != 1.0:
        smooth = np.abs(got - want) < 1e-3
        assert smooth.sum() >= len(steps) - 2
    close(got[smooth], want[smooth])
    assert ours.get_config() == theirs.get_config()
    assert type(optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(theirs))) is type(ours)


def test_steps_by_a_schedule(keras: Any) -> None:
    def made(package: Any) -> dict[str, Any]:
        return {"learning_rate": package.schedules.ExponentialDecay(0.1, 2, 0.5)}

    _, want = theirs_after(keras, "Adam", made(keras.optimizers))
    optimizer, got = ours_after("Adam", made(optimizers), "compiled")
    for a, b in zip(got, want, strict=True):
        close(a.numpy(), np.asarray(b))
    assert optimizers.Adam.from_config(optimizer.get_config()).get_config() == optimizer.get_config()
