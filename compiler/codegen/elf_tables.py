"""The tables of a shared library that the loader, the unwinder and debuggers read: strings, symbols,
hashes, notes, and the index over .eh_frame. Pure functions from values to bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .elf_object import STB_LOCAL, SYM

_EH_PCREL_SDATA4, _EH_DATAREL_SDATA4, _EH_UDATA4, _EH_OMIT = 0x1B, 0x3B, 0x03, 0xFF
# Bytes of a pointer in .eh_frame, by the low four bits of its encoding.
_EH_POINTER_SIZES = {0x00: 8, 0x02: 2, 0x03: 4, 0x04: 8, 0x0A: 2, 0x0B: 4, 0x0C: 8}
_BUILD_ID_SIZE = 20


class StringTable:
    """NUL-terminated strings, each stored once; `add` gives a string's offset."""

    def __init__(self) -> None:
        self.data = bytearray(1)
        self._offsets = {"": 0}

    def add(self, text: str) -> int:
        offset = self._offsets.get(text)
        if offset is None:
            offset = self._offsets[text] = len(self.data)
            self.data += text.encode("utf-8", "surrogateescape") + b"\0"
        return offset


@dataclass(frozen=True, slots=True)
class OutSymbol:
    """A symbol as a library's table holds it: `section` is the index in the library, `value` an address."""

    name: str
    binding: int
    kind: int
    visibility: int
    section: int
    value: int
    size: int


def symbol_table(symbols: Iterable[OutSymbol], strings: StringTable) -> tuple[bytes, int]:
    """A symbol table's bytes, and the index of its first global symbol (locals must come first)."""
    rows = [bytes(SYM.size)]
    first_global = 1
    for s in symbols:
        first_global += s.binding == STB_LOCAL
        rows.append(
            SYM.pack(strings.add(s.name), s.binding << 4 | s.kind, s.visibility, s.section, s.value, s.size)
        )
    return b"".join(rows), first_global


def sysv_hash(name: str) -> int:
    """The hash of a DT_HASH table."""
    value = 0
    for byte in name.encode("utf-8", "surrogateescape"):
        value = (value << 4) + byte
        high = value & 0xF0000000
        value = (value ^ (high >> 24)) & ~high & 0xFFFFFFFF
    return value


def gnu_hash(name: str) -> int:
    """The hash of a DT_GNU_HASH table."""
    value = 5381
    for byte in name.encode("utf-8", "surrogateescape"):
        value = (value * 33 + byte) & 0xFFFFFFFF
    return value


