"""What ops' gradients are written with: tensors in the hands of a Builder, with Python's operators.

Ops are found by name, so that every family can use all others. A pointwise op on something that was broadcast is made
on what it was broadcast from: gradients of sums and means stay small until they meet a tensor of full size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Union

import numpy as np

from ...runtime.errors import VerifyError
from ...runtime.spec import DType, bf16, i32, i64
from ..ir.attributes import Dense
from ..ir.bfloat16 import narrow
from ..ir.core import Builder, Op, Value
from ..ir.dims import Dim
from ..ir.opdef import REGISTRY
from .base import Gradients, GraphOp, NoGradient, no_gradient, tensor

Operand = Union["Term", float, int, bool]


class Term:
    """A tensor; plain numbers beside it become scalar constants of its dtype, which broadcast."""

    __slots__ = ("b", "v")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, b: Builder, v: Value) -> None:
        self.b, self.v = b, v

    @property
    def shape(self) -> tuple[Dim, ...]:
        return tensor(self.v).shape

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> DType:
        return tensor(self.v).dtype

    def like(self, x: Operand) -> Term:
        """`x` itself, or the number as a scalar of this dtype."""
        return x if isinstance(x, Term) else constant(self.b, x, self.dtype)

    def make(self, name: str, *others: Operand, **attributes: Any) -> Term:
        """The only result of a new op `graph.<name>` on this tensor and others."""
        values = [self.like(x).v for x in others]
        return Term(self.b, self.b(REGISTRY["graph." + name], self.v, *values, **attributes))

    def point(self, name: str, *others: Operand, **attributes: Any) -> Term:
        """The same for a pointwise op, made before its operands are broadcast where that is possible."""
        whole = [self, *map(self.like, others)]
        small = [Term(self.b, _origin(t.v)) for t in whole]
        shape, inner = (_common([t.shape for t in terms]) for terms in (whole, small))
        if shape is None or inner is None:
            return self.make(name, *others, **attributes)
        made = small[0].make(name, *small[1:], **attributes)
        return made.broadcast(shape)

    def cast(self, to: DType) -> Term:
        return self if self.dtype == to else self.point("cast", dtype=to)

    def where(self, yes: Operand, no: Operand) -> Term:
        """Of bools: `yes` where they hold, else `no`; one of both must be a Term."""
        kind = yes if isinstance(yes, Term) else no
        if not isinstance(kind, Term):
            raise TypeError("select needs a tensor")
        return self.point("select", kind.like(yes), kind.like(no))

    def reshape(self, shape: Iterable[Dim]) -> Term:
        shape = tuple(shape)
        if shape == self.shape:
            return self
        one = Term(self.b, _origin(self.v))
        if one.v is not self.v and all(d == 1 for d in one.shape):
            return one.reshape(()).broadcast(shape)
        return self.make("reshape", shape=shape)

    def broadcast(self, shape: Iterable[Dim]) -> Term:
        shape = tuple(shape)
        return self if shape == self.shape else self.make("broadcast_to", shape=shape)

    def transpose(self, permutation: Iterable[int]) -> Term:
        order = tuple(permutation)
        return self if order == tuple(range(self.rank)) else self.make("transpose", permutation=order)

    @property
    def t(self) -> Term:
        """Each matrix transposed."""
        return self.transpose((*range(self.rank - 2), self.rank - 1, self.rank - 2))

    def sum(self, axes: Iterable[int], keep_dims: bool = False) -> Term:
        axes = tuple(axes)
        return self.make("reduce_sum", axes=axes, keep_dims=keep_dims) if axes else self

    def matmul(self, other: Term, tx: bool = False, ty: bool = False) -> Term:
        """The product of matrices, of which `tx` and `ty` transpose the first and second."""
        return self.make("matmul", other, transpose_x=tx, transpose_y=ty)

    def slice(self, axis: int, start: Dim, stop: Dim) -> Term:
        """Part of one axis."""
        if start == 0 and stop == self.shape[axis]:
            return self
        starts, stops = [0] * self.rank, list(self.shape)
        starts[axis], stops[axis] = start, stop  # type: ignore[call-overload]
        return self.make("slice", starts=tuple(starts), stops=tuple(stops), steps=(1,) * self.rank)

    def add_rows(self, at: Term, count: Dim) -> Term:
        """A matrix of `count` rows, to which row i of this one is added at `at[i]`."""
        return self.make("segment_reduce", at, count=count)

    def __add__(self, y: Operand) -> Term:
        return self.point("add", y)

    def __sub__(self, y: Operand) -> Term:
        return self.point("sub", y)

    def __mul__(self, y: Operand) -> Term:
        """By ones, which the gradient of a loss begins with, what is there already."""
        other = self.like(y)
        shape = _common([self.shape, other.shape])
        for one, rest in ((self, other), (other, self)):
            if shape is not None and _is_one(one):
                return rest.broadcast(shape)
        return self.point("mul", other)

    def __truediv__(self, y: Operand) -> Term:
        return self.point("div", y)

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, y: Operand) -> Term:
        return self.like(y).point("sub", self)

    def __rtruediv__(self, y: Operand) -> Term:
        return self.like(y).point("div", self)

    def __neg__(self) -> Term:
        return self.point("neg")

    def __lt__(self, y: Operand) -> Term:
        return self.point("less", y)

    def __le__(self, y: Operand) -> Term:
        return self.point("less_equal", y)

    def __gt__(self, y: Operand) -> Term:
        return self.point("greater", y)

    def __ge__(self, y: Operand) -> Term:
        return self.point("greater_equal", y)

    def __and__(self, y: Term) -> Term:
        return self.point("logical_and", y)

    def eq(self, y: Operand) -> Term:
        """Whether equal; a method, so that `==` of Python objects stays what it is."""
        return self.point("equal", y)


def constant(b: Builder, x: Any, dtype: DType) -> Term:
    """A number or an array as a constant."""
    array = narrow(np.asarray(x, np.float32)) if dtype == bf16 else np.asarray(x, dtype.numpy)
    return Term(b, b(REGISTRY["graph.constant"], value=Dense(array, dtype=dtype)))


def zeros(b: Builder, like: Value) -> Term:
    """Zeros of a value's type."""
    t = tensor(like)
    return constant(b, 0, t.dtype).broadcast(t.shape)


