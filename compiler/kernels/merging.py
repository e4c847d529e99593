"""Groups over the same elements become one where that saves reading: pointwise groups with several results, and
reductions of what pointwise ops make.

A value that several others need ends a group in `grouping.py`. Here such groups join again: one that makes a value and
one that reads it, or two that read the same value, if both walk over all elements of the same shape. Their kernel
writes every result that others need, and reads each input once: an optimizer's update of a weight and its moments is
one pass over them.

A reduction takes the pointwise groups into its kernel that nobody else reads, and other reductions of the same axes
that read the same.

Two groups must not join when one has to run before a third one, and that before the other. A joined group runs at the
place of its last op; what reads its earlier results moves behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..ir.core import Block, Op, Value
from ..ir.dims import Dim
from ..ops.base import tensor
from ..ops.dynamic import DefineSize
from ..ops.variable import AssignVariable, ReadVariable
from .body import may_fail
from .form_reduce import is_joinable
from .former import Group

#: pointers that a loop over so many buffers has to keep
MOST_BUFFERS = 16


def merge_groups(block: Block, groups: dict[Op, Group], most_ops: int) -> None:
    """Joins groups of pointwise ops, none of more than `most_ops`, and puts the block's ops in an order in which those
    of every group that was joined follow each other."""
    if any(isinstance(op, DefineSize) for op in block.ops):
        return  # sizes that become known on the way keep ops where they are
    order = _Order(block, groups)
    changed = order.join_reductions(most_ops)
    for node in list(order.nodes):
        changed |= order.join(node, most_ops)
    if changed:
        order.arrange()


@dataclass(eq=False)
class _Node:
    """A group among the others: bits of the groups that it consists of, that run before it, and behind it."""

    group: Group
    bits: int
    before: int = 0
    behind: int = 0


class _Order:
    def __init__(self, block: Block, groups: dict[Op, Group]) -> None:
        self.block, self.groups = block, groups
        self.needs = needed_ops(block)
        self.place = {op: i for i, op in enumerate(block.ops)}
        self.nodes: list[_Node] = []
        self.of: dict[Group, _Node] = {}
        self.by_bit: list[_Node] = []
        for op in block.ops:
            group = groups.get(op)
            if group is not None and group.last is op:
                self._add(group)
        for node in reversed(self.nodes):
            for earlier in self._direct(node):
                earlier.behind |= node.bits | node.behind

    def _add(self, group: Group) -> None:
        node = _Node(group, 1 << len(self.nodes))
        self.nodes.append(node)
        self.by_bit.append(node)
        self.of[group] = node
        for earlier in self._direct(node):
            node.before |= earlier.bits | earlier.before

    def _direct(self, node: _Node) -> Iterator[_Node]:
        needed = dict.fromkeys(d for op in node.group.ops for d in self.needs[op])
        for d in needed:
            found = self.of[self.groups[d]]
            if found is not node:
                yield found

    # joining

    def join(self, node: _Node, most_ops: int) -> bool:
        """Joins a group with earlier ones as long as that is possible; whether there was one."""
        joined = False
        while (
            other := next((c for c in self._candidates(node) if self._may(c, node, most_ops)), None)
        ) is not None:
            self._merge(other, node)
            joined = True
        return joined

    def _candidates(self, node: _Node) -> Iterable[_Node]:
        """Groups that make what this one reads, then those in front of it that read the same."""
        if not _is_free(node.group):
            return
        shape = shape_of(node.group)
        found: dict[_Node, None] = {}
        whole = [v for v in node.group.inputs() if tensor(v).shape == shape]
        makers = (self.groups.get(v.definer) for v in whole if v.definer is not None)
        users = (self.groups.get(u) for v in whole for u in v.users)
        for g in (*makers, *users):
            if g is None or g is node.group or not _is_free(g) or shape_of(g) != shape:
                continue
            other = self.of[g]
            if self.place[g.last] < self.place[node.group.last]:
                found[other] = None
        yield from found

    def join_reductions(self, most_ops: int) -> bool:
        """Joins reductions with what makes their operands, and with each other, until nothing more joins."""
        left = [n for n in self.nodes if n.group.anchor is not None and is_joinable(n.group.anchor)]
        before = count = len(self.nodes)
        while True:
            for node in left:
                self._absorb(node, most_ops)
            kept: list[_Node] = []
            for node in left:
                for other in [n for n in kept if _reduce_alike(n.group, node.group)]:
                    # not one that reduces what is made of the other's results
                    apart = other.bits & node.before or node.bits & other.before
                    if not apart and self._may(other, node, most_ops):
                        self._merge(other, node)
                        kept.remove(other)
                kept.append(node)
            left = kept
            if len(self.nodes) == count:
                return count < before
            count = len(self.nodes)

    def _absorb(self, node: _Node, most_ops: int) -> None:
        """Takes the pointwise groups into a reduction's that make its inputs for nobody else."""
        found = True
        while found:
            shape = _reduced_shape(node.group)
            inside = set(node.group.ops)
            makers = (self.groups.get(v.definer) for v in node.group.inputs() if v.definer is not None)
            found = False
            for g in dict.fromkeys(makers):
                if g is None or not _is_free(g) or shape_of(g) != shape or any(map(may_fail, g.ops)):
                    continue
                if any(op not in inside for r in g.results for op, _ in r.uses):
                    continue
                if self._may(self.of[g], node, most_ops):
                    self._merge(self.of[g], node)
                    found = True
                    break

    def _may(self, a: _Node, b: _Node, most_ops: int) -> bool:
        if len(a.group.ops) + len(b.group.ops) > most_ops:
            return False
        inside = a.bits | b.bits
        if ((a.behind & b.before) | (b.behind & a.before)) & ~inside:
            return False
        both = self._union(a.group, b.group)
        return len(both.inputs()) + len(both.results) <= MOST_BUFFERS

    def _union(self, a: Group, b: Group) -> Group:
        return Group(sorted((*a.ops, *b.ops), key=self.place.__getitem__), b.anchor)

    def _merge(self, a: _Node, b: _Node) -> None:
        """`a` becomes part of `b`."""
        b.group.ops[:] = self._union(a.group, b.group).ops
        for op in a.group.ops:
            self.groups[op] = b.group
        b.bits |= a.bits
        # what runs before both knows already what runs behind both
        before, behind = ((x ^ y) & ~b.bits for x, y in ((a.before, b.before), (a.behind, b.behind)))
        b.before = (b.before | a.before) & ~b.bits
        b.behind = (b.behind | a.behind) & ~b.bits
        for i in _bits(a.bits):
            self.by_bit[i] = b
        for i in _bits(before):
            self.by_bit[i].behind |= b.bits | b.behind
        for i in _bits(behind):
            self.by_bit[i].before |= b.bits | b.before
        self.nodes.remove(a)

    # order

    def arrange(self) -> None:
        """Moves ops behind what they need, those of a joined group together."""
        last = self.block.terminator
        done: set[Op] = set()
        for node in sorted(self.nodes, key=lambda n: self.place[n.group.last]):
            self._emit(node, last, done)

    def _emit(self, node: _Node, last: Op, done: set[Op]) -> None:
        waiting: list[tuple[_Node, Iterator[_Node]]] = [(node, self._direct(node))]
        while waiting:
            now, needed = waiting[-1]
            following = next((n for n in needed if n.group.last not in done), None)
            if following is not None:
                waiting.append((following, self._direct(following)))
                continue
            waiting.pop()
            if now.group.last in done:
                continue
            for op in now.group.ops:
                op.detach()
                self.block.insert(op, last)
                done.add(op)


