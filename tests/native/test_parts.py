"""Code in several parts: objects merged by each linker, threads that translate, the same bytes on every machine."""

import ctypes
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from netwright.compiler.codegen import objects, parts
from netwright.compiler.codegen.link import link
from netwright.compiler.codegen.objects import Objects, emit_object
from netwright.compiler.codegen.payload import Payload
from netwright.compiler.driver import compile_module
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.ops.shape import Transpose
from netwright.compiler.options import CompileOptions
from netwright.compiler.target import resolve_target
from netwright.runtime.errors import Error, FormatError

from ..helpers import check, graph, tensor

TARGET = resolve_target("x86-64")
TRIPLE = f'target triple = "{TARGET.triple}"\n'
LINKERS = [None, *(p for p in ("ld", "cc") if os.environ.get("CI") or shutil.which(p))]
#: `first` and `second` call each other, and the C library
FIRST = """
declare hidden i32 @second(i32)
declare i32 @abs(i32)
@table = internal constant [2 x i32] [i32 7, i32 9]
define internal i32 @own(i32 %x) { %y = call i32 @abs(i32 %x)
  ret i32 %y }
define i32 @first(i32 %x) {
  %p = getelementptr i32, ptr @table, i32 1
  %v = load i32, ptr %p
  %a = call i32 @own(i32 %x)
  %b = call i32 @second(i32 %a)
  %c = add i32 %b, %v
  ret i32 %c
}
define hidden i32 @back(i32 %x) { %y = mul i32 %x, 10
  ret i32 %y }
"""
SECOND = """
declare hidden i32 @back(i32)
declare i32 @abs(i32)
@table = internal constant [2 x i32] [i32 100, i32 1000]
@pointer = internal constant ptr @own, section ".data.rel.ro"
define internal i32 @own(i32 %x) { %y = sub i32 -3, %x
  ret i32 %y }
define hidden i32 @second(i32 %x) {
  %v = load i32, ptr @table
  %f = load volatile ptr, ptr @pointer
  %a = call i32 %f(i32 %x)
  %b = call i32 @abs(i32 %a)
  %c = call i32 @back(i32 %b)
  %d = add i32 %c, %v
  ret i32 %d
}
"""


@pytest.mark.parametrize("linker", LINKERS)
@pytest.mark.parametrize("texts", [(FIRST, SECOND), (SECOND, FIRST)], ids=["first", "second"])
def test_objects_find_each_other(tmp_path: Path, linker: str | None, texts: tuple[str, str]) -> None:
    path = tmp_path / "lib.so"
    made = [emit_object(TRIPLE + t, TARGET) for t in texts]
    link(made, path, soname="lib.so", payload=Payload(0), linker=linker)
    library = ctypes.CDLL(str(path))
    assert library.first(-5) == abs(-3 - 5) * 10 + 100 + 9
    assert not any(hasattr(library, name) for name in ("second", "back", "own", "table"))


def test_a_name_is_defined_once(tmp_path: Path) -> None:
    made = [emit_object(f"{TRIPLE}define i32 @same() {{ ret i32 {i} }}", TARGET) for i in (1, 2)]
    with pytest.raises(FormatError, match="two objects define the symbol 'same'"):
        link(made, tmp_path / "lib.so", soname="lib.so", payload=Payload(0))
    assert not list(tmp_path.iterdir())


def test_what_nobody_defines_is_an_error(tmp_path: Path) -> None:
    made = [emit_object(TRIPLE + t, TARGET) for t in (FIRST, "define i32 @other() { ret i32 1 }")]
    with pytest.raises(FormatError, match="'second' is hidden, but the object does not define it"):
        link(made, tmp_path / "lib.so", soname="lib.so", payload=Payload(0))


def several(b: Any, *xs: Any) -> Any:
    """Products of several sizes, each with a kernel of its own."""
    y = xs[0]
    for w in xs[1:]:
        y = b(Relu, b(MatMul, b(Transpose, y, permutation=(1, 0)), w))
    return y


SIZES = [(40, 7), (40, 33), (7, 50), (33, 20)]


def network() -> Any:
    return graph(several, [tensor(*s) for s in SIZES])


def test_parts_together_are_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "LINES", 200)
    made: list[str] = []
    monkeypatch.setattr(
        objects, "emit_object", lambda text, target: made.append(text) or emit_object(text, target)
    )
    check(network(), tmp_path)
    assert len(made) >= 3
    whole = compile_module(network(), tmp_path / "m.so").llvm
    assert emit_object(whole, resolve_target("native")), "the dump is a module too"


@pytest.mark.parametrize("linker", LINKERS)
def test_the_same_bytes_by_any_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linker: str | None
) -> None:
    monkeypatch.setattr(parts, "LINES", 200)
    contents = set()
    for cores in (1, 2, 5):
        monkeypatch.setattr(objects.os, "sched_getaffinity", lambda _, n=cores: set(range(n)))
        path = tmp_path / str(cores) / "m.so"
        path.parent.mkdir()
        compile_module(network(), path, CompileOptions(linker=linker))
        contents.add(path.read_bytes())
    assert len(contents) == 1


@pytest.mark.parametrize("cores", [1, 2])
def test_errors_of_threads_are_raised(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    monkeypatch.setattr(objects.os, "sched_getaffinity", lambda _: set(range(cores)))

    def wrong() -> None:
        with Objects(TARGET) as made:
            made.add(TRIPLE + "define i32 @fine() { ret i32 1 }")
            made.add(TRIPLE + "define i32 @wrong() { ret i64 1 }")
            made.finish()

    def interrupted() -> None:
        with Objects(TARGET) as made:
            made.add(TRIPLE + "define i32 @fine() { ret i32 1 }")
            raise KeyboardInterrupt

    with pytest.raises(Error, match="LLVM refuses the generated code"):
        wrong()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
