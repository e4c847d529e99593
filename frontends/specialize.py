"""Fixes symbolic sizes of a module: `n`, the batch, becomes a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..compiler.ir.core import Block, Op
from ..compiler.ir.dims import DIMS, Dim, Sym, substitute, symbols_of
from ..compiler.ir.types import FunctionType, MemRefType, TensorType
from ..compiler.ops.base import holds, requirement, split_requirement
from ..compiler.ops.builtin import FuncOp, functions, tensor_attributes
from ..runtime.errors import InputError, ShapeError


def specialize(module: Op, sizes: Mapping[str, int], where: str = "the module") -> None:
    """Gives symbols their values throughout a module, in place. InputError for one that is not there."""
    present = {s for f in functions(module) for a in f.body.args for s in _symbols(a.type)}
    for name, size in sizes.items():
        if name not in present:
            known = f"; it has {', '.join(sorted(present))}" if present else ""
            raise InputError(f"{where}: there is no size {name!r} among the inputs to fix at {size}{known}")
    _op(module, dict(sizes))


def _symbols(kind: Any) -> set[str]:
    shape = kind.shape if isinstance(kind, (TensorType, MemRefType)) else ()
    return set[str]().union(*(symbols_of(d) for d in shape))


def _op(op: Op, env: Mapping[str, Dim]) -> None:
    for key, value in op.attributes.items():
        op.attributes[key] = _requirements(op, value, env) if key == "requires" else _attribute(value, env)
    if not op.attributes.get("requires", True):
        del op.attributes["requires"]
    for index, region in enumerate(op.regions):
        for block in region.blocks:
            types = type(op).block_arg_types(list(op.operands), op.attributes, index)
            _block(block, types, env)
    if isinstance(op, FuncOp):
        _signature(op)
    elif type(op).infer is not Op.infer:
        for r, kind in zip(op.results, op.infer(), strict=True):
            r.type = kind
    else:
        for r in op.results:
            r.type = _attribute(r.type, env)


def _block(block: Block, types: Any, env: Mapping[str, Dim]) -> None:
    for i, a in enumerate(block.args):
        a.type = _attribute(a.type if types is None else types[i], env)
    for op in block.ops:
        _op(op, env)


def _attribute(value: Any, env: Mapping[str, Dim]) -> Any:
    """An attribute or type with symbols replaced."""
    if isinstance(value, Sym):
        return substitute(value, env)
    if isinstance(value, tuple):
        return tuple(_attribute(v, env) for v in value)
    if isinstance(value, TensorType):
        return TensorType(tuple(substitute(d, env) for d in value.shape), value.dtype)
    if isinstance(value, MemRefType):
        return replace(value, shape=_attribute(value.shape, env), strides=_attribute(value.strides, env))
    if isinstance(value, FunctionType):
        return FunctionType(_attribute(value.inputs, env), _attribute(value.results, env))
    return value


def _requirements(op: Op, texts: tuple[str, ...], env: Mapping[str, Dim]) -> tuple[str, ...]:
    """`a == b` and `a >= b`, checked where both sides are numbers now."""
    kept: list[str] = []
    for text in texts:
        left, relation, right = split_requirement(text)
        a, b = substitute(left, env), substitute(right, env)
        x, y = (a, b) if relation == "~" else (a - b, 0)
        if isinstance(x, Sym) or isinstance(y, Sym):
            if relation != "~" or (a != b and 1 not in (a, b)):
                kept.append(requirement(a, relation, b))
        elif not holds(relation, x, y):
            raise ShapeError(f"{op.name} ({op.location}): {text} must hold, found {a} and {b}")
    return tuple(kept)


def _signature(func: FuncOp) -> None:
    """The function's type and its attributes as the block now has them."""
    values = func.body.terminator.operands
    func.attributes["function_type"] = FunctionType(
        tuple(a.type for a in func.body.args), tuple(v.type for v in values)
    )
    for key, of in (("arg_attrs", func.body.args), ("res_attrs", values)):
        func.attributes[key] = tuple(
            {k: v for k, v in attrs.items() if k != DIMS}
            | (tensor_attributes("", v.type) if isinstance(v.type, TensorType) else {})
            for attrs, v in zip(func.attributes[key], of, strict=True)
        )
