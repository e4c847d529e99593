"""Relocations of an object linked into a shared library: what each needs, then its value.

Three ways lead to a symbol. One defined in the object is reached directly and cannot be replaced by another
library's. One left undefined, or marked STB_GNU_UNIQUE, is found by the loader: through a slot of the global
offset table (GOT), through a stub that jumps through a slot, or in a pointer the loader fills. The payload is
reached through pointers and slots alone, since it may lie further away than 2 GiB.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...runtime.errors import FormatError, UnsupportedError
from . import elf_object as elf
from .elf_image import OutSection, Place
from .elf_object import ObjectFile, Relocation, Section, Symbol, relocation_name

STUB_SIZE = 8


class Base(enum.Enum):
    """The address a relocation starts from: the symbol's own, its stub's, its slot's, the table's, or none
    because the loader supplies it."""

    SYMBOL = enum.auto()
    STUB = enum.auto()
    SLOT = enum.auto()
    TABLE = enum.auto()
    LOADER = enum.auto()


class Origin(enum.Enum):
    """What is subtracted: nothing, the address of the patched bytes, or the GOT's."""

    NOTHING = enum.auto()
    HERE = enum.auto()
    TABLE = enum.auto()


# How many bytes a kind patches, and with which distance.
_RULES: dict[int, tuple[int, Base, Origin]] = {
    elf.R_64: (8, Base.SYMBOL, Origin.NOTHING),
    elf.R_PC32: (4, Base.SYMBOL, Origin.HERE),
    elf.R_PLT32: (4, Base.SYMBOL, Origin.HERE),
    elf.R_PC64: (8, Base.SYMBOL, Origin.HERE),
    elf.R_GOTPCREL: (4, Base.SLOT, Origin.HERE),
    elf.R_GOTPCRELX: (4, Base.SLOT, Origin.HERE),
    elf.R_REX_GOTPCRELX: (4, Base.SLOT, Origin.HERE),
    elf.R_GOTPC32: (4, Base.TABLE, Origin.HERE),
    elf.R_GOTPC64: (8, Base.TABLE, Origin.HERE),
    elf.R_GOTOFF64: (8, Base.SYMBOL, Origin.TABLE),
}


@dataclass(slots=True)  # not frozen: there are thousands, and frozen ones take thrice as long to make
class Fixup:
    """One relocation, decided: `width` bytes at `offset` of an output section get base + addend - origin."""

    section: OutSection
    offset: int
    width: int
    base: Base
    origin: Origin
    symbol: Symbol
    kind: int
    addend: int


@dataclass
class Plan:
    """All fixups, and what they need: symbols with a GOT slot, with a stub, and imported ones, in order."""

    payload: int | None  # the index of the symbol that stands for it
    fixups: list[Fixup] = field(default_factory=list)
    slots: dict[int, Symbol] = field(default_factory=dict)
    stubs: dict[int, Symbol] = field(default_factory=dict)
    imports: dict[int, Symbol] = field(default_factory=dict)
    pointers: int = 0  # those that the loader must relocate, slots not counted

    @property
    def dynamic_count(self) -> int:
        """How many relocations are left to the loader."""
        return self.pointers + len(self.slots)

    def is_dynamic(self, symbol: Symbol) -> bool:
        """Whether the loader decides where this symbol is: elsewhere, or where all libraries share it."""
        if symbol.section == elf.SHN_UNDEF:
            return symbol.index != self.payload
        return symbol.binding == elf.STB_GNU_UNIQUE and is_exported(symbol)

    def add(self, fixup: Fixup) -> None:
        """Take a fixup and note what it needs."""
        self.fixups.append(fixup)
        symbol, base = fixup.symbol, fixup.base
        if base is Base.STUB:
            self.stubs[symbol.index] = symbol
        if base in (Base.STUB, Base.SLOT):
            self.slots[symbol.index] = symbol
        if base is not Base.TABLE and symbol.section == elf.SHN_UNDEF and symbol.index != self.payload:
            self.imports[symbol.index] = symbol
        self.pointers += fixup.origin is Origin.NOTHING


def is_exported(symbol: Symbol) -> bool:
    """Whether other libraries may see this symbol."""
    return symbol.binding != elf.STB_LOCAL and symbol.visibility in (elf.STV_DEFAULT, elf.STV_PROTECTED)


def plan_relocations(obj: ObjectFile, places: Mapping[int, Place], payload: str) -> Plan:
    """Decide every relocation of the loaded sections; refuses those with no place in a shared library."""
    stands_for_payload = [s for s in obj.symbols if s.name == payload and s.kind != elf.STT_SECTION]
    if any(s.section != elf.SHN_UNDEF for s in stands_for_payload):
        raise FormatError(f"symbol {payload!r} stands for the payload, so the object must leave it undefined")
    plan = Plan(stands_for_payload[0].index if stands_for_payload else None)
    for index, relocations in obj.relocations.items():
        if index not in places:
            continue
        section, place = obj.sections[index], places[index]
        for relocation in relocations:
            if relocation.kind == elf.R_NONE:
                continue
            symbol = obj.symbols[relocation.symbol]
            try:
                plan.add(_decide(plan, section, place, relocation, symbol, places))
            except _Refusal as reason:
                raise _unsupported(relocation.kind, section.name, relocation.offset, symbol, reason) from None
    return plan


class _Refusal(Exception):
    """Why a relocation cannot be done, to be completed with where it stands."""


