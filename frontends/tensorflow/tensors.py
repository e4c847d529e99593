"""TensorProto, in every encoding TensorFlow writes, to numpy.

A constant's values stand either in `tensor_content`, raw and little endian, or in the `*_val` list of its
data type; fewer values than elements mean that the last one repeats, none at all means zeros. Everything
is decoded straight from the wire: raw values become views into the file, repeated ones views of a single
element, so a shape of a billion elements costs nothing unless the bytes are there.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ...runtime.errors import DTypeError, FormatError, UnsupportedError
from ...runtime.spec import DType, dtype_of
from .proto import DATA_TYPES, REFERENCE
from .wire import I32, I64, LEN, VARINT, Field, Source, expect, fields, shorten, signed, varint

Array = np.ndarray[Any, Any]

MOST_DIMENSIONS = 64
"""numpy's limit on the rank of an array."""

_DTYPE, _SHAPE, _CONTENT, _STRINGS = 1, 2, 4, 8  # in TensorProto
_DIM, _UNKNOWN_RANK = 2, 3  # in TensorShapeProto
_SIZE = 1  # in Dim
_STEPS = 10  # what the budget is charged for a constant
_BYTES_OBJECT = 48  # what an element of an object array takes besides its bytes
_BLOCK = 1 << 20


@dataclass(frozen=True)
class OtherType:
    """A TensorFlow data type that netwright has no DType for, under TensorFlow's name: `string`."""

    name: str

    @property
    def tf_name(self) -> str:
        return self.name

    def __str__(self) -> str:
        return self.name


#: quantised types are the integers that they hold; the ops that use them say what they stand for
_QUANTIZED = {f"Q{t.upper()}": t for t in ("int8", "int16", "int32", "uint8", "uint16")}


@cache
def data_type(number: int) -> DType | OtherType:
    """The type with this number in TensorFlow's DataType; reference types are their base type."""
    base = number - REFERENCE if number > REFERENCE else number
    if not 0 <= base < len(DATA_TYPES):
        raise FormatError(f"expected one of TensorFlow's data types, found number {number}")
    spelled = {"FLOAT": "float32", "DOUBLE": "float64", "HALF": "float16", **_QUANTIZED}
    name = spelled.get(DATA_TYPES[base], DATA_TYPES[base].lower())
    try:
        return dtype_of(name)
    except DTypeError:
        return OtherType(name)


@dataclass(frozen=True)
class _Encoding:
    """How the values of a data type travel, as numpy types.

    TensorProto's `field` lists them as `wire`: of fixed size, or varints that stand for protobuf's
    integer of that type. In tensor_content and in memory they are `held`, a complex number as one.
    """

    field: int
    wire: str
    held: str

    @property
    def kind(self) -> int:
        """The wire type of one value that stands alone."""
        return {"<f4": I32, "<f8": I64}.get(self.wire, VARINT)


_ENCODINGS: dict[str, _Encoding] = {
    "float32": _Encoding(5, "<f4", "<f4"),
    "float64": _Encoding(6, "<f8", "<f8"),
    "complex64": _Encoding(9, "<f4", "<c8"),
    "complex128": _Encoding(12, "<f8", "<c16"),
    "float16": _Encoding(13, "i4", "<u2"),
    "bfloat16": _Encoding(13, "i4", "<u2"),
    "int64": _Encoding(10, "i8", "<i8"),
    "uint32": _Encoding(16, "u4", "<u4"),
    "uint64": _Encoding(17, "u8", "<u8"),
    "bool": _Encoding(11, "u8", "?"),
    "int32": _Encoding(7, "i4", "<i4"),
    "int16": _Encoding(7, "i4", "<i2"),
    "int8": _Encoding(7, "i4", "i1"),
    "uint16": _Encoding(7, "i4", "<u2"),
    "uint8": _Encoding(7, "i4", "u1"),
}


