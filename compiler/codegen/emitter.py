"""The one emitter: walks a loops-level function and writes LLVM text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ...runtime.errors import UnsupportedError
from ..ir.core import Op
from ..ir.types import IndexType, MemRefType
from ..kernels import dialect_arith as arith
from ..target import Target
from .emit_control import ControlEmitter
from .emit_core import Affine, Mem
from .emit_session import SessionEmitter
from .emit_shuffle import vector_shuffle
from .native import COLD

Handler = Callable[[ControlEmitter, Op], None]

HANDLERS: dict[str, Any] = {
    "arith.constant": ControlEmitter.arith_constant,
    "arith.negf": ControlEmitter.arith_negf,
    "arith.cmpi": ControlEmitter.arith_cmpi,
    "arith.cmpf": ControlEmitter.arith_cmpf,
    "arith.select": ControlEmitter.arith_select,
    "math.fma": ControlEmitter.math_fma,
    **{c.name: ControlEmitter.arith_integer for c in arith.INTEGER.values()},
    **{c.name: ControlEmitter.arith_float for c in arith.FLOAT.values()},
    **{c.name: ControlEmitter.arith_convert for c in arith.CONVERSIONS.values()},
    **{c.name: ControlEmitter.math_unary for c in arith.MATH_UNARY.values()},
    **{c.name: ControlEmitter.math_binary for c in arith.MATH_BINARY.values()},
    "memref.load": ControlEmitter.memref_load,
    "memref.store": ControlEmitter.memref_store,
    "memref.prefetch": ControlEmitter.memref_prefetch,
    "memref.atomic_rmw": ControlEmitter.memref_atomic_rmw,
    "memref.view": ControlEmitter.memref_view,
    "memref.reinterpret_cast": ControlEmitter.memref_reinterpret_cast,
    "vector.load": ControlEmitter.vector_load,
    "vector.store": ControlEmitter.vector_store,
    "vector.broadcast": ControlEmitter.vector_broadcast,
    "vector.shape_cast": ControlEmitter.vector_shape_cast,
    "vector.shuffle": vector_shuffle,
    "vector.extract": ControlEmitter.vector_extract,
    "vector.outerproduct": ControlEmitter.vector_outerproduct,
    "vector.reduction": ControlEmitter.vector_reduction,
    "vector.transfer_read": ControlEmitter.vector_transfer_read,
    "vector.transfer_write": ControlEmitter.vector_transfer_write,
    "scf.for": ControlEmitter.scf_for,
    "scf.if": ControlEmitter.scf_if,
    "scf.while": ControlEmitter.scf_while,
    "scf.index_switch": ControlEmitter.scf_index_switch,
    "scf.parallel": SessionEmitter.scf_parallel,
    "func.call": ControlEmitter.func_call,
    "session.bind": SessionEmitter.session_bind,
    "session.slot": SessionEmitter.session_slot,
    "session.leave": SessionEmitter.session_leave,
    "session.reserve": SessionEmitter.session_reserve,
    "session.is_null": SessionEmitter.session_is_null,
    "session.keep": SessionEmitter.session_keep,
    "session.place": SessionEmitter.session_place,
    "session.mark": SessionEmitter.session_mark,
}

SYMBOL = "kern.symbol"
#: the op behind every call of a kernel
_STEP = "session.mark"
#: an entry function of more calls becomes several functions
MOST_PARTS = 100
_MADE = re.compile(r"  (%v\d+) = ")
_REGISTER = re.compile(r"%v\d+\b")


class FunctionEmitter(SessionEmitter):
    """Emits one function; `text` holds it, `extra` the functions that parallel loops became."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        denormals = '"denormal-fp-math"="preserve-sign,preserve-sign"'
        #: whether each call ends a basic block; the lines at which the next ones begin
        self.stepwise, self.parts = False, list[int]()
        self.target_attributes = f'"target-cpu"="{target.cpu}" {denormals}'
        self.attributes = f"{self.target_attributes} nounwind"

    def op(self, op: Op) -> None:
        name = op.name
        handler = HANDLERS.get(name)
        if handler is None:
            raise UnsupportedError(f"the code generator has no handler for {name}", [name])
        handler(self, op)
        if name == _STEP and self.stepwise and not self.outlined and len(self.scopes) == 1:
            self._next_part()

    def _next_part(self) -> None:
        """A new basic block, in which nothing that was computed so far is known: LLVM's time grows faster than a
        block's length, and than the number of registers that live across all of it."""
        label = self.label("part")
        self.line(f"br label %{label}")
        self.parts.append(len(self.scope.lines))
        self.scope.lines.append(f"{label}:")
        self.scope.label = label
        self.scope.known.clear()

    def entry_function(self, func: Op) -> str:
        """An entry function also gets the team of threads that works for the call, and the session's tables."""
        self.stepwise = True
        self.attributes = f"{self.target_attributes} {COLD}"
        return self.function(func, prefix="fn.", more=["ptr %team", "ptr %own"])

    def function(
        self, func: Op, linkage: str = "internal", prefix: str = "", more: Sequence[str] = ()
    ) -> str:
        """The text of a loops-level func.func; its arguments keep their order: pointers and 64-bit sizes."""
        self.name = prefix + func.attributes["sym_name"]
        params: list[str] = []
        for i, (arg, attrs) in enumerate(zip(func.body.args, func.attributes["arg_attrs"], strict=True)):
            name = f"%a{i}"
            self.depths[name] = 0
            if isinstance(arg.type, MemRefType):
                self.values[arg] = Mem(name, arg.type)
            elif isinstance(arg.type, IndexType):
                self.values[arg] = Affine(((name, 1),))
                if SYMBOL in attrs:
                    self.symbols[attrs[SYMBOL]] = Affine(((name, 1),))
            else:
                self.values[arg] = name
            params.append(f"{self.llvm_type(arg.type)} {name}")
        params += more
        self.block(func.body)
        self.line("ret void")
        head = f"({', '.join(params)}) {self.attributes}"
        self.scopes[0].lines = self._in_steps(self.scope.lines, head, ", ".join(params))
        return f"define {linkage} void @{self.name}{head} {{\n{self.function_lines()}\n}}\n"

    def _in_steps(self, lines: list[str], head: str, arguments: str) -> list[str]:
        """The body of a long entry function as calls of functions of MOST_PARTS parts each, where no register
        lives from one to the next: LLVM's time grows faster than a function's length."""
        starts = [0, *self.parts[MOST_PARTS - 1 :: MOST_PARTS]]
        if len(starts) < 2 or self.leaves:
            return lines
        calls: list[str] = []
        steps: list[str] = []
        for k, start in enumerate(starts):
            end = starts[k + 1] if k + 1 < len(starts) else len(lines)
            body = lines[start:end]
            made = {m[1] for line in body if (m := _MADE.match(line))}
            if not made.issuperset(r for line in body for r in _REGISTER.findall(line)):
                return lines
            if k:
                body = ["  br label %" + body[0].removesuffix(":"), *body]
            if k + 1 < len(starts):
                body[-1] = "  ret void"  # instead of the branch to the next part
            calls.append(f"  call void @{self.name}.step{k}({arguments})")
            text = self.function_lines(body)
            steps.append(f"define internal void @{self.name}.step{k}{head} {{\n{text}\n}}\n")
        self.extra += steps
        self.frame_bytes = 0
        return [*calls, "  ret void"]
