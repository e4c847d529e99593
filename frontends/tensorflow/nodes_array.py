"""Constants, identities, shapes, and what moves elements: reshape, transpose, concat, pad, tile."""

from __future__ import annotations

from collections.abc import Sequence

from ...compiler.ir.core import Value
from ...compiler.ir.dims import Dim, Sym, floordiv
from ...compiler.ops.base import dims_text, tensor
from ...compiler.ops.shape import BroadcastTo, Concat, Pad
from ...runtime.spec import i32
from .complex_pairs import Pair, constant_pair
from .context import Context
from .nodes_reduce import normal_axes, normal_axis
from .registry import Malformed, Refused, converts
from .tensors import OtherType

MOST_SYMBOLS = 100  # different sizes in one Concat


@converts("Const")
def const(c: Context) -> Value | Pair:
    """Of every data type that is supported; complex ones inside of a graph."""
    found = c.tensor("value")
    if isinstance(found.dtype, OtherType):
        made = constant_pair(c, found.dtype)
        if made is None:
            raise Refused(f"data type {found.dtype} is not supported")
        return made
    return c.constant(found.array(), found.dtype)


@converts(
    "CheckNumerics",
    "Copy",
    "CopyHost",
    "DeepCopy",
    "Identity",
    "PreventGradient",
    "Snapshot",
    "StopGradient",
    lazy=True,
)
def identity(c: Context, x: object) -> object:
    """Left out."""
    return x


@converts("Assert", "NoOp", lazy=True)
def nothing(c: Context, *xs: object) -> Sequence[Value]:
    """Left out."""
    return ()


@converts("IdentityN")
def identity_n(c: Context, *xs: Value) -> Sequence[Value]:
    """Left out."""
    return xs


@converts("PlaceholderWithDefault")
def placeholder_with_default(c: Context, default: Value) -> Value:
    """Its default, unless it is named as an input."""
    return default


# Shapes.


@converts("Shape")
def shape(c: Context, x: Value) -> Value:
    """As a constant, with symbols for sizes that are known only at run time."""
    of = tensor(x)
    return c.dims(of.shape, (of.rank,), c.dtype("out_type", i32))


@converts("ShapeN")
def shape_n(c: Context, *xs: Value) -> Sequence[Value]:
    """Like Shape."""
    return [shape(c, x) for x in xs]


@converts("Size")
def size(c: Context, x: Value) -> Value:
    """Like Shape."""
    return c.dims([c.count(tensor(x).shape)], (), c.dtype("out_type", i32))


@converts("Rank")
def rank(c: Context, x: Value) -> Value:
    """A constant."""
    return c.dims([tensor(x).rank], (), i32)


@converts("Reshape")
def reshape(c: Context, x: Value, shape: Value) -> Value:
    """To a shape that is constant or computed from sizes; one -1 is solved for."""
    wanted = c.sizes(shape, "shape")
    return c.reshape(x, solve(c, x, wanted) if -1 in wanted else _sizes(wanted))


def _sizes(wanted: Sequence[Dim]) -> Sequence[Dim]:
    if any(isinstance(d, int) and d < 0 for d in wanted):
        raise Malformed(f"expected sizes of 0 and above, found {dims_text(tuple(wanted))}")
    return wanted


def solve(c: Context, x: Value, wanted: Sequence[Dim]) -> list[Dim]:
    """A shape with the size that -1 stands for."""
    others = [d for d in wanted if d != -1]
    if len(others) != len(wanted) - 1:
        raise Malformed(f"expected one -1 at most, found {dims_text(tuple(wanted))}")
    of = tensor(x)
    rest, total = c.count(_sizes(others)), c.count(of.shape)
    if rest == 0:
        raise Malformed(f"expected other sizes than 0 beside -1, found {dims_text(tuple(wanted))}")
    if isinstance(rest, int) and isinstance(total, int) and total % rest:
        raise Malformed(f"expected a shape for {total} elements, found {dims_text(tuple(wanted))}")
    return [floordiv(total, rest) if d == -1 else d for d in wanted]


@converts("Squeeze")
def squeeze(c: Context, x: Value) -> Value:
    """Axes that are named, or all of size 1 where all sizes are known."""
    of = tensor(x)
    axes = normal_axes(c.integers("squeeze_dims", ()), of.rank)
    if not axes:
        if not of.is_static:
            raise Refused("without axes it needs all sizes: which ones are 1 is known only at run time")
        axes = tuple(i for i, d in enumerate(of.shape) if d == 1)
    if any(isinstance(of.shape[i], int) and of.shape[i] != 1 for i in axes):
        raise Malformed(f"expected size 1 in axes {list(axes)}, found {of}")
    return c.reshape(x, [d for i, d in enumerate(of.shape) if i not in axes])


