"""Types, attributes and locations from text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from ...runtime.errors import ParseError
from ...runtime.spec import BY_NAME, DType, bf16, dtype_of, i64
from .attributes import Array, Attribute, Dense, Number, Raw, SymbolRef, Unit
from .bfloat16 import narrow, widen
from .dims import Dim, Sym
from .lexer import Lexer
from .location import UNKNOWN, Location
from .types import FunctionType, IndexType, MemRefType, ScalarType, TensorType, Type, VectorType

_SHAPED = re.compile(
    r"((?:(?:\d+|\?)x)*)([a-z]\w*)(?:,\s*strided<\[([^\]]*)\](?:,\s*offset:\s*(\d+|\?))?>)?\Z"
)
_STRIDES = re.compile(r"(?:\s*(?:-?\d+|\?)\s*,)*\s*(?:-?\d+|\?)?\s*")
_MOST_DIMENSIONS = 64


_ESCAPE = re.compile(rb"\\(?:([0-9A-Fa-f]{2})|([\"\\nt])|)")
_LETTERS = {b"n": b"\n", b"t": b"\t"}


def unescape(quoted: str) -> str:
    """The text of a quoted string; MLIR writes bytes that are no plain text as two hexadecimal digits."""
    if "\\" not in quoted:
        return quoted[1:-1]

    def plain(m: re.Match[bytes]) -> bytes:
        if m.group(1):
            return bytes.fromhex(m.group(1).decode())
        if not m.group(2):
            raise ParseError(f"unknown escape in the string {quoted}")
        return _LETTERS.get(m.group(2), m.group(2))

    body = quoted[1:-1].encode("utf-8", "surrogatepass")
    try:
        return _ESCAPE.sub(plain, body).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as e:
        raise ParseError(f"the string {quoted} is no UTF-8") from e


class AttributeParser(Lexer):
    """Parses everything but ops. `?` in a type becomes the symbol `?`: only inference knows its name."""

    resources: Mapping[str, Array] = {}
    #: `#map` and the like, which MLIR gives names
    named_attributes: dict[str, Attribute] = {}

    def type(self) -> Type:
        if self.at("("):
            return self.function_type()
        t = self.expect_kind("word", "a type")
        if t.text == "index":
            return IndexType()
        if t.text in ("tensor", "memref", "vector"):
            return self._shaped(t.text)
        if t.text in BY_NAME:
            return ScalarType(BY_NAME[t.text])
        raise self.error(f"unknown type {t.text!r}", t.start)

    def _shaped(self, kind: str) -> Type:
        start = self.token.start
        m = _SHAPED.match(self.raw_until_balanced()[1:-1].strip())
        if m is None or m.group(2) not in BY_NAME:
            raise self.error(f"expected the shape and element type of a {kind}", start)
        if re.search(r"\d{20}", m.group()) or m.group(1).count("x") > _MOST_DIMENSIONS:
            raise self.error(f"expected the sizes of a {kind}, found too large numbers or too many", start)
        shape = tuple(_dim(d) for d in m.group(1).split("x")[:-1])
        dtype = BY_NAME[m.group(2)]
        if kind == "tensor":
            return TensorType(shape, dtype)
        if kind == "vector":
            return VectorType(tuple(d for d in shape if isinstance(d, int)), dtype)
        if m.group(3) is None:
            return MemRefType(shape, dtype)
        if not _STRIDES.fullmatch(m.group(3)):
            raise self.error(f"expected strides as numbers or '?', found {m.group(3)[:100]!r}", start)
        strides = tuple(_dim(s.strip()) for s in m.group(3).split(",") if s.strip())
        return MemRefType(shape, dtype, strides, _dim(m.group(4) or "0"))

    def function_type(self) -> FunctionType:
        inputs = self.types_in_parentheses()
        self.expect("->")
        return FunctionType(inputs, self.types_in_parentheses() if self.at("(") else (self.type(),))

    def types_in_parentheses(self) -> tuple[Type, ...]:
        self.expect("(")
        out: list[Type] = []
        while not self.accept(")"):
            if out:
                self.expect(",")
            out.append(self.type())
        return tuple(out)

    def attribute(self) -> Attribute:
        t = self.token
        if t.kind in ("int", "float", "hex"):
            return self._number()
        if t.kind == "string":
            return unescape(self.take().text)
        if t.kind == "symbol":
            name = self.take().text[1:]
            return SymbolRef(unescape(name) if name.startswith('"') else name)
        if t.kind == "hash":
            name = self.take().text
            if name in self.named_attributes:
                return self.named_attributes[name]
            return Raw(name + (self.raw_until_balanced() if self.at("<") else ""))
        if self.accept("["):
            items: list[Attribute] = []
            while not self.accept("]"):
                if items:
                    self.expect(",")
                items.append(self.attribute())
            return tuple(items)
        if t.text == "{":
            return self.dictionary()
        if t.text in ("true", "false", "unit"):
            self.take()
            return Unit() if t.text == "unit" else t.text == "true"
        if t.text in ("dense", "dense_resource"):
            return self._dense()
        if t.text in ("affine_map", "array"):
            return Raw(self.take().text + self.raw_until_balanced())
        if t.text in BY_NAME:
            self.take()
            return BY_NAME[t.text]
        return self.type()

    def _number(self) -> int | float | Number:
        t = self.take()
        kind = self.type() if self.accept(":") else None
        is_float = isinstance(kind, ScalarType) and kind.dtype.is_float
        value: int | float = float(t.text) if t.kind == "float" else 0
        if t.kind == "hex" and is_float:
            bits = _element(t.text, kind.dtype) if isinstance(kind, ScalarType) else 0.0
            value = float(widen(np.asarray(bits)) if str(kind) == "bf16" else bits)
        elif t.kind != "float":
            value = int(t.text, 0)
        default = "f64" if is_float else "i64"
        if isinstance(kind, (ScalarType, IndexType)) and str(kind) != default:
            return Number(value, kind)
        return value

    def dictionary(self) -> dict[str, Attribute]:
        self.expect("{")
        out: dict[str, Attribute] = {}
        while not self.accept("}"):
            if out:
                self.expect(",")
            key = self.take()
            if key.kind not in ("word", "string"):
                raise self.error("expected the name of an attribute", key.start)
            name = unescape(key.text) if key.kind == "string" else key.text
            if name in out:
                raise self.error(f"attribute {name!r} is given twice", key.start)
            out[name] = self.attribute() if self.accept("=") else Unit()
        return out

    def _dense(self) -> Dense:
        word = self.take()
        if word.text == "dense_resource":
            self.expect("<")
            key = self.take()
            name = unescape(key.text) if key.kind == "string" else key.text
            self.expect(">")
            kind = self._dense_type()
            array = self.resources.get(name)
            if array is None:
                raise self.error(
                    f"the values of dense_resource<{name}> are not among the resources", key.start
                )
            if tuple(array.shape) != kind.shape or dtype_of(array.dtype).numpy != kind.dtype.numpy:
                raise self.error(
                    f"resource {name!r} is {array.dtype}{list(array.shape)}, not {kind}", key.start
                )
            return Dense(array, name, kind.dtype)
        self.expect("<")
        if self.accept(">"):
            kind = self._dense_type()
            return Dense(np.zeros(_static(kind), kind.dtype.numpy), "", kind.dtype)
        values = self._nested()
        self.expect(">")
        kind = self._dense_type()
        try:
            flat = np.array([_element(v, kind.dtype) for v in _flatten(values)], kind.dtype.numpy)
            if not isinstance(values, list):
                array = np.broadcast_to(flat.reshape(()), _static(kind))
            else:
                array = flat.reshape(_static(kind))
        except (ValueError, OverflowError) as e:
            raise self.error(f"the values of dense<…> do not fit {kind}", word.start) from e
        return Dense(array, "", kind.dtype)

    def _nested(self) -> Any:
        if self.accept("["):
            items: list[Any] = []
            while not self.accept("]"):
                if items:
                    self.expect(",")
                items.append(self._nested())
            return items
        return self.take().text

    def _dense_type(self) -> TensorType:
        self.expect(":")
        t = self.type()
        if not isinstance(t, TensorType) or not t.is_static:
            raise self.error("expected a static tensor type")
        return t

    def location(self) -> Location:
        """`loc(…)` if there is one; also MLIR's aliases, resolved by the caller."""
        if not self.accept("loc"):
            return UNKNOWN
        self.expect("(")
        loc = self.location_body()
        self.expect(")")
        return loc

    def location_body(self) -> Location:
        if self.accept("unknown"):
            return UNKNOWN
        if self.accept("fused"):
            self.expect("[")
            parts: list[Location] = []
            while not self.accept("]"):
                if parts:
                    self.expect(",")
                parts.append(self.location_body())
            return Location.fused(*parts)
        if self.token.kind == "hash":
            return self.alias(self.take().text)
        name = unescape(self.expect_kind("string", "a location").text)
        if self.accept(":"):
            line = int(self.expect_kind("int", "a line number").text)
            self.expect(":")
            return Location.file(name, line, int(self.expect_kind("int", "a column").text))
        return Location.name(name)

    def alias(self, name: str) -> Location:
        raise self.error(f"unknown location alias {name}")


def _dim(text: str) -> Dim:
    return Sym.symbol("?") if text == "?" else int(text)


def _static(kind: TensorType) -> tuple[int, ...]:
    return tuple(d for d in kind.shape if isinstance(d, int))


def _flatten(values: Any) -> list[str]:
    if isinstance(values, list):
        return [x for v in cast("list[Any]", values) for x in _flatten(v)]
    return [values]


def _element(text: str, dtype: DType) -> Any:
    if dtype.kind == "b":
        return text == "true"
    if not dtype.is_float:
        return int(text)
    if text.startswith("0x"):
        return np.frombuffer(bytes.fromhex(text[2:])[::-1], dtype.numpy)[0]
    if dtype == bf16:
        return narrow(np.asarray(text, np.float64))
    value = float(text)
    return math.copysign(value, -1.0) if text.startswith("-") else value


__all__ = ["AttributeParser", "i64", "unescape"]
