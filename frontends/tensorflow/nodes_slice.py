"""Slices and splits. Positions are numbers, formulas of sizes, or computed at run time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union

from ...compiler.ir.core import Value
from ...compiler.ir.dims import Dim, Sym, dim_max, dim_min, floordiv
from ...compiler.ops import elementwise as e
from ...compiler.ops.base import dims_text, require_equal, tensor
from ...compiler.ops.rearrange import Reverse
from ...compiler.ops.shape import Slice
from ...compiler.passes.symbolic_sizes import least
from ...runtime.spec import i64
from .context import Context
from .nodes_reduce import normal_axis
from .registry import Malformed, Refused, converts

Equal = tuple[Dim, Dim]
"""Two sizes that must be equal; what cannot be proved is checked at run time."""


def cut(
    c: Context,
    x: Value,
    starts: Sequence[Dim],
    stops: Sequence[Dim],
    steps: Sequence[int] = (),
    equal: Sequence[Equal] = (),
) -> Value:
    """x[start:stop:step] on every axis; what cannot be proved of the positions is checked at run time."""
    steps = tuple(steps) or (1,) * len(starts)
    y = c.make(Slice, x, starts=tuple(starts), stops=tuple(stops), steps=steps)
    for a, b in equal:
        if y.definer is not None:
            require_equal(y.definer, a, b)
    return y


def cut_axis(c: Context, x: Value, axis: int, start: Dim, stop: Dim, equal: Sequence[Equal] = ()) -> Value:
    """x[start:stop] along one axis."""
    starts: list[Dim] = [0] * tensor(x).rank
    stops = list(tensor(x).shape)
    starts[axis], stops[axis] = start, stop
    return cut(c, x, starts, stops, equal=equal)


def at_least(d: Dim, bound: int) -> bool:
    """Whether a size is provably not below a number."""
    low = least(d)
    return low is not None and low >= bound


# Pieces of one axis.


@converts("Split")
def split(c: Context, axis: Value, x: Value) -> Sequence[Value]:
    """Into equal pieces along a constant axis."""
    at = normal_axis(c.number(axis, "axis"), tensor(x).rank)
    count, size = c.integer("num_split"), tensor(x).shape[at]
    c.importer.spend(max(count, 0))
    if count < 1 or (isinstance(size, int) and size % count):
        raise Malformed(f"expected a size that {count} equal pieces make up in axis {at}, found {tensor(x)}")
    piece = floordiv(size, count)
    return pieces(c, x, at, [piece] * count)


@converts("SplitV")
def split_v(c: Context, x: Value, sizes: Value, axis: Value) -> Sequence[Value]:
    """Into pieces of sizes that are constant or computed from sizes."""
    at = normal_axis(c.number(axis, "axis"), tensor(x).rank)
    size, parts = tensor(x).shape[at], c.sizes(sizes, "sizes")
    if len(parts) != c.integer("num_split", len(parts)) or parts.count(-1) > 1:
        raise Malformed(
            f"expected as many sizes as pieces and one -1 at most, found {dims_text(tuple(parts))}"
        )
    rest = size - sum(d for d in parts if d != -1)
    parts = [rest if d == -1 else d for d in parts]
    if any(isinstance(d, int) and d < 0 for d in parts):
        raise Malformed(f"expected sizes that fit into {size}, found {dims_text(tuple(parts))}")
    return pieces(c, x, at, parts)


def pieces(c: Context, x: Value, axis: int, sizes: Sequence[Dim]) -> list[Value]:
    """x cut into pieces that must make up the whole of one axis."""
    c.importer.spend(len(sizes))
    size = tensor(x).shape[axis]
    total = sum(sizes)
    if total != size and isinstance(total - size, int):
        raise Malformed(f"expected sizes that make up {size}, found {dims_text(tuple(sizes))}")
    equal = [(total, size)]
    start: Dim = 0
    found: list[Value] = []
    for d in sizes:
        found.append(cut_axis(c, x, axis, start, start + d, equal) if d != size else x)
        start = start + d
    return found


@converts("Unpack")
def unpack(c: Context, x: Value) -> Sequence[Value]:
    """Along any axis."""
    at = normal_axis(c.integer("axis", 0), tensor(x).rank)
    count, shape = c.integer("num"), tensor(x).shape
    if isinstance(shape[at], int) and shape[at] != count:
        raise Malformed(f"expected size {count} in axis {at}, found {tensor(x)}")
    c.importer.spend(max(count, 0))
    rest = (*shape[:at], *shape[at + 1 :])
    return [c.reshape(cut_axis(c, x, at, i, i + 1, [(shape[at], count)]), rest) for i in range(count)]


# Slices.


@converts("Slice")
def slice_(c: Context, x: Value, begin: Value, size: Value) -> Value:
    """At positions that may be computed at run time; those must not be negative then."""
    shape = tensor(x).shape
    starts, sizes = c.sizes(begin, "begin"), c.sizes(size, "size")
    if not len(starts) == len(sizes) == len(shape):
        raise Malformed(f"expected {len(shape)} positions and sizes, found {len(starts)} and {len(sizes)}")
    stops = [whole if d == -1 else b + d for b, d, whole in zip(starts, sizes, shape, strict=True)]
    return cut(c, x, starts, stops)


Position = Union[Dim, Value]
"""A number, a formula of sizes, or a scalar that is computed at run time."""


@dataclass
class Range:
    """What a StridedSlice takes of one axis; None for an end that is left open."""

    begin: Position | None = None
    end: Position | None = None
    step: int = 1
    single: bool = False
    #: the axis is reversed first
    reverse: bool = False

    def turned(self) -> Range:
        """The same places of the reversed axis: position p there is -1 - p."""
        begin, end = (None if p is None else self._turned(p) for p in (self.begin, self.end))
        return Range(begin, end, self.step, reverse=True)

    def _turned(self, p: Position) -> Dim:
        if isinstance(p, Value):
            raise Refused("positions that are computed at run time are supported with strides above 0")
        return -1 - p


@converts("StridedSlice")
def strided_slice(c: Context, x: Value, begin: Value, end: Value, strides: Value) -> Value:
    """All masks; constant strides; positions may be computed at run time."""
    given = [c.elements(v, what) for v, what in ((begin, "begin"), (end, "end"), (strides, "strides"))]
    if len({len(g) for g in given}) != 1:
        raise Malformed(f"expected as many begins as ends and strides, found {[len(g) for g in given]}")
    ranges, layout = _dense(c, tensor(x).rank, *given)
    starts: list[Dim] = []
    stops: list[Dim] = []
    for r, size in zip(ranges, tensor(x).shape, strict=True):
        start, stop = _single(c, r, size) if r.single else _bounds(c, r, size)
        starts.append(start)
        stops.append(stop)
    backwards = tuple(i for i, r in enumerate(ranges) if r.reverse)
    y = c.make(Reverse, x, axes=backwards) if backwards else x
    y = cut(c, y, starts, stops, [r.step for r in ranges])
    shape = tensor(y).shape
    return c.reshape(y, [1 if axis is None else shape[axis] for axis in layout])


def _dense(
    c: Context, rank: int, begin: list[Position], end: list[Position], strides: list[Position]
) -> tuple[list[Range], list[int | None]]:
    """A range for each axis of the operand; and the result's axes as those of the operand, None for new ones."""
    masks = {
        key: c.integer(f"{key}_mask", 0) for key in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }
    bits = [{key for key, mask in masks.items() if mask >> i & 1} for i in range(len(begin))]
    taken = sum(not b & {"ellipsis", "new_axis"} for b in bits)
    dots = sum("ellipsis" in b for b in bits)
    if dots > 1 or taken > rank:
        raise Malformed(f"expected at most one ellipsis and {rank} ranges, found {dots} and {taken}")
    ranges: list[Range] = []
    layout: list[int | None] = []
    for i, b in enumerate(bits):
        if "ellipsis" in b:
            layout += range(len(ranges), len(ranges) + rank - taken)
            ranges += [Range() for _ in range(rank - taken)]
        elif "new_axis" in b:
            layout.append(None)
        else:
            ranges.append(_range(b, begin[i], end[i], strides[i]))
            layout += [] if ranges[-1].single else [len(ranges) - 1]
    layout += range(len(ranges), rank)
    return ranges + [Range() for _ in range(rank - len(ranges))], layout


