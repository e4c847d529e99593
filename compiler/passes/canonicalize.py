"""Exact identities, applied until nothing changes. The identities themselves stand in the files
`arithmetic_identities`, `movement_identities`, `control_identities` and `gradient_identities`."""

from __future__ import annotations

from collections.abc import Iterable

from ...runtime.errors import PassError
from ..ir.core import Op, Value
from ..ir.passes import Pass, PassContext
from ..ir.rewrite import is_dead
from . import arithmetic_identities, control_identities, gradient_identities, movement_identities
from .identities import IDENTITIES, Identity, Site

__all__ = [
    "Canonicalize", "arithmetic_identities", "control_identities", "gradient_identities", "movement_identities",
]  # fmt: skip

#: more rewrites by one identity than this many per op of the module mean that it never ends
CAP = 20


class Canonicalize(Pass):
    """Applies identities that are exact bit for bit, puts constants to the right, takes known branches,
    drops unused ops."""

    name = "canonicalize"

    def run(self, module: Op, context: PassContext) -> None:
        driver = _Driver(module.walk())
        driver.drain()
        for op, reasons in driver.reasons.items():
            for reason in reasons if op.block is not None else ():
                context.refuse(self.name, op, reason)
        context.count(self.name, sum(driver.fired.values()))


class _Driver:
    """A work list of ops; those near a change are looked at again."""

    def __init__(self, ops: Iterable[Op]) -> None:
        self.work = list(ops)[::-1]
        self.queued = set(self.work)
        self.cap = CAP * (len(self.work) + 50)
        self.fired: dict[str, int] = {}
        self.reasons: dict[Op, list[str]] = {}

    def push(self, ops: Iterable[Op]) -> None:
        for op in reversed(list(ops)):
            if op not in self.queued:
                self.queued.add(op)
                self.work.append(op)

    def drain(self) -> None:
        while self.work:
            op = self.work.pop()
            self.queued.discard(op)
            if op.block is None:
                continue
            if is_dead(op):
                self.remove(op)
                continue
            self.reasons.pop(op, None)
            if any(self.apply(f, op) for f in IDENTITIES.get(type(op), ())):
                self.reasons.pop(op, None)

    def apply(self, function: Identity, op: Op) -> bool:
        """Whether the identity fitted; the op is then replaced."""
        site = Site(op)
        new = function(site, op)
        if new is None:
            if site.reasons:
                self.reasons.setdefault(op, []).extend(site.reasons)
            return False
        self.count(function, op)
        values = new if isinstance(new, tuple) else (new,)
        users = [u for r in op.results for u in r.users]
        for r, v in zip(op.results, values, strict=True):
            r.replace_with(v)
        self.remove(op)
        self.push([*(d for v in values if (d := v.definer)), *site.made, *users])
        return True

    def count(self, function: Identity, op: Op) -> None:
        n = self.fired[function.__name__] = self.fired.get(function.__name__, 0) + 1
        if n > self.cap:
            raise PassError(
                f"identity {function.__name__!r} does not come to an end: it fired {self.cap} times, last at {op}"
            )

    def remove(self, op: Op) -> None:
        """Erases an op, and looks again at what it used."""
        used: list[Value] = [v for inner in op.walk() for v in inner.operands]
        op.erase()
        self.push(d for v in used if (d := v.definer))