def _decide(
    plan: Plan,
    section: Section,
    place: Place,
    relocation: Relocation,
    symbol: Symbol,
    places: Mapping[int, Place],
) -> Fixup:
    """The fixup of one relocation."""
    rule = _RULES.get(relocation.kind)
    if rule is None:
        raise _Refusal("the built-in linker does not know this kind")
    width, base, origin = rule
    if relocation.offset + width > len(section.content):
        raise FormatError(f"a relocation of {section.name!r} at {relocation.offset} runs past its end")
    if base is not Base.TABLE:
        _check_symbol(plan, symbol, places)
    if base is Base.SYMBOL:
        base = _way_to(plan, symbol, width, origin, _is_call(section, relocation))
    if origin is Origin.NOTHING and not section.flags & elf.SHF_WRITE:
        raise _Refusal("the section is read-only, so the loader cannot put an address there")
    offset = place.offset + relocation.offset
    return Fixup(place.section, offset, width, base, origin, symbol, relocation.kind, relocation.addend)


def _check_symbol(plan: Plan, symbol: Symbol, places: Mapping[int, Place]) -> None:
    """Refuse symbols that are no address in this or another library."""
    absolute = symbol.index == 0 or symbol.section == elf.SHN_ABS  # symbol 0 stands for a bare number
    if absolute or symbol.section == elf.SHN_COMMON or symbol.kind in (elf.STT_TLS, elf.STT_GNU_IFUNC):
        raise _Refusal("thread-local, indirect, absolute and common symbols need a full linker")
    if symbol.section == elf.SHN_UNDEF:
        if symbol.index != plan.payload and not is_exported(symbol):
            raise FormatError(f"symbol {symbol.name!r} is hidden, but the object does not define it")
    elif symbol.section not in places:
        raise _Refusal("the symbol's section is not loaded")


def _is_call(section: Section, relocation: Relocation) -> bool:
    """Whether the patched bytes belong to a direct call or jump, which a stub can stand in for."""
    if relocation.kind == elf.R_PLT32:
        return True
    start = relocation.offset
    code = bool(section.flags & elf.SHF_EXECINSTR)
    return relocation.kind == elf.R_PC32 and code and start > 0 and section.content[start - 1] in (0xE8, 0xE9)


def _way_to(plan: Plan, symbol: Symbol, width: int, origin: Origin, call: bool) -> Base:
    """Where a relocation against a symbol's own address must lead."""
    if symbol.index == plan.payload:
        if width < 8:
            raise _Refusal("the payload may lie beyond 2 GiB; load its address from a pointer instead")
        return Base.SYMBOL
    if not plan.is_dynamic(symbol):
        return Base.SYMBOL
    if origin is Origin.NOTHING:
        return Base.LOADER
    if call:
        return Base.STUB
    raise _Refusal("the loader decides where the symbol is; load its address from the GOT instead")


def _unsupported(kind: int, section: str, offset: int, symbol: Symbol, reason: object) -> UnsupportedError:
    """The sentence for a relocation that this linker refuses."""
    return UnsupportedError(
        f"cannot link {relocation_name(kind)} at {section}+{offset:#x} against {symbol.name!r}: {reason} "
        "(or use --linker ld)"
    )


def apply(
    plan: Plan, addresses: Sequence[int], got: OutSection, stubs: OutSection, dynamic: Mapping[int, int]
) -> tuple[bytes, int]:
    """Patch the sections, fill slots and stubs; returns the loader's relocations and how many are RELATIVE.

    `addresses` holds the address of each symbol, `dynamic` the index in .dynsym of those that have one.
    """
    slots = {index: got.address + 8 * number for number, index in enumerate(plan.slots)}
    doors = {index: stubs.address + STUB_SIZE * number for number, index in enumerate(plan.stubs)}
    relative: list[tuple[int, int, int]] = []
    symbolic: list[tuple[int, int, int]] = []
    for fix in plan.fixups:
        here, index = fix.section.address + fix.offset, fix.symbol.index
        if fix.base is Base.LOADER:
            symbolic.append((here, dynamic[index] << 32 | elf.R_64, fix.addend))
            continue
        if fix.base is Base.SYMBOL:
            base = addresses[index]
        elif fix.base is Base.TABLE:
            base = got.address  # 0 if there are no slots: it is only a point that both sides measure from
        else:
            base = slots[index] if fix.base is Base.SLOT else doors[index]
        value = base + fix.addend
        if fix.origin is Origin.NOTHING:
            relative.append((here, elf.R_RELATIVE, value))
        else:
            value -= here if fix.origin is Origin.HERE else got.address
        _store(fix, value)
    for number, (index, symbol) in enumerate(plan.slots.items()):
        if plan.is_dynamic(symbol):
            symbolic.append((slots[index], dynamic[index] << 32 | elf.R_GLOB_DAT, 0))
        else:
            struct.pack_into("<Q", got.data, 8 * number, addresses[index])
            relative.append((slots[index], elf.R_RELATIVE, addresses[index]))
    for number, index in enumerate(plan.stubs):
        distance = slots[index] - (doors[index] + 6)
        # jmp *slot(%rip), then a two-byte nop: the shape in which debuggers recognise a stub.
        struct.pack_into("<HiH", stubs.data, STUB_SIZE * number, 0x25FF, distance, 0x9066)
    rows = sorted(relative) + sorted(symbolic, key=lambda row: (row[1], row[0]))
    return b"".join(elf.RELA.pack(*row) for row in rows), len(relative)


def _store(fix: Fixup, value: int) -> None:
    """Write a value into its section; a distance that 32 bits cannot hold is refused."""
    half = 1 << (8 * fix.width - 1)
    if not -half <= value < half:
        reason = f"{value} does not fit into {fix.width} bytes"
        raise _unsupported(fix.kind, fix.section.name, fix.offset, fix.symbol, reason)
    struct.pack_into("<i" if fix.width == 4 else "<q", fix.section.data, fix.offset, value)
