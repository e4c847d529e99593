"""Modules and functions: MLIR's builtin.module and func dialect, which every level uses."""

from __future__ import annotations

from typing import Any

from ...runtime.errors import VerifyError
from ..ir.attributes import Attribute
from ..ir.core import Block, Op, Region, Value
from ..ir.dims import DIMS
from ..ir.opdef import Attr, DefinedOp, Variadic
from ..ir.types import FunctionType, TensorType, Type


class ModuleOp(DefinedOp, name="builtin.module", traits={"isolated"}):
    """A compilation unit: functions, variables and kernels, by symbol."""

    properties = ("sym_name",)

    def infer(self) -> tuple[Type, ...]:
        return ()


class FuncOp(DefinedOp, name="func.func", traits={"isolated"}):
    """A function. `arg_attrs` and `res_attrs` hold a dictionary for each argument and result.

    `graph.dims` there names the sizes that the type shows as `?`; `graph.name` is the user's tensor name.
    """

    properties = ("sym_name", "function_type", "arg_attrs", "res_attrs")
    sym_name = Attr(str)
    function_type = Attr(FunctionType)
    arg_attrs = Attr(tuple[dict[str, Any], ...])
    res_attrs = Attr(tuple[dict[str, Any], ...])

    def infer(self) -> tuple[Type, ...]:
        return ()

    @classmethod
    def block_arg_types(cls, operands: list[Value], attributes: Any, region: int) -> tuple[Type, ...] | None:
        kind = attributes.get("function_type")
        return kind.inputs if isinstance(kind, FunctionType) else None

    def verify(self) -> None:
        kind, block = self.function_type, self.body
        if tuple(a.type for a in block.args) != kind.inputs:
            raise VerifyError(f"func.func @{self.sym_name}: the block's arguments are not the function's")
        returned = tuple(v.type for v in block.terminator.operands)
        if returned != kind.results:
            raise VerifyError(
                f"func.func @{self.sym_name} returns ({', '.join(map(str, returned))}), "
                f"declares ({', '.join(map(str, kind.results))})"
            )
        if len(self.arg_attrs) != len(kind.inputs) or len(self.res_attrs) != len(kind.results):
            raise VerifyError(f"func.func @{self.sym_name}: one dictionary an argument and result is needed")


class ReturnOp(DefinedOp, name="func.return", traits={"terminator"}):
    """Ends a function with its results."""

    values = Variadic()

    def infer(self) -> tuple[Type, ...]:
        return ()


def tensor_attributes(name: str, kind: TensorType) -> dict[str, Attribute]:
    """The attributes that describe an input or output: its name, and its sizes when some are symbols."""
    out: dict[str, Attribute] = {"graph.name": name} if name else {}
    if not kind.is_static:
        out[DIMS] = tuple(d if isinstance(d, int) else str(d) for d in kind.shape)
    return out


def new_module(name: str = "") -> Op:
    module = ModuleOp(regions=[Region(Block())])
    if name:
        module.attributes["sym_name"] = name
    return module


def new_function(module: Op, name: str, inputs: list[tuple[str, TensorType]]) -> tuple[FuncOp, Block]:
    """A function without results yet; `finish_function` closes it."""
    block = Block((t for _, t in inputs), (n.split(":")[0] for n, _ in inputs))
    func = FuncOp(
        regions=[Region(block)],
        sym_name=name,
        function_type=FunctionType(tuple(t for _, t in inputs), ()),
        arg_attrs=tuple(tensor_attributes(n, t) for n, t in inputs),
        res_attrs=(),
    )
    module.body.insert(func)
    return func, block


def finish_function(func: FuncOp, outputs: list[tuple[str, Value]]) -> None:
    """Adds the return and the results' types and names."""
    func.body.insert(ReturnOp(*(v for _, v in outputs)))
    types = tuple(v.type for _, v in outputs)
    func.attributes["function_type"] = FunctionType(func.function_type.inputs, types)
    func.attributes["res_attrs"] = tuple(
        tensor_attributes(n, v.type) if isinstance(v.type, TensorType) else {} for n, v in outputs
    )


def functions(module: Op) -> list[FuncOp]:
    """The functions of a module, in order."""
    return [op for op in module.body.ops if isinstance(op, FuncOp)]
