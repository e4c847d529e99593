"""The built-in linker against the system's: the same objects, run from Python and C, and read by binutils."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import pytest
from netwright.compiler.codegen import elf_object as elf
from netwright.compiler.codegen.elf_shared import link_shared
from netwright.compiler.codegen.link import link, write_payload_object
from netwright.compiler.codegen.payload import Payload
from netwright.runtime.artifact import read_manifest

TRIPLE = 'target triple = "x86_64-unknown-linux-gnu"\n'
MANIFEST = b'{"format": 1}'

MODEL = (Path(__file__).parents[1] / "data" / "linker_model.ll").read_text()

PROBE = r"""
import ctypes, json, sys
lib = ctypes.CDLL(sys.argv[1])
long = lambda name, *args: getattr(lib, name)(*map(ctypes.c_long, args))
for name in ("twice", "add3", "through_table", "choose"): getattr(lib, name).restype = ctypes.c_long
lib.scale.restype, lib.scale.argtypes = ctypes.c_double, [ctypes.c_double]
lib.weights_by_slot.restype = ctypes.c_void_p
text = ctypes.create_string_buffer(20)
wrote = lib.text(text, 20, 12)
base = lib.weights_by_slot()
maps = [line.split() for line in open("/proc/self/maps")]
mine = [m for m in maps if any(int(a, 16) <= base < int(b, 16) for a, b in [m[0].split("-")])]
everything = [m[1] for m in maps if m[-1] == sys.argv[1]]
print(json.dumps({
    "started": lib.has_started(), "twice": long("twice", 21), "add3": long("add3", 4),
    "table": [long("through_table", i, -9) for i in range(3)],
    "choose": [long("choose", i) for i in range(-1, 6)],
    "count": [lib.count(), lib.count()], "text": [wrote, text.value.decode()], "pointed": lib.pointed(),
    "scale": lib.scale(2.0), "fill": [lib.fill(99999, 9), lib.fill(99999, 1), lib.fill(0, 1)],
    "weights": [lib.weight(i) for i in (0, 1, 15, 16, 17, 1015, 1016, 5000)],
    "slot": ctypes.c_int.from_address(base + 64).value, "aligned": base % 4096,
    "weights are": [m[1] for m in mine], "writable code": any("w" in m and "x" in m for m in everything),
    "absent": lib.optional_is_absent() & 1, "unwinds": lib.frames((ctypes.c_void_p * 64)()) > 4,
    "zeroed by name": ctypes.c_char.in_dll(lib, "zeroed").value.hex(),
    "prime by name": ctypes.c_int.in_dll(lib, "primes").value,
}))
"""

EXPECTED = {
    "started": 77,
    "twice": 42,
    "add3": 7,
    "table": [-18, -6, 9],
    "choose": [-1, 200, 21, 203, 41, 51, -1],
    "count": [45, 50],
    "text": [4, "12/7"],
    "pointed": 7,
    "scale": 7.125,
    "fill": [0, 9, 0],
    "weights": [0, 0, 0, 1000, 1001, 1999, -5, 0],
    "slot": 1000,
    "aligned": 0,
    "weights are": ["r--p"],
    "writable code": False,
    "absent": 1,
    "unwinds": True,
    "zeroed by name": "01",
    "prime by name": 2,
}

UNIQUE = r"""
@pool = external global [4096 x i8]
module asm ".bss"
module asm ".p2align 6"
module asm ".type pool, @gnu_unique_object"
module asm "pool: .zero 4096"
module asm ".size pool, 4096"
@pointer = global ptr getelementptr (i8, ptr @pool, i64 8)
define ptr @where() {
  ret ptr @pool
}
define ptr @where_by_pointer() {
  %p = load ptr, ptr @pointer
  ret ptr %p
}
define i32 @answer() noinline {
  ret i32 NUMBER
}
define i32 @ask() {
  %r = call i32 @answer()
  ret i32 %r
}
"""


def needs(tool: str) -> pytest.MarkDecorator:
    """Skip where a tool is missing, but never in CI, where its absence must fail."""
    absent = not shutil.which(tool) and not os.environ.get("CI")
    return pytest.mark.skipif(absent, reason=f"{tool} is not installed")


LINKERS = [pytest.param(name, marks=[] if name == "own" else needs(name)) for name in ("own", "ld", "cc")]


@functools.cache
def emit(text: str) -> bytes:
    """The position-independent object of LLVM IR."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()
    module = llvm.parse_assembly(TRIPLE + text)
    module.verify()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(reloc="pic", codemodel="default", opt=2).emit_object(module)


def assembled(*lines: str) -> bytes:
    """The object of some lines of assembly."""
    return emit("".join(f'module asm "{line}"\n' for line in lines))


