"""Common subexpression elimination by value numbering."""

from __future__ import annotations

from collections.abc import Hashable

from ..ir.attributes import attribute_key
from ..ir.core import Block, Op
from ..ir.location import Location
from ..ir.passes import Pass, PassContext
from ..ops.constant import Constant
from ..ops.variable import AssignVariable, ReadVariable


class Cse(Pass):
    """Merges ops that compute the same from the same; reads of a variable only between assignments."""

    name = "cse"

    def run(self, module: Op, context: PassContext) -> None:
        numbering = _Numbering()
        numbering.op(module)
        context.count(self.name, numbering.finish())


class _Numbering:
    """The first op of each kind of value; entries of a region are dropped at its end."""

    def __init__(self) -> None:
        self.first: dict[Hashable, Op] = {}
        self.merged: dict[Op, list[Location]] = {}
        #: how often a variable has been assigned so far, by its name
        self.versions: dict[str, int] = {}

    def op(self, op: Op) -> None:
        """Numbers what is inside of `op`. An assignment in a loop also comes before its own reads."""
        outside = self.first
        if op.has("isolated"):
            self.first = {}
        assigned = {o.variable.name for o in op.walk() if isinstance(o, AssignVariable)}
        for region in op.regions:
            self.assign(assigned)
            for block in region.blocks:
                self.block(block)
        self.assign(assigned)
        self.first = outside

    def assign(self, names: set[str]) -> None:
        for name in names:
            self.versions[name] = self.versions.get(name, 0) + 1

    def block(self, block: Block) -> None:
        added: list[Hashable] = []
        for op in block.ops:
            if op.regions:
                self.op(op)
            elif isinstance(op, AssignVariable):
                self.assign({op.variable.name})
            elif (key := self.key(op)) is not None:
                first = self.first.setdefault(key, op)
                if first is op:
                    added.append(key)
                else:
                    self.merged.setdefault(first, []).append(op.location)
                    op.replace_with(*first.results)
        for key in added:
            del self.first[key]

    def key(self, op: Op) -> Hashable | None:
        """Equal for ops that compute the same; None for those that do more than compute."""
        version = 0
        if isinstance(op, ReadVariable):
            version = self.versions.get(op.variable.name, 0)
        elif not op.has("pure") or op.has("terminator"):
            return None
        operands = op.operands
        if op.has("commutative") and len(operands) == 2 and id(operands[0]) > id(operands[1]):
            operands = operands[::-1]
        types = tuple(r.type for r in op.results)
        return (type(op), operands, attribute_key(op.attributes), types, version)

    def finish(self) -> int:
        """Gives each op that stands for others all their locations; a constant, used in many places, keeps
        its own."""
        for op, locations in self.merged.items():
            if not isinstance(op, Constant):
                op.location = Location.fused(op.location, *locations)
        return sum(map(len, self.merged.values()))