def _range(bits: set[str], begin: Position, end: Position, step: Position) -> Range:
    if not isinstance(step, int):
        raise Refused("operand 'strides' is known only at run time")
    if step == 0:
        raise Malformed("expected strides other than 0")
    if "shrink_axis" in bits:
        return Range(begin, single=True)
    found = Range(None if "begin" in bits else begin, None if "end" in bits else end, abs(step))
    return found if step > 0 else found.turned()


def _single(c: Context, r: Range, size: Dim) -> tuple[Dim, Dim]:
    """The bounds of one position."""
    at = _from_front(c, r.begin if r.begin is not None else 0, size)
    if any(isinstance(low, int) and low < 0 for low in (at, size - at - 1)):
        raise Malformed(f"expected a position within {size} elements, found {r.begin}")
    return at, at + 1


def _from_front(c: Context, position: Position, size: Dim) -> Dim:
    """A position counted from the front; negative ones count from the end."""
    if isinstance(position, Value):
        return c.define_size(_counted(c, position, c.dims([size], (), tensor(position).dtype)))
    if _sign_is_known(position):
        return position if at_least(position, 0) else size + position
    return _from_front(c, c.dims([position], (), i64), size)


def _sign_is_known(position: Dim) -> bool:
    return at_least(position, 0) or at_least(position * -1, 1)


