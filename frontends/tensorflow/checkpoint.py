"""TensorFlow's checkpoints: a table of tensors (`PREFIX.index`) and shards of raw values (`PREFIX.data-…`).

Both are mapped and read as they lie: a tensor's values are a view of its shard, whose checksum is verified
when it is asked for. Partitioned variables are put together from their slices. A checkpoint must not be
rewritten in place while its tensors are in use.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...runtime.errors import FormatError, UnsupportedError
from ...runtime.spec import DType
from . import proto, sstable, wire
from .crc32c import crc32c, unmask
from .pbtxt import to_binary
from .slices import Slice, assemble, index_key, parse_slice, ranges, sizes_of
from .tensors import OtherType, data_type, raw_values, read_shape
from .wire import I32, LEN, VARINT, Budget, Source, expect, fields, shorten, signed, varint

Array = np.ndarray[Any, Any]

_SHARDS, _ENDIANNESS = 1, 2  # in BundleHeaderProto
_DTYPE, _SHAPE, _SHARD, _OFFSET, _SIZE, _CHECKSUM, _SLICES = range(1, 8)  # in BundleEntryProto
_EXTENT, _START, _LENGTH = 1, 1, 2  # in TensorSliceProto and its Extent
_NUMBERS = {_DTYPE: VARINT, _SHARD: VARINT, _OFFSET: VARINT, _SIZE: VARINT, _CHECKSUM: I32}
_STEPS_PER_ENTRY = 20
MOST_SHARDS = 100_000


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index says of a tensor; `slices` for one that is stored in pieces, each an entry of its own."""

    dtype: DType | OtherType
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int
    slices: tuple[Slice, ...]

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


