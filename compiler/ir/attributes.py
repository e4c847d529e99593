"""Attribute values: Python's own where they serve; here are the kinds that MLIR has and Python has not."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from ...runtime.spec import DType, dtype_of
from .types import FunctionType, IndexType, MemRefType, ScalarType, TensorType, VectorType

Array: TypeAlias = npt.NDArray[Any]

TYPES = (TensorType, MemRefType, VectorType, ScalarType, IndexType, FunctionType)
#: more elements than this print as `dense_resource<name>`
INLINE_ELEMENTS = 16


def splat_value(array: Array) -> Any:
    """The one element that all elements are bit for bit, as a numpy scalar, or None."""
    if array.size == 0:
        return None
    first = array[(0,) * array.ndim]
    if array.size == 1 or all(s == 0 or n == 1 for s, n in zip(array.strides, array.shape, strict=True)):
        return first
    if array[(-1,) * array.ndim].tobytes() != first.tobytes():
        return None
    flat = np.ascontiguousarray(array).reshape(-1).view(f"u{array.itemsize}")
    return first if bool(np.all(flat == flat[0])) else None


class Dense:
    """A constant tensor: a name and an array that is never copied. Equal when type and bytes are equal."""

    __slots__ = ("_digest", "array", "dtype", "name")

    def __init__(self, array: Array, name: str = "", dtype: DType | None = None) -> None:
        self.array = array
        self.name = name
        self.dtype = dtype or dtype_of(array.dtype)
        self._digest: str | None = None

    @property
    def type(self) -> TensorType:
        return TensorType(tuple(self.array.shape), self.dtype)

    @property
    def digest(self) -> str:
        """A hash of type and bytes, computed once; -0.0 and 0.0 and different NaNs differ."""
        if self._digest is None:
            h = hashlib.sha256(f"{self.dtype.name}{self.array.shape}".encode())
            one = splat_value(self.array)
            if one is not None:  # however it is stored
                h.update(b"splat" + one.tobytes())
            elif self.array.size:
                h.update(np.ascontiguousarray(self.array).reshape(-1).view(np.uint8).data)
            self._digest = h.hexdigest()[:16]
        return self._digest

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Dense) or self.type != other.type:
            return False
        return self.array is other.array or self.digest == other.digest

    def __hash__(self) -> int:
        """From the corners alone: in a table, only arrays that agree there are hashed whole."""
        a = self.array
        corners = [a[(i,) * a.ndim].tobytes() for i in (0, -1)] if a.size else []
        return hash((self.dtype, a.shape, *corners))

    def __repr__(self) -> str:
        return f"Dense({self.name or self.digest}: {self.type})"


@dataclass(frozen=True)
class SymbolRef:
    """`@name` of a function, variable or kernel in the module."""

    name: str


@dataclass(frozen=True)
class Raw:
    """An attribute of a dialect that is kept as text: `#vector.kind<add>`, `affine_map<…>`."""

    text: str


@dataclass(frozen=True)
class Number:
    """A number with a type other than MLIR's defaults i64 and f64: `3 : index`, `1.0 : f32`."""

    value: int | float
    type: ScalarType | IndexType


class Unit:
    """An attribute that is there or not."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unit)

    def __hash__(self) -> int:
        return 1


Attribute: TypeAlias = Any
#: types of attributes that are their own keys; most attributes are of these
_PLAIN = frozenset((int, str, SymbolRef, DType, *TYPES))


def attribute_key(value: Attribute) -> Hashable:
    """A key under which only the same attribute is equal: 1, 1.0 and True differ, as do -0.0 and 0.0."""
    if type(value) in _PLAIN:
        return (type(value).__name__, value)
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, float):
        return ("float", struct.pack("<d", value))
    if isinstance(value, tuple):
        return ("array", tuple([attribute_key(v) for v in cast("tuple[Any, ...]", value)]))
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        return ("dict", tuple((k, attribute_key(items[k])) for k in sorted(items)))
    if isinstance(value, Dense):
        return ("dense", value)
    if isinstance(value, Number):
        return ("number", attribute_key(value.value), str(value.type))
    return (type(value).__name__, value)
