"""`netwright.compile`: a model in any form to a loaded native model."""

from __future__ import annotations

import dataclasses
import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from ..compiler.options import CompileOptions
from ..runtime import Model, load
from ..runtime.errors import OptionError
from .build import build


def make_options(**keywords: Any) -> CompileOptions:
    """Options from Python keywords; lists become tuples. OptionError names an unknown one."""
    fields = {f.name: f for f in dataclasses.fields(CompileOptions)}
    for key, value in keywords.items():
        if key not in fields:
            raise OptionError(f"unknown option {key!r}; options: {', '.join(fields)}")
        if isinstance(fields[key].default, tuple):
            keywords[key] = _texts(value)
    return CompileOptions(**keywords)


def _texts(value: Any) -> tuple[str, ...]:
    """One name, several, or names with shapes: `{"x": (None, 224, 224, 3)}` becomes `x:?,224,224,3`."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Mapping):
        return tuple(
            f"{k}:{','.join('?' if d is None else str(d) for d in v)}" if v is not None else str(k)
            for k, v in value.items()
        )
    return tuple(str(v) for v in value)


def compile(
    src: Any,
    output: str | os.PathLike[str] | None = None,
    *,
    inputs: Sequence[str] | Mapping[str, Sequence[int | None]] | None = None,
    outputs: Sequence[str] | None = None,
    signature: str | None = None,
    batch: int | None = None,
    threads: int | None = None,
    target: str = "native",
    dump_ir: str | os.PathLike[str] | None = None,
    calibrate: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Model:
    """Compiles a model to native code and loads it.

    `src`: path of a frozen TensorFlow graph (`.pb`, `.pbtxt`), of a SavedModel's folder, of a Keras model (`.keras`,
    `.h5`), of a Python file with a function that makes one (`model.py:build`), or of IR text (`.mlir`); or a model
    itself, of netwright.keras or of Keras. `output`: where to keep the library; without it the library lives as
    long as the model.
    `inputs`, `outputs`: tensors by node or tensor name, where the graph leaves it open; in a SavedModel also
    by the names of its `signature`. `batch` fixes the batch size, else it is dynamic. The other
    options are those of `netwright compile`, under the same names.

    Raises UnsupportedError (its `ops` name what stands in the way), FormatError for broken files,
    OptionError for wrong options. With NETWRIGHT_CACHE=FOLDER in the environment libraries are kept there and
    taken from there; trouble with the folder is a RuntimeWarning.
    """
    from ..compiler.cache import Cache

    chosen = make_options(
        inputs=inputs,
        outputs=outputs,
        signature=signature,
        batch=batch,
        threads=threads,
        target=target,
        dump_ir=None if dump_ir is None else os.fspath(dump_ir),
        calibrate=None if calibrate is None else os.fspath(calibrate),
        **options,
    )
    cache = Cache.from_environment()
    if output is not None:
        built = build(src, output, chosen, cache=cache)
        _warn(built.notes)
        return load(output, threads)
    with tempfile.TemporaryDirectory(prefix="netwright-") as folder:
        built = build(src, os.path.join(folder, "model.so"), chosen, cache=cache, in_place=True)
        _warn(built.notes)
        return load(built.path, threads)


def _warn(notes: Sequence[str]) -> None:
    for note in notes:
        warnings.warn(note, RuntimeWarning, stacklevel=3)
