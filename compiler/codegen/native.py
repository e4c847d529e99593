"""A small builder of LLVM functions with structured control flow, for the code around the kernels: entry
points, sessions, state, thread pool.

Variables are stack slots; this code is not hot, and reads like the C it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

Arg: TypeAlias = "V | int"


class V(NamedTuple):
    """A value: LLVM type and register or literal."""

    type: str
    name: str

    def __str__(self) -> str:
        return f"{self.type} {self.name}"


NULL = V("ptr", "null")


def i32(value: int) -> V:
    return V("i32", str(value))


def i64(value: int) -> V:
    return V("i64", str(value))


#: every byte as a string constant has it
_BYTES = [chr(c) if 32 <= c < 127 and c not in b'"\\' else f"\\{c:02X}" for c in range(256)]


def text_bytes(text: bytes) -> str:
    """The body of an LLVM string constant, with the final zero."""
    return "".join([_BYTES[c] for c in text]) + "\\00"


@dataclass
class NativeModule:
    """Text of a module: strings, tables, declarations, functions."""

    lines: list[str] = field(default_factory=list[str])
    declared: dict[str, str] = field(default_factory=dict[str, str])
    strings: dict[str, str] = field(default_factory=dict[str, str])

    def string(self, text: str) -> V:
        """A constant C string, each once."""
        if text not in self.strings:
            name = f"@str.{len(self.strings)}"
            body = text_bytes(text.encode())
            size = len(text.encode()) + 1
            self.strings[text] = name
            self.lines.append(f'{name} = internal constant [{size} x i8] c"{body}"')
        return V("ptr", self.strings[text])

    def data(self, name: str, content: bytes) -> V:
        """Constant bytes."""
        body = text_bytes(content)[:-3]
        self.lines.append(f'@{name} = internal constant [{len(content)} x i8] c"{body}"')
        return V("ptr", f"@{name}")

    def table(self, name: str, fields: Sequence[V]) -> V:
        """A constant struct of the given fields; LLVM's own layout, all fields of 4 or 8 bytes."""
        types = ", ".join(f.type for f in fields)
        values = ", ".join(map(str, fields))
        self.lines.append(f"@{name} = internal constant {{ {types} }} {{ {values} }}, align 8")
        return V("ptr", f"@{name}")

    def array(self, name: str, kind: str, items: Sequence[V]) -> V:
        if not items:
            return NULL
        self.lines.append(
            f"@{name} = internal constant [{len(items)} x {kind}] [{', '.join(map(str, items))}], align 8"
        )
        return V("ptr", f"@{name}")

    def external(self, name: str, ret: str, params: str) -> None:
        self.declared[name] = f"declare {ret} @{name}({params})"

    def text(self) -> str:
        return "\n".join([*self.declared.values(), *self.lines]) + "\n"


#: attributes of code that is not hot: LLVM translates it line by line, in about half of the time
COLD = "nounwind noinline optnone"

#: functions of the C library that the code calls
LIBC = {
    "snprintf": ("i32", "ptr, i64, ptr, ..."),
    "aligned_alloc": ("ptr", "i64, i64"),
    "free": ("void", "ptr"),
    "memcpy": ("ptr", "ptr, ptr, i64"),
    "memset": ("ptr", "ptr, i32, i64"),
    "strcmp": ("i32", "ptr, ptr"),
    "getenv": ("ptr", "ptr"),
    "atoi": ("i32", "ptr"),
    "getpid": ("i32", ""),
    "sched_getaffinity": ("i32", "i32, i64, ptr"),
    "clock_gettime": ("i32", "i32, ptr"),
    "madvise": ("i32", "ptr, i64, i32"),
    "nanosleep": ("i32", "ptr, ptr"),
    "sched_getcpu": ("i32", ""),
    "fopen": ("ptr", "ptr, ptr"),
    "fscanf": ("i32", "ptr, ptr, ..."),
    "fclose": ("i32", "ptr"),
    "fread": ("i64", "ptr, i64, i64, ptr"),
    "fwrite": ("i64", "ptr, i64, i64, ptr"),
    "fseek": ("i32", "ptr, i64, i32"),
    "ftell": ("i64", "ptr"),
    "memcmp": ("i32", "ptr, ptr, i64"),
    "rename": ("i32", "ptr, ptr"),
    "remove": ("i32", "ptr"),
    "pthread_create": ("i32", "ptr, ptr, ptr, ptr"),
    "pthread_detach": ("i32", "i64"),
    "pthread_sigmask": ("i32", "i32, ptr, ptr"),
    "dladdr": ("i32", "ptr, ptr"),
    "dlopen": ("ptr", "ptr, i32"),
    "syscall": ("i64", "i64, ..."),
}


