"""Structured control flow with regions."""

from __future__ import annotations

from typing import Any

from ...runtime.errors import VerifyError
from ...runtime.spec import boolean
from ..ir.core import Block, Value
from ..ir.opdef import Attr, DefinedOp, Operand, Variadic
from ..ir.types import TensorType, Type
from .base import tensor


class Yield(DefinedOp, name="graph.yield", traits={"terminator", "pure"}):
    """Ends a region with its values."""

    values = Variadic()

    def infer(self) -> tuple[Type, ...]:
        return ()


def yielded(block: Block) -> tuple[Value, ...]:
    return block.terminator.operands


class If(DefinedOp, name="graph.if", traits={"pure"}):
    """The values of the first region when the condition holds, else of the second."""

    condition = Operand()

    def infer(self) -> tuple[Type, ...]:
        return tuple(v.type for v in yielded(self.regions[0].block))

    def verify(self) -> None:
        if tensor(self.condition) != TensorType((), boolean):
            raise VerifyError(f"{self.name} ({self.location}): the condition must be one bool")
        if len(self.regions) != 2:
            raise VerifyError(f"{self.name} ({self.location}): expected two regions")
        types = [tuple(v.type for v in yielded(r.block)) for r in self.regions]
        if types[0] != types[1]:
            raise VerifyError(f"{self.name} ({self.location}): the branches yield different types")


class While(DefinedOp, name="graph.while", traits={"pure"}):
    """Carries values through the second region as long as the first one yields true.

    More than `limit` rounds are the error LIMIT (0: no limit).
    """

    initial = Variadic()
    limit = Attr(int, default=0)

    def infer(self) -> tuple[Type, ...]:
        return tuple(v.type for v in self.initial)

    @classmethod
    def block_arg_types(cls, operands: list[Value], attributes: Any, region: int) -> tuple[Type, ...] | None:
        return tuple(v.type for v in operands)

    def verify(self) -> None:
        types = tuple(v.type for v in self.initial)
        if len(self.regions) != 2:
            raise VerifyError(f"{self.name} ({self.location}): expected two regions")
        condition, body = (r.block for r in self.regions)
        for block in (condition, body):
            if tuple(a.type for a in block.args) != types:
                raise VerifyError(f"{self.name} ({self.location}): a region's arguments are not the values")
        if [str(v.type) for v in yielded(condition)] != ["tensor<i1>"]:
            raise VerifyError(f"{self.name} ({self.location}): the first region must yield one bool")
        if tuple(v.type for v in yielded(body)) != types:
            raise VerifyError(
                f"{self.name} ({self.location}): the second region must yield the values' types"
            )
