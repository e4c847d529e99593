"""The pass lower-loops: kernels become functions of loops, and calls become calls on views of three blocks of
memory: the arena, the read-only segment and the state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...runtime.abi import STATUS
from ...runtime.errors import UnsupportedError
from ...runtime.spec import boolean, i8, i32, i64
from ..ir.core import Block, Op, Region, Value
from ..ir.dims import DIMS, Sym, product, symbols_of
from ..ir.passes import Pass, PassContext
from ..ir.types import FunctionType, MemRefType, ScalarType, Type, index
from ..ops.base import split_requirement
from ..ops.builtin import FuncOp, functions
from ..ops.variable import Variable
from . import dialect_arith as arith
from . import dialect_control as scf
from . import dialect_memory as mem
from . import dialect_session as session
from .build import SYMBOL, Index, LoopBuilder, finish
from .dialect_kern import (
    THREADS,
    Alloc,
    Bands,
    BandView,
    DefineSymbol,
    Deliver,
    KernCall,
    KernConstant,
    Kernel,
    KernVariable,
    KernView,
    Reserve,
)
from .family import lowering_of

#: tasks for each thread, so that a slow thread's work can be taken over
TASKS_PER_THREAD = 4


class LowerLoops(Pass):
    """Lowers kernels and functions to loops."""

    name = "lower-loops"
    level = "loops"

    def run(self, module: Op, context: PassContext) -> None:
        kernels: dict[str, Kernel] = {}
        for op in list(module.body.ops):
            if isinstance(op, Kernel):
                kernels[op.sym_name] = op
        variables = [v.sym_name for v in module.body.ops if isinstance(v, Variable)]
        calls: list[dict[str, Any]] = []
        for func in functions(module):
            new = _MainLowering(func, kernels, variables, calls).function()
            module.body.insert(new, func)
            func.erase()
        module.attributes["kern.calls"] = tuple(calls)
        for kernel in kernels.values():
            lowered = lowering_of(kernel.family)(kernel, context.target)
            module.body.insert(lowered, kernel)
            kernel.erase()


#: arguments of an entry function after inputs, outputs and error word
BLOCKS = ("arena", "weights", "state")


def block_type(name: str) -> MemRefType:
    return MemRefType((Sym.symbol(name),), i8)


class _MainLowering:
    def __init__(
        self,
        func: FuncOp,
        kernels: dict[str, Kernel],
        variables: list[str],
        calls: list[dict[str, Any]],
    ) -> None:
        self.old, self.kernels, self.calls = func, kernels, calls
        self.numbers = {name: i for i, name in enumerate(variables)}
        self.symbols = entry_symbols(func)
        buffers = [a.type for a in func.body.args]
        types: list[Type] = [*buffers, *(block_type(n) for n in BLOCKS), *[index] * (len(self.symbols) + 1)]
        hints = [a.hint for a in func.body.args] + [*BLOCKS, *self.symbols, "threads"]
        attrs = [*func.arg_attrs, *({DIMS: (n,)} for n in BLOCKS), *({SYMBOL: s} for s in self.symbols), {}]
        kept = {k: v for k, v in func.attributes.items() if k.startswith(("kern.", "graph."))}
        new = FuncOp(
            regions=[Region(Block(types, hints))],
            sym_name=func.sym_name,
            function_type=FunctionType(tuple(types), ()),
            arg_attrs=tuple(attrs),
            res_attrs=(),
            location=func.location,
            **kept,
        )
        self.b = LoopBuilder(new)
        args = new.body.args
        self.values: dict[Value, Value] = dict(zip(func.body.args, args, strict=False))
        self.error = args[len(buffers) - 1]
        self.blocks: dict[str, Value] = dict(zip(BLOCKS, args[len(buffers) :], strict=False))
        self.threads = args[-1]

    def function(self) -> FuncOp:
        if any(isinstance(op, Alloc) and THREADS in symbols_of(product(op.shape)) for op in self.old.walk()):
            self.b.symbols[THREADS] = self.threads
            self.b.create(session.BindSymbol, self.threads, symbol=THREADS)
        self.b.create(session.Mark, number=-1)
        self._block(self.old.body)
        return finish(self.b)

    def _block(self, block: Block) -> Op:
        for op in block.ops:
            if op.has("terminator"):
                return op
            self.b.location = op.location
            self._op(op)
        raise UnsupportedError("a block without terminator")

    def _op(self, op: Op) -> None:
        b = self.b
        if isinstance(op, Alloc):
            self._view(f"stage{op.stage}" if op.stage else "arena", op, op.attributes["offset"])
        elif isinstance(op, KernConstant):
            self._view("weights", op, op.attributes["offset"])
        elif isinstance(op, KernVariable):
            self._variable(op)
        elif isinstance(op, KernView):
            self.values[op.result] = b.reinterpret(self.values[op.source], op.shape, op.strides, op.offset)
        elif isinstance(op, KernCall):
            self._call(op)
        elif isinstance(op, Bands):
            self._bands(op)
        elif isinstance(op, mem.MemLoad):
            self.values[op.result] = b(mem.MemLoad, *(self.values[v] for v in op.operands))
        elif isinstance(op, (scf.ScfIf, scf.ScfWhile)):
            self._regions(op)
        elif isinstance(op, DefineSymbol):
            self._define(op)
        elif isinstance(op, Reserve):
            self._reserve(op)
        elif isinstance(op, Deliver):
            sizes = [b.idx(b.dim(d)) for d in mem.memref(op.source).shape]
            b.create(session.Keep, self.values[op.source], *sizes, output=op.output)
        else:
            raise UnsupportedError(f"{op.name} has no lowering to loops", [op.name])

    def _variable(self, op: KernVariable) -> None:
        number = self.numbers[op.variable.name]
        place = self.b(session.Place, self.blocks["state"], number=number)
        t = mem.memref(op.result)
        self.values[op.result] = self.b(mem.View, place, self.b.idx(0), shape=t.shape, dtype=t.dtype)
        self.values[op.result].hint = op.variable.name

    def _view(self, block: str, op: Op, offset: int | Sym) -> None:
        t = mem.memref(op.result)
        b = self.b
        sizes = [b.idx(b.dim(d)) for d in t.shape if isinstance(d, Sym)]
        at = b.idx(b.dim(offset))
        self.values[op.result] = b(mem.View, self.blocks[block], at, *sizes, shape=t.shape, dtype=t.dtype)
        self.values[op.result].hint = op.result.hint

    def _regions(self, op: Op) -> None:
        b = self.b
        blocks: list[Block] = []
        for region in op.regions:
            block, known = Block(), dict(b.symbols)
            with b.inside(block):
                last = self._block(region.block)
                b.create(type(last), *(self.values[v] for v in last.operands))
            b.symbols = known
            blocks.append(block)
        operands = [self.values[v] for v in op.operands]
        b.create(type(op), *operands, regions=[Region(x) for x in blocks])

    def _define(self, op: DefineSymbol) -> None:
        """Loads a size, checks it and what is required of it, and binds its symbol."""
        b = self.b
        source = self.values[op.source]
        size = b.load(source, *[0] * mem.memref(op.source).rank)
        if mem.memref(op.source).dtype != i64:
            size = b(arith.CONVERSIONS["extsi"], size, result_types=[ScalarType(i64)])
        at = b(arith.CONVERSIONS["index_cast"], size, result_types=[index])
        b.symbols[op.symbol] = at
        b.create(session.BindSymbol, at, symbol=op.symbol)
        self._leave_when(b.compare("slt", at, 0), op.site, "SHAPE")
        for k, text in enumerate(op.requires, 1):
            left, relation, right = split_requirement(text)
            wrong = b.compare("slt" if relation == ">=" else "ne", b.dim(left), b.dim(right))
            for side in (left, right) if relation == "~" else ():
                wrong = b(arith.INTEGER["andi"], wrong, b.compare("ne", b.dim(side), 1))
            self._leave_when(wrong, op.site + k, "SHAPE")

    def _reserve(self, op: Reserve) -> None:
        b = self.b
        block = b(session.ReserveBlock, b.idx(b.dim(op.bytes)), stage=op.stage)
        self.blocks[f"stage{op.stage}"] = block
        none = b(session.IsNull, block, result_types=[ScalarType(boolean)])
        self._leave_when(none, op.site, "NOMEM")

    def _leave_when(self, wrong: Value, site: int, status: str) -> None:
        b = self.b
        with b.when(wrong):
            code = b.number(site * 256 + STATUS[status], i32)
            b(mem.AtomicRmw, code, self.error, kind="minu")
        b.create(session.Leave, wrong)

    def _call(self, op: KernCall) -> None:
        """The call, and a mark behind it for those who measure."""
        self._run(op)
        self._note([op])

    def _note(self, ops: Sequence[KernCall]) -> None:
        """A mark behind calls that are measured as one, and their row in the manifest."""
        self.b.create(session.Mark, number=len(self.calls))
        kernels = [self.kernels[op.kernel.name] for op in ops]
        row: dict[str, Any] = {
            "kernel": " + ".join(k.sym_name for k in kernels),
            "family": " + ".join(k.family for k in kernels),
            "algorithm": kernels[0].algorithm,
            "layer": " + ".join(str(op.location) if op.location else "" for op in ops),
            "flops": str(sum((op.flops for op in ops), 0)),
            "bytes": str(sum((op.bytes for op in ops), 0)),
            "cycles": str(sum((op.cycles for op in ops), 0)),
            "why": " + ".join(op.why for op in ops if op.why),
        }
        if bound := max(op.error_bound for op in ops):
            row["error_bound"] = bound
        self.calls.append(row)

    def _bands(self, op: Bands) -> None:
        """Bands are tasks; each thread has rows of its own for the images between the calls."""
        b, count = self.b, -(-op.rows // op.band)
        calls = [o for o in op.body.ops if isinstance(o, KernCall)]
        with b.parallel(b.mul(b.dim(op.images), count)) as unit:
            image, band = b.div(unit, count), b.rem(unit, count)
            lo = b.mul(band, op.band)
            hi = b.min(b.add(lo, op.band), op.rows)
            top = b.max(b.sub(b.mul(lo, op.stride), op.pad), 0)
            bottom = b.add(b.sub(b.mul(b.sub(hi, 1), op.stride), op.pad), op.taps)
            read = (b.mul(image, op.size), top, b.min(bottom, op.size))
            made = (b.mul(image, op.rows), lo, hi)
            slot = b(session.Slot)
            for view in op.body.ops:
                if isinstance(view, BandView):
                    before, start, _ = read if view.windows else made
                    self._band_view(view, slot, b.add(before, start))
            for call in calls:
                before, start, end = read if call is calls[0] else made
                buffers = [self.values[v] for v in call.operands]
                sizes = [b.idx(b.dim(d)) for d in call.dims]
                b.call(
                    call.kernel.name, *buffers, *sizes, b.idx(b.add(before, start)), b.idx(b.add(before, end))
                )
        self._note(calls)

    def _band_view(self, view: BandView, slot: Index, row: Index) -> None:
        """The image as if it began so far in front of the scratch memory that its row `row`, of all images, lies at
        the beginning of this thread's part."""
        b, scratch = self.b, view.source.definer
        if not isinstance(scratch, Alloc):
            raise UnsupportedError("bands without memory of their own")
        t = mem.memref(view.source)
        line = product(t.shape[2:]) * t.dtype.size
        own = b.mul(slot, b.dim(t.shape[1] * line))
        at = b.sub(b.add(b.dim(scratch.attributes["offset"]), own), b.mul(row, b.dim(line)))
        sizes = [b.idx(b.dim(d)) for d in view.shape if isinstance(d, Sym)]
        block = self.blocks[f"stage{scratch.stage}"]
        self.values[view.result] = b(mem.View, block, b.idx(at), *sizes, shape=view.shape, dtype=t.dtype)

    def _run(self, op: KernCall) -> None:
        b = self.b
        kernel = self.kernels[op.kernel.name]
        has_error = bool(kernel.params.get("error"))
        counted = any(isinstance(d, int) for d in op.dims)
        buffers = [self._counted(self.values[v]) if counted else self.values[v] for v in op.operands]
        buffers += [self.error] if has_error else []
        sizes = [b.idx(b.dim(d)) for d in op.dims] + ([b.idx(op.site)] if has_error else [])
        units = b.dim(op.units)

        has_slot = bool(kernel.params.get("slot"))

        def run(lo: Index, hi: Index, slot: Index) -> None:
            own = [b.idx(slot)] if has_slot else []
            b.call(kernel.sym_name, *buffers, *sizes, *own, b.idx(lo), b.idx(hi))

        if isinstance(units, int) and units <= op.grain:
            run(0, units, 0)
            return
        tasks = self._tasks(units, op.grain)
        with b.parallel(tasks) as task:
            lo = b.div(b.mul(task, units), tasks)
            slot = b(session.Slot) if has_slot else 0
            run(lo, b.div(b.mul(b.add(task, 1), units), tasks), slot)

    def _counted(self, v: Value) -> Value:
        """A dense buffer as a row, as a kernel takes it that is told the number of elements."""
        t = mem.memref(v)
        return self.b.reinterpret(v, (t.size,), (1,), t.offset)

    def _tasks(self, units: Index, grain: int) -> Index:
        """How many tasks: as many for each thread, so that all have the same to do, but none too small; one where
        that leaves work for only one thread."""
        b = self.b
        worth = b.div(b.add(units, grain - 1), grain)
        each = b.max(b.min(b.div(worth, self.threads), TASKS_PER_THREAD), 1)
        many = b.min(b.mul(each, self.threads), units)
        alone = b(arith.INTEGER["ori"], b.compare("eq", self.threads, 1), b.compare("slt", worth, 2))
        return b(arith.SelectOp, alone, b.idx(b.min(worth, 1)), b.idx(many))


def entry_symbols(func: FuncOp) -> list[str]:
    """The symbols of a function: every size of an input that is a symbol, in order of appearance."""
    found: dict[str, None] = {}
    for arg, attrs in zip(func.body.args, func.arg_attrs, strict=False):
        if attrs.get("kern.role") == "input" and isinstance(arg.type, MemRefType):
            for d in arg.type.shape:
                if isinstance(d, Sym):
                    found[str(d)] = None
    return list(found)
