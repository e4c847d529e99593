"""Reversals, rotations, mirrored borders, and exchanges between space, depth and batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...compiler.ir.core import Value
from ...compiler.ir.dims import Dim, dim_max, floordiv, product
from ...compiler.ops import elementwise as e
from ...compiler.ops.base import dims_text, tensor
from ...compiler.ops.rearrange import Reverse
from ...compiler.ops.shape import Concat, Gather, Pad
from .context import Context
from .nodes_reduce import normal_axes, normal_axis
from .nodes_series import count_up
from .nodes_slice import at_least, cut, cut_axis
from .registry import Malformed, Refused, converts

Pairs = Sequence[tuple[Dim, Dim]]
"""For each axis how much to add or to take away in front and behind."""


def reverse(c: Context, x: Value, axes: Sequence[int]) -> Value:
    return c.make(Reverse, x, axes=tuple(axes)) if axes else x


@converts("ReverseV2")
def reverse_v2(c: Context, x: Value, axes: Value) -> Value:
    """Along constant axes."""
    return reverse(c, x, normal_axes(c.numbers(axes, "axis"), tensor(x).rank))


@converts("Reverse")
def reverse_v1(c: Context, x: Value, dims: Value) -> Value:
    """Along axes chosen by constant bools."""
    chosen = c.array(dims, "dims").reshape(-1)
    if len(chosen) != tensor(x).rank:
        raise Malformed(f"expected {tensor(x).rank} bools, found {len(chosen)}")
    return reverse(c, x, [i for i, yes in enumerate(chosen) if yes])


@converts("ReverseSequence")
def reverse_sequence(c: Context, x: Value, lengths: Value) -> Value:
    """The beginning of each sequence; a length beyond the sequence is an error at run time."""
    rank = tensor(x).rank
    batch, seq = normal_axis(c.integer("batch_dim", 0), rank), normal_axis(c.integer("seq_dim"), rank)
    if batch == seq or tensor(lengths).rank != 1:
        raise Malformed(
            f"expected two axes and a length for each sequence, found {batch}, {seq} and {tensor(lengths)}"
        )
    order = [batch, seq, *(i for i in range(rank) if i not in (batch, seq))]
    moved = c.transpose(x, order) if order != sorted(order) else x
    dtype = tensor(lengths).dtype
    size = c.reshape(lengths, (*tensor(lengths).shape, 1))
    place = c.reshape(count_up(c, tensor(moved).shape[1], dtype), (1, tensor(moved).shape[1]))
    mirrored = c.make(e.Sub, c.make(e.Sub, size, c.scalar(1, dtype)), place)
    # a length that is too large leads beyond the sequence; one below 0 must not pass for 0
    at = c.make(e.Select, c.make(e.Less, place, size), mirrored, place)
    at = c.make(e.Select, c.make(e.Less, size, c.scalar(0, dtype)), c.scalar(-1, dtype), at)
    y = c.make(Gather, moved, at, axis=1, batch_dims=1)
    return c.transpose(y, [order.index(i) for i in range(rank)]) if moved is not x else y


@converts("Roll")
def roll(c: Context, x: Value, shift: Value, axis: Value) -> Value:
    """By numbers that are constant, or sizes of which the sign is known, along constant axes."""
    shifts, axes = c.sizes(shift, "shift"), c.numbers(axis, "axis")
    if len(shifts) != len(axes):
        raise Malformed(f"expected a shift for each axis, found {len(shifts)} and {len(axes)}")
    total: dict[int, Dim] = {}
    for by, a in zip(shifts, axes, strict=True):
        at = normal_axis(a, tensor(x).rank)
        total[at] = total.get(at, 0) + by
    for at, by in total.items():
        x = _rolled(c, x, at, by)
    return x


def _rolled(c: Context, x: Value, axis: int, by: Dim) -> Value:
    size = tensor(x).shape[axis]
    whole = dim_max(size, 1)
    if at_least(by, 0):
        first = size - by % whole
    elif at_least(by * -1, 0):
        first = (by * -1) % whole
    else:
        raise Refused(f"whether shift {by} is positive or negative is known only at run time")
    if first in (0, size):
        return x
    return c.make(Concat, cut_axis(c, x, axis, first, size), cut_axis(c, x, axis, 0, first), axis=axis)


@converts("MirrorPad")
def mirror_pad(c: Context, x: Value, paddings: Value) -> Value:
    """REFLECT and SYMMETRIC, by numbers that are constant or computed from sizes."""
    mode, rank = c.text("mode"), tensor(x).rank
    if mode not in ("REFLECT", "SYMMETRIC"):
        raise Malformed(f"expected mode REFLECT or SYMMETRIC, found {mode!r}")
    edge = 1 if mode == "REFLECT" else 0
    for axis, (low, high) in enumerate(pairs(c, paddings, "paddings", rank)):
        size = tensor(x).shape[axis]
        rooms = [size - edge - n for n in (low, high)]
        if any(isinstance(room, int) and room < 0 for room in rooms):
            raise Malformed(
                f"expected paddings of at most {size - edge} in axis {axis}, found {low} and {high}"
            )
        parts = [x]
        if low != 0:
            parts.insert(0, reverse(c, cut_axis(c, x, axis, edge, low + edge), [axis]))
        if high != 0:
            parts.append(reverse(c, cut_axis(c, x, axis, size - edge - high, size - edge), [axis]))
        x = c.make(Concat, *parts, axis=axis) if len(parts) > 1 else x
    return x


def pairs(c: Context, v: Value, what: str, count: int) -> Pairs:
    """An operand [count, 2] of sizes."""
    if tensor(v).shape != (count, 2):
        raise Malformed(f"expected {what} of shape [{count}, 2], found {tensor(v)}")
    numbers = c.sizes(v, what)
    if any(isinstance(d, int) and d < 0 for d in numbers):
        raise Malformed(f"expected {what} of 0 and above, found {dims_text(tuple(numbers))}")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def padded(c: Context, x: Value, around: Pairs) -> Value:
    """x with zeros around it."""
    if all(d == 0 for pair in around for d in pair):
        return x
    low, high = (tuple(pair[i] for pair in around) for i in (0, 1))
    return c.make(Pad, x, c.scalar(0, tensor(x).dtype), low=low, high=high)


def cropped(c: Context, x: Value, around: Pairs) -> Value:
    """x without its borders."""
    if all(d == 0 for pair in around for d in pair):
        return x
    starts = [low for low, _ in around]
    stops = [size - high for size, (_, high) in zip(tensor(x).shape, around, strict=True)]
    return cut(c, x, starts, stops)


# Space, depth, batch.


def _blocks(c: Context, x: Value, what: str) -> tuple[bool, int]:
    """Whether channels come first, and the block size."""
    layout, block = c.text("data_format", "NHWC"), c.integer("block_size")
    if layout not in ("NHWC", "NCHW"):
        raise Refused(f"data format {layout!r} is not supported")
    if tensor(x).rank != 4 or block < 1:
        raise Malformed(
            f"expected images of rank 4 and blocks of 1 and above for {what}, found {tensor(x)}, {block}"
        )
    return layout == "NCHW", block


def divided(size: Dim, by: int, what: str) -> Dim:
    """A size in whole blocks."""
    if isinstance(size, int) and size % by:
        raise Malformed(f"expected {what} of whole blocks of {by}, found {size}")
    return floordiv(size, by)


@converts("SpaceToDepth")
def space_to_depth(c: Context, x: Value) -> Value:
    """NHWC and NCHW."""
    first, b = _blocks(c, x, "SpaceToDepth")
    if first:
        n, d, h, w = tensor(x).shape
        h, w = divided(h, b, "a height"), divided(w, b, "a width")
        apart = c.reshape(x, (n, d, h, b, w, b))
        return c.reshape(c.transpose(apart, (0, 3, 5, 1, 2, 4)), (n, b * b * d, h, w))
    n, h, w, d = tensor(x).shape
    h, w = divided(h, b, "a height"), divided(w, b, "a width")
    apart = c.reshape(x, (n, h, b, w, b, d))
    return c.reshape(c.transpose(apart, (0, 1, 3, 2, 4, 5)), (n, h, w, b * b * d))


@converts("DepthToSpace")
def depth_to_space(c: Context, x: Value) -> Value:
    """NHWC and NCHW."""
    first, b = _blocks(c, x, "DepthToSpace")
    if first:
        n, d, h, w = tensor(x).shape
        d = divided(d, b * b, "channels")
        apart = c.reshape(x, (n, b, b, d, h, w))
        return c.reshape(c.transpose(apart, (0, 3, 4, 1, 5, 2)), (n, d, h * b, w * b))
    n, h, w, d = tensor(x).shape
    d = divided(d, b * b, "channels")
    apart = c.reshape(x, (n, h, w, b, b, d))
    return c.reshape(c.transpose(apart, (0, 1, 3, 2, 4, 5)), (n, h * b, w * b, d))


def space_to_batch(c: Context, x: Value, block: Sequence[int], around: Pairs) -> Value:
    """The axes behind the first, padded and in blocks: positions within a block become images of the batch."""
    m, rank = _block_count(x, block), tensor(x).rank
    x = padded(c, x, [(0, 0), *around, *[(0, 0)] * (rank - m - 1)])
    batch, *sizes = tensor(x).shape
    whole = [divided(d, b, "padded sizes") for d, b in zip(sizes, block, strict=False)]
    rest = sizes[m:]
    apart = [d for pair in zip(whole, block, strict=True) for d in pair]
    y = c.reshape(x, (batch, *apart, *rest))
    within, outside = range(2, 2 * m + 1, 2), range(1, 2 * m, 2)
    y = c.transpose(y, (*within, 0, *outside, *range(2 * m + 1, 2 * m + 1 + len(rest))))
    return c.reshape(y, (batch * product(block), *whole, *rest))


def batch_to_space(c: Context, x: Value, block: Sequence[int], around: Pairs) -> Value:
    """The opposite of `space_to_batch`, with borders cut off."""
    m = _block_count(x, block)
    total, *sizes = tensor(x).shape
    batch, rest = divided(total, int(np.prod(block)), "a batch"), sizes[m:]
    y = c.reshape(x, (*block, batch, *sizes))
    inner = [axis for i in range(m) for axis in (m + 1 + i, i)]
    y = c.transpose(y, (m, *inner, *range(2 * m + 1, 2 * m + 1 + len(rest))))
    y = c.reshape(y, (batch, *(d * b for d, b in zip(sizes, block, strict=False)), *rest))
    return cropped(c, y, [(0, 0), *around, *[(0, 0)] * len(rest)])


def _block_count(x: Value, block: Sequence[int]) -> int:
    if len(block) >= tensor(x).rank or min(block, default=1) < 1:
        raise Malformed(f"expected blocks of 1 and above for axes of {tensor(x)}, found {list(block)}")
    return len(block)


@converts("SpaceToBatchND")
def space_to_batch_nd(c: Context, x: Value, block: Value, paddings: Value) -> Value:
    """Blocks of constant sizes."""
    sizes = c.numbers(block, "block_shape")
    return space_to_batch(c, x, sizes, pairs(c, paddings, "paddings", len(sizes)))


@converts("BatchToSpaceND")
def batch_to_space_nd(c: Context, x: Value, block: Value, crops: Value) -> Value:
    """Blocks of constant sizes."""
    sizes = c.numbers(block, "block_shape")
    return batch_to_space(c, x, sizes, pairs(c, crops, "crops", len(sizes)))


@converts("SpaceToBatch")
def space_to_batch_v1(c: Context, x: Value, paddings: Value) -> Value:
    """Of images of rank 4."""
    return space_to_batch(c, x, (c.integer("block_size"),) * 2, pairs(c, paddings, "paddings", 2))


@converts("BatchToSpace")
def batch_to_space_v1(c: Context, x: Value, crops: Value) -> Value:
    """Of images of rank 4."""
    return batch_to_space(c, x, (c.integer("block_size"),) * 2, pairs(c, crops, "crops", 2))
