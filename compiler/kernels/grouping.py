"""Which ops run together: pointwise ops join the kernel that makes their operand, then pointwise groups each other."""

from __future__ import annotations

from ..ir.core import Block, Op, Value
from ..ir.types import TensorType
from ..ops.base import tensor
from ..ops.conv import Conv2D, Conv3D, ConvTranspose
from ..ops.matmul import MatMul
from ..ops.pool import AvgPool2D, AvgPool3D, Dilation2D, MaxPool2D, MaxPool3D
from .body import is_plain_pointwise, may_fail
from .former import Group
from .merging import merge_groups

#: anchors that work on images or volumes
IMAGES = (Conv2D, Conv3D, ConvTranspose, MaxPool2D, MaxPool3D, AvgPool2D, AvgPool3D, Dilation2D)
#: anchors whose kernels finish their result tile by tile with a body
ABSORBING = (*IMAGES, MatMul)
#: a longer chain becomes several kernels: passes over memory cost little beside so many ops, and what LLVM does
#: with one body grows faster than its length
MOST_OPS = 64


def group_block(block: Block) -> dict[Op, Group]:
    """The group of every op but the terminator; a group runs at the place of its last op."""
    groups: dict[Op, Group] = {}
    order = {op: i for i, op in enumerate(block.ops)}
    for op in block.ops:
        if op.has("terminator"):
            break
        if is_plain_pointwise(op):
            _join(op, groups, order)
        else:
            groups[op] = Group([op], op)
    merge_groups(block, groups, MOST_OPS)
    return groups


def _join(op: Op, groups: dict[Op, Group], order: dict[Op, int]) -> None:
    open_groups = [g for v in dict.fromkeys(op.operands) if (g := _can_join(op, v, groups)) is not None]
    anchored = [g for g in open_groups if g.anchor is not None]
    host = max(anchored, key=lambda g: order[g.last]) if anchored else None
    free = [g for g in open_groups if g.anchor is None]
    joined = _within([host, *free] if host and _takes(host, free, op) else free)
    if len(joined) == 1:
        group = joined[0]
        group.ops.append(op)
    else:
        ops = sorted((o for g in joined for o in g.ops), key=order.__getitem__)
        group = Group([*ops, op], next((g.anchor for g in joined if g.anchor), None))
        for o in ops:
            groups[o] = group
    groups[op] = group


def _takes(host: Group, free: list[Group], op: Op) -> bool:
    """Whether the host's kernel can do `op` and what joins with it on its tiles."""
    made = {r for g in (host, *free) for r in g.last.results}
    values = [v for v in op.operands if v not in made] + [v for g in free for v in g.inputs()]
    fails = may_fail(op) or any(may_fail(o) for g in free for o in g.ops)
    return not fails and all(fits_tiles(host, v, tensor(op.result)) for v in values)


def _within(groups: list[Group]) -> list[Group]:
    """As many of the groups as one body may hold, the first of them first."""
    out: list[Group] = []
    room = MOST_OPS - 1
    for g in groups:
        if len(g.ops) <= room:
            out.append(g)
            room -= len(g.ops)
    return out


def _can_join(op: Op, v: Value, groups: dict[Op, Group]) -> Group | None:
    """The group whose result `v` is, when nobody else needs that result and shapes agree."""
    d = v.definer
    if d is None or d not in groups or len(v.uses) != 1:
        return None
    g = groups[d]
    if g.last.results != (v,) or tensor(v).shape != tensor(op.result).shape:
        return None
    if g.anchor is not None and not isinstance(g.anchor, ABSORBING):
        return None
    return g


def fits_tiles(host: Group, v: Value, whole: TensorType) -> bool:
    """Whether a tile of a result `whole` can read `v`: one number, one number per column, or a number per element;
    images may also repeat over all their pixels."""
    have = v.type
    if not isinstance(have, TensorType) or have.size == 1:
        return isinstance(have, TensorType)
    aligned = (1,) * (whole.rank - have.rank) + have.shape
    if aligned[-1] != whole.shape[-1] or any(
        a not in (1, b) for a, b in zip(aligned, whole.shape, strict=True)
    ):
        return False  # also where a size may turn out to be 1
    span = slice(1, -1) if isinstance(host.anchor, IMAGES) else slice(-2, -1)
    return aligned[span] == whole.shape[span] or all(d == 1 for d in aligned[span])
