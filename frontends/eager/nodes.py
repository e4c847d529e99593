"""Computations that were asked for and not done yet: a graph of nodes, each an op of the graph level.

A node is cheap: what its op is and which types it gives stand in a template, and equal ops on equal types share
one. Everything that a user holds refers to a node and the number of one of its results.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ...compiler.ir.attributes import Array, Attribute
from ...compiler.ir.core import Block, Op
from ...compiler.ir.dims import Dim, Sym, substitute
from ...compiler.ir.location import UNKNOWN, Location
from ...compiler.ir.types import TensorType, Type
from ...runtime.errors import InputError
from ...runtime.spec import dtype_of

if TYPE_CHECKING:
    from .variable import Variable

#: a result of a node
Ref: TypeAlias = "tuple[Node, int]"


class Template:
    """An op with its attributes on operands of certain types.

    One with regions has `bodies`: what they see of outside are the node's operands, of which the op's own are the
    first `own` ones.
    """

    __slots__ = ("attributes", "bodies", "number", "op", "operand_types", "own", "types")

    def __init__(
        self,
        op: type[Op],
        attributes: dict[str, Attribute],
        operand_types: tuple[Type, ...],
        bodies: tuple[Body, ...] = (),
        own: int = -1,
    ) -> None:
        self.op, self.attributes, self.operand_types = op, attributes, operand_types
        self.bodies, self.own = bodies, own
        self.types: tuple[TensorType, ...]
        if bodies:
            self.types = bodies[-1].result_types(operand_types)
        else:
            made = op(*Block(operand_types).args, location=_site, **attributes)
            self.types = tuple(_tensor_type(r.type) for r in made.results)
            made.set_operands(())
        self.number = len(_templates)


@dataclass(frozen=True)
class Body:
    """A region of an op: what it computes of the node's operands and of its own arguments. Values have numbers: the
    operands, the arguments, then the results of the steps in order."""

    arguments: tuple[TensorType, ...]
    steps: tuple[tuple[Template, tuple[int, ...]], ...]
    results: tuple[int, ...]

    def result_types(self, operand_types: tuple[Type, ...]) -> tuple[TensorType, ...]:
        types = [*operand_types, *self.arguments]
        for template, _ in self.steps:
            types += template.types
        return tuple(_tensor_type(types[i]) for i in self.results)


_templates: dict[Any, Template] = {}
_site: Location = UNKNOWN


def _tensor_type(t: Type) -> TensorType:
    if not isinstance(t, TensorType):
        raise InputError(f"expected an op on tensors, received one that gives {t}")
    return t


@contextmanager
def named(location: Location) -> Any:
    """Nodes made meanwhile come from `location`."""
    global _site
    kept, _site = _site, location
    try:
        yield
    finally:
        _site = kept


def site() -> Location:
    """Where nodes made now come from."""
    return _site


class Trace:
    """One tracing of a Python function: nodes made meanwhile belong to it, and are not computed by themselves."""

    __slots__ = ("__weakref__", "name", "reads", "rereads", "updates")

    def __init__(self, name: str = "") -> None:
        self.name = name
        #: the values that variables have before the function assigns them
        self.reads: dict[Variable, Read] = {}
        #: reads of what the function had assigned: that value, and the node that gives it
        self.rereads: dict[Variable, list[tuple[Ref, Node]]] = {}
        #: what the traced function assigns, in order of the first assignment
        self.updates: dict[Variable, Ref] = {}


_traces: list[Trace] = []


def current_trace() -> Trace | None:
    """The innermost function that is being traced."""
    return _traces[-1] if _traces else None


@contextmanager
def tracing(trace: Trace | None) -> Any:
    """Nodes made meanwhile belong to `trace`; with None they are computed when asked for."""
    if trace is None:
        kept, _traces[:] = _traces[:], []
        try:
            yield None
        finally:
            _traces[:] = kept
        return
    _traces.append(trace)
    try:
        yield trace
    finally:
        _traces.pop()


_serials = itertools.count()


class Node:
    """An op on results of other nodes. `values` holds its results once they are computed; then the operands
    are let go, unless a tape still has use for them (`kept`)."""

    __slots__ = (
        "__weakref__",
        "depth",
        "kept",
        "operands",
        "reads",
        "serial",
        "site",
        "symbolic",
        "template",
        "trace",
        "types",
        "values",
    )

    def __init__(
        self, template: Template | None, operands: tuple[Ref, ...], types: tuple[TensorType, ...]
    ) -> None:
        self.template, self.operands, self.types = template, operands, types
        self.values: list[Array | None] | None = None
        self.trace = _traces[-1] if _traces else None
        self.site = _site
        self.kept = 0
        self.depth = 0
        self.serial = next(_serials)
        #: whether a variable is among what it depends on
        self.reads = False
        #: whether it has no value: it belongs to a traced function, or depends on a placeholder
        self.symbolic = self.trace is not None

    @property
    def done(self) -> bool:
        """Whether all of its results are known."""
        return self.values is not None and all(v is not None for v in self.values)

    def value(self, index: int) -> Array | None:
        return self.values[index] if self.values is not None else None

    def settle(self, values: list[Array | None]) -> None:
        """Its results are known."""
        self.values = values
        if not self.kept and all(v is not None for v in values):
            self.operands = ()


class Leaf(Node):
    """A known array. A `number` came from a Python number: in a traced function it is a constant."""

    __slots__ = ("number",)

    def __init__(self, array: Array, number: bool = False) -> None:
        super().__init__(None, (), (TensorType(array.shape, dtype_of(array.dtype)),))
        self.values = [array]
        self.number = number


class Placeholder(Node):
    """An argument of a traced function, or an input of a model or a layer's result there: it has a type and a
    name, and no value. `source` tells which call of which layer gives it."""

    __slots__ = ("name", "source")

    def __init__(self, type: TensorType, name: str, source: Any = None) -> None:
        super().__init__(None, (), (type,))
        self.name, self.source = name, source
        self.symbolic = True


class Read(Node):
    """The value that a variable has at some time."""

    __slots__ = ("variable",)

    def __init__(self, variable: Variable) -> None:
        super().__init__(None, (), (variable.type,))
        self.variable = variable
        self.reads = True


class Recorder:
    """Hears of nodes as they are made; tapes do."""

    def record(self, node: Node) -> None:
        raise NotImplementedError

    def record_read(self, variable: Variable, node: Node) -> None:
        """The node gives a value of the variable."""
        raise NotImplementedError


#: who hears of new nodes, outermost first
recorders: list[Recorder] = []
#: values of variables that somebody uses, outside of traced functions
live_reads: weakref.WeakSet[Any] = weakref.WeakSet()
#: tensors that are not computed yet and belong to no traced function
pending: weakref.WeakSet[Any] = weakref.WeakSet()


def template_of(
    op: type[Op],
    operand_types: tuple[Type, ...],
    attributes: Mapping[str, Attribute],
    bodies: tuple[Body, ...] = (),
    own: int = -1,
) -> Template:
    """The template of an op; raises what its inference raises."""
    key: Any = (op, operand_types, tuple(sorted(attributes.items())))
    if bodies:
        key = (*key, bodies, own)
    found = _templates.get(key)
    if found is None:
        found = _templates[key] = Template(op, dict(attributes), operand_types, bodies, own)
    return found


def apply(op: type[Op], operands: Iterable[Ref], **attributes: Any) -> Node:
    """A new node. Raises ShapeError, DTypeError … where the op does not fit its operands."""
    refs = tuple(operands)
    return apply_template(template_of(op, tuple([n.types[i] for n, i in refs]), attributes), refs)


def apply_template(template: Template, refs: tuple[Ref, ...]) -> Node:
    """A new node of a template."""
    node = Node(template, refs, template.types)
    depth = 0
    for n, _ in refs:
        if not n.done:
            depth = max(depth, n.depth)
            node.reads = node.reads or n.reads
            node.symbolic = node.symbolic or n.symbolic
    node.depth = depth + 1
    for r in recorders:
        r.record(node)
    return node


def leaf(array: Any, number: bool = False) -> Leaf:
    """A node for a known array."""
    return Leaf(np.asarray(array), number)


def ordered(roots: Iterable[Node], inside: Any = None) -> list[Node]:
    """The roots and all nodes that they depend on, operands first. Nodes with known values are leaves, and so
    are those that `inside` says no to."""
    seen: dict[Node, None] = {}
    stack: list[tuple[Node, bool]] = [(r, False) for r in reversed(list(roots))]
    while stack:
        node, ready = stack.pop()
        if node in seen:
            continue
        if ready:
            seen[node] = None
            continue
        stack.append((node, True))
        if inside is None or inside(node):
            stack += [(n, False) for n, _ in node.operands if n not in seen]
    return list(seen)


def sized(value: Any, sizes: Mapping[str, Dim]) -> Any:
    """An attribute of an op with other sizes in the place of symbols."""
    if isinstance(value, Sym):
        return substitute(value, sizes)
    return tuple(sized(v, sizes) for v in value) if isinstance(value, tuple) else value
