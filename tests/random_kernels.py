"""Rows of random graphs (`random_rows.py`) for kernels that go element by element, linear algebra, volumes, images."""

from __future__ import annotations

from typing import Any

import numpy as np
from netwright.compiler.ops import gamma, linalg, special
from netwright.compiler.ops import random_numbers as rn
from netwright.compiler.ops import reduce as red
from netwright.compiler.ops.base import GraphOp
from netwright.compiler.ops.conv import Conv3D, ConvTranspose
from netwright.compiler.ops.image import Colour
from netwright.compiler.ops.integer import Bitcast
from netwright.compiler.ops.pool import AvgPool3D, Dilation2D, MaxPool3D, MaxPoolArgmax
from netwright.compiler.ops.resize import COORDINATES, METHODS, Resize
from netwright.compiler.ops.scan import Cumulative, SearchSorted
from netwright.compiler.ops.segment import Bincount, SegmentReduce
from netwright.compiler.ops.sort import TopK
from netwright.runtime.spec import f32, i32, i64, u64

from .random_graphs import EXACT, LARGEST, ROUNDED, SUMMED, ZERO, Draw, Item, Rejected
from .random_rows import epilogue, image, row


def known(size: Any) -> bool:
    return isinstance(size, int) and size > 0


# Searching, counting, running sums.


@row(red.ArgMax, red.ArgMin, weight=0.6)
def arg_extreme(d: Draw) -> Item:
    x = d.pick("fiu", rank=(1, 4), exact=True)
    axis = d.integer(0, x.rank - 1)
    if not known(x.shape[axis]):
        raise Rejected
    return d.emit(d.choice((red.ArgMax, red.ArgMin)), x, axis=axis, dtype=d.choice((i32, i64)))


@row(Cumulative, weight=0.6)
def cumulative(d: Draw) -> Item:
    x = d.pick("fiu", rank=(1, 4))
    kind = d.choice(("sum", "log_sum_exp") if x.dtype.is_float else ("sum", "prod"))
    noise = SUMMED if kind == "sum" else LARGEST
    more = {"kind": kind, "exclusive": d.flag() and kind != "log_sum_exp", "reverse": d.flag()}
    return d.emit(Cumulative, x, noise=noise, axis=d.integer(0, x.rank - 1), **more)


@row(TopK, weight=0.6)
def top_k(d: Draw) -> Item:
    x = d.pick("fiu", rank=(1, 3), exact=True, where=lambda i: known(i.shape[-1]))
    return d.emit(TopK, x, k=d.integer(0, int(x.shape[-1])), index_dtype=d.choice((i32, i64)))  # type: ignore[arg-type]


@row(SearchSorted, weight=0.6)
def search_sorted(d: Draw) -> Item:
    dtype = d.dtype("fi")
    rows = d.shape(1)
    ordered = d.fresh((*rows, *d.shape(1)), dtype, lambda *s: np.sort(d.rng.integers(-9, 9, s), axis=-1))
    values = d.fresh((*rows, *d.shape(1)), dtype, lambda *s: d.rng.integers(-9, 9, s))
    return d.emit(SearchSorted, ordered, values, upper=d.flag(), dtype=d.choice((i32, i64)))


@row(SegmentReduce, weight=0.6)
def segment_reduce(d: Draw) -> Item:
    x = d.pick("fiu", rank=(1, 3))
    ordered, count = d.flag(), d.integer(1, 6)

    def ids(*shape: int) -> Any:
        drawn = d.rng.integers(0 if ordered else -1, count, shape)
        return np.sort(drawn) if ordered else drawn

    kind = d.choice(("sum", "max", "min"))
    noise = SUMMED if kind == "sum" else ZERO
    rows = d.fresh(x.shape[:1], d.choice((i32, i64)), ids)
    return d.emit(SegmentReduce, x, rows, noise=noise, count=count, kind=kind, sorted=ordered)


@row(Bincount, weight=0.6)
def bincount(d: Draw) -> Item:
    shape = d.shape((1, 2))
    x = d.fresh(shape, i32, lambda *s: d.rng.integers(0, 8, s))
    weights = [d.fresh(shape, f32)] if d.flag() else []
    dtype = f32 if weights else d.choice((i32, i64, f32))
    return d.emit(Bincount, x, *weights, noise=SUMMED, size=d.integer(0, 8), dtype=dtype)


