"""Recurrent layers to kernel calls: what the input adds to the gates as one product over all steps, the recurrent
weights packed, then one call for the whole loop over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..cost.reasons import Why
from ..cost.recurrent import recurrent_tile, step_cycles
from ..cost.tiles import PANEL
from ..ir.core import Op, Value
from ..ir.dims import ceildiv
from ..ir.types import MemRefType
from ..ops.base import tensor
from ..ops.constant import constant_value
from ..ops.elementwise import Add
from ..ops.matmul import MatMul
from ..ops.recurrent import GRU, LSTM, Layer, SimpleRNN
from ..ops.recurrent_base import RecurrentOp
from ..ops.recurrent_gradient import GRUGradient, LayerGradient, LSTMGradient, SimpleRNNGradient
from ..ops.shape import Reshape, Slice
from .dialect_memory import memref
from .family import pack_panels
from .form_moves import copy
from .form_products import form_matmul
from .former import CYCLES_PER_NS, FLOPS_PER_NS, TASK_NS, Former, Group, forms, refuse

#: a distance of rows at which they share sets of a cache, in bytes
CROWDED = 4096
#: of a task: fewer leave too few accumulators for the product
LEAST_ROWS = 3


@forms(LSTM)
def form_lstm(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, LSTM):
        reads = {"xz": _entering(f, op, op.w, op.b, 4), "c0": f.buffer(op.c0), "u": _weights(f, op, op.u)}
        results = _named(op, ("y", "h", "c", "gates", "cells"))
        _form_layer(f, op, op.mask, reads, results, {"cell": _units(op.u), "sums": 4 * _units(op.u)}, 4)


@forms(GRU)
def form_gru(f: Former, group: Group) -> None:
    op = group.last
    if not isinstance(op, GRU):
        return
    h = _units(op.u)
    scratch = {"sums": 3 * h}
    if op.reset_after:
        reads = {
            "xz": _entering(f, op, op.w, op.b, 3),
            "u": _weights(f, op, op.u),
            "bias": f.view(f.buffer(op.b), (3, h), (h, 1), 3 * h),
        }
    else:
        u, candidate = _weights(f, op, op.u, (0, 2 * h)), _weights(f, op, op.u, (2 * h, 3 * h))
        reads = {"xz": _entering(f, op, op.w, op.b, 3), "u": u, "candidate": candidate}
        scratch |= dict.fromkeys(("part", "update", "reset", "inside"), h)
    results = _named(op, ("y", "h", "gates", "inner"))
    _form_layer(f, op, op.mask, reads, results, scratch, 3)


@forms(SimpleRNN)
def form_simple_rnn(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, SimpleRNN):
        reads = {"xz": _entering(f, op, op.w, op.b, 1), "u": _weights(f, op, op.u)}
        results = _named(op, ("y", "h"))
        _form_layer(f, op, op.mask, reads, results, {"sums": _units(op.u)}, 1)


@forms(LSTMGradient)
def form_lstm_gradient(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, LSTMGradient):
        h = _units(op.u)
        reads = {
            "u": _weights(f, op, op.u, transposed=True),
            "c0": f.buffer(op.c0),
            "gates": _gates(f, f.buffer(op.gates), 4),
            "cells": f.buffer(op.cells),
        }
        results = _named(op, ("dz", "dh0", "dc0"))
        _form_gradient(f, op, reads, results, {"left": 4 * h, "cell": h}, "cells", 4)


@forms(GRUGradient)
def form_gru_gradient(f: Former, group: Group) -> None:
    op = group.last
    if not isinstance(op, GRUGradient):
        return
    h = _units(op.u)
    scratch = {"left": 3 * h, "keep": h}
    if op.reset_after:
        reads = {"u": _weights(f, op, op.u, transposed=True)}
    else:
        reads = {
            "u": _weights(f, op, op.u, (0, 2 * h), transposed=True),
            "candidate": _weights(f, op, op.u, (2 * h, 3 * h), transposed=True),
        }
        scratch |= dict.fromkeys(("dnow", "dg", "dpart"), h)
    reads |= {
        "before": f.buffer(op.before),
        "gates": _gates(f, f.buffer(op.gates), 3),
        "inner": f.buffer(op.inner),
    }
    results = _named(op, ("dz", "dh0", "dr"))
    _form_gradient(f, op, reads, results, scratch, "before", 3, reset_after=op.reset_after)


@forms(SimpleRNNGradient)
def form_simple_rnn_gradient(f: Former, group: Group) -> None:
    op = group.last
    if isinstance(op, SimpleRNNGradient):
        h = _units(op.u)
        reads = {"u": _weights(f, op, op.u, transposed=True), "y": f.buffer(op.y)}
        results = _named(op, ("dz", "dh0"))
        _form_gradient(f, op, reads, results, {"left": h}, "y", 1)


def _named(op: Op, names: Sequence[str]) -> dict[str, Value]:
    """The results of an op by these names, as many as there are."""
    return dict(zip(names, op.results, strict=False))


def _form_layer(
    f: Former, op: Layer, masks: Sequence[Value], reads: Mapping[str, Value], results: Mapping[str, Value],
    scratch: Mapping[str, int], gates: int,
) -> None:  # fmt: skip
    """The call of a layer's loop. Scratch memory: rows of so many numbers."""
    h = tensor(op.h0).shape[1]
    masked = dict(zip(("mask",), map(f.buffer, masks), strict=False))
    rows = {"state": h, **scratch, **({"previous": h} if masked else {})}
    _call(f, op, {**reads, "h0": f.buffer(op.h0), **masked}, results, rows, "xz", gates)


