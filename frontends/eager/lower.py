"""From nodes to IR."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ...compiler.ir.attributes import Dense, SymbolRef
from ...compiler.ir.core import Block, Builder, Op, Region, Value
from ...compiler.ops.constant import Constant
from ...compiler.ops.control import Yield
from ...compiler.ops.variable import ReadVariable
from .nodes import Body, Node, Ref, Template


class Lowering:
    """Nodes as ops at the end of a block. `values` starts with those that are arguments of the function."""

    def __init__(self, block: Block, values: dict[Node, tuple[Value, ...]]) -> None:
        self.b = Builder(block)
        self.values = values

    def add(
        self, nodes: Iterable[Node], variable: Callable[[Node], str] | None = None, again: bool = False
    ) -> None:
        """Ops for nodes, which come after their operands. Known values become constants, unless the ops are
        wanted `again`; `variable` gives the symbol for a read."""
        for node in nodes:
            if node in self.values:
                continue
            self.b.location = node.site
            if node.done and not (again and node.template is not None):
                self.values[node] = tuple(
                    self.b(Constant, value=Dense(v)) for v in node.values or () if v is not None
                )
                continue
            if node.template is not None:
                op = create(self.b, node.template, [self.value(r) for r in node.operands])
            elif variable is not None:
                name = SymbolRef(variable(node))
                op = self.b.create(ReadVariable, variable=name, type=node.types[0])
            else:
                raise TypeError("a node without an op")
            self.values[node] = op.results

    def value(self, ref: Ref) -> Value:
        node, index = ref
        return self.values[node][index]


def create(b: Builder, template: Template, operands: Sequence[Value]) -> Op:
    """An op on values, with its regions."""
    if not template.bodies:
        return b.create(template.op, *operands, **template.attributes)  # type: ignore[arg-type]
    regions = [_region(body, operands, b) for body in template.bodies]
    own = operands[: template.own]
    return b.create(template.op, *own, regions=regions, **template.attributes)  # type: ignore[arg-type]


def _region(body: Body, operands: Sequence[Value], outside: Builder) -> Region:
    block = Block(body.arguments)
    values = [*operands, *block.args]
    b = Builder(block, location=outside.location)
    for template, places in body.steps:
        values += create(b, template, [values[i] for i in places]).results
    b.create(Yield, *(values[i] for i in body.results))
    return Region(block)
