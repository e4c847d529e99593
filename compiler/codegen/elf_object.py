"""Reads a relocatable ELF64 x86-64 object into sections, symbols and relocations.

Every offset, size and index is checked against the file, so a truncated or hostile object ends in a
FormatError and never in a wrong read. The numbers of the format live here too, for its readers and writers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ...runtime.errors import FormatError

ET_REL, ET_DYN, EM_X86_64 = 1, 3, 62
ELFOSABI_NONE, ELFOSABI_GNU = 0, 3

SHN_UNDEF, SHN_LORESERVE, SHN_ABS, SHN_COMMON = 0, 0xFF00, 0xFFF1, 0xFFF2
SHT_NULL, SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_RELA, SHT_HASH, SHT_DYNAMIC = 0, 1, 2, 3, 4, 5, 6
SHT_NOTE, SHT_NOBITS, SHT_REL, SHT_DYNSYM, SHT_INIT_ARRAY, SHT_FINI_ARRAY = 7, 8, 9, 11, 14, 15
SHT_GNU_HASH, SHT_GNU_VERNEED, SHT_GNU_VERSYM = 0x6FFFFFF6, 0x6FFFFFFE, 0x6FFFFFFF
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR, SHF_INFO_LINK, SHF_TLS = 1, 2, 4, 0x40, 0x400
SHF_X86_64_LARGE = 0x10000000

STB_LOCAL, STB_GLOBAL, STB_WEAK, STB_GNU_UNIQUE = 0, 1, 2, 10
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION, STT_FILE, STT_TLS, STT_GNU_IFUNC = 0, 1, 2, 3, 4, 6, 10
STV_DEFAULT, STV_HIDDEN, STV_PROTECTED = 0, 2, 3

R_NONE, R_64, R_PC32, R_PLT32, R_GLOB_DAT, R_RELATIVE, R_GOTPCREL = 0, 1, 2, 4, 6, 8, 9
R_PC64, R_GOTOFF64, R_GOTPC32, R_GOTPC64, R_GOTPCRELX, R_REX_GOTPCRELX = 24, 25, 26, 29, 41, 42

# In the order of their numbers, which start at 0.
_RELOCATION_NAMES = """
NONE 64 PC32 GOT32 PLT32 COPY GLOB_DAT JUMP_SLOT RELATIVE GOTPCREL 32 32S 16 PC16 8 PC8 DTPMOD64 DTPOFF64
TPOFF64 TLSGD TLSLD DTPOFF32 GOTTPOFF TPOFF32 PC64 GOTOFF64 GOTPC32 GOT64 GOTPCREL64 GOTPC64 GOTPLT64
PLTOFF64 SIZE32 SIZE64 GOTPC32_TLSDESC TLSDESC_CALL TLSDESC IRELATIVE RELATIVE64 PC32_BND PLT32_BND
GOTPCRELX REX_GOTPCRELX
"""

EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
SHDR = struct.Struct("<IIQQQQIIQQ")
PHDR = struct.Struct("<IIQQQQQQ")
SYM = struct.Struct("<IBBHQQ")
RELA = struct.Struct("<QQq")

# Longer than any name a compiler makes; a bound keeps a hostile string table from costing quadratic time.
_LONGEST_NAME = 4096


def relocation_name(kind: int) -> str:
    """The psABI's name of a relocation kind, or its number where it has none."""
    names = _RELOCATION_NAMES.split()
    return f"R_X86_64_{names[kind] if kind < len(names) else kind}"


@dataclass(frozen=True, slots=True)
class Section:
    """One section: `content` is a view into the object, empty for NOBITS; `size` is its size in memory."""

    index: int
    name: str
    kind: int
    flags: int
    align: int
    size: int
    content: memoryview
    link: int
    info: int
    entry_size: int


@dataclass(frozen=True, slots=True)
class Symbol:
    """One symbol; `section` is a section index, or SHN_UNDEF, SHN_ABS or SHN_COMMON."""

    index: int
    name: str
    kind: int
    binding: int
    visibility: int
    section: int
    value: int
    size: int


@dataclass(frozen=True, slots=True)
class Relocation:
    """One RELA entry; `symbol` is an index into `ObjectFile.symbols`, 0 for none."""

    offset: int
    kind: int
    symbol: int
    addend: int


@dataclass(frozen=True)
class ObjectFile:
    """A parsed relocatable object; `relocations` holds, by section index, what to patch in that section."""

    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]
    relocations: Mapping[int, tuple[Relocation, ...]]


def parse_object(data: bytes | bytearray | memoryview) -> ObjectFile:
    """Parse a relocatable ELF64 little-endian x86-64 object; FormatError says what is broken."""
    view = memoryview(data).toreadonly().cast("B")
    table, names_index = _section_table(view)
    sections = _sections(view, table, names_index)
    symbols, symbol_table = _symbols(sections)
    return ObjectFile(sections, symbols, _relocations(sections, len(symbols), symbol_table))


def _section_table(view: memoryview) -> tuple[list[tuple[int, ...]], int]:
    """The raw section headers and the index of the section that names them."""
    if len(view) < EHDR.size or bytes(view[:4]) != b"\x7fELF":
        raise FormatError(f"expected an ELF object, received {len(view)} bytes without its header")
    ident, kind, machine, _, _, _, offset, _, _, _, _, entry, count, names = EHDR.unpack_from(view)
    if ident[4:7] != b"\x02\x01\x01" or kind != ET_REL or machine != EM_X86_64:
        raise FormatError(
            "expected a relocatable ELF64 little-endian x86-64 object, received class "
            f"{ident[4]}, byte order {ident[5]}, type {kind}, machine {machine}"
        )
    if entry != SHDR.size or not 0 < count < SHN_LORESERVE:
        raise FormatError(f"expected 1 to 65279 section headers of 64 bytes, received {count} of {entry}")
    raw = _cut(view, offset, count * SHDR.size, "the section table")
    if names >= count:
        raise FormatError(f"the section names are in section {names}, but there are only {count} sections")
    return list(SHDR.iter_unpack(raw)), names


