"""Ops that move elements: views where possible, copies into views where not."""

from __future__ import annotations

from ..ir.core import Op, Value
from ..ir.dims import product
from ..ir.location import Location
from ..ops.base import tensor
from ..ops.shape import BroadcastTo, Concat, Gather, Pad, Reshape, Slice, Transpose
from . import pointwise
from .dialect_memory import memref
from .former import Former, Group, forms


def copy(
    f: Former, source: Value, target: Value, op: Op | None = None, location: Location | None = None
) -> None:
    """Copies a buffer, which may repeat or be strided, into a buffer of the result's shape."""
    out, have = memref(target), memref(source)
    units, per_unit = pointwise.units(out, (have,))
    f.call(
        "pointwise",
        [source],
        [target],
        units,
        algorithm="copy",
        unit_cost=(0, 8 * per_unit),
        cost_of=[op] if op else [],
        location=location or (op.location if op else None),
    )


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
        view = f.view(x, tensor(op.result).shape, tuple(strides[p] for p in op.permutation), memref(x).offset)
        copy(f, view, f.result(op.result), op)


@forms(BroadcastTo)
def form_broadcast(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, BroadcastTo):
        copy(f, f.buffer(op.x), f.result(op.result), op)


@forms(Slice)
def form_slice(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, Slice):
        x = f.buffer(op.x)
        strides = memref(x).element_strides
        offset = sum((a * s for a, s in zip(op.starts, strides, strict=True)), 0)
        steps = tuple(s * step for s, step in zip(strides, op.steps, strict=True))
        copy(f, f.view(x, tensor(op.result).shape, steps, offset), f.result(op.result), op)


@forms(Concat)
def form_concat(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, Concat):
        y = f.result(op.result)
        t = memref(y)
        axis, done = op.axis % t.rank, 0
        for v in op.xs:
            part = tensor(v)
            out = f.view(y, part.shape, t.element_strides, t.offset + done * t.element_strides[axis])
            copy(f, f.buffer(v), out, location=op.location)
            done = done + part.shape[axis]


@forms(Pad)
def form_pad(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, Pad):
        y = f.result(op.result)
        t = memref(y)
        copy(f, f.buffer(op.value), y, location=op.location)
        offset = sum((a * s for a, s in zip(op.low, t.element_strides, strict=True)), 0)
        inner = f.view(y, tensor(op.x).shape, t.element_strides, t.offset + offset)
        copy(f, f.buffer(op.x), inner, location=op.location)


@forms(Gather)
def form_gather(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, Gather):
        indices = tensor(op.indices)
        f.call(
            "gather",
            [f.buffer(op.x), f.buffer(op.indices)],
            [f.result(op.result)],
            product(indices.shape),
            {"unsigned": indices.dtype.kind == "u", "error": True},
            cost_of=[op],
            location=op.location,
        )
