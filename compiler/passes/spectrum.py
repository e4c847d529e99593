"""Singular values and vectors of kernels' matrices, in float64: all of them, the leading ones, or only whether few of
them can suffice.

A layer that no low rank fits is refused by a bound, which costs a Cholesky decomposition of a part of its matrix; a
rank that is low is found from a block Krylov space (Musco, Musco 2015: Randomized Block Krylov Methods for Stronger and
Faster Approximate Singular Value Decomposition). The errors that are told are those of the factors that are returned in
any case, for these are projections: what they leave out is the whole less what they take.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..ir.attributes import Array

#: singular values whose root of squares is below this share of the whole are the rounding of float32 weights
EXACT = 2.0**-23
#: an error below it is that of computing in float64
ROUNDING = 1e-12
#: matrices with fewer rows and columns are decomposed directly
LARGE = 128
#: of these a part, or their leading vectors, is cheaper than all
WIDE = 384
#: leading vectors that are looked for first, those beside them that make these accurate, and powers of a Krylov space
FIRST, BESIDE, POWERS = 48, 16, 4
#: relative errors of truncations are as accurate as this
ACCURACY = 5e-7


@dataclass(frozen=True)
class Spectrum:
    """Singular value decompositions of the matrices [groups, rows, columns] of a kernel: all `full` values and vectors,
    or the leading ones. `rest` is the sum of the other squared values."""

    u: Array
    s: Array
    vt: Array
    full: int
    rest: float = 0.0

    @property
    def known(self) -> int:
        """The largest rank whose factors are known."""
        return self.s.shape[-1]

    @property
    def tails(self) -> Array:
        """For each rank from 0 to `known` the relative error in the Frobenius norm: the root of the sum of the
        discarded squared singular values of all groups, over that of all."""
        squares = np.concatenate([(self.s**2).sum(axis=0), [self.rest]])
        left = np.cumsum(squares[::-1])[::-1]
        found = np.sqrt(left / left[0]) if left[0] else np.zeros(len(left))
        return np.where(found < ROUNDING, 0.0, found)

    @property
    def rank(self) -> int:
        """The least rank, from 1 up, that leaves out no more than the rounding of float32."""
        return self.within(EXACT)

    def reaches(self, error: float) -> bool:
        """Whether a known rank has at most this relative error."""
        return bool(self.tails[-1] <= error)

    def within(self, error: float) -> int:
        """The least rank, from 1 up, whose relative error is at most `error`, which is reached."""
        return max(int(np.argmax(self.tails <= error)), 1)

    def truncated(self, rank: int) -> tuple[Array, Array]:
        """The nearest factors [groups, rows, rank] and [groups, rank, columns], of equal norms."""
        root = np.sqrt(self.s[:, :rank])
        return self.u[:, :, :rank] * root[:, None, :], root[:, :, None] * self.vt[:, :rank]


def spectrum(matrices: Array) -> Spectrum:
    """Of matrices [groups, rows, columns]; of one large one by the eigenvectors of its smaller product with itself."""
    matrices = np.asarray(matrices, np.float64)
    if min(matrices.shape[1:]) < LARGE:
        u, s, vt = np.linalg.svd(matrices, full_matrices=False)
    else:
        u, s, vt = (np.stack(p) for p in zip(*map(_large, matrices), strict=True))
    return _signed(u, s, vt, min(matrices.shape[1:]), 0.0)


def _signed(u: Array, s: Array, vt: Array, full: int, rest: float) -> Spectrum:
    """Of both signs the one with which a left vector's largest number is positive."""
    largest = np.take_along_axis(u, np.abs(u).round(9).argmax(axis=1)[:, None], axis=1)
    sign = np.where(largest < 0, -1.0, 1.0)
    return Spectrum(u * sign, s, vt * sign.transpose(0, 2, 1), full, rest)


def _large(matrix: Array) -> tuple[Array, Array, Array]:
    """A decomposition in a third of the time."""
    rows, columns = matrix.shape
    if columns < rows:
        u, s, vt = _large(matrix.T)
        return vt.T, s, u.T
    _, vectors = np.linalg.eigh(matrix @ matrix.T)
    return _projected(matrix, vectors)


