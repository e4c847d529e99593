"""What the inputs of nodes mean: in the graph, and in the body of a function that is being inlined."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...compiler.ir.core import Value
from .graphdef import Function, Node
from .registry import CONVERTERS, Missing
from .report import reason_for
from .surgery import Ref, Source, split_ref

Result = Value | Missing
Results = Sequence[Result] | Missing


@dataclass
class Scope:
    """The graph: its nodes, what messages call it, and the results of nodes that have been converted.

    `fed` holds the tensors that come from outside, `attrs` the attributes that stand for placeholders
    in a function's body, `callers` the functions being inlined around it.
    """

    nodes: Mapping[str, Node]
    where: str
    prefix: str = ""
    attrs: Mapping[str, Any] = field(default_factory=dict)
    callers: tuple[str, ...] = ()
    fed: dict[Ref, Result] = field(default_factory=dict)
    values: dict[str, Results] = field(default_factory=dict)

    def source(self) -> Source:
        """What `surgery` asks: which node an input comes from, among those still to be converted."""
        fed, done = set(self.fed), set(self.values)

        def source(text: str) -> str | None:
            ref = split_ref(text)
            return None if ref in fed or ref[0] in done else ref[0]

        return source

    def find(self, text: str) -> Result | None:
        """The tensor that an input names; None when its node has no such output."""
        ref = split_ref(text)
        fed = self.fed.get(ref)
        return self.output(ref) if fed is None else fed

    def output(self, ref: Ref) -> Result | None:
        """A result of a node by number."""
        values = self.values.get(ref[0])
        if values is None:  # the edge that leads back in a loop of TensorFlow 1
            node = self.nodes[ref[0]]
            return Missing(node.op, self.prefix + node.name, reason_for(node.op))
        if isinstance(values, Missing):
            return values
        return values[ref[1]] if ref[1] < len(values) else None


@dataclass
class FunctionScope(Scope):
    """A function's body: inputs are `argument`, `argument:1` for lists, or `node:output:number`."""

    arguments: dict[str, Sequence[Result]] = field(default_factory=dict)
    functions: Mapping[str, Function] = field(default_factory=dict)

    def source(self) -> Source:
        arguments = self.arguments

        def source(text: str) -> str | None:
            name = text.partition(":")[0]
            return None if name in arguments else name

        return source

    def find(self, text: str) -> Result | None:
        name, *rest = text.split(":")
        number = int(rest[-1]) if rest and rest[-1].isascii() and rest[-1].isdecimal() else 0
        if name in self.arguments:
            values = self.arguments[name]
            return values[number] if number < len(values) else None
        output = rest[0] if rest and not rest[0].isdecimal() else ""
        names = self._output_names(self.nodes[name])
        if names and output:
            # Each of the named outputs is one tensor.
            if output not in names or number:
                return None
            number = names.index(output)
        return self.output((name, number))

    def _output_names(self, node: Node) -> tuple[str, ...]:
        function = self.functions.get(node.op)
        if function is not None:
            return tuple(a.name for a in function.outputs)
        converter = CONVERTERS.get(node.op)
        return converter.outputs if converter is not None else ()


def missing_among(values: Iterable[Result]) -> Missing | None:
    """The first of `values` that could not be made."""
    return next((v for v in values if isinstance(v, Missing)), None)
