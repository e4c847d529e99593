"""The pass plan-memory: places buffers in the arena, constants in the read-only segment, variables in the state.

Buffers whose sizes are computed at run time lie in blocks of their own, one a stage: what the function knows
after each `kern.define_size`. A block is reserved there, packed as the arena is.

Buffers whose sizes are a number times the same product of symbols (all activations of a model with a dynamic
batch) share a region that is packed as if that product were one; offsets are then symbolic, and evaluated
once for each call.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..ir.attributes import Dense
from ..ir.core import Op, Value
from ..ir.dims import Dim, Sym, symbols_of
from ..ir.passes import Pass, PassContext
from ..ops.builtin import FuncOp, functions
from ..ops.variable import Variable
from .dialect_kern import THREADS, Alloc, DefineSymbol, KernCall, KernConstant, KernView, Reserve, bytes_of
from .dialect_memory import memref
from .in_place import assign_in_place
from .over_inputs import compute_over_inputs, uses_of

ALIGN = 64


def aligned(n: int) -> int:
    return -(-n // ALIGN) * ALIGN


@dataclass
class Buffer:
    """An allocation with its life in positions of the walk, its size as units of a factor."""

    op: Alloc
    start: int
    end: int
    units: int
    factor: Dim
    offset: int = -1


class PlanMemory(Pass):
    """Gives every buffer its offset; variables and results are computed in place where that is safe."""

    name = "plan-memory"
    level = "kern"

    def run(self, module: Op, context: PassContext) -> None:
        for func in functions(module):
            assign_in_place(module, func)
            compute_over_inputs(module, func)
        place_constants(module)
        for func in functions(module):
            func.attributes["kern.arena"] = place_buffers(func)


def place_constants(module: Op) -> None:
    """Offsets of packed constants, each content once, then of variables' initial values."""
    total = state = 0
    known: dict[str, tuple[int, Dense]] = {}

    def place(value: Dense) -> int:
        nonlocal total
        if value.digest not in known:
            known[value.digest] = (total, value)
            total = aligned(total + value.array.nbytes)
        return known[value.digest][0]

    for func in functions(module):
        for op in _by_first_use(func):
            op.attributes["offset"] = place(op.value)
    for op in module.body.ops:
        if isinstance(op, Variable):
            op.attributes["initial"] = -1 if op.external else place(op.value)
            op.attributes["offset"] = state
            state = aligned(state + op.value.array.nbytes)
    module.attributes["kern.constants"] = tuple({"offset": o, "value": v} for o, v in known.values())
    module.attributes["kern.weights"] = total
    module.attributes["kern.state"] = state


def _by_first_use(func: FuncOp) -> list[KernConstant]:
    """Constants in the order in which calls read them, so that the segment is read from front to back."""
    used: dict[KernConstant, None] = {}
    for op in func.walk():
        if not isinstance(op, KernCall):
            continue
        for v in op.operands:
            source = _root(v).definer
            if isinstance(source, KernConstant):
                used[source] = None
    for op in func.walk():
        if isinstance(op, KernConstant):
            used.setdefault(op, None)
    return list(used)


def _root(v: Value) -> Value:
    while isinstance(v.definer, KernView):
        v = v.definer.source
    return v


def place_buffers(func: FuncOp) -> Dim:
    """Fills in the offsets of a function's allocations, reserves the blocks of its stages; returns the size of
    the arena."""
    defined = [op for op in func.walk() if isinstance(op, DefineSymbol)]
    stages = {op.symbol: k for k, op in enumerate(defined, 1)}
    stages[THREADS] = len(defined) + 1
    by_stage: dict[int, list[Buffer]] = {}
    for b in _lives(func):
        known = symbols_of(bytes_of(memref(b.op.result)))
        b.op.attributes["stage"] = stage = max((stages.get(s, 0) for s in known), default=0)
        by_stage.setdefault(stage, []).append(b)
    for k, op in enumerate(defined, 1):
        if k in by_stage and op.block is not None:
            size = _place(by_stage[k])
            op.block.insert(Reserve(stage=k, bytes=size, site=op.site, location=op.location), op.next)
    if stages[THREADS] in by_stage:
        scratch = Reserve(
            stage=stages[THREADS], bytes=_place(by_stage[stages[THREADS]]), location=func.location
        )
        func.body.insert(scratch, func.body.first)
    return _place(by_stage.get(0, []))


def _place(buffers: list[Buffer]) -> Dim:
    """Offsets of buffers that share a block, and its size."""
    total: Dim = 0
    for factor in dict.fromkeys(b.factor for b in buffers):
        group = [b for b in buffers if b.factor == factor]
        size = _pack(group)
        for b in group:
            b.op.attributes["offset"] = total + factor * b.offset
        total = total + factor * size
    return total


def _factor(size: Dim) -> tuple[int, Dim]:
    """A size as number times factor; what is no single product is its own factor, in units of 64."""
    if not isinstance(size, Sym):
        return aligned(size), 1
    if len(size.terms) == 1:
        ((factors, coefficient),) = size.terms.items()
        if coefficient > 0:
            unit: Dim = Sym({factors: 1}, size.atoms)
            return aligned(coefficient), unit
    return ALIGN, (size + ALIGN - 1) // ALIGN


def _lives(func: FuncOp) -> list[Buffer]:
    """Every allocation with the first and last position at which it is in use.

    A buffer from outside of a loop that is used inside lives until the loop's end.
    """
    position: dict[Op, int] = {}
    ends: dict[Op, int] = {}

    def number(op: Op, at: int) -> int:
        position[op] = at
        for region in op.regions:
            for inner in region.block.ops:
                at = number(inner, at + 1)
        ends[op] = at + 1
        return at + 1

    at = 0
    for op in func.body.ops:
        at = number(op, at + 1)
    out: list[Buffer] = []
    for op in func.walk():
        if isinstance(op, Alloc):
            uses = uses_of(op.result)
            last = max((_end_in(op, user, position, ends) for user in uses), default=position[op])
            units, factor = _factor(bytes_of(memref(op.result)))
            out.append(Buffer(op, position[op], last, units, factor))
    return out


def _end_in(alloc: Op, user: Op, position: dict[Op, int], ends: dict[Op, int]) -> int:
    """The position until which a use keeps a buffer: the end of the outermost region op around the use
    that does not hold the allocation too."""
    last = position[user]
    op: Op = user
    while op.block is not alloc.block and op.parent_op is not None:
        op = op.parent_op
        last = max(last, ends.get(op, last))
    return last


def _pack(buffers: list[Buffer]) -> int:
    """First fit, largest first; returns the size."""
    placed: list[Buffer] = []
    total = 0
    for b in sorted(buffers, key=lambda x: (-x.units, x.start)):
        busy = sorted((p.offset, p.offset + p.units) for p in placed if p.start <= b.end and b.start <= p.end)
        at = 0
        for lo, hi in busy:
            if at + b.units <= lo:
                break
            at = max(at, hi)
        b.offset = at
        placed.append(b)
        total = max(total, at + b.units)
    return total
