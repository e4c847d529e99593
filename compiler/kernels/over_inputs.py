"""Results that take the place of an input: where a kernel reads each element of a buffer just before it writes the
element of its result, and nobody reads the buffer afterwards, both are one buffer. That is less memory, and less of
the cache that a step of training goes through.
"""

from __future__ import annotations

from ..ir.core import Op, Value
from ..ops.builtin import FuncOp
from .dialect_kern import Alloc, KernCall, Kernel, KernView
from .dialect_memory import memref
from .in_place import reads_where_it_writes, root_of, whole_of


def compute_over_inputs(module: Op, func: FuncOp) -> None:
    """Merges the buffers of `func`, a function of kernel calls, that may be one."""
    kernels = {k.sym_name: k for k in module.body.ops if isinstance(k, Kernel)}
    position = {op: i for i, op in enumerate(func.walk())}
    for op in list(position):
        if not isinstance(op, KernCall):
            continue
        kernel = kernels[op.kernel.name]
        for result in op.operands[len(kernel.reads) :]:
            alloc = result.definer
            if not isinstance(alloc, Alloc) or alloc.block is not op.block:
                continue
            if min(position[u] for u in uses_of(result)) < position[op]:
                continue
            source = _replaceable(op, kernel, result, position)
            if source is not None:
                _merge(op, result, source, position)


def _replaceable(op: KernCall, kernel: Kernel, result: Value, position: dict[Op, int]) -> Value | None:
    """The buffer of an input that this call is the last to use, and that its result may take the place of."""
    roots = [root_of(v) for v in op.operands]
    for i, v in enumerate(op.operands[: len(kernel.reads)]):
        if not reads_where_it_writes(kernel, i) or memref(v) != memref(result):
            continue
        source = whole_of(v)
        if not isinstance(source.definer, Alloc) or source.definer.block is not op.block:
            continue
        last = max(position[u] for u in uses_of(source) if not isinstance(u, KernView))
        if last == position[op] and sum(r is source for r in roots) == 1:
            return source
    return None


def _merge(op: Op, result: Value, source: Value, position: dict[Op, int]) -> None:
    alloc, block = result.definer, op.block
    if alloc is None or block is None:
        raise TypeError("a buffer of a function")
    stand_in = source
    if memref(source) != memref(result):
        t = memref(result)
        view = KernView(source, shape=t.shape, strides=t.element_strides, location=op.location)
        stand_in = block.insert(view, op).result
        position[view] = position[op]
    result.replace_with(stand_in)
    alloc.erase()


def uses_of(v: Value) -> list[Op]:
    """The ops that use a buffer, as it is or under another shape."""
    out: list[Op] = []
    for user in v.users:
        out.append(user)
        if isinstance(user, KernView):
            out += uses_of(user.result)
    return out
