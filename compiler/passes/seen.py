"""Factors of a kernel for what its layer sees: the error of the output is made small instead of that of the weights.

The output's mean squared error is that of x·(W - L·R) over the patches x, which their second moment tells. For one
product the best factors are W·V and Vᵀ with the principal directions V of the output x·W (reduced-rank regression;
Zhang, Zou, He, Sun 2015: Accelerating Very Deep Convolutional Networks). A pair of convolutions applies its first
kernel at several taps, whose inputs depend on each other: the first factor then comes from the taps taken together, the
second one is solved for by least squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..ir.attributes import Array
from .kernel_matrices import VERTICAL, as_matrices

#: least variance of a direction of inputs, as a share of the mean one: none is given up because a sample lacks it
FLOOR = 1e-7
#: what least squares are bound to their start by, as a share of the mean variance
RIDGE = 1e-9


def root_of(moment: Array) -> Array:
    """A with AᵀA a second moment [K, K], which may be singular: then of one that is larger by rounding errors."""
    symmetric = (moment + moment.T) / 2
    ridge = 1e-15 * float(np.trace(symmetric))
    for _ in range(12):
        try:
            return np.linalg.cholesky(symmetric + ridge * np.eye(len(symmetric))).T
        except np.linalg.LinAlgError:
            ridge = 10 * ridge or 1e-300
    values, vectors = np.linalg.eigh(symmetric)
    return np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T


def shrinkage(moments: Array, fourth: Array, count: int) -> Array:
    """For each group the share of the mean variance that belongs into the estimate of a second moment from samples
    (Ledoit, Wolf 2004: A well-conditioned estimator for large-dimensional covariance matrices).

    `moments` are as `Moments` has them, `fourth` the sums of the samples' squared squares of norms, [groups].
    """
    size = moments.shape[2]
    few = moments.shape[1] < size
    total, mean = np.empty(len(moments)), np.empty(len(moments))
    for g, m in enumerate(moments):
        gram = m @ m.T if few else m  # has the same norm
        total[g], mean[g] = float(np.sum(gram**2)), float(np.trace(gram)) / size
    noise, spread = (fourth / count - total) / count, total - size * mean**2
    found = np.divide(noise, spread, out=np.ones_like(noise), where=spread > 0)
    return np.clip(found, 0.0, 1.0)


@dataclass(frozen=True)
class Moments:
    """What a layer sees: of each group the second moment of its patches, [groups, K, K], or fewer than K patches,
    [groups, patches, K], each over the root of their number; K = n·m·C / groups numbers in the kernel's order (row,
    column, channel). `shares` say how little they may be trusted (`shrinkage`)."""

    values: Array
    shares: Array

    @staticmethod
    def of(values: Array | Moments) -> Moments:
        """An array alone is trusted."""
        return values if isinstance(values, Moments) else Moments(values, np.zeros(len(values)))


def balanced(left: Array, right: Array) -> tuple[Array, Array]:
    """The same product of factors whose columns and rows have equal norms."""
    a, b = np.linalg.norm(left, axis=0), np.linalg.norm(right, axis=1)
    usable = (a > 0) & (b > 0)
    scale = np.sqrt(np.divide(b, a, out=np.ones_like(a), where=usable))
    return left * scale, right / scale[:, None]


def principal(matrix: Array, rows: Array, share: float, variance: float) -> tuple[Array, Array]:
    """W·V [inputs, R] and Vᵀ [R, outputs] for W [inputs, outputs], with the principal directions V of the outputs of
    inputs of this root [rows, inputs], the strongest first; `share` of the inputs' moment is `variance` in every
    direction."""
    least = share * variance or 1.0
    inputs, outputs = matrix.shape
    if inputs < outputs:
        moment = (1 - share) * (rows.T @ rows) + least * np.eye(inputs)
        seen = root_of(moment) @ matrix
        taken = np.linalg.eigh(seen @ seen.T)[1][:, ::-1].T @ seen
        size = np.linalg.norm(taken, axis=1, keepdims=True)
        right = np.divide(taken, size, out=np.zeros_like(taken), where=size > 0)
        return matrix @ right.T, right
    seen = rows @ matrix
    gram = (1 - share) * (seen.T @ seen) + least * (matrix.T @ matrix)
    right = np.linalg.eigh(gram)[1][:, ::-1].T
    return matrix @ right.T, right


@dataclass(frozen=True)
class Seen:
    """One group's kernel [n, m, C, O], the order of its factors, and what it sees (`Moments`)."""

    kernel: Array
    order: str
    patches: Array
    share: float = 0.0

    @cached_property
    def root(self) -> Array:
        """Rows whose products with a kernel have the squares of its output."""
        few = len(self.patches) < self.patches.shape[1]
        return self.patches if few else root_of(self.patches)

    @cached_property
    def output(self) -> Array:
        """[rows, O]."""
        return self.root @ self._flat

    @cached_property
    def energy(self) -> float:
        """The mean square of the output, summed over channels."""
        return float(np.sum(self.output**2))

    @property
    def _flat(self) -> Array:
        return self.kernel.reshape(-1, self.kernel.shape[-1])

    @cached_property
    def _variance(self) -> float:
        return float(np.sum(self.root**2)) / self.root.shape[1]

    @cached_property
    def _matrix(self) -> Array:
        """The kernel as [first taps·C, second taps·O]."""
        return as_matrices(self.kernel, 1, self.order)[0]

    @cached_property
    def _rows(self) -> Array:
        """The root as [rows·second taps, first taps·C]."""
        n, m, c, _ = self.kernel.shape
        cut = self.root.reshape(-1, n, m, c)
        return (cut.transpose(0, 2, 1, 3) if self.order == VERTICAL else cut).reshape(-1, len(self._matrix))

    @property
    def _taps(self) -> int:
        """Of the second kernel."""
        return self.kernel.shape[1 if self.order == VERTICAL else 0]

    def principal(self) -> tuple[Array, Array]:
        """Factors of every rank: the first R columns and rows are those of rank R."""
        rows, full = self._rows, min(self._matrix.shape)
        variance = float(np.sum(rows**2)) / rows.shape[1]
        left, right = principal(self._matrix, rows, max(self.share, FLOOR), variance)
        return left[:, :full], right[:full]

    def _reduced(self, left: Array) -> Array:
        """What the first kernel gives, [rows, second taps·R]."""
        return (self._rows @ left).reshape(len(self.root), -1)

    def error(self, left: Array, right: Array) -> float:
        """The mean square of the output's error, summed over channels."""
        change = self.output - self._reduced(left) @ self._stacked(right)
        return float(np.sum(change**2))

    def _stacked(self, right: Array) -> Array:
        """A second factor [R, taps·O] as [taps·R, O]."""
        taps, out = self._taps, self.kernel.shape[-1]
        return right.reshape(-1, taps, out).transpose(1, 0, 2).reshape(-1, out)

    def factors(
        self, start: tuple[Array, Array], plain: tuple[Array, Array] | None = None
    ) -> tuple[Array, Array]:
        """Factors with a small error of the output that is expected, never larger than that of the plain ones; `start`
        are principal ones of the same rank, which for one product are the best there are."""
        if plain is None:
            return balanced(*start)
        found = [plain, balanced(*start)]
        if self._taps > 1:
            found += [balanced(left, self._solved(left, right)) for left, right in (plain, start)]
        return min(found, key=lambda f: self._expected_error(*f))

    def _expected_error(self, left: Array, right: Array) -> float:
        seen = self.error(left, right)
        if not self.share:
            return seen
        change = self._matrix - left @ right
        return (1 - self.share) * seen + self.share * self._variance * float(np.sum(change**2))

    def _solved(self, left: Array, right: Array) -> Array:
        """The second factor that makes the error that is expected least beside this first one."""
        size = np.linalg.norm(left, axis=0)
        scale = np.divide(1.0, size, out=np.ones_like(size), where=size > 0)
        left, before = left * scale, right / scale[:, None]
        taps, out = self._taps, self.kernel.shape[-1]
        trusted, rest = 1 - self.share, self.share * self._variance
        seen = self._reduced(left)
        gram = trusted * (seen.T @ seen) + rest * np.kron(np.eye(taps), left.T @ left)
        change = self.output - seen @ self._stacked(before)
        of_weights = left.T @ (self._matrix - left @ before)
        wanted = trusted * (seen.T @ change) + rest * self._stacked(of_weights)
        ridge = RIDGE * float(np.trace(gram)) / len(gram) or 1.0
        solved = np.linalg.solve(gram + ridge * np.eye(len(gram)), wanted)
        found = before + solved.reshape(taps, -1, out).transpose(1, 0, 2).reshape(-1, taps * out)
        return found * scale[:, None]
