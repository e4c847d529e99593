"""The gradient of `graph.if`: another one under the same condition, whose branches compute the chosen branch again and
then its gradients. So nothing has to be kept, and the branch that is not taken costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..ir.core import Block, Builder, Op, Region, Value
from ..ops.base import Gradients, no_gradient
from ..ops.control import If, Yield, yielded
from ..ops.gradient import zeros

#: `reverse.gradients`
Differentiate = Callable[..., list["Value | None"]]


def branch_gradients(
    b: Builder,
    op: If,
    wanted: Sequence[bool],
    operands: Sequence[Value],
    dy: Sequence[Value | None],
    differentiate: Differentiate,
) -> Gradients:
    """The gradients of the values in `operands` that are `wanted`, for the gradients `dy` of the results.

    A value that one branch does not use has zeros from there; one that nothing flows into, None.

    Raises:
        UnsupportedError: a branch does more than compute and read, so that it cannot be run again.
    """
    for inner in op.walk():
        if inner.has("effect") and not inner.has("read"):
            raise no_gradient(op, f"its branch has an effect, {inner.name}, that must not happen twice")
    places = [i for i, w in enumerate(wanted) if w]
    xs = [operands[i] for i in places]
    blocks: list[Block] = []
    found: list[list[Value | None]] = []
    for region in op.regions:
        block, values = _again(region)
        inside = Builder(block, location=b.location)
        pairs = [(y, d) for y, d in zip(values, dy, strict=True) if d is not None]
        found.append(differentiate(inside, [y for y, _ in pairs], xs, [d for _, d in pairs]))
        blocks.append(block)
    some = [k for k in range(len(xs)) if any(row[k] is not None for row in found)]
    out: list[Value | None] = [None] * len(operands)
    if not some:
        return tuple(out)
    for block, row in zip(blocks, found, strict=True):
        inside = Builder(block, location=b.location)
        _finish(inside, [row[k] or zeros(inside, xs[k]).v for k in some])
    made = b.create(If, op.condition, regions=[Region(block) for block in blocks])
    for k, result in zip(some, made.results, strict=True):
        out[places[k]] = result
    return tuple(out)


def _again(region: Region) -> tuple[Block, tuple[Value, ...]]:
    """A copy of a branch without its end, and what it yields."""
    block = region.clone({}).block
    block.region = None
    values = yielded(block)
    end: Op = block.terminator
    end.erase()
    return block, values


def _finish(b: Builder, values: Sequence[Value]) -> None:
    b.create(Yield, *values)