def _sections(view: memoryview, table: list[tuple[int, ...]], names_index: int) -> tuple[Section, ...]:
    """All sections with their names and contents."""
    _, _, _, _, names_offset, names_size, *_ = table[names_index]
    names = bytes(_cut(view, names_offset, names_size, "the table of section names"))
    sections = []
    for index, (name, kind, flags, _, offset, size, link, info, align, entry_size) in enumerate(table):
        label = _name(names, name, f"section {index}")
        if align & (align - 1):
            raise FormatError(f"section {label!r} has alignment {align}, expected a power of two")
        empty = kind in (SHT_NULL, SHT_NOBITS)
        content = view[:0] if empty else _cut(view, offset, size, f"section {label!r}")
        sections.append(Section(index, label, kind, flags, align or 1, size, content, link, info, entry_size))
    # Sections of a real object do not overlap. Without this, a small file could describe a huge image.
    if sum(len(s.content) for s in sections) > len(view):
        raise FormatError("the object's sections overlap")
    return tuple(sections)


def _symbols(sections: tuple[Section, ...]) -> tuple[tuple[Symbol, ...], int]:
    """All symbols, and the index of the section they came from (0 where there is none)."""
    tables = [s for s in sections if s.kind == SHT_SYMTAB]
    if not tables:
        return (), 0
    if len(tables) > 1:
        raise FormatError(f"expected one symbol table, received {len(tables)}")
    table = tables[0]
    if table.link >= len(sections) or sections[table.link].kind != SHT_STRTAB:
        raise FormatError(f"the symbol table's strings are in section {table.link}, which is no string table")
    strings = bytes(sections[table.link].content)
    symbols = []
    entries = _entries(SYM, table)
    for index, (name, info, other, section, value, size) in enumerate(entries):
        label = _name(strings, name, f"symbol {index}")
        if section < SHN_LORESERVE:
            _check_place(label, section, value, sections)
            if info & 15 == STT_SECTION:
                label = sections[section].name  # which the format leaves out
        symbols.append(Symbol(index, label, info & 15, info >> 4, other & 3, section, value, size))
    return tuple(symbols), table.index


def _check_place(label: str, section: int, value: int, sections: tuple[Section, ...]) -> None:
    """Refuse a symbol that lies outside its section (its end is inside: labels may stand there)."""
    if section >= len(sections):
        raise FormatError(
            f"symbol {label!r} is in section {section}, but there are only {len(sections)} sections"
        )
    if section != SHN_UNDEF and value > sections[section].size:
        raise FormatError(
            f"symbol {label!r} is at offset {value}, past its section's {sections[section].size}"
        )


def _relocations(
    sections: tuple[Section, ...], symbol_count: int, symbol_table: int
) -> Mapping[int, tuple[Relocation, ...]]:
    """The relocations of each section that is loaded; those of debug sections are left out."""
    found: dict[int, tuple[Relocation, ...]] = {}
    for table in sections:
        if table.kind not in (SHT_REL, SHT_RELA):
            continue
        if table.info >= len(sections):
            raise FormatError(f"{table.name!r} relocates section {table.info}, which does not exist")
        target = sections[table.info]
        if not target.flags & SHF_ALLOC:
            continue
        if table.kind == SHT_REL or table.link != symbol_table or target.index in found:
            raise FormatError(f"expected one RELA table on the symbol table for {target.name!r}")
        found[target.index] = tuple(_relocation_entries(table, target, symbol_count))
    return MappingProxyType(found)


def _relocation_entries(table: Section, target: Section, symbol_count: int) -> Iterator[Relocation]:
    """The entries of one table, each inside its section and about an existing symbol."""
    limit = len(target.content)
    for offset, info, addend in _entries(RELA, table):
        symbol, kind = info >> 32, info & 0xFFFFFFFF
        if offset >= limit:
            raise FormatError(
                f"{table.name!r} patches offset {offset} of {target.name!r}, which has {limit} bytes"
            )
        if symbol >= symbol_count:
            raise FormatError(f"{table.name!r} names symbol {symbol}, but there are only {symbol_count}")
        yield Relocation(offset, kind, symbol, addend)


def _entries(layout: struct.Struct, table: Section) -> Iterator[tuple[int, ...]]:
    """The rows of a table section, whose size must be a whole number of them."""
    if len(table.content) % layout.size:
        raise FormatError(
            f"{table.name!r} has {len(table.content)} bytes, expected a multiple of {layout.size}"
        )
    return layout.iter_unpack(table.content)


def _cut(view: memoryview, offset: int, size: int, what: str) -> memoryview:
    """`size` bytes at `offset`, or a FormatError that names `what`."""
    if offset > len(view) or size > len(view) - offset:
        raise FormatError(f"{what} is {size} bytes at offset {offset}, but the object has {len(view)} bytes")
    return view[offset : offset + size]


def _name(strings: bytes, offset: int, what: str) -> str:
    """The NUL-terminated string at `offset` of a string table."""
    if not offset:
        return ""
    end = strings.find(b"\0", offset, offset + _LONGEST_NAME)
    if end < 0:
        raise FormatError(f"the name of {what} is at offset {offset}, which its string table does not hold")
    # Names are bytes to the format: surrogateescape gives any of them back unchanged.
    return strings[offset:end].decode("utf-8", "surrogateescape")
