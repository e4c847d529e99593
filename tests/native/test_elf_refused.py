"""What the linker and the manifest reader say to wrong, damaged and hostile input, leaving no file behind."""

from __future__ import annotations

import functools
import os
import random
import re
import shutil
import struct
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import pytest
from netwright.compiler.codegen import elf_object as elf
from netwright.compiler.codegen.elf_object import parse_object
from netwright.compiler.codegen.elf_shared import link_shared
from netwright.compiler.codegen.link import link
from netwright.compiler.codegen.payload import Payload
from netwright.runtime.artifact import read_manifest
from netwright.runtime.errors import (
    ArtifactError,
    Error,
    FormatError,
    InputError,
    OptionError,
    UnsupportedError,
)

MODEL = (Path(__file__).parents[1] / "data" / "linker_model.ll").read_text()
EMPTY = Payload(0)
WEIGHTS = Payload(20004, [(64, np.arange(1000, dtype=np.int32))])


@functools.cache
def emit(text: str) -> bytes:
    """The position-independent object of LLVM IR."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()
    module = llvm.parse_assembly('target triple = "x86_64-unknown-linux-gnu"\n' + text)
    machine = llvm.Target.from_default_triple().create_target_machine(reloc="pic", codemodel="default")
    return machine.emit_object(module)


def assembled(*lines: str) -> bytes:
    """The object of some lines of assembly."""
    return emit("".join(f'module asm "{line}"\n' for line in lines))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library as it should be."""
    path = tmp_path_factory.mktemp("own") / "libmodel.so"
    link_shared(emit(MODEL), path, soname="libmodel.so", payload=WEIGHTS)
    return path


@pytest.mark.parametrize(
    ("size", "chunks", "words"),
    [
        (10, [(8, b"four")], "past its size of 10"),
        (10, [(4, b"four"), (0, b"fives")], "at byte 5 or later, received 4"),
        (10, [(-1, b"a")], "received -1"),
        (400, [(0, np.ones((10, 10), np.float32).T)], "C-contiguous"),
    ],
)
def test_bad_payloads_leave_no_file(tmp_path: Path, size: int, chunks: list, words: str) -> None:
    (tmp_path / "lib.so").write_text("old")
    for linker in ("own", "ld") if shutil.which("ld") else ("own",):
        with pytest.raises(InputError, match=words):
            link(emit(MODEL), tmp_path / "lib.so", soname="a", payload=Payload(size, chunks), linker=linker)
    assert [p.name for p in tmp_path.iterdir()] == ["lib.so"] and (tmp_path / "lib.so").read_text() == "old"


REFUSED = [
    (["leaq imported(%rip), %rax"], "R_X86_64_PC32 at .text+0x3 against 'imported': the loader decides"),
    (["leaq nw_weights(%rip), %rax"], "R_X86_64_PC32 at .text+0x3 against 'nw_weights': the payload"),
    (["movq thing@gottpoff(%rip), %rax"], "R_X86_64_GOTTPOFF at .text+0x3 against 'thing'"),
    (["movl $thing, %eax"], "R_X86_64_32 at .text+0x1 against 'thing'"),
    (["movq $thing, %rax"], "R_X86_64_32S at .text+0x3 against 'thing'"),
    (
        [".section .rodata,\\22a\\22", ".quad thing"],
        "R_X86_64_64 at .rodata+0x0 against 'thing': the section",
    ),
    ([".globl f", ".set f, 5", "call f"], "absolute"),
    ([".section .tdata,\\22awT\\22", ".quad 1"], "thread-local"),
    ([".section .odd,\\22awx\\22", ".quad 1"], "writable code"),
    ([".comm shared,4,4"], "'shared' is common"),
    ([".type f, @gnu_indirect_function", ".globl f", "f: ret"], "'f' is common or indirect"),
    ([".p2align 13", "nop"], "aligned to 8192"),
    ([".bss", ".zero 3000000000"], "more than 2 GiB"),
]


@pytest.mark.parametrize(("lines", "words"), REFUSED, ids=[row[1][:24] for row in REFUSED])
def test_what_is_not_done_is_refused_by_name(tmp_path: Path, lines: list[str], words: str) -> None:
    with pytest.raises(UnsupportedError, match=re.escape(words)) as caught:
        link_shared(assembled(*lines), tmp_path / "lib.so", soname="a", payload=EMPTY)
    assert "--linker ld" in str(caught.value) or "2 GiB" in words
    assert not list(tmp_path.iterdir())


def test_unknown_relocation_is_named(tmp_path: Path) -> None:
    known, unknown = (elf.RELA.pack(1, 2 << 32 | kind, -4) for kind in (elf.R_PLT32, 200))
    obj = assembled("call f@PLT")
    assert known in obj
    words = re.escape("R_X86_64_200 at .text+0x1 against 'f'") + ".*--linker ld"
    with pytest.raises(UnsupportedError, match=words):
        link_shared(obj.replace(known, unknown), tmp_path / "lib.so", soname="a", payload=EMPTY)


