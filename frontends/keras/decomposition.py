"""Keras-like models with pairs of thinner layers in the place of convolutions and dense layers, to be trained on."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...compiler.ir.attributes import Array
from ...compiler.ir.core import Op
from ...compiler.ir.passes import PassContext
from ...compiler.ops.builtin import functions
from ...compiler.options import CompileOptions
from ...compiler.passes.decomposable import Layer as Decomposable
from ...compiler.passes.decomposable import keyed, layer_of
from ...compiler.passes.decompose_conv import DecomposeConv
from ...compiler.passes.decomposition import row_of
from ...compiler.passes.fold_constants import FoldConstants
from ...compiler.passes.rank_choice import Choice, Wish, choose
from ...compiler.passes.seen import Moments
from ...compiler.target import Target, resolve_target
from ...runtime.errors import UnsupportedError
from ..lowrank.calibration import Calibration, moments, read_calibration
from ..lowrank.samples import calibration_of
from .foreign import is_foreign, own_model
from .inference import inference_module
from .layer_pairs import obstacle, pair, set_pair
from .layers.layer import Layer
from .loading import loading
from .models.model import Functional, Model
from .models.sequential import Sequential
from .saving.clone import clone_model

#: initial values of a copy are not needed: all are set
_ANY_SIZE = 1 << 60


def decompose_model(
    model: Any,
    *,
    max_error: float = 0.0,
    flops: float = 0.0,
    rank: int = 0,
    force: bool = False,
    calibrate: Any = None,
    target: str = "native",
    precise: bool = False,
) -> tuple[Any, list[dict[str, Any]]]:
    """A copy of a model with Conv2D, DepthwiseConv2D and Dense layers replaced by pairs of thinner ones, and a row for
    each layer that was considered.

    Which layers, and at which ranks, is what the pass decompose-conv decides for the same budget: `max_error` (the
    largest relative error of each layer; 0 allows what loses nothing), `flops` (the share of the FLOPs to keep), or
    `rank` for all layers; `force` takes pairs that are not faster too. `calibrate` is sample inputs on which outputs,
    instead of weights, are to change little, so that errors are those of outputs: an array, a dictionary by the names
    of the inputs, or the path of an .npz file. `target` and `precise` are those of the compilation that the choice is
    made for.

    A pair is a Sequential model under the name of the layer: `conv1` becomes `conv1/1x5` and `conv1/5x1`, or `dense`
    `dense/left` and `dense/right`; the names of outputs stay. Bias and activation are the second's; all other layers
    are copies with equal weights. A layer that is called several times is decomposed once. The copy is not compiled.

    Rows are those of the manifest of a compiled library: `layer`, `kernel`, `rank`, `full_rank`, `decision`, `reason`,
    and predicted cycles, FLOPs and parameters before and after.

    Raises OptionError for a budget that is none, UnsupportedError for models that are subclasses, whose layers cannot
    be replaced, and InputError for models whose inputs are not known.
    """
    wish = DecomposeConv(max_error, flops, rank, force).wish
    model = own_model(model) if is_foreign(model) else model
    _check(model)
    found = _layers(model, resolve_target(target), precise, calibrate)
    choices = _chosen(found, wish)
    pairs = {id(f.layer): (f.layer, c) for f, c in zip(found, choices, strict=True) if c.point is not None}
    return _copied(model, pairs), [row_of(c) for c in choices]


@dataclass
class Shared(Decomposable):
    """A layer that is called several times: its cost is that of all calls."""

    calls: tuple[Decomposable, ...] = ()

    def whole(self) -> tuple[int, int]:
        costs = [c.whole() for c in self.calls]
        return sum(c for c, _ in costs), sum(f for _, f in costs)

    def price(self, order: str, rank: int) -> tuple[int, int, int]:
        costs = [c.price(order, rank) for c in self.calls]
        return sum(c[0] for c in costs), sum(c[1] for c in costs), costs[0][2]


@dataclass
class _Found:
    """What may be decomposed, the layer of the model that it is, or why that one stays."""

    seen: Decomposable
    layer: Any
    reason: str | None


def _check(model: Any) -> None:
    if not isinstance(model, Model):
        raise UnsupportedError(
            f"expected a model of netwright.keras to decompose, received a {type(model).__name__}"
        )
    if not _open(model) and (model._graph is not None or type(model) is not Sequential):
        raise UnsupportedError(
            f"the model {model.name!r} is of class {type(model).__name__}: layers can be replaced in Sequential and "
            "functional models alone; decompose the models that it holds, or compile it with --decompose-conv"
        )


def _open(model: Any) -> bool:
    """Whether the layers of a model can be replaced."""
    return type(model) in (Model, Functional, Sequential) and model._graph is not None


def _layers(model: Any, target: Target, precise: bool, calibrate: Any) -> list[_Found]:
    """What may be decomposed, in the order of the computation."""
    module = inference_module(model, where=f"the model {model.name!r}")
    FoldConstants().run(module, PassContext(target=target))
    known = _moments(module, calibrate, precise)
    by_path = _by_path(model)
    calls: dict[Any, list[Decomposable]] = {}
    every = (layer_of(op, target, precise) for op in functions(module)[0].walk())
    for key, seen in keyed(s for s in every if isinstance(s, Decomposable)):
        seen.moments = known.get(key)
        layer = by_path.get(seen.name)
        # what is in no layer that can be replaced is there once for each op
        calls.setdefault(layer if layer is not None else seen.op, []).append(seen)
    return [
        _Found(_shared(several), key, _obstacle(key, several[0].name, by_path))
        for key, several in calls.items()
    ]


def _obstacle(key: Any, path: str, by_path: Mapping[str, Layer]) -> str | None:
    if isinstance(key, Layer):
        return obstacle(key)
    holder = path
    while "/" in holder and holder not in by_path:
        holder = holder.rpartition("/")[0]
    within = by_path.get(holder)
    if within is None:
        return "it is not in a layer of the model"
    return f"it is inside of the layer {within.name!r} of class {type(within).__name__}"


def _shared(calls: Sequence[Decomposable]) -> Decomposable:
    first = calls[0]
    if len(calls) == 1:
        return first
    return Shared(
        first.op,
        first.kernel,
        first.groups,
        first.target,
        first.precise,
        _together(calls),
        calls=tuple(calls),
    )


def _by_path(model: Any) -> dict[str, Layer]:
    """The layers that can be replaced by what their ops' locations are."""
    found: dict[str, Layer] = {}

    def walk(inside: Any, path: str) -> Iterator[tuple[str, Layer]]:
        for layer in inside.layers:
            here = f"{path}/{layer.name}"
            if _open(layer):
                yield from walk(layer, here)
            else:
                yield here, layer

    for path, layer in walk(model, model.name):
        if found.setdefault(path, layer) is not layer:
            raise UnsupportedError(f"expected layers of different names, found two that are {path!r}")
    return found


