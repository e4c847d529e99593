"""Models in files: `.keras`, legacy `.h5`, and weights alone in `.weights.h5`."""

from __future__ import annotations

import datetime
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ....runtime.errors import UNFORESEEN, Error, FormatError, InputError
from ...keras_file import archive, hdf5
from ..loading import loading
from ..objects import (
    custom_object_scope,
    deserialize_keras_object,
    numbering,
    serialize_keras_object,
    sharing,
)
from . import legacy, state

_OLD = (".h5", ".hdf5")


def _text(filepath: Any) -> str:
    if not isinstance(filepath, (str, os.PathLike)):
        raise InputError(f"expected a path, received a {type(filepath).__name__}")
    return os.fspath(filepath)


def _check_overwrite(path: str, overwrite: bool) -> None:
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"{path}: it is there already: remove it, or save with overwrite=True")


@contextmanager
def _replacing(path: str) -> Iterator[str]:
    """A file beside `path` to write into, which takes its place when all went well."""
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    part = os.path.join(folder, f".{os.path.basename(path)}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        if os.path.exists(part):
            os.unlink(part)


# writing


def save_model(
    model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None, include_optimizer: bool = True,
    **kwargs: Any,
) -> None:  # fmt: skip
    """Writes a model: configuration, weights, and how it was compiled with the optimizer's state.

    `filepath` ends in .keras, or in .h5 or .hdf5 for Keras' legacy format; without an overwrite a file that is there
    already is a FileExistsError. Raises ValueError for other endings and for models that cannot be written.
    """
    kwargs.pop("save_format", None)
    if kwargs or zipped is False:
        raise ValueError(f"save_model has no argument {', '.join(kwargs) or 'zipped=False'} here")
    if isinstance(filepath, io.IOBase):
        _write_archive(model, filepath)
        return
    path = _text(filepath)
    if not path.endswith((".keras", *_OLD)):
        raise ValueError(
            f"Invalid filepath extension for saving: expected .keras, or .h5 for the legacy format, received {path!r}"
        )
    _check_overwrite(path, overwrite)
    with _replacing(path) as part:
        if path.endswith(".keras"):
            _write_archive(model, part)
        else:
            legacy.write_model(model, part, include_optimizer)


def _write_archive(model: Any, target: Any) -> None:
    from . import KERAS_VERSION

    config = json.dumps(serialized_model(model))
    now = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    memory = io.BytesIO()
    with hdf5.writing(memory) as root:
        state.save_state(model, root)
    metadata = json.dumps({"keras_version": KERAS_VERSION, "date_saved": now})
    archive.write(target, config, metadata, memory.getbuffer())


def serialized_model(model: Any) -> dict[str, Any]:
    """A model's configuration with how it was built and compiled."""
    with numbering():
        config = serialize_keras_object(model)
    built = model.get_build_config()
    if built is not None:
        config["build_config"] = serialize_keras_object(built)
    if model.compiled:
        config["compile_config"] = model.get_compile_config()
    return config


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Writes a model's weights, and its optimizer's state, into a `.weights.h5` file.

    Raises ValueError for another ending, and for a model that has no weights yet.
    """
    path = _text(filepath)
    if not path.endswith(".weights.h5"):
        raise ValueError(f"The filename must end in `.weights.h5`. Received: filepath={path}")
    if not model.built:
        raise ValueError(
            "You are saving a model that has not yet been built. Call it on some data, or call `build()`, before."
        )
    _check_overwrite(path, overwrite)
    with _replacing(path) as part, hdf5.writing(part) as root:
        state.save_state(model, root)


# reading


def load_model(
    filepath: Any, custom_objects: Any = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """A model from a `.keras` or legacy `.h5` file, told by content.

    `custom_objects`: classes and functions by the names that the file has for them. With `compile` it is compiled as
    it was when it was saved, and the optimizer goes on from where it was. Marshalled Python code is never run,
    whatever `safe_mode` says.

    Raises UnsupportedError for classes that are not known (its `ops` names them), FormatError for damaged files,
    ValueError where there is no file.
    """
    where = filepath if isinstance(filepath, str) else getattr(filepath, "name", None) or "<file>"
    source: Any = filepath
    if isinstance(filepath, os.PathLike):
        source = where = os.fspath(filepath)
    if isinstance(source, str) and not os.path.isfile(source):
        if source.startswith("hf://"):
            raise ValueError(f"{source}: nothing is downloaded: name a file")
        raise ValueError(
            f"File not found: filepath={source}. Please ensure the file is an accessible `.keras` zip file."
        )
    with custom_object_scope(custom_objects or {}), foreseen(str(where)):
        if _is_archive(source):
            return _load_archive(source, str(where), compile)
        return _load_legacy(source, str(where), compile)


def load_bytes(data: Any, where: str) -> Any:
    """A model from the bytes of a file, not compiled."""
    with foreseen(where):
        if bytes(data[:2]) == b"PK":
            return _load_archive(data, where, False)
        return _load_legacy(io.BytesIO(data), where, False)


@contextmanager
def foreseen(where: str) -> Iterator[None]:
    """What a configuration leads to that no layer was made for is a damaged file."""
    try:
        yield
    except Error:
        raise
    except (MemoryError, NotImplementedError, *UNFORESEEN) as e:
        text = str(e).strip() or type(e).__name__
        raise FormatError(f"{where}: the model cannot be made from what the file says: {text[:2000]}") from e


def _is_archive(source: Any) -> bool:
    if not isinstance(source, str):
        start = source.tell()
        head = source.read(2)
        source.seek(start)
        return head == b"PK"
    with open(source, "rb") as file:
        return file.read(2) == b"PK"


def _load_archive(source: Any, where: str, compile: bool) -> Any:
    with (
        archive.reading(source, where) as found,
        hdf5.reading(found.weights, where, found.weights_size) as tree,
    ):
        with loading(tree.size()):
            model = model_from(found.config, where)
            trained = found.config.get("compile_config")
            if compile and isinstance(trained, dict) and trained.get("optimizer") is not None:
                model.compile_from_config(trained)
        state.load_state(model, tree)
    return model


def model_from(config: Any, where: str, custom_objects: Any = None) -> Any:
    """The model of a configuration. FormatError where it is the configuration of something else."""
    from ..models import Model

    with sharing():
        model = deserialize_keras_object(config, custom_objects)
        if not isinstance(model, Model):
            raise FormatError(
                f"{where}: expected the configuration of a model, found one of a {type(model).__name__}"
            )
        built = config.get("build_config")
        if not model.built and isinstance(built, dict):
            model.build_from_config(built)
    return model


def _load_legacy(source: Any, where: str, compile: bool) -> Any:
    size = os.path.getsize(source) if isinstance(source, str) else _size(source)
    with hdf5.reading(source, where, size) as tree, loading(tree.size()):
        model = model_from(legacy.model_config(tree), where)
        if not model.built:
            raise FormatError(
                f"{where}: expected a model with the shape of its input, found none: its weights are open"
            )
        legacy.read_weights(model, tree)
        if compile:
            legacy.read_training(model, tree, None)
    return model


def _size(file: Any) -> int:
    start = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(start)
    return end


def load_weights(
    model: Any, filepath: Any, skip_mismatch: bool = False, by_name: bool = False, **kwargs: Any
) -> None:
    """Takes a model's weights from a `.weights.h5` or `.keras` file, or from a legacy `.h5` file.

    Raises ValueError where weights do not fit; with `skip_mismatch` these are left as they are, with a warning.
    `by_name` is for legacy files: layers get the weights of those of their names.
    """
    if kwargs:
        raise ValueError(f"load_weights has no argument {', '.join(kwargs)} here")
    path = _text(filepath)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{path}: there is no such file")
    if not model.built:
        raise ValueError(
            "You are loading weights into a model that has not yet been built. Call it on some data, or call "
            "`build()`, before."
        )
    if by_name and not path.endswith(_OLD):
        raise ValueError(f"expected a legacy .h5 file for by_name=True, received {path!r}")
    if _is_archive(path):
        with (
            archive.reading(path, path) as found,
            hdf5.reading(found.weights, path, found.weights_size) as tree,
        ):
            state.load_state(model, tree, skip_mismatch)
        return
    with hdf5.reading(path, path, os.path.getsize(path)) as tree:
        if tree.texts("layer_names") or tree.group("model_weights") is not None:
            legacy.read_weights(model, tree, skip_mismatch, by_name)
        else:
            state.load_state(model, tree, skip_mismatch)


def model_to_json(model: Any, **kwargs: Any) -> str:
    """A model's configuration as JSON; keywords are those of json.dumps."""
    return json.dumps(serialized_model(model), **kwargs)


def model_from_json(json_string: str, custom_objects: Any = None) -> Any:
    """A model of a configuration in JSON, with new weights."""
    from ...keras_file import json_text
    from .legacy_config import modern

    config = json_text.parsed(json_string, "the model's JSON")
    with custom_object_scope(custom_objects or {}):
        model = model_from(
            config if "module" in config else modern(config), "the model's JSON", custom_objects
        )
        trained = config.get("compile_config")
        if isinstance(trained, dict) and trained.get("optimizer") is not None:
            model.compile_from_config(trained)
    return model
