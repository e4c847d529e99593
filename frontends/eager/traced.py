"""A Python function traced once for inputs of certain types, and compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ...compiler.ir.attributes import Array, Dense
from ...compiler.ir.core import Op
from ...compiler.ir.types import TensorType
from ...compiler.ops.builtin import finish_function, new_function, new_module
from ...compiler.ops.constant import Constant
from . import evaluate, nodes
from .evaluate import assign, declare_variables
from .lower import Lowering
from .nodes import Node, Placeholder, Read, Ref, Trace, ordered, tracing
from .program import Program, load_module
from .structure import leaves, rebuilt
from .tensor import Tensor, convert
from .variable import Variable


class Traced:
    """The nodes of a function: its inputs, what it gives, which variables it reads and assigns."""

    def __init__(
        self, function: Callable[..., Any], types: Sequence[tuple[str, TensorType]], name: str
    ) -> None:
        self.name = name
        trace = Trace(name)
        with tracing(trace):
            self.inputs = [Placeholder(t, n) for n, t in types]
            #: what the function gave, tensors in it as they are
            self.result = function(*[Tensor(p) for p in self.inputs])
            self.outputs: list[Ref] = [convert(v).ref for v in leaves(self.result) if v is not None]
        self.updates = trace.updates
        self._compute_outside()
        self._collect()
        #: variables that are constants of the compiled function
        self.constants: tuple[Variable, ...] = ()

    def forget(self, variables: Iterable[Variable]) -> None:
        """What the function assigns to these variables is not kept: they serve one call alone."""
        for v in variables:
            self.updates.pop(v, None)
        self._collect()

    def freeze(self, variables: Iterable[Variable]) -> None:
        """These variables, as far as the function does not assign them, become constants of their present values."""
        chosen = {v for v in variables if v not in self.updates}
        self.constants = tuple(v for v in self.variables if v in chosen)
        self.variables = tuple(v for v in self.variables if v not in chosen)

    def _ordered(self) -> list[Node]:
        roots = [n for n, _ in (*self.outputs, *self.updates.values())]
        return ordered(dict.fromkeys(roots), lambda n: not n.done)

    def _collect(self) -> None:
        """The nodes that are needed, operands first, and the variables among them."""
        self.nodes = self._ordered()
        reads = [n.variable for n in self.nodes if isinstance(n, Read)]
        self.variables: tuple[Variable, ...] = tuple(dict.fromkeys([*reads, *self.updates]))

    def _compute_outside(self) -> None:
        """Values from outside become constants."""
        outside = [
            n
            for n in self._ordered()
            if not n.done and n.trace is None and not isinstance(n, (Read, Placeholder))
        ]
        if outside:
            with tracing(None):
                evaluate.compute([(n, i) for n in outside for i in range(len(n.types))])

    def add_to(self, module: Op, names: dict[Variable, str], outputs: Sequence[str] | None = None) -> None:
        """The function in a module that has these variables."""
        inputs = [(p.name, p.types[0]) for p in self.inputs]
        func, block = new_function(module, self.name, inputs)
        values: dict[Node, Any] = {p: (a,) for p, a in zip(self.inputs, block.args, strict=True)}
        lowering = Lowering(block, values)
        known = set(self.constants)
        for n in self.nodes:
            if isinstance(n, Read) and n.variable in known:
                value = Dense(n.variable.numpy(), n.variable.path)
                values[n] = (lowering.b(Constant, value=value),)
        lowering.add(self.nodes, lambda n: names[n.variable] if isinstance(n, Read) else "")
        results = [lowering.value(r) for r in self.outputs]
        for v, ref in self.updates.items():
            assign(lowering, names[v], lowering.value(ref))
        called = list(outputs) if outputs is not None else [f"output_{i}" for i in range(len(results))]
        finish_function(func, list(zip(called, results, strict=True)))

    def module(self) -> tuple[Op, dict[Variable, str]]:
        """A module with this function alone; its variables lie in the caller's memory."""
        module = new_module()
        names = {v: f"v{i}" for i, v in enumerate(self.variables)}
        declare_variables(module, names)
        self.add_to(module, names)
        return module, names


class Compiled:
    """A traced function as native code, on arrays."""

    def __init__(self, traced: Traced) -> None:
        self.updates = tuple(traced.updates)
        self.variables = traced.variables
        self.types = [p.types[0] for p in traced.inputs]
        program = Program(load_module(traced.module()[0], traced.name))
        self._structure = rebuilt(traced.result, lambda v: v is not None)
        self.call = program.on([v.storage for v in self.variables])

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """The outputs for dense arrays of the inputs' types; variables are read and assigned."""
        if evaluate.unsettled:
            evaluate.settle()
        if nodes.live_reads and self.updates:
            before_writing(self.updates)
            results = self.call(arrays)
            for v in self.updates:
                v.settled()
            return results
        return self.call(arrays)

    def structured(self, results: Sequence[Array]) -> Any:
        """Results as the function gave them, as tensors."""
        source = iter(results)
        return rebuilt(self._structure, lambda there: Tensor(nodes.leaf(next(source))) if there else None)


def before_writing(variables: Iterable[Variable]) -> None:
    """What depends on the variables' present values, and is held by somebody, is computed now."""
    for v in variables:
        if v.last_read is not None:
            evaluate.rescue(v)
