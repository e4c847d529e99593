"""What kind of model a path holds, told by its content.

`sniff` reads the first and last kilobytes and runs nothing. `explain` has one sentence for every kind
that cannot be compiled at present; a kind becomes supported by emptying its row in `KINDS`.
"""

from __future__ import annotations

import os
import re
import stat
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from ..runtime.errors import FormatError
from .tensorflow.wire import LEN, VARINT, Budget, fields

HEAD = 64 * 1024
_FOOTER = bytes.fromhex("57fb808b247547db")  # ends the table of a checkpoint's index
_HDF5 = b"\x89HDF\r\n\x1a\n"


class Kind(Enum):
    """What `sniff` tells apart."""

    MISSING = "nothing"
    UNREADABLE = "something that cannot be opened"
    SPECIAL = "a device or a pipe"
    EMPTY = "an empty file"
    FOLDER = "a folder without a model"
    GRAPH = "a TensorFlow graph"
    GRAPH_TEXT = "a TensorFlow graph in text format"
    SAVED_MODEL = "a TensorFlow SavedModel"
    META_GRAPH = "a TensorFlow MetaGraph"
    CHECKPOINT = "a TensorFlow checkpoint"
    KERAS = "a Keras model (.keras)"
    HDF5 = "an HDF5 file"
    IR_TEXT = "IR text"
    PYTHON = "a Python file"
    ARTIFACT = "a compiled library"
    TFLITE = "a TensorFlow Lite model"
    ONNX = "an ONNX model"
    ZIP = "a zip archive that is no Keras model"
    UNKNOWN = "none of the files that are known here"


KINDS: dict[Kind, str] = {
    Kind.MISSING: "check the path",
    Kind.UNREADABLE: "check its permissions",
    Kind.SPECIAL: "copy the model into a file",
    Kind.EMPTY: "write it again",
    Kind.FOLDER: "name the model file itself",
    Kind.GRAPH: "",
    Kind.GRAPH_TEXT: "",
    Kind.SAVED_MODEL: "",
    Kind.META_GRAPH: "its variables are in a checkpoint beside it: export a SavedModel and compile that, or "
    "freeze both into one graph",
    Kind.CHECKPOINT: "it holds weights only: load them into the model that they belong to, and export that as "
    "a SavedModel",
    Kind.KERAS: "",
    Kind.HDF5: "",
    Kind.IR_TEXT: "",
    Kind.PYTHON: "",
    Kind.ARTIFACT: "it needs no compiling: run it with netwright.load({path!r})",
    Kind.TFLITE: "compile the TensorFlow model that it was converted from",
    Kind.ONNX: "compile the TensorFlow or Keras model that it was exported from",
    Kind.ZIP: "name a .keras file or a frozen graph",
    Kind.UNKNOWN: "name a SavedModel's folder or a frozen TensorFlow graph (.pb)",
}
"""For each kind, what to do about it; nothing for the kinds that are compiled."""


def explain(kind: Kind, path: object, wanted: str = "a model") -> str:
    """One sentence for the user who gave `path`; empty if a model was wanted and this kind is compiled."""
    name = str(path)
    advice = KINDS[kind]
    if not advice and wanted == "a model":
        return ""
    advice = advice.format(path=name) or f"name {wanted}"
    return f"{name}: expected {wanted}, found {kind.value}: {advice}"


def sniff(path: str | os.PathLike[str]) -> Kind:
    """The kind of model at `path`. Only Python sources (`model.py`, `model.py:build`) go by their name."""
    name = os.fspath(path)
    try:
        status = os.stat(name)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a zero byte in the name
        return _missing(name)
    except OSError:
        return Kind.UNREADABLE
    try:
        if stat.S_ISDIR(status.st_mode):
            return _folder(name)
        if not stat.S_ISREG(status.st_mode):
            return Kind.SPECIAL
        with open(name, "rb") as file:
            head = file.read(HEAD)
            file.seek(max(0, status.st_size - HEAD))
            tail = file.read(HEAD)
    except OSError:
        return Kind.UNREADABLE
    return _content(head, tail, max(status.st_size, len(head)), name)


def sniff_bytes(data: bytes | bytearray | memoryview) -> Kind:
    """The kind of model these bytes are, were they a file."""
    view = memoryview(data).cast("B")
    return _content(view[:HEAD].tobytes(), view[-HEAD:].tobytes(), len(view), "")


def _missing(name: str) -> Kind:
    if re.search(r"\.py(:\w+)?$", name) and os.path.isfile(name.rpartition(".py")[0] + ".py"):
        return Kind.PYTHON
    # A checkpoint goes by the common beginning of its files' names.
    if "\0" not in name and os.path.isfile(f"{name}.index"):
        return Kind.CHECKPOINT
    return Kind.MISSING


def _folder(name: str) -> Kind:
    folder = Path(name)
    if any((folder / f"saved_model.{end}").is_file() for end in ("pb", "pbtxt")):
        return Kind.SAVED_MODEL
    if (folder / "checkpoint").is_file():
        return Kind.CHECKPOINT
    with os.scandir(name) as entries:
        for entry, _ in zip(entries, range(1000), strict=False):
            if entry.name.endswith(".index"):
                return Kind.CHECKPOINT
    return Kind.FOLDER


