"""scf and func ops: loops, branches, switches, calls, and parallel loops as calls of the thread pool."""

from __future__ import annotations

from ..ir.core import Block, Op, Value
from ..ir.types import IndexType, VectorType
from .emit_core import Affine, Mem, Scope, Vec
from .emit_math import MathEmitter


class ControlEmitter(MathEmitter):
    """Handlers of the scf and func dialects; `block` walks the ops of a block."""

    def block(self, block: Block) -> Op:
        """Emits the ops of a block but its terminator, which it returns."""
        known = dict(self.symbols)
        for op in block.ops:
            if "terminator" in op.traits:
                self.symbols = known  # those bound in here are not known outside
                return op
            self.op(op)
        raise self.unsupported(block.terminator, "the block has no terminator")

    def op(self, op: Op) -> None:
        raise self.unsupported(op, "no handler")

    # values that cross blocks are lists of registers

    def registers(self, v: Value) -> list[str]:
        if isinstance(v.type, VectorType):
            return [c for row in self.chunks(v).rows for c in row]
        return [self.operand(v)]

    def register_types(self, v: Value) -> list[str]:
        if isinstance(v.type, VectorType):
            row = [self.vector_type(v.type.dtype, w) for w in self.widths(v.type.shape[-1])]
            return row * (v.type.size // v.type.shape[-1])
        return [self.llvm_type(v.type)]

    def bind(self, v: Value, names: list[str]) -> None:
        """The registers of a block argument or result."""
        if isinstance(v.type, VectorType):
            n = len(self.widths(v.type.shape[-1]))
            self.values[v] = Vec(v.type, [names[i : i + n] for i in range(0, len(names), n)])
        elif isinstance(v.type, IndexType):
            self.values[v] = Affine(((names[0], 1),))
        else:
            self.values[v] = names[0]

    def _phis(self, values: tuple[Value, ...]) -> list[tuple[str, str]]:
        """(type, fresh name) for all registers of `values`."""
        return [(t, self.fresh()) for v in values for t in self.register_types(v)]

    def scf_for(self, op: Op) -> None:
        lower, upper, step, *initial = op.operands
        lo, hi, by = self.index(lower), self.index(upper), self.index(step)
        body = op.body
        trips = _trip_count(lo, hi, by)
        if trips == 0:
            for r, v in zip(op.results, initial, strict=True):
                self.values[r] = self.values[v]
            return
        if trips == 1:
            self.values[body.args[0]] = lo
            for a, v in zip(body.args[1:], initial, strict=True):
                self.values[a] = self.values[v]
            last = self.block(body)
            for r, v in zip(op.results, last.operands, strict=True):
                self.values[r] = self.values[v]
            return
        self._loop(op, lo, hi, by, guarded=trips is None)

    def _loop(self, op: Op, lo: Affine, hi: Affine, by: Affine, guarded: bool) -> None:
        initial, body = op.operands[3:], op.body
        start, end, step = (self.materialize(a) for a in (lo, hi, by))
        before = [r for v in initial for r in self.registers(v)]
        head, leave = self.label("loop"), self.label("done")
        self.open(head)
        iv = self.fresh()
        carried = self._phis(tuple(body.args[1:]))
        self.values[body.args[0]] = Affine(((iv, 1),))
        self._bind_all(body.args[1:], [n for _, n in carried])
        last = self.block(body)
        after = [r for v in last.operands for r in self.registers(v)]
        next_iv = self.emit(f"add i64 {iv}, {step}")
        again = self.emit(f"icmp slt i64 {next_iv}, {end}")
        self.line(f"br i1 {again}, label %{head}, label %{leave}")
        inner = self.close()
        entry = self.scope.label
        if guarded:
            some = self.emit(f"icmp slt i64 {start}, {end}")
            self.line(f"br i1 {some}, label %{head}, label %{leave}")
        else:
            self.line(f"br label %{head}")
        self.scope.lines.append(f"{head}:")
        self.line(f"{iv} = phi i64 [ {start}, %{entry} ], [ {next_iv}, %{inner.label} ]")
        for (t, name), a, b in zip(carried, before, after, strict=True):
            self.line(f"{name} = phi {t} [ {a}, %{entry} ], [ {b}, %{inner.label} ]")
        self.scope.lines += inner.lines
        self.scope.lines.append(f"{leave}:")
        self.scope.label = leave
        results = []
        for (t, _), a, b in zip(carried, before, after, strict=True):
            name = self.fresh()
            entries = f"[ {b}, %{inner.label} ]" + (f", [ {a}, %{entry} ]" if guarded else "")
            self.line(f"{name} = phi {t} {entries}")
            results.append(name)
        self._bind_all(op.results, results)

    def _bind_all(self, values: tuple[Value, ...] | list[Value], names: list[str]) -> None:
        at = 0
        for v in values:
            n = len(self.register_types(v))
            self.bind(v, names[at : at + n])
            at += n

    def _branch(self, block: Block, stem: str) -> tuple[str, Scope, list[str]]:
        """A branch in a scope of its own: its label, its text, the registers it yields."""
        label = self.label(stem)
        self.open(label)
        last = self.block(block)
        out = [r for v in last.operands for r in self.registers(v)]
        return label, self.close(), out

    def scf_if(self, op: Op) -> None:
        condition = self.operand(op.operands[0])
        if condition in ("true", "false"):
            last = self.block(op.regions[0 if condition == "true" else 1].block)
            for r, v in zip(op.results, last.operands, strict=True):
                self.values[r] = self.values[v]
            return
        branches = [self._branch(r.block, s) for r, s in zip(op.regions, ("then", "else"), strict=True)]
        self.line(f"br i1 {condition}, label %{branches[0][0]}, label %{branches[1][0]}")
        self._join(op, branches)

    def scf_index_switch(self, op: Op) -> None:
        selector = self.operand(op.operands[0])
        branches = [self._branch(r.block, "case") for r in op.regions]
        cases = " ".join(
            f"i64 {c}, label %{b[0]}" for c, b in zip(op.attributes["cases"], branches[1:], strict=True)
        )
        self.line(f"switch i64 {selector}, label %{branches[0][0]} [ {cases} ]")
        self._join(op, branches)

    def _join(self, op: Op, branches: list[tuple[str, Scope, list[str]]]) -> None:
        leave = self.label("join")
        for label, inner, _ in branches:
            self.scope.lines += [f"{label}:", *inner.lines, f"  br label %{leave}"]
        self.scope.lines.append(f"{leave}:")
        self.scope.label = leave
        types = [t for r in op.results for t in self.register_types(r)]
        names = []
        for i, t in enumerate(types):
            name = self.fresh()
            entries = ", ".join(f"[ {out[i]}, %{inner.label} ]" for _, inner, out in branches)
            self.line(f"{name} = phi {t} {entries}")
            names.append(name)
        self._bind_all(op.results, names)

    def scf_while(self, op: Op) -> None:
        before, after = (r.block for r in op.regions)
        initial = [r for v in op.operands for r in self.registers(v)]
        head, leave = self.label("while"), self.label("done")
        self.open(head)
        carried = self._phis(tuple(before.args))
        self._bind_all(before.args, [n for _, n in carried])
        decide = self.block(before)
        condition = self.operand(decide.operands[0])
        passed = [r for v in decide.operands[1:] for r in self.registers(v)]
        body = self.label("body")
        self.line(f"br i1 {condition}, label %{body}, label %{leave}")
        exit_label = self.scope.label
        self.scope.lines.append(f"{body}:")
        self.scope.label = body
        self._bind_all(after.args, passed)
        last = self.block(after)
        again = [r for v in last.operands for r in self.registers(v)]
        self.line(f"br label %{head}")
        inner = self.close()
        entry = self.scope.label
        self.line(f"br label %{head}")
        self.scope.lines.append(f"{head}:")
        for (t, name), a, b in zip(carried, initial, again, strict=True):
            self.line(f"{name} = phi {t} [ {a}, %{entry} ], [ {b}, %{inner.label} ]")
        self.scope.lines += inner.lines
        self.scope.lines.append(f"{leave}:")
        self.scope.label = leave
        results = []
        for t, a in zip((t for r in op.results for t in self.register_types(r)), passed, strict=True):
            name = self.fresh()
            self.line(f"{name} = phi {t} [ {a}, %{exit_label} ]")
            results.append(name)
        self._bind_all(op.results, results)

    def call_operands(self, op: Op) -> str:
        parts = []
        for v in op.operands:
            have = self.values[v]
            # a kernel's own type has no offset: it gets the address of the first element
            text = (
                self.address(have, [Affine()] * have.type.rank) if isinstance(have, Mem) else self.operand(v)
            )
            parts.append(f"{self.llvm_type(v.type)} {text}")
        return ", ".join(parts)

    def func_call(self, op: Op) -> None:
        self.line(f"call void @{op.attributes['callee'].name}({self.call_operands(op)})")


def _trip_count(lo: Affine, hi: Affine, step: Affine) -> int | None:
    """How often a loop runs, where that is known: 0, 1, 2 for more, or None."""
    span = hi.plus(lo, -1)
    if span.terms or step.terms:
        return None
    if span.constant <= 0:
        return 0
    return 1 if span.constant <= step.constant else 2
