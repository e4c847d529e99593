"""scf.parallel: its body becomes a function of its own, run by the thread pool."""

from __future__ import annotations

from ..ir.core import Op, Value
from ..ir.types import MemRefType
from .emit_control import ControlEmitter
from .emit_core import Affine, Mem, Scope


class ParallelEmitter(ControlEmitter):
    """A parallel loop stores what its body needs into a frame and hands body and frame to the pool."""

    name = ""
    attributes = ""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.extra: list[str] = []
        #: the largest frame of the function's parallel loops
        self.frame_bytes = 0
        #: whether the body of a parallel loop is being written
        self.outlined = False

    def scf_parallel(self, op: Op) -> None:
        lower, upper, _ = op.operands
        first, count = self.index(lower), self.index(upper)
        if first.constant or first.terms:
            raise self.unsupported(op, "parallel loops start at 0")
        outside = _captured(op)
        fields: list[tuple[str, str]] = []
        for v in outside:
            have = self.values[v]
            fields.append(
                ("ptr", self.base(have))
                if isinstance(have, Mem)
                else (self.llvm_type(v.type), self.operand(v))
            )
        symbols = sorted(self.symbols)
        fields += [("i64", self.materialize(self.symbols[s])) for s in symbols]
        frame_type = "{ " + ", ".join(t for t, _ in fields) + " }" if fields else "{ i64 }"
        frame = "%frame.own"  # one for all: each loop is over before the next begins
        self.frame_bytes = max(self.frame_bytes, 8 * max(len(fields), 1))
        for i, (t, value) in enumerate(fields):
            slot = self.emit(f"getelementptr {frame_type}, ptr {frame}, i32 0, i32 {i}")
            self.line(f"store {t} {value}, ptr {slot}")
        body = f"{self.name}.parallel{len(self.extra)}"
        self._outline(op, body, frame_type, outside, symbols)
        self.run_parallel(body, frame, self.materialize(count))

    def run_parallel(self, body: str, frame: str, count: str) -> None:
        """Calls the pool; with one task the body runs right here."""
        self.line(f"call void @nw.parallel(ptr @{body}, ptr {frame}, i64 {count}, ptr %team)")

    def _outline(self, op: Op, name: str, frame_type: str, outside: list[Value], symbols: list[str]) -> None:
        kept = (self.scopes, self.depths, self.symbols, self.name, self.frame_bytes, self.outlined)
        kept_values = {v: self.values[v] for v in outside}
        self.scopes, self.depths = [Scope("entry")], {}
        self.frame_bytes, self.outlined = 0, True
        self.symbols, self.name = {}, name
        for i, v in enumerate(outside):
            slot = self.emit(f"getelementptr {frame_type}, ptr %frame, i32 0, i32 {i}")
            if isinstance(v.type, MemRefType):
                self.values[v] = Mem(self.emit(f"load ptr, ptr {slot}"), v.type)
            else:
                self.bind(v, [self.emit(f"load {self.llvm_type(v.type)}, ptr {slot}")])
        for i, s in enumerate(symbols, len(outside)):
            slot = self.emit(f"getelementptr {frame_type}, ptr %frame, i32 0, i32 {i}")
            self.symbols[s] = Affine(((self.emit(f"load i64, ptr {slot}"), 1),))
        self.depths["%task"] = self.depths["%slot"] = 0
        self.values[op.body.args[0]] = Affine((("%task", 1),))
        self.block(op.body)
        self.line("ret void")
        lines = self.function_lines()
        self.extra.append(
            f"define internal void @{name}(ptr %frame, i64 %task, i64 %slot) {self.attributes} {{\n{lines}\n}}\n"
        )
        self.scopes, self.depths, self.symbols, self.name, self.frame_bytes, self.outlined = kept
        self.values.update(kept_values)

    def function_lines(self, lines: list[str] | None = None) -> str:
        """The text of a whole function's body, by default the one being written."""
        own = [f"  %frame.own = alloca [{self.frame_bytes} x i8], align 8"] if self.frame_bytes else []
        return "\n".join(["entry:", *own, *(self.scope.lines if lines is None else lines)])


def _captured(op: Op) -> list[Value]:
    """Values defined outside of the loop and used inside, in order of use."""
    inside = {id(o) for o in op.walk()}
    args = {a for o in op.walk() for r in o.regions for b in r.blocks for a in b.args}
    out: dict[Value, None] = {}
    for o in op.walk():
        if o is op:
            continue
        for v in o.operands:
            definer = v.definer
            if v not in args and (definer is None or id(definer) not in inside):
                out[v] = None
    return list(out)
