"""netwright: TensorFlow and Keras model graphs to small, fast native libraries, ahead of time.

    import netwright as nw
    model = nw.compile("model.pb")        # numpy in, numpy out
    model = nw.load("model.so")           # a compiled library; needs numpy alone

    from netwright import keras           # layers, models and training under Keras' names

Names are resolved when first used: importing the package imports nothing else.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

#: public name -> module that holds it
_PUBLIC = {
    "compile": ".frontends.api",
    "load": ".runtime",
    "Model": ".runtime",
    "TensorSpec": ".runtime",
    "Error": ".runtime.errors",
    "UnsupportedError": ".runtime.errors",
    "InputError": ".runtime.errors",
    "ShapeError": ".runtime.errors",
    "DTypeError": ".runtime.errors",
    "OptionError": ".runtime.errors",
    "FormatError": ".runtime.errors",
    "ParseError": ".runtime.errors",
    "VerifyError": ".runtime.errors",
    "PassError": ".runtime.errors",
    "ArtifactError": ".runtime.errors",
    "ExecutionError": ".runtime.errors",
    "BusyError": ".runtime.errors",
    "Variable": ".frontends.eager.variable",
    "GradientTape": ".frontends.eager.tape",
    "function": ".frontends.eager.function",
    "keras": ".keras",
    "ops": ".ops",
}

#: public package -> where it lies; what is in it goes by both names, and is there once
_ALIASES = {
    f"{__name__}.keras.ops": f"{__name__}.frontends.eager.ops",
    f"{__name__}.keras": f"{__name__}.frontends.keras",
    f"{__name__}.ops": f"{__name__}.frontends.eager.ops",
}

__all__ = [
    "ArtifactError",
    "BusyError",
    "DTypeError",
    "Error",
    "ExecutionError",
    "FormatError",
    "GradientTape",
    "InputError",
    "Model",
    "OptionError",
    "ParseError",
    "PassError",
    "ShapeError",
    "TensorSpec",
    "UnsupportedError",
    "Variable",
    "VerifyError",
    "__version__",
    "compile",
    "function",
    "keras",
    "load",
    "ops",
]

if TYPE_CHECKING:
    from .frontends import keras
    from .frontends.api import compile
    from .frontends.eager import ops
    from .frontends.eager.function import function
    from .frontends.eager.tape import GradientTape
    from .frontends.eager.variable import Variable
    from .runtime import Model, TensorSpec, load
    from .runtime.errors import (
        ArtifactError,
        BusyError,
        DTypeError,
        Error,
        ExecutionError,
        FormatError,
        InputError,
        OptionError,
        ParseError,
        PassError,
        ShapeError,
        UnsupportedError,
        VerifyError,
    )


class _Loader:
    """Gives a public name the module that lies elsewhere."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> Any:
        module = import_module(self.target)
        self.spec = module.__spec__
        return module

    def exec_module(self, module: Any) -> None:
        # it ran under its own name, and keeps that
        module.__spec__ = self.spec


class _Finder:
    """Finds `netwright.keras`, `netwright.ops` and what is in them, at any depth."""

    package = __name__

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        for public, place in _ALIASES.items():
            if name == public or name.startswith(f"{public}."):
                place += name[len(public) :]
                try:
                    import_module(place)
                except ModuleNotFoundError as e:
                    if e.name == place:
                        return None
                    raise
                return ModuleSpec(name, _Loader(place))  # type: ignore[arg-type]
        return None


if not any(getattr(f, "package", None) == __name__ for f in sys.meta_path):
    # before the finders that would load the files once more
    sys.meta_path.insert(0, _Finder())


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'netwright' has no attribute {name!r}")
    module = import_module(_PUBLIC[name], __name__)
    value = module if _PUBLIC[name] == f".{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
