"""Gradients of resized images. Resizing is linear, and along each axis alone: a product with a matrix that says how
much of every pixel each result pixel is. Its gradient is the product with the transposed matrix."""

from __future__ import annotations

import numpy as np

from ..ir.attributes import Array
from .gradient import Term, constant


def taps_matrix(size: int, taps: tuple[Array, Array, Array]) -> Array:
    """The weights [out, size] of first pixels, counts and weights; pixels outside of the image are its edge."""
    start, count, weights = taps
    out = np.zeros((len(start), size), np.float32)
    for i, row in enumerate(weights):
        for k in range(int(count[i])):
            out[i, min(max(int(start[i]) + k, 0), size - 1)] += row[k]
    return out


def resize_gradient(d: Term, rows: Array, columns: Array) -> Term:
    """Of images whose axes were resized by the weights [out, size] `rows` and `columns`."""
    factors = [_repeats(w) for w in (rows, columns)]
    if factors == [1, 1]:
        return d
    if all(factors):
        (n, _, _, c), sizes = d.shape, (rows.shape[1], columns.shape[1])
        blocks = d.reshape((n, sizes[0], factors[0], sizes[1], factors[1], c))
        return blocks.sum((2, 4))
    return _columns(_rows(d, rows), columns)


def _repeats(weights: Array) -> int:
    """How often each pixel is repeated, when that is all that happens along an axis; else 0."""
    out, size = weights.shape
    times = out // size
    even = times * size == out and np.array_equal(
        weights, np.repeat(np.eye(size, dtype=np.float32), times, 0)
    )
    return times if even else 0


def _rows(d: Term, weights: Array) -> Term:
    n, h, w, c = d.shape
    back = constant(d.b, weights.T, d.dtype)
    return back.matmul(d.reshape((n, h, w * c))).reshape((n, weights.shape[1], w, c))


def _columns(d: Term, weights: Array) -> Term:
    n, h, w, c = d.shape
    back = constant(d.b, weights.T, d.dtype)
    return back.matmul(d.reshape((n * h, w, c))).reshape((n, h, weights.shape[1], c))
