"""Pointwise groups, softmax, sizes, variables and control flow to kernel calls."""

from __future__ import annotations

from collections.abc import Callable

from ..ir.attributes import SymbolRef
from ..ir.core import Block, Op, Region, Value
from ..ir.dims import Dim
from ..ops.base import tensor
from ..ops.constant import Dims, Shape
from ..ops.control import If, While
from ..ops.norm import Softmax
from ..ops.variable import AssignVariable, ReadVariable
from . import dialect_control as scf
from . import pointwise
from .body import may_fail, signless
from .dialect_kern import KernVariable
from .dialect_memory import MemLoad, memref
from .form_moves import copy
from .former import Former, Group, forms, refuse

#: converts the ops of a block at the former's place
Convert = Callable[[Former, Block], None]


def form_pointwise(f: Former, group: Group) -> None:
    inputs = tuple(memref(f.buffer(v)) for v in group.inputs())
    y, *more = (f.result(v) for v in group.results)
    others = tuple(memref(v) for v in more)
    units, per_unit = pointwise.units(memref(y), (*others, *inputs))
    cost = (per_unit * len(group.ops), 4.0 * per_unit * (len(inputs) + 1 + len(more)))
    params = {"error": True} if any(map(may_fail, group.ops)) else None
    f.call("pointwise", [], [y, *more], units, params, group=group, unit_cost=cost)


@forms(Softmax)
def form_softmax(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, Softmax):
        rows: Dim = 1
        for d in tensor(op.x).shape[:-1]:
            rows = rows * d
        columns = _int(tensor(op.x).shape[-1])
        f.call(
            "softmax",
            [f.buffer(op.x)],
            [f.result(op.result)],
            rows,
            group=group,
            unit_cost=(30.0 * columns, 0),
        )


@forms(Dims, Shape)
def form_sizes(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, (Dims, Shape)):
        value = op.value if isinstance(op, Dims) else tensor(op.x).shape
        f.call("sizes", [], [f.result(op.result)], 1, {"value": value}, location=op.location)


@forms(ReadVariable)
def form_read(f: Former, group: Group) -> None:
    """The variable's own buffer; a copy when the function assigns the variable, so that the value stays. Most copies
    go when the memory plan is made (`in_place.py`)."""
    op = group.last
    if isinstance(op, ReadVariable):
        t = op.type
        buffer = f.b(KernVariable, variable=op.variable, shape=t.shape, dtype=signless(t.dtype))
        if f.assigns(op.variable.name) and t.size != 0:
            copy(f, buffer, f.result(op.result), location=op.location)
        else:
            f.buffers[op.result] = buffer


@forms(AssignVariable)
def form_assign(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, AssignVariable):
        t = tensor(op.x)
        name = SymbolRef(op.variable.name)
        buffer = f.b(KernVariable, variable=name, shape=t.shape, dtype=signless(t.dtype))
        if t.size != 0:
            copy(f, f.buffer(op.x), buffer, location=op.location)


def form_if(f: Former, group: Group, convert: Convert) -> None:
    op = group.last
    if not isinstance(op, If):
        raise TypeError("a conditional's group")
    condition = f.b(MemLoad, f.buffer(op.condition))
    results = [f.result(r) for r in op.results]
    regions: list[Region] = []
    for region in op.regions:
        block = Block()
        with f.at(block):
            convert(f, region.block)
            for out, v in zip(results, region.block.terminator.operands, strict=True):
                copy(f, f.buffer(v), out, location=op.location)
            f.b.create(scf.ScfYield)
        regions.append(Region(block))
    f.b.create(scf.ScfIf, condition, regions=regions, location=op.location)


def form_while(f: Former, group: Group, convert: Convert) -> None:
    """Carried values live in buffers of their own; a round writes new values beside them, then moves them in."""
    op = group.last
    if not isinstance(op, While):
        raise TypeError("a loop's group")
    if op.limit:
        raise refuse(op, f"a limit of {op.limit} rounds is not compiled yet")
    condition, body = (r.block for r in op.regions)
    carried = [f.result(r) for r in op.results]
    for buffer, v in zip(carried, op.initial, strict=True):
        copy(f, f.buffer(v), buffer, location=op.location)
    decide, again = Block(), Block()
    with f.at(decide):
        f.buffers.update(zip(condition.args, carried, strict=True))
        convert(f, condition)
        flag = f.b(MemLoad, f.buffer(condition.terminator.operands[0]))
        f.b.create(scf.ScfCondition, flag)
    with f.at(again):
        f.buffers.update(zip(body.args, carried, strict=True))
        convert(f, body)
        _move_back(f, op, body.terminator.operands, carried)
        f.b.create(scf.ScfYield)
    f.b.create(scf.ScfWhile, regions=[Region(decide), Region(again)], location=op.location)


def _move_back(f: Former, op: Op, values: tuple[Value, ...], carried: list[Value]) -> None:
    fresh: list[Value] = []
    for v, own in zip(values, carried, strict=True):
        buffer = f.buffer(v)
        if any(f.base(buffer) is c for c in carried) and buffer is not own:
            # another carried value's old contents: keep them until all are read
            t = memref(buffer)
            kept = f.alloc(t.shape, t.dtype)
            copy(f, buffer, kept, location=op.location)
            buffer = kept
        fresh.append(buffer)
    for buffer, own in zip(fresh, carried, strict=True):
        if buffer is not own:
            copy(f, buffer, own, location=op.location)


def _int(d: Dim) -> int:
    return d if isinstance(d, int) else 64
