"""Damage for files: seeded, so that a mutant can be made again from its number.

Bytes flip, vanish, repeat and move; numbers become extreme ones; files end early. Protobuf messages are also
taken apart and put together again with a field dropped, doubled, moved, nested or given another value, with
all lengths right, so that what reads them gets further than the first wrong length.
"""

from __future__ import annotations

import io
import json
import random
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Mutate = Callable[[random.Random, bytes, Sequence[bytes]], bytes]

NUMBERS = [0, 1, 2, 127, 128, 255, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**33, 2**62, 2**63 - 1, 2**63]
NUMBERS += [2**64 - 1, 2**64 - 2, 2**64 - 2**31]
_TEXT_NUMBERS = ["-1", "0", "1", "4294967296", "9223372036854775807", "-9223372036854775808", "1e999", "nan"]
_TEXT_NUMBERS += ["99999999999999999999", "0x7fffffff", "65536", "1000000000000"]


def mutants(seeds: Sequence[bytes], count: int, seed: int, kind: str = "bytes") -> Iterator[bytes]:
    """`count` damaged versions of the seeds; `kind` is bytes, message (protobuf) or text."""
    kinds: dict[str, list[Mutate]] = {
        "bytes": _PLAIN,
        "message": [*_PLAIN, *[_fields] * (5 * len(_PLAIN))],
        "text": [*_PLAIN[:4], *[_words] * 20, *[_lines] * 4],
    }
    return (_mutant(seeds, random.Random(f"{seed}/{i}"), kinds[kind]) for i in range(count))


