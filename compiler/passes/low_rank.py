"""Low-rank factorisations of convolution kernels and weight matrices, in float64.

A kernel [n, m, C, O] taken as a matrix of (m·C) rows and (n·O) columns is a product of rank R exactly where the
convolution is one by a 1×m kernel to R channels followed by one by an n×1 kernel; as (n·C) × (m·O) the n×1 kernel comes
first (Jaderberg, Vedaldi, Zisserman 2014: Speeding up Convolutional Neural Networks with Low Rank Expansions). The
singular value decomposition, cut off after R values, is the nearest such product (Eckart, Young 1936). With the second
moment of what the layer sees, the error of its output is made small instead of that of its weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..ir.attributes import Array
from .kernel_matrices import HORIZONTAL as HORIZONTAL
from .kernel_matrices import ORDERS as ORDERS
from .kernel_matrices import as_filters, as_matrices, composed
from .seen import Moments, Seen
from .spectrum import EXACT as EXACT
from .spectrum import Spectrum, leading, surely_above
from .spectrum import spectrum as spectrum

#: factors of how many ranks are kept: those of all that a search tries would fill the memory
KEPT = 2


@dataclass
class Factorizer:
    """The factorisations of one kernel [n, m, C / groups, O] in one order, by rank.

    `moments` say what the groups see: `Moments`, or their second moments [groups, n·m·C / groups, n·m·C / groups]
    alone; with them errors are those of the output, else of the weights in the Frobenius norm.
    """

    kernel: Array
    groups: int
    order: str
    moments: Array | Moments | None = None
    _leading: Spectrum | None = field(init=False, default=None)
    #: of the ranks that were asked for last
    _known: dict[int, tuple[Array, Array]] = field(
        init=False, default_factory=dict[int, "tuple[Array, Array]"]
    )
    _errors: dict[tuple[str, int], float] = field(init=False, default_factory=dict["tuple[str, int]", float])

    @cached_property
    def spectrum(self) -> Spectrum:
        """All singular values and vectors."""
        return spectrum(self._matrices)

    @property
    def _matrices(self) -> Array:
        return as_matrices(self.kernel, self.groups, self.order)

    @property
    def full(self) -> int:
        n, m, c, o = self.kernel.shape
        taps, others = (m, n) if self.order == HORIZONTAL else (n, m)
        return min(taps * c, others * (o // self.groups))

    def _up_to(self, rank: int) -> Spectrum:
        """What is known already where that suffices, else all."""
        found = self._leading
        return found if found is not None and rank <= found.known else self.spectrum

    def surely_above(self, rank: int, error: float) -> bool:
        """Whether a bound tells that every product of this rank has a larger error of the weights, or the factors of
        this rank one of the output where that counts."""
        if self.moments is not None:
            return self.error(rank) > error
        return surely_above(self._matrices, rank, error)

    def factors(self, rank: int) -> tuple[Array, Array]:
        """[groups, rows, rank] and [groups, rank, columns]."""
        found = self._known.get(rank)
        if found is None:
            if self.moments is None:
                left, right = self._up_to(rank).truncated(rank)
            else:
                pairs = [
                    s.factors((u[:, :rank], v[:rank]), plain)
                    for s, (u, v), plain in zip(self._seen, self._principal, self._plain(rank), strict=True)
                ]
                left, right = (np.stack(f) for f in zip(*pairs, strict=True))
            while len(self._known) >= KEPT:
                del self._known[next(iter(self._known))]
            found = self._known[rank] = left, right
        return found

    def _plain(self, rank: int) -> list[tuple[Array, Array] | None]:
        """Factors of each group's weights, which those of one product's output are never worse than."""
        if self.kernel.shape[:2] == (1, 1):
            return [None] * self.groups
        return list(zip(*self._up_to(rank).truncated(rank), strict=True))

    def settle(self, rank: int) -> None:
        """Only this rank is asked for from now on: all else, which is much, is forgotten."""
        _ = self.weight_error(rank), self.output_error(rank)
        self._known = {rank: self.factors(rank)}
        self._leading = None
        for name in ("spectrum", "_seen", "_principal"):
            self.__dict__.pop(name, None)

    def filters(self, rank: int) -> tuple[Array, Array]:
        """The two filters, in the order in which they are applied."""
        return as_filters(*self.factors(rank), self.kernel.shape, self.order)

    def weight_error(self, rank: int) -> float:
        """Relative, in the Frobenius norm."""
        return self._error("weight", rank, self._weight_error)

    def output_error(self, rank: int) -> float | None:
        """Relative, in the root of mean squares; None without moments."""
        return None if self.moments is None else self._error("output", rank, self._output_error)

    def _error(self, kind: str, rank: int, compute: Callable[[int], float]) -> float:
        if (kind, rank) not in self._errors:
            self._errors[kind, rank] = compute(rank)
        return self._errors[kind, rank]

    def _weight_error(self, rank: int) -> float:
        if self.moments is None:
            return float(self._up_to(rank).tails[rank])
        whole = float(np.linalg.norm(self.kernel))
        change = self.kernel - composed(*self.filters(rank), self.groups)
        return float(np.linalg.norm(change)) / whole if whole else 0.0

    def _output_error(self, rank: int) -> float:
        whole = sum(s.energy for s in self._seen)
        pairs = zip(self._seen, *self.factors(rank), strict=True)
        lost = sum(s.error(a, b) for s, a, b in pairs)
        return float(np.sqrt(lost / whole)) if whole > 0 else 0.0

    def error(self, rank: int) -> float:
        """What a budget counts: the output's error where it is known, else that of the weights."""
        found = self.output_error(rank)
        return self.weight_error(rank) if found is None else found

    def few(self, error: float, step: int, most: int) -> int | None:
        """The least rank, from 1 up, whose error of the weights is at most `error`, if it is low and at most `most`,
        which a part of the decomposition tells; ranks up to the next multiple of `step` are known then."""
        if self.moments is None and "spectrum" not in self.__dict__:
            self._leading = leading(self._matrices, error, step, most)
        return None if self._leading is None else self._leading.within(error)

    def within(self, error: float, most: int | None = None) -> int:
        """The least rank, from 1 up, whose error is at most `error`; the full one where none is. With moments
        the largest one that is tried is `most`, whose error is small enough."""
        if self.moments is None:
            return self.spectrum.within(error)
        low, high = 1, self.full if most is None else most
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.error(middle) <= error else (middle + 1, high)
        return low

    @cached_property
    def _seen(self) -> list[Seen]:
        each = self.kernel.shape[-1] // self.groups
        if self.moments is None:
            return []
        given, kernel = Moments.of(self.moments), np.asarray(self.kernel, np.float64)
        return [
            Seen(kernel[..., g * each : (g + 1) * each], self.order, values, float(share))
            for g, (values, share) in enumerate(zip(given.values, given.shares, strict=True))
        ]

    @cached_property
    def _principal(self) -> list[tuple[Array, Array]]:
        return [s.principal() for s in self._seen]
