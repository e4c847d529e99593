"""Ops of loops-level functions that a whole call concerns: sizes known late, memory for them, leaving early.

MLIR has no such ops; they stand in functions that call kernels, never inside of kernels.
"""

from __future__ import annotations

from ...runtime.spec import i8
from ..ir.dims import Sym
from ..ir.opdef import Attr, DefinedOp, Operand, Variadic
from ..ir.types import MemRefType, Type, index


class BindSymbol(DefinedOp, name="session.bind"):
    """From here on a symbol in the sizes of types is this index."""

    value = Operand()
    symbol = Attr(str)

    def infer(self) -> tuple[Type, ...]:
        return ()


class Slot(DefinedOp, name="session.slot"):
    """In the body of a parallel loop: which of the call's threads runs it, counted from 0."""

    def infer(self) -> tuple[Type, ...]:
        return (index,)


class Leave(DefinedOp, name="session.leave"):
    """Returns from the function when the condition holds; the error word says why."""

    condition = Operand()

    def infer(self) -> tuple[Type, ...]:
        return ()


class ReserveBlock(DefinedOp, name="session.reserve"):
    """The session's block of a stage, at least `size` bytes; null when there is no memory."""

    size = Operand()
    stage = Attr(int)

    def infer(self) -> tuple[Type, ...]:
        return (MemRefType((Sym.symbol(f"stage{self.stage}"),), i8),)


class Place(DefinedOp, name="session.place"):
    """The memory of a variable, which the state's table has at `number`."""

    state = Operand()
    number = Attr(int)

    def infer(self) -> tuple[Type, ...]:
        return (MemRefType((Sym.symbol(f"variable{self.number}"),), i8),)


class IsNull(DefinedOp, name="session.is_null"):
    """Whether a block could not be had."""

    memory = Operand()


class Keep(DefinedOp, name="session.keep"):
    """Notes address and sizes of a result in the session."""

    source = Operand()
    sizes = Variadic()
    output = Attr(int)

    def infer(self) -> tuple[Type, ...]:
        return ()


class Mark(DefinedOp, name="session.mark"):
    """A call of a kernel has ended: its number and the time go into the session's log when there is one."""

    number = Attr(int)

    def infer(self) -> tuple[Type, ...]:
        return ()


#: bytes of a stage's row in a session (block, capacity) and of a result's (address, sizes)
STAGE_BYTES, RESULT_BYTES = 16, 72
#: where the pointer to the log stands, seen from the tables
LOG_FROM_TABLES = -40
