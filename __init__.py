"""netwright: TensorFlow and Keras model graphs to small, fast native libraries, ahead of time.

    import netwright as nw
    model = nw.compile("model.pb")        # numpy in, numpy out
    model = nw.load("model.so")           # a compiled library; needs numpy alone

Names are resolved when first used: importing the package imports nothing else.
"""

from __future__ import annotations

from importlib import import_module
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
}

__all__ = [
    "ArtifactError",
    "BusyError",
    "DTypeError",
    "Error",
    "ExecutionError",
    "FormatError",
    "InputError",
    "Model",
    "OptionError",
    "ParseError",
    "PassError",
    "ShapeError",
    "TensorSpec",
    "UnsupportedError",
    "VerifyError",
    "__version__",
    "compile",
    "load",
]

if TYPE_CHECKING:
    from .frontends.api import compile
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


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'netwright' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