#: bits of MXCSR: results that are denormal become zero, operands count as zero
FTZ, DAZ = 1 << 15, 1 << 6


class Function:
    """One function being written. `with f.when(c):`, `with f.loop():` and `f.ret(v)` are its control flow."""

    def __init__(
        self,
        module: NativeModule,
        name: str,
        ret: str,
        params: Sequence[tuple[str, str]],
        exported: bool = False,
    ) -> None:
        self.module, self.name, self.ret_type = module, name, ret
        self.params = {n: V(t, f"%{n}") for t, n in params}
        self.head: list[str] = []
        self.body: list[str] = []
        self.count = 0
        self.exported = exported
        self._ended = False
        self._breaks: list[str] = []

    def __getitem__(self, name: str) -> V:
        return self.params[name]

    # instructions

    def _new(self, kind: str, text: str) -> V:
        self.count += 1
        name = f"%r{self.count}"
        self.body.append(f"  {name} = {text}")
        return V(kind, name)

    def _do(self, text: str) -> None:
        self.body.append("  " + text)

    def value(self, a: Arg, like: str = "i64") -> V:
        return V(like, str(a)) if isinstance(a, int) else a

    def op(self, name: str, a: Arg, b: Arg) -> V:
        """add, sub, mul, and, or, shl, lshr, udiv, …"""
        kind = a.type if isinstance(a, V) else b.type if isinstance(b, V) else "i64"
        return self._new(kind, f"{name} {kind} {self.value(a, kind).name}, {self.value(b, kind).name}")

    def cmp(self, predicate: str, a: V, b: Arg) -> V:
        other = "null" if b == 0 and a.type == "ptr" else self.value(b, a.type).name
        return self._new("i1", f"icmp {predicate} {a.type} {a.name}, {other}")

    def select(self, c: V, a: V, b: V) -> V:
        return self._new(a.type, f"select i1 {c.name}, {a}, {b}")

    def convert(self, v: V, to: str) -> V:
        """Sign-extends or truncates an integer."""
        if v.type == to:
            return v
        name = "sext" if int(to[1:]) > int(v.type[1:]) else "trunc"
        return self._new(to, f"{name} {v} to {to}")

    def at(self, pointer: V, offset: Arg) -> V:
        """The pointer moved by bytes."""
        return self._new("ptr", f"getelementptr i8, {pointer}, {self.value(offset)}")

    def item(self, pointer: V, size: int, index: Arg) -> V:
        """The address of an element of an array."""
        if isinstance(index, int):
            return self.at(pointer, size * index)
        return self.at(pointer, self.op("mul", self.convert(index, "i64"), size))

    def load(self, kind: str, pointer: V, offset: Arg = 0) -> V:
        where = pointer if offset == 0 else self.at(pointer, offset)
        return self._new(kind, f"load {kind}, {where}")

    def store(self, v: V, pointer: V, offset: Arg = 0) -> None:
        where = pointer if offset == 0 else self.at(pointer, offset)
        self._do(f"store {v}, {where}")

    def call(self, name: str, *args: V) -> V:
        """A function of the C library or of this module (then `name` starts with its return type)."""
        if name in LIBC:
            ret, params = LIBC[name]
            self.module.external(name, ret, params)
            kind = f"{ret} ({params})" if "..." in params else ret
        else:
            ret, _, name = name.partition(" ")
            kind = ret
        text = f"call {kind} @{name}({', '.join(map(str, args))})"
        if ret == "void":
            self._do(text)
            return V("void", "")
        return self._new(ret, text)

    def call_pointer(self, pointer: V, *args: V) -> None:
        self._do(f"call void {pointer.name}({', '.join(map(str, args))})")

    # atomics, sequentially consistent throughout: this code is not hot

    def atomic_load(self, kind: str, pointer: V) -> V:
        return self._new(kind, f"load atomic {kind}, {pointer} seq_cst, align {int(kind[1:]) // 8}")

    def atomic_store(self, v: V, pointer: V) -> None:
        self._do(f"store atomic {v}, {pointer} seq_cst, align {int(v.type[1:]) // 8}")

    def atomic(self, name: str, pointer: V, v: V) -> V:
        """add, sub, or, xchg; the old value."""
        return self._new(v.type, f"atomicrmw {name} {pointer}, {v} seq_cst")

    def exchange(self, pointer: V, expected: V, new: V) -> V:
        """Compare and exchange; true when it happened."""
        pair = self._new("pair", f"cmpxchg {pointer}, {expected}, {new} seq_cst seq_cst")
        return self._new("i1", f"extractvalue {{ {expected.type}, i1 }} {pair.name}, 1")

    def pause(self) -> None:
        self._do('call void asm sideeffect "pause", ""()')

    # the processor's way with denormals

    def flush_denormals(self) -> V:
        """Denormal operands and results count as zero from here on, as in TensorFlow's kernels; gives what
        `restore_floats` takes."""
        slot = self.var("i32")
        self._register("stmxcsr", slot)
        before = self.load("i32", slot)
        self.restore_floats(self.op("or", before, FTZ | DAZ))
        return before

    def restore_floats(self, before: V) -> None:
        """The state of before `flush_denormals`."""
        self._register("ldmxcsr", self.var("i32", before))

    def _register(self, name: str, slot: V) -> None:
        self.module.external(f"llvm.x86.sse.{name}", "void", "ptr")
        self._do(f"call void @llvm.x86.sse.{name}({slot})")

    # variables

    def var(self, kind: str, initial: Arg | None = None, size: int = 0) -> V:
        """A stack slot; with `size` an array of bytes. Its value is a pointer."""
        self.count += 1
        name = f"%s{self.count}"
        what = f"[{size} x i8], align 16" if size else kind
        self.head.append(f"  {name} = alloca {what}")
        slot = V("ptr", name)
        if initial is not None:
            self.store(self.value(initial, kind), slot)
        return slot

    # control flow

    def _label(self, name: str) -> None:
        self.body.append(f"{name}:")
        self._ended = False

    def _jump(self, label: str) -> None:
        if not self._ended:
            self._do(f"br label %{label}")
        self._ended = True

    @contextmanager
    def when(self, condition: V) -> Iterator[None]:
        self.count += 1
        yes, after = f"when{self.count}", f"after{self.count}"
        self._do(f"br i1 {condition.name}, label %{yes}, label %{after}")
        self._label(yes)
        yield
        self._jump(after)
        self._label(after)

    def either(self, condition: V, yes: Callable[[], None], no: Callable[[], None]) -> None:
        self.count += 1
        a, b, after = f"yes{self.count}", f"no{self.count}", f"after{self.count}"
        self._do(f"br i1 {condition.name}, label %{a}, label %{b}")
        for label, fill in ((a, yes), (b, no)):
            self._label(label)
            fill()
            self._jump(after)
        self._label(after)

    @contextmanager
    def loop(self) -> Iterator[None]:
        """Forever, until `leave_when` or `ret`."""
        self.count += 1
        head, after = f"loop{self.count}", f"after{self.count}"
        self._jump(head)
        self._label(head)
        self._breaks.append(after)
        yield
        self._breaks.pop()
        self._jump(head)
        self._label(after)

    def leave_when(self, condition: V) -> None:
        self.count += 1
        on = f"on{self.count}"
        self._do(f"br i1 {condition.name}, label %{self._breaks[-1]}, label %{on}")
        self._label(on)

    @contextmanager
    def each(self, count: V) -> Iterator[V]:
        """for i in range(count), of count's type."""
        slot = self.var(count.type, 0)
        with self.loop():
            i = self.load(count.type, slot)
            self.leave_when(self.cmp("sge", i, count))
            yield i
            self.store(self.op("add", i, 1), slot)

    def ret(self, v: Arg | None = None) -> None:
        self._do("ret void" if v is None else f"ret {self.value(v, self.ret_type)}")
        self._ended = True

    def finish(self) -> None:
        """Adds the function to its module; a missing return becomes one."""
        if not self._ended:
            self.ret(None if self.ret_type == "void" else V(self.ret_type, "zeroinitializer"))
        params = ", ".join(str(v) for v in self.params.values())
        linkage = "" if self.exported else "internal "
        lines = ["entry:", *self.head, "  br label %start", "start:", *_without_dead(self.body)]
        self.module.lines.append(
            f'define {linkage}{self.ret_type} @{self.name}({params}) "target-cpu"="x86-64" {COLD} {{\n'
            + "\n".join(lines)
            + "\n}"
        )


def _without_dead(lines: list[str]) -> list[str]:
    """Drops instructions between a return or jump and the next label."""
    out: list[str] = []
    dead = False
    for line in lines:
        if line.endswith(":"):
            dead = False
        if not dead:
            out.append(line)
        if line.startswith(("  ret ", "  br ")):
            dead = True
    return out
