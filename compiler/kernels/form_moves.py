"""Ops that move elements: views where possible, copies into views where not.

A view that is only moved on (a slice of a transposition, a concatenation of reversed pieces) is not copied by itself:
the next copy reads through it.
"""

from __future__ import annotations

from ..ir.core import Op, Value
from ..ir.dims import Dim
from ..ir.location import Location
from ..ir.types import MemRefType
from ..ops.base import tensor
from ..ops.rearrange import Patches, Reverse
from ..ops.shape import BroadcastTo, Concat, Pad, Reshape, Slice, Transpose
from . import pointwise, transpose
from .dialect_memory import memref
from .form_border import frame
from .former import Former, Group, forms

#: what reads its first operand, or all of a concatenation's, through any view
READS_VIEWS = (Transpose, BroadcastTo, Slice, Reverse, Concat, Pad, Patches)


def copy(
    f: Former, source: Value, target: Value, op: Op | None = None, location: Location | None = None
) -> None:
    """Copies a buffer, which may repeat or be strided, into a buffer of the result's shape."""
    out, have = memref(target), memref(source)
    walk = pointwise.merged_walk(out, (have,))
    found = transpose.plan(walk)
    units, per_unit = pointwise.units(out, (have,)) if found is None else transpose.units(walk, found)
    f.call(
        "pointwise" if found is None else "transpose",
        [source],
        [target],
        units,
        algorithm="copy" if found is None else found.how,
        unit_cost=(0, 8 * per_unit),
        cost_of=[op] if op else [],
        location=location or (op.location if op else None),
    )


def show(f: Former, op: Op, view: Value) -> None:
    """The result of an op that is a view: as it is where it is only moved on, else copied."""
    uses = op.result.uses
    if uses and all(isinstance(user, READS_VIEWS) and user.block is op.block for user, _ in uses):
        f.buffers[op.result] = view
    else:
        copy(f, view, f.result(op.result), op)


@forms(Reshape)
def form_reshape(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, Reshape):
        f.buffers[op.result] = f.reshaped(f.buffer(op.x), tensor(op.result).shape)


@forms(Transpose)
def form_transpose(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, Transpose):
        x = f.buffer(op.x)
        strides = memref(x).element_strides
        show(f, op, f.view(x, tensor(op.result).shape, tuple(strides[p] for p in op.permutation)))


@forms(BroadcastTo)
def form_broadcast(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, BroadcastTo):
        x, shape = f.buffer(op.x), tensor(op.result).shape
        t = memref(x)
        lead = len(shape) - t.rank
        own = map(pointwise.repeating, t.element_strides, t.shape, shape[lead:])
        show(f, op, f.view(x, shape, (*(0,) * lead, *own)))


@forms(Slice)
def form_slice(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, Slice):
        x = f.buffer(op.x)
        strides = memref(x).element_strides
        offset = sum((a * s for a, s in zip(op.starts, strides, strict=True)), 0)
        steps = tuple(s * step for s, step in zip(strides, op.steps, strict=True))
        show(f, op, f.view(x, tensor(op.result).shape, steps, offset))


@forms(Reverse)
def form_reverse(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, Reverse):
        x = f.buffer(op.x)
        shape, strides = tensor(op.x).shape, list(memref(x).element_strides)
        offset: Dim = 0
        for axis in (a % len(shape) for a in op.axes):
            offset = offset + (shape[axis] - 1) * strides[axis]
            strides[axis] = -strides[axis]
        show(f, op, f.view(x, shape, strides, offset))


@forms(Patches)
def form_patches(f: Former, group: Group) -> None:
    """One copy from a view in which windows overlap."""
    op = group.last
    if isinstance(op, Patches):
        x = f.buffer(op.x)
        first, *steps, last = memref(x).element_strides
        batch, *counts, _ = tensor(op.result).shape
        channels = tensor(op.x).shape[-1]
        shape = (batch, *counts, *op.kernel, channels)
        strides = (
            first,
            *(s * k for s, k in zip(steps, op.strides, strict=True)),
            *(s * k for s, k in zip(steps, op.dilations, strict=True)),
            last,
        )
        y = f.result(op.result)
        dense = MemRefType(shape, memref(y).dtype).element_strides
        copy(f, f.view(x, shape, strides), f.view(y, shape, dense), op)


@forms(Concat)
def form_concat(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, Concat):
        y = f.result(op.result)
        for i, v in enumerate(op.xs):
            if not (f.is_placed(v, op) and i == op.xs.index(v)):
                copy(f, f.buffer(v), part_of(f, op, y, i), location=op.location)


def part_of(f: Former, op: Concat, y: Value, i: int) -> Value:
    """Where operand `i` of a concatenation lies in its result y."""
    strides = memref(y).element_strides
    axis = op.axis % len(strides)
    before: Dim = sum((tensor(v).shape[axis] for v in op.xs[:i]), 0)
    return f.view(y, tensor(op.xs[i]).shape, strides, before * strides[axis])


@forms(Pad)
def form_pad(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, Pad):
        y = f.result(op.result)
        if not f.is_placed(op.x, op):
            copy(f, f.buffer(op.x), inside_of(f, op, y), location=op.location)


def inside_of(f: Former, op: Pad, y: Value) -> Value:
    """The part of a padding's result y that its operand fills; around it y is filled here."""
    return frame(f, y, op.low, tensor(op.x).shape, op.location, f.buffer(op.value))