def _chosen(found: Sequence[_Found], wish: Wish) -> list[Choice]:
    """The choice for each; those that stay take no part in it."""
    made = iter(choose([f.seen for f in found if f.reason is None], wish))
    return [next(made) if f.reason is None else Choice(f.seen, None, f.reason) for f in found]


def _copied(model: Any, pairs: Mapping[int, tuple[Any, Choice]]) -> Any:
    """The model with pairs in place of layers, by their ids."""
    copies: dict[int, tuple[Any, Any]] = {}

    def copy(layer: Any) -> Any:
        if id(layer) not in copies:
            copies[id(layer)] = layer, _copy(layer)
        return copies[id(layer)][1]

    def _copy(layer: Any) -> Any:
        if id(layer) in pairs:
            _, choice = pairs[id(layer)]
            return pair(layer, choice.layer, _point(choice))
        if _open(layer):
            return clone(layer)
        return _alike(layer)

    def clone(inside: Any) -> Any:
        made = clone_model(inside, clone_function=copy)
        if made._graph is None:
            made.build(inside._graph.flat_inputs[0].shape)
        return made

    with loading(_ANY_SIZE):
        whole = clone(model)
    for old, new in copies.values():
        if id(old) in pairs:
            _, choice = pairs[id(old)]
            set_pair(new, old, choice.layer, _point(choice))
        elif not _open(old):
            _copy_values(old, new)
    return whole


def _alike(layer: Any) -> Any:
    try:
        return type(layer).from_config(layer.get_config())
    except (NotImplementedError, TypeError, ValueError) as e:
        raise UnsupportedError(
            f"layer {layer.name!r} of class {type(layer).__name__} cannot be copied: expected a `get_config` with all "
            f"arguments of its `__init__`: {e}"
        ) from e


def _point(choice: Choice) -> Any:
    if choice.point is None:
        raise TypeError("a layer that is decomposed")
    return choice.point


def _copy_values(old: Any, new: Any) -> None:
    """All variables, those of random generators included, and which of them are trained."""
    if [v.shape for v in old.variables] != [v.shape for v in new.variables]:
        raise UnsupportedError(
            f"layer {old.name!r} of class {type(old).__name__}: expected a copy by its configuration to have the same "
            "variables"
        )
    for a, b in zip(old.variables, new.variables, strict=True):
        b.assign(np.asarray(a.numpy()))
        b.trainable = a.trainable


def _calibration(module: Op, samples: Any) -> Calibration:
    if isinstance(samples, Calibration):
        return samples
    if isinstance(samples, (str, os.PathLike)):
        return read_calibration(samples, module)
    arrays = samples if isinstance(samples, Mapping) else {"x": samples}
    return calibration_of({k: np.asarray(v) for k, v in arrays.items()}, module)


def _moments(module: Op, calibrate: Any, precise: bool) -> dict[str, Moments]:
    """What the layers see of sample inputs, by their keys."""
    if calibrate is None:
        return {}
    budget = "force rank=1"  # of all layers
    options = CompileOptions(decompose_conv=budget, precise=precise)
    return moments(module, _calibration(module, calibrate), options, imported=True)


def _together(calls: Sequence[Decomposable]) -> Moments | None:
    """What a layer sees in all its calls."""
    seen = [Moments.of(c.moments) for c in calls if c.moments is not None]
    if len(seen) < len(calls):
        return None
    counts = [math.prod(c.out[:-1]) for c in calls]
    weights = [n / sum(counts) for n in counts]
    shares = sum(w * m.shares for w, m in zip(weights, seen, strict=True))
    size = seen[0].values.shape[2]
    if sum(m.values.shape[1] for m in seen) < size:  # few patches stay as they are
        rows = [math.sqrt(w) * m.values for w, m in zip(weights, seen, strict=True)]
        return Moments(np.concatenate(rows, axis=1), np.asarray(shares))
    total = sum(w * _second(m.values) for w, m in zip(weights, seen, strict=True))
    return Moments(np.asarray(total), np.asarray(shares))


def _second(values: Array) -> Array:
    """Second moments [groups, K, K], of patches [groups, fewer than K, K] too."""
    return values.transpose(0, 2, 1) @ values if values.shape[1] < values.shape[2] else values
