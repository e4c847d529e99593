"""What random graphs are made of: one row a kind of op. Ops of trait "pointwise" have one without being asked; a
new op of another kind gets a function here, `@row(Op, weight)`, which picks operands and emits it.

A float result says how it may be rounded (`noise`): EXACT, the default, where two right evaluations have the same
bits; else ZERO, ROUNDED or SUMMED. An op that decides something (compares, rounds to a whole number, casts to an
integer) takes exact operands only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from netwright.compiler.ir.core import Op
from netwright.compiler.ir.opdef import REGISTRY
from netwright.compiler.ops import activation as act
from netwright.compiler.ops import elementwise as ew
from netwright.compiler.ops import shape as sh
from netwright.compiler.ops.base import GraphOp
from netwright.compiler.ops.constant import Dims, Shape
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.matmul import MatMul
from netwright.compiler.ops.norm import BatchNorm, Softmax
from netwright.compiler.ops.pool import AvgPool2D, MaxPool2D
from netwright.compiler.ops.reduce import Reduce, ReduceMax, ReduceMean, ReduceMin, ReduceProd, ReduceSum
from netwright.runtime.spec import i32, i64

from .random_graphs import EXACT, ROUNDED, SUMMED, ZERO, Draw, Item, N, Rejected

Row = Callable[[Draw], Any]
_ROWS: list[tuple[Row, float, tuple[type[Op], ...]]] = []


def row(*classes: type[Op], weight: float = 1.0) -> Callable[[Row], Row]:
    """Registers how ops of these classes are drawn."""

    def register(f: Row) -> Row:
        _ROWS.append((f, weight, classes))
        return f

    return register


# Elementwise.

#: pointwise ops that are one operation of IEEE 754 or less
PLAIN = (act.Neg, act.Abs, act.Square, act.Sqrt, act.Relu, act.Relu6, act.LeakyRelu, ew.Add, ew.Sub, ew.Mul,
         ew.Div, ew.SquaredDifference, ew.LogicalAnd, ew.LogicalOr, ew.LogicalNot)  # fmt: skip
#: ones that leave open which zero they give
EITHER_ZERO = (ew.Maximum, ew.Minimum)
#: smooth functions, which may follow results that were rounded
SMOOTH = (act.Exp, act.Log, act.Sigmoid, act.Tanh, act.Elu, act.Rsqrt)
APART = (ew.Cast, ew.Select, BatchNorm)


def pointwise_classes() -> list[type[GraphOp]]:
    """The pointwise ops whose attributes all have defaults."""
    found = [c for c in REGISTRY.values() if issubclass(c, GraphOp) and "pointwise" in c.traits]
    return [
        c
        for c in found
        if c not in APART and not any(a.default_key is None for a in c.spec.attributes.values())
    ]


def pointwise(d: Draw, cls: type[GraphOp]) -> Item:
    """An op of a class nothing more is known of, after exact operands only, unless it is listed above."""
    plain = cls in PLAIN + EITHER_ZERO
    x = d.pick(getattr(cls, "kinds", "fiub"), exact=not plain and cls not in SMOOTH)
    operands = [x, *(d.like(x, exact=not plain) for _ in range(cls.spec.operand_count - 1))]
    if len(operands) == 2 and d.chance(0.1):
        operands[1] = x
    if d.flag():
        operands.reverse()
    noise = EXACT if cls in PLAIN else ZERO if cls in EITHER_ZERO else ROUNDED
    return d.emit(cls, *operands, noise=noise)


@row(*pointwise_classes(), weight=14)
def elementwise(d: Draw) -> Item:
    classes = pointwise_classes()
    return pointwise(d, d.choice(PLAIN + EITHER_ZERO if d.chance(0.6) else classes))


@row(ew.Select)
def select(d: Draw) -> Item:
    x = d.pick()
    return d.emit(ew.Select, d.like(x, ew.boolean), x, d.like(x))


@row(ew.Cast)
def cast(d: Draw) -> Item:
    to = d.dtype()
    if to.is_float:
        return d.emit(ew.Cast, d.pick(), dtype=to)
    x = d.pick(exact=True)
    if to.is_integer and x.dtype.is_float:
        info = np.iinfo(to.numpy)
        for a in x.arrays:  # what does not fit has no defined result
            if not ((a > info.min - 1.0) & (a < info.max - (128.0 if to.size < 8 else 2.0**40))).all():
                raise Rejected
    return d.emit(ew.Cast, x, dtype=to)


# Movements.


@row(sh.Reshape, weight=1.5)
def reshape(d: Draw) -> Item:
    x = d.pick()
    shape = list(x.shape)
    for _ in range(d.integer(1, 3)):
        at = d.integer(0, len(shape))
        if d.flag() or len(shape) < 2:
            shape.insert(at, 1)
        elif at and at < len(shape):
            shape[at - 1 : at + 1] = [shape[at - 1] * shape[at]]
        elif at and shape[-1] not in (0, N) and isinstance(shape[-1], int) and shape[-1] % 2 == 0:
            shape[-1:] = [2, shape[-1] // 2]
    if len(shape) > 7:
        raise Rejected
    return d.emit(sh.Reshape, x, shape=tuple(shape))


@row(sh.BroadcastTo)
def broadcast_to(d: Draw) -> Item:
    x = d.pick(rank=(0, 3))
    shape = tuple(d.choice(d.sides) if s == 1 and d.flag() else s for s in x.shape)
    return d.emit(sh.BroadcastTo, x, shape=(*d.shape((0, 2)), *shape))


@row(sh.Transpose, weight=1.5)
def transpose(d: Draw) -> Item:
    x = d.pick(rank=(1, 5))
    return d.emit(sh.Transpose, x, permutation=tuple(int(i) for i in d.rng.permutation(x.rank)))


@row(sh.Pad)
def pad(d: Draw) -> Item:
    x = d.pick(rank=(0, 4))
    low, high = (tuple(d.choice((0, 0, 1, 3)) for _ in x.shape) for _ in "lh")
    return d.emit(sh.Pad, x, d.pick(shape=(), dtype=x.dtype), low=low, high=high)


@row(sh.Concat)
def concat(d: Draw) -> Item:
    x = d.pick(rank=(1, 4))
    axis = d.integer(0, x.rank - 1)
    parts = [x]
    for _ in range(d.integer(0, 3)):
        shape = (*x.shape[:axis], d.choice((x.shape[axis], *d.sides)), *x.shape[axis + 1 :])
        parts.insert(d.integer(0, len(parts)), d.pick(shape=shape, dtype=x.dtype) if d.flag() else x)
    return d.emit(sh.Concat, *parts, axis=axis - (x.rank if d.chance(0.2) else 0))


@row(sh.Slice, weight=1.5)
def slice_(d: Draw) -> Item:
    x = d.pick(rank=(1, 4))
    starts, stops, steps = [], [], []
    for size in x.shape:
        if not isinstance(size, int):
            whole = d.flag()
            starts.append(0 if whole else size // 2)
            stops.append(size)
        else:
            a = d.integer(0, size) if d.flag() else 0
            starts.append(a)
            stops.append(d.integer(a, size) if d.flag() else size)
        steps.append(d.choice((1, 1, 1, 2, 3)))
    return d.emit(sh.Slice, x, starts=tuple(starts), stops=tuple(stops), steps=tuple(steps))


@row(sh.Gather)
def gather(d: Draw) -> Item:
    x = d.pick(rank=(1, 4), where=lambda i: isinstance(i.shape[0], int) and i.shape[0] > 0)
    rows = int(x.shape[0])  # type: ignore[arg-type]
    indices = d.fresh(d.shape((0, 2)), d.choice((i32, i64)), lambda *s: d.rng.integers(0, rows, s))
    return d.emit(sh.Gather, x, indices)


@row(Shape, Dims, weight=0.4)
def sizes(d: Draw) -> Item:
    dtype = d.choice((i32, i64))
    if d.flag():
        return d.emit(Shape, d.pick(), dtype=dtype)
    size = d.choice(d.sides)
    return d.emit(Dims, value=(size, size * 3 + 1, 7), shape=(3,), dtype=dtype)


# Reductions, windows, products.


@row(ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceProd, weight=2)
def reduction(d: Draw) -> Item:
    cls: type[Reduce] = d.choice((ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceProd))
    x = d.pick("fiu", rank=(1, 5))
    if cls is ReduceProd and x.dtype.is_float:  # which partial products overflow depends on the order
        for a in x.arrays:
            with np.errstate(all="ignore"):
                logs = np.abs(np.log(np.abs(a[np.isfinite(a) & (a != 0)]), dtype=np.float64))
            if logs.sum() > 60:
                raise Rejected
    noise = ZERO if cls in (ReduceMax, ReduceMin) else ROUNDED if cls is ReduceProd else SUMMED
    return d.emit(cls, x, noise=noise, axes=d.axes(x.rank), keep_dims=d.flag())


@row(Softmax)
def softmax(d: Draw) -> Item:
    return d.emit(Softmax, d.pick("f", rank=(1, 4)), noise=ROUNDED)


def image(d: Draw) -> Item:
    """Floats of rank 4 with a known number of channels."""
    return d.pick("f", rank=4, where=lambda i: isinstance(i.shape[3], int) and i.shape[3] > 0)


def window(d: Draw) -> dict[str, Any]:
    """Strides and padding."""
    padding = d.choice(("SAME", "VALID", "EXPLICIT"))
    pads = tuple(d.integer(0, 2) for _ in range(4)) if padding == "EXPLICIT" else (0,) * 4
    return {"strides": (d.integer(1, 3), d.integer(1, 3)), "padding": padding, "pads": pads}


@row(MaxPool2D, AvgPool2D, weight=1.5)
def pool(d: Draw) -> Item:
    x, kernel, more = image(d), (d.integer(1, 4), d.integer(1, 4)), window(d)
    if d.flag():
        return d.emit(MaxPool2D, x, noise=ZERO, kernel=kernel, **more)
    if more["padding"] == "EXPLICIT":  # a window of padding alone has no mean
        raise Rejected
    return d.emit(AvgPool2D, x, noise=SUMMED, kernel=kernel, **more)


@row(Conv2D, weight=2)
def conv(d: Draw) -> Item:
    x = image(d)
    channels = int(x.shape[3])  # type: ignore[arg-type]
    groups = d.choice([g for g in (1, 1, 1, 1, 2, channels) if channels % g == 0])
    kernel = (d.choice((1, 1, 2, 3)), d.choice((1, 1, 2, 3)))
    out = groups * d.choice((1, 2, 3, 5)) if groups > 1 else d.choice((1, 3, 8, 17, 32, 40))
    # in groups positions of the padding take no part, also where it would be 0 * NaN
    values = (lambda *s: d.rng.normal(size=s)) if groups > 1 else None
    w = d.fresh((*kernel, channels // groups, out), x.dtype, values, constant=d.chance(0.8), variable=False)
    dilations = (d.choice((1, 1, 2)), d.choice((1, 1, 2)))
    y = d.emit(Conv2D, x, w, noise=SUMMED, dilations=dilations, **window(d))
    return epilogue(d, y)


def epilogue(d: Draw, y: Item) -> Item:
    """Steps that a product is fused with."""
    for _ in range(d.integer(0, 4)):
        cls = d.choice((ew.Add, ew.Add, ew.Mul, ew.Sub, act.Relu, act.Relu6, act.Tanh, act.Sigmoid, act.Elu))
        noise = ROUNDED if cls in SMOOTH else EXACT
        if issubclass(cls, ew.Binary):
            other = d.fresh(y.shape[-1:], y.dtype) if d.flag() else d.pick(shape=y.shape, dtype=y.dtype)
            y = d.emit(cls, y, other)
        else:
            y = d.emit(cls, y, noise=noise)
    return y


@row(MatMul, weight=2)
def matmul(d: Draw) -> Item:
    x = d.pick("f", rank=(2, 4))
    tx, ty = d.chance(0.2), d.chance(0.3)
    k, columns = x.shape[-2 if tx else -1], d.choice(d.sides)
    last = (columns, k) if ty else (k, columns)
    if d.flag():
        y = d.fresh(last, x.dtype)
    else:
        lead = tuple(1 if d.chance(0.3) else s for s in x.shape[:-2])
        y = d.pick(dtype=x.dtype, shape=(*(lead if d.flag() else ()), *last))
    return epilogue(d, d.emit(MatMul, x, y, noise=SUMMED, transpose_x=tx, transpose_y=ty))


@row(BatchNorm)
def batch_norm(d: Draw) -> Item:
    x = conv(d) if d.flag() else d.pick("f", rank=(1, 4), where=lambda i: isinstance(i.shape[-1], int))
    c = x.shape[-1:]
    fixed = d.chance(0.8)
    scale, offset, mean = (d.fresh(c, x.dtype, lambda *s: d.rng.normal(size=s), fixed) for _ in range(3))
    variance = d.fresh(c, x.dtype, lambda *s: d.rng.uniform(0.5, 2, size=s), fixed)
    operands = (x, scale, offset, mean, variance)
    return d.emit(BatchNorm, *operands, noise=SUMMED, signs=(1, 1, 1, -1, 1), epsilon=d.choice((1e-3, 1e-5)))


from . import random_kernels as random_kernels  # noqa: E402  adds its rows
from . import random_moves as random_moves  # noqa: E402  adds its rows

ROWS = [f for f, _, _ in _ROWS]
WEIGHTS = np.asarray([w for _, w, _ in _ROWS]) / sum(w for _, w, _ in _ROWS)
MADE = {c for _, _, classes in _ROWS for c in classes}
#: ops that no row makes, and why
NEVER = {
    "graph.constant": "operands are",
    "graph.variable": "operands are",
    "graph.read_variable": "operands are",
    "graph.assign_variable": "a second run would see another state",
    "graph.if": "has regions",
    "graph.while": "has regions",
    "graph.yield": "ends regions",
    "graph.define_size": "its symbol is bound by data",
    "graph.fused_conv2d": "made by a pass",
    "graph.fused_conv3d": "made by a pass",
    "graph.fused_conv_transpose": "made by a pass",
    "graph.fused_matmul": "made by a pass",
    "graph.nonzero": "sizes of its results depend on data",
    "graph.unique": "sizes of its results depend on data",
    "graph.random_categorical": "chooses by rounded numbers",
    "graph.random_gamma": "chooses by rounded numbers",
    "graph.random_poisson": "chooses by rounded numbers",
    "graph.crop_and_resize": "decides by rounded coordinates what is outside",
    "graph.draw_boxes": "decides by rounded coordinates",
    "graph.projective_transform": "decides by rounded coordinates",
    "graph.scale_and_translate": "decides by rounded coordinates what is outside",
    "graph.non_max_suppression": "decides by rounded overlaps",
    "graph.combined_non_max_suppression": "decides by rounded overlaps",
    "graph.max_pool_gradient": "decides by what equals a maximum",
    "graph.avg_pool_gradient": "its image has sizes that are known",
    "graph.moments": "its operand has sizes that are known",
    "graph.conv_filter_gradient": "its images have sizes that are known",
    "graph.lstm": "a loop over time: test_recurrent draws its sizes",
    "graph.gru": "a loop over time: test_recurrent draws its sizes",
    "graph.simple_rnn": "a loop over time: test_recurrent draws its sizes",
    "graph.lstm_gradient": "takes what its forward pass keeps",
    "graph.gru_gradient": "takes what its forward pass keeps",
    "graph.simple_rnn_gradient": "takes what its forward pass keeps",
}
