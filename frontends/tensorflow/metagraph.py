"""SavedModel and MetaGraph files to plain Python objects: graph, signatures, and how variables are restored."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ...runtime.errors import FormatError
from ...runtime.spec import DType
from .. import sniff
from . import proto, wire
from .graphdef import Graph, Shape, collecting_later, read_binary
from .pbtxt import to_binary
from .tensors import OtherType, data_type
from .wire import LEN, Source, expect, fields, shorten

_META_GRAPH = 2  # in SavedModel
_INFO, _GRAPH, _SAVER, _COLLECTION, _SIGNATURE = 1, 2, 3, 4, 5  # in MetaGraphDef
_MOST_COLLECTION = 64 * 1024  # bytes; those that matter name a node or two
#: collections with the op that runs after restoring: in TensorFlow 2, in 1, and before 1.13
_INIT_COLLECTIONS = ("saved_model_main_op", "saved_model_init_op", "legacy_init_op")
_INIT_SIGNATURE = "__saved_model_init_op"


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """An input or output of a signature: a tensor of the graph; `tensor` is empty for a sparse one."""

    tensor: str
    dtype: DType | OtherType
    shape: Shape

    def __str__(self) -> str:
        sizes = "?, …" if self.shape is None else ", ".join("?" if d is None else str(d) for d in self.shape)
        return f"{self.dtype}[{sizes}]"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a SavedModel offers to compute: inputs and outputs by the names that callers use, in order of name."""

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    method: str = ""


@dataclass(frozen=True)
class MetaGraph:
    """One graph of a SavedModel, or a MetaGraph file. `init_ops` run after `restore_op`."""

    tags: tuple[str, ...]
    version: str
    graph: Graph
    signatures: Mapping[str, Signature]
    restore_op: str
    init_ops: tuple[str, ...]


@dataclass(frozen=True)
class SavedModel:
    """The graphs by what they are tagged with; none is read before it is chosen."""

    source: Source
    parts: tuple[tuple[tuple[str, ...], int, int], ...]

    def read(self, tags: tuple[str, ...]) -> MetaGraph:
        """The graph with exactly these tags."""
        for found, start, stop in self.parts:
            if found == tags:
                with _naming(self.source), collecting_later():
                    return _MetaReader(self.source, start, stop).read()
        raise FormatError(f"{self.source.name}: expected a graph with tags {list(tags)}, found none")


def read_saved_model(what: str | os.PathLike[str] | bytes | bytearray | memoryview) -> SavedModel:
    """A SavedModel by its folder, its file or the bytes of that; binary or in text format."""
    source = _open(what, "SavedModel")
    parts: list[tuple[tuple[str, ...], int, int]] = []
    with _naming(source):
        for found in fields(source.view, 0, len(source.view), source.budget):
            if found[0] == _META_GRAPH:
                expect(found, LEN, "a graph of the SavedModel")
                parts.append((_MetaReader(source, found[3], found[4]).tags(), found[3], found[4]))
        if not parts:
            raise FormatError("expected a graph, found none")
    return SavedModel(source, tuple(parts))


def read_meta_graph(what: str | os.PathLike[str] | bytes | bytearray | memoryview) -> MetaGraph:
    """A MetaGraph file (`.meta`), binary or in text format."""
    source = _open(what, "MetaGraphDef")
    with _naming(source), collecting_later():
        return _MetaReader(source, 0, len(source.view)).read()


@contextmanager
def _naming(source: Source) -> Iterator[None]:
    """Puts the file's name in front of what is wrong with it."""
    try:
        yield
    except FormatError as error:
        raise FormatError(f"{source.name}: {error}; check that the file is whole") from None


def _open(what: str | os.PathLike[str] | bytes | bytearray | memoryview, message: str) -> Source:
    if not isinstance(what, (bytes, bytearray, memoryview)):
        what = file_of(what)
    source = wire.open_source(what)
    with _naming(source):
        return to_binary(source, message) if sniff.is_text(source.view) else source


