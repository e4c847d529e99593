"""Reductions and moments to kernel calls; reductions with the pointwise ops in front of them and others over the same
elements, if they are in a group."""

from __future__ import annotations

from math import prod

from ..ir.core import Op, Value
from ..ops.base import tensor
from ..ops.moments import Moments
from ..ops.reduce import Reduce
from ..target import Target
from . import reduce
from .dialect_memory import memref
from .former import Former, Group, forms, refuse
from .reductions import COLUMNS, Space, merged_space

#: elements of a part, where a reduction is cut into parts; and how many parts at most
PART, MOST_PARTS = 32768, 256
#: a reduction with so many units has work for every thread, unless it has to be cut for the sake of long sums
ENOUGH_UNITS, LONGEST = 16, 8192


def is_joinable(op: Op) -> bool:
    """Whether an op is a reduction whose kernel may compute what it reduces, and several results."""
    if not isinstance(op, Reduce) or not op.axes:
        return False
    x = tensor(op.x)
    return x.is_static and x.size != 0 and x.dtype.is_float and not x.dtype.is_half


@forms(Reduce)
def form_reduce(f: Former, group: Group) -> None:
    op = group.anchor
    if not isinstance(op, Reduce):
        raise TypeError("a reduction's group")
    if is_joinable(op):
        space = _space_of(f, group, op)
        rows = part_rows(f.target, space)
        if rows or len(group.ops) > 1:
            _form_together(f, group, op, space, rows)
            return
    _form_alone(f, op, f.buffer(op.x), f.result(op.result))


def _form_alone(f: Former, op: Reduce, x: Value, y: Value, count: int = 0) -> None:
    """The plain kernel; `count` numbers are behind a mean, if not those of x."""
    t = memref(x)
    axes = tuple(sorted(a % tensor(op.x).rank for a in op.axes)) if not count else (0,)
    params = {"kind": op.name.removeprefix("graph.reduce_"), "axes": axes, "dtype": tensor(op.x).dtype}
    f.call(
        "reduce",
        [x],
        [y],
        reduce.units(t.shape, axes),
        {**params, **({"count": count} if count else {})},
        cost_of=[] if count else [op],
        location=op.location,
        unit_cost=(4096, 16384),
    )


def _space_of(f: Former, group: Group, op: Reduce) -> Space:
    x = tensor(op.x)
    axes = tuple(a % x.rank for a in op.axes)
    sizes = tuple(int(d) for d in x.shape)  # type: ignore[arg-type]
    return merged_space(sizes, axes, tuple(memref(f.buffer(v)) for v in group.inputs()))


def part_rows(target: Target, space: Space) -> int:
    """How many elements of the first reduced dimension are a part; 0 where the reduction stays whole."""
    summed = space.sizes[space.first]
    total = prod(space.sizes)
    units = prod(space.outer) * space.blocks
    long = prod(d for d, r in zip(space.sizes, space.reduced, strict=True) if r) > LONGEST
    if total < 2 * PART or (units >= ENOUGH_UNITS and not (long and not space.reduced[-1])):
        return 0
    inner = total // summed // (space.blocks if not space.reduced[-1] else 1) // max(prod(space.outer), 1)
    rows = max(PART // max(inner, 1), -(-summed // MOST_PARTS), 1)
    if space.first == len(space.sizes) - 1:  # whole vectors, but at the end
        rows = -(-rows // COLUMNS) * COLUMNS
    return rows if rows < summed else 0


def _form_together(f: Former, group: Group, op: Reduce, space: Space, rows: int) -> None:
    reductions = group.reductions
    parts = -(-space.sizes[space.first] // rows) if rows else 1
    results = [f.result(r.result) for r in reductions]
    shape = (parts, *(space.kept or (1,)))
    held = [f.alloc(shape, memref(y).dtype) for y in results] if rows else results
    units = prod(space.outer) * parts * space.blocks
    elements = prod(space.sizes) // units
    x = tensor(op.x)
    params = {
        "kinds": tuple(r.name.removeprefix("graph.reduce_") for r in reductions),
        "axes": tuple(sorted(a % x.rank for a in op.axes)),
        "shape": x.shape,
    }
    if rows:
        params["rows"] = rows
    cost = (2.0 * elements * len(group.ops), 4.0 * elements * max(len(group.inputs()), 1))
    f.call("reductions", [], held, units, params, group=group, unit_cost=cost)
    if rows:
        count = prod(d for d, r in zip(space.sizes, space.reduced, strict=True) if r)
        for r, part, y in zip(reductions, held, results, strict=True):
            flat = f.reshaped(part, (parts, prod(shape[1:])))
            _form_alone(f, r, flat, f.reshaped(y, (prod(shape[1:]),)), count)


@forms(Moments)
def form_moments(f: Former, group: Group) -> None:
    op = group.last
    if not isinstance(op, Moments):
        raise TypeError("the group of moments")
    x, buffer = tensor(op.x), f.buffer(op.x)
    if not x.is_static or x.size == 0:
        raise refuse(op, f"moments of {x}: compile for sizes that are known, and not 0")
    axes = tuple(sorted(a % x.rank for a in op.axes))
    space = merged_space(tuple(int(d) for d in x.shape), axes, (memref(buffer),))  # type: ignore[arg-type]
    rows = part_rows(f.target, space)
    parts = -(-space.sizes[space.first] // rows) if rows else 1
    results = [f.result(r) for r in op.results]
    shape = (parts, *(space.kept or (1,)))
    held = [f.alloc(shape, memref(y).dtype) for y in results] if rows else results
    units = prod(space.outer) * parts * space.blocks
    elements = prod(space.sizes) // units
    params = {"kinds": ("sum",), "axes": axes, "shape": x.shape, **({"rows": rows} if rows else {})}
    f.call(
        "moments", [buffer], held, units, params, cost_of=[op], location=op.location,
        unit_cost=(8.0 * elements, 6.0 * elements),
    )  # fmt: skip
    if rows:
        count = prod(d for d, r in zip(space.sizes, space.reduced, strict=True) if r)
        each = count // space.sizes[space.first] * rows
        kept = -(-prod(shape[1:]) // COLUMNS)
        params = {"each": each, "count": count}
        f.call(
            "moments_of_parts",
            held,
            results,
            kept,
            params,
            location=op.location,
            unit_cost=(0, 512.0 * parts),
        )
