"""Sizes that a function computes while it runs: their order, and what is required of them."""

from __future__ import annotations

from collections.abc import Iterable

from ..ir.core import Op, Value
from ..ir.dims import symbols_of
from ..ops.base import split_requirement, tensor
from ..ops.dynamic import DefineSize


class LateSizes:
    """The symbols that `graph.define_size` gives values, and the requirements that can be checked only then."""

    def __init__(self, ops: Iterable[Op] = ()) -> None:
        #: symbol -> its stage, counted from 1
        self.stages: dict[str, int] = {}
        #: what is checked at entry
        self.at_entry: list[str] = []
        self._after: dict[int, list[str]] = {}
        every = list(ops)
        for op in every:
            if isinstance(op, DefineSize):
                self.stages[op.symbol] = len(self.stages) + 1
        for text in dict.fromkeys(r for op in every for r in op.attributes.get("requires", ())):
            a, _, b = split_requirement(text)
            stage = max((self.stages.get(s, 0) for s in symbols_of(a) | symbols_of(b)), default=0)
            (self._after.setdefault(stage, []) if stage else self.at_entry).append(text)

    def required(self, symbol: str) -> tuple[str, ...]:
        """What can be checked once `symbol` is known."""
        return tuple(self._after.get(self.stages[symbol], ()))

    def is_late(self, v: Value) -> bool:
        """Whether a value's sizes are not known when the function begins."""
        return any(s in self.stages for d in tensor(v).shape for s in symbols_of(d))