def payload(digest: bytes | None = None) -> Payload:
    """1000 integers behind a gap, then one more as raw bytes, then zeros."""
    numbers = np.arange(1000, 2000, dtype=np.int32).reshape(10, 100)
    return Payload(20004, [(4064, struct.pack("<i", -5)), (64, numbers)], digest=digest)


def run(command: list[str | Path], **options: object) -> str:
    """A command's output; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)  # type: ignore
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model, linked by the built-in linker."""
    path = tmp_path_factory.mktemp("own") / "libmodel.so"
    link_shared(emit(MODEL), path, soname="libmodel.so", payload=payload())
    return path


@pytest.mark.parametrize("linker", LINKERS)
def test_linked_code_gives_the_same_results(tmp_path: Path, linker: str) -> None:
    path = tmp_path / "libmodel.so"
    link(emit(MODEL), path, soname="libmodel.so", payload=payload(), linker=linker)
    assert json.loads(run([sys.executable, "-c", PROBE, path])) == EXPECTED
    assert read_manifest(path) == MANIFEST
    assert [p.name for p in tmp_path.iterdir()] == ["libmodel.so"]


@needs("readelf")
@pytest.mark.parametrize("source", [MODEL, UNIQUE.replace("NUMBER", "1"), "@only_data = global i32 3"])
@pytest.mark.parametrize("data", [payload(), Payload(0)], ids=["weights", "empty"])
def test_readelf_has_no_complaint(tmp_path: Path, source: str, data: Payload) -> None:
    path = tmp_path / "libmodel.so"
    link_shared(emit(source), path, soname="libmodel.so", payload=data)
    for options in ("-aW", "--debug-dump=frames", "-nW", "-VDIW"):
        done = subprocess.run(["readelf", options, path], capture_output=True, text=True)
        assert done.returncode == 0 and done.stderr == "", options
        assert not re.search(r"warning|error|<corrupt|<unknown", done.stdout, re.I), options
    run([sys.executable, "-c", "import ctypes, sys; ctypes.CDLL(sys.argv[1])", path])


