"""Variables: named tensors that live in the state and outlast a call."""

from __future__ import annotations

from collections.abc import Mapping

from ...runtime.errors import VerifyError
from ..ir.attributes import Array, Dense, SymbolRef
from ..ir.core import Op
from ..ir.opdef import Attr, DefinedOp, Operand
from ..ir.types import TensorType, Type
from .base import tensor


class Variable(DefinedOp, name="graph.variable"):
    """Declares a variable with its initial value; a symbol of the module.

    The caller of the library brings the memory of an `external` one, with its value: what stands here tells
    only shape and data type.
    """

    sym_name = Attr(str)
    value = Attr(Dense)
    external = Attr(bool, default=False)

    def infer(self) -> tuple[Type, ...]:
        return ()


class ReadVariable(DefinedOp, name="graph.read_variable", traits={"effect", "read"}):
    """The present value of a variable."""

    variable = Attr(SymbolRef)
    type = Attr(TensorType)

    def infer(self) -> tuple[Type, ...]:
        return (self.type,)

    def verify_symbols(self, symbols: Mapping[str, Op]) -> None:
        check_variable(self, symbols.get(self.variable.name), self.type)


class AssignVariable(DefinedOp, name="graph.assign_variable", traits={"effect"}):
    """Gives a variable a new value; later reads see it."""

    x = Operand()
    variable = Attr(SymbolRef)

    def infer(self) -> tuple[Type, ...]:
        return ()

    def verify_symbols(self, symbols: Mapping[str, Op]) -> None:
        check_variable(self, symbols.get(self.variable.name), tensor(self.x))


def check_variable(op: ReadVariable | AssignVariable, declared: Op | None, kind: TensorType) -> None:
    name = op.variable.name
    if not isinstance(declared, Variable):
        raise VerifyError(f"{op.name} ({op.location}): there is no variable @{name}")
    if declared.value.type != kind:
        raise VerifyError(f"{op.name} ({op.location}): variable @{name} is {declared.value.type}, not {kind}")


def initial_values(module: Op) -> dict[str, Array]:
    """A fresh state: the variables' initial values, copied."""
    return {v.sym_name: v.value.array.copy() for v in module.body.ops if isinstance(v, Variable)}
