"""Dead code elimination."""

from __future__ import annotations

from dataclasses import dataclass

from ..ir.core import Block, Op
from ..ir.passes import Pass, PassContext
from ..ir.rewrite import is_dead


@dataclass(frozen=True)
class Dce(Pass):
    """Removes ops whose results nobody uses, also inside regions; variables stay, they are state."""

    name = "dce"

    def run(self, module: Op, context: PassContext) -> None:
        removed = sum(sweep(block) for region in module.regions for block in region.blocks)
        context.count(self.name, removed)


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
