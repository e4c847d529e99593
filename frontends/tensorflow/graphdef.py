"""A TensorFlow GraphDef, from bytes to plain Python objects.

`read_graph` returns nodes with decoded attributes and nothing of protobuf in them. It checks that the
file is well formed; whether the graph makes sense (names that exist once, inputs that exist, no cycles)
is for the importer. A file being read is mapped, and constants are views into the map: it must not be
rewritten in place while they are in use.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ...runtime.errors import FormatError
from ...runtime.spec import DType
from .. import sniff
from . import proto, wire
from .pbtxt import to_binary
from .tensors import OtherType, Tensor, data_type
from .wire import LEN, VARINT, Source, expect, fields, shorten

Shape = tuple[int | None, ...] | None
"""Sizes, None for one that is unknown; None for an unknown rank."""

_NODE, _LIBRARY, _VERSION, _VERSIONS = 1, 2, 3, 4  # in GraphDef
_FUNCTION = 1  # in FunctionDefLibrary
_NODE_DEF = 3  # in FunctionDef
_STEPS = {
    "node": 5,
    "function": 15,
    "argument": 4,
    "func": 3,
    "shape": 2,
    "tensor": 2,
    "s": 2,
}  # of the budget


@dataclass(slots=True)
class Node:
    """One operation. `inputs` are TensorFlow's: `name`, `name:1`, `^control`, in functions `name:out:0`.

    `attrs` holds int, float, bool, str (bytes where not UTF-8), DType or OtherType, Shape, Tensor,
    FuncRef, Placeholder, and tuples of one of these.
    """

    name: str
    op: str
    inputs: tuple[str, ...] = ()
    attrs: Mapping[str, Any] = field(default_factory=dict)
    device: str = ""


@dataclass(frozen=True, slots=True)
class FuncRef:
    """An attribute that names a function of the library, with the attributes it is called with."""

    name: str
    attrs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Placeholder:
    """An attribute inside a function that stands for the attribute `name` of the call."""

    name: str


@dataclass(frozen=True, slots=True)
class Argument:
    """An input or output of a function.

    `dtype` is None where it depends on the call: then `type_attr` names an attribute with the type, or
    `type_list_attr` one with a list of types; `number_attr` names one that says how many there are.
    """

    name: str
    dtype: DType | OtherType | None
    type_attr: str = ""
    number_attr: str = ""
    type_list_attr: str = ""
    is_ref: bool = False
    attrs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Function:
    """A function of the library. `ret` maps the name of each output to `node:out:0` or to an input.

    `parameters` are the attributes a call must give; `control_ret` names nodes that must run.
    """

    name: str
    inputs: tuple[Argument, ...]
    outputs: tuple[Argument, ...]
    nodes: list[Node]
    ret: dict[str, str]
    control_ret: dict[str, str]
    attrs: Mapping[str, Any]
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Versions:
    """Of GraphDef's meaning: who wrote the graph, and the oldest reader it allows."""

    producer: int = 0
    min_consumer: int = 0
    bad_consumers: tuple[int, ...] = ()


@dataclass(slots=True)
class Graph:
    """A whole file: its nodes in file order, its functions by name."""

    nodes: list[Node]
    functions: dict[str, Function]
    versions: Versions


def read_graph(what: str | os.PathLike[str] | bytes | bytearray | memoryview) -> Graph:
    """Read a frozen graph, binary or in text format, from a path or from its bytes.

    Raises FormatError for everything that is no well-formed GraphDef, a missing file included.
    """
    held = isinstance(what, (bytes, bytearray, memoryview))
    kind = sniff.sniff_bytes(what) if held else sniff.sniff(what)
    if kind not in (sniff.Kind.GRAPH, sniff.Kind.GRAPH_TEXT, sniff.Kind.UNKNOWN, sniff.Kind.EMPTY):
        raise FormatError(sniff.explain(kind, "<bytes>" if held else what, wanted="a TensorFlow graph"))
    source = wire.open_source(what)
    try:
        with collecting_later():
            if kind is sniff.Kind.GRAPH_TEXT:
                source = to_binary(source, "GraphDef")
            return read_binary(source)
    except FormatError as error:
        raise FormatError(
            f"{source.name}: {error}; check that it is a whole frozen graph, and write it again if not"
        ) from None


def read_binary(source: Source) -> Graph:
    """The graph whose binary form is all of `source`. FormatError, without the file's name, where it is none."""
    return _Reader(source).graph()


