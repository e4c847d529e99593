"""Constants of a GraphDef, in every data type and encoding, to numpy."""

from __future__ import annotations

import numpy as np
import pytest
from netwright.frontends.tensorflow import proto
from netwright.frontends.tensorflow.graphdef import read_graph
from netwright.frontends.tensorflow.tensors import Tensor
from netwright.runtime.errors import FormatError, UnsupportedError

NUMBER = {name: number for number, name in enumerate(proto.DATA_TYPES)}
m = proto.messages()


def tensor_of(dtype: str, *sizes: int, extra: bytes = b"", **values: object) -> Tensor:
    """What reading gives for a TensorProto; `extra` is put behind it as it is."""
    shape = m.TensorShapeProto(dim=[m.Dim(size=size) for size in sizes])
    message = m.TensorProto(dtype=NUMBER[dtype], tensor_shape=shape, **values)
    message.MergeFromString(extra)
    node = m.NodeDef(name="w", op="Const", attr={"value": m.AttrValue(tensor=message)})
    return read_graph(m.GraphDef(node=[node]).SerializeToString()).nodes[0].attrs["value"]


def same(array: np.ndarray, wanted: object, dtype: str) -> None:
    wanted = np.array(wanted, dtype)
    assert (array.dtype, array.shape) == (wanted.dtype, wanted.shape)
    assert array.tolist() == wanted.tolist() if dtype == "O" else array.tobytes() == wanted.tobytes()
    assert not array.flags.writeable


# TensorFlow's type, the field that lists values, numpy's type, three values in the list and in numpy.
# fmt: off
ENCODINGS = [
    ("FLOAT", "float_val", "f4", [1.5, -0.0, np.inf], None),
    ("DOUBLE", "double_val", "f8", [1e300, -0.0, np.nan], None),
    ("INT32", "int_val", "i4", [-(2**31), 2**31 - 1, -1], None),
    ("UINT8", "int_val", "u1", [0, 127, 255], None),
    ("INT16", "int_val", "i2", [-(2**15), 2**15 - 1, 0], None),
    ("INT8", "int_val", "i1", [-128, 127, 3], None),
    ("UINT16", "int_val", "u2", [0, 2**16 - 1, 300], None),
    ("INT64", "int64_val", "i8", [-(2**63), 2**63 - 1, 1], None),
    ("UINT32", "uint32_val", "u4", [0, 2**32 - 1, 5], None),
    ("UINT64", "uint64_val", "u8", [0, 2**64 - 1, 2**63], None),
    ("BOOL", "bool_val", "?", [True, False, True], None),
    ("HALF", "half_val", "f2", [0x3C00, 0x8000, 0xFC00], [1.0, -0.0, -np.inf]),
    ("BFLOAT16", "half_val", "u2", [0x3F80, 0x8000, 0xFF80], None),
    ("COMPLEX64", "scomplex_val", "c8", [1, 2, 3, -4, 0, 0.5], [1 + 2j, 3 - 4j, 0.5j]),
    ("COMPLEX128", "dcomplex_val", "c16", [1, 2, 3, -4, 0, 0.5], [1 + 2j, 3 - 4j, 0.5j]),
    ("QINT8", "int_val", "i1", [-128, 127, 0], None),
    ("QUINT8", "int_val", "u1", [0, 255, 1], None),
    ("QINT16", "int_val", "i2", [-(2**15), 1, 2], None),
    ("QUINT16", "int_val", "u2", [2**16 - 1, 1, 2], None),
    ("QINT32", "int_val", "i4", [-(2**31), 1, 2], None),
    ("STRING", "string_val", "O", [b"", b"a\0", b"\xff"], None),
]
# fmt: on
NUMBERS = [row for row in ENCODINGS if row[0] != "STRING"]


@pytest.mark.parametrize(("dtype", "field", "held", "listed", "values"), ENCODINGS)
def test_listed_values(dtype, field, held, listed, values):
    values = values or listed
    each = len(listed) // 3
    zero = b"" if dtype == "STRING" else 0
    same(tensor_of(dtype, 3, **{field: listed}).array(), values, held)
    same(tensor_of(dtype, 3, 1, **{field: listed}).array(), [[v] for v in values], held)
    same(tensor_of(dtype, **{field: listed[:each]}).array(), values[0], held)
    same(tensor_of(dtype, 1, **{field: listed[:each]}).array(), values[:1], held)
    same(tensor_of(dtype, 5, **{field: listed}).array(), [*values, values[2], values[2]], held)
    same(tensor_of(dtype, 2, 2, **{field: listed[:each]}).array(), [values[:1] * 2] * 2, held)
    same(tensor_of(dtype, 2).array(), [zero, zero], held)
    same(tensor_of(dtype).array(), zero, held)
    same(tensor_of(dtype, 0, 3).array(), np.empty((0, 3), held), held)
    same(tensor_of(dtype, 0, **{field: listed[:each]}).array(), [], held)
    with pytest.raises(FormatError, match="expected at most 2 values"):
        tensor_of(dtype, 2, **{field: listed}).array()


