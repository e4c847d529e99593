"""Tensors made from a few numbers: ranges, evenly spaced numbers, one-hot vectors."""

from __future__ import annotations

import numpy as np

from ...compiler.ir.core import Value
from ...compiler.ir.dims import Dim, Sym, ceildiv
from ...compiler.ops import elementwise as e
from ...compiler.ops.activation import Abs, Ceil, Neg
from ...compiler.ops.base import tensor
from ...compiler.ops.constant import known_sizes
from ...compiler.ops.indexing import Iota
from ...compiler.passes.symbolic_sizes import least
from ...runtime.spec import DType, f32, f64, i32, i64
from .context import Context
from .folding import known_array
from .registry import Malformed, Refused, converts

MOST_RANGE = 1 << 20  # elements of a constant range


def count_up(c: Context, size: Dim, dtype: DType) -> Value:
    """0, 1, … below `size`."""
    if isinstance(size, Sym):
        exact = i64 if dtype in (i64, f64) else i32
        numbers = c.make(Iota, size=size, dtype=exact)
        return numbers if dtype == exact else c.make(e.Cast, numbers, dtype=dtype)
    if size > MOST_RANGE:
        raise Refused(f"a range of {size} elements is not supported")
    c.importer.spend(size // 256)
    return c.constant(np.arange(size).astype(dtype.numpy), dtype)


def _affine(c: Context, size: Dim, start: Value, step: Value, dtype: DType) -> Value:
    """start + i * step."""
    return c.make(e.Add, start, c.make(e.Mul, count_up(c, size, dtype), step))


@converts("Range")
def range_(c: Context, start: Value, limit: Value, delta: Value) -> Value:
    """Of numbers that are constant, formulas of sizes, or computed at run time."""
    named = (start, "start"), (limit, "limit"), (delta, "delta")
    dtype = tensor(start).dtype
    if any(tensor(v).size != 1 for v, _ in named):
        raise Malformed("expected one start, one limit and one delta")
    if tensor(limit).dtype != dtype or tensor(delta).dtype != dtype or dtype.name in ("bf16", "f16"):
        raise Refused(f"a range of {tensor(start)}, {tensor(limit)} and {tensor(delta)} is not supported")
    known = [a.reshape(-1)[0] for v, _ in named if (a := known_array(v)) is not None]
    if len(known) == 3:
        values = _range(known[0], known[1], known[2], dtype)
        c.importer.spend(values.size // 256)
        return c.constant(values, dtype)
    numbers = [c.reshape(v, ()) for v, _ in named]
    return _affine(c, _count(c, *numbers), numbers[0], numbers[2], dtype)


def _range(first: np.generic, last: np.generic, step: np.generic, dtype: DType) -> np.ndarray:
    """TensorFlow's elements: first + i * step, counted and computed in the data type."""
    a, b, s = first.item(), last.item(), step.item()
    if s == 0 or (b - a) * s < 0:
        raise Malformed(f"expected a delta that leads from {a} to {b}, found {s}")
    with np.errstate(all="ignore"):
        count = -((a - b) // s) if dtype.is_integer else np.ceil((last - first) / step)  # type: ignore[operator]
    if not count <= MOST_RANGE:
        raise Refused(f"a range of {count} elements is not supported")
    return first + np.arange(int(count)).astype(dtype.numpy) * step


def _count(c: Context, start: Value, limit: Value, delta: Value) -> Dim:
    """The number of elements of a range. Where it leads the wrong way that is negative: an error at run time."""
    dtype = tensor(start).dtype
    if not dtype.is_integer:
        steps = c.make(e.Div, c.make(e.Sub, limit, start), delta)
        ahead = c.make(e.GreaterEqual, steps, c.scalar(0, dtype))
        whole = c.make(e.Cast, c.make(Ceil, steps), dtype=i64)
        return c.define_size(c.make(e.Select, ahead, whole, c.scalar(-1, i64)))
    sizes = [known_sizes(v) for v in (start, limit, delta)]
    step = None if sizes[2] is None else sizes[2].reshape(-1)[0]
    if sizes[0] is not None and sizes[1] is not None and isinstance(step, int):
        first, last = (s.reshape(-1)[0] for s in sizes[:2] if s is not None)
        room = last - first if step > 0 else first - last
        low = least(room)
        if step and low is not None and low >= 0:
            return ceildiv(room, abs(step))
    one = c.scalar(1, dtype)
    room, size = c.make(e.Sub, limit, start), c.make(Abs, delta)
    up = c.make(e.Greater, delta, c.scalar(0, dtype))
    ahead = c.make(e.Select, up, room, c.make(Neg, room))
    whole = c.make(e.Div, c.make(e.Sub, c.make(e.Add, ahead, size), one), size)
    # rounded towards zero, a range the wrong way by less than a step would pass for an empty one
    right = c.make(e.GreaterEqual, ahead, c.scalar(0, dtype))
    return c.define_size(c.make(e.Select, right, whole, c.scalar(-1, dtype)))


@converts("LinSpace")
def lin_space(c: Context, start: Value, stop: Value, number: Value) -> Value:
    """Of a number that is constant or computed from sizes; ends as given."""
    dtype = tensor(start).dtype
    if dtype not in (f32, f64) or tensor(stop).dtype != dtype:
        raise Refused(f"numbers from {tensor(start)} to {tensor(stop)} are not supported")
    sizes = c.sizes(number, "num")
    if len(sizes) != 1 or tensor(start).rank or tensor(stop).rank:
        raise Malformed("expected one start, one stop and one number")
    (count,) = sizes
    if isinstance(count, int) and count < 1:
        raise Malformed(f"expected at least one number, found {count}")
    if count == 1:
        return c.reshape(start, (1,))
    i = count_up(c, count, dtype)
    total = c.make(e.Cast, c.dims([count - 1], (), i64), dtype=dtype)
    step = c.make(e.Div, c.make(e.Sub, stop, start), total)
    between = c.make(e.Add, start, c.make(e.Mul, step, i))
    after = c.make(e.Select, c.make(e.Equal, i, total), stop, between)
    return c.make(e.Select, c.make(e.Equal, i, c.scalar(0, dtype)), start, after)


@converts("OneHot")
def one_hot(c: Context, indices: Value, depth: Value, on: Value, off: Value) -> Value:
    """Along any axis, of a depth that is constant or computed from sizes; indices outside of it give the off value."""
    of = tensor(indices)
    at = c.integer("axis", -1)
    at = of.rank if at == -1 else at
    sizes = c.sizes(depth, "depth")
    if len(sizes) != 1 or not 0 <= at <= of.rank or tensor(on).rank or tensor(off).rank:
        raise Malformed(f"expected one depth, an axis within rank {of.rank + 1} and two values")
    if isinstance(sizes[0], int) and sizes[0] < 0:
        raise Malformed(f"expected a depth of 0 and above, found {sizes[0]}")
    spread = c.reshape(indices, (*of.shape[:at], 1, *of.shape[at:]))
    numbers, spread = _comparable(c, sizes[0], spread)
    places = c.reshape(numbers, (sizes[0], *(1,) * (of.rank - at)))
    hot = c.make(e.Equal, spread, places)
    return c.make(e.Select, hot, on, off)


def _comparable(c: Context, size: Dim, indices: Value) -> tuple[Value, Value]:
    """0, 1, … below `size` in the indices' data type; narrow ones, which may not hold them all, become i32."""
    dtype = tensor(indices).dtype
    if not dtype.is_integer:
        raise Malformed(f"expected integers as indices, found {tensor(indices)}")
    if dtype.bits < 32:
        return count_up(c, size, i32), c.make(e.Cast, indices, dtype=i32)
    return count_up(c, size, dtype), indices
