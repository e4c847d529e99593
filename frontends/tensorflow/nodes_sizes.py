"""Arithmetic of shapes that TensorFlow has nodes of its own for."""

from __future__ import annotations

from collections.abc import Sequence

from ...compiler.ir.core import Value
from ...compiler.ir.dims import Dim, Sym, dim_bcast
from ...compiler.ops.base import dims_text, require_broadcast, require_equal, tensor
from ...compiler.ops.constant import known_sizes
from ...runtime.spec import i32
from .context import Context, resolve
from .nodes_reduce import normal_axis
from .registry import Malformed, Refused, converts


@converts("ConcatOffset")
def concat_offset(c: Context, axis: Value, first: Value, *rest: Value) -> Sequence[Value]:
    """Of shapes that are constant or computed from sizes, along a constant axis."""
    shapes = [c.sizes(v, "shape") for v in (first, *rest)]
    if len({len(s) for s in shapes}) != 1:
        raise Malformed(f"expected shapes of one rank, found {[len(s) for s in shapes]}")
    rank, dtype = len(shapes[0]), tensor(first).dtype
    at = normal_axis(c.number(axis, "concat_dim"), rank)
    done: Dim = 0
    found: list[Value] = []
    for sizes in shapes:
        others = [(a, b) for i, (a, b) in enumerate(zip(sizes, shapes[0], strict=True)) if i != at]
        if any(isinstance(a - b, int) and a != b for a, b in others):
            raise Malformed(
                f"expected shapes that differ in axis {at} alone, found {dims_text(tuple(sizes))}"
            )
        found.append(c.dims([done if i == at else 0 for i in range(rank)], (rank,), dtype))
        done = done + sizes[at]
    return found


def _aligned(sizes: Sequence[Dim], rank: int) -> list[Dim]:
    return [*(1,) * (rank - len(sizes)), *sizes]


@converts("BroadcastArgs")
def broadcast_args(c: Context, x: Value, y: Value) -> Value:
    """Of shapes that are constant, computed from sizes, or computed at run time."""
    if tensor(x).rank != 1 or tensor(y).rank != 1 or tensor(x).dtype != tensor(y).dtype:
        raise Malformed(f"expected two shapes, found {tensor(x)} and {tensor(y)}")
    a, b = c.sizes(x, "s0"), c.sizes(y, "s1")
    rank = max(len(a), len(b))
    pairs = list(zip(_aligned(a, rank), _aligned(b, rank), strict=True))
    if any(isinstance(p, int) and isinstance(q, int) and p != q and 1 not in (p, q) for p, q in pairs):
        raise Malformed(
            f"expected shapes that broadcast, found {dims_text(tuple(a))} and {dims_text(tuple(b))}"
        )
    result = c.dims([dim_bcast(p, q) for p, q in pairs], (rank,), tensor(x).dtype)
    for p, q in pairs:
        if result.definer is not None and p != q and 1 not in (p, q):
            require_broadcast(result.definer, p, q)
    return result


@converts("BroadcastGradientArgs", outputs=("r0", "r1"))
def broadcast_gradient_args(c: Context, x: Value, y: Value) -> Sequence[Value]:
    """Of shapes that are constant, or of which it is known which sizes are 1; two equal sizes pass for more than 1."""
    a, b = (known_sizes(v) for v in (x, y))
    if a is None or b is None:
        raise Refused("shapes that are computed at run time are not supported")
    rank = max(a.size, b.size)
    pairs = list(zip(_aligned(list(a.reshape(-1)), rank), _aligned(list(b.reshape(-1)), rank), strict=True))
    axes: tuple[list[int], list[int]] = ([], [])
    equal = all(p == q for p, q in pairs) and a.size == b.size
    for i, (p, q) in enumerate(() if equal else pairs):
        if p != q and 1 not in (p, q):
            if not isinstance(p, Sym) and not isinstance(q, Sym):
                raise Malformed(f"expected shapes that broadcast, found sizes {p} and {q}")
            raise Refused(f"whether sizes {p} and {q} are 1 is known only at run time")
        if p == 1:
            axes[0].append(i)
        if q == 1:
            axes[1].append(i)
        if (p == 1) != (q == 1) and isinstance(q if p == 1 else p, Sym):
            raise Refused(f"whether sizes {p} and {q} are 1 is known only at run time")
    dtype = tensor(x).dtype if tensor(x).dtype.is_integer else i32
    return [c.dims(list(found), (len(found),), dtype) for found in axes]


@converts("EnsureShape")
def ensure_shape(c: Context, x: Value) -> Value:
    """Sizes that are not known are checked at run time."""
    wanted = resolve(c.node.attrs.get("shape"), c.scope.attrs)
    if not isinstance(wanted, tuple):
        return x
    have = tensor(x).shape
    if len(wanted) != len(have):
        raise Malformed(f"expected rank {len(wanted)}, found {tensor(x)}")
    for size, want in zip(have, wanted, strict=True):
        if want is not None and isinstance(size, int) and size != want:
            raise Malformed(f"expected a tensor of sizes {list(wanted)}, found {tensor(x)}")
    shape = [size if want is None else want for size, want in zip(have, wanted, strict=True)]
    y = c.reshape(x, shape)
    for size, want in zip(have, shape, strict=True):
        if y is not x and y.definer is not None:
            require_equal(y.definer, size, want)
    return y
