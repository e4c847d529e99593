"""Ops that concern a whole call: sizes known late, blocks of memory reserved for them, results kept, leaving early.

The entry function gets the address of the session's own tables as %own: a row for each stage, then a row for
each result that nw_result may fetch.
"""

from __future__ import annotations

from ..ir.core import Op
from ..kernels.dialect_session import LOG_FROM_TABLES, RESULT_BYTES, STAGE_BYTES
from .emit_core import Affine, Mem
from .emit_parallel import ParallelEmitter


class SessionEmitter(ParallelEmitter):
    """Handlers of the session dialect. `stages` is the number of stage rows in every session."""

    stages = 0
    #: whether the function may end before its last op
    leaves = False

    def session_bind(self, op: Op) -> None:
        self.symbols[op.attributes["symbol"]] = self.index(op.operands[0])

    def session_slot(self, op: Op) -> None:
        self.values[op.result] = Affine((("%slot", 1),))

    def session_mark(self, op: Op) -> None:
        """Looks for the log in line: without one a mark costs a load and a branch."""
        at = self.emit(f"getelementptr i8, ptr %own, i64 {LOG_FROM_TABLES}")
        log = self.emit(f"load ptr, ptr {at}")
        wanted = self.emit(f"icmp ne ptr {log}, null")
        note, on = self.label("note"), self.label("on")
        self.line(f"br i1 {wanted}, label %{note}, label %{on}")
        call = f"  call void @nw.mark(ptr {log}, i64 {op.attributes['number']})"
        self.scope.lines += [f"{note}:", call, f"  br label %{on}", f"{on}:"]
        self.scope.label = on

    def session_leave(self, op: Op) -> None:
        self.leaves = True
        condition = self.operand(op.operands[0])
        leave, stay = self.label("leave"), self.label("stay")
        self.line(f"br i1 {condition}, label %{leave}, label %{stay}")
        self.scope.lines += [f"{leave}:", "  ret void", f"{stay}:"]
        self.scope.label = stay

    def session_reserve(self, op: Op) -> None:
        row = self.pure(f"getelementptr i8, ptr %own, i64 {(op.attributes['stage'] - 1) * STAGE_BYTES}")
        block = self.emit(f"call ptr @nw.reserve(ptr {row}, i64 {self.operand(op.operands[0])})")
        self.values[op.result] = Mem(block, op.result.type)  # type: ignore[arg-type]

    def session_place(self, op: Op) -> None:
        table = self.base(self.memory(op.operands[0]))
        slot = self.pure(f"getelementptr i8, ptr {table}, i64 {8 * op.attributes['number']}")
        self.values[op.result] = Mem(self.emit(f"load ptr, ptr {slot}"), op.result.type)  # type: ignore[arg-type]

    def session_is_null(self, op: Op) -> None:
        self.values[op.result] = self.emit(f"icmp eq ptr {self.base(self.memory(op.operands[0]))}, null")

    def session_keep(self, op: Op) -> None:
        source, *sizes = op.operands
        buffer = self.memory(source)
        first = self.address(buffer, [self.index(0)] * buffer.type.rank)
        row = self.stages * STAGE_BYTES + op.attributes["output"] * RESULT_BYTES
        fields = [("ptr", first), *(("i64", self.operand(s)) for s in sizes)]
        for i, (kind, value) in enumerate(fields):
            slot = self.pure(f"getelementptr i8, ptr %own, i64 {row + 8 * i}")
            self.line(f"store {kind} {value}, ptr {slot}")
