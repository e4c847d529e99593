"""Sorting, and what is found in sorted numbers: places, quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....compiler.ops.rearrange import Reverse
from ....compiler.ops.scan import SearchSorted
from ....compiler.ops.sort import TopK
from ....runtime.errors import InputError, ShapeError
from ....runtime.spec import boolean, f32, f64, i32
from ..tensor import Tensor, TensorLike, cast, convert, floats, op, ops, pair
from .arrays import concatenate, expand_dims, moveaxis, ravel, reshape_to, take, take_along_axis, transpose
from .elementwise import ceil, clip, floor, isnan, logical_not, maximum, round, where
from .reductions import any, axes_of, sum

__all__ = [
    "argpartition", "argsort", "digitize", "isin", "median", "nanmedian", "nanpercentile", "nanquantile",
    "percentile", "quantile", "searchsorted", "sort", "top_k", "unique",
]  # fmt: skip


def _ascending(x: TensorLike, axis: int | None) -> tuple[Tensor, Tensor, int]:
    """x with an axis last and in order, of equal numbers the first one first, their places, and which axis it was."""
    x = convert(x)
    if axis is None:
        x, axis = ravel(x), 0
    rows = moveaxis(x, axis, -1)
    flags = rows.type.dtype == boolean
    rows = cast(rows, i32) if flags else rows
    last, size = (rows.ndim - 1,), rows.type.shape[-1]
    # of equals the one that comes first in front: both ways are turned round
    values, places = ops(TopK, op(Reverse, rows, axes=last), k=size)
    values, places = (op(Reverse, v, axes=last) for v in (values, places))
    from_end = convert(size - 1, i32) if isinstance(size, int) else cast(_last(size), i32)
    return cast(values, boolean) if flags else values, from_end - places, axis


def _last(size: Any) -> Tensor:
    from ....compiler.ops.constant import Dims

    return op(Dims, value=(size - 1,), shape=(), dtype=i32)


def sort(x: TensorLike, axis: int | None = -1) -> Tensor:
    """x in ascending order along an axis, NaN last; the flattened tensor for None."""
    values, _, at = _ascending(x, axis)
    return moveaxis(values, -1, at)


def argsort(x: TensorLike, axis: int | None = -1) -> Tensor:
    """The places of x's numbers in ascending order along an axis, int32; equal ones in their order."""
    _, places, at = _ascending(x, axis)
    return moveaxis(places, -1, at)


def argpartition(x: TensorLike, kth: int, axis: int = -1) -> Tensor:
    """Places such that the kth number is where sorting would put it, smaller ones before it: those of all sorted."""
    return argsort(x, axis)