def _form_gradient(
    f: Former, op: LSTMGradient | GRUGradient | SimpleRNNGradient, reads: Mapping[str, Value],
    results: Mapping[str, Value], scratch: Mapping[str, int], over: str, gates: int, **params: Any,
) -> None:  # fmt: skip
    """The call of a gradient's loop."""
    rest = op.operands[len(op.operands) - len(op.given) :]
    given = {n: f.buffer(v) for n, v in zip(op.given, rest, strict=True)}
    h = _units(op.u)
    waiting = dict.fromkeys(("keep", "carried"), h) if "mask" in given else {}
    _call(f, op, {**reads, **given}, results, {**scratch, **waiting, "sums": h}, over, gates, **params)


def _call(
    f: Former, op: RecurrentOp, reads: Mapping[str, Value], results: Mapping[str, Value],
    scratch: Mapping[str, Any], over: str, gates: int, **params: Any,
) -> None:  # fmt: skip
    """One call for all steps. Rows of the batch are the parallel range; results that nothing uses are left out."""
    batch, count = memref(reads[over]).shape[:2]
    dtype, size = memref(reads[over]).dtype, memref(reads[over]).dtype.size
    units = memref(reads[over]).shape[-1]
    if not isinstance(units, int):
        raise refuse(op, f"the number of units must be known, received {units}")
    made = {n: f.result(v) for n, v in results.items() if v.uses}
    writes = {n: _gates(f, b, gates) if n in ("gates", "dz", "dr") else b for n, b in made.items()}
    depth, columns = (gates * units, units) if isinstance(op, LayerGradient) else (units, gates * units)
    rows, vectors = recurrent_tile(f.target, batch, columns, size)
    each = rows if isinstance(batch, int) else 1
    tasks = ceildiv(batch, each)
    writes |= {n: f.alloc((tasks * each, _room(int(width), size)), dtype) for n, width in scratch.items()}
    cycles = step_cycles(f.target, batch, depth, columns, (gates + 1) * units, size)
    nanoseconds = cycles * (count if isinstance(count, int) else 64) / CYCLES_PER_NS
    chosen = f"all steps in one call, {rows} x {vectors * f.target.lanes} tiles for the product in each"
    f.call(
        op.name.removeprefix("graph."),
        list(reads.values()),
        list(writes.values()),
        tasks,
        {
            "rows": each,
            "reads": tuple(reads),
            "writes": tuple(writes),
            "over": over,
            "units": units,
            "dtype": dtype,
            "activation": op.activation,
            "recurrent_activation": op.attributes.get("recurrent_activation", "linear"),
            "reverse": op.reverse,
            **params,
        },
        unit_cost=(
            FLOPS_PER_NS * (min(nanoseconds, TASK_NS / LEAST_ROWS) if each == 1 else each * nanoseconds),
            0,
        ),
        cost_of=[op],
        location=op.location,
        why=Why(chosen, batch * count * cycles),
    )


