"""Values of protobuf's text format: numbers as bytes on the wire, strings without their quotes."""

from __future__ import annotations

import re
import struct

from ...runtime.errors import FormatError
from .proto import DATA_TYPES, REFERENCE
from .wire import I32, I64, VARINT, shorten

#: how a scalar of each kind travels
WIRE = {"float": I32, "double": I64} | dict.fromkeys(
    ("int64", "uint64", "int32", "uint32", "bool", "DataType"), VARINT
)
_RANGES = {
    "int32": (-(1 << 31), 1 << 31),
    "int64": (-(1 << 63), 1 << 63),
    "uint32": (0, 1 << 32),
    "uint64": (0, 1 << 64),
    "DataType": (0, 1 << 31),
}
_TRUE, _FALSE = ("true", "True", "t", "1"), ("false", "False", "f", "0")
_TYPES = {f"DT_{name}": number for number, name in enumerate(DATA_TYPES)}
_TYPES |= {f"{name}_REF": number + REFERENCE for name, number in _TYPES.items() if number}
_INTEGER = re.compile(r"-?(?:0[xX][0-9a-fA-F]{1,16}|0[0-7]{0,22}|[1-9][0-9]{0,20})")
_FLOAT = re.compile(r"-?(?:[0-9]{1,400}\.?[0-9]{0,400}|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,9})?")
_WORDS = {"inf": float("inf"), "infinity": float("inf"), "nan": float("nan")}

#: escapes that Python's own decoder reads in the same way
_PLAIN = re.compile(rb"(?:[^\\]++|\\(?:[abfnrtv'\"\\]|[0-3][0-7]{2}|x[0-9a-fA-F]{2}))*+")
_ESCAPE = re.compile(
    rb"\\(?:([abfnrtv'\"\\?])|([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|)"
)
_LETTERS = dict(zip(b"abfnrtv'\"\\?", b"\a\b\f\n\r\t\v'\"\\?", strict=True))


def number_bytes(kind: str, text: str, name: str) -> bytes:
    """The bytes of a number, bool or data type, in the form the wire has for its kind."""
    text = text.replace(" ", "").replace("\t", "")
    if kind in ("float", "double"):
        return _real(kind, text, name)
    if kind == "bool":
        if text not in _TRUE + _FALSE:
            raise _wrong(kind, text, name)
        return b"\1" if text in _TRUE else b"\0"
    value = _TYPES.get(text) if kind == "DataType" else None
    if value is None:
        value = _integer(text)
    low, high = _RANGES[kind]
    if value is None or not low <= value < high:
        raise _wrong(kind, text, name)
    return varint_bytes(value & 0xFFFFFFFFFFFFFFFF)


def varint_bytes(value: int) -> bytes:
    octets = bytearray()
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def _wrong(kind: str, text: str, name: str) -> FormatError:
    return FormatError(f"expected field {shorten(name)} as {kind}, found {shorten(text)}")


def _integer(text: str) -> int | None:
    """Decimal, hexadecimal (0x) or octal (0)."""
    if not _INTEGER.fullmatch(text):
        return None
    digits = text.lstrip("-").lower()
    base = 16 if digits.startswith("0x") else 8 if digits.startswith("0") else 10
    value = int(digits, base)
    return -value if text.startswith("-") else value


def _real(kind: str, text: str, name: str) -> bytes:
    word = _WORDS.get(text.lstrip("-").lower())
    if word is None:
        plain = text[:-1] if text[-1:] in ("f", "F") else text
        if not _FLOAT.fullmatch(plain):
            raise _wrong(kind, text, name)
        word = float(plain)
    elif text.startswith("-"):
        word = -word
    if kind == "double":
        return struct.pack("<d", word)
    try:
        return struct.pack("<f", word)
    except OverflowError:
        return struct.pack("<f", float("inf") if word > 0 else float("-inf"))


def unquote(quoted: bytes) -> bytes:
    """The bytes that a quoted string stands for."""
    inner = quoted[1:-1]
    if b"\\" not in inner:
        return inner
    if _PLAIN.fullmatch(inner):
        return inner.decode("unicode_escape").encode("latin-1")
    return _ESCAPE.sub(_unescaped, inner)


def _unescaped(match: re.Match[bytes]) -> bytes:
    letter, octal, hexadecimal, short, long = match.groups()
    if letter:
        return bytes([_LETTERS[letter[0]]])
    if octal:
        value = int(octal, 8)
    elif hexadecimal:
        value = int(hexadecimal, 16)
    elif short or long:
        point = int(short or long, 16)
        if point > 0x10FFFF or 0xD800 <= point < 0xE000:
            raise FormatError(f"expected a character, found {shorten(match[0])}")
        return chr(point).encode()
    else:
        raise FormatError(f"expected an escape sequence, found {shorten(match.string[match.start() :][:2])}")
    if value > 255:
        raise FormatError(f"expected a byte, found {shorten(match[0])}")
    return bytes([value])
