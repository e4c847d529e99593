"""Branches and loops whose condition is known."""

from __future__ import annotations

from ..ir.core import Block, Value
from ..ops.control import If, While, yielded
from .identities import Replacement, Site, identity, one_value


@identity(If)
def take_branch(s: Site, op: If) -> Replacement:
    condition = one_value(op.condition)
    if condition is None:
        return None
    return _inline(s, op.regions[0 if bool(condition) else 1].block)


@identity(While)
def loop_never(s: Site, op: While) -> Replacement:
    """The condition is computed once, with all it does besides."""
    block = op.regions[0].block
    condition = one_value(yielded(block)[0])
    if condition is None or bool(condition):
        return None
    for arg, value in zip(block.args, op.initial, strict=True):
        arg.replace_with(value)
    _inline(s, block)
    return op.initial


def _inline(s: Site, block: Block) -> tuple[Value, ...]:
    """Moves the ops of a region's block in front of the op; the values it yields."""
    values = yielded(block)
    for inner in block.ops:
        if not inner.has("terminator"):
            inner.detach()
            s.builder.insert(inner)
            s.made.append(inner)
    return values