def file_of(path: str | os.PathLike[str]) -> str:
    """The file of a SavedModel's folder; another path as it is."""
    name = os.fspath(path)
    if os.path.isdir(name):
        binary = os.path.join(name, "saved_model.pb")
        return binary if os.path.isfile(binary) else os.path.join(name, "saved_model.pbtxt")
    return name


class _MetaReader:
    """One MetaGraphDef: the graph is read where it lies, what is small goes to protobuf."""

    def __init__(self, source: Source, start: int, stop: int) -> None:
        self.source = source
        self.start, self.stop = start, stop
        self.graph: tuple[int, int] | None = None

    def tags(self) -> tuple[str, ...]:
        return tuple(self._message({_INFO}).meta_info_def.tags)

    def read(self) -> MetaGraph:
        message = self._message({_INFO, _SAVER, _COLLECTION, _SIGNATURE})
        if self.graph is None:
            raise FormatError("expected a MetaGraph with a graph, found none")
        begin, end = self.graph
        source = Source(self.source.name, self.source.view[begin:end], self.source.budget)
        signatures = {name: self._signature(name, s) for name, s in sorted(message.signature_def.items())}
        init = [
            node.partition(":")[0]
            for key in _INIT_COLLECTIONS
            if key in message.collection_def
            for node in message.collection_def[key].node_list.value
        ]
        return MetaGraph(
            tags=tuple(message.meta_info_def.tags),
            version=message.meta_info_def.tensorflow_version,
            graph=read_binary(source),
            signatures={name: s for name, s in signatures.items() if name != _INIT_SIGNATURE},
            restore_op=message.saver_def.restore_op_name.partition(":")[0],
            init_ops=tuple(init),
        )

    def _message(self, wanted: set[int]) -> Any:
        """The MetaGraphDef with these fields alone; notes where its graph is."""
        view, budget = self.source.view, self.source.budget
        holes: list[tuple[int, int]] = []
        kept = self.stop - self.start
        self.graph = None
        for found in fields(view, self.start, self.stop, budget):
            number, _, begin, at, end = found
            if number == _GRAPH:
                expect(found, LEN, "a graph")
                if self.graph is not None:
                    raise FormatError("expected one graph in a MetaGraph, found another")
                self.graph = (at, end)
            if number not in wanted or (number == _COLLECTION and end - at > _MOST_COLLECTION):
                holes.append((begin, end))
                kept -= end - begin
        budget.spend_detail(kept)
        data = wire.without(view, self.start, self.stop, holes)
        from google.protobuf.message import DecodeError

        try:
            return proto.messages().MetaGraphDef.FromString(data)
        except DecodeError:
            raise FormatError(
                f"expected a MetaGraph, found {len(data)} bytes that do not parse as one"
            ) from None

    def _signature(self, name: str, message: Any) -> Signature:
        try:
            inputs, outputs = (
                {k: self._info(v) for k, v in _named(m)} for m in (message.inputs, message.outputs)
            )
        except FormatError as error:
            raise FormatError(f"signature {shorten(name)}: {error}") from None
        return Signature(inputs, outputs, message.method_name)

    def _info(self, message: Any) -> TensorInfo:
        dims = message.tensor_shape.dim
        self.source.budget.spend(5 + len(dims))
        shape = (
            None
            if message.tensor_shape.unknown_rank
            else tuple(d.size if d.size >= 0 else None for d in dims)
        )
        return TensorInfo(message.name, data_type(message.dtype), shape)


def _named(entries: Any) -> list[tuple[str, Any]]:
    """By name, with numbers in names counted: `output_2` before `output_10`."""
    return sorted(entries.items(), key=lambda item: natural(item[0]))


def natural(name: str) -> tuple[tuple[Any, ...], ...]:
    """A key that sorts names as people do."""
    return tuple(
        (0, len(part.lstrip("0")), part.lstrip("0"), part) if part.isdecimal() else (1, part)
        for part in re.findall(r"[0-9]+|[^0-9]", name)
    )