def mutations(data: bytes, seed: int, count: int) -> list[bytes]:
    """Truncations and changed bytes, most of them in the tables, where they do harm."""
    dice = random.Random(seed)
    found = [data[: dice.randrange(len(data))] for _ in range(count // 4)]
    tables = struct.unpack_from("<Q", data, 40)[0]
    while len(found) < count:
        broken = bytearray(data)
        for _ in range(dice.choice((1, 1, 3))):
            start, end = dice.choice(((0, 64), (tables, len(data)), (tables, len(data)), (0, len(data))))
            broken[dice.randrange(start, end)] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
        found.append(bytes(broken))
    return found


def test_broken_objects_end_in_typed_errors(tmp_path: Path) -> None:
    obj = emit(MODEL)
    outcomes = []
    for broken in mutations(obj, 1, 1200):
        try:
            link_shared(broken, tmp_path / "lib.so", soname="a", payload=EMPTY)
        except Error as err:
            outcomes.append(type(err))
    assert outcomes.count(FormatError) > 500 and UnsupportedError in outcomes
    for size in range(0, len(obj) - 1, 97):
        with pytest.raises(FormatError):
            parse_object(obj[:size])
    for wrong in (b"", b"MZ" + bytes(500), (tmp_path / "lib.so").read_bytes()):
        with pytest.raises(FormatError, match="expected"):
            parse_object(wrong)


def test_object_must_leave_the_payload_to_the_linker(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="'nw_weights' stands for the payload"):
        link_shared(emit("@nw_weights = global i8 0"), tmp_path / "a", soname="a", payload=EMPTY)
    obj = emit("@gone = external hidden global i8\n@p = global ptr @gone")
    with pytest.raises(FormatError, match="'gone' is hidden"):
        link_shared(obj, tmp_path / "a", soname="a", payload=EMPTY)


def test_payload_size_is_checked() -> None:
    with pytest.raises(InputError, match="received -1"):
        Payload(-1)


def manifest_of(path: Path, data: bytes) -> bytes:
    path.write_bytes(data)
    return read_manifest(path)


def test_manifest_of_other_files(library: Path, tmp_path: Path) -> None:
    data, path = library.read_bytes(), tmp_path / "file"
    link_shared(emit("@only_data = global i32 3"), path, soname="a", payload=EMPTY)
    plain = path.read_bytes()
    stripped = bytearray(data)
    stripped[60:62] = b"\0\0"
    for broken, words in (
        (b"", "is empty"),
        (b"\x7fEL", "no ELF file"),
        (b"PK\3\4" + bytes(100), "no ELF file"),
        (data[:40], "truncated or damaged: the header"),
        (data[:9000], "truncated or damaged: the section table"),
        (b"\x7fELF\1\1\1" + bytes(100), "64-bit little-endian"),
        (emit(MODEL), "no shared library"),
        (bytes(stripped), "stripped of its section table"),
        (plain, "has no section .netwright"),
    ):
        with pytest.raises(ArtifactError, match=words) as caught:
            manifest_of(path, broken)
        assert repr(str(path)) in str(caught.value)
    os.mkfifo(tmp_path / "pipe")
    for other in (tmp_path, tmp_path / "missing", tmp_path / "pipe", "nul\0"):
        with pytest.raises(ArtifactError, match=r"cannot read|not a regular file"):
            read_manifest(other)


def test_manifest_of_damaged_libraries(library: Path, tmp_path: Path) -> None:
    refused = 0
    for broken in mutations(library.read_bytes()[:-20480], 2, 600):
        try:
            assert len(manifest_of(tmp_path / "lib.so", broken)) < 1 << 20
        except ArtifactError:
            refused += 1
    assert refused > 100


def test_linkers_speak_for_themselves(tmp_path: Path) -> None:
    def attempt(linker: str) -> str:
        with pytest.raises(OptionError) as caught:
            link(emit(MODEL), tmp_path / "lib.so", soname="lib.so", payload=WEIGHTS, linker=linker)
        return str(caught.value)

    assert "'no-such-linker', which is not on the path" in attempt("no-such-linker")
    tool = tmp_path / "ld"
    for text, words in (
        ("#!/bin/sh\necho not today >&2\nexit 3\n", "failed with status 3: not today"),
        ("#!/no/such/shell\n", "cannot be run: No such file"),
    ):
        tool.write_text(text)
        tool.chmod(0o755)
        assert words in attempt(str(tool))
    assert [p.name for p in tmp_path.iterdir()] == ["ld"]


@pytest.mark.parametrize("linker", ["ld", "cc"])
def test_errors_of_real_linkers_are_passed_on(tmp_path: Path, linker: str) -> None:
    if not shutil.which(linker) and not os.environ.get("CI"):
        pytest.skip(f"{linker} is not installed")
    with pytest.raises(OptionError, match=r"(?s)failed with status 1: .*code0\.o"):
        link(b"no object", tmp_path / "lib.so", soname="lib.so", payload=WEIGHTS, linker=linker)
    assert not list(tmp_path.iterdir())


def test_output_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def attempt(where: str | Path, **names: str) -> str:
        with pytest.raises(OptionError) as caught:
            link_shared(emit(MODEL), where, payload=WEIGHTS, **{"soname": "a", **names})
        return str(caught.value)

    assert "no/lib.so': No such file or directory" in attempt(tmp_path / "no" / "lib.so")
    assert "not a regular file" in attempt(tmp_path)
    assert "not a regular file" in attempt("/dev/null")
    assert "received ''" in attempt(tmp_path / "lib.so", soname="")
    assert not list(tmp_path.iterdir())
    old = os.umask(0o027)
    try:
        link_shared(emit(MODEL), tmp_path / "lib.so", soname="a", payload=WEIGHTS)
    finally:
        os.umask(old)
    assert (tmp_path / "lib.so").stat().st_mode & 0o777 == 0o750