def gnu_buckets(count: int) -> int:
    """How many buckets a GNU hash table of `count` symbols has."""
    return max(1, count // 2)


def sysv_hash_table(names: Sequence[str]) -> bytes:
    """The DT_HASH table of dynamic symbols 1, 2, …: buckets of chains linked by index."""
    bucket_count = max(1, len(names) // 2)
    buckets = [0] * bucket_count
    chains = [0] * (len(names) + 1)
    for index, name in enumerate(names, 1):
        bucket = sysv_hash(name) % bucket_count
        chains[index], buckets[bucket] = buckets[bucket], index
    return struct.pack(f"<{2 + len(buckets) + len(chains)}I", bucket_count, len(chains), *buckets, *chains)


def gnu_hash_table(names: Sequence[str], first: int) -> bytes:
    """The DT_GNU_HASH table of the dynamic symbols from index `first`, which are sorted by bucket."""
    bucket_count = gnu_buckets(len(names))
    shift = 6
    words = 1 << max(0, (len(names) * 12 // 64).bit_length())  # some twelve bits of filter for each symbol
    bloom, buckets, chain = [0] * words, [0] * bucket_count, []
    hashes = [gnu_hash(name) for name in names]
    for index, value in enumerate(hashes):
        bloom[value // 64 % words] |= 1 << value % 64 | 1 << (value >> shift) % 64
        bucket = value % bucket_count
        buckets[bucket] = buckets[bucket] or first + index
        last = index + 1 == len(hashes) or hashes[index + 1] % bucket_count != bucket
        chain.append(value & ~1 | last)
    head = struct.pack("<4I", bucket_count, first, words, shift)
    return head + struct.pack(f"<{words}Q{bucket_count}I{len(chain)}I", *bloom, *buckets, *chain)


def build_id_note(digest: bytes = bytes(_BUILD_ID_SIZE)) -> bytes:
    """The contents of .note.gnu.build-id, which always has the same size."""
    return struct.pack("<III4s", 4, _BUILD_ID_SIZE, 3, b"GNU\0") + digest[:_BUILD_ID_SIZE]


def find_fdes(frames: bytes | bytearray) -> list[int] | None:
    """Offsets of the FDEs of .eh_frame, or None where one is written in a way the index has no words for.

    The function's address, which is all the index needs of an FDE, stands 8 bytes into it.
    """
    try:
        return _walk_frames(frames)
    except (struct.error, IndexError, KeyError, ValueError):
        return None


def _walk_frames(frames: bytes | bytearray) -> list[int] | None:
    """`find_fdes`, raising where a record runs out of the section."""
    position, fdes = 0, []
    encodings: dict[int, int] = {}  # by the offset of the CIE
    while position < len(frames):
        size, pointer = struct.unpack_from("<II", frames, position)
        end = position + 4 + size
        if size < 4 or size == 0xFFFFFFFF or end > len(frames):
            return None
        if pointer == 0:
            encodings[position] = _fde_encoding(frames, position + 8)
        elif encodings[position + 4 - pointer] == _EH_PCREL_SDATA4 and size >= 12:
            fdes.append(position)
        else:
            return None
        position = end
    return fdes


def _fde_encoding(frames: bytes | bytearray, position: int) -> int:
    """How the FDEs of a CIE, whose version byte is at `position`, write addresses."""
    version = frames[position]
    end = frames.index(0, position + 1)
    augmentation = bytes(frames[position + 1 : end])
    if version != 1 or not augmentation.startswith(b"z"):
        return _EH_OMIT
    position = end + 1
    # Code alignment, data alignment and augmentation length are LEB128, the return register is a byte.
    for field in ("leb", "leb", "byte", "leb"):
        while field == "leb" and frames[position] & 0x80:
            position += 1
        position += 1
    for letter in augmentation[1:]:
        if letter == ord("R"):
            return frames[position]
        if letter == ord("P"):
            position += 1 + _EH_POINTER_SIZES[frames[position] & 15]
        elif letter == ord("L"):
            position += 1
        elif letter not in b"SB":
            return _EH_OMIT
    return _EH_OMIT


def eh_frame_index_size(fdes: list[int] | None) -> int:
    """The size of .eh_frame_hdr over these FDEs."""
    return 8 if fdes is None else 12 + 8 * len(fdes)


def eh_frame_index(frames: bytes | bytearray, fdes: list[int] | None, frames_at: int, at: int) -> bytes:
    """.eh_frame_hdr at address `at`: FDEs sorted by function, for binary search.

    Where `fdes` is None it only says where .eh_frame is, and the unwinder searches that from its start.
    """
    where = frames_at - (at + 4)
    if fdes is None:
        return struct.pack("<BBBBi", 1, _EH_PCREL_SDATA4, _EH_OMIT, _EH_OMIT, where)
    rows = []
    for fde in fdes:
        (distance,) = struct.unpack_from("<i", frames, fde + 8)
        rows.append((frames_at + fde + 8 + distance - at, frames_at + fde - at))
    head = struct.pack("<BBBBiI", 1, _EH_PCREL_SDATA4, _EH_UDATA4, _EH_DATAREL_SDATA4, where, len(rows))
    return head + b"".join(struct.pack("<ii", *row) for row in sorted(rows))
