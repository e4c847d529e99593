"""Low-rank factorisations of convolution kernels and weight matrices, in float64.

A kernel [n, m, C, O] taken as a matrix of (m·C) rows and (n·O) columns is a product of rank R exactly where the
convolution is one by a 1×m kernel to R channels followed by one by an n×1 kernel; as (n·C) × (m·O) the n×1 kernel comes
first (Jaderberg, Vedaldi, Zisserman 2014: Speeding up Convolutional Neural Networks with Low Rank Expansions). The
singular value decomposition, cut off after R values, is the nearest such product (Eckart, Young 1936). With the second
moment of what the layer sees, the error of its output is made small instead of that of its weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..ir.attributes import Array

#: which of the two 1-D kernels comes first: 1×m, or n×1
HORIZONTAL, VERTICAL = "horizontal", "vertical"
ORDERS = (HORIZONTAL, VERTICAL)
#: singular values whose root of squares is below this share of the whole are the rounding of float32 weights
EXACT = 2.0**-23
#: an error below it is that of computing in float64
ROUNDING = 1e-12
#: matrices with fewer rows and columns are decomposed directly
LARGE = 128
#: least variance of a direction of inputs, as a share of the mean one: none is given up because a sample lacks it
FLOOR = 1e-7


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


@dataclass(frozen=True)
class Spectrum:
    """Singular value decompositions of the matrices [groups, rows, columns] of a kernel."""

    u: Array
    s: Array
    vt: Array

    @property
    def full(self) -> int:
        """The largest rank there can be."""
        return self.s.shape[-1]

    @property
    def tails(self) -> Array:
        """For each rank from 0 on the relative error in the Frobenius norm: the root of the sum of the discarded
        squared singular values of all groups, over that of all."""
        squares = np.concatenate([(self.s**2).sum(axis=0), [0.0]])
        left = np.cumsum(squares[::-1])[::-1]
        found = np.sqrt(left / left[0]) if left[0] else np.zeros(len(left))
        return np.where(found < ROUNDING, 0.0, found)

    @property
    def rank(self) -> int:
        """The least rank, from 1 up, that leaves out no more than the rounding of float32."""
        return self.within(EXACT)

    def within(self, error: float) -> int:
        """The least rank, from 1 up, whose relative error is at most `error`."""
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
    # of both signs the one with which a left vector's largest number is positive
    largest = np.take_along_axis(u, np.abs(u).round(9).argmax(axis=1)[:, None], axis=1)
    sign = np.where(largest < 0, -1.0, 1.0)
    return Spectrum(u * sign, s, vt * sign.transpose(0, 2, 1))


def _large(matrix: Array) -> tuple[Array, Array, Array]:
    """A decomposition in a third of the time. Singular values are the norms of what the vectors take of the matrix, so
    that small ones are not lost in the rounding of squares; a truncation is a projection, whose error they are."""
    rows, columns = matrix.shape
    if columns < rows:
        u, s, vt = _large(matrix.T)
        return vt.T, s, u.T
    _, vectors = np.linalg.eigh(matrix @ matrix.T)
    taken = vectors.T @ matrix
    s = np.linalg.norm(taken, axis=1)
    order = np.argsort(-s, kind="stable")
    s, taken = s[order], taken[order]
    return vectors[:, order], s, np.divide(taken, s[:, None], out=np.zeros_like(taken), where=s[:, None] > 0)


def root_of(moment: Array) -> tuple[Array, Array]:
    """A root A of a second moment, which is AᵀA, and A's inverse; variances below `FLOOR` count as that."""
    values, vectors = np.linalg.eigh((moment + moment.T) / 2)
    least = FLOOR * max(float(values.mean()), 0.0) or 1.0
    root = np.sqrt(np.maximum(values, least))
    return root[:, None] * vectors.T, vectors / root


def whitened(matrix: Array, moment: Array, rank: int) -> tuple[Array, Array]:
    """Factors [rows, rank] and [rank, columns] of a matrix W that make the error of x·W least for rows x of this second
    moment [rows, rows]: those of A·W with the moment's root A, of which A⁻¹ is taken off again; of equal norms."""
    root, inverse = root_of(moment)
    u, s, vt = np.linalg.svd(root @ matrix, full_matrices=False)
    return balanced(inverse @ (u[:, :rank] * s[:rank]), vt[:rank])


def balanced(left: Array, right: Array) -> tuple[Array, Array]:
    """The same product of factors whose columns and rows have equal norms."""
    a, b = np.linalg.norm(left, axis=0), np.linalg.norm(right, axis=1)
    usable = (a > 0) & (b > 0)
    scale = np.sqrt(np.divide(b, a, out=np.ones_like(a), where=usable))
    return left * scale, right / scale[:, None]


