"""One step of training, evaluation or prediction as a compiled function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....compiler.ir.attributes import Array
from ....compiler.ir.types import TensorType
from ....runtime.spec import dtype_of
from ...eager import nodes
from ...eager.gradients import differentiate
from ...eager.nodes import Ref
from ...eager.structure import leaves, packed, rebuilt
from ...eager.tensor import Tensor
from ...eager.traced import Compiled, Traced
from ...eager.variable import Variable


def gradients_of(loss: Tensor, variables: Sequence[Variable]) -> list[Tensor | None]:
    """The gradients of a loss with respect to variables, inside of a trace; None where it does not depend on one."""
    trace = nodes.current_trace()
    if trace is None:
        raise TypeError("gradients of a step are taken while it is traced")
    reads: list[tuple[Variable, Ref]] = []
    for v in variables:
        first = [trace.reads[v]] if v in trace.reads else []
        reads += [(v, (n, 0)) for n in [*first, *(n for _, n in trace.rereads.get(v, ()))]]
    totals: dict[Variable, Tensor] = {}
    for (v, _), g in zip(
        reads, differentiate([loss.ref], [r for _, r in reads], [None], lambda _: True), strict=True
    ):
        if g is not None:
            totals[v] = totals[v] + Tensor(*g) if v in totals else Tensor(*g)
    return [totals.get(v) for v in variables]


def types_of(structure: Any) -> Any:
    """What a step is compiled for: the structure with shapes and data types in the place of arrays."""
    return rebuilt(structure, lambda a: None if a is None else (a.shape, a.dtype.str))


def hashable(structure: Any) -> Any:
    if isinstance(structure, dict):
        return tuple((k, hashable(v)) for k, v in structure.items())
    if isinstance(structure, list):
        return ("list", *(hashable(v) for v in structure))
    return tuple(map(hashable, structure)) if isinstance(structure, tuple) else structure


class Step:
    """A function of a batch, traced for arrays of certain shapes. `frozen` variables are constants in it."""

    def __init__(self, body: Any, batch: Any, name: str, frozen: Sequence[Variable] = ()) -> None:
        arrays = [a for a in leaves(batch) if a is not None]
        types = [(f"x{i}", TensorType(a.shape, dtype_of(a.dtype))) for i, a in enumerate(arrays)]

        def run(*tensors: Tensor) -> Any:
            given = iter(tensors)
            whole = packed(batch, [None if a is None else next(given) for a in leaves(batch)])
            return body(*whole)

        traced = Traced(run, types, name)
        traced.freeze(frozen)
        self.result = traced.result
        self._versions = [(v, v.version) for v in traced.constants]
        self._assignments = Variable.assignments
        self._compiled = Compiled(traced)

    @property
    def is_current(self) -> bool:
        """Whether the variables that are constants in it have the values that it was compiled with."""
        if self._assignments != Variable.assignments:
            if any(v.version != n for v, n in self._versions):
                return False
            self._assignments = Variable.assignments
        return True

    def __call__(self, batch: Any) -> list[Array]:
        """The flat results for a batch of the same structure."""
        return self._compiled.run([a for a in leaves(batch) if a is not None])

    def on(self, arrays: Sequence[Array]) -> list[Array]:
        """The flat results for the batch's arrays in order."""
        return self._compiled.run(arrays)

    def structured(self, results: Sequence[Array]) -> Any:
        """Results as arrays in the structure that the function gave."""
        return packed(self.result, results)
