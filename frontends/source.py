"""Models that are, or become, Keras-like ones: objects, `.keras` and `.h5` files, Python files."""

from __future__ import annotations

import os
from typing import Any

from ..compiler.ir.core import Op
from ..runtime.errors import InputError
from .sniff import Kind

#: kinds of files that hold such a model
KINDS = frozenset({Kind.KERAS, Kind.HDF5, Kind.PYTHON})


def is_object(source: Any) -> bool:
    """Whether a source is neither a path nor the bytes of a file."""
    return not isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview))


def model_of(source: Any, kind: Kind | None = None, name: str = "the model") -> Any:
    """The model that a source holds: one of netwright.keras, or a module of IR, which a Python file may give.

    `kind` is that of a path or of bytes, which is one of KINDS. Raises InputError for an object that is no model,
    and what reading the file raises.
    """
    if isinstance(source, Op):
        return source
    if is_object(source):
        return _object(source, name)
    if kind is Kind.PYTHON:
        from .python_file import model_of as run

        made = run(os.fspath(source))
        return made if isinstance(made, Op) else _object(made, os.fspath(source))
    from .keras.saving.files import load_bytes, load_model

    if isinstance(source, (bytes, bytearray, memoryview)):
        return load_bytes(source, name)
    return load_model(os.fspath(source), compile=False)


def _object(source: Any, name: str) -> Any:
    from .keras.foreign import is_foreign, own_model

    if is_foreign(source):
        return own_model(source)
    from .keras.models import Model

    if isinstance(source, Model):
        return source
    raise InputError(
        f"{name}: expected the path of a model, or a model of netwright.keras, received a {type(source).__name__}"
    )


def module_of(model: Any, inputs: Any, outputs: Any, batch: int | None, name: str) -> Op:
    """The module of what `model_of` gives, for inference."""
    if isinstance(model, Op):
        from ..compiler.ir.verify import verify
        from .specialize import specialize

        if inputs or outputs:
            raise InputError(
                f"{name}: a module has its own inputs and outputs: leave out the names of others"
            )
        module = model.clone({})
        verify(module)
        if batch is not None:
            specialize(module, {"n": batch}, name)
            verify(module)
        return module
    from .keras.inference import inference_module

    return inference_module(model, inputs=inputs, outputs=outputs, batch=batch, where=name)
