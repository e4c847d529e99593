"""Where everything lies in a shared library: sections gathered from an object, their addresses, the segments.

Up to the end of the initialised data, addresses equal file offsets, so tools that mix them up still work.
Order: headers and read-only data, code, data that is read-only after relocation, data, zeroed data; then in
the file alone the tables of linkers and debuggers; then, in both, the weights.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ...runtime.errors import UnsupportedError
from . import elf_object as elf
from .elf_object import ObjectFile, Section
from .elf_tables import StringTable

PAGE = 4096
PT_LOAD, PT_DYNAMIC, PT_NOTE = 1, 2, 4
PT_GNU_EH_FRAME, PT_GNU_STACK, PT_GNU_RELRO = 0x6474E550, 0x6474E551, 0x6474E552
PF_X, PF_W, PF_R = 1, 2, 4

# The program headers stand before the number of segments is known; unused ones stay zero and uncounted.
HEADER_SIZE = elf.EHDR.size + 9 * elf.PHDR.size

# 32-bit distances must reach from any byte of the code and data to any other.
_LARGEST_IMAGE = (1 << 31) - (1 << 20)
_PREINIT_ARRAY = 16


class Region(enum.IntEnum):
    """What a section needs of its memory, in the order of addresses; FILE is not loaded at all."""

    READ = 0
    EXEC = 1
    RELRO = 2
    DATA = 3
    ZERO = 4
    WEIGHTS = 5
    FILE = 6


# Input sections named so, or so with a dotted suffix, are joined under this name if they are of this region.
_JOINED = {
    ".text": Region.EXEC,
    ".rodata": Region.READ,
    ".data.rel.ro": Region.RELRO,
    ".init_array": Region.RELRO,
    ".fini_array": Region.RELRO,
    ".data": Region.DATA,
    ".bss": Region.ZERO,
}


@dataclass(eq=False)
class OutSection:
    """A section of the library. Zeroed data and weights have nothing in `data`, but a size in `reserved`."""

    name: str
    kind: int
    flags: int
    region: Region
    align: int = 1
    data: bytearray = field(default_factory=bytearray)
    reserved: int = 0
    entry_size: int = 0
    link: OutSection | None = None
    info: int = 0
    index: int = 0
    address: int = 0
    offset: int = 0

    @property
    def size(self) -> int:
        return self.reserved or len(self.data)

    @property
    def end(self) -> int:
        return self.address + self.size


@dataclass(frozen=True, slots=True)
class Place:
    """Where an input section went: `offset` bytes into `section`."""

    section: OutSection
    offset: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A program header: bytes `offset` to `offset + file_size`, seen at `address`."""

    kind: int
    flags: int
    offset: int
    address: int
    file_size: int
    size: int
    align: int

    def pack(self) -> bytes:
        return elf.PHDR.pack(
            self.kind,
            self.flags,
            self.offset,
            self.address,
            self.address,
            self.file_size,
            self.size,
            self.align,
        )


def gather(obj: ObjectFile) -> tuple[list[OutSection], dict[int, Place]]:
    """Join the object's loaded sections; the second result tells by index where each went.

    Sections that are not loaded (debug information, comments) are left out, and so are empty ones
    that no symbol names.
    """
    joined: dict[tuple[str, Region], OutSection] = {}
    places: dict[int, Place] = {}
    named = {s.section for s in obj.symbols if s.kind != elf.STT_SECTION}
    loaded = [s for s in obj.sections if s.flags & elf.SHF_ALLOC and (s.size or s.index in named)]
    if sum(s.size for s in loaded) > _LARGEST_IMAGE:
        raise UnsupportedError("the object's code and data, without the weights, take more than 2 GiB")
    for section in sorted(loaded, key=_init_priority):
        region = _region(section)
        name = _joined_name(section.name, region)
        out = joined.setdefault((name, region), OutSection(name, section.kind, section.flags & 7, region))
        places[section.index] = Place(out, _append(out, section))
    return list(joined.values()), places


def _append(out: OutSection, section: Section) -> int:
    """Add an input section to `out`; returns its offset there."""
    out.align = max(out.align, section.align)
    start = align_up(out.size, section.align)
    if out.region is Region.ZERO:
        out.reserved = start + section.size
    else:
        out.data += bytes(start - len(out.data)) + section.content
    return start


def _init_priority(section: Section) -> int:
    """Constructors with a priority run before those without, lower numbers first; nothing else moves."""
    match = re.fullmatch(r"\.(?:init|fini)_array\.(\d{1,9})", section.name)
    return int(match[1]) if match else 65536


def _joined_name(name: str, region: Region) -> str:
    """The output section of an input section: its own name, unless it is a well-known one with a suffix."""
    for prefix, expected in _JOINED.items():
        if region is expected and name.startswith(prefix + "."):
            return prefix
    return name