@converts("ExpandDims")
def expand_dims(c: Context, x: Value, axis: Value) -> Value:
    """At a constant axis."""
    at = normal_axis(c.number(axis, "axis"), tensor(x).rank + 1)
    return expand(c, x, at)


def expand(c: Context, x: Value, axis: int) -> Value:
    """x with one more axis of size 1."""
    shape = tensor(x).shape
    return c.reshape(x, (*shape[:axis], 1, *shape[axis:]))


@converts("Transpose")
def transpose(c: Context, x: Value, permutation: Value) -> Value:
    """By a constant permutation."""
    axes = c.numbers(permutation, "permutation")
    if len(axes) != tensor(x).rank:
        raise Malformed(f"expected a permutation of rank {tensor(x).rank}, found {list(axes)}")
    return c.transpose(x, [normal_axis(a, tensor(x).rank) for a in axes])


# Joining.


@converts("ConcatV2")
def concat_v2(c: Context, first: Value, *rest: Value) -> Value:
    """Along a constant axis."""
    if not rest:
        raise Malformed("expected tensors and an axis, found one input")
    *xs, axis = first, *rest
    return concat(c, xs, axis)


@converts("Concat")
def concat_v1(c: Context, axis: Value, first: Value, *rest: Value) -> Value:
    """Along a constant axis."""
    return concat(c, [first, *rest], axis)


def concat(c: Context, xs: Sequence[Value], axis: Value) -> Value:
    at = normal_axis(c.number(axis, "axis"), tensor(xs[0]).rank)
    if len({d for v in xs for d in tensor(v).shape if isinstance(d, Sym)}) > MOST_SYMBOLS:
        raise Refused(f"more than {MOST_SYMBOLS} different sizes that are known only at run time")
    return xs[0] if len(xs) == 1 else c.make(Concat, *xs, axis=at)


@converts("Pack")
def pack(c: Context, first: Value, *rest: Value) -> Value:
    """Along any axis."""
    at = normal_axis(c.integer("axis", 0), tensor(first).rank + 1)
    if any(tensor(v).rank != tensor(first).rank for v in rest):
        raise Malformed(
            "expected inputs of one shape, found " + ", ".join(str(v.type) for v in (first, *rest))
        )
    parts = [expand(c, v, at) for v in (first, *rest)]
    return parts[0] if len(parts) == 1 else c.make(Concat, *parts, axis=at)


# Enlarging.


@converts("Pad", "PadV2")
def pad(c: Context, x: Value, paddings: Value, value: Value | None = None) -> Value:
    """By numbers that may be computed at run time, with zeros or a value."""
    of = tensor(x)
    if tensor(paddings).shape != (of.rank, 2):
        raise Malformed(f"expected paddings of shape [{of.rank}, 2], found {tensor(paddings)}")
    numbers = tuple(_sizes(c.sizes(paddings, "paddings")))
    if all(d == 0 for d in numbers):
        return x
    value = c.scalar(0, of.dtype) if value is None else value
    return c.make(Pad, x, value, low=numbers[::2], high=numbers[1::2])


@converts("Fill")
def fill(c: Context, dims: Value, value: Value) -> Value:
    """To a shape that is constant or computed from sizes."""
    if tensor(value).rank != 0:
        raise Malformed(f"expected one value, found {tensor(value)}")
    return broadcast(c, value, c.sizes(dims, "shape"))


@converts("BroadcastTo")
def broadcast_to(c: Context, x: Value, shape: Value) -> Value:
    """To a shape that is constant or computed from sizes."""
    return broadcast(c, x, c.sizes(shape, "shape"))


def broadcast(c: Context, x: Value, shape: Sequence[Dim]) -> Value:
    return c.make(BroadcastTo, x, shape=tuple(_sizes(shape)))


@converts("ZerosLike")
def zeros_like(c: Context, x: Value) -> Value:
    """Of every data type that is supported."""
    return broadcast(c, c.scalar(0, tensor(x).dtype), tensor(x).shape)


@converts("OnesLike")
def ones_like(c: Context, x: Value) -> Value:
    """Of every data type that is supported."""
    return broadcast(c, c.scalar(1, tensor(x).dtype), tensor(x).shape)


@converts("Tile")
def tile(c: Context, x: Value, multiples: Value) -> Value:
    """By numbers that are constant or computed from sizes."""
    of, times = tensor(x), _sizes(c.sizes(multiples, "multiples"))
    if len(times) != of.rank:
        raise Malformed(f"expected {of.rank} multiples, found {dims_text(tuple(times))}")
    if all(m == 1 for m in times):
        return x
    pairs = list(zip(times, of.shape, strict=True))
    apart = c.reshape(x, [d for _, size in pairs for d in (1, size)])
    repeated = broadcast(c, apart, [d for pair in pairs for d in pair])
    return c.reshape(repeated, [m * size for m, size in pairs])
