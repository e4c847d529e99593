"""Rows of random graphs (`random_rows.py`) for what moves elements: indices, diagonals, reversals, windows."""

from __future__ import annotations

from typing import Any

import numpy as np
from netwright.compiler.ops import shape as sh
from netwright.compiler.ops.base import tensor
from netwright.compiler.ops.diagonal import ALIGNMENTS, MatrixDiagPart, MatrixSetDiag
from netwright.compiler.ops.indexing import GatherNd, InvertPermutation, Iota, ScatterNd
from netwright.compiler.ops.rearrange import Patches, Reverse
from netwright.runtime.spec import DType, boolean, i32, i64

from .random_graphs import SUMMED, Draw, Item
from .random_rows import row


def _has_rows(axis: int) -> Any:
    return lambda i: isinstance(i.shape[axis], int) and i.shape[axis] > 0


def _integers(d: Draw) -> DType:
    return d.choice((i32, i64))


@row(sh.Gather)
def gather_along(d: Draw) -> Item:
    axis = d.integer(0, 2)
    x = d.pick(rank=(axis + 1, 4), where=_has_rows(axis))
    batch = d.integer(0, axis)
    shape = (*x.shape[:batch], *d.shape((0, 2)))
    limit = int(x.shape[axis])  # type: ignore[arg-type]
    indices = d.fresh(shape, _integers(d), lambda *s: d.rng.integers(0, limit, s))
    return d.emit(sh.Gather, x, indices, axis=axis, batch_dims=batch)


def places(d: Draw, x: Item, depth: int) -> Item:
    """Indices of slices of x, of which the first axes have known sizes."""
    sizes = [int(s) for s in x.shape[:depth]]  # type: ignore[arg-type]

    def values(*shape: int) -> Any:
        return np.stack([d.rng.integers(0, s, shape[:-1]) for s in sizes], -1) if depth else np.zeros(shape)

    return d.fresh((*d.shape((0, 2)), depth), _integers(d), values)


@row(GatherNd)
def gather_nd(d: Draw) -> Item:
    depth = d.integer(0, 2)
    x = d.pick(rank=(depth, 4), where=lambda i: all(_has_rows(a)(i) for a in range(depth)))
    return d.emit(GatherNd, x, places(d, x, depth))


@row(ScatterNd)
def scatter_nd(d: Draw) -> Item:
    depth = d.integer(1, 2)
    x = d.pick(rank=(depth, 4), where=lambda i: all(_has_rows(a)(i) for a in range(depth)))
    indices = places(d, x, depth)
    updates = d.pick(shape=(*indices.shape[:-1], *x.shape[depth:]), dtype=x.dtype)
    kind = "update" if x.dtype == boolean else d.choice(("update", "add", "sub"))
    if kind == "update" or not x.dtype.is_float:
        return d.emit(ScatterNd, x, indices, updates, kind=kind)
    return d.emit(
        ScatterNd, x, indices, updates, noise=SUMMED, signs=(1, 1, -1 if kind == "sub" else 1), kind=kind
    )


@row(InvertPermutation, Iota, weight=0.4)
def permutation(d: Draw) -> Item:
    size = d.choice(d.sides)
    if d.flag():
        return d.emit(Iota, size=size * 3 + 1, dtype=_integers(d))
    return d.emit(InvertPermutation, d.fresh((size,), _integers(d), lambda n: d.rng.permutation(n)))


@row(Reverse, weight=1.5)
def reverse(d: Draw) -> Item:
    x = d.pick(rank=(1, 5))
    return d.emit(Reverse, x, axes=d.axes(x.rank))


@row(Patches)
def patches(d: Draw) -> Item:
    x = d.pick(rank=(3, 5), where=lambda i: all(_has_rows(a)(i) for a in range(1, i.rank - 1)))
    spatial = [int(s) for s in x.shape[1:-1]]  # type: ignore[arg-type]
    kernel = tuple(d.integer(1, min(s, 3)) for s in spatial)
    dilations = tuple(2 if d.flag() and 2 * (k - 1) < s else 1 for k, s in zip(kernel, spatial, strict=True))
    strides = tuple(d.integer(1, 3) for _ in spatial)
    return d.emit(Patches, x, kernel=kernel, strides=strides, dilations=dilations)


@row(MatrixDiagPart, MatrixSetDiag)
def diagonals(d: Draw) -> Item:
    x = d.pick(rank=(2, 4), where=lambda i: _has_rows(i.rank - 1)(i) and _has_rows(i.rank - 2)(i))
    rows, columns = (int(s) for s in x.shape[-2:])  # type: ignore[arg-type]
    k = sorted(d.integer(-rows + 1, columns - 1) for _ in range(2))
    k = k if d.flag() else k[:1] * 2
    band: dict[str, Any] = {"k": tuple(k), "align": d.choice(ALIGNMENTS)}
    part = d.emit(MatrixDiagPart, x, d.pick(shape=(), dtype=x.dtype), **band)
    if d.flag():
        return part
    other = d.pick(shape=tensor(part.value).shape, dtype=x.dtype)
    return d.emit(MatrixSetDiag, x, other, **band)