class Checkpoint:
    """A checkpoint by its prefix, such as `variables/variables`."""

    def __init__(self, prefix: str | os.PathLike[str]) -> None:
        """Reads the index. FormatError where it is missing or damaged."""
        self.prefix = os.fspath(prefix)
        view = wire.map_file(f"{self.prefix}.index")
        self.source = Source(f"{self.prefix}.index", view, Budget(expand=(256 << 20) + len(view)))
        self._shards: dict[int, memoryview] = {}
        self._pieces: dict[bytes, Entry] = {}
        self._entries: dict[str, Entry] = {}
        self.count = 1
        try:
            self._read()
        except FormatError as error:
            raise FormatError(f"{self.source.name}: {error}; write the checkpoint again") from None

    def _read(self) -> None:
        header = False
        for key, value in sstable.entries(self.source.view, self.source.budget):
            if not key:
                header = True
                self._header(value)
                continue
            try:
                found = _entry(value, self.source)
            except FormatError as error:
                raise FormatError(f"tensor {shorten(key)}: {error}") from None
            if key[0] == 0:
                self._pieces[key] = found
            else:
                self._entries[key.decode("utf-8", "surrogateescape")] = found
        if not header:
            raise FormatError("expected an index with a header, found none")

    def _header(self, value: memoryview) -> None:
        for field in fields(value, 0, len(value), self.source.budget):
            if field[0] in (_SHARDS, _ENDIANNESS):
                expect(field, VARINT, "the header")
                number = varint(value, field[3], field[4])[0]
                if field[0] == _SHARDS:
                    self.count = number
                elif number:
                    raise FormatError("expected values in little-endian order, found big-endian ones")
        if not 0 < self.count <= MOST_SHARDS:
            raise FormatError(f"expected 1 to {MOST_SHARDS} shards, found {self.count}")

    @property
    def entries(self) -> dict[str, Entry]:
        """The tensors by name, in the order of their names."""
        return self._entries

    def array(self, name: str, slice_text: str = "") -> Array:
        """The values of a tensor, or of a slice given as `6 4 0,2:-`: read-only, mapped where they are in one piece.

        bfloat16 comes as uint16 bit patterns. FormatError for a tensor that is not there, does not match its
        checksum or is not whole, UnsupportedError for strings and other types that hold no numbers.
        """
        what = f"{self.prefix}: tensor {shorten(name)}"
        entry = self._entries.get(name)
        if entry is None:
            raise FormatError(f"{what}: expected it in the checkpoint, found no such name in its index")
        wanted = parse_slice(slice_text)
        if wanted is not None and wanted[0] != entry.shape:
            raise FormatError(f"{what}: expected shape {list(wanted[0])}, found {entry}")
        whole = tuple((0, size) for size in entry.shape)
        part = ranges(wanted[1] if wanted is not None else whole, entry.shape, what)
        if entry.slices:
            found = assemble(part, self._parts(name, entry, what), self.source, what)
        else:
            found = self._values(entry, what)[part]
        found.setflags(write=False)
        return found

    def _parts(self, name: str, entry: Entry, what: str) -> Iterator[tuple[tuple[slice, ...], Array]]:
        """The stored pieces of a partitioned variable with their places."""
        encoded = name.encode("utf-8", "surrogateescape")
        for piece in entry.slices:
            self.source.budget.spend(_STEPS_PER_ENTRY)
            place = ranges(piece, entry.shape, what)
            found = self._pieces.get(index_key(encoded, piece))
            if found is None:
                raise FormatError(f"{what}: expected its slice {list(piece)} in the index, found none")
            if found.dtype != entry.dtype or found.shape != sizes_of(place) or found.slices:
                raise FormatError(f"{what}: expected slice {list(piece)} of {entry}, found {found}")
            yield place, self._values(found, f"{what}, slice {list(piece)}")

    def _values(self, entry: Entry, what: str) -> Array:
        """The values of an entry, checked."""
        try:
            size = _check_size(entry)
            content = self._content(entry, size)
            if size:
                self.source.budget.spend(200 + size // 4096)
                if crc32c(content) != unmask(entry.checksum):
                    raise FormatError("its values do not match their checksum: the file is damaged")
            return raw_values(content, entry.dtype).reshape(entry.shape)
        except (FormatError, UnsupportedError) as error:
            raise type(error)(f"{what}: {error}") from None

    def _content(self, entry: Entry, size: int) -> memoryview:
        if not size:
            return memoryview(b"")
        if not entry.shard < self.count:
            raise FormatError(f"expected it in one of {self.count} shards, found number {entry.shard}")
        if entry.shard not in self._shards:
            name = f"{self.prefix}.data-{entry.shard:05d}-of-{self.count:05d}"
            self._shards[entry.shard] = wire.map_file(name)
        shard = self._shards[entry.shard]
        end = entry.offset + size
        if end > len(shard):
            raise FormatError(
                f"expected a shard of {end} bytes or more, found {len(shard)}: it may be cut off"
            )
        return shard[entry.offset : end]


def _check_size(entry: Entry) -> int:
    """The bytes of an entry, which must be those of its shape."""
    if isinstance(entry.dtype, OtherType):
        raise UnsupportedError(f"expected a variable of numbers, found one of type {entry.dtype}")
    wanted = math.prod(entry.shape) * entry.dtype.numpy.itemsize
    if wanted != entry.size:
        raise FormatError(f"expected {wanted} bytes of values for {entry}, found {entry.size}")
    return wanted


def _entry(value: memoryview, source: Source) -> Entry:
    """A BundleEntryProto."""
    source.budget.spend(_STEPS_PER_ENTRY)
    numbers = dict.fromkeys(_NUMBERS, 0)
    sizes: list[int] = []
    slices: list[Slice] = []
    inner = Source(source.name, value, source.budget)
    for field in fields(value, 0, len(value), source.budget):
        number, _, _, start, stop = field
        if number in _NUMBERS:
            expect(field, _NUMBERS[number], "an entry")
            at_once = number == _CHECKSUM
            numbers[number] = (
                int.from_bytes(value[start:stop], "little") if at_once else varint(value, start, stop)[0]
            )
        elif number == _SHAPE:
            expect(field, LEN, "a tensor's shape")
            read_shape(inner, field, sizes)
        elif number == _SLICES:
            expect(field, LEN, "a slice")
            slices.append(_slice(inner, start, stop))
    dtype, shard, offset, size, checksum = numbers.values()
    return Entry(data_type(dtype), tuple(sizes), shard, offset, size, checksum, tuple(slices))


def _slice(source: Source, start: int, stop: int) -> Slice:
    """A TensorSliceProto; an extent without length is a whole dimension."""
    found: list[tuple[int, int]] = []
    for field in fields(source.view, start, stop, source.budget):
        if field[0] != _EXTENT:
            continue
        expect(field, LEN, "an extent")
        begin, length = 0, -1
        for inner in fields(source.view, field[3], field[4], source.budget):
            if inner[0] in (_START, _LENGTH):
                expect(inner, VARINT, "an extent")
                number = signed(varint(source.view, inner[3], inner[4])[0])
                begin, length = (number, length) if inner[0] == _START else (begin, number)
        if begin < 0 or length < -1:
            raise FormatError(f"expected a slice from 0 up, found start {begin}, length {length}")
        found.append((begin, length))
    return tuple(found)


def latest_prefix(path: str | os.PathLike[str]) -> str:
    """The prefix that a user means: a prefix, one of its files, or a folder with a `checkpoint` file that names it."""
    name = os.fspath(path)
    if os.path.isdir(name):
        return _latest_in(Path(name))
    base = os.path.basename(name)
    if base == "checkpoint":
        return _latest_in(Path(name).parent)
    for end in (".index", ".data-"):
        if end in base and not os.path.exists(f"{name}.index"):
            return name[: name.rindex(end)]
    return name


def _latest_in(folder: Path) -> str:
    """The latest checkpoint of a folder, or the only one."""
    state = folder / "checkpoint"
    if state.is_file():
        name = named_in(state)
        beside = folder / name  # an absolute path stays one; folders are often moved
        return os.fspath(beside if Path(f"{beside}.index").is_file() else folder / os.path.basename(name))
    found = sorted(os.fspath(p) for p in folder.glob("*.index"))[:50]
    if len(found) != 1:
        raise FormatError(f"{folder}: expected one checkpoint, found {len(found)}: name one of them")
    return found[0].removesuffix(".index")


def named_in(state: Path) -> str:
    """The checkpoint that a `checkpoint` file names as the latest."""
    name = os.fspath(state)
    try:
        text = Source(name, wire.map_file(name), Budget())
        message = proto.messages().CheckpointState.FromString(
            to_binary(text, "CheckpointState").view.tobytes()
        )
    except FormatError as error:
        raise FormatError(f"{name}: {error}") from None
    if not message.model_checkpoint_path or "\0" in message.model_checkpoint_path:
        raise FormatError(f"{name}: expected a model_checkpoint_path, found none")
    return message.model_checkpoint_path