@dataclass(frozen=True)
class Seen:
    """One group's kernel [n, m, C, O] and the second moment [n·m·C, n·m·C] of the patches it sees, in the kernel's
    order: (row, column, channel)."""

    kernel: Array
    moment: Array

    def energy(self, kernel: Array) -> float:
        """The mean square of the output of a kernel of this shape, summed over channels."""
        flat = kernel.reshape(len(self.moment), -1)
        return float(np.sum(flat * (self.moment @ flat)))

    def error(self, left: Array, right: Array, order: str) -> float:
        """The mean square of the output's error, summed over channels."""
        first, second = as_filters(left[None], right[None], self.kernel.shape, order)
        return max(self.energy(self.kernel - composed(first, second, 1)), 0.0)

    def _oriented(self, order: str) -> tuple[Array, Array]:
        """The moment as [second taps, first taps·C] twice, and the kernel as [second taps, first taps·C, O]."""
        n, m, c, o = self.kernel.shape
        s, k = self.moment.reshape(n, m, c, n, m, c), self.kernel
        if order == VERTICAL:
            s, k, n, m = s.transpose(1, 0, 2, 4, 3, 5), k.transpose(1, 0, 2, 3), m, n
        return s.reshape(n, m * c, n, m * c), k.reshape(n, m * c, o)

    def factors(self, left: Array, right: Array, rank: int, order: str) -> tuple[Array, Array]:
        """Factors with a small error of the output, never larger than that of the given ones: the first one from there
        or from the decomposition of the whitened matrix, the second one by least squares."""
        s, k = self._oriented(order)
        matrix = as_matrices(self.kernel, 1, order)[0]
        start = whitened(matrix, np.einsum("iaib->ab", s), rank)
        found = [(left, right), start, *(balanced(a, self._second(s, k, a)) for a in (left, start[0]))]
        return min(found, key=lambda f: self.error(*f, order))

    @staticmethod
    def _second(s: Array, k: Array, left: Array) -> Array:
        """The second factor [R, columns] that makes the output's error least beside a first one."""
        taps, rank, columns = len(k), left.shape[1], k.shape[2]
        seen = np.einsum("iajb,ar->irjb", s, left, optimize=True)
        gram = np.einsum("irjb,bq->irjq", seen, left, optimize=True).reshape(taps * rank, taps * rank)
        wanted = np.einsum("irjb,jbo->iro", seen, k, optimize=True).reshape(taps * rank, columns)
        solved = np.linalg.lstsq(gram, wanted, rcond=1e-12)[0]
        return solved.reshape(taps, rank, columns).transpose(1, 0, 2).reshape(rank, taps * columns)


@dataclass
class Factorizer:
    """The factorisations of one kernel [n, m, C / groups, O] in one order, by rank.

    `moments` are the second moments [groups, n·m·C / groups, n·m·C / groups] of the patches that the groups see; with
    them errors are those of the output, else of the weights in the Frobenius norm.
    """

    kernel: Array
    groups: int
    order: str
    moments: Array | None = None
    spectrum: Spectrum = field(init=False)
    _known: dict[int, tuple[Array, Array]] = field(
        init=False, default_factory=dict[int, "tuple[Array, Array]"]
    )

    def __post_init__(self) -> None:
        self.kernel = np.asarray(self.kernel, np.float64)
        self.spectrum = spectrum(as_matrices(self.kernel, self.groups, self.order))

    @property
    def full(self) -> int:
        return self.spectrum.full

    def factors(self, rank: int) -> tuple[Array, Array]:
        """[groups, rows, rank] and [groups, rank, columns]."""
        if rank not in self._known:
            left, right = self.spectrum.truncated(rank)
            if self.moments is not None:
                pairs = [
                    s.factors(a, b, rank, self.order)
                    for s, a, b in zip(self._seen(), left, right, strict=True)
                ]
                left, right = (np.stack(f) for f in zip(*pairs, strict=True))
            self._known[rank] = left, right
        return self._known[rank]

    def filters(self, rank: int) -> tuple[Array, Array]:
        """The two filters, in the order in which they are applied."""
        return as_filters(*self.factors(rank), self.kernel.shape, self.order)

    def weight_error(self, rank: int) -> float:
        """Relative, in the Frobenius norm."""
        if self.moments is None:
            return float(self.spectrum.tails[rank])
        whole = float(np.linalg.norm(self.kernel))
        change = self.kernel - composed(*self.filters(rank), self.groups)
        return float(np.linalg.norm(change)) / whole if whole else 0.0

    def output_error(self, rank: int) -> float | None:
        """Relative, in the root of mean squares; None without moments."""
        if self.moments is None:
            return None
        seen = self._seen()
        whole = sum(s.energy(s.kernel) for s in seen)
        left, right = self.factors(rank)
        lost = sum(s.error(a, b, self.order) for s, a, b in zip(seen, left, right, strict=True))
        return float(np.sqrt(lost / whole)) if whole > 0 else 0.0

    def error(self, rank: int) -> float:
        """What a budget counts: the output's error where it is known, else that of the weights."""
        found = self.output_error(rank)
        return self.weight_error(rank) if found is None else found

    def within(self, error: float) -> int:
        """The least rank, from 1 up, whose error is at most `error`; the full one where none is."""
        if self.moments is None:
            return self.spectrum.within(error)
        low, high = 1, self.full
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.error(middle) <= error else (middle + 1, high)
        return low

    def _seen(self) -> list[Seen]:
        each = self.kernel.shape[-1] // self.groups
        moments = () if self.moments is None else self.moments
        return [Seen(self.kernel[..., g * each : (g + 1) * each], s) for g, s in enumerate(moments)]