def test_segments_are_as_loaders_want_them(library: Path) -> None:
    data = library.read_bytes()
    start, count = elf.EHDR.unpack_from(data)[5], elf.EHDR.unpack_from(data)[10]
    rows = [elf.PHDR.unpack_from(data, start + i * elf.PHDR.size) for i in range(count)]
    loads = [row for row in rows if row[0] == 1]
    assert [row[1] for row in loads] == [4, 5, 6, 4]  # R, RX, RW, R
    pages = [page for row in loads for page in range(row[3] // 4096, (row[3] + row[6] - 1) // 4096 + 1)]
    assert len(pages) == len(set(pages)) and all(row[2] % 4096 == row[3] % 4096 for row in loads)
    weights = loads[-1]
    assert weights[2] + weights[5] == len(data) and weights[5] == weights[6] == 20004
    (stack,) = [row for row in rows if row[0] == 0x6474E551]
    assert not stack[1] & 1, "the stack must not be executable"
    (relro,) = [row for row in rows if row[0] == 0x6474E552]
    assert (relro[3] + relro[6]) % 4096 == 0


@needs("readelf")
def test_tables_name_what_tools_look_for(library: Path) -> None:
    sections = run(["readelf", "-SW", library])
    for name in (".netwright", ".nw_weights", ".note.gnu.build-id", ".eh_frame_hdr", ".init_array", ".got"):
        assert f" {name} " in sections
    dynamic = run(["readelf", "-dW", library])
    for words in ("soname: [libmodel.so]", "library: [libc.so.6]", "BIND_NOW", "GNU_HASH", "(HASH)"):
        assert words in dynamic
    assert "TEXTREL" not in dynamic
    exported, symbols = (run(["readelf", option, "-W", library]) for option in ("--dyn-syms", "-s"))
    assert "kernel_local" not in exported and "offset" not in exported
    assert re.search(r"FUNC +LOCAL +DEFAULT +\d+ kernel_local", symbols)
    assert re.search(r"0x186a0 OBJECT +GLOBAL +DEFAULT +\d+ zeroed", exported)
    table = run(["readelf", "-wF", library])
    assert table.count("pc=") >= 15


@needs("cc")
def test_c_program_links_against_the_library(library: Path, tmp_path: Path) -> None:
    source = "long choose(int); extern int primes[5]; int main(void) { return choose(2) + primes[4] != 214; }"
    (tmp_path / "main.c").write_text(source)
    run(["cc", "-Wall", "-Werror", "-o", "main", "main.c", library], cwd=tmp_path)
    run([tmp_path / "main"], env={**os.environ, "LD_LIBRARY_PATH": str(library.parent)})


@needs("readelf")
@pytest.mark.parametrize("linker", LINKERS)
def test_newest_functions_of_libc_and_libm_are_bound(tmp_path: Path, linker: str) -> None:
    names = ["memcpy", "pthread_cond_signal", "pthread_create", "expf", "pow", "sched_getaffinity"]
    source = "\n".join(f"declare void @{n}()\ndefine ptr @get_{n}() {{ ret ptr @{n} }}" for n in names)
    path, needed = tmp_path / "lib.so", ("libc.so.6", "libm.so.6")
    link(emit(source), path, soname="lib.so", payload=Payload(0), linker=linker, needed=needed)
    script = """
import ctypes, sys
lib, libm = ctypes.CDLL(sys.argv[1]), ctypes.CDLL("libm.so.6")
for name in sys.argv[2:]:
    get = getattr(lib, "get_" + name)
    get.restype = ctypes.c_void_p
    assert get() == ctypes.cast(getattr(libm, name), ctypes.c_void_p).value, name
"""
    run([sys.executable, "-c", script, path, *names])
    versions = run(["readelf", "-VW", path])
    assert "GLIBC_2.14" in versions and "GLIBC_2.29" in versions and "GLIBC_2.3.2" in versions


@pytest.mark.parametrize("linker", LINKERS)
def test_unique_symbols_are_shared_and_others_are_not_replaced(tmp_path: Path, linker: str) -> None:
    paths = [tmp_path / f"lib{number}.so" for number in (1, 2)]
    for number, path in enumerate(paths, 1):
        source = emit(UNIQUE.replace("NUMBER", str(number)))
        link(source, path, soname=path.name, payload=Payload(0), linker=linker if number == 1 else None)
    script = """
import ctypes, sys
first, second = ctypes.CDLL(sys.argv[1], int(sys.argv[3])), ctypes.CDLL(sys.argv[2])
for lib in (first, second):
    lib.where.restype = lib.where_by_pointer.restype = ctypes.c_void_p
assert first.where() == second.where(), "two pools"
assert first.where_by_pointer() == second.where_by_pointer() == first.where() + 8
assert (first.ask(), second.ask()) == (1, 2), "a function was replaced by another library's"
"""
    for mode in ("0", str(os.RTLD_GLOBAL)):
        run([sys.executable, "-c", script, *paths, mode])
        run([sys.executable, "-c", script.replace("(1, 2)", "(2, 1)"), *reversed(paths), mode])


def build_id(path: Path) -> bytes:
    data = path.read_bytes()
    at = data.index(struct.pack("<III4s", 4, 20, 3, b"GNU\0"))
    return data[at + 16 : at + 36]


def test_bytes_depend_on_the_inputs_alone(library: Path, tmp_path: Path) -> None:
    def linked(data: Payload, name: str = "libmodel.so") -> tuple[bytes, bytes]:
        link_shared(emit(MODEL), tmp_path / "other", soname=name, payload=data)
        return (tmp_path / "other").read_bytes(), build_id(tmp_path / "other")

    same = linked(payload())
    assert same == (library.read_bytes(), build_id(library))
    other = Payload(20004, [(64, np.arange(1000, dtype=np.int32))])
    payloads = other, Payload(20004), Payload(20005), payload(digest=b"one"), payload(digest=b"two")
    ids = [same[1], linked(payload(), "other name")[1]] + [linked(data)[1] for data in payloads]
    assert len(set(ids)) == len(ids) and bytes(20) not in ids
    assert linked(payload(digest=b"two"))[1] == ids[-1]


def test_payload_is_streamed(tmp_path: Path) -> None:
    weights = np.ones(8 << 20, np.float32)
    tracemalloc.start()
    try:
        link_shared(emit(MODEL), tmp_path / "a", soname="a", payload=Payload(weights.nbytes, [(0, weights)]))
        write_payload_object(str(tmp_path / "b"), Payload(weights.nbytes, [(0, weights)]))
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    assert (tmp_path / "a").stat().st_size > weights.nbytes


@pytest.mark.parametrize("linker", LINKERS)
def test_distances_from_the_table_and_64_bit_distances(tmp_path: Path, linker: str) -> None:
    code = [".globl f", ".type f, @function", "f: leaq _GLOBAL_OFFSET_TABLE_(%rip), %rax"]
    code += [
        "movabsq $q@GOTOFF, %rcx",
        "movl (%rax,%rcx), %eax",
        "leaq here(%rip), %rcx",
        "here: movabsq $q-here, %rdx",
    ]
    code += ["subl 4(%rcx,%rdx), %eax", "ret", ".data", "q: .long 1234", ".long 34"]
    link(assembled(*code), tmp_path / "lib.so", soname="a", payload=Payload(0), linker=linker)
    script = "import ctypes, sys; assert ctypes.CDLL(sys.argv[1]).f() == 1200"
    run([sys.executable, "-c", script, tmp_path / "lib.so"])