def _projected(matrix: Array, vectors: Array) -> tuple[Array, Array, Array]:
    """What orthonormal vectors [rows, k] take of a matrix. Singular values are the norms of that, so that small ones
    are not lost in the rounding of squares; a truncation is a projection, whose error they are."""
    taken = vectors.T @ matrix
    s = np.linalg.norm(taken, axis=1)
    order = np.argsort(-s, kind="stable")
    s, taken = s[order], taken[order]
    return vectors[:, order], s, np.divide(taken, s[:, None], out=np.zeros_like(taken), where=s[:, None] > 0)


def leading(matrices: Array, error: float, step: int, most: int) -> Spectrum | None:
    """Of one large matrix [1, rows, columns] as many values and vectors as an error takes, up to the next multiple of
    `step`; None where they are not among a few, or are more than `most`."""
    if matrices.shape[0] > 1 or min(matrices.shape[1:]) < WIDE:
        return None
    for found, accurate in _parts(np.asarray(matrices[0], np.float64), most + step):
        if found.reaches(error) and -(-found.within(error) // step) * step <= accurate:
            return found
    return None


def _parts(matrix: Array, most: int) -> Iterator[tuple[Spectrum, int]]:
    """Its leading values and vectors, more and more of them up to `most`, as long as they are few; and how many are
    accurate."""
    full, whole = min(matrix.shape), float(np.sum(matrix**2))
    turned = matrix.shape[1] < matrix.shape[0]
    a = matrix.T if turned else matrix
    count = FIRST
    while (count + BESIDE) * POWERS <= full // 2:
        basis = _krylov(a, count + BESIDE)
        inner = basis.T @ a
        _, vectors = np.linalg.eigh(inner @ inner.T)
        u, s, vt = _projected(a, basis @ vectors[:, ::-1][:, :count])
        rest = max(whole - float(np.sum(s**2)), 0.0)
        left, right = (vt.T, u.T) if turned else (u, vt)
        found = _signed(left[None], s[None], right[None], full, rest)
        # squares of what is wrong with the vectors is what singular values' squares may be wrong by
        wrong = np.cumsum(np.sum((a @ vt.T - u * s) ** 2, axis=0))
        allowed = 2 * ACCURACY * whole * np.maximum(found.tails[1:], ACCURACY)
        yield found, int(np.sum(wrong <= allowed))
        if count >= most:
            return
        count *= 2


def _krylov(a: Array, count: int) -> Array:
    """An orthonormal basis of A·Ω, (A·Aᵀ)·A·Ω, … for random vectors Ω, always the same ones."""
    block = a @ np.random.default_rng(0).normal(size=(a.shape[1], count))
    found: list[Array] = []
    for power in range(POWERS):
        if power:
            block = a @ (a.T @ found[-1])
        for _ in range(2):  # once more for what rounding leaves
            for known in found:
                block = block - known @ (known.T @ block)
            block, _ = np.linalg.qr(block)
        found.append(block)
    return np.concatenate(found, axis=1)


def surely_above(matrices: Array, rank: int, error: float) -> bool:
    """Whether every product of this rank has a relative error above `error`, as far as a bound tells that takes a
    small part of a decomposition's time; only large matrices [1, rows, columns] are asked for it.

    A part of a matrix is not further from products of a rank than the matrix. Of N eigenvalues with a known product
    the smallest N - R cannot have a small sum: means of them and of the others exceed their geometric means.
    """
    small = min(matrices.shape[1:])
    if matrices.shape[0] > 1 or small < WIDE or rank >= small:
        return False
    a = matrices[0]
    kept = min(small, max(rank + rank // 8 + LARGE, min(2 * rank + LARGE, 1024)))
    # evenly spread rows and columns, more of the longer side
    counts = (kept, kept + kept // 2) if a.shape[0] <= a.shape[1] else (kept + kept // 2, kept)
    rows, columns = (
        np.linspace(0, n - 1, min(n, k)).round().astype(int) for n, k in zip(a.shape, counts, strict=True)
    )
    # numbers of 32 bits do, with what their rounding may add
    part = a[np.ix_(rows, columns)].astype(np.float32)
    square = part @ part.T if len(rows) <= len(columns) else part.T @ part
    total, others = float(np.trace(square, dtype=np.float64)), kept - rank
    least = error**2 * float(np.linalg.norm(a)) ** 2 + 1e-5 * others * float(np.linalg.norm(square))
    if not 0 < least < total * others / kept:
        return False
    try:
        product = 2 * float(np.sum(np.log(np.diag(np.linalg.cholesky(square))), dtype=np.float64))
    except np.linalg.LinAlgError:
        return False
    return others * np.log(least / others) + rank * np.log((total - least) / rank) < product
