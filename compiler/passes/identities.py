"""How one identity of `canonicalize` is written: a function on an op, registered for the ops it is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from ...runtime.spec import bf16
from ..ir.attributes import splat_value
from ..ir.bfloat16 import widen
from ..ir.core import Builder, Op, Value
from ..ir.opdef import REGISTRY
from .shared import dense_of, inherit


class Site:
    """One op under rewriting. What is created here stands in front of it, with its location, and keeps
    what it required of sizes."""

    def __init__(self, op: Op) -> None:
        self.op = op
        self.builder = Builder.at(op)
        self.replaced: list[Op] = [op]
        self.made: list[Op] = []
        self.reasons: list[str] = []

    def __call__(self, cls: type[Op], *operands: Value, **attributes: Any) -> Value:
        """The result of a new op."""
        new = inherit(self.builder.create(cls, *operands, **attributes), *self.replaced)
        self.made.append(new)
        return new.result

    def through(self, inner: Op) -> None:
        """Notes that what is created next also does the work of `inner`."""
        self.replaced.insert(0, inner)

    def forward(self, value: Value) -> Value | None:
        """`value` for the op's result, where that is the same type and nothing is left to check."""
        if value.type != self.op.result.type:
            return None
        if self.op.attributes.get("requires"):
            return self.refuse(f"it also checks that {' and '.join(self.op.attributes['requires'])}")
        return value

    def refuse(self, reason: str) -> None:
        """Notes why the identity does not apply."""
        self.reasons.append(reason)


Replacement: TypeAlias = Value | tuple[Value, ...] | None
Identity: TypeAlias = Callable[[Site, Any], Replacement]
IdentityT = TypeVar("IdentityT", bound=Identity)

#: the identities of each op, in the order in which they are tried
IDENTITIES: dict[type[Op], list[Identity]] = {}


def identity(*classes: type[Op], trait: str = "") -> Callable[[IdentityT], IdentityT]:
    """Registers a function for `classes` and what derives from them, or for all ops with `trait`."""

    def register(function: IdentityT) -> IdentityT:
        for cls in REGISTRY.values():
            if issubclass(cls, classes) or (trait and trait in cls.traits):
                IDENTITIES.setdefault(cls, []).append(function)
        return function

    return register


def one_value(v: Value) -> Any:
    """The number that all elements of a constant are, as a numpy scalar; None for anything else."""
    dense = dense_of(v)
    one = None if dense is None else splat_value(dense.array)
    return widen(one) if one is not None and dense is not None and dense.dtype == bf16 else one