def shape_of(group: Group) -> tuple[Dim, ...]:
    return tensor(group.result).shape


def _is_free(group: Group) -> bool:
    """Whether a group is of pointwise ops alone, over at least one element."""
    return group.anchor is None and tensor(group.result).size != 0


def _reduced_shape(group: Group) -> tuple[Dim, ...]:
    return tensor(group.reductions[0].x).shape


def _reduce_alike(a: Group, b: Group) -> bool:
    """Whether two groups reduce the same axes of the same elements, and read the same tensor of them."""
    x, y = (g.reductions[0] for g in (a, b))
    if tensor(x.x) != tensor(y.x) or {i % tensor(x.x).rank for i in x.axes} != {
        i % tensor(y.x).rank for i in y.axes
    }:
        return False
    shape = tensor(x.x).shape
    return any(v in b.inputs() for v in a.inputs() if tensor(v).shape == shape)


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def needed_ops(block: Block) -> dict[Op, list[Op]]:
    """What each op of a block has to run behind: what makes its operands, also those of ops inside of it; a variable's
    earlier assignments, and for an assignment its earlier reads; for other effects all earlier ones."""
    needs: dict[Op, list[Op]] = {}
    effects: list[Op] = []
    reads: dict[str, list[Op]] = {}
    writes: dict[str, Op] = {}
    barrier: Op | None = None
    for op in block.ops:
        made = [_outer(v, block) for inner in op.walk() for v in inner.operands]
        found = [d for d in made if d is not None and d is not op]
        if isinstance(op, (ReadVariable, AssignVariable)):
            name = op.variable.name
            found += [writes[name]] if name in writes else []
            found += [barrier] if barrier is not None else []
            if isinstance(op, AssignVariable):
                found += reads.pop(name, [])
                writes[name] = op
            else:
                reads.setdefault(name, []).append(op)
            effects.append(op)
        elif any(not inner.has("pure") and not inner.has("terminator") for inner in op.walk()):
            found += effects
            effects, reads, writes, barrier = [op], {}, {}, op
        needs[op] = list(dict.fromkeys(found))
    return needs


def _outer(v: Value, block: Block) -> Op | None:
    """The op of `block` that makes a value, if one does."""
    return v.definer if v.definer is not None and v.definer.block is block else None
