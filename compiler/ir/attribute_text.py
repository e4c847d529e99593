"""Attributes and types as MLIR text."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from ...runtime.errors import VerifyError
from ...runtime.spec import DType, boolean
from .attributes import (
    INLINE_ELEMENTS,
    TYPES,
    Array,
    Attribute,
    Dense,
    Number,
    Raw,
    SymbolRef,
    Unit,
    splat_value,
)
from .dims import Sym
from .location import Location
from .types import ScalarType

_BARE = re.compile(r"[A-Za-z_][\w$.]*\Z", re.ASCII)
_ESCAPED = re.compile('["\\\\\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]')
_FLOAT_BITS = {"f16": "<e", "f32": "<f", "f64": "<d"}


def float_text(value: float, kind: str = "f64") -> str:
    """Decimal text that reads back to the same bits; hexadecimal bits for NaN and infinities."""
    if kind == "bf16":
        bits = struct.unpack("<I", struct.pack("<f", value))[0] >> 16
        return f"0x{bits:04X}" if not math.isfinite(value) else _decimal(value)
    if not math.isfinite(value):
        raw = struct.pack(_FLOAT_BITS[kind], value)
        return "0x" + raw[::-1].hex().upper()
    return _decimal(value)


def _shortest(v: Any) -> str:
    """The fewest digits that read back to the same number of the array's own precision."""
    text = str(v)
    back = np.asarray(float(text), v.dtype)
    return _decimal(float(text) if back.tobytes() == np.asarray(v).tobytes() else float(v))


def _decimal(value: float) -> str:
    text = repr(float(value))
    mantissa, e, exponent = text.partition("e")
    return (mantissa if "." in mantissa else mantissa + ".0") + e + exponent


def quoted(text: str) -> str:
    """A string as MLIR reads it: unicode stays, control characters become bytes like `\\0A`."""

    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(m: re.Match[str]) -> str:
    c = m.group()
    if c in '"\\':
        return "\\" + c
    return "".join(f"\\{b:02X}" for b in c.encode("utf-8", "surrogatepass"))


def bare_or_quoted(name: str) -> str:
    return name if _BARE.match(name) else quoted(name)


def _element_text(v: Any, dtype: DType) -> str:
    if dtype.name == "bf16":
        wide = struct.unpack("<f", struct.pack("<I", int(v) << 16))[0]
        return f"0x{int(v):04X}" if not math.isfinite(wide) else _decimal(wide)
    if dtype.is_float:
        if not np.isfinite(v):
            return "0x" + np.asarray(v).tobytes()[::-1].hex().upper()
        return _shortest(v)
    return ("true" if v else "false") if dtype.kind == "b" else str(int(v))


def _elements_text(array: Array, dtype: DType) -> str:
    if array.ndim == 0:
        return _element_text(array[()], dtype)
    return "[" + ", ".join(_elements_text(a, dtype) for a in array) + "]"


def dense_text(value: Dense, name_of: Callable[[Dense], str]) -> str:
    """`dense<…>` for few elements and splats, `dense_resource<name>` for the rest."""
    one = splat_value(value.array)
    if value.array.size == 0:
        inner = "dense<>"
    elif one is not None:
        inner = f"dense<{_element_text(one, value.dtype)}>"
    elif value.array.size <= INLINE_ELEMENTS:
        inner = f"dense<{_elements_text(value.array, value.dtype)}>"
    else:
        inner = f"dense_resource<{bare_or_quoted(name_of(value))}>"
    return f"{inner} : {value.type}"


def number_text(n: Number) -> str:
    """`3 : index`, `1.0 : f32`."""
    if isinstance(n.type, ScalarType) and n.type.dtype.is_float:
        return f"{float_text(float(n.value), n.type.dtype.name)} : {n.type}"
    if n.type == ScalarType(boolean):
        return "true" if n.value else "false"
    return f"{int(n.value)} : {n.type}"


def attribute_text(value: Attribute, name_of: Callable[[Dense], str]) -> str:
    """An attribute value as MLIR spells it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return float_text(value) + ("" if math.isfinite(value) else " : f64")
    if isinstance(value, (str, Sym)):
        return quoted(str(value))
    if isinstance(value, tuple):
        items = cast("tuple[Any, ...]", value)
        return "[" + ", ".join([attribute_text(v, name_of) for v in items]) + "]"
    if isinstance(value, dict):
        return dict_text(cast("dict[str, Any]", value), name_of)
    if isinstance(value, Dense):
        return dense_text(value, name_of)
    if isinstance(value, Number):
        return number_text(value)
    if isinstance(value, SymbolRef):
        return "@" + bare_or_quoted(value.name)
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, Unit):
        return "unit"
    if isinstance(value, DType):
        return value.name
    if isinstance(value, TYPES):
        return str(value)
    raise VerifyError(f"{type(value).__name__} is no attribute")


def dict_text(attributes: dict[str, Any], name_of: Callable[[Dense], str]) -> str:
    """`{a = 1, flag}`, sorted by name."""
    items: list[str] = []
    for key in sorted(attributes):
        v = attributes[key]
        key = bare_or_quoted(key)
        items.append(key if isinstance(v, Unit) else f"{key} = {attribute_text(v, name_of)}")
    return "{" + ", ".join(items) + "}"


def location_text(loc: Location) -> str:
    """`loc("conv1")`, `loc("f.py":3:0)`, `loc(fused["a", "b"])`; nothing when unknown."""
    parts = [quoted(p) if isinstance(p, str) else f"{quoted(p[0])}:{p[1]}:{p[2]}" for p in loc.parts]
    if not parts:
        return ""
    return f" loc({parts[0]})" if len(parts) == 1 else f" loc(fused[{', '.join(parts)}])"
