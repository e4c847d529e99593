"""Where variables get their values, and which are written: a walk over a graph's effects, with nothing computed.

The subgraph that restores a SavedModel is followed as TensorFlow's loader runs it: from the saver's restore
op, over data and control inputs and into the functions it calls, to every assignment of a variable; and back
from what is assigned to the output of a RestoreV2, which names a tensor of the checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ...runtime.errors import FormatError
from .graphdef import FuncRef, Graph, Node
from .surgery import data_inputs, split_ref
from .tensors import Tensor
from .wire import shorten

HANDLES = frozenset({"VarHandleOp", "VariableV2", "Variable"})
_FORWARD = frozenset({"Identity", "EnsureShape", "PlaceholderWithDefault"})
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall", "While", "StatelessWhile"})
_BRANCHES = frozenset({"If", "StatelessIf", "Case", "StatelessCase"})
#: what takes the handle of a variable and leaves its value alone
_READS = frozenset(
    {"ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VariableShape", "VarIsInitializedOp"}
    | {"DisableCopyOnRead", "Identity", "IdentityN", "NoOp"} | _CALLS | _BRANCHES
)  # fmt: skip
_REFERENCE_WRITES = ("Assign", "Scatter", "Apply", "SparseApply", "CountUpTo")
MOST_STEPS = 500_000
MOST_NESTED = 64


@dataclass(frozen=True)
class Restored:
    """A tensor of the checkpoint, or the slice of it that `6 4 0,2:-` says."""

    key: str
    slice_text: str


Value = Restored | Tensor
"""What a variable begins as."""


@dataclass(eq=False)
class Place:
    """The graph, or a function's body as one call runs it: `arguments` are inputs at the caller's place."""

    nodes: Mapping[str, Node]
    arguments: Mapping[str, tuple[Place, str]] = field(default_factory=dict)
    callers: tuple[str, ...] = ()


def variable_key(node: Node) -> str:
    """What tells variables apart: nodes that share a name and container are one variable."""
    shared, container = node.attrs.get("shared_name"), node.attrs.get("container")
    name = shared if isinstance(shared, str) and shared else node.name
    return f"{container}/{name}" if isinstance(container, str) and container else name


class Flow:
    """The walk over one graph."""

    def __init__(self, graph: Graph, nodes: Mapping[str, Node], where: str) -> None:
        self.functions = graph.functions
        self.top = Place(nodes)
        self.where = where
        self.steps = MOST_STEPS

    def _spend(self, steps: int = 1) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise FormatError(f"{self.where}: expected a graph of sane size around its variables, found more")

    def visited(self, names: Iterable[str]) -> Iterator[tuple[Place, Node]]:
        """The nodes that must run for those named, with whatever they call."""
        todo = [(self.top, name) for name in names]
        seen: set[tuple[int, str]] = set()
        places = [self.top]  # kept alive, since `seen` goes by identity
        while todo:
            place, name = todo.pop()
            node = place.nodes.get(name)
            if node is None or (id(place), name) in seen:
                continue
            seen.add((id(place), name))
            self._spend(1 + len(node.inputs))
            yield place, node
            todo += [(place, _feeder(text)) for text in node.inputs if _feeder(text) in place.nodes]
            for inner in self._called(place, node):
                places.append(inner)
                todo += [(inner, n) for n in inner.nodes]

    def _called(self, place: Place, node: Node) -> Iterator[Place]:
        """The bodies of the functions that a node calls."""
        inputs = list(data_inputs(node))
        if node.op in self.functions:
            names = [node.op]
        elif node.op in _CALLS | _BRANCHES:
            values = [v if isinstance(v, tuple) else (v,) for v in node.attrs.values()]
            names = [v.name for value in values for v in value if isinstance(v, FuncRef)]
            inputs = inputs[1:] if node.op in _BRANCHES else inputs
        else:
            return
        for name in names:
            function = self.functions.get(name)
            if function is None or name in place.callers or len(place.callers) >= MOST_NESTED:
                continue  # for the importer to complain of, if the outputs need it
            self._spend(len(function.nodes))
            if len(function.inputs) != len(inputs):
                continue
            pairs = zip(function.inputs, inputs, strict=True)
            yield Place(
                {n.name: n for n in function.nodes},
                {argument.name: (place, text) for argument, text in pairs},
                (*place.callers, name),
            )

    def origin(self, place: Place, text: str) -> tuple[Place, Node, int] | None:
        """The node and output that a value comes from, through arguments and what hands values on."""
        while True:
            self._spend()
            name, number = _parts(text)
            if name in place.arguments:
                place, text = place.arguments[name]
                continue
            node = place.nodes.get(name)
            if node is None:
                return None
            inputs = list(data_inputs(node))
            if node.op not in _FORWARD or not inputs:
                return place, node, number
            text = inputs[0]

    def handle(self, place: Place, text: str) -> str | None:
        """The variable that an input is the handle of."""
        found = self.origin(place, text)
        return variable_key(found[1]) if found is not None and found[1].op in HANDLES else None

    def written(self, names: Iterable[str]) -> list[tuple[str, Node]]:
        """The variables that something assigns on the way to the nodes named, each with the node that does."""
        found: list[tuple[str, Node]] = []
        for place, node in self.visited(names):
            if node.op in _READS or node.op in self.functions:
                continue
            for text in data_inputs(node):
                of = self.origin(place, text)
                if of is None or of[1].op not in HANDLES:
                    continue
                if of[1].op == "VarHandleOp" or node.op.startswith(_REFERENCE_WRITES):
                    found.append((variable_key(of[1]), node))
        return found

    def assigned(self, names: Iterable[str]) -> dict[str, Value | None]:
        """What the nodes named assign to which variable; None where it is neither restored nor constant."""
        found: dict[str, Value | None] = {}
        for place, node in self.visited(names):
            inputs = list(data_inputs(node))
            if node.op not in ("Assign", "AssignVariableOp") or len(inputs) != 2:
                continue
            key = self.handle(place, inputs[0])
            if key is not None:
                found[key] = self._value(place, inputs[1])
        return found

    def _value(self, place: Place, text: str) -> Value | None:
        found = self.origin(place, text)
        if found is None:
            return None
        place, node, number = found
        if node.op == "Const":
            value = node.attrs.get("value")
            return value if isinstance(value, Tensor) else None
        inputs = list(data_inputs(node))
        if node.op != "RestoreV2" or len(inputs) != 3:
            return None
        names, slices = (self._strings(place, text) for text in inputs[1:])
        if len(names) != len(slices) or number >= len(names):
            raise FormatError(
                f"{self.where}: node {shorten(node.name)} (RestoreV2): expected as many slices as names, "
                f"found {len(slices)} and {len(names)}"
            )
        return Restored(names[number], slices[number])

    def _strings(self, place: Place, text: str) -> list[str]:
        """The values of a constant of strings."""
        found = self.origin(place, text)
        value = found[1].attrs.get("value") if found is not None and found[1].op == "Const" else None
        if not isinstance(value, Tensor) or value.dtype.tf_name != "string":
            raise FormatError(
                f"{self.where}: expected the names to restore as constant strings, found others"
            )
        array = value.array().reshape(-1)
        self._spend(len(array) // 8)
        return [s.decode("utf-8", "surrogateescape") for s in array.tolist()]


def _feeder(text: str) -> str:
    return split_ref(text.removeprefix("^"))[0].partition(":")[0]


def _parts(text: str) -> tuple[str, int]:
    """Node and output number; in functions inputs are `node:output:number`."""
    name, *rest = text.removeprefix("^").split(":")
    number = rest[-1] if rest else ""
    return name, int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else 0
