"""MLIR's scf and func ops that the loops level uses."""

from __future__ import annotations

from ..ir.attributes import Attribute, Raw, SymbolRef
from ..ir.core import Value
from ..ir.opdef import Attr, DefinedOp, Operand, Variadic
from ..ir.types import Type, index


class ScfYield(DefinedOp, name="scf.yield", traits={"terminator"}):
    """Ends a region with its values."""

    values = Variadic()

    def infer(self) -> tuple[Type, ...]:
        return ()


class ScfFor(DefinedOp, name="scf.for"):
    """for i in range(lower, upper, step), carrying values from round to round."""

    lower = Operand()
    upper = Operand()
    step = Operand()
    initial = Variadic()

    def infer(self) -> tuple[Type, ...]:
        return tuple(v.type for v in self.initial)

    @classmethod
    def block_arg_types(
        cls, operands: list[Value], attributes: dict[str, Attribute], region: int
    ) -> tuple[Type, ...] | None:
        return (index, *(v.type for v in operands[3:]))


class ScfIf(DefinedOp, name="scf.if"):
    """One of two regions."""

    condition = Operand()

    def infer(self) -> tuple[Type, ...]:
        return tuple(v.type for v in self.regions[0].block.terminator.operands)


class ScfCondition(DefinedOp, name="scf.condition", traits={"terminator"}):
    """Ends the first region of scf.while: go on with these values, or leave with them."""

    condition = Operand()
    values = Variadic()

    def infer(self) -> tuple[Type, ...]:
        return ()


class ScfWhile(DefinedOp, name="scf.while"):
    """while: the first region decides, the second is the body."""

    initial = Variadic()

    def infer(self) -> tuple[Type, ...]:
        last = self.regions[0].block.terminator
        return tuple(v.type for v in last.operands[1:])


class IndexSwitch(DefinedOp, name="scf.index_switch"):
    """The region of the case that equals the operand; the first region is the default."""

    selector = Operand()
    cases = Attr(tuple[int, ...])

    def infer(self) -> tuple[Type, ...]:
        return tuple(v.type for v in self.regions[0].block.terminator.operands)

    def generic_properties(self) -> dict[str, Attribute]:
        return {"cases": Raw(f"array<i64: {', '.join(map(str, self.cases))}>")}


class ScfReduce(DefinedOp, name="scf.reduce", traits={"terminator"}):
    """Ends scf.parallel."""

    def infer(self) -> tuple[Type, ...]:
        return ()


class ScfParallel(DefinedOp, name="scf.parallel"):
    """Rounds that may run at the same time, on several threads."""

    lower = Operand()
    upper = Operand()
    step = Operand()

    def infer(self) -> tuple[Type, ...]:
        return ()

    @classmethod
    def block_arg_types(
        cls, operands: list[Value], attributes: dict[str, Attribute], region: int
    ) -> tuple[Type, ...] | None:
        return (index,)

    def generic_properties(self) -> dict[str, Attribute]:
        return {"operandSegmentSizes": Raw("array<i32: 1, 1, 1, 0>")}


class Call(DefinedOp, name="func.call"):
    """Calls a function that returns nothing."""

    args = Variadic()
    callee = Attr(SymbolRef)
    properties = ("callee",)

    def infer(self) -> tuple[Type, ...]:
        return ()