def _counted(c: Context, position: Value, size: Value) -> Value:
    """The same for scalars."""
    is_negative = c.make(e.Less, position, c.scalar(0, tensor(position).dtype))
    return c.make(e.Select, is_negative, c.make(e.Add, position, size), position)


def _bounds(c: Context, r: Range, size: Dim) -> tuple[Dim, Dim]:
    """Start and stop as TensorFlow cuts them to size, the stop never before the start."""
    start = 0 if r.begin is None else _clamp(c, r.begin, size)
    if r.end is None:
        return start, size
    stop = _clamp(c, r.end, size)
    begin = 0 if r.begin is None else r.begin
    if isinstance(begin, Value) or isinstance(r.end, Value):
        return start, dim_max(start, stop)
    same_side = at_least(begin, 0) == at_least(r.end, 0)
    if at_least(stop - start, 0) or (same_side and at_least(r.end - begin, 0)) or (start, r.end) == (0, -1):
        return start, stop
    return start, dim_max(start, stop)


def _clamp(c: Context, position: Position, size: Dim) -> Dim:
    """A position cut to size. Where that makes a difference for an empty tensor alone, as in `x[1:]`, the
    formula stays simple, and the check at run time keeps empty tensors out."""
    if not isinstance(position, Value) and not _sign_is_known(position):
        position = c.dims([position], (), i64)
    if isinstance(position, Value):
        dtype = tensor(position).dtype
        whole = c.dims([size], (), dtype)
        at_front = c.make(e.Maximum, _counted(c, position, whole), c.scalar(0, dtype))
        return c.define_size(c.make(e.Minimum, at_front, whole))
    at = _from_front(c, position, size)
    if isinstance(size, Sym) and position in (1, -1):
        return at
    if not isinstance(at, Sym) and not isinstance(size, Sym):
        return max(0, min(at, size))
    if at_least(position, 0):
        return at if at_least(size - at, 0) else dim_min(at, size)
    return at if at_least(at, 0) else dim_max(at, 0)
