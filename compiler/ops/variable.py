"""Variables: named tensors that live in the state and outlast a call."""

from __future__ import annotations

from ...runtime.errors import VerifyError
from ..ir.attributes import Array, Dense, SymbolRef
from ..ir.core import Op
from ..ir.opdef import Attr, DefinedOp, Operand
from ..ir.types import TensorType, Type
from .base import tensor


class Variable(DefinedOp, name="graph.variable"):
    """Declares a variable with its initial value; a symbol of the module."""

    sym_name = Attr(str)
    value = Attr(Dense)

    def infer(self) -> tuple[Type, ...]:
        return ()


class ReadVariable(DefinedOp, name="graph.read_variable", traits={"effect", "read"}):
    """The present value of a variable."""

    variable = Attr(SymbolRef)
    type = Attr(TensorType)

    def infer(self) -> tuple[Type, ...]:
        return (self.type,)

    def verify(self) -> None:
        check_variable(self, self.variable.name, self.type)


class AssignVariable(DefinedOp, name="graph.assign_variable", traits={"effect"}):
    """Gives a variable a new value; later reads see it."""

    x = Operand()
    variable = Attr(SymbolRef)

    def infer(self) -> tuple[Type, ...]:
        return ()

    def verify(self) -> None:
        check_variable(self, self.variable.name, tensor(self.x))


def module_of(op: Op) -> Op:
    while op.parent_op is not None:
        op = op.parent_op
    return op


def find_variable(op: Op, name: str) -> Variable:
    """The declaration of a variable used by `op`."""
    for v in module_of(op).body.ops:
        if isinstance(v, Variable) and v.sym_name == name:
            return v
    raise VerifyError(f"{op.name} ({op.location}): there is no variable @{name}")


def check_variable(op: Op, name: str, kind: TensorType) -> None:
    declared = find_variable(op, name).value.type
    if declared != kind:
        raise VerifyError(f"{op.name} ({op.location}): variable @{name} is {declared}, not {kind}")


def initial_values(module: Op) -> dict[str, Array]:
    """A fresh state: the variables' initial values, copied."""
    return {v.sym_name: v.value.array.copy() for v in module.body.ops if isinstance(v, Variable)}
