"""Dead code elimination."""

from __future__ import annotations

from ..ir.core import Block, Op
from ..ir.dims import Sym, symbols_of
from ..ir.passes import Pass, PassContext
from ..ir.rewrite import is_dead
from ..ir.types import TensorType
from ..ops.base import split_requirement
from ..ops.builtin import FuncOp, functions
from ..ops.dynamic import DefineSize


class Dce(Pass):
    """Removes ops whose results nobody uses, also inside regions; variables stay, they are state."""

    name = "dce"

    def run(self, module: Op, context: PassContext) -> None:
        removed = sum(sweep(block) for region in module.regions for block in region.blocks)
        for func in functions(module):
            removed += _drop_sizes(func)
        context.count(self.name, removed)


def _drop_sizes(func: FuncOp) -> int:
    """Erases definitions of sizes that nothing mentions, and what only they needed."""
    removed = 0
    while defined := [op for op in func.walk() if isinstance(op, DefineSize)]:
        used = set[str]().union(*(_mentioned(op) for op in func.walk()))
        unused = [op for op in defined if op.symbol not in used]
        if not unused:
            break
        for op in unused:
            op.erase()
        removed += len(unused) + sweep(func.body)
    return removed


def _mentioned(op: Op) -> set[str]:
    """The symbols in an op's types and attributes."""
    out: set[str] = set()
    for r in op.results:
        for d in r.type.shape if isinstance(r.type, TensorType) else ():
            out |= symbols_of(d)
    for key, value in op.attributes.items():
        if key == "requires":
            for text in value:
                a, _, b = split_requirement(text)
                out |= symbols_of(a) | symbols_of(b)
        elif isinstance(value, (tuple, Sym)):
            for d in value if isinstance(value, tuple) else (value,):
                out |= symbols_of(d) if isinstance(d, Sym) else set()
    return out


def sweep(block: Block) -> int:
    """Erases what is dead, users before what they use, so that once through is enough."""
    removed = 0
    op = block.last
    while op is not None:
        earlier = op.prev
        if is_dead(op):
            op.erase()
            removed += 1
        else:
            removed += sum(sweep(b) for region in op.regions for b in region.blocks)
        op = earlier
    return removed
