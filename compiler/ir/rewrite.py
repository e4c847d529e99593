"""Pattern rewriting: a pattern, a check with a reason when it refuses, a replacement; the greedy driver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, TypeAlias, Union

from ...runtime.errors import PassError
from .core import Block, Builder, Op, OpT, Value
from .location import Location
from .passes import Pass, PassContext

OperandPattern: TypeAlias = Union["P", str]
#: why a rewrite left an op alone, from the last time it was tried
Reasons: TypeAlias = dict[tuple[str, Op], list[str]]


class P:
    """Matches an op of one of `classes` whose first operands match `operands`.

    A string captures any value under that name; `name` captures the op. Operands of commutative ops
    match in either order.
    """

    def __init__(
        self, classes: type[Op] | tuple[type[Op], ...], *operands: OperandPattern, name: str = ""
    ) -> None:
        self.classes = classes if isinstance(classes, tuple) else (classes,)
        self.operands = operands
        self.name = name

    def match(self, op: Op) -> Iterator[Match]:
        """Every way in which `op` matches."""
        yield from self._extend(op, Match(op))

    def _extend(self, op: Op, m: Match) -> Iterator[Match]:
        if not isinstance(op, self.classes) or len(op.operands) < len(self.operands):
            return
        m = m.with_op(op, self.name)
        values = op.operands[: len(self.operands)]
        yield from self._operands(m, list(zip(self.operands, values, strict=True)))
        if op.has("commutative") and len(self.operands) == 2 and values[0] is not values[1]:
            yield from self._operands(m, list(zip(self.operands, values[::-1], strict=True)))

    def _operands(self, m: Match, todo: list[tuple[OperandPattern, Value]]) -> Iterator[Match]:
        if not todo:
            yield m
            return
        (pattern, value), rest = todo[0], todo[1:]
        if isinstance(pattern, str):
            bound = m.captures.get(pattern)
            if bound is None or bound is value:
                yield from self._operands(m.with_value(pattern, value), rest)
        elif value.definer is not None:
            for deeper in pattern._extend(value.definer, m):
                yield from self._operands(deeper, rest)


class Match:
    """What a pattern captured: `m.x` is a value or an op. `ops` are all matched ops, the root first."""

    def __init__(self, root: Op, ops: tuple[Op, ...] = (), captures: dict[str, Any] | None = None) -> None:
        self.root = root
        self.ops = ops
        self.captures = captures or {}

    def with_op(self, op: Op, name: str) -> Match:
        captures = {**self.captures, name: op} if name else self.captures
        return Match(self.root, (*self.ops, op), captures)

    def with_value(self, name: str, value: Value) -> Match:
        return Match(self.root, self.ops, {**self.captures, name: value})

    def __getattr__(self, name: str) -> Any:
        try:
            return self.captures[name]
        except KeyError:
            raise AttributeError(f"the pattern captures no {name!r}") from None

    @property
    def location(self) -> Location:
        """The locations of all matched ops, in the order of execution."""
        return Location.fused(*(op.location for op in reversed(self.ops)))


class RecordingBuilder(Builder):
    """A builder that remembers what it made."""

    def __init__(self, block: Block, before: Op, location: Location) -> None:
        super().__init__(block, before, location)
        self.made: list[Op] = []

    def insert(self, op: OpT) -> OpT:
        self.made.append(op)
        return super().insert(op)


class RewritePass(Pass):
    """A pass made of one rewrite, applied wherever it fits until nothing changes."""

    #: rewrites of one pattern beyond this many per op of the module mean that it never ends
    cap: ClassVar[int] = 20

    def pattern(self) -> P | tuple[P, ...]:
        """What to look for; alternatives are tried in order."""
        raise PassError(f"pass {self.name!r} has no pattern")

    def check(self, m: Match) -> str | None:
        """None, or the reason why this match is left alone."""
        return None

    def rewrite(self, b: Builder, m: Match) -> Value | tuple[Value, ...]:
        """The values that replace the root's results."""
        raise PassError(f"pass {self.name!r} has no replacement")

    def run(self, module: Op, context: PassContext) -> None:
        rewrite_greedily(module, (self,), context)


def rewrite_greedily(module: Op, rewrites: tuple[RewritePass, ...], context: PassContext) -> int:
    """Applies `rewrites` until none fits; returns how often one did.

    Raises PassError naming the rewrite that does not come to an end.
    """
    table = [(r, p if isinstance(p, tuple) else (p,)) for r in rewrites for p in (r.pattern(),)]
    refused: Reasons = {}
    work = list(module.walk())
    queued = set(work)
    cap = RewritePass.cap * (len(work) + 50)
    counts = dict.fromkeys((r.name for r in rewrites), 0)
    work.reverse()
    while work:
        op = work.pop()
        queued.discard(op)
        if op.block is None:
            continue
        for r, patterns in table:
            made = _try(r, patterns, op, refused)
            if made is None:
                continue
            counts[r.name] += 1
            if counts[r.name] > cap:
                raise PassError(
                    f"rewrite {r.name!r} does not come to an end: it fired {cap} times, last at {op}"
                )
            for new in reversed(made):
                if new not in queued:
                    queued.add(new)
                    work.append(new)
            break
    for (name, op), reasons in refused.items():
        if op.block is not None:  # else another match was good, or the op is gone
            for reason in reasons:
                context.refuse(name, op, reason)
    for name, n in counts.items():
        context.count(name, n)
    return sum(counts.values())


def _try(r: RewritePass, patterns: tuple[P, ...], op: Op, refused: Reasons) -> list[Op] | None:
    """The ops to look at next when a match was replaced; else None, with the reasons in `refused`."""
    reasons = refused[r.name, op] = []
    for p in patterns:
        for m in p.match(op):
            reason = r.check(m)
            if reason is not None:
                reasons.append(reason)
                continue
            if op.block is None:
                raise PassError(f"{op} is in no block")
            b = RecordingBuilder(op.block, op, m.location)
            new = r.rewrite(b, m)
            values = new if isinstance(new, tuple) else (new,)
            users = [u for res in op.results for u in res.users]
            operands = op.operands
            op.replace_with(*values)
            for dead in m.ops[1:]:
                erase_if_dead(dead)
            sole_users = [u for v in operands if len(v.uses) == 1 for u in v.users]
            return [*b.made, *(d for v in values if (d := v.definer)), *users, *sole_users]
    return None


def is_dead(op: Op) -> bool:
    """Whether nothing would miss the op: its results are unused, and it does nothing but compute or read."""
    if op.has("terminator") or any(r.uses for r in op.results):
        return False
    return all(o.has("pure") or o.has("read") for o in op.walk())


def erase_if_dead(op: Op) -> None:
    """Erases an op that `is_dead`, then what only it used."""
    stack = [op]
    while stack:
        o = stack.pop()
        if o.block is None or not is_dead(o):
            continue
        stack += [d for inner in o.walk() for v in inner.operands if (d := v.definer)]
        o.erase()
