"""A model file and options to a library, for `nw.compile` and `netwright compile`: from the cache, or compiled.

A cached library is found by the bytes of the model's files, before any is read as a model. What compiles is
imported only where something is compiled.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..compiler.options import CompileOptions
from ..runtime.errors import OptionError
from . import sniff
from .sniff import Kind

if TYPE_CHECKING:
    from ..compiler.cache import Cache
    from ..compiler.ir.core import Op
    from ..compiler.ir.passes import Observer
    from ..compiler.result import Compiled


def build(
    src: Any,
    output: str | os.PathLike[str],
    options: CompileOptions,
    *,
    resources: str | None = None,
    observers: Sequence[Observer] = (),
    tell: Callable[[str], None] | None = None,
    cache: Cache | None = None,
    imported: Callable[[Op], None] | None = None,
    in_place: bool = False,
) -> Compiled:
    """The library `output` for a model; with a cache and `in_place` it may be the cache's own file instead.

    `imported` is called with the module before it is compiled.
    """
    check_calibration(options)
    key = files = None
    if cache is not None and options.cacheable:
        if tell is not None:
            tell("looking in the cache")
        files = _files(src) if resources is None else None
        key = _key(files, src, options, Path(output).name) if files else None
        if key is not None and imported is None:
            from ..compiler.result import from_cache

            found = from_cache(cache, key, None if in_place else output, options)
            if found is not None:
                return found
    if tell is not None:
        tell(f"reading {src if isinstance(src, (str, os.PathLike)) else model_name(src)}")
    from ..compiler.driver import compile_module
    from .lowrank.compiling import compile_decomposed

    module = _module(src, options, resources)
    if files is not None and _files(src) != files:
        key = None  # a file was changed while it was read: nobody knows which state the module is of
    if imported is not None:
        imported(module)
    compiles = compile_decomposed if options.decompose_conv and not options.train else compile_module
    return compiles(
        module, output, options, observers=observers, name=model_name(src), tell=tell, cache=cache, key=key
    )


def check_calibration(options: CompileOptions) -> None:
    """Raises OptionError for --calibrate where nothing is decomposed."""
    if options.calibrate is not None and options.decompose_conv is None:
        raise OptionError(
            f"expected --decompose-conv beside --calibrate, received --calibrate {options.calibrate} alone: it says "
            'what pairs of thinner layers are fitted to, as in --decompose-conv "max-error=0.02"'
        )


def _module(src: Any, options: CompileOptions, resources: str | None) -> Op:
    """The module to be compiled: for inference, or for training too."""
    training = options.train or options.loss or options.metrics or options.trainable
    if training:
        from .train.source import load_training

        return load_training(src, options, resources)
    from .load import load_model

    return load_model(
        src,
        inputs=options.inputs,
        outputs=options.outputs,
        signature=options.signature,
        batch=options.batch,
        resources=resources,
    )


def model_name(src: Any) -> str:
    """What the manifest calls the model: the file's name without ending, the folder's of a SavedModel, an object's
    own."""
    if not isinstance(src, (str, os.PathLike)):
        name = getattr(src, "name", None)
        return name if isinstance(name, str) and name else "model"
    path = Path(os.path.abspath(re.sub(r"\.py:\w+$", ".py", os.fspath(src))))
    if path.stem == "saved_model" and path.is_file():
        path = path.parent
    return (path.name if path.is_dir() else path.stem) or "model"


def _files(src: Any) -> list[tuple[str, tuple[int, ...]]] | None:
    """The files that a graph or SavedModel is read from, each with what changes when it is written.

    None for everything else: IR text is small, and its constants lie in many files.
    """
    if not isinstance(src, (str, os.PathLike)):
        return None
    name = os.fspath(src)
    kind = sniff.sniff(name)
    if kind in (Kind.GRAPH, Kind.GRAPH_TEXT, Kind.KERAS, Kind.HDF5):
        paths = [name]
    elif kind is Kind.SAVED_MODEL:
        folder = Path(name) if os.path.isdir(name) else Path(name).parent
        graphs = [folder / "saved_model.pb", folder / "saved_model.pbtxt"] if os.path.isdir(name) else [name]
        paths = [
            str(p) for p in (*graphs, *sorted(folder.glob("variables/variables.*"))) if os.path.isfile(p)
        ]
    else:
        return None
    try:
        stats = [os.stat(p) for p in paths]
    except OSError:  # the reader says what is wrong
        return None
    return [(p, (s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns)) for p, s in zip(paths, stats, strict=True)]


def _key(files: Sequence[tuple[str, Any]], src: Any, options: CompileOptions, soname: str) -> str | None:
    """The key of the library for these files; None when one cannot be read."""
    from ..compiler.cache_key import file_digest, library_key
    from ..compiler.target import resolve_target

    parts: list[str] = []
    for path, _ in files:
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                parts.append(f"{os.path.basename(path)} {file_digest(handle)}")
            finally:
                os.close(handle)
        except OSError:
            return None
    source = hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
    return library_key(source, options, resolve_target(options.target), model_name(src), soname)