@pytest.mark.parametrize(("dtype", "field", "held", "listed", "values"), NUMBERS)
def test_content(dtype, field, held, listed, values):
    wanted = np.array(values or listed, held)
    content = wanted.astype(wanted.dtype.newbyteorder("<")).tobytes()
    same(tensor_of(dtype, 3, tensor_content=content).array(), wanted, held)
    same(tensor_of(dtype, 1, 3, tensor_content=content).array(), wanted[None], held)
    size = wanted.itemsize
    same(tensor_of(dtype, tensor_content=content[:size]).array(), wanted[0], held)
    for sizes, found in [
        ((2,), content),
        ((3,), content[:-1]),
        ((), content),
        ((0,), content),
        ((10**9,), content),
    ]:
        with pytest.raises(FormatError, match=f"node 'w', attribute 'value': expected .* found {len(found)}"):
            tensor_of(dtype, *sizes, tensor_content=found).array()


def test_content_wins_over_listed_values():
    same(tensor_of("INT32", 1, tensor_content=b"\7\0\0\0", int_val=[3]).array(), [7], "i4")


def test_packed_strings():
    strings = [b"ab", b"", b"c" * 300]
    content = bytes([2, 0, 0xAC, 2]) + b"".join(strings)
    same(tensor_of("STRING", 3, tensor_content=content).array(), strings, "O")
    for broken in (content[:-1], content + b"x", content[:3], b"\xff" * 20):
        with pytest.raises(FormatError):
            tensor_of("STRING", 3, tensor_content=broken).array()
    with pytest.raises(FormatError, match="expected 1000000000 strings"):
        tensor_of("STRING", 10**9, tensor_content=content).array()


@pytest.mark.parametrize(
    ("dtype", "listed", "values"),
    [
        ("INT8", [128], 128),
        ("INT8", [-129], -129),
        ("UINT8", [256], 256),
        ("UINT8", [-1], -1),
        ("UINT16", [1 << 16], 65536),
    ],
)
def test_values_that_do_not_fit(dtype, listed, values):
    with pytest.raises(FormatError, match=f"expected values that fit {dtype.lower()}, found {values}"):
        tensor_of(dtype, 1, int_val=listed).array()
    with pytest.raises(FormatError, match="expected values that fit float16"):
        tensor_of("HALF", 1, half_val=[-1]).array()


def test_packed_and_single_values_mix():
    # field 7 as varints that stand alone, with a packed list between; field 5 as 4 bytes that stand alone
    same(tensor_of("INT32", 4, extra=b"\x38\x01\x3a\x02\x02\x03\x38\x04").array(), [1, 2, 3, 4], "i4")
    same(tensor_of("FLOAT", 2, extra=b"\x2d\0\0\x80\x3f\x2d\0\0\0\x40").array(), [1, 2], "f4")


def large(dtype: str, size: int, fields: bytes) -> np.ndarray:
    """A constant that is too large to be left to protobuf, written by hand."""
    head = m.TensorProto(dtype=NUMBER[dtype], tensor_shape=m.TensorShapeProto(dim=[m.Dim(size=size)]))
    tensor = head.SerializeToString() + fields

    def chunk(number: int, data: bytes) -> bytes:
        length = len(data)
        return (
            bytes([number << 3 | 2, *(length >> s & 0x7F | 0x80 for s in (0, 7, 14, 21)), length >> 28])
            + data
        )

    value = chunk(5, chunk(1, b"value") + chunk(2, chunk(8, tensor)))
    return read_graph(chunk(1, chunk(1, b"w") + chunk(2, b"Const") + value)).nodes[0].attrs["value"].array()


def test_large_lists_of_varints():
    rng = np.random.default_rng(1)
    values = rng.integers(-(2**63), 2**63 - 1, 300_000) >> rng.integers(0, 64, 300_000)
    packed = m.TensorProto(int64_val=values.tolist()).SerializeToString()
    same(large("INT64", 300_000, packed), values, "i8")
    short = values.astype("i4")
    same(large("INT32", 300_000, m.TensorProto(int_val=short.tolist()).SerializeToString()), short, "i4")
    halves = values.astype("u2")
    listed = m.TensorProto(half_val=halves.tolist()).SerializeToString()
    same(large("BFLOAT16", 300_001, listed), [*halves, halves[-1]], "u2")
    same(large("INT32", 30_000, b"\x38\x07" * 30_000), np.full(30_000, 7), "i4")
    same(large("FLOAT", 30_000, b"\x2d\0\0\x80\x3f" * 30_000), np.ones(30_000), "f4")
    strings = [b"%d" % i for i in range(30_000)]
    same(large("STRING", 30_000, m.TensorProto(string_val=strings).SerializeToString()), strings, "O")


