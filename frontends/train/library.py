"""The module of a library that trains: predict, train_step, evaluate, and all their variables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ...compiler.driver import TRAINING
from ...compiler.ir.attributes import Dense
from ...compiler.ir.core import Op
from ...compiler.ir.dims import Sym
from ...compiler.ir.types import TensorType
from ...compiler.ops.builtin import new_module
from ...compiler.ops.variable import Variable as VariableOp
from ...runtime.errors import OptionError, ShapeError, UnsupportedError
from ...runtime.spec import DType, f32, i32
from ..eager.tensor import Tensor
from ..eager.traced import Traced
from ..eager.variable import Variable
from ..keras import losses, optimizers

Inputs = Sequence[tuple[str, TensorType]]


def parse_setting(text: str, what: str) -> tuple[str, dict[str, Any]]:
    """`adam:learning_rate=1e-3,beta_1=0.8` taken apart. Raises OptionError for what is not of this form."""
    name, _, rest = text.partition(":")
    settings: dict[str, Any] = {}
    for part in filter(None, rest.split(",")):
        key, sign, value = part.partition("=")
        if not sign or not key.isidentifier():
            raise OptionError(f"expected {what} as NAME:KEY=VALUE,…, received {text!r}")
        settings[key] = _value(value)
    return name, settings


def _value(text: str) -> Any:
    known = {"true": True, "false": False, "none": None}
    if text.lower() in known:
        return known[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def made(text: str, what: str, find: Callable[[Any], Any]) -> Any:
    """The optimizer or loss for a setting; OptionError says what is wrong with it."""
    name, settings = parse_setting(text, what)
    try:
        found = find(name)
        return type(found)(**{**settings, "name": name}) if settings else found
    except (TypeError, ValueError) as e:
        raise OptionError(f"{what} {text!r}: {e}") from None


def training_module(
    model: Any,
    optimizer: str,
    loss: str,
    batch: int | None,
    metrics: Iterable[str] = (),
) -> Op:
    """A graph-level module with `predict`, `train_step` and `evaluate` of a built Keras-like model.

    predict and evaluate take any batch, train_step takes `batch` samples. Variables that no step changes are
    constants. Raises OptionError for an unknown optimizer, loss or metric, and without a batch.
    """
    if batch is None:
        raise OptionError(
            "expected --batch N beside --train: a training step is compiled for a number of samples"
        )
    chosen = made(optimizer, "the optimizer", optimizers.get)
    objective = made(loss, "the loss", loss_of)
    try:
        model.compile(chosen, objective, metrics=list(metrics) or None)
    except ValueError as e:
        raise OptionError(str(e)) from None
    inputs = input_types(model)
    chosen.build(model.trainable_variables)
    predict = Traced(lambda *x: model(_joined(x), training=False), inputs, "predict")
    targets = [_target(t, loss) for t in _results(predict)]
    named = [
        (f"target_{n}" if len(targets) > 1 else "target", t)
        for n, t in zip(model.output_names, targets, strict=True)
    ]

    def step(run: Callable[[Any], dict[str, Any]]) -> Callable[..., list[Tensor]]:
        def body(*flat: Tensor) -> list[Tensor]:
            x, y = flat[: len(inputs)], flat[len(inputs) :]
            for m in model.metrics:
                m.reset_state()
            logs = run((_joined(x), _joined(y), None))
            names[:] = list(logs)
            return list(logs.values())

        return body

    names: list[str] = []
    train = Traced(step(model.train_step), [*_fixed(inputs, batch), *_fixed(named, batch)], "train_step")
    evaluate = Traced(step(model.test_step), [*inputs, *named], "evaluate")
    functions = (predict, train, evaluate)
    counted = {v for m in model.metrics for v in m.variables}
    for f in functions:
        f.forget(counted)
    variables = _variables(model, functions)
    for f in functions:
        f.freeze(v for v in f.variables if v not in variables)
    module = new_module()
    for v, name in variables.items():
        module.body.insert(VariableOp(sym_name=name, value=Dense(v.numpy(), name, v.type.dtype)))
    predict.add_to(module, variables, model.output_names)
    train.add_to(module, variables, names)
    evaluate.add_to(module, variables, names)
    trained = tuple(variables[v] for v in model.trainable_variables if v in variables)
    module.attributes[TRAINING] = {
        "predict": "predict", "train_step": "train_step", "evaluate": "evaluate", "optimizer": optimizer, "loss": loss,
        "batch": batch, "trainable": trained,
    }  # fmt: skip
    return module


def loss_of(name: str) -> Any:
    """A loss as an object, also where the name is that of a function."""
    found = losses.get(name)
    if not isinstance(found, losses.Loss):
        kind = getattr(losses, "".join(w.capitalize() for w in name.split("_")), None)
        found = kind() if kind is not None else losses.LossFunctionWrapper(found)
    return found


def input_types(model: Any) -> list[tuple[str, TensorType]]:
    """Names and types of a model's inputs, the batch left open."""
    specs = getattr(model, "input_specs", None)
    if specs is not None:
        return list(specs)
    if not model.inputs:
        raise UnsupportedError(
            "expected a model whose input shapes are known, received one that was not built: begin it with Input(shape)"
        )
    return [(t.node.name, t.type) for t in model.inputs]


def _joined(tensors: Sequence[Tensor]) -> Any:
    return tensors[0] if len(tensors) == 1 else list(tensors)


def _results(traced: Traced) -> list[TensorType]:
    return [n.types[i] for n, i in traced.outputs]


def _target(output: TensorType, loss: str) -> TensorType:
    """The type of an output's targets: class numbers for sparse losses, else like the output."""
    if "sparse" in loss.lower():
        return TensorType(output.shape[:-1], i32)
    dtype: DType = output.dtype if output.dtype.is_float else f32
    return TensorType(output.shape, dtype)


def _fixed(inputs: Inputs, batch: int) -> list[tuple[str, TensorType]]:
    """Types with the batch's size; ShapeError where another size is open."""
    out: list[tuple[str, TensorType]] = []
    for name, t in inputs:
        shape = (batch, *t.shape[1:])
        if any(isinstance(d, Sym) for d in shape[1:]) or not t.shape:
            raise ShapeError(f"input {name!r}: expected known sizes for a training step, received {t}")
        out.append((name, TensorType(shape, t.dtype)))
    return out


def _variables(model: Any, functions: Sequence[Traced]) -> dict[Variable, str]:
    """What belongs to the state, with names: what training changes, weights first, and what decides how."""
    used = dict.fromkeys(v for f in functions for v in f.variables)
    changed = {v for f in functions for v in f.updates}
    settings, trained = set(model.optimizer.variables), set(model.trainable_variables)
    own = list(dict.fromkeys([*model.weights, *model.optimizer.variables, *used]))
    names: dict[Variable, str] = {}
    taken: set[str] = set()
    for v in own:
        if v in used and (v in changed or v in settings or v in trained):
            name, k = v.path, 1
            while name in taken:
                name, k = f"{v.path}_{k}", k + 1
            taken.add(name)
            names[v] = name
    return names
