"""The pass form-kernels: a graph-level function becomes calls of kernels on buffers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...runtime.abi import MAX_RANK
from ...runtime.errors import UnsupportedError
from ...runtime.spec import i32
from ..ir.core import Block, Builder, Op, Region, Value
from ..ir.dims import DIMS, Sym, symbols_of
from ..ir.passes import Pass, PassContext
from ..ir.types import FunctionType, MemRefType, TensorType
from ..ops.base import GraphOp, tensor
from ..ops.builtin import FuncOp, ReturnOp, functions
from ..ops.constant import Constant
from ..ops.control import If, While, Yield
from ..ops.conv import Conv2D
from ..ops.fused import FUSED, FUSED_OPS, expand_epilogue
from ..ops.norm import BatchNorm
from ..ops.shape import Reshape
from ..ops.variable import AssignVariable, ReadVariable, Variable
from ..passes.widen_half import computes_with_half
from ..target import Target
from . import form_others
from .dialect_kern import Deliver
from .dialect_memory import memref
from .form_moves import copy
from .former import Former, Group, Kernels, buffer_type, form_of, refuse
from .grouping import group_block
from .late_sizes import LateSizes
from .places import plan_places

if TYPE_CHECKING:
    from .bands import Chain


@dataclass(frozen=True)
class FormKernels(Pass):
    """Groups ops into kernels and turns tensors into buffers."""

    name = "form-kernels"
    level = "kern"
    precise: bool = False

    def run(self, module: Op, context: PassContext) -> None:
        kernels = Kernels(module)
        sites: list[str] = []
        refused: list[UnsupportedError] = []
        for func in functions(module):
            _check_signature(func)
            _check_widened(func)
            _expand_fused(func)
            former = _FunctionFormer(func, kernels, context.target, sites, self.precise)
            former.convert()
            refused += former.former.refused
        raise_together(refused)
        module.attributes["kern.sites"] = tuple(sites)


def _check_signature(func: FuncOp) -> None:
    """What a library's tables can hold: few dimensions, and inputs whose unknown sizes are symbols."""
    rows = [("input", v, a) for v, a in zip(func.body.args, func.arg_attrs, strict=True)]
    rows += [("output", v, a) for v, a in zip(func.body.terminator.operands, func.res_attrs, strict=True)]
    for role, v, attrs in rows:
        t, name = tensor(v), attrs.get("graph.name", v.hint)
        where = f"@{func.sym_name}: {role} {name!r}"
        if t.rank > MAX_RANK:
            raise UnsupportedError(f"{where} has rank {t.rank}; at most {MAX_RANK} is possible")
        for d in t.shape if role == "input" else ():
            if isinstance(d, Sym) and symbols_of(d) != {str(d)}:
                raise UnsupportedError(f"{where} has a size {d}; give it a symbol of its own")


def _check_widened(func: FuncOp) -> None:
    """16-bit floats are stored and moved, not computed with."""
    for op in func.walk():
        if computes_with_half(op):
            raise refuse(op, "it computes with 16-bit floats: run the pass widen-half first")


def _expand_fused(func: FuncOp) -> None:
    """Fused ops back to product and steps: grouping puts them together again, with what else fits."""
    for op in list(func.walk()):
        if isinstance(op, FUSED_OPS):
            b = Builder.at(op)
            kept = {k: v for k, v in op.attributes.items() if k != "epilogue"}
            y = b(next(cls for cls in FUSED if isinstance(op, cls)), *op.operands[:2], **kept)
            op.replace_with(expand_epilogue(b, op, y))


