"""Protobuf fields of a GraphDef, byte by byte."""

from __future__ import annotations


def varint(value: int) -> bytes:
    octets = bytearray()
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*octets, value])


def chunk(number: int, data: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def raw_node(*fields: bytes, name: bytes = b"a", op: bytes = b"Op") -> bytes:
    return chunk(1, chunk(1, name) + chunk(2, op) + b"".join(fields))


def raw_attr(key: bytes, value: bytes) -> bytes:
    return chunk(5, chunk(1, key) + chunk(2, value))
