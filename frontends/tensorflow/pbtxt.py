"""Protobuf's text format, turned into the binary one: `.pbtxt` graphs, SavedModels and MetaGraphs in words.

Written from the description of the format (protobuf.dev, "Text Format Language Specification"). The text is
read statement by statement with one regular expression; nesting is a list, not recursion; every statement
is paid for. Fields that SCHEMA does not have are passed over, as they are in binary form. The result goes
to the binary reader, so that both forms of a graph mean the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ...runtime.errors import FormatError
from .proto import FieldOf, fields_of
from .text_values import WIRE, number_bytes, unquote, varint_bytes
from .wire import LEN, Source, shorten

MOST_TEXT = 256 << 20
MOST_NESTED = 100
_STEPS = 3  # of the budget, for a statement
_BLOCK = 1 << 20

_SPACE = rb"(?:[ \t\r\n\f\v]++|\#[^\n]*+)*+"
_STRING = rb"\"(?:[^\"\\\n]++|\\[^\n])*+\"|'(?:[^'\\\n]++|\\[^\n])*+'"
_VALUE = rb"(?P<string>" + _STRING + rb")|(?P<scalar>-?[ \t]*+[\w.][\w.+-]*+)|(?P<open>[{<])"
_NAME = rb"(?P<name>[A-Za-z_]\w*+|\[[\w./ -]++\])"
_STATEMENT = re.compile(
    _SPACE + rb"(?:" + _NAME + _SPACE + rb"(?::" + _SPACE + rb"(?:" + _VALUE + rb"|(?P<list>\[))"
    rb"|(?P<bare>[{<])|(?P<messages>\[))|(?P<close>[}>])|(?P<end>\Z))"
)  # fmt: skip
_ELEMENT = re.compile(_SPACE + rb"(?:" + _VALUE + rb")")
_MORE = re.compile(_SPACE + rb"(?P<string>" + _STRING + rb")")
_SEPARATOR = re.compile(_SPACE + rb"[;,]")
_IN_LIST = re.compile(_SPACE + rb"([],])")


@dataclass(slots=True)
class _Message:
    """A message being read. `fields` is None, and `number` 0, for one that SCHEMA does not have; `listed` is
    the field whose list is being read, `begun` whether an element of it has been."""

    fields: dict[str, FieldOf] | None
    closing: bytes
    number: int
    listed: str = ""
    begun: bool = False
    parts: bytearray = field(default_factory=bytearray)
    packed: dict[int, bytearray] = field(default_factory=dict[int, bytearray])
    seen: set[int] = field(default_factory=set[int])

    def content(self) -> bytearray:
        """What goes on the wire; numbers that repeat are packed."""
        for number, values in self.packed.items():
            self.add(number, values)
        self.packed.clear()
        return self.parts

    def add(self, number: int, data: bytes | bytearray) -> None:
        self.parts += varint_bytes(number << 3 | LEN) + varint_bytes(len(data))
        self.parts += data


def to_binary(source: Source, message: str) -> Source:
    """The same message of SCHEMA in binary form. FormatError, with the line, for a text that is none."""
    if len(source.view) > MOST_TEXT:
        raise FormatError(f"expected at most {MOST_TEXT >> 20} MB of text format: save it in binary form")
    return Source(source.name, memoryview(_Reader(source, message).read()), source.budget)


class _Reader:
    """One pass over a text."""

    def __init__(self, source: Source, message: str) -> None:
        self.budget = source.budget
        self.text = source.view
        self.at = 0
        self.stack = [_Message(fields_of(message), b"", 0)]

    def read(self) -> bytearray:
        try:
            while self.step():
                pass
        except FormatError as error:
            raise FormatError(f"line {self.line()}: {error}") from None
        return self.stack[0].content()

    def line(self) -> int:
        blocks = range(0, self.at, _BLOCK)
        return 1 + sum(bytes(self.text[b : min(b + _BLOCK, self.at)]).count(b"\n") for b in blocks)

    def step(self) -> bool:
        """One field, element of a list, or end of a message; False at the end of the text."""
        self.budget.spend(_STEPS)
        top = self.stack[-1]
        if top.listed:
            self.element(top)
            return True
        match = _STATEMENT.match(self.text, self.at)
        if match is None:
            self.skip(_SPACE_ONLY)
            raise FormatError(f"expected a field, found {self.found()}")
        self.at = match.end()
        kind = match.lastgroup
        if kind == "end":
            if len(self.stack) > 1:
                raise FormatError(f"expected {top.closing.decode()!r}, found the end of the text")
            return False
        if kind == "close":
            self.close(match["close"])
            return True
        name = match["name"].decode()
        known = None if top.fields is None else top.fields.get(name)
        if kind in ("list", "messages"):
            if kind == "messages" and known is not None and _is_scalar(known):
                raise FormatError(f"expected ':' after field {shorten(name)}, found '['")
            if known is not None and not known.repeated:
                raise FormatError(f"expected one value of field {shorten(name)}, found a list")
            top.listed, top.begun = name, False
            return True
        if known is not None and not known.repeated:
            self.once(top, known, name)
        if kind in ("open", "bare"):
            self.open(known, name, match[kind])
        else:
            self.value(top, known, name, match)
            self.skip(_SEPARATOR)
        return True

    def element(self, top: _Message) -> None:
        """An element of a list, with the comma before it; or the list's end."""
        match = _IN_LIST.match(self.text, self.at)
        mark = match[1] if match is not None else b""
        if match is not None:
            self.at = match.end()
        if mark == b"]":
            top.listed = ""
            self.skip(_SEPARATOR)
            return
        if top.begun != (mark == b","):
            raise FormatError(f"expected ',' between elements of a list, found {self.found()}")
        match = _ELEMENT.match(self.text, self.at)
        if match is None:
            raise FormatError(f"expected an element of a list, found {self.found()}")
        self.at = match.end()
        top.begun = True
        known = None if top.fields is None else top.fields.get(top.listed)
        if match.lastgroup == "open":
            self.open(known, top.listed, match["open"])
        else:
            self.value(top, known, top.listed, match)

    def once(self, top: _Message, known: FieldOf, name: str) -> None:
        """A field that does not repeat stands once, and one alone of those that exclude each other."""
        number = 0 if known.in_oneof else known.number
        if number in top.seen:
            what = "one kind of value" if known.in_oneof else f"field {shorten(name)} once"
            raise FormatError(f"expected {what}, found another")
        top.seen.add(number)

    def value(self, top: _Message, known: FieldOf | None, name: str, match: re.Match[bytes]) -> None:
        """A string or scalar."""
        if match.lastgroup == "string":
            data = self.string(match["string"])
            if known is None:
                return
            if known.kind not in ("string", "bytes"):
                raise FormatError(f"expected field {shorten(name)} as {_described(known)}, found a string")
            top.add(known.number, data)
            return
        if known is None:
            return
        text = match["scalar"].decode()
        kind = WIRE.get(known.kind)
        if kind is None:
            raise FormatError(f"expected field {shorten(name)} as {_described(known)}, found {shorten(text)}")
        data = number_bytes(known.kind, text, name)
        if not known.repeated:
            top.parts += varint_bytes(known.number << 3 | kind) + data
        elif known.number in top.packed:
            top.packed[known.number] += data
        else:
            top.packed[known.number] = bytearray(data)

    def string(self, quoted: bytes) -> bytes:
        """The string, with those that follow it at once."""
        parts = [unquote(quoted)]
        while (more := _MORE.match(self.text, self.at)) is not None:
            self.budget.spend(_STEPS)
            self.at = more.end()
            parts.append(unquote(more["string"]))
        return b"".join(parts) if len(parts) > 1 else parts[0]

    def open(self, known: FieldOf | None, name: str, bracket: bytes) -> None:
        """The beginning of a message."""
        if len(self.stack) > MOST_NESTED:
            raise FormatError(f"expected messages nested at most {MOST_NESTED} deep, found more")
        self.budget.spend(_STEPS)
        if known is not None and _is_scalar(known):
            raise FormatError(f"expected field {shorten(name)} as {_described(known)}, found a message")
        fields = None if known is None else fields_of(known.kind)
        self.stack.append(
            _Message(fields, b"}" if bracket == b"{" else b">", known.number if known is not None else 0)
        )

    def close(self, bracket: bytes) -> None:
        """The end of a message."""
        top = self.stack[-1]
        if bracket != top.closing:
            wanted = repr(top.closing.decode()) if top.closing else "a field"
            raise FormatError(f"expected {wanted}, found {bracket.decode()!r}")
        self.stack.pop()
        outer = self.stack[-1]
        if top.number:
            outer.add(top.number, top.content())
        if not outer.listed:
            self.skip(_SEPARATOR)

    def skip(self, pattern: re.Pattern[bytes]) -> None:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()

    def found(self) -> str:
        rest = bytes(self.text[self.at : self.at + 40]).lstrip().split(b"\n")[0]
        return shorten(rest.decode("utf-8", "replace")) if rest else "the end of the line or text"


_SPACE_ONLY = re.compile(_SPACE)


def _is_scalar(known: FieldOf) -> bool:
    return known.kind in WIRE or known.kind in ("string", "bytes")


def _described(known: FieldOf) -> str:
    if known.kind in ("string", "bytes"):
        return "a string"
    return known.kind if known.kind in WIRE else "a message"
