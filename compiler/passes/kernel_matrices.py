"""Kernels of convolutions as the matrices whose factors two 1-D filters are."""

from __future__ import annotations

import numpy as np

from ..ir.attributes import Array

#: which of the two 1-D kernels comes first: 1×m, or n×1
HORIZONTAL, VERTICAL = "horizontal", "vertical"
ORDERS = (HORIZONTAL, VERTICAL)


def as_matrices(kernel: Array, groups: int, order: str) -> Array:
    """A kernel [n, m, C / groups, O] as one matrix for each group: [groups, m·C / groups, n·O / groups] for the
    horizontal order, [groups, n·C / groups, m·O / groups] for the vertical one."""
    n, m, c, o = kernel.shape
    cut = kernel.reshape(n, m, c, groups, o // groups)
    if order == HORIZONTAL:
        return cut.transpose(3, 1, 2, 0, 4).reshape(groups, m * c, n * (o // groups))
    return cut.transpose(3, 0, 2, 1, 4).reshape(groups, n * c, m * (o // groups))


def as_filters(left: Array, right: Array, shape: tuple[int, ...], order: str) -> tuple[Array, Array]:
    """Factors [groups, rows, R] and [groups, R, columns] of a kernel of this shape as the two filters, both of as many
    groups: [1, m, C / groups, groups·R] and [n, 1, R, O], or [n, 1, C / groups, groups·R] and [1, m, R, O]."""
    n, m, c, o = shape
    groups, _, rank = left.shape
    taps, others = (m, n) if order == HORIZONTAL else (n, m)
    first = left.reshape(groups, taps, c, rank).transpose(1, 2, 0, 3).reshape(taps, c, groups * rank)
    second = right.reshape(groups, rank, others, o // groups).transpose(2, 1, 0, 3).reshape(others, rank, o)
    return (first[None], second[:, None]) if order == HORIZONTAL else (first[:, None], second[None])


def composed(first: Array, second: Array, groups: int) -> Array:
    """The kernel [n, m, C / groups, O] of two 1-D filters one after the other."""
    n, m = max(first.shape[0], second.shape[0]), max(first.shape[1], second.shape[1])
    c, rank, o = first.shape[2], second.shape[2], second.shape[3]
    a = first.reshape(-1, c, groups, rank)
    b = second.reshape(-1, rank, groups, o // groups)
    rows_first = first.shape[0] == 1 and second.shape[1] == 1
    text = "jcgr,irgo->ijcgo" if rows_first else "icgr,jrgo->ijcgo"
    return np.einsum(text, a, b, optimize=True).reshape(n, m, c, o)
