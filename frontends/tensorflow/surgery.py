"""Names, references and order of nodes, before anything is converted: pruning, sorting, cycles.

All of it is linear in the size of the graph. Most files list nodes in an order in which each comes after
its inputs; only for others is networkx imported, to sort them or to name a cycle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from ...runtime.errors import FormatError
from .graphdef import Node
from .registry import PLACEHOLDERS
from .wire import shorten

Ref = tuple[str, int]
"""A tensor: the name of a node and the number of its output."""

#: op types that only TensorFlow 1's control flow uses; their graphs have cycles by design
TF1_CONTROL_FLOW = frozenset(
    {"Switch", "RefSwitch", "Merge", "RefMerge", "Enter", "RefEnter", "Exit", "RefExit", "LoopCond"}
    | {"NextIteration", "RefNextIteration", "ControlTrigger"}
)

MOST_SUGGESTED_FROM = 5000  # names that are searched for similar ones


def split_ref(text: str) -> Ref:
    """`node` or `node:1` as node and output number."""
    name, colon, number = text.rpartition(":")
    if colon and number.isascii() and number.isdecimal() and len(number) < 10:
        return name, int(number)
    return text, 0


def tensor_name(ref: Ref) -> str:
    """How a tensor is called: its node's name, with the output's number unless that is 0."""
    return f"{ref[0]}:{ref[1]}" if ref[1] else ref[0]


def index_nodes(nodes: Sequence[Node], where: str) -> dict[str, Node]:
    """The nodes by name."""
    found = {node.name: node for node in nodes}
    if len(found) != len(nodes):
        seen: set[str] = set()
        for node in nodes:
            if node.name in seen:
                raise FormatError(
                    f"{where}: expected every node's name once, found {shorten(node.name)} twice"
                )
            seen.add(node.name)
    return found


def data_inputs(node: Node) -> Iterator[str]:
    """The inputs that carry data; control inputs only order side effects, which a pure graph has none of."""
    return (text for text in node.inputs if not text.startswith("^"))


def all_inputs(node: Node) -> Iterator[str]:
    """The inputs, with those that only order side effects."""
    return (text.removeprefix("^") for text in node.inputs)


Inputs = Callable[[Node], Iterator[str]]

#: the name of the node that an input comes from, or None where it comes from elsewhere
Source = Callable[[str], "str | None"]


def prune(
    nodes: Mapping[str, Node],
    outputs: Iterable[str],
    source: Source,
    where: str,
    inputs_of: Inputs = data_inputs,
) -> list[Node]:
    """The nodes that the outputs need, in the order of the file."""
    needed: set[str] = set()
    todo = list(outputs)
    while todo:
        name = todo.pop()
        if name in needed:
            continue
        needed.add(name)
        for text in inputs_of(nodes[name]):
            feeder = source(text)
            if feeder is None or feeder in needed:
                continue
            if feeder not in nodes:
                raise FormatError(
                    f"{where}: node {shorten(name)} has input {shorten(text)}, and there is no node "
                    f"{shorten(feeder)}: check that the graph is whole"
                )
            todo.append(feeder)
    return [node for name, node in nodes.items() if name in needed]


def in_order(
    nodes: Sequence[Node], source: Source, where: str, inputs_of: Inputs = data_inputs
) -> list[Node]:
    """The nodes, each after its inputs; as in the file where that is so already. FormatError on a cycle."""
    seen: set[str] = set()
    for node in nodes:
        if any(feeder is not None and feeder not in seen for feeder in map(source, inputs_of(node))):
            return _sorted(nodes, source, where, inputs_of)
        seen.add(node.name)
    return list(nodes)


def _sorted(nodes: Sequence[Node], source: Source, where: str, inputs_of: Inputs) -> list[Node]:
    import networkx

    graph: Any = networkx.DiGraph()
    graph.add_nodes_from(node.name for node in nodes)
    # The one kind of edge that may lead back: a loop's values to the next round.
    back = {node.name for node in nodes if node.op in ("NextIteration", "RefNextIteration")}
    for node in nodes:
        feeders = (feeder for feeder in map(source, inputs_of(node)) if feeder is not None)
        graph.add_edges_from((feeder, node.name) for feeder in feeders if feeder not in back)
    place = {node.name: i for i, node in enumerate(nodes)}
    try:
        order = list(networkx.lexicographical_topological_sort(graph, key=place.__getitem__))
    except networkx.NetworkXUnfeasible:
        cycle = [edge[0] for edge in networkx.find_cycle(graph)]
        shown = [*cycle[:5], *(["…"] if len(cycle) > 5 else []), cycle[0]]
        raise FormatError(
            f"{where}: expected a graph without cycles, found {' → '.join(map(_short, shown))}"
        ) from None
    return [nodes[place[name]] for name in order]


def _short(name: str) -> str:
    return name if len(name) <= 60 else name[:59] + "…"


def default_outputs(nodes: Iterable[Node]) -> list[Node]:
    """The nodes that nothing consumes, in file order.

    Being looked at by an Assert's message or ordered by a control edge is no consumption; the condition
    of an Assert is no result.
    """
    listed = list(nodes)
    consumed: set[str] = set()
    for node in listed:
        texts = list(data_inputs(node))
        consumed.update(split_ref(text)[0] for text in (texts[:1] if node.op == "Assert" else texts))
    skipped = {*PLACEHOLDERS, "Assert", "Const", "NoOp"}
    return [node for node in listed if node.name not in consumed and node.op not in skipped]


def suggest(name: str, nodes: Iterable[str]) -> str:
    """`: did you mean …?` for a name that does not exist, or nothing."""
    names = list(nodes)
    if len(names) > MOST_SUGGESTED_FROM or len(name) > 200:
        return ""
    close = get_close_matches(name, names, n=3)
    return f": did you mean {' or '.join(map(shorten, close))}?" if close else ""