_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (rb"\x7fELF", Kind.ARTIFACT),
    (rb"..\0\0TFL3", Kind.TFLITE),  # the zeros end a small offset: a node may be called TFL3, too
    (rb"(.{512}){0,4}" + re.escape(_HDF5), Kind.HDF5),
    (rb"PK(\x03\x04|\x05\x06)", Kind.ZIP),
)

_TEXT: tuple[tuple[str, Kind], ...] = (
    (r"(//|(builtin\.)?module\b|func\b|\"(builtin\.module|func\.func)\"|[#!]\w+ *=)", Kind.IR_TEXT),
    (r"(node|versions|library) *:? *\{", Kind.GRAPH_TEXT),
    (r"version *: *\d", Kind.GRAPH_TEXT),
    (r"(saved_model_schema_version *:|meta_graphs *:? *\{)", Kind.SAVED_MODEL),
    (r"(meta_info_def|graph_def) *:? *\{", Kind.META_GRAPH),
    (r"model_checkpoint_path *:", Kind.CHECKPOINT),
    (r"ir_version *:", Kind.ONNX),
)
_BLANK = re.compile(rb"(?:\s+|#(?!\w+ *=)[^\n]*\n)*")
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def _content(head: bytes, tail: bytes, size: int, name: str) -> Kind:
    if not size:
        return Kind.EMPTY
    if re.search(r"\.py$", name):
        return Kind.PYTHON
    for magic, kind in _MAGIC:
        if re.match(magic, head, re.DOTALL):
            keras = kind is Kind.ZIP and b"config.json" in head + tail
            return Kind.KERAS if keras else kind
    if tail.endswith(_FOOTER):
        return Kind.CHECKPOINT
    found = _text(head) or _protobuf(head, size)
    if found is None and re.search(r"\.data-\d{5}-of-\d{5}$", name):
        return Kind.CHECKPOINT  # raw weights, end to end: nothing in them to know them by
    return found or Kind.UNKNOWN


def _text(head: bytes) -> Kind | None:
    """Formats in words, by the first of them. A GraphDef may look blank up to its first node's name."""
    if _BINARY.search(head):
        return None
    blank = _BLANK.match(head)
    start = head[blank.end() if blank else 0 :][:200]
    for pattern, kind in _TEXT:
        if re.match(pattern.encode(), start):
            return kind
    return None


def is_text(data: memoryview) -> bool:
    """Whether a file that is known to hold a protobuf message holds it in text format."""
    return not _BINARY.search(data[:HEAD])


class _Field(NamedTuple):
    number: int
    kind: int
    size: int
    seen: bytes


def _peek(head: bytes, size: int, most: int = 8) -> list[_Field]:
    """The first fields of a protobuf message of `size` bytes that begins with `head`."""
    found: list[_Field] = []
    try:
        for number, kind, _, start, stop in fields(memoryview(head), 0, size, Budget(steps=most)):
            found.append(_Field(number, kind, stop - start, head[start:stop]))
    except (FormatError, IndexError):  # the end of the head, or no protobuf from here on
        pass
    return found


def _protobuf(head: bytes, size: int) -> Kind | None:
    """The messages that files begin with: GraphDef, SavedModel, MetaGraphDef, ONNX's ModelProto."""
    outer = _peek(head, size)
    if not outer:
        return None
    first = outer[0]
    if (first.number, first.kind) == (1, VARINT):
        return _with_version(first, outer[1:])
    if (first.number, first.kind) == (1, LEN):
        return _node_or_info(_peek(first.seen, first.size))
    if (first.number, first.kind) == (4, LEN) and all(
        f.kind == VARINT for f in _peek(first.seen, first.size)
    ):
        return Kind.GRAPH
    return None


def _with_version(first: _Field, rest: list[_Field]) -> Kind | None:
    """SavedModel (version 1, then a MetaGraphDef) or ONNX (a version, then the producer's name or more)."""
    if not rest:
        return None
    second = rest[0]
    if first.seen == b"\x01" and second.number == 2 and second.seen[:1] == b"\n":
        return Kind.SAVED_MODEL
    if second.kind == LEN and second.number in (2, 3, 4, 7, 8, 14):
        return Kind.ONNX
    return None


def _node_or_info(inner: list[_Field]) -> Kind | None:
    """A NodeDef has a name, then an op in letters; a MetaInfoDef a list of ops, tags, a version."""
    ops = [f.seen for f in inner if (f.number, f.kind) == (2, LEN)]
    named = bool(inner) and (inner[0].number, inner[0].kind) == (1, LEN)
    if named and ops and re.fullmatch(rb"[\w.>/-]+", ops[0]):
        return Kind.GRAPH
    versioned = any(f.number == 5 and re.fullmatch(rb"[\w.+-]+", f.seen) for f in inner)
    if (ops and ops[0][:1] == b"\n") or (not named and versioned):
        return Kind.META_GRAPH
    return None