def terms(b: Builder, *values: Value | None) -> list[Term]:
    """Values as tensors to compute with; the gradient of an op's only result is always there."""
    if any(v is None for v in values):
        raise VerifyError("the gradient of an op is asked for without one of its result")
    return [Term(b, v) for v in values if v is not None]


def minus(t: Term, operand: Value) -> Term:
    """The negative of `t` as the gradient of an operand, added up before."""
    return -Term(t.b, sum_to(t.b, t.v, tensor(operand).shape))


def chosen(first: Term, dy: Term) -> tuple[Term, Term]:
    """The gradients of two tensors, of which the first was taken where `first` holds."""
    return first.where(dy, 0), first.where(0, dy)


def flows(op: Op, *found: Term | NoGradient | None) -> Gradients:
    """The gradients of an op's operands, summed over what broadcasting repeated."""
    rows = zip(op.operands, found, strict=True)
    return tuple(sum_to(g.b, g.v, tensor(v).shape) if isinstance(g, Term) else g for v, g in rows)


def sum_to(b: Builder, dy: Value, shape: tuple[Dim, ...]) -> Value:
    """`dy` added up to the shape of what was broadcast to it: one `graph.reduce_sum`."""
    have = tensor(dy).shape
    if have == shape:
        return dy
    front = len(have) - len(shape)
    axes = [*range(front), *(front + i for i, d in enumerate(shape) if d == 1 and have[front + i] != 1)]
    if any(d != have[front + i] for i, d in enumerate(shape) if d != 1):
        raise no_gradient(_source(dy), f"sizes {list(have)} and {list(shape)} must be known to be broadcast")
    return Term(b, dy).sum(axes).reshape(shape).v


def _source(v: Value) -> Op:
    if v.definer is None:
        raise VerifyError("a gradient does not fit its operand")
    return v.definer


def static(op: GraphOp, sizes: Sequence[Dim]) -> tuple[int, ...]:
    """Sizes that a gradient has to know; UnsupportedError when they are symbols."""
    known = tuple(d for d in sizes if isinstance(d, int))
    if len(known) != len(sizes):
        raise no_gradient(op, f"for that its sizes must be known, received {[str(d) for d in sizes]}")
    return known


def static_shape(op: GraphOp, v: Value) -> tuple[int, ...]:
    """A value's shape, for a gradient that has to know it."""
    return static(op, tensor(v).shape)


def row_offsets(at: Term, size: Dim) -> Term:
    """Indices [rows, count] into rows of `size`, as indices into all rows one after the other."""
    if at.dtype not in (i32, i64):
        at = at.cast(i32)
    iota = Term(at.b, at.b(REGISTRY["graph.iota"], size=at.shape[0], dtype=at.dtype))
    if isinstance(size, int):
        return at + (iota * size).reshape((at.shape[0], 1))
    step = Term(at.b, at.b(REGISTRY["graph.dims"], value=(size,), shape=(), dtype=at.dtype))
    return at + (iota * step).reshape((at.shape[0], 1))


def unslice(t: Term, starts: Sequence[Dim], steps: Sequence[int], shape: Sequence[Dim]) -> Term:
    """The transpose of a slice: `t` at its places in a tensor of `shape`, which is 0 elsewhere."""
    for axis, step in enumerate(steps):
        if step > 1 and t.shape[axis] != 0:
            t = _apart(t, axis, step)
    high = tuple(size - start - have for size, start, have in zip(shape, starts, t.shape, strict=True))
    return t if t.shape == tuple(shape) else t.make("pad", 0, low=tuple(starts), high=high)


def _apart(t: Term, axis: int, step: int) -> Term:
    """step - 1 zeros between any two elements along an axis."""
    before, size, behind = t.shape[:axis], t.shape[axis], t.shape[axis + 1 :]
    t = t.reshape((*before, size, 1, *behind))
    high = [0] * t.rank
    high[axis + 1] = step - 1
    t = t.make("pad", 0, low=(0,) * t.rank, high=tuple(high)).reshape((*before, size * step, *behind))
    return t.slice(axis, 0, (size - 1) * step + 1)


def _origin(v: Value) -> Value:
    """What a value was broadcast from; itself when it was not, or when sizes are to be checked there."""
    op = v.definer
    broadcast = op is not None and op.name == "graph.broadcast_to" and not op.attributes.get("requires")
    return op.operands[0] if op is not None and broadcast else v


def _is_one(t: Term) -> bool:
    """Whether a tensor is made of ones."""
    op = _origin(t.v).definer
    if op is None or op.name != "graph.constant":
        return False
    value: Dense = op.attributes["value"]
    return value.array.shape == () and value.dtype != bf16 and bool(value.array == 1)


def _common(shapes: Sequence[tuple[Dim, ...]]) -> tuple[Dim, ...] | None:
    """The shape that tensors broadcast to, when that needs no check."""
    out: list[Dim] = [1] * max(map(len, shapes))
    for s in shapes:
        for i, d in enumerate(s, len(out) - len(s)):
            if out[i] != 1 and d not in (1, out[i]):
                return None
            out[i] = d if out[i] == 1 else out[i]
    return tuple(out)