class Tensor:
    """A constant of a graph: `dtype` and `shape` at hand, `array()` when the values are wanted."""

    __slots__ = ("_array", "_bounds", "_content", "_place", "_source", "dtype", "shape")

    def __init__(self, source: Source, start: int, stop: int, place: tuple[str, str]) -> None:
        """Read the TensorProto in source.view[start:stop]; `place` is node and attribute, for messages."""
        self._source, self._bounds, self._place = source, (start, stop), place
        self._array: Array | None = None
        self._content = (0, 0)
        source.budget.spend(_STEPS)
        number = 0
        sizes: list[int] = []
        for field in fields(source.view, start, stop, source.budget):
            if field[0] == _DTYPE:
                number = _number(source, field, "a tensor's dtype")
            elif field[0] == _SHAPE:
                expect(field, LEN, "a tensor's shape")
                read_shape(source, field, sizes)
            elif field[0] == _CONTENT:
                expect(field, LEN, "tensor_content")
                self._content = field[3:]
        self.dtype: DType | OtherType = data_type(number)
        self.shape: tuple[int, ...] = tuple(sizes)

    @property
    def size(self) -> int:
        """How many elements the shape has."""
        return math.prod(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"

    def __repr__(self) -> str:
        return f"Tensor({self})"

    def array(self) -> Array:
        """The values, read-only; the same array at every call.

        bfloat16 comes as uint16 bit patterns, quantized types as the integers that hold them, strings as
        an object array of bytes. Where the file allows, it is a view into the file (perhaps unaligned)
        or, if one value fills the tensor, a view of that value with all strides zero.
        Raises FormatError if the values do not fit dtype and shape, UnsupportedError for dtypes such as
        float8, int4 and resource.
        """
        if self._array is None:
            try:
                self._array = self._decode()
            except (FormatError, UnsupportedError) as error:
                node, attribute = map(shorten, self._place)
                where = f"{self._source.name}: node {node}, attribute {attribute}"
                raise type(error)(f"{where}: {error}") from None
            self._array.setflags(write=False)
        return self._array

    def _decode(self) -> Array:
        if self.dtype.tf_name == "invalid":
            raise FormatError("expected a constant with a data type, found none")
        if self.dtype.tf_name == "string":
            return self._decode_strings()
        encoding = _ENCODINGS.get(self.dtype.tf_name)
        if encoding is None:
            raise UnsupportedError(
                f"expected a constant of numbers or strings, found one of type {self.dtype}"
            )
        held = np.dtype(encoding.held)
        self._check_extent(held.itemsize)
        content = self._source.view[slice(*self._content)]
        if len(content):
            values = self._whole(content, held)
        elif self.size:
            values = self._listed(encoding, held)
        else:
            values = np.empty(0, held)
        values = self._fill(values)
        return values.view("<f2") if self.dtype.tf_name == "float16" else values

    def _check_extent(self, itemsize: int) -> None:
        """Refuse shapes whose bytes no address could count, also where a zero hides the others."""
        if math.prod(size or 1 for size in self.shape) * itemsize >= 1 << 62:
            raise FormatError(f"expected a tensor that fits in memory, found {self}")

    def _check_count(self, count: int) -> None:
        if count > self.size:
            raise FormatError(f"expected at most {self.size} values for {self}, found {count}")

    def _whole(self, content: memoryview, held: np.dtype[Any]) -> Array:
        """The values in tensor_content: a view of it."""
        wanted = self.size * held.itemsize
        if len(content) != wanted:
            raise FormatError(f"expected {wanted} bytes of content for {self}, found {len(content)}")
        return _viewed(content, held)

    def _listed(self, encoding: _Encoding, held: np.dtype[Any]) -> Array:
        """The values in the dtype's own field, in a flat array, as many as there are."""
        stream = self._stream(encoding)
        if not len(stream):
            return np.empty(0, held)
        if encoding.kind != VARINT:
            if len(stream) % held.itemsize:
                raise FormatError(f"expected whole values of type {self.dtype}, found {len(stream)} bytes")
            self._check_count(len(stream) // held.itemsize)
            return _native(np.frombuffer(stream, held))
        octets = np.frombuffer(stream, np.uint8)
        count = _count_varints(octets)
        self._check_count(count)
        self._source.budget.spend_expand(count * held.itemsize)
        values = np.empty(count, held)
        done = 0
        for block in _varint_blocks(octets):
            values[done : done + len(block)] = self._narrow(block, encoding, held)
            done += len(block)
        return values

    def _stream(self, encoding: _Encoding) -> memoryview:
        """The bytes of the value list: packed values and values that stand alone look the same."""
        first: memoryview | None = None
        joined: bytearray | None = None
        for field in self._occurrences(encoding.field):
            if field[1] != encoding.kind:
                expect(field, LEN, f"values of type {self.dtype}")
            part = self._source.view[field[3] : field[4]]
            _check_part(part, encoding)
            if first is None:
                first = part
                continue
            self._source.budget.spend_expand(len(part))
            if joined is None:
                joined = bytearray(first)
            joined += part
        if joined is not None:
            return memoryview(joined)
        return memoryview(b"") if first is None else first

    def _occurrences(self, number: int) -> Iterator[Field]:
        for field in fields(self._source.view, *self._bounds, self._source.budget):
            if field[0] == number:
                yield field

    def _narrow(self, block: Array, encoding: _Encoding, held: np.dtype[Any]) -> Array:
        """64-bit wire values as the type in memory; protobuf keeps the low 32 bits of its short integers."""
        if held == np.bool_:
            return block != 0
        wire = np.dtype(encoding.wire)
        values = block.astype(f"u{wire.itemsize}").view(wire)
        limits = np.iinfo(held)
        low, high = values.min(), values.max()
        if low < limits.min or high > limits.max:
            bad = low if low < limits.min else high
            raise FormatError(f"expected values that fit {self.dtype}, found {bad}")
        return values

    def _fill(self, values: Array) -> Array:
        """The whole tensor from its first values: the last one repeats, and none at all are zeros."""
        if len(values) == self.size:
            return values.reshape(self.shape)
        if len(values) < 2:
            zero = np.array(b"", object) if values.dtype == object else np.zeros((), values.dtype)
            return np.broadcast_to(values.reshape(()) if len(values) else zero, self.shape)
        self._source.budget.spend_expand(self.size * values.itemsize)
        whole = np.empty(self.size, values.dtype)
        whole[: len(values)] = values
        whole[len(values) :] = values[-1]
        return whole.reshape(self.shape)

    def _decode_strings(self) -> Array:
        self._check_extent(8)
        content = self._source.view[slice(*self._content)]
        if len(content):
            strings = self._packed_strings(content)
        elif self.size:
            strings = [self._string(field) for field in self._occurrences(_STRINGS)]
        else:
            strings = []
        self._check_count(len(strings))
        values = np.empty(len(strings), object)
        values[:] = strings
        return self._fill(values)

    def _string(self, field: Field) -> bytes:
        expect(field, LEN, "a string")
        self._source.budget.spend_expand(_BYTES_OBJECT + field[4] - field[3])
        return bytes(self._source.view[field[3] : field[4]])

    def _packed_strings(self, content: memoryview) -> list[bytes]:
        """TensorFlow's own packing of strings: all lengths as varints, then all bytes."""
        if self.size > len(content):
            raise FormatError(f"expected {self.size} strings for {self}, found {len(content)} bytes")
        self._source.budget.spend(2 * self.size)
        self._source.budget.spend_expand(_BYTES_OBJECT * self.size + len(content))
        lengths: list[int] = []
        at = 0
        for _ in range(self.size):
            length, at = varint(content, at, len(content))
            lengths.append(length)
        if at + sum(lengths) != len(content):
            raise FormatError(f"expected {at + sum(lengths)} bytes of strings, found {len(content)}")
        strings: list[bytes] = []
        for length in lengths:
            strings.append(bytes(content[at : at + length]))
            at += length
        return strings


def raw_values(content: memoryview, dtype: DType | OtherType) -> Array:
    """The values that these bytes are, in a flat array that looks into them; of a type that has a DType."""
    values = _viewed(content, np.dtype(_ENCODINGS[dtype.tf_name].held))
    return values.view("<f2") if dtype.tf_name == "float16" else values


def _viewed(content: memoryview, held: np.dtype[Any]) -> Array:
    if held == np.bool_ and np.frombuffer(content, np.uint8).max(initial=0) > 1:
        raise FormatError("expected bytes 0 and 1 in a constant of type bool, found another")
    return _native(np.frombuffer(content, held))


def _number(source: Source, field: Field, what: str) -> int:
    expect(field, VARINT, what)
    return varint(source.view, field[3], field[4])[0]


def read_shape(source: Source, shape: Field, sizes: list[int]) -> None:
    """Append the sizes in a TensorShapeProto; those of a constant are all known."""
    for field in fields(source.view, shape[3], shape[4], source.budget):
        if field[0] == _UNKNOWN_RANK and _number(source, field, "unknown_rank"):
            raise FormatError("expected a constant's shape, found one of unknown rank")
        if field[0] != _DIM:
            continue
        expect(field, LEN, "a dimension")
        size = 0
        for inner in fields(source.view, field[3], field[4], source.budget):
            if inner[0] == _SIZE:
                size = signed(_number(source, inner, "a dimension's size"))
        if size < 0:
            raise FormatError(f"expected known sizes in a constant's shape, found {size}")
        sizes.append(size)
        if len(sizes) > MOST_DIMENSIONS:
            raise FormatError(f"expected a constant of rank {MOST_DIMENSIONS} at most, found a higher one")


def _check_part(part: memoryview, encoding: _Encoding) -> None:
    """Refuse a list whose last value is cut off: joined with the next list it would read as another."""
    if encoding.kind != VARINT:
        size = np.dtype(encoding.wire).itemsize
        if len(part) % size:
            raise FormatError(f"expected whole values of {size} bytes, found {len(part)} bytes")
    elif len(part) and part[-1] >= 0x80:
        raise FormatError("expected the rest of a number, found the end of the list")


def _native(values: Array) -> Array:
    """Little-endian values in this machine's byte order: on nearly all machines the same array."""
    if sys.byteorder == "little":
        return values
    return values.astype(values.dtype.newbyteorder("="))


def _count_varints(octets: Array) -> int:
    starts = range(0, len(octets), _BLOCK)
    return sum(int(np.count_nonzero(octets[at : at + _BLOCK] < 0x80)) for at in starts)


def _varint_blocks(octets: Array) -> Iterator[Array]:
    """The varints in `octets` as uint64, a block at a time, each block decoded as a whole."""
    at = 0
    while at < len(octets):
        block = octets[at : at + _BLOCK]
        ends = np.flatnonzero(block < 0x80)
        if not len(ends):
            raise FormatError("expected numbers of at most 10 bytes, found a longer one")
        starts = np.concatenate(([0], ends[:-1] + 1))
        lengths = ends - starts + 1
        longest = int(lengths.max())
        if longest > 10 or (longest == 10 and block[starts[lengths == 10] + 9].max() > 1):
            raise FormatError("expected numbers of 64 bits, found a longer one")
        values = (block[starts] & 0x7F).astype(np.uint64)
        for position in range(1, longest):
            longer = np.flatnonzero(lengths > position)
            octet = (block[starts[longer] + position] & 0x7F).astype(np.uint64)
            values[longer] |= octet << np.uint64(7 * position)
        yield values
        at += int(ends[-1]) + 1