def manifest_mutants(seeds: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Damaged libraries: bytes anywhere, or in every other one a value of the manifest, which is JSON."""
    for i in range(count):
        rng = random.Random(f"manifest/{seed}/{i}")
        data = rng.choice(seeds)
        if i % 2:
            start = data.rindex(b"{", 0, data.index(b'"functions"'))
            found, size = json.JSONDecoder().raw_decode(data[start:].decode("latin-1"))
            text = json.dumps(_json(rng, found), separators=(",", ":")).encode()[:size]
            yield data[:start] + text.ljust(size) + data[start + size :]
        else:
            yield _mutant([data], rng, _PLAIN)


def keras_mutants(seeds: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Damaged `.keras` files: the configuration, which is JSON, the weights, or bytes anywhere."""
    for i in range(count):
        rng = random.Random(f"keras/{seed}/{i}")
        data = rng.choice(seeds)
        if i % 4 == 3:
            yield _mutant([data], rng, _PLAIN)
            continue
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = {n: archive.read(n) for n in archive.namelist()}
        if i % 4 == 2:
            parts["model.weights.h5"] = _mutant([parts["model.weights.h5"]], rng, _PLAIN)
        else:
            config = json.loads(parts["config.json"])
            for _ in range(rng.choice((1, 1, 2, 3))):
                config = _json(rng, config)
            parts["config.json"] = json.dumps(config).encode()
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            for name, part in parts.items():
                archive.writestr(name, part)
        yield target.getvalue()


def hdf5_mutants(seeds: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Damaged legacy files: an attribute that is JSON, or bytes anywhere."""
    import h5py

    for i in range(count):
        rng = random.Random(f"hdf5/{seed}/{i}")
        data = rng.choice(seeds)
        if i % 2:
            yield _mutant([data], rng, _PLAIN)
            continue
        target = io.BytesIO(data)
        with h5py.File(target, "a") as file:
            name = rng.choice(("model_config", "model_config", "training_config"))
            file.attrs[name] = json.dumps(_json(rng, json.loads(file.attrs[name])))
        yield target.getvalue()


def _json(rng: random.Random, value: Any) -> Any:
    """The value with something in it replaced."""
    if value and isinstance(value, (dict, list)) and rng.random() < 0.85:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = rng.choice(keys)
        changed = value.copy()
        changed[key] = _json(rng, value[key])
        return changed
    return rng.choice([None, -1, 0, 10**30, "", "x", "\x1b[2J", [], [[]], {}, 1.5, True])


def _mutant(seeds: Sequence[bytes], rng: random.Random, ways: Sequence[Mutate]) -> bytes:
    data = rng.choice(seeds)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(ways)(rng, data, seeds)
    return data


# Bytes.


def _at(rng: random.Random, data: bytes) -> int:
    """A place; the beginning and the end, where headers and footers are, more often than others."""
    near = min(len(data), 64)
    return rng.choice((rng.randint(0, near), len(data) - rng.randint(0, near), rng.randint(0, len(data))))


def _range(rng: random.Random, data: bytes) -> tuple[int, int]:
    a, size = _at(rng, data), rng.choice((1, 2, 8, 40, 400, len(data)))
    return a, min(len(data), a + rng.randint(1, max(1, size)))


def _flip(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 3, 20))):
        if changed:
            changed[min(_at(rng, data), len(changed) - 1)] ^= 1 << rng.randint(0, 7)
    return bytes(changed)


def _cut(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    return data[: _at(rng, data)]


def _drop(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    a, b = _range(rng, data)
    return data[:a] + data[b:]


def _splice(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    other = rng.choice(seeds)
    (a, b), (c, d) = _range(rng, data), _range(rng, other)
    return data[:a] + other[c:d] + data[b:]


def _repeat(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    a, b = _range(rng, data)
    return data[:b] + data[a:b] * min(rng.choice((1, 3, 100, 5000)), 1 + 200_000 // max(1, b - a)) + data[b:]


def _number(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """An extreme number over what was there: as a varint, overlong at times, or in 4 or 8 bytes."""
    value, a = rng.choice(NUMBERS), _at(rng, data)
    forms = [varint(value), b"\xff" * rng.randint(1, 12), b"\x80" * 10 + b"\1"]
    forms += [(value & 2**32 - 1).to_bytes(4, "little"), (value & 2**64 - 1).to_bytes(8, "little")]
    form = rng.choice(forms)
    return data[:a] + form + data[a + rng.choice((0, 1, len(form))) :]


_PLAIN: list[Mutate] = [_flip, _cut, _drop, _splice, _repeat, _number]


# Protobuf.


def varint(value: int) -> bytes:
    octets = bytearray()
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*octets, value])


Field = tuple[int, int, "int | bytes"]


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        octet = data[at]
        at += 1
        value |= (octet & 0x7F) << shift
        shift += 7
        if octet < 0x80:
            return value, at
        if shift > 63:
            raise ValueError


def parse(data: bytes) -> list[Field] | None:
    """The fields of a message; None for bytes that are none."""
    found: list[Field] = []
    at = 0
    try:
        while at < len(data):
            tag, at = _read_varint(data, at)
            number, kind = tag >> 3, tag & 7
            value: int | bytes
            if kind == 0:
                value, at = _read_varint(data, at)
            else:
                size = {1: 8, 5: 4}.get(kind, -1)
                if kind == 2:
                    size, at = _read_varint(data, at)
                if size < 0 or not number or at + size > len(data):
                    return None
                value = data[at : at + size]
                at += size
            found.append((number, kind, value))
    except (IndexError, ValueError):
        return None
    return found


def unparse(fields: Sequence[Field]) -> bytes:
    parts = bytearray()
    for number, kind, value in fields:
        parts += varint(number << 3 | kind)
        if isinstance(value, int):
            parts += varint(value)
        else:
            parts += (varint(len(value)) if kind == 2 else b"") + value
    return bytes(parts)


def _fields(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """One change to a field somewhere in a message."""
    fields = parse(data)
    if not fields:
        return _flip(rng, data, seeds)
    i = rng.randrange(len(fields))
    number, kind, value = fields[i]
    inner = parse(value) if kind == 2 and isinstance(value, bytes) else None
    if inner and rng.random() < 0.8:
        fields[i] = (number, kind, _fields(rng, value, seeds))  # type: ignore[arg-type]
        return unparse(fields)
    way = rng.randrange(8)
    if way == 0:
        del fields[i]
    elif way == 1:
        fields.insert(rng.randrange(len(fields) + 1), fields[i])
    elif way == 2:
        fields[i] = (number, 0, rng.choice(NUMBERS))
    elif way == 3 and isinstance(value, bytes):
        others = [f for f in fields if f[1] == kind]
        fields[i] = (number, kind, rng.choice(others)[2])
    elif way == 4 and isinstance(value, bytes):
        fields[i] = (number, kind, _flip(rng, value, seeds))
    elif way == 5:
        fields[i] = (rng.choice((number + 1, rng.randint(1, 20))), kind, value)
    elif way == 6 and isinstance(value, bytes):
        nested = value
        for _ in range(rng.choice((2, 50, 3000))):
            nested = unparse([(number, 2, nested)])
        fields[i] = (number, kind, nested)
    else:
        fields[i:i] = [fields[i]] * min(rng.choice((3, 300)), 1 + 200_000 // (1 + len(unparse([fields[i]]))))
    return unparse(fields)


# Text.


def _words(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """A word or sign becomes another of the file, most often one of its kind, an extreme number, or a deep nest."""
    tokens = list(re.finditer(rb"[\w.+-]+|[^\s\w]", data))
    if not tokens:
        return _flip(rng, data, seeds)
    found = rng.choice(tokens)
    way = rng.randrange(12)
    if way < 8:
        alike = [t[0] for t in tokens if _class(t[0]) == _class(found[0])]
        new = rng.choice(alike)
        if _class(new) == 0 and way < 4:
            new = rng.choice(_TEXT_NUMBERS).encode()
        if way % 2:  # throughout, so that what belongs together still does
            return re.sub(rb"(?<![\w.])" + re.escape(found[0]) + rb"(?![\w.])", lambda _: new, data)
    elif way == 8:
        new = rng.choice(tokens)[0]
    elif way == 9:
        new = b""
    elif way == 10:
        new = found[0] * rng.choice((2, 100, 20_000))
    else:
        new = rng.choice((b"{", b"}", b"[", b"]", b"(", b"<", b'"', b"%0", b"#")) * rng.choice((1, 2, 20_000))
    return data[: found.start()] + new + data[found.end() :]


def _class(token: bytes) -> int:
    """Numbers, words, signs."""
    return 0 if re.match(rb"-?\d", token) else 1 if re.match(rb"[\w.]", token) else 2


def _lines(rng: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    """A line goes, is doubled or moves."""
    lines = data.split(b"\n")
    line = lines.pop(rng.randrange(len(lines)))
    for _ in range(rng.choice((0, 1, 2))):
        lines.insert(rng.randint(0, len(lines)), line)
    return b"\n".join(lines)