@row(Bitcast, weight=0.6)
def bitcast(d: Draw) -> Item:
    x = d.pick("fiu", exact=True, where=lambda i: not any(np.isnan(a).any() for a in i.arrays))
    if x.dtype.is_float:
        return d.emit(Bitcast, x, dtype=i32)
    return d.emit(Bitcast, x, dtype=d.dtype("iu"))


@row(rn.RandomKey, rn.Random, rn.RandomPermutation, weight=0.6)
def random_numbers(d: Draw) -> Item:
    if d.flag():
        key = d.fresh((3,), u64, lambda *s: d.rng.integers(0, 1 << 32, s))
    else:
        key = d.emit(rn.RandomKey, d.fresh((2,), i32, lambda *s: d.rng.integers(-9, 9, s)))
    if d.chance(0.3):
        return d.emit(rn.RandomPermutation, key, size=d.choice(d.sides))
    kind = d.choice(("uniform", "normal", "bits"))
    dtype = d.choice((i32, i64)) if kind == "bits" else f32
    noise = LARGEST if kind == "normal" else EXACT
    return d.emit(rn.Random, key, noise=noise, shape=d.shape((0, 3)), kind=kind, dtype=dtype)


# Functions of few models.


@row(gamma.Igamma, gamma.Betainc, gamma.Zeta, special.Special, weight=0.6)
def rare_functions(d: Draw) -> Item:
    def positive(low: float, high: float) -> Item:
        return d.fresh(shape, dtype, lambda *s: d.rng.uniform(low, high, s))

    shape, dtype = d.shape((0, 2)), d.dtype("f")
    kind = d.integer(0, 3)
    if kind == 0:
        return d.emit(gamma.Igamma, positive(0.1, 5), positive(0.1, 5), noise=ROUNDED, upper=d.flag())
    if kind == 1:
        return d.emit(gamma.Betainc, positive(0.1, 5), positive(0.1, 5), positive(0, 1), noise=ROUNDED)
    if kind == 2:
        return d.emit(gamma.Zeta, positive(1.5, 9), positive(0.1, 5), noise=ROUNDED)
    name = d.choice(tuple(special.FUNCTIONS))
    return d.emit(special.Special, positive(0.1, 0.9), noise=ROUNDED, function=name)


# Linear algebra, of matrices that are far from singular.


def matrix(d: Draw, rows: int, columns: int, symmetric: bool = False) -> Item:
    def values(*shape: int) -> Any:
        x = d.rng.normal(size=shape) * 0.2
        x = x + np.swapaxes(x, -1, -2) if symmetric else x
        return x + np.eye(rows, columns) * (1 + np.arange(columns))

    return d.fresh((*d.shape((0, 2)), rows, columns), d.dtype("f"), values)


@row(
    linalg.Lu,
    linalg.Inverse,
    linalg.Determinant,
    linalg.Qr,
    linalg.Cholesky,
    linalg.Svd,
    linalg.SelfAdjointEig,
)
def of_one_matrix(d: Draw) -> Item:
    n = d.integer(1, 6)
    kind = d.integer(0, 6)
    if kind in (3, 4):
        x = matrix(d, n, d.integer(1, 6))
        if kind == 3:
            return d.emit(linalg.Qr, x, noise=LARGEST, full_matrices=d.flag())
        return d.emit(linalg.Svd, x, noise=LARGEST, compute_uv=False)
    if kind in (5, 6):
        x = matrix(d, n, n, symmetric=True)
        if kind == 5:
            return d.emit(linalg.Cholesky, x, noise=LARGEST)
        return d.emit(linalg.SelfAdjointEig, x, noise=LARGEST, compute_v=False)
    cls = (linalg.Lu, linalg.Inverse, linalg.Determinant)[kind]
    more: dict[str, Any] = {"log": d.flag()} if kind == 2 else {}
    return d.emit(cls, matrix(d, n, n), noise=LARGEST, **more)


@row(linalg.Solve, linalg.TriangularSolve, weight=0.6)
def solve(d: Draw) -> Item:
    n = d.integer(1, 6)
    x = matrix(d, n, n)
    y = d.fresh((*x.shape[:-2], n, d.integer(1, 5)), x.dtype, lambda *s: d.rng.normal(size=s))
    if d.flag():
        return d.emit(linalg.Solve, x, y, noise=LARGEST)
    return d.emit(linalg.TriangularSolve, x, y, noise=LARGEST, upper=d.flag())


