"""Nodes with regions: branches and loops, whose bodies are Python functions traced once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from typing import Any

from ...compiler.ir.attributes import Attribute
from ...compiler.ir.core import Op, Value
from ...compiler.ir.types import TensorType
from ...compiler.ops.control import yielded
from ...runtime.errors import InputError
from . import nodes
from .nodes import (
    Body,
    Node,
    Placeholder,
    Ref,
    Template,
    Trace,
    apply_template,
    ordered,
    template_of,
    tracing,
)
from .structure import leaves
from .tensor import Tensor, convert


class RegionTrace(Trace):
    """The tracing of a region. What it uses of outside, variables too, is an operand of the node; a branch may assign
    variables, a loop's body may not."""

    __slots__ = ("_recorders", "_traces", "assigns")

    def __init__(self, name: str, assigns: bool) -> None:
        super().__init__(name)
        self.assigns = assigns
        self._traces = list(nodes._traces)  # pyright: ignore[reportPrivateUsage]
        self._recorders = list(nodes.recorders)

    @contextmanager
    def outside(self) -> Any:
        """Nodes made meanwhile stand in front of the op that has the region."""
        stack = nodes._traces  # pyright: ignore[reportPrivateUsage]
        kept, recorded = list(stack), list(nodes.recorders)
        stack[:], nodes.recorders[:] = self._traces, self._recorders
        try:
            yield
        finally:
            stack[:], nodes.recorders[:] = kept, recorded

    def check_assigns(self, name: str) -> None:
        if not self.assigns:
            raise InputError(
                f"expected no assignment in the body of a loop, received one of variable {name!r}: carry "
                "its value, and assign it after the loop"
            )


class Traced:
    """A region's function, traced: its arguments, what it gave, and that as tensors."""

    def __init__(
        self, function: Callable[..., Any], types: Sequence[TensorType], name: str, assigns: bool = False
    ) -> None:
        self.trace = RegionTrace(name, assigns)
        recorded, nodes.recorders[:] = list(nodes.recorders), []
        try:
            with tracing(self.trace):
                self.inputs = [Placeholder(t, f"{name}_{i}") for i, t in enumerate(types)]
                self.result = function(*(Tensor(p) for p in self.inputs))
                self.outputs = [convert(v) for v in leaves(self.result) if v is not None]
        finally:
            nodes.recorders[:] = recorded

    def inside(self, node: Node) -> bool:
        """Whether a node belongs to the region."""
        return node.trace is self.trace and node.values is None

    def nodes(self, outputs: Iterable[Ref]) -> list[Node]:
        """What the region computes, operands first; its arguments and what is outside among it."""
        return ordered(dict.fromkeys(n for n, _ in outputs), self.inside)

    def converted(self, change: Callable[[list[Tensor]], list[Tensor]]) -> list[Tensor]:
        """Its results after a change that stands in the region."""
        recorded, nodes.recorders[:] = list(nodes.recorders), []
        try:
            with tracing(self.trace):
                return change(self.outputs)
        finally:
            nodes.recorders[:] = recorded


def build(
    op: type[Op],
    own: Sequence[Tensor],
    regions: Sequence[tuple[Traced, Sequence[Tensor]]],
    **attributes: Attribute,
) -> list[Tensor]:
    """The results of an op on its own operands, with regions that end with these tensors."""
    operands: dict[Ref, int] = {}
    first = [t.ref for t in own]
    outside: list[Ref] = list(first)
    for traced, outputs in regions:
        refs = [t.ref for t in outputs]
        for n in traced.nodes(refs):
            seen = n.operands if traced.inside(n) else ()
            for ref in (*seen, *(r for r in refs if r[0] is n)):
                if not traced.inside(ref[0]) and ref not in operands:
                    operands[ref] = len(outside)
                    outside.append(ref)
    bodies = tuple(
        _body(traced, [t.ref for t in outputs], operands, len(outside)) for traced, outputs in regions
    )
    template = template_of(op, tuple(n.types[i] for n, i in outside), attributes, bodies, len(first))
    node = apply_template(template, tuple(outside))
    return [Tensor(node, i) for i in range(len(node.types))]


def _body(traced: Traced, outputs: list[Ref], operands: dict[Ref, int], count: int) -> Body:
    place = dict(operands)
    for p in traced.inputs:
        place[(p, 0)] = count
        count += 1
    steps: list[tuple[Template, tuple[int, ...]]] = []
    for n in traced.nodes(outputs):
        if not traced.inside(n) or (n, 0) in place or n.template is None:
            continue
        steps.append((n.template, tuple(place[r] for r in n.operands)))
        for i in range(len(n.types)):
            place[(n, i)] = count
            count += 1
    return Body(tuple(p.types[0] for p in traced.inputs), tuple(steps), tuple(place[r] for r in outputs))


def absorbed(op: Op) -> tuple[Template, list[Value]]:
    """The template of an op of the IR that has regions, and the values outside of it that are its operands."""
    operands: list[Value] = list(op.operands)
    place = {}
    local = {v for inner in op.walk() for r in inner.regions for b in r.blocks for v in b.args}
    local |= {v for inner in op.walk() if inner is not op for v in inner.results}
    for inner in op.walk():
        if inner is not op:
            for v in inner.operands:
                if v not in local and v not in place:
                    place[v] = len(operands)
                    operands.append(v)
    bodies: list[Body] = []
    for region in op.regions:
        number, count = dict(place), len(operands)
        for v in region.block.args:
            number[v], count = count, count + 1
        steps: list[tuple[Template, tuple[int, ...]]] = []
        for inner in region.block.ops:
            if inner.has("terminator"):
                continue
            if inner.regions:
                template, given = absorbed(inner)
            else:
                given = list(inner.operands)
                template = template_of(type(inner), tuple(v.type for v in given), attributes_of(inner))
            steps.append((template, tuple(number[v] for v in given)))
            for v in inner.results:
                number[v], count = count, count + 1
        types: Any = tuple(v.type for v in region.block.args)
        bodies.append(Body(types, tuple(steps), tuple(number[v] for v in yielded(region.block))))
    types = tuple(v.type for v in operands)
    return template_of(type(op), types, attributes_of(op), tuple(bodies), len(op.operands)), operands


def attributes_of(op: Op) -> dict[str, Attribute]:
    """An op's attributes without what its inference notes."""
    return {k: v for k, v in op.attributes.items() if k != "requires"}