def _region(section: Section) -> Region:
    """The region a section's flags ask for; UnsupportedError for what this linker has no place for."""
    flags, name, zeroed = section.flags, section.name, section.kind == elf.SHT_NOBITS
    writable, code = bool(flags & elf.SHF_WRITE), bool(flags & elf.SHF_EXECINSTR)
    old_constructors = name.startswith((".ctors", ".dtors")) or section.kind == _PREINIT_ARRAY
    if flags & elf.SHF_TLS or (writable and code) or (zeroed and not writable) or old_constructors:
        raise UnsupportedError(
            f"section {name!r} (type {section.kind}, flags {flags:#x}) is for thread-local data, writable "
            "code or old-style constructors, which the built-in linker does not do; use --linker ld"
        )
    if section.align > PAGE:
        raise UnsupportedError(
            f"section {name!r} is aligned to {section.align} bytes, but the built-in linker aligns to {PAGE} "
            "at most; use --linker ld"
        )
    if code:
        return Region.EXEC
    if not writable:
        return Region.READ
    if zeroed:
        return Region.ZERO
    array = section.kind in (elf.SHT_INIT_ARRAY, elf.SHT_FINI_ARRAY)
    return Region.RELRO if array or (name + ".").startswith(".data.rel.ro.") else Region.DATA


def weights_section(size: int) -> OutSection:
    """The section of the payload, whose bytes are written apart from all others."""
    return OutSection(".nw_weights", elf.SHT_PROGBITS, elf.SHF_ALLOC, Region.WEIGHTS, PAGE, reserved=size)


def lay_out(sections: Iterable[OutSection]) -> tuple[int, int]:
    """Give loaded sections, sorted by region, their addresses; returns the ends of the file and of memory.

    Every region but ZERO starts a page, since pages are what has permissions. RELRO also ends with one:
    the loader protects whole pages of it.
    """
    file_end = memory = HEADER_SIZE
    region = Region.READ
    for section in sections:
        if section.region is Region.FILE:
            continue
        if section.region is not region:
            if section.region is not Region.ZERO or region is not Region.DATA:
                memory = align_up(memory, PAGE)
            if region is Region.RELRO:
                file_end = memory
            region = section.region
        section.address = section.offset = memory = align_up(memory, section.align)
        if section.region is Region.ZERO:
            section.offset = file_end
        memory += section.size
        if section.region < Region.ZERO:
            file_end = memory
    if region is Region.RELRO:
        file_end = memory = align_up(memory, PAGE)
    return file_end, memory


def segments(sections: Sequence[OutSection]) -> list[Segment]:
    """The program headers over sections that have their final addresses and offsets."""
    read, code, relro, data, zero, weights = (
        [s for s in sections if s.region is region] for region in list(Region)[: Region.FILE]
    )
    found = [Segment(PT_LOAD, PF_R, 0, 0, read[-1].end, read[-1].end, PAGE)]
    if code and code[-1].end > code[0].address:
        found.append(_over(code, PT_LOAD, PF_R | PF_X))
    start = relro[0].address
    relro_end = align_up(relro[-1].end, PAGE)
    file_end = data[-1].end if data else relro_end
    memory_end = zero[-1].end if zero else file_end
    found.append(Segment(PT_LOAD, PF_R | PF_W, start, start, file_end - start, memory_end - start, PAGE))
    if weights:
        found.append(_over(weights, PT_LOAD, PF_R))
    by_name = {s.name: s for s in reversed(sections)}
    for name, kind, flags in (
        (".dynamic", PT_DYNAMIC, PF_R | PF_W),
        (".note.gnu.build-id", PT_NOTE, PF_R),
        (".eh_frame_hdr", PT_GNU_EH_FRAME, PF_R),
    ):
        if name in by_name:
            found.append(_over([by_name[name]], kind, flags, by_name[name].align))
    found.append(Segment(PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 16))
    found.append(Segment(PT_GNU_RELRO, PF_R, start, start, relro_end - start, relro_end - start, 1))
    return found


def _over(sections: Sequence[OutSection], kind: int, flags: int, align: int = PAGE) -> Segment:
    """A segment from the first to the last of some sections that have bytes in the file."""
    first, size = sections[0], sections[-1].end - sections[0].address
    return Segment(kind, flags, first.offset, first.address, size, size, align)


def section_headers(sections: Sequence[OutSection], names: StringTable) -> bytes:
    """The section table; all names must be in `names` already, as its own section is described too."""
    rows = [bytes(elf.SHDR.size)]
    for s in sections:
        link = s.link.index if s.link else 0
        rows.append(
            elf.SHDR.pack(
                names.add(s.name),
                s.kind,
                s.flags,
                s.address,
                s.offset,
                s.size,
                link,
                s.info,
                s.align,
                s.entry_size,
            )
        )
    return b"".join(rows)


def align_up(value: int, alignment: int) -> int:
    """The next multiple of a power of two."""
    return (value + alignment - 1) & -alignment
