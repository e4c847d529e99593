"""Keras-like definitions: layers, models, losses, metrics, optimizers under the names that Keras 3 has for them.

The public name of this package is `netwright.keras`. Modules and classes are imported when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

#: modules of this package, and the one of functions on tensors beside it
_MODULES = {
    name: f".{name}"
    for name in (
        "activations", "backend", "callbacks", "config", "constraints", "initializers", "layers", "losses", "metrics",
        "models", "optimizers", "random", "regularizers", "saving", "utils",
    )
} | {"ops": "..eager.ops"}  # fmt: skip

#: class or function -> module
_NAMES = {
    "Initializer": ".initializers",
    "Input": ".layers.input_layer",
    "InputSpec": ".layers.spec",
    "KerasTensor": "..eager.tensor",
    "Layer": ".layers.layer",
    "Loss": ".losses",
    "Metric": ".metrics",
    "Model": ".models",
    "Optimizer": ".optimizers",
    "Regularizer": ".regularizers",
    "Sequential": ".models",
    "Variable": "..eager.variable",
    "name_scope": ".backend",
}

_REFUSED = {
    "applications": "trained networks are not part of this package, and nothing is downloaded: read a model's file "
    "with keras.models.load_model",
    "datasets": "nothing is downloaded: read the data with numpy",
} | dict.fromkeys(
    (
        "distillers", "distribution", "dtype_policies", "export", "legacy", "preprocessing", "quantizers", "tree",
        "visualization", "wrappers", "DTypePolicy", "FloatDTypePolicy", "Function", "Operation", "Quantizer",
        "RematScope", "StatelessScope", "SymbolicScope", "device", "remat",
    ),
    "it is not built here",
)  # fmt: skip

__all__ = [
    "Initializer", "Input", "InputSpec", "KerasTensor", "Layer", "Loss", "Metric", "Model", "Optimizer",
    "Regularizer", "Sequential", "Variable", "activations", "backend", "callbacks", "config", "constraints",
    "initializers", "layers", "losses", "metrics", "models", "name_scope", "ops", "optimizers", "random",
    "regularizers", "saving", "utils",
]  # fmt: skip

if TYPE_CHECKING:
    from ..eager import ops
    from ..eager.tensor import Tensor as KerasTensor
    from ..eager.variable import Variable
    from . import (
        activations,
        backend,
        callbacks,
        config,
        constraints,
        initializers,
        layers,
        losses,
        metrics,
        models,
        optimizers,
        random,
        regularizers,
        saving,
        utils,
    )  # fmt: skip
    from .backend import name_scope
    from .initializers import Initializer
    from .layers.input_layer import Input
    from .layers.layer import Layer
    from .layers.spec import InputSpec
    from .losses import Loss
    from .metrics import Metric
    from .models import Model, Sequential
    from .optimizers import Optimizer
    from .regularizers import Regularizer


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        value: Any = import_module(_MODULES[name], __name__)
    elif name in _NAMES:
        module = import_module(_NAMES[name], __name__)
        value = getattr(module, "Tensor" if name == "KerasTensor" else name)
    elif name in _REFUSED:
        raise AttributeError(f"there is no keras.{name}: {_REFUSED[name]}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_NAMES})
