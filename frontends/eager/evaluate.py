"""Computing nodes: what is asked for becomes one compiled function, found again by its structure.

Arrays and Python numbers are the function's inputs, so that a loop that does the same with other numbers compiles
once. Variables are read and written where they lie.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...compiler.ir.attributes import Array, Dense, SymbolRef
from ...compiler.ir.core import Value
from ...compiler.ir.types import TensorType
from ...compiler.ops.builtin import finish_function, new_function, new_module
from ...compiler.ops.variable import AssignVariable
from ...compiler.ops.variable import Variable as VariableOp
from ...runtime.errors import InputError
from . import nodes
from .lower import Lowering
from .nodes import Node, Placeholder, Read, Ref, ordered
from .program import Program, load_module

if TYPE_CHECKING:
    from .variable import Variable

#: programs that are kept
_MOST = 256
_programs: OrderedDict[Any, Program] = OrderedDict()
_types: dict[TensorType, int] = {}
lock = threading.RLock()
#: variables whose new values are not computed yet, in order
unsettled: dict[Variable, None] = {}


def compute(refs: Sequence[Ref]) -> None:
    """Computes results of nodes, together with the new values of variables that wait for it."""
    with lock:
        _compute(list(refs))


def compute_now(node: Node) -> None:
    """Computes all results of a node."""
    compute([(node, i) for i in range(len(node.types))])


def settle() -> None:
    """Computes the new values of all variables that were assigned."""
    if unsettled:
        with lock:
            _compute([])


def _compute(refs: list[Ref]) -> None:
    updates = {v: v.awaited for v in unsettled if v.awaited is not None}
    unsettled.clear()
    if updates:
        refs += _endangered(refs)
    wanted = [r for r in dict.fromkeys(refs) if r[0].value(r[1]) is None]
    if not wanted and not updates:
        return
    _keep_old(updates)
    graph = _Graph(wanted, updates)
    results = graph.run()
    found: dict[Node, list[Array | None]] = {}
    for (node, i), value in zip(wanted, results, strict=True):
        found.setdefault(node, list(node.values) if node.values else [None] * len(node.types))[i] = value
    for node, values in found.items():
        node.settle(values)
    for v in updates:
        v.settled()


def rescue(variable: Variable) -> None:
    """Before a variable's memory is written from outside: computes what depends on its present value and is
    held by somebody, and the new values of other variables that wait."""
    unsettled.pop(variable, None)
    variable.awaited = None
    _keep_old([variable])
    if variable.last_read is not None or unsettled:
        _compute(_endangered([]))


def _endangered(refs: Iterable[Ref]) -> list[Ref]:
    """What somebody holds and what depends on variables' present values: these are about to be overwritten."""
    known = set(refs)
    out: list[Ref] = []
    for t in list(nodes.pending):
        if t.node.value(t.index) is None and t.node.reads and not t.node.symbolic and t.ref not in known:
            known.add(t.ref)
            out.append(t.ref)
    # the set has no order of its own, and equal graphs must look equal
    return sorted(out, key=lambda r: (r[0].serial, r[1]))


def _keep_old(updates: Iterable[Variable]) -> None:
    """Tapes that go on keep the values they have seen."""
    for v in updates:
        old = v.last_read
        if old is not None and old.kept and old.values is None:
            old.values = [v.storage.array.copy()]


class _Graph:
    """Nodes to be computed: their structure, and what goes in."""

    def __init__(self, wanted: Sequence[Ref], updates: dict[Variable, Ref]) -> None:
        self.wanted, self.updates = wanted, updates
        roots = [n for n, _ in (*wanted, *updates.values())]
        self.nodes = ordered(dict.fromkeys(roots), lambda n: not n.done)
        self.leaves: list[Node] = []
        self.variables: dict[Variable, int] = {}
        self.key = self._key()

    def _key(self) -> tuple[int, ...]:
        place: dict[Node, int] = {}
        key: list[int] = []
        for n in self.nodes:
            place[n] = len(place)
            if n.done:
                self.leaves.append(n)
                key.append(-1)
                key += [_type_number(t) for t in n.types]
            elif isinstance(n, Read):
                at = self.variables.setdefault(n.variable, len(self.variables))
                key += (-2, at, _type_number(n.types[0]))
            elif n.template is not None and not n.symbolic:
                key.append(n.template.number)
                for m, i in n.operands:
                    key += (place[m], i)
            else:
                raise InputError(_symbolic(n))
        key.append(-3)
        for n, i in self.wanted:
            key += (place[n], i)
        key.append(-4)
        for v, (n, i) in self.updates.items():
            key += (self.variables.setdefault(v, len(self.variables)), _type_number(v.type), place[n], i)
        return tuple(key)

    def run(self) -> list[Array]:
        program = _programs.get(self.key)
        if program is None:
            program = _programs[self.key] = self._compile()
            if len(_programs) > _MOST:
                _programs.popitem(last=False)
        else:
            _programs.move_to_end(self.key)
        arrays = [np.ascontiguousarray(a) for n in self.leaves for a in n.values or () if a is not None]
        return program.on([v.storage for v in self.variables])(arrays)

    def _compile(self) -> Program:
        module = new_module()
        names = {v: f"v{i}" for v, i in self.variables.items()}
        declare_variables(module, names)
        arguments = [(n, i) for n in self.leaves for i, a in enumerate(n.values or ()) if a is not None]
        inputs = [(f"x{k}", n.types[i]) for k, (n, i) in enumerate(arguments)]
        func, block = new_function(module, "compute", inputs)
        values: dict[Node, list[Any]] = {n: [None] * len(n.types) for n in self.leaves}
        for arg, (n, i) in zip(block.args, arguments, strict=True):
            values[n][i] = arg
        lowering = Lowering(block, {n: tuple(v) for n, v in values.items()})
        lowering.add(self.nodes, lambda n: names[n.variable] if isinstance(n, Read) else "")
        for v, ref in self.updates.items():
            assign(lowering, names[v], lowering.value(ref))
        finish_function(func, [(f"y{k}", lowering.value(r)) for k, r in enumerate(self.wanted)])
        return Program(load_module(module, "computation"))


def declare_variables(module: Any, names: dict[Variable, str]) -> None:
    """Variables that the library finds in the caller's memory."""
    for v, name in names.items():
        blank = np.broadcast_to(np.zeros((), v.type.dtype.numpy), v.storage.array.shape)
        module.body.insert(VariableOp(sym_name=name, value=Dense(blank, name, v.type.dtype), external=True))


def assign(lowering: Lowering, name: str, value: Value) -> None:
    lowering.b.create(AssignVariable, value, variable=SymbolRef(name))


def _type_number(t: TensorType) -> int:
    return _types.setdefault(t, len(_types))


def _symbolic(node: Node) -> str:
    if isinstance(node, Placeholder):
        return (
            f"expected a tensor with a value, received the symbolic input {node.name!r}: a value is known only "
            "inside of a call"
        )
    return (
        "expected a tensor with a value, received one of a function that is being traced: it has none there"
    )
