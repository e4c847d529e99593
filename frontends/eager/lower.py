"""From nodes to IR."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...compiler.ir.attributes import Dense, SymbolRef
from ...compiler.ir.core import Block, Builder, Op, Value
from ...compiler.ops.constant import Constant
from ...compiler.ops.variable import ReadVariable
from .nodes import Node, Ref


class Lowering:
    """Nodes as ops at the end of a block. `values` starts with those that are arguments of the function."""

    def __init__(self, block: Block, values: dict[Node, tuple[Value, ...]]) -> None:
        self.b = Builder(block)
        self.values = values

    def add(self, nodes: Iterable[Node], variable: Callable[[Node], str] | None = None) -> None:
        """Ops for nodes, which come after their operands. Known values become constants; `variable` gives the
        symbol for a read."""
        for node in nodes:
            if node in self.values:
                continue
            self.b.location = node.site
            if node.template is None and node.values is None:
                if variable is None:
                    raise TypeError("a node without an op")
                name = SymbolRef(variable(node))
                op: Op = self.b.create(ReadVariable, variable=name, type=node.types[0])
            elif node.values is not None and node.template is None:
                self.values[node] = tuple(
                    self.b(Constant, value=Dense(v)) if v is not None else None  # type: ignore[misc]
                    for v in node.values
                )
                continue
            elif node.template is not None:
                op = self.b.create(
                    node.template.op, *(self.value(r) for r in node.operands), **node.template.attributes
                )  # type: ignore[arg-type]
            else:
                raise TypeError("a node that is neither an op nor known")
            self.values[node] = op.results

    def value(self, ref: Ref) -> Value:
        node, index = ref
        return self.values[node][index]