# Windows and images.


def volume(d: Draw) -> Item:
    return d.pick("f", rank=5, where=lambda i: known(i.shape[4]))


@row(Conv3D, MaxPool3D, AvgPool3D, weight=0.6)
def volumes(d: Draw) -> Item:
    x = volume(d)
    kernel = tuple(d.integer(1, 2) for _ in range(3))
    strides = tuple(d.integer(1, 2) for _ in range(3))
    more: dict[str, Any] = {"strides": strides, "padding": d.choice(("SAME", "VALID"))}
    if d.flag():
        cls: type[GraphOp] = d.choice((MaxPool3D, AvgPool3D))
        return d.emit(cls, x, noise=ZERO if cls is MaxPool3D else SUMMED, kernel=kernel, **more)
    w = d.fresh((*kernel, x.shape[4], d.choice((1, 3, 17))), x.dtype, variable=False)
    return epilogue(d, d.emit(Conv3D, x, w, noise=SUMMED, **more))


@row(ConvTranspose, weight=0.6)
def conv_transpose(d: Draw) -> Item:
    sizes = [d.integer(1, 9) for _ in range(2)]
    kernel, strides = ([d.integer(1, 3) for _ in range(2)] for _ in "ks")
    padding = d.choice(("SAME", "VALID"))
    small = [
        -(-s // step) if padding == "SAME" else (s - k) // step + 1
        for s, k, step in zip(sizes, kernel, strides, strict=True)
    ]
    if min(small) < 1:
        raise Rejected
    groups = d.choice((1, 1, 2))
    channels = groups * d.integer(1, 3)
    x = d.fresh((d.choice(d.sides), *small, channels), d.dtype("f"))
    w = d.fresh((*kernel, d.choice((1, 3, 17)), channels), x.dtype, finite(d), constant=True, variable=False)
    y = d.emit(
        ConvTranspose, x, w, noise=SUMMED, size=tuple(sizes), strides=tuple(strides), padding=padding, groups=groups,
        dilations=(1, 1), pads=(0, 0, 0, 0),
    )  # fmt: skip
    return epilogue(d, y)


def finite(d: Draw) -> Any:
    """Ordinary numbers: positions of the padding take no part in some kernels, also where it would be 0 * NaN."""
    return lambda *s: d.rng.normal(size=s)


@row(MaxPoolArgmax, Dilation2D, weight=0.6)
def maxima(d: Draw) -> Item:
    x = image(d)
    strides = (d.integer(1, 3), d.integer(1, 3))
    padding = d.choice(("SAME", "VALID"))
    if d.flag():
        if not x.exact:
            raise Rejected
        kernel = (d.integer(1, 3), d.integer(1, 3))
        return d.emit(MaxPoolArgmax, x, noise=ZERO, kernel=kernel, strides=strides, padding=padding)
    w = d.fresh((d.integer(1, 3), d.integer(1, 3), x.shape[3]), x.dtype)
    return d.emit(Dilation2D, x, w, noise=ZERO, strides=strides, padding=padding)


@row(Resize, weight=0.6)
def resize(d: Draw) -> Item:
    x = d.pick("fiu", rank=4, where=lambda i: known(i.shape[1]) and known(i.shape[2]))
    method = d.choice(METHODS)
    coordinates = d.choice(COORDINATES[:2] if method == "area" else COORDINATES)
    if method != "nearest" and any(not np.isfinite(a).all() for a in x.arrays):
        raise Rejected  # 0 * NaN, or not, outside of the image
    size = (d.integer(1, 9), d.integer(1, 9))
    noise = EXACT if method == "nearest" else LARGEST
    return d.emit(Resize, x, noise=noise, size=size, method=method, coordinates=coordinates)


@row(Colour, weight=0.6)
def colour(d: Draw) -> Item:
    x = d.fresh((*d.shape((0, 2)), 3), f32, lambda *s: d.rng.uniform(0.1, 1, s))
    kind = d.choice(("rgb_to_hsv", "hsv_to_rgb"))
    return d.emit(Colour, x, noise=LARGEST, kind=kind)
