"""Numbers as zeros and ones, counts of numbers, and rows gathered and scattered by number."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from ....compiler.ops.indexing import ScatterNd
from ....compiler.ops.segment import Bincount, SegmentReduce
from ....runtime.errors import InputError, ShapeError
from ....runtime.spec import i32
from ..tensor import Tensor, TensorLike, cast, convert, floats, op
from .arrays import broadcast_dims, concatenate, expand_dims, iota, ravel, reshape_to, take
from .elementwise import abs, clip, equal, floor, where
from .reductions import all, max, min, sum

__all__ = [
    "bincount", "histogram", "in_top_k", "multi_hot", "one_hot", "scatter", "scatter_update", "segment_max",
    "segment_min", "segment_prod", "segment_sum", "slice_update", "unravel_index",
]  # fmt: skip


def one_hot(
    x: TensorLike, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Tensor:
    """1 at the place that x names along a new axis, else 0; float32 by default."""
    _dense(sparse, "one_hot")
    x = cast(x, i32)
    at = axis % (x.ndim + 1)
    classes = reshape_to(iota(num_classes), tuple(-1 if i == at else 1 for i in range(x.ndim + 1)))
    return cast(equal(expand_dims(x, at), classes), dtype or "float32")


def _dense(sparse: bool, name: str) -> None:
    if sparse:
        raise InputError(f"{name} has no sparse=True: tensors are dense")


def multi_hot(
    inputs: TensorLike,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: Any = None,
    sparse: bool = False,
    **options: Any,
) -> Tensor:
    """1 at all places that rows of numbers name, else 0: [..., n] to [..., num_classes]; float32 by default.

    Raises:
        InputError: without `num_classes`, or for an unknown option.
    """
    _dense(sparse, "multi_hot")
    num_classes = options.pop("num_tokens", num_classes)
    if num_classes is None or options:
        raise InputError(f"expected num_classes, received {sorted(options) or None}")
    x = convert(inputs)
    hot = one_hot(x, num_classes, axis, dtype)
    return max(hot, 1 if x.ndim > 1 else 0)


def bincount(x: TensorLike, weights: TensorLike = None, minlength: int = 0, sparse: bool = False) -> Tensor:
    """How often each number below `minlength` occurs in x [n] or each row of x [b, n], or the sum of its weights.

    Tensors have sizes that do not depend on values, so that larger numbers do not count, and `minlength` must be
    given unless x has a value now.
    """
    _dense(sparse, "bincount")
    x = cast(x, i32)
    if x.node.values is not None or not x.is_symbolic:
        values = x.numpy()
        minlength = (
            int(np.max(values, initial=-1)) + 1 if values.size and values.max() >= minlength else minlength
        )
    elif minlength < 1:
        raise InputError("expected minlength for a bincount whose numbers are known only when it is computed")
    if weights is None:
        return op(Bincount, x, size=int(minlength), dtype=i32)
    w = convert(weights)
    return op(Bincount, x, w, size=int(minlength), dtype=w.type.dtype)


def histogram(
    x: TensorLike, bins: int = 10, range: tuple[float, float] | None = None
) -> tuple[Tensor, Tensor]:
    """How many numbers of a vector fall into each of `bins` equal parts of a range, and the parts' edges: floats.

    The range is by default that of the numbers; what lies outside does not count.
    """
    if not isinstance(bins, int) or bins < 1:
        raise InputError(f"expected a number of bins of at least 1, received {bins!r}")
    x = ravel(floats(x))
    if range is not None and range[1] < range[0]:
        raise InputError(f"expected a range in ascending order, received {range}")
    low = min(x) if range is None else convert(range[0], x.type.dtype)
    high = max(x) if range is None else convert(range[1], x.type.dtype)
    flat = low == high
    low, high = where(flat, low - 0.5, low), where(flat, high + 0.5, high)
    step = (high - low) * (1 / bins)
    edges = low + cast(iota(bins + 1), x.type.dtype) * step
    edges = where(iota(bins + 1) == bins, high, edges)
    place = cast(clip(floor((x - low) / (high - low) * float(bins)), 0.0, bins - 1.0), i32)
    # rounding may have put a number on the wrong side of an edge
    place = place - cast(x < take(edges, place), i32)
    place = clip(place + cast((x >= take(edges, clip(place, 0, bins - 1) + 1)), i32), 0, bins - 1)
    inside = (x >= low) & (x <= high)
    return cast(op(Bincount, where(inside, place, bins), size=bins, dtype=i32), x.type.dtype), edges


def in_top_k(targets: TensorLike, predictions: TensorLike, k: int) -> Tensor:
    """Whether fewer than k classes are likelier than the target; not where a prediction of the row is not finite."""
    x, at = floats(predictions), cast(targets, i32)
    if x.ndim != 2 or at.ndim != 1:
        raise ShapeError(
            f"expected targets [n] and predictions [n, classes], received {at.shape} and {x.shape}"
        )
    chosen = iota(x.type.shape[1]) == expand_dims(at, 1)
    own = sum(where(chosen, x, 0.0), 1, True)
    likelier = sum(cast(x > own, i32), 1)
    return (likelier < k) & all(abs(x) < float("inf"), 1) & (sum(cast(chosen, i32), 1) == 1)


def scatter(indices: TensorLike, values: TensorLike, shape: Any) -> Tensor:
    """Zeros of a shape with values added at indices [..., depth]; values at equal indices add up."""
    v = convert(values)
    blank = broadcast_dims(convert(0, v.type.dtype), tuple(int(d) for d in shape))
    return op(ScatterNd, blank, cast(indices, i32), v, kind="add")


def scatter_update(
    inputs: TensorLike, indices: TensorLike, updates: TensorLike, reduction: str | None = None
) -> Tensor:
    """inputs with the slices at indices [..., depth] replaced, or changed by `reduction`: "add", "max", "min", "mul".

    Raises:
        InputError: another reduction; "mul" is not built.
    """
    kinds = {None: "update", "add": "add", "max": "max", "min": "min"}
    if reduction not in kinds:
        raise InputError(f"expected reduction None, 'add', 'max' or 'min', received {reduction!r}")
    x = convert(inputs)
    return op(ScatterNd, x, cast(indices, i32), convert(updates, x.type.dtype), kind=kinds[reduction])


def slice_update(inputs: TensorLike, start_indices: Any, updates: TensorLike) -> Tensor:
    """inputs with the part that begins at these indices, numbers or tensors, replaced by the updates."""
    x = convert(inputs)
    new = convert(updates, x.type.dtype)
    if new.ndim != x.ndim:
        raise ShapeError(f"expected updates of rank {x.ndim}, received {new.shape}")
    starts = [cast(start_indices[i], i32) for i in range(x.ndim)]
    depth = builtins.max([i + 1 for i in range(x.ndim) if new.type.shape[i] != x.type.shape[i]], default=0)
    if depth == 0:
        return new
    sizes = new.type.shape[:depth]
    parts = []
    for i in range(depth):
        at = iota(sizes[i]) + _inside(starts[i], x.type.shape[i], sizes[i])
        at = reshape_to(at, tuple(sizes[i] if j == i else 1 for j in range(depth)))
        parts.append(expand_dims(broadcast_dims(at, sizes), -1))
    return op(ScatterNd, x, concatenate(parts, -1), new)


def _inside(start: Tensor, size: Any, part: Any) -> Tensor:
    return clip(start, 0, size - part) if isinstance(size, int) and isinstance(part, int) else start


def _segments(kind: str, data: TensorLike, ids: TensorLike, num_segments: int | None, sorted: bool) -> Tensor:
    x, at = convert(data), cast(ids, i32)
    if num_segments is None:
        if at.is_symbolic:
            raise InputError(
                "expected num_segments for segments whose numbers are known only when they are computed"
            )
        values = at.numpy()
        num_segments = int(values.max()) + 1 if values.size else 0
    limit = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38}.get(x.dtype, 0.0)
    return op(SegmentReduce, x, at, count=int(num_segments), kind=kind, sorted=False, limit=limit)


def segment_sum(
    data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The sums of rows by their numbers; 0 where there are none. Rows of negative numbers do not count."""
    return _segments("sum", data, segment_ids, num_segments, sorted)


def segment_prod(
    data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The products of rows by their numbers; 1 where there are none."""
    return _segments("prod", data, segment_ids, num_segments, sorted)


def segment_max(
    data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The largest of rows by their numbers; the lowest finite number where there are none."""
    return _segments("max", data, segment_ids, num_segments, sorted)


def segment_min(
    data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The smallest of rows by their numbers; the highest finite number where there are none."""
    return _segments("min", data, segment_ids, num_segments, sorted)


def unravel_index(indices: TensorLike, shape: Any) -> tuple[Tensor, ...]:
    """The places in a tensor of a shape for places in the flattened one, a tensor for every axis."""
    at = convert(indices)
    sizes = [int(d) for d in shape]
    total = int(np.prod(sizes, dtype=np.int64))
    at = where(at < 0, at + total, at)
    out: list[Tensor] = []
    for d in reversed(sizes):
        out.append(at % d)
        at = at // d
    return tuple(reversed(out))