def _room(width: int, size: int) -> int:
    """Elements of a row of scratch memory that whole panels and vectors may be written to, and that is not a multiple
    of CROWDED bytes long."""
    room = -(-width // PANEL) * PANEL + PANEL
    return room + PANEL if room * size % CROWDED == 0 else room


def _units(u: Value) -> int:
    """The number of units; 0 when it is not known, which is refused later."""
    h = tensor(u).shape[0]
    return h if isinstance(h, int) else 0


def _gates(f: Former, buffer: Value, gates: int) -> Value:
    """[B, T, gates * H] as [B, T, gates, H]."""
    *lead, columns = memref(buffer).shape
    return f.reshaped(buffer, (*lead, gates, columns // gates))


def _entering(f: Former, op: Layer, w: Value, b: Value, gates: int) -> Value:
    """x·w + b of all steps, [B, T, gates, H], by the kernels of products; of a bias with two rows the first."""
    x, columns = tensor(op.x), tensor(w).shape[1]
    batch, count, inputs = x.shape
    flat = Reshape(op.x, shape=(batch * count, inputs))
    f.buffers[flat.result] = f.reshaped(f.buffer(op.x), (batch * count, inputs))
    made: list[Op] = [flat]
    bias = b
    if tensor(b).rank == 2:
        first = Slice(b, starts=(0, 0), stops=(1, columns), steps=(1, 1))
        f.buffers[first.result] = f.view(f.buffer(b), (1, columns), (columns, 1))
        made.append(first)
        bias = first.result
    dot = MatMul(flat.result, w, location=op.location)
    total = Add(dot.result, bias, location=op.location)
    f.result(total.result)
    if tensor(total.result).size != 0:
        form_matmul(f, Group([dot, total], dot))
    for gone in (total, dot, *made):
        gone.set_operands(())
    return f.reshaped(f.buffer(total.result), (batch, count, gates, tensor(op.h0).shape[1]))


def _weights(
    f: Former, op: RecurrentOp, u: Value, columns: tuple[int, int] | None = None, transposed: bool = False
) -> Value:
    """Columns of recurrent weights [H, N], transposed for gradients, in panels [N / 32, H, 32]. Those known at run time
    only are packed at the start of the call, which one or two steps pay for."""
    t = tensor(u)
    if not t.is_static:
        raise refuse(op, f"the sizes of the recurrent weights must be known, received {t}")
    lo, hi = columns or (0, int(t.shape[1]))  # type: ignore[arg-type]
    array = constant_value(u)
    if array is not None:
        part = array[:, lo:hi]
        name = u.definer.attributes["value"].name if u.definer else ""
        return f.constant(pack_panels(part.T if transposed else part), name, t.dtype)
    buffer = f.buffer(u)
    row, column = memref(buffer).element_strides
    depth, width = int(t.shape[0]), hi - lo  # type: ignore[arg-type]
    shape, strides = ((width, depth), (column, row)) if transposed else ((depth, width), (row, column))
    return _panels(f, op, f.view(buffer, shape, strides, lo * column))


def _panels(f: Former, op: RecurrentOp, w: Value) -> Value:
    """A matrix in panels of 32 columns. What lies behind the last column is never read by what counts."""
    t = memref(w)
    depth, width = t.shape
    down, across = t.element_strides
    panels, rest = divmod(int(width), PANEL)  # type: ignore[arg-type]
    out = f.alloc((panels + (rest > 0), depth, PANEL), t.dtype)
    if panels:
        shape = (panels, depth, PANEL)
        to = f.view(out, shape, MemRefType(shape, t.dtype).element_strides)
        copy(f, f.view(w, shape, (PANEL * across, down, across)), to, location=op.location)
    if rest:
        to = f.view(out, (depth, rest), (PANEL, 1), panels * depth * PANEL)
        copy(f, f.view(w, (depth, rest), (down, across), panels * PANEL * across), to, location=op.location)
    return out