def top_k(x: TensorLike, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest along the last axis, largest first, and their places, int32; always sorted."""
    values, places = ops(TopK, convert(x), k=int(k))
    return values, places


def searchsorted(sorted_sequence: TensorLike, values: TensorLike, side: str = "left") -> Tensor:
    """Where in an ascending vector each value would go: in front of its equals, or behind them with side "right".

    Raises:
        ShapeError: the sequence is no vector.
        InputError: another side.
    """
    if side not in ("left", "right"):
        raise InputError(f"expected side 'left' or 'right', received {side!r}")
    rows, found = pair(convert(sorted_sequence), convert(values))
    if rows.ndim != 1:
        raise ShapeError(f"expected a vector of ascending numbers, received {rows.shape}")
    flat = reshape_to(found, (1, -1))
    places = op(SearchSorted, reshape_to(rows, (1, -1)), flat, upper=side == "right")
    return reshape_to(places, found.type.shape)


def digitize(x: TensorLike, bins: TensorLike) -> Tensor:
    """How many of the ascending bins each number has reached, int32."""
    x, edges = convert(x), convert(bins)
    wide = f64 if x.type.dtype.size == 8 or x.dtype == "uint32" else f32
    return searchsorted(cast(edges, wide), cast(x, wide), "right")


def isin(x1: TensorLike, x2: TensorLike, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each number of x1 is among those of x2; the other way round with `invert`."""
    a, b = pair(convert(x1), convert(x2))
    found = any(expand_dims(a, -1) == ravel(b), -1)
    return logical_not(found) if invert else found


def unique(
    x: TensorLike,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: TensorLike = None,
) -> Any:
    """The different numbers of the flattened tensor in ascending order: `size` of them, filled up with `fill_value`
    (by default the smallest); and, as int32, places of the first of each, places in the result for each number of x,
    counts.

    Without `size` x must have a value now, for the result's size depends on it.

    Raises:
        InputError: an axis, which is not built; no size for a symbolic tensor.
    """
    if axis is not None:
        raise InputError("unique has no axis: numbers of the flattened tensor only")
    x = convert(x)
    shape, x = x.type.shape, ravel(x)
    if size is None:
        if x.is_symbolic:
            raise InputError("expected size for unique numbers that are known only when they are computed")
        size = len(np.unique(x.numpy()))
    have = x.shape[0]
    if have is None:
        raise ShapeError(f"expected a known size, received {x.shape}")
    rows, places, _ = _ascending(x, 0)
    fresh = concatenate([convert([True]), rows[1:] != rows[:-1]], 0) if have else cast(rows, boolean)
    from .cumulative import cumsum

    number = cumsum(cast(fresh, i32)) - 1
    from .encodings import scatter_update
    from .making import full

    slots = expand_dims(where(fresh, clip(number, 0, size), size), 1)
    value = rows[0] if fill_value is None else convert(fill_value, rows.type.dtype)
    made = scatter_update(full((size + 1,), value, rows.dtype), slots, rows)[:size]
    out = [made]
    if return_index:
        first = places[0] if have else convert(0)
        out.append(scatter_update(full((size + 1,), first, "int32"), slots, places)[:size])
    if return_inverse:
        inverse = scatter_update(full((have,), 0, "int32"), expand_dims(places, 1), number)
        out.append(reshape_to(inverse, shape))
    if return_counts:
        once = full((have,), 1, "int32")
        blank = full((size + 1,), 0, "int32")
        out.append(scatter_update(blank, expand_dims(clip(number, 0, size), 1), once, "add")[:size])
    return out[0] if len(out) == 1 else tuple(out)


_METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def quantile(
    x: TensorLike, q: TensorLike, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """The numbers below which the shares q (a number or a vector) of x lie along axes: [Q…, …]. NaN where one is.

    `method` says what comes between two numbers: "linear", "lower", "higher", "midpoint" or "nearest".
    """
    return _quantile(x, q, axis, method, keepdims, skip=False)


def nanquantile(
    x: TensorLike, q: TensorLike, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """quantile of the numbers that are not NaN."""
    return _quantile(x, q, axis, method, keepdims, skip=True)


def percentile(
    x: TensorLike, q: TensorLike, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """quantile for shares in hundredths."""
    return quantile(x, _hundredths(q), axis, method, keepdims)


def nanpercentile(
    x: TensorLike, q: TensorLike, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """nanquantile for shares in hundredths."""
    return nanquantile(x, _hundredths(q), axis, method, keepdims)


def _hundredths(q: TensorLike) -> Any:
    return cast(q, f64) / 100.0 if isinstance(q, Tensor) else np.asarray(q, np.float64) / 100


def median(x: TensorLike, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The number in the middle, or the mean of the two there."""
    return quantile(x, 0.5, axis, "linear", keepdims)


def nanmedian(x: TensorLike, axis: Any = None, keepdims: bool = False) -> Tensor:
    """median of the numbers that are not NaN."""
    return nanquantile(x, 0.5, axis, "linear", keepdims)


def _quantile(x: TensorLike, q: TensorLike, axis: Any, method: str, keepdims: bool, skip: bool) -> Tensor:
    if method not in _METHODS:
        raise InputError(f"expected a method of {_METHODS}, received {method!r}")
    x = floats(x)
    axes = axes_of(x, axis)
    share = cast(q, f64) if isinstance(q, Tensor) else convert(np.asarray(q, np.float64))
    if share.ndim > 1:
        raise ShapeError(f"expected q as a number or a vector, received {share.shape}")
    kept = [i for i in range(x.ndim) if i not in axes]
    lead = tuple(x.type.shape[i] for i in kept)
    rows = reshape_to(transpose(x, [*kept, *axes]), (*lead, -1))
    rows = _ascending(rows, -1)[0]
    found = _between(rows, reshape_to(share, (-1,)), method, skip)
    wanted = tuple(1 if i in axes else d for i, d in enumerate(x.type.shape)) if keepdims else lead
    found = moveaxis(found, -1, 0)
    return reshape_to(found, (*share.type.shape, *wanted))


def _between(rows: Tensor, share: Tensor, method: str, skip: bool) -> Tensor:
    """rows [..., n] in order and shares [Q] as [..., Q]."""
    lost = isnan(rows)
    size = rows.type.shape[-1]
    if skip:
        count = sum(cast(logical_not(lost), i32), -1, True)
        place = cast(maximum(count - 1, 0), f64) * share
    else:
        place = share * (float(size - 1) if isinstance(size, int) else cast(_last(size), f64))
    low, high = floor(place), ceil(place)
    if method == "nearest":
        low = high = round(place)
    elif method == "lower":
        high = low
    elif method == "higher":
        low = high
    pick = take_along_axis if skip else take
    a, b = (pick(rows, cast(p, i32), -1) for p in (low, high))
    if method in ("linear", "midpoint"):
        part = place - low if method == "linear" else where(low == high, 0.0, place * 0.0 + 0.5)
        a = a + (b - a) * cast(part, rows.type.dtype)
    return a if skip else where(any(lost, -1, True), float("nan"), a)
