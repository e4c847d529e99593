"""Symbol versions: which of several functions of one name a library asks of glibc.

A reference without a version gets the oldest function of its name. For some names that is a slower or
stricter one, kept for old programs: a memcpy without the processor's vectors, mathematical functions that set
errno. Linkers read the newest version in the library at hand. We have none at hand, so the names that compiled
models use are listed here, with versions that every glibc since 2019 has.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from .elf_tables import StringTable, sysv_hash

_NEWEST = {
    ("libc.so.6", "GLIBC_2.3.2"): (
        "pthread_cond_broadcast",
        "pthread_cond_destroy",
        "pthread_cond_init",
        "pthread_cond_signal",
        "pthread_cond_timedwait",
        "pthread_cond_wait",
    ),
    ("libc.so.6", "GLIBC_2.14"): ("memcpy",),
    ("libc.so.6", "GLIBC_2.17"): ("clock_gettime",),
    ("libm.so.6", "GLIBC_2.27"): ("exp2f", "expf", "log2f", "logf", "powf"),
    ("libm.so.6", "GLIBC_2.29"): ("exp", "exp2", "log", "log2", "pow"),
}
_VERSION_OF = {symbol: version for version, symbols in _NEWEST.items() for symbol in symbols}
_LOCAL, _GLOBAL = 0, 1


@dataclass(frozen=True)
class Versions:
    """The contents of .gnu.version and .gnu.version_r, and how many libraries the latter names."""

    of_symbols: bytes = b""
    needed: bytes = b""
    libraries: int = 0


def version_tables(
    imports: Sequence[str], exports: int, needed: Sequence[str], strings: StringTable
) -> Versions:
    """The version tables of a library with these imported symbols, then `exports` of its own.

    Both are empty unless an imported symbol needs a version and its library is among `needed`.
    """
    wanted = [version if (version := _VERSION_OF.get(s)) and version[0] in needed else None for s in imports]
    used = [version for version in _NEWEST if version in wanted]
    if not used:
        return Versions()
    numbers = {version: _GLOBAL + 1 + index for index, version in enumerate(used)}
    of_symbols = [_LOCAL, *(numbers[v] if v else _GLOBAL for v in wanted), *[_GLOBAL] * exports]
    libraries = sorted({library for library, _ in used})
    records = b""
    for library in libraries:
        versions = [(name, numbers[file, name]) for file, name in used if file == library]
        size = 0 if library == libraries[-1] else 16 + 16 * len(versions)
        records += struct.pack("<HHIII", 1, len(versions), strings.add(library), 16, size)
        for position, (name, number) in enumerate(versions, 1):
            following = 0 if position == len(versions) else 16
            records += struct.pack("<IHHII", sysv_hash(name), 0, number, strings.add(name), following)
    return Versions(struct.pack(f"<{len(of_symbols)}H", *of_symbols), records, len(libraries))
