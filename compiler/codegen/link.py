"""Turns objects and a payload into a shared library: by the built-in linker, or by one of the system's."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence

from ...runtime.errors import OptionError
from . import elf_object as elf
from .elf_image import PAGE, OutSection, Region, align_up, section_headers, weights_section
from .elf_shared import check_names, link_shared
from .elf_tables import OutSymbol, StringTable, symbol_table
from .payload import Payload, create, replacing, write_payload

# The weights behind everything else, where they cannot push code and data further apart than 2 GiB.
_WEIGHTS_LAST = (
    "SECTIONS { .nw_weights : ALIGN(CONSTANT(MAXPAGESIZE)) { *(.nw_weights) } } INSERT AFTER .bss;\n"
)


def link(
    objects: bytes | Sequence[bytes],
    output: str | os.PathLike[str],
    *,
    soname: str,
    payload: Payload,
    linker: str | None = None,
    needed: Sequence[str] = ("libc.so.6",),
    finished: Callable[[str], None] | None = None,
) -> None:
    """Write the shared library `output` of one object or several that need each other, whole or not at all;
    `finished` sees it just before it appears.

    `linker` is None or "own" for the built-in one; else the name or path of a linker (`ld`, `ld.lld`) or of a
    compiler that calls one (`cc`, `clang`). `needed` are the libraries that undefined symbols may come from.
    """
    if linker in (None, "own"):
        link_shared(objects, output, soname=soname, payload=payload, needed=needed, finished=finished)
        return
    check_names(soname, *needed)
    program = shutil.which(linker)
    if program is None:
        raise OptionError(
            f"expected a linker that is installed, received {linker!r}, which is not on the path; "
            "leave --linker out to use the built-in one"
        )
    # Beside the output rather than in the system's folder for such things, which may be small or in memory.
    with (
        replacing(output, finished) as path,
        tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as folder,
    ):
        inputs = _inputs(folder, [objects] if isinstance(objects, bytes) else objects, payload)
        # The libraries themselves: the links that `-lc` follows belong to the C compiler's packages.
        inputs += [f"-l:{name}" for name in needed]
        _run([program, "-shared", "-o", path, *_options(program, folder, soname), *inputs])


def _inputs(folder: str, objects: Sequence[bytes], payload: Payload) -> list[str]:
    """Write the objects, and one more that carries the payload; returns their paths."""
    paths = [os.path.join(folder, f"code{i}.o") for i in range(len(objects))]
    for path, obj in zip(paths, objects, strict=True):
        with open(path, "wb") as file:
            file.write(obj)
    weights = os.path.join(folder, "weights.o")
    write_payload_object(weights, payload)
    return [*paths, weights]


def _options(program: str, folder: str, soname: str) -> list[str]:
    """The options that make a linker's library like ours, in the words of a linker or of a compiler."""
    script = os.path.join(folder, "weights.ld")
    with open(script, "w") as file:
        file.write(_WEIGHTS_LAST)
    options = ["-Bsymbolic", "-soname", soname, "-z", "now", "-z", "relro", "-z", "noexecstack"]
    options += ["--hash-style=both", "--build-id=sha1", "--eh-frame-hdr", "-T", script]
    return options if _is_linker(program) else [word for o in options for word in ("-Xlinker", o)]


def _is_linker(program: str) -> bool:
    """Whether a program takes a linker's options (ld, x86_64-linux-gnu-ld, ld.lld-19), not a compiler's."""
    return re.search(r"(^|-)(ld|lld|mold)($|[.-])", os.path.basename(program)) is not None


def _run(command: Sequence[str]) -> None:
    """Run a linker; its complaints become the error."""
    import subprocess  # 2 ms that the built-in linker does without

    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env={**os.environ, "LC_ALL": "C"}
        )
    except OSError as err:
        raise OptionError(f"the linker {command[0]!r} cannot be run: {err.strerror or err}") from err
    if done.returncode:
        words = (done.stderr + done.stdout).decode("utf-8", "replace").strip()
        raise OptionError(f"the linker {command[0]!r} failed with status {done.returncode}: {words}")


def write_payload_object(path: str, payload: Payload) -> None:
    """Write a relocatable object whose one section is the payload, named by a hidden symbol."""
    strings, names = StringTable(), StringTable()
    where = weights_section(payload.size)
    where.index = 1
    symbol = OutSymbol(
        payload.symbol, elf.STB_GLOBAL, elf.STT_OBJECT, elf.STV_HIDDEN, where.index, 0, payload.size
    )
    table, first_global = symbol_table([symbol], strings)
    strtab = OutSection(".strtab", elf.SHT_STRTAB, 0, Region.FILE, data=strings.data, index=3)
    symtab = OutSection(".symtab", elf.SHT_SYMTAB, 0, Region.FILE, 8, bytearray(table))
    symtab.link, symtab.info, symtab.entry_size = strtab, first_global, elf.SYM.size
    # Without this section linkers would ask for an executable stack.
    stack = OutSection(".note.GNU-stack", elf.SHT_PROGBITS, 0, Region.FILE)
    shstrtab = OutSection(".shstrtab", elf.SHT_STRTAB, 0, Region.FILE, data=names.data)
    sections = [where, symtab, strtab, stack, shstrtab]
    for section in sections:
        names.add(section.name)
    table_offset = elf.EHDR.size
    position = table_offset + elf.SHDR.size * (1 + len(sections))
    contents = b""
    for section in sections[1:]:
        section.offset = position + len(contents)
        contents += bytes(section.data).ljust(align_up(len(section.data), 8), b"\0")
    where.offset = align_up(position + len(contents), PAGE)
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    sizes = (elf.EHDR.size, 0, 0, elf.SHDR.size, 1 + len(sections), len(sections))
    header = elf.EHDR.pack(ident, elf.ET_REL, elf.EM_X86_64, 1, 0, 0, table_offset, 0, *sizes)
    with create(path) as file:
        file.write(header + section_headers(sections, names) + contents)
        write_payload(file, where.offset, payload)
