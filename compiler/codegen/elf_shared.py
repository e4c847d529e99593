"""Links relocatable objects and a payload of weights into a shared library, with no linker installed.

The objects are what a compiler emits for position-independent code; elf_relocate tells how symbols are bound,
elf_image how the file is laid out. The bytes depend on the arguments alone.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterator, Sequence

from ...runtime.errors import FormatError, OptionError, UnsupportedError
from . import elf_object as elf
from .elf_image import (
    HEADER_SIZE,
    PAGE,
    OutSection,
    Region,
    align_up,
    gather,
    lay_out,
    section_headers,
    segments,
    weights_section,
)
from .elf_merge import merge_objects
from .elf_object import SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, ObjectFile, Symbol
from .elf_relocate import STUB_SIZE, apply, is_exported, plan_relocations
from .elf_tables import (
    OutSymbol,
    StringTable,
    build_id_note,
    eh_frame_index,
    eh_frame_index_size,
    find_fdes,
    gnu_buckets,
    gnu_hash,
    gnu_hash_table,
    symbol_table,
    sysv_hash_table,
)
from .elf_versions import version_tables
from .payload import Payload, create, replacing, write_payload

_DT_NULL, _DT_NEEDED, _DT_HASH, _DT_STRTAB, _DT_SYMTAB = 0, 1, 4, 5, 6
_DT_RELA, _DT_RELASZ, _DT_RELAENT, _DT_STRSZ, _DT_SYMENT, _DT_SONAME = 7, 8, 9, 10, 11, 14
_DT_INIT_ARRAY, _DT_FINI_ARRAY, _DT_INIT_ARRAYSZ, _DT_FINI_ARRAYSZ, _DT_FLAGS = 25, 26, 27, 28, 30
_DT_GNU_HASH, _DT_RELACOUNT, _DT_FLAGS_1 = 0x6FFFFEF5, 0x6FFFFFF9, 0x6FFFFFFB
_DT_VERSYM, _DT_VERNEED, _DT_VERNEEDNUM = 0x6FFFFFF0, 0x6FFFFFFE, 0x6FFFFFFF
_DF_BIND_NOW, _DF_1_NOW = 8, 1


def link_shared(
    objects: bytes | Sequence[bytes],
    output: str | os.PathLike[str],
    *,
    soname: str,
    payload: Payload,
    needed: Sequence[str] = ("libc.so.6",),
    finished: Callable[[str], None] | None = None,
) -> None:
    """Write the shared library `output` from a relocatable object, or several, and their read-only payload.

    `needed` are the libraries that undefined symbols may come from. The payload is streamed; the file
    appears whole or, on an error, not at all; `finished` sees it just before.
    """
    check_names(soname, *needed)
    parsed = [elf.parse_object(o) for o in ([objects] if isinstance(objects, bytes) else objects)]
    library = _Library(merge_objects(parsed), soname, payload, needed)
    head = library.build()
    with replacing(output, finished) as path, create(path) as file:
        file.write(head)
        contents = write_payload(file, library.payload_offset, payload)
        file.seek(library.note.offset)
        file.write(build_id_note(hashlib.sha256(head + contents).digest()))


def check_names(*names: str) -> None:
    """Refuse names of libraries that no file can carry."""
    for name in names:
        if not name or "\0" in name:
            raise OptionError(f"expected a library name without NUL characters, received {name!r}")


class _Library:
    """The library under construction: first every section's size, then the addresses, then the contents."""

    def __init__(self, obj: ObjectFile, soname: str, payload: Payload, needed: Sequence[str]) -> None:
        self.obj = obj
        self.payload = payload
        self.payload_address = self.payload_offset = 0
        self.gathered, self.places = gather(obj)
        self.plan = plan_relocations(obj, self.places, payload.symbol)
        self.imports = list(self.plan.imports.values())
        self.exports = self._exported()
        strings = StringTable()
        self.needed = [strings.add(name) for name in needed]
        self.soname = strings.add(soname)
        names = [s.name for s in self.imports + self.exports]
        for name in names:
            strings.add(name)
        self.versions = version_tables(names[: len(self.imports)], len(self.exports), needed, strings)
        self.dynamic_strings = strings
        self._make_tables(names)
        self._make_frame_index()
        self.sections = self._ordered()

    def _exported(self) -> list[Symbol]:
        """The symbols other libraries see, sorted by bucket as the GNU hash table demands."""
        exports = []
        for symbol in self.obj.symbols:
            defined = symbol.section != elf.SHN_UNDEF
            if symbol.section == elf.SHN_COMMON or (defined and symbol.kind == elf.STT_GNU_IFUNC):
                raise UnsupportedError(
                    f"symbol {symbol.name!r} is common or indirect, which the built-in linker does not do; "
                    "use --linker ld"
                )
            if is_exported(symbol) and (symbol.section in self.places or symbol.section == elf.SHN_ABS):
                exports.append(symbol)
        buckets = gnu_buckets(len(exports))
        return sorted(exports, key=lambda symbol: gnu_hash(symbol.name) % buckets)

    def _make_tables(self, names: list[str]) -> None:
        """Create the linker's own sections, those with addresses in them as zeros of the right size."""
        read, write = SHF_ALLOC, SHF_ALLOC | SHF_WRITE
        first_export = 1 + len(self.imports)
        self.note = _section(".note.gnu.build-id", elf.SHT_NOTE, read, Region.READ, 4, build_id_note())
        self.dynstr = _section(".dynstr", elf.SHT_STRTAB, read, Region.READ, 1, self.dynamic_strings.data)
        size = elf.SYM.size * (1 + len(names))
        self.dynsym = _section(".dynsym", elf.SHT_DYNSYM, read, Region.READ, 8, bytes(size), elf.SYM.size)
        self.dynsym.link, self.dynsym.info = self.dynstr, 1
        table = gnu_hash_table(names[len(self.imports) :], first_export)
        self.gnu_hash = _section(".gnu.hash", elf.SHT_GNU_HASH, read, Region.READ, 8, table)
        self.hash = _section(".hash", elf.SHT_HASH, read, Region.READ, 8, sysv_hash_table(names), 4)
        versions, kinds = self.versions, (elf.SHT_GNU_VERSYM, elf.SHT_GNU_VERNEED)
        self.versym = _section(".gnu.version", kinds[0], read, Region.READ, 2, versions.of_symbols, 2)
        self.verneed = _section(".gnu.version_r", kinds[1], read, Region.READ, 8, versions.needed)
        self.verneed.link, self.verneed.info = self.dynstr, versions.libraries
        size = elf.RELA.size * self.plan.dynamic_count
        self.rela = _section(".rela.dyn", elf.SHT_RELA, read, Region.READ, 8, bytes(size), elf.RELA.size)
        for section in (self.gnu_hash, self.hash, self.versym, self.rela):
            section.link = self.dynsym
        code, size = SHF_ALLOC | SHF_EXECINSTR, STUB_SIZE * len(self.plan.stubs)
        self.stubs = _section(".plt.got", elf.SHT_PROGBITS, code, Region.EXEC, 16, bytes(size), STUB_SIZE)
        size = 8 * len(self.plan.slots)
        self.got = _section(".got", elf.SHT_PROGBITS, write, Region.RELRO, 8, bytes(size), 8)
        self.dynamic = _section(".dynamic", elf.SHT_DYNAMIC, write, Region.RELRO, 8, b"", 16)
        self.dynamic.link = self.dynstr
        self.strtab = _section(".strtab", elf.SHT_STRTAB, 0, Region.FILE, 1, b"")
        self.symtab = _section(".symtab", elf.SHT_SYMTAB, 0, Region.FILE, 8, b"", elf.SYM.size)
        self.symtab.link = self.strtab
        self.shstrtab = _section(".shstrtab", elf.SHT_STRTAB, 0, Region.FILE, 1, b"")
        self.weights = weights_section(self.payload.size)

    def _make_frame_index(self) -> None:
        """Create .eh_frame_hdr if the object has .eh_frame, and end the latter as unwinders expect."""
        self.frames = self._object_section(".eh_frame", Region.READ)
        fdes = find_fdes(self.frames.data) if self.frames else []
        self.fdes = fdes
        size = eh_frame_index_size(fdes) if self.frames else 0
        self.frame_index = _section(".eh_frame_hdr", elf.SHT_PROGBITS, SHF_ALLOC, Region.READ, 4, bytes(size))
        if self.frames:
            self.frames.data += bytes(4)

    def _object_section(self, name: str, region: Region) -> OutSection | None:
        """The section of that name that came from the object."""
        return next((s for s in self.gathered if s.name == name and s.region is region), None)

    def _ordered(self) -> list[OutSection]:
        """All sections in the order of the section table, empty ones of our own left out."""
        self.dynamic.data = bytearray(16 * len(list(self._dynamic_rows(0))))
        sections = [self.note, self.gnu_hash, self.hash, self.dynsym, self.dynstr]
        sections += [
            self.versym,
            self.verneed,
            self.rela,
            *self.gathered,
            self.frame_index,
            self.stubs,
            self.dynamic,
            self.got,
            self.weights,
        ]
        optional = {
            self.versym,
            self.verneed,
            self.rela,
            self.frame_index,
            self.stubs,
            self.got,
            self.weights,
        }
        sections = [s for s in sections if s.size or s not in optional]
        sections += [self.symtab, self.strtab, self.shstrtab]
        if len(sections) >= elf.SHN_LORESERVE:
            raise UnsupportedError(f"the object has {len(sections)} sections, too many for one section table")
        sections.sort(key=lambda s: s.region)
        for index, section in enumerate(sections, 1):
            section.index = index
        return sections

    def build(self) -> bytearray:
        """The bytes of everything before the payload, with a build id of zeros."""
        file_end, memory_end = lay_out(self.sections)
        # Nothing is read through the address of an empty payload, but it must not be inside our data.
        self.payload_address = self.weights.address or align_up(memory_end, PAGE)
        self._fill(file_end)
        names = StringTable()
        for section in self.sections:
            names.add(section.name)
        self.shstrtab.data = names.data
        position = file_end
        for section in self.sections:
            if section.region is Region.FILE:
                section.offset = align_up(position, section.align)
                position = section.offset + section.size
        table_offset = align_up(position, 8)
        end = table_offset + elf.SHDR.size * (1 + len(self.sections))
        self.payload_offset = align_up(end, PAGE) if self.payload.size else end
        self.weights.offset = self.payload_offset
        head = bytearray(end)
        for section in self.sections:
            head[section.offset : section.offset + len(section.data)] = section.data
        head[table_offset:] = section_headers(self.sections, names)
        headers = self._headers(table_offset)
        head[: len(headers)] = headers
        return head

    def _fill(self, file_end: int) -> None:
        """Everything that needs addresses: relocations, symbol tables, .dynamic, .eh_frame_hdr."""
        addresses = [self._address(symbol) for symbol in self.obj.symbols]
        indices = {s.index: number for number, s in enumerate(self.imports + self.exports, 1)}
        rows, relative = apply(self.plan, addresses, self.got, self.stubs, indices)
        self.rela.data[:] = rows
        symbols = [self._out_symbol(s, addresses) for s in self.imports + self.exports]
        self.dynsym.data[:] = symbol_table(symbols, self.dynamic_strings)[0]
        self.dynamic.data[:] = b"".join(struct.pack("<QQ", *row) for row in self._dynamic_rows(relative))
        strings = StringTable()
        local = [self._out_symbol(s, addresses) for s in self.obj.symbols if self._is_local(s)]
        if self.weights.size:
            local.append(self._weights_symbol())
        table, self.symtab.info = symbol_table(local + symbols, strings)
        self.symtab.data, self.strtab.data = bytearray(table), strings.data
        if self.frames:
            where = self.frames.address, self.frame_index.address
            try:
                self.frame_index.data[:] = eh_frame_index(self.frames.data, self.fdes, *where)
            except struct.error:
                raise FormatError("the object's .eh_frame describes functions outside of it") from None

    def _address(self, symbol: Symbol) -> int:
        """The address of a symbol in the library; 0 for those that are elsewhere."""
        if symbol.index == self.plan.payload:
            return self.payload_address
        place = self.places.get(symbol.section)
        if place is None:
            return symbol.value if symbol.section == elf.SHN_ABS else 0
        return place.section.address + place.offset + symbol.value

    def _is_local(self, symbol: Symbol) -> bool:
        """Whether a symbol belongs into .symtab alone: a name for debuggers, not the assembler's labels."""
        named = bool(symbol.name) and not symbol.name.startswith(".L")
        own = symbol.section in self.places and symbol.kind not in (elf.STT_SECTION, elf.STT_FILE)
        return named and own and not is_exported(symbol)

    def _out_symbol(self, symbol: Symbol, addresses: Sequence[int]) -> OutSymbol:
        """A symbol as the library's tables hold it; what is not exported becomes local."""
        place = self.places.get(symbol.section)
        section = place.section.index if place else symbol.section
        binding = symbol.binding if is_exported(symbol) else elf.STB_LOCAL
        address = addresses[symbol.index]
        return OutSymbol(symbol.name, binding, symbol.kind, symbol.visibility, section, address, symbol.size)

    def _weights_symbol(self) -> OutSymbol:
        """The payload's name, for debuggers."""
        where, size = self.weights, self.payload.size
        name = self.payload.symbol
        return OutSymbol(
            name, elf.STB_LOCAL, elf.STT_OBJECT, elf.STV_HIDDEN, where.index, where.address, size
        )

    def _dynamic_rows(self, relative: int) -> Iterator[tuple[int, int]]:
        """The entries of .dynamic; their number does not depend on addresses."""
        for offset in self.needed:
            yield _DT_NEEDED, offset
        yield _DT_SONAME, self.soname
        for name, address, size in (
            (".init_array", _DT_INIT_ARRAY, _DT_INIT_ARRAYSZ),
            (".fini_array", _DT_FINI_ARRAY, _DT_FINI_ARRAYSZ),
        ):
            if array := self._object_section(name, Region.RELRO):
                yield from ((address, array.address), (size, array.size))
        yield from ((_DT_HASH, self.hash.address), (_DT_GNU_HASH, self.gnu_hash.address))
        yield from ((_DT_STRTAB, self.dynstr.address), (_DT_STRSZ, self.dynstr.size))
        yield from ((_DT_SYMTAB, self.dynsym.address), (_DT_SYMENT, elf.SYM.size))
        if self.rela.size:
            yield from ((_DT_RELA, self.rela.address), (_DT_RELASZ, self.rela.size))
            yield from ((_DT_RELAENT, elf.RELA.size), (_DT_RELACOUNT, relative))
        if self.versym.size:
            yield from ((_DT_VERSYM, self.versym.address), (_DT_VERNEED, self.verneed.address))
            yield _DT_VERNEEDNUM, self.verneed.info
        yield from ((_DT_FLAGS, _DF_BIND_NOW), (_DT_FLAGS_1, _DF_1_NOW), (_DT_NULL, 0))

    def _headers(self, table_offset: int) -> bytes:
        """The ELF header and the program headers."""
        # Binding 10 means STB_GNU_UNIQUE only in files that say they follow GNU's extensions.
        unique = any(s.binding == elf.STB_GNU_UNIQUE for s in self.exports)
        ident = b"\x7fELF\x02\x01\x01" + bytes([elf.ELFOSABI_GNU if unique else elf.ELFOSABI_NONE]) + bytes(8)
        rows = b"".join(segment.pack() for segment in segments(self.sections))
        count, names = len(rows) // elf.PHDR.size, self.shstrtab.index
        sizes = (elf.EHDR.size, elf.PHDR.size, count, elf.SHDR.size, 1 + len(self.sections), names)
        header = elf.EHDR.pack(ident, elf.ET_DYN, elf.EM_X86_64, 1, 0, elf.EHDR.size, table_offset, 0, *sizes)
        return (header + rows).ljust(HEADER_SIZE, b"\0")


def _section(
    name: str, kind: int, flags: int, region: Region, align: int, data: bytes | bytearray, entry_size: int = 0
) -> OutSection:
    """A section of the linker's own; a bytearray is taken as it is, and may still grow."""
    contents = data if isinstance(data, bytearray) else bytearray(data)
    return OutSection(name, kind, flags, region, align, contents, entry_size=entry_size)