class _FunctionFormer:
    def __init__(
        self, func: FuncOp, kernels: Kernels, target: Target, sites: list[str], precise: bool
    ) -> None:
        self.func = func
        self.inputs = list(func.body.args)
        self.outputs = list(func.body.terminator.operands)
        types = [buffer_type(tensor(v)) for v in (*self.inputs, *self.outputs)]
        hints = [v.hint for v in self.inputs] + [f"out{i}" for i in range(len(self.outputs))]
        self.block = Block([*types, MemRefType((), i32)], [*hints, "error"])
        assigned = {op.variable.name for op in func.walk() if isinstance(op, AssignVariable)}
        self.former = Former(Builder(self.block), kernels, target, sites=sites, assigned=assigned)
        self.former.entry = self.block
        self.former.precise = precise
        self.former.late = LateSizes(func.walk())
        args = self.block.args
        self.former.buffers.update(zip(self.inputs, args, strict=False))
        self.results = args[len(self.inputs) : -1]

    def convert(self) -> None:
        f, func = self.former, self.func
        for v, buffer in zip(self.outputs, self.results, strict=True):
            if _computed(v, func.body) and v not in f.destinations and not f.late.is_late(v):
                f.destinations[v] = buffer
        convert_block(f, func.body)
        for v, buffer in zip(self.outputs, self.results, strict=True):
            f.b.location = func.location
            if f.late.is_late(v):
                f.b.create(Deliver, self._dense(v), output=self.results.index(buffer))
            elif f.buffer(v) is not buffer:
                copy(f, f.buffer(v), buffer, location=func.location)
        self.block.insert(ReturnOp())
        self._replace()

    def _dense(self, v: Value) -> Value:
        """The buffer of a value, copied where it is a view with gaps."""
        f, buffer = self.former, self.former.buffer(v)
        t = memref(buffer)
        if t.element_strides == MemRefType(t.shape, t.dtype).element_strides:
            return buffer
        out = f.alloc(t.shape, t.dtype)
        copy(f, buffer, out, location=self.func.location)
        return out

    def _replace(self) -> None:
        func = self.func
        roles = [("input", a) for a in func.arg_attrs] + [("output", a) for a in func.res_attrs]
        values = [*self.inputs, *self.outputs]
        attrs = [
            {**_described(tensor(v)), **given, "kern.role": role}
            for v, (role, given) in zip(values, roles, strict=True)
        ]
        kept = {k: v for k, v in func.attributes.items() if k.startswith("graph.")}
        new = FuncOp(
            regions=[Region(self.block)],
            sym_name=func.sym_name,
            function_type=FunctionType(tuple(a.type for a in self.block.args), ()),
            arg_attrs=(*attrs, {"kern.role": "error"}),
            res_attrs=(),
            location=func.location,
            **kept,
        )
        new.attributes["kern.requires"] = tuple(self.former.late.at_entry)
        new.attributes["kern.writes"] = tuple(sorted(self.former.assigned))
        if func.block is not None:
            func.block.insert(new, func)
        func.erase()


def _described(t: TensorType) -> dict[str, Any]:
    """What the manifest has to know of an input or output."""
    out: dict[str, Any] = {"graph.dtype": t.dtype}
    if not t.is_static:
        out[DIMS] = tuple(d if isinstance(d, int) else str(d) for d in t.shape)
    return out


def _computed(v: Value, block: Block) -> bool:
    """Whether a kernel makes `v`, so that it can write into the caller's buffer."""
    d = v.definer
    return not (d is None or d.block is not block or isinstance(d, (Constant, Reshape, ReadVariable)))


def convert_block(f: Former, block: Block) -> None:
    """Calls for all groups of a block."""
    groups = group_block(block)
    chains: dict[Op, Chain] = {}
    if any(isinstance(op, Conv2D) for op in block.ops):
        from .bands import plan_bands  # with all kernels of convolutions, so only where there are some
        from .pooled import fuse_pools

        fuse_pools(f, groups)
        plan_places(f, block, groups)
        chains = plan_bands(f, block, groups)
    else:
        plan_places(f, block, groups)
    for op in block.ops:
        if op.has("terminator"):
            break
        group = groups[op]
        if group.last is not op or isinstance(op, Constant):
            continue
        f.b.location = group.location
        chain = chains.get(group.last)
        if chain is not None and group is not chain.last:
            continue  # computed together with what follows
        try:
            if chain is not None:
                chain.form(f)
            else:
                _form(f, group)
        except UnsupportedError as e:
            f.refused.append(e)
            for r in op.results:  # for what uses them
                f.result(r)


def raise_together(refused: list[UnsupportedError]) -> None:
    """One UnsupportedError for all: itself when it is the only one, else a line for each op and reason."""
    if not refused:
        return
    if len(refused) == 1:
        raise refused[0]
    found: dict[tuple[str, str], list[str]] = {}
    for row in (r for e in refused for r in e.rows):
        found.setdefault((row["op"], row["reason"]), []).extend(row["nodes"])
    rows = [
        {"op": op, "count": len(at), "nodes": at, "reason": why} for (op, why), at in sorted(found.items())
    ]
    lines = [f"  {r['op']} x {r['count']} ({', '.join(r['nodes'][:3])}): {r['reason']}" for r in rows]
    raise UnsupportedError(
        "expected ops that can be compiled, found others:\n" + "\n".join(lines),
        sorted({op for op, _ in found}),
        rows,
    )


def is_empty(group: Group) -> bool:
    """Whether all that a group makes are tensors without elements: nothing has to run."""
    op = group.last
    return isinstance(op, GraphOp) and op.has("pure") and all(tensor(r).size == 0 for r in op.results)


def has_kernel(op: Op) -> bool:
    """Whether ops of this kind can be compiled at all."""
    other = (Constant, If, While, *FUSED_OPS, BatchNorm, Yield, Variable)
    return op.has("pointwise") or isinstance(op, other) or form_of(op) is not None


def _form(f: Former, group: Group) -> None:
    if is_empty(group):
        for r in group.last.results:
            f.result(r)
        return
    if group.anchor is None:
        form_others.form_pointwise(f, group)
        return
    if isinstance(group.anchor, If):
        form_others.form_if(f, group, convert_block)
        return
    if isinstance(group.anchor, While):
        form_others.form_while(f, group, convert_block)
        return
    form = form_of(group.anchor)
    if form is None:
        raise refuse(group.anchor, "no kernel for it")
    form(f, group)
