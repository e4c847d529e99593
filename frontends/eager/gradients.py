"""Gradients of nodes as nodes: the compiler's reverse mode, its result remembered by the graph's structure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ...compiler.autodiff.reverse import gradients
from ...compiler.ir.attributes import Array
from ...compiler.ir.core import Block, Builder, Op, Value
from ...compiler.ir.location import Location
from ...compiler.ops.constant import Constant
from .lower import Lowering
from .nodes import Node, Ref, Template, apply, apply_template, leaf, named, ordered
from .regions import absorbed, attributes_of

_MOST = 256
_recipes: OrderedDict[Any, Recipe] = OrderedDict()


class Step(NamedTuple):
    """An op to be made on values by their numbers, or a constant."""

    op: type[Op] | None
    operands: tuple[int, ...]
    attributes: dict[str, Any]
    location: Location
    constant: Array | None = None
    #: of an op with regions
    template: Template | None = None


class Recipe(NamedTuple):
    """How gradients are made of the values of a graph, which are numbered in order, results of steps after them.
    `wanted` are the numbers of the gradients."""

    steps: tuple[Step, ...]
    wanted: tuple[int | None, ...]

    def follow(self, refs: list[Ref]) -> list[Ref | None]:
        for s in self.steps:
            if s.op is None:
                refs.append((leaf(s.constant, number=True), 0))
                continue
            with named(s.location):
                given = tuple(refs[i] for i in s.operands)
                node = apply_template(s.template, given) if s.template else apply(s.op, given, **s.attributes)
            refs += [(node, i) for i in range(len(node.types))]
        return [None if i is None else refs[i] for i in self.wanted]


def differentiate(
    targets: Sequence[Ref],
    sources: Sequence[Ref],
    seeds: Sequence[Ref | None],
    inside: Callable[[Node], bool],
) -> list[Ref | None]:
    """Gradients of the sum of the targets, each times its seed (None: ones), with respect to the sources; None
    where nothing depends on the source. Only nodes that are `inside` are differentiated through.

    Raises UnsupportedError for an op without a gradient on the way.
    """
    given = {n for n, _ in sources}
    graph = ordered(
        dict.fromkeys(n for n, _ in (*targets, *sources, *(s for s in seeds if s))),
        lambda n: inside(n) and n.template is not None,
    )
    refs = [(n, i) for n in graph for i in range(len(n.types))]
    place = {r: k for k, r in enumerate(refs)}
    through = {n for n in graph if n.template is not None and inside(n) and (n.operands or n not in given)}
    key: list[Any] = []
    for n in graph:
        if n in through and n.template is not None:
            key.append((n.template.number, n.site, *(place[o] for o in n.operands)))
        else:
            key.append(n.types)
    key.append((tuple(place[r] for r in targets), tuple(place[r] for r in sources)))
    key.append(tuple(None if s is None else place[s] for s in seeds))
    found = tuple(key)
    recipe = _recipes.get(found)
    if recipe is None:
        recipe = _recipes[found] = _recipe(graph, through, refs, targets, sources, seeds)
        if len(_recipes) > _MOST:
            _recipes.popitem(last=False)
    return recipe.follow(refs)


def _recipe(
    graph: Sequence[Node],
    through: set[Node],
    refs: Sequence[Ref],
    targets: Sequence[Ref],
    sources: Sequence[Ref],
    seeds: Sequence[Ref | None],
) -> Recipe:
    outside = [n for n in graph if n not in through]
    block = Block(t for n in outside for t in n.types)
    values: dict[Node, tuple[Value, ...]] = {}
    at = 0
    for n in outside:
        values[n] = tuple(block.args[at : at + len(n.types)])
        at += len(n.types)
    lowering = Lowering(block, values)
    lowering.add([n for n in graph if n in through], again=True)
    last = block.last
    number = {lowering.value(r): k for k, r in enumerate(refs)}
    found = gradients(
        Builder(block),
        [lowering.value(r) for r in targets],
        [lowering.value(r) for r in sources],
        [None if s is None else lowering.value(s) for s in seeds],
    )
    steps: list[Step] = []
    op = last.next if last is not None else block.first
    while op is not None:
        for r in op.results:
            number[r] = len(number)
        if isinstance(op, Constant):
            steps.append(Step(None, (), {}, op.location, op.value.array))
        else:
            steps.append(_step(op, number))
        op = op.next
    return Recipe(tuple(steps), tuple(None if v is None else number[v] for v in found))


def _step(op: Op, number: dict[Value, int]) -> Step:
    """The step for an op; the results of the op have their numbers already."""
    if op.regions:
        template, operands = absorbed(op)
        return Step(type(op), tuple(number[v] for v in operands), {}, op.location, template=template)
    return Step(type(op), tuple(number[v] for v in op.operands), attributes_of(op), op.location)
