"""Several relocatable objects as one: what one leaves undefined another may define."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...runtime.errors import FormatError
from . import elf_object as elf
from .elf_object import ObjectFile, Relocation, Section, Symbol


def merge_objects(objects: Sequence[ObjectFile]) -> ObjectFile:
    """The sections of all objects in order, and their symbols: local ones as they are, of others one of each name.

    FormatError for a name that two objects define.
    """
    if len(objects) == 1:
        return objects[0]
    sections: list[Section] = []
    symbols = [objects[0].symbols[0]] if objects[0].symbols else []
    by_name: dict[str, int] = {}
    relocations: dict[int, tuple[Relocation, ...]] = {}
    numbers: list[list[int]] = []
    bases: list[int] = []
    for obj in objects:
        base = len(sections)
        bases.append(base)
        sections += [replace(s, index=base + s.index) for s in obj.sections]
        numbers.append([_add(s, base, symbols, by_name) for s in obj.symbols])
    for obj, base, number in zip(objects, bases, numbers, strict=True):
        for index, rows in obj.relocations.items():
            relocations[base + index] = tuple(
                Relocation(r.offset, r.kind, number[r.symbol], r.addend) for r in rows
            )
    return ObjectFile(tuple(sections), tuple(symbols), relocations)


def _add(symbol: Symbol, base: int, symbols: list[Symbol], by_name: dict[str, int]) -> int:
    """The index of a symbol among those of all objects."""
    if symbol.index == 0:
        return 0
    section = symbol.section
    own = replace(
        symbol, index=len(symbols), section=base + section if 0 < section < elf.SHN_LORESERVE else section
    )
    if symbol.binding == elf.STB_LOCAL:
        symbols.append(own)
        return own.index
    known = by_name.setdefault(symbol.name, own.index)
    if known == own.index:
        symbols.append(own)
    elif section != elf.SHN_UNDEF:
        if symbols[known].section != elf.SHN_UNDEF:
            raise FormatError(f"two objects define the symbol {symbol.name!r}")
        symbols[known] = replace(own, index=known)
    return known
