"""Reverse mode: the ops between xs and ys, last one first, each turn the gradients of their results into those of
their operands, as they declare (`GraphOp.gradient`). What reaches a value on several ways is added up.

All of it is graph ops at the end of the same block, so gradients can be taken of gradients.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...runtime.errors import DTypeError, ShapeError, UnsupportedError, VerifyError
from ..ir.core import Block, Builder, Op, OpT, Value
from ..ir.types import TensorType
from ..ops.base import Gradients, GraphOp, NoGradient, no_gradient, none_flows
from ..ops.control import If, While
from ..ops.elementwise import Add
from ..ops.gradient import constant, zeros
from .branches import branch_gradients

__all__ = ["gradients"]


def gradients(
    b: Builder,
    ys: Sequence[Value],
    xs: Sequence[Value],
    dys: Sequence[Value | None] | None = None,
    unconnected: str = "none",
) -> list[Value | None]:
    """The gradients of the sum of all elements of `ys` by each of `xs`, as ops that `b` makes.

    `b` stands behind all that computes ys, in their block. `dys` are the gradients of ys, of their types; None
    among them, or None alone, stands for ones. The xs may be anything in scope: arguments, results of ops between
    others, values of outer blocks.

    Returns for each x a value of its type. For one that no y depends on in a differentiable way it is None, or zeros
    with unconnected="zero", as in TensorFlow.

    Raises:
        UnsupportedError: an op on the way has no gradient; it is named.
        DTypeError: a y is not a tensor of floats.
        ShapeError: a dy has another type than its y.
    """
    if unconnected not in ("none", "zero"):
        raise UnsupportedError(f'unconnected must be "none" or "zero", received {unconnected!r}')
    tape = _Tape(b, xs)
    given: Sequence[Value | None] = dys if dys is not None else [None] * len(ys)
    if len(given) != len(ys):
        raise ShapeError(f"expected a gradient for each of {len(ys)} values, received {len(given)}")
    for y, dy in zip(ys, given, strict=True):
        tape.start(y, dy)
    tape.play()
    found = [tape.total(x) for x in xs]
    if unconnected == "zero":
        found = [zeros(b, x).v if v is None and is_float(x) else v for x, v in zip(xs, found, strict=True)]
    tape.clean({v for v in found if v is not None})
    return found


def is_float(v: Value) -> bool:
    """Whether a value can have a gradient at all."""
    return isinstance(v.type, TensorType) and v.type.dtype.is_float


class _Recorder(Builder):
    """A builder that remembers what it made."""

    def __init__(self, b: Builder) -> None:
        super().__init__(b.block, b.before, b.location)
        self.made: list[Op] = []

    def insert(self, op: OpT) -> OpT:
        self.made.append(op)
        return super().insert(op)


class _Tape:
    """The ops of one block that xs lead to, and the gradients known so far."""

    def __init__(self, b: Builder, xs: Sequence[Value]) -> None:
        self.b = _Recorder(b)
        self.active = {x for x in xs if is_float(x)}
        self.ops: list[Op] = []
        for op in _before(b):
            if any(v in self.active for v in captured(op)):
                self.ops.append(op)
                if getattr(type(op), "gradient", None) is not none_flows:
                    self.active.update(r for r in op.results if is_float(r))
        self.parts: dict[Value, list[Value]] = {}

    def start(self, y: Value, dy: Value | None) -> None:
        """Gives `y` its gradient, by default ones."""
        if not is_float(y):
            raise DTypeError(f"only floats have gradients, received a value of type {y.type}")
        if dy is not None and dy.type != y.type:
            raise ShapeError(f"expected a gradient of type {y.type}, received {dy.type}")
        if y not in self.active:
            return
        if dy is None and isinstance(y.type, TensorType):
            self.b.location = y.definer.location if y.definer else self.b.location
            dy = constant(self.b, 1, y.type.dtype).broadcast(y.type.shape).v
        if dy is not None:
            self.parts.setdefault(y, []).append(dy)

    def play(self) -> None:
        """Goes through the ops, last one first."""
        for op in reversed(self.ops):
            self.b.location = op.location
            dy = [self.total(r) for r in op.results]
            if all(d is None for d in dy):
                continue
            operands = captured(op)
            found = self.of(op, operands, dy)
            for v, g in zip(operands, found, strict=True):
                self.add(op, v, g)

    def of(self, op: Op, operands: Sequence[Value], dy: list[Value | None]) -> Gradients:
        """The gradients of an op's operands, and of what its regions use."""
        if isinstance(op, If):
            return branch_gradients(self.b, op, [v in self.active for v in operands], operands, dy, gradients)
        if isinstance(op, While):
            why = "a loop does not keep its rounds: use a recurrent layer, or write a known number of rounds out"
            raise no_gradient(op, why)
        if not isinstance(op, GraphOp):
            raise no_gradient(op, "stop the gradient in front of it")
        return op.gradient(self.b, *dy)

    def add(self, op: Op, v: Value, g: Value | NoGradient | None) -> None:
        """Notes one more part of a value's gradient."""
        if g is None or v not in self.active:
            return
        if isinstance(g, NoGradient):
            raise no_gradient(op, g.reason)
        if g.type != v.type:
            raise VerifyError(f"the gradient of {op.name} ({op.location}) is {g.type}, its operand {v.type}")
        self.parts.setdefault(v, []).append(g)

    def total(self, v: Value) -> Value | None:
        """The gradient of a value: the sum of its parts, in the order in which they came."""
        parts = self.parts.get(v)
        if not parts:
            return None
        while len(parts) > 1:
            parts[:2] = [self.b(Add, parts[0], parts[1])]
        return parts[0]

    def clean(self, used: set[Value]) -> None:
        """Erases what was made for operands whose gradients nobody wanted."""
        for op in reversed(self.b.made):
            if not used.intersection(op.results):
                erase_unused(op, used)


def erase_unused(op: Op, kept: set[Value]) -> None:
    """Erases an op that nothing uses, unless one of its results is kept."""
    if op.block is not None and not any(r.uses for r in op.results) and not kept.intersection(op.results):
        op.erase()


def _before(b: Builder) -> list[Op]:
    """The ops of the builder's block in front of its place."""
    out: list[Op] = []
    for op in b.block.ops:
        if op is b.before:
            break
        out.append(op)
    return out


def captured(op: Op) -> tuple[Value, ...]:
    """What an op uses: its operands, then what its regions take from outside, each value once more at most."""
    if not op.regions:
        return op.operands
    inside: set[Block] = {block for o in op.walk() for region in o.regions for block in region.blocks}
    used: dict[Value, None] = {}
    for o in op.walk():
        if o is not op:
            used.update((v, None) for v in o.operands if _home(v) not in inside)
    return (*op.operands, *used)


def _home(v: Value) -> Block | None:
    """The block that a value belongs to."""
    return v.owner.block if isinstance(v.owner, Op) else v.owner
