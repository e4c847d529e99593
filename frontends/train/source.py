"""The module of a training library for a model in any form."""

from __future__ import annotations

from typing import Any

from ...compiler.ir.core import Op
from ...compiler.ir.passes import PassContext
from ...compiler.options import CompileOptions
from ...compiler.passes.decompose_conv import DECOMPOSITIONS, parse_decomposition
from ...compiler.passes.decomposition import decompose
from ...compiler.target import resolve_target
from ...runtime.errors import OptionError
from .. import sniff
from .. import source as sources
from ..build import model_name
from ..load import load_model
from ..lowrank.calibration import moments, read_calibration
from .imported import ImportedGraph
from .library import training_module


def check_training(options: CompileOptions) -> None:
    """Raises OptionError for options of training that do not fit each other."""
    if options.train is None:
        given = [n for n in ("loss", "metrics", "trainable") if getattr(options, n)]
        if given:
            raise OptionError(f"expected --train beside --{given[0]}: without it the library does not train")
    elif options.loss is None:
        raise OptionError("expected --loss beside --train: what training minimises")


def training_source(model: Any, options: CompileOptions, name: str) -> Op:
    """The module for a Keras-like model, or for a module of IR whose constants are to be trained."""
    check_training(options)
    rows: list[dict[str, Any]] = []
    if options.decompose_conv is not None:
        model, rows = decomposed(model, options)
    if isinstance(model, Op):
        model = ImportedGraph(model, options.trainable or ".*", name)
    elif options.trainable is not None:
        choose(model, options.trainable)
    module = training_module(model, options.train or "", options.loss or "", options.batch, options.metrics)
    if options.decompose_conv is not None:
        module.attributes[DECOMPOSITIONS] = tuple(rows)
    return module


def decomposed(model: Any, options: CompileOptions) -> tuple[Any, list[dict[str, Any]]]:
    """The model with pairs of thinner layers in place of those that `decompose_conv` asks for, their weights not yet
    variables, and a row for each layer that was considered. A module of IR is changed in place."""
    budget = parse_decomposition(options.decompose_conv or "")
    target = resolve_target(options.target)
    if isinstance(model, Op):
        seen = None
        if options.calibrate is not None:
            seen = moments(model, read_calibration(options.calibrate, model), options, imported=True)
        decompose(model, PassContext(target=target, options=options), budget.wish, seen)
        return model, list(model.attributes.pop(DECOMPOSITIONS, ()))
    from ..keras.decomposition import decompose_model

    return decompose_model(
        model,
        max_error=budget.max_error,
        flops=budget.flops,
        rank=budget.rank,
        force=budget.force,
        calibrate=options.calibrate,
        target=options.target,
        precise=options.precise,
    )


def load_training(src: Any, options: CompileOptions, resources: str | None = None) -> Op:
    """The same for a model in any form: a graph, a SavedModel, IR text, a Keras model's file, a Python file, an
    object."""
    check_training(options)
    model: Any
    if sources.is_object(src):
        model = sources.model_of(src)
    elif (kind := sniff.sniff(src)) in sources.KINDS:
        model = sources.model_of(src, kind, str(src))
    else:
        model = load_model(
            src,
            inputs=options.inputs,
            outputs=options.outputs,
            signature=options.signature,
            resources=resources,
        )
    return training_source(model, options, model_name(src))


def choose(model: Any, trainable: str) -> None:
    """Trains the weights alone whose paths match; OptionError when none does."""
    import re

    try:
        wanted = re.compile(trainable)
    except re.error as e:
        raise OptionError(
            f"expected a regular expression for the names of weights, received {trainable!r}: {e}"
        ) from None
    weights = [v for v in model.weights if v.trainable]
    for v in weights:
        v.trainable = wanted.search(v.path) is not None
    if not any(v.trainable for v in weights):
        known = ", ".join(v.path for v in weights[:10])
        raise OptionError(
            f"expected an expression that matches names of weights, received {trainable!r}; weights: {known}"
        )
