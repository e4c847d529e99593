"""A model in any form to a graph-level module: told by content, not by the file's name."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..compiler import kernels, ops  # noqa: F401 - importing registers the ops that IR text may hold
from ..compiler.explain.dump import parse_dump, read_dump
from ..compiler.ir.core import Op
from ..compiler.ir.parser import parse_module
from ..compiler.ir.verify import verify
from ..runtime.errors import FormatError, InputError, OptionError, UnsupportedError
from . import sniff
from . import source as sources
from .sniff import Kind
from .specialize import specialize

#: kinds that are models, which the compiler cannot read yet; all others are no models
_MODELS = frozenset({Kind.META_GRAPH, Kind.CHECKPOINT, Kind.ARTIFACT, Kind.TFLITE, Kind.ONNX})


def load_model(
    source: Any,
    *,
    inputs: Sequence[str] | Mapping[str, Any] | None = None,
    outputs: Sequence[str] | None = None,
    signature: str | None = None,
    batch: int | None = None,
    resources: str | os.PathLike[str] | None = None,
    name: str = "<bytes>",
) -> Op:
    """The module for a model file, for the bytes of one, or for a model of netwright.keras or Keras.

    `inputs`, `outputs` and `batch` are those of `import_graph`, `signature` is that of `import_saved_model`;
    IR text has its own inputs and outputs.
    `resources` is the folder with the large constants of IR text, by default `resources` beside it. `name`
    is what messages call bytes.

    Raises UnsupportedError for models of a kind that cannot be compiled, with what to do instead, and
    FormatError for files that hold no model.
    """
    held = isinstance(source, (bytes, bytearray, memoryview))
    if sources.is_object(source):
        if signature is not None or resources is not None:
            raise OptionError("expected neither a signature nor resources beside a model that is an object")
        model = sources.model_of(source)
        return sources.module_of(model, inputs, outputs, batch, getattr(model, "name", None) or "the module")
    kind = sniff.sniff_bytes(source) if held else sniff.sniff(source)
    name = name if held else os.fspath(source)
    if signature is not None and kind in (Kind.GRAPH, Kind.GRAPH_TEXT, Kind.IR_TEXT, *sources.KINDS):
        raise OptionError(f"{name}: only a SavedModel has signatures, and this is {kind.value}")
    if kind is Kind.IR_TEXT:
        return _ir_text(source, name, inputs, outputs, batch, resources)
    if resources is not None:
        raise InputError(f"{name}: only IR text has a folder of resources, and this is {kind.value}")
    if kind in sources.KINDS:
        return sources.module_of(sources.model_of(source, kind, name), inputs, outputs, batch, name)
    if kind is Kind.SAVED_MODEL:
        from .tensorflow.savedmodel import import_saved_model

        return import_saved_model(source, signature=signature, inputs=inputs, outputs=outputs, batch=batch)
    # The reader says at which byte a damaged graph goes wrong.
    damaged = kind is Kind.UNKNOWN and (held or name.endswith(".pb"))
    if kind in (Kind.GRAPH, Kind.GRAPH_TEXT) or damaged:
        from .tensorflow.importer import import_graph

        return import_graph(source, inputs=inputs, outputs=outputs, batch=batch)
    error = UnsupportedError if kind in _MODELS else FormatError
    raise error(sniff.explain(kind, name))


def _ir_text(
    source: Any,
    name: str,
    inputs: Sequence[str] | Mapping[str, Any] | None,
    outputs: Sequence[str] | None,
    batch: int | None,
    resources: str | os.PathLike[str] | None,
) -> Op:
    if inputs or outputs:
        raise InputError(f"{name}: IR text has its own inputs and outputs: leave out the names of others")
    if isinstance(source, (bytes, bytearray, memoryview)):
        try:
            text = bytes(source).decode()
        except UnicodeDecodeError as e:
            raise FormatError(f"{name}: expected IR text in UTF-8: {e}") from None
        module = parse_module(text, name) if resources is None else parse_dump(text, name, Path(resources))
    else:
        module = read_dump(Path(source), resources)
    verify(module)
    if batch is not None:
        specialize(module, {"n": batch}, name)
        verify(module)
    return module