def packed(number: int, data: bytes) -> bytes:
    return (
        bytes([number << 3 | 2, *(len(data) >> s & 0x7F | 0x80 for s in (0, 7, 14)), len(data) >> 21]) + data
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (packed(7, b"\1" * 20_000 + b"\xff"), "expected the rest of a number, found the end of the list"),
        (packed(7, b"\1" * 20_000 + b"\xff" * 10 + b"\1"), "expected numbers of 64 bits"),
        (packed(7, b"\1" * 20_000 + b"\xff" * 9 + b"\2"), "expected numbers of 64 bits"),
        (packed(7, b"\xff" * 2_000_000 + b"\1"), "expected numbers of at most 10 bytes"),
        (packed(7, b"\1" * 40_000), "expected at most 30000 values"),
        (
            packed(8, bytes(20_000)) + b"\x3d\0\0\0\0",
            "expected values of type int32 as a length and bytes, found 4",
        ),
        (
            packed(8, bytes(20_000)) + b"\x09" + bytes(8),
            "expected a tensor's dtype as a varint, found 8 bytes",
        ),
        (packed(8, bytes(20_000)) + b"\x10\x00", "expected a tensor's shape as a length and bytes"),
        (packed(8, bytes(20_000)) + b"\x20\x00", "expected tensor_content as a length and bytes"),
        (packed(8, bytes(20_000)) + b"\x12\x02\x10\x00", "expected a dimension as a length and bytes"),
        (packed(8, bytes(20_000)) + b"\x12\x03\x12\x05\x08", "expected 5 bytes of field 2, found 1"),
    ],
)
def test_bad_fields(fields, message):
    with pytest.raises(FormatError, match=message):
        large("INT32", 30_000, fields)


def test_floats_cut_in_a_value():
    with pytest.raises(FormatError, match="expected whole values of 4 bytes, found 20001 bytes"):
        large("FLOAT", 30_000, packed(5, bytes(20_001)))
    with pytest.raises(FormatError, match="expected whole values of type complex64"):
        tensor_of("COMPLEX64", 2, scomplex_val=[1, 2, 3]).array()


@pytest.mark.parametrize(
    "dtype",
    ["RESOURCE", "VARIANT", "INT4", "UINT4", "INT2", "UINT2", "FLOAT4_E2M1FN"]
    + [n for n in NUMBER if "8_E" in n],
)
def test_refused_by_name(dtype):
    tensor = tensor_of(dtype, 1, tensor_content=b"\0")
    with pytest.raises(UnsupportedError, match=f"node 'w'.* found one of type {dtype.lower()}"):
        tensor.array()


def test_no_data_type():
    with pytest.raises(FormatError, match="expected a constant with a data type, found none"):
        tensor_of("INVALID", 1).array()


def test_bool_bytes_are_0_or_1():
    with pytest.raises(FormatError, match="expected bytes 0 and 1 in a constant of type bool"):
        tensor_of("BOOL", 2, tensor_content=b"\1\2").array()


def test_shapes_that_no_constant_has():
    with pytest.raises(
        FormatError, match="attribute 'value': expected known sizes in a constant's shape, found -1"
    ):
        tensor_of("FLOAT", -1)
    with pytest.raises(FormatError, match="found one of unknown rank"):
        tensor_of("FLOAT", extra=b"\x12\x02\x18\x01")
    with pytest.raises(FormatError, match="expected a constant of rank 64 at most"):
        tensor_of("FLOAT", *[1] * 65)
    same(tensor_of("FLOAT", *[1] * 64, float_val=[2]).array(), np.full([1] * 64, 2), "f4")


@pytest.mark.parametrize("sizes", [(2**62,), (2**40, 2**40), (0, 2**62, 2**62), (2**63 - 1, 0)])
@pytest.mark.parametrize("dtype", ["INT8", "STRING", "COMPLEX128"])
def test_shapes_that_no_memory_holds(sizes, dtype):
    with pytest.raises(FormatError, match="expected a tensor that fits in memory"):
        tensor_of(dtype, *sizes).array()


@pytest.mark.parametrize("values", [[], [7.0]])
def test_a_repeated_value_takes_no_memory(values):
    array = tensor_of("FLOAT", 10**9, 10**6, float_val=values).array()
    assert array.shape == (10**9, 10**6) and array.strides == (0, 0)
    assert array[-1, -1] == (values or [0])[0]
    strings = tensor_of("STRING", 10**9, string_val=[b"a"] if values else []).array()
    assert strings.strides == (0,) and strings[-1] == (b"a" if values else b"")


def test_two_values_do_not_fill_gigabytes():
    for dtype, values in [("FLOAT", {"float_val": [1, 2]}), ("STRING", {"string_val": [b"a", b"b"]})]:
        with pytest.raises(
            FormatError, match="node 'w', attribute 'value': expected constants in proportion"
        ):
            tensor_of(dtype, 10**9, **values).array()


def test_description():
    tensor = tensor_of("FLOAT", 2, 3)
    assert repr(tensor) == "Tensor(float32[2, 3])" and tensor.size == 6
    assert str(tensor_of("STRING")) == "string[]"
    assert tensor.array() is tensor.array()
