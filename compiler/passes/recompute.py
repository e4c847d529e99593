"""What is cheap is computed again where it is needed, instead of being kept from the forward pass to the backward pass.

A kept value costs a write, a read and memory for as long as it waits. Where another value that it can be computed from
is there anyway, reading that one costs the same as reading the kept one, and a few multiply-adds more. (Chen et al.,
"Training Deep Nets with Sublinear Memory Cost", 2016, drop values that are not there otherwise; that would cost time.)
"""

from __future__ import annotations

import math

from ..ir.core import Block, Op, Value
from ..ir.passes import Pass, PassContext
from ..ops import activation as a
from ..ops import elementwise as e
from ..ops.base import tensor
from ..ops.builtin import functions
from ..ops.constant import Constant
from ..ops.reduce import Reduce
from ..ops.variable import AssignVariable, ReadVariable

#: an instruction or two for an element
CHEAP = (
    e.Add, e.Sub, e.Mul, e.Maximum, e.Minimum, e.SquaredDifference, e.Compare, e.LogicalAnd, e.LogicalOr,
    e.LogicalNot, e.Select, e.Cast, a.Neg, a.Abs, a.Square, a.Relu, a.Relu6,
)  # fmt: skip
#: no kernels
FREE = (Constant, ReadVariable, AssignVariable)
#: bytes of a value that are worth more code
LEAST = 32768
#: ops from a value that is there to one that is computed again
DEEPEST = 4


class Recompute(Pass):
    """Computes cheap values again from what is there anyway, in front of pointwise ops and reductions that need them
    behind other kernels; values that nothing else needs by then are not kept."""

    name = "recompute"

    def run(self, module: Op, context: PassContext) -> None:
        context.count(self.name, sum(_Ops(func.body).run() for func in functions(module)))


class _Ops:
    """The ops of a block: their places, and how many ops stand in front of each that are kernels of their own."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.place: dict[Op, int] = {}
        self.kernels: dict[Op, int] = {}
        count = 0
        for i, op in enumerate(block.ops):
            self.place[op], self.kernels[op] = i, count
            count += not (op.has("pointwise") or isinstance(op, FREE))

    def run(self) -> int:
        cheap = [op for op in self.block.ops if _is_worth(op)]
        made = sum(self._replace(op) for op in cheap)
        siblings: dict[Value, list[Op]] = {}
        for op in cheap:
            if self._later(op)[0] and len(large := _large(op)) == 1:
                siblings.setdefault(large[0], []).append(op)
        for source, ops in siblings.items():
            if len(ops) > 1:  # one value is kept instead of several
                made += sum(self._replace(op, source) for op in ops)
        return made

    def _later(self, op: Op) -> tuple[dict[int, list[Op]], int]:
        """Who uses a result behind other kernels: those that can compute it themselves, by the number of these kernels;
        and the place of the last one that cannot, or -1."""
        users: dict[int, list[Op]] = {}
        needed = -1
        for user in op.result.users:
            top = self._in_block(user)
            if self.kernels[top] == self.kernels[op]:
                continue
            if user is top and (user.has("pointwise") or isinstance(user, Reduce)):
                users.setdefault(self.kernels[user], []).append(user)
            else:
                needed = max(needed, self.place[top])
        return users, needed

    def _replace(self, op: Op, source: Value | None = None) -> int:
        """Gives later users copies of their own, made of `source` or of what is there; returns how many copies."""
        users, needed = self._later(op)
        made = 0
        for group in users.values():
            first = min(group, key=self.place.__getitem__)
            if self.place[first] < needed or (source is not None and needed >= 0):
                continue
            # a value that goes altogether may let another one wait in its stead
            since = self.kernels[op] if needed < 0 else None
            again = self._again(op.result, first, since, source, DEEPEST)
            if again is None:
                continue
            made += 1
            for user in group:
                user.set_operands([again if v is op.result else v for v in user.operands])
        return made

    def _again(
        self, v: Value, before: Op, since: int | None, source: Value | None, depth: int
    ) -> Value | None:
        """`v` computed again in front of an op, if what it takes is there."""
        op = v.definer
        if op is None or not depth or not _is_cheap(op) or len(large := _large(op)) > 1:
            return None
        mapping: dict[Value, Value] = {}
        for s in large:
            if s is not source and not self._is_there(s, before, since):
                new = self._again(s, before, since, source, depth - 1)
                if new is None:
                    return None
                mapping[s] = new
        copy = op.clone(mapping)
        self.block.insert(copy, before)
        self.place[copy], self.kernels[copy] = self.place[before], self.kernels[before]
        return copy.result

    def _is_there(self, v: Value, at: Op, since: int | None) -> bool:
        """Whether a value is kept until an op; with `since`, whether it is kept behind so many kernels."""
        if v.definer is None or isinstance(v.definer, Constant):
            return True
        users = [self._in_block(u) for u in v.users]
        if since is not None:
            return any(self.kernels[u] > since for u in users)
        return any(self.place[u] >= self.place[at] for u in users)

    def _in_block(self, op: Op) -> Op:
        """The block's own op that `op` is, or is inside of."""
        while op.block is not self.block:
            outer = op.parent_op
            if outer is None:
                raise TypeError(f"{op.name} uses a value of another function")
            op = outer
        return op


def _is_cheap(op: Op) -> bool:
    """Sizes that are known at run time alone are not judged."""
    return isinstance(op, CHEAP) and all(tensor(v).is_static for v in (*op.operands, op.result))


def _is_worth(op: Op) -> bool:
    return _is_cheap(op) and _elements(op.result) * tensor(op.result).dtype.bits >= 8 * LEAST


def _large(op: Op) -> list[Value]:
    """The operands that are no rows, columns or numbers."""
    whole = _elements(op.result)
    return [v for v in dict.fromkeys(op.operands) if 8 * _elements(v) > whole]


def _elements(v: Value) -> int:
    return math.prod(d for d in tensor(v).shape if isinstance(d, int))