@contextmanager
def collecting_later() -> Iterator[None]:
    """Without garbage collection: objects made here by the million stay and hold no cycles; looking for some
    would double the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class _Reader:
    """Walks one source; protobuf parses what remains of each node once its large constants are set aside."""

    def __init__(self, source: Source) -> None:
        from google.protobuf.message import DecodeError

        self.source = source
        self.messages = proto.messages()
        self.decode_error = DecodeError
        self.names: dict[str, str] = {}  # equal strings are kept once: inputs repeat the names of nodes
        self.owner = self.key = ""  # the node and attribute at hand, for what constants say later
        self.readers: dict[str, Callable[[Any], Any]] = {
            "s": _text,
            "i": _same,
            "f": _same,
            "b": _same,
            "type": data_type,
            "shape": self.shape,
            "tensor": self.tensor,
            "list": self.sequence,
            "func": self.func,
            "placeholder": Placeholder,
        }

    def graph(self) -> Graph:
        view = self.source.view
        nodes: list[Node] = []
        functions: dict[str, Function] = {}
        versions = Versions()
        for found in fields(view, 0, len(view), self.source.budget):
            number, _, _, start, stop = found
            if number == _NODE:
                expect(found, LEN, "a node")
                nodes.append(self.node(start, stop, len(nodes)))
            elif number == _LIBRARY:
                expect(found, LEN, "the function library")
                self.library(start, stop, functions)
            elif number == _VERSIONS:
                expect(found, LEN, "the versions")
                versions = self.versions(start, stop)
            elif number == _VERSION:
                expect(found, VARINT, "the version")
        if not nodes:
            raise FormatError("expected a graph with nodes, found none")
        return Graph(nodes, functions, versions)

    def parse(self, kind: str, data: bytes) -> Any:
        try:
            return getattr(self.messages, kind).FromString(data)
        except self.decode_error:
            raise FormatError(
                f"expected a {kind}, found {len(data)} bytes that do not parse as one"
            ) from None

    def versions(self, start: int, stop: int) -> Versions:
        self.source.budget.spend_detail(stop - start)
        message = self.parse("VersionDef", self.source.view[start:stop].tobytes())
        return Versions(message.producer, message.min_consumer, tuple(message.bad_consumers))

    # Nodes.

    def node(self, start: int, stop: int, index: int) -> Node:
        try:
            data, tensors = wire.split_node(self.source, start, stop)
            message = self.parse("NodeDef", data)
        except FormatError as error:
            raise FormatError(f"node number {index}: {error}") from None
        name, op, device, inputs = message.name, message.op, message.device, message.input
        self.owner = name
        intern = self.names.setdefault
        try:
            if not name or not op:
                raise FormatError(f"expected a name and an op, found {shorten(name)} and {shorten(op)}")
            self.source.budget.spend(_STEPS["node"] + len(inputs))
            inputs = tuple([intern(text, text) for text in inputs])
            attrs = self.attrs(message.attr)
            for self.key, (begin, end) in tensors.items():
                if self.key in attrs:
                    raise FormatError(f"expected attribute {shorten(self.key)} once, found it twice")
                attrs[self.key] = Tensor(self.source, begin, end, (self.owner, self.key))
            return Node(intern(name, name), intern(op, op), inputs, attrs, intern(device, device))
        except FormatError as error:
            raise FormatError(f"node {shorten(name)} (number {index}): {error}") from None

    # Attributes.

    def attrs(self, entries: Any) -> dict[str, Any]:
        """Attributes in the order of their names: protobuf's maps have none."""
        self.source.budget.spend(len(entries))
        found: dict[str, Any] = {}
        for key in sorted(entries):
            value = entries[key]
            which = value.WhichOneof("value")
            if which is None:
                self.unset(key, value)
                continue
            self.key = key
            try:
                found[self.names.setdefault(key, key)] = self.readers[which](getattr(value, which))
            except FormatError as error:
                raise FormatError(f"attribute {shorten(key)}: {error}") from None
        return found

    def unset(self, key: str, value: Any) -> None:
        """Reading `node.attr["x"]` in Python leaves entries without a value behind: as good as absent."""
        self.source.budget.spend(1)
        if value.ByteSize():
            raise FormatError(f"attribute {shorten(key)}: expected a known kind of value, found another")

    def sequence(self, message: Any) -> tuple[Any, ...]:
        lists = message.ListFields()
        if not lists:
            return ()
        if len(lists) > 1:
            names = " and ".join(descriptor.name for descriptor, _ in lists)
            raise FormatError(f"expected a list of one kind, found {names}")
        descriptor, items = lists[0]
        self.source.budget.spend(len(items) * _STEPS.get(descriptor.name, 1))
        if descriptor.name == "s":
            return _texts(items)
        return tuple(map(self.readers[descriptor.name], items))

    def shape(self, message: Any) -> Shape:
        if message.unknown_rank:
            return None
        dims = message.dim
        self.source.budget.spend(len(dims))
        sizes = tuple([dim.size for dim in dims])
        if sizes and min(sizes) < -1:
            raise FormatError(f"expected sizes of -1 and above in a shape, found {min(sizes)}")
        return tuple([None if size < 0 else size for size in sizes])

    def func(self, message: Any) -> FuncRef:
        return FuncRef(message.name, self.attrs(message.attr))

    def tensor(self, message: Any) -> Tensor:
        """A small constant: as bytes again, so that all constants are decoded by the same code."""
        data = message.SerializeToString()
        source = Source(self.source.name, memoryview(data), self.source.budget)
        return Tensor(source, 0, len(data), (self.owner, self.key))

    # Functions. FunctionDefLibrary also lists gradients of functions; no compiled graph calls them.

    def library(self, start: int, stop: int, functions: dict[str, Function]) -> None:
        for found in fields(self.source.view, start, stop, self.source.budget):
            if found[0] == _FUNCTION:
                expect(found, LEN, "a function")
                function = self.function(found[3], found[4])
                if function.name in functions:
                    raise FormatError(f"expected function {shorten(function.name)} once, found it twice")
                functions[function.name] = function

    def function(self, start: int, stop: int) -> Function:
        """Nodes are taken out one by one, as they may hold large constants; protobuf has the rest."""
        view, budget = self.source.view, self.source.budget
        bodies: list[tuple[int, int, int]] = []
        for found in fields(view, start, stop, budget):
            if found[0] == _NODE_DEF:
                expect(found, LEN, "a function's node")
                budget.spend(_STEPS["node"])
                bodies.append(found[2:])
        holes = [(begin, end) for begin, _, end in bodies]
        budget.spend_detail(stop - start - sum(end - begin for begin, end in holes))
        message = self.parse("FunctionDef", wire.without(view, start, stop, holes))
        name = message.signature.name
        try:
            if not name:
                raise FormatError("expected a function with a name, found none")
            nodes = [self.node(at, end, index) for index, (_, at, end) in enumerate(bodies)]
            return self.assemble(name, message, nodes)
        except FormatError as error:
            raise FormatError(f"function {shorten(name)}: {error}") from None

    def assemble(self, name: str, message: Any, nodes: list[Node]) -> Function:
        signature = message.signature
        arguments = len(signature.input_arg) + len(signature.output_arg)
        entries = len(signature.attr) + len(message.ret) + len(message.control_ret)
        self.source.budget.spend(_STEPS["function"] + _STEPS["argument"] * arguments + 3 * entries)
        self.owner = name
        given = message.arg_attr
        inputs = [
            self.argument(argument, given[index].attr if index in given else {})
            for index, argument in enumerate(signature.input_arg)
        ]
        return Function(
            name=name,
            inputs=tuple(inputs),
            outputs=tuple([self.argument(argument, {}) for argument in signature.output_arg]),
            nodes=nodes,
            ret=dict(sorted(message.ret.items())),
            control_ret=dict(sorted(message.control_ret.items())),
            attrs=self.attrs(message.attr),
            parameters=tuple([attribute.name for attribute in signature.attr]),
        )

    def argument(self, message: Any, attrs: Any) -> Argument:
        return Argument(
            name=message.name,
            dtype=data_type(message.type) if message.type else None,
            type_attr=message.type_attr,
            number_attr=message.number_attr,
            type_list_attr=message.type_list_attr,
            is_ref=message.is_ref,
            attrs=self.attrs(attrs),
        )


def _same(value: Any) -> Any:
    return value


def _text(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _texts(items: Iterable[bytes]) -> tuple[str, ...] | tuple[bytes, ...]:
    """All str, or all bytes if one of them is no UTF-8."""
    try:
        return tuple([data.decode() for data in items])
    except UnicodeDecodeError:
        return tuple(items)
