"""Gradients of sliding windows, one position of the window after the other: of patches, of dilations, and of the
gradient of a maximum."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..ir.core import Builder, Value
from .base import Gradients, tensor
from .gradient import Term, flows, static, static_shape, terms, unslice, zeros
from .windows import concrete_pads

if TYPE_CHECKING:
    from .pool import Dilation2D
    from .pool_gradient import MaxPoolGradient
    from .rearrange import Patches


class Taps:
    """Where the positions of a window lie in images [N, size…, C], for `counts` windows along each axis."""

    def __init__(
        self,
        shape: Sequence[int],
        counts: Sequence[int],
        kernel: Sequence[int],
        strides: Sequence[int],
        dilations: Sequence[int],
        margins: Sequence[tuple[int, int]],
    ) -> None:
        self.counts, self.kernel = counts, kernel
        self.strides, self.dilations = strides, dilations
        self.margins = [(0, 0), *margins, (0, 0)]
        self.padded = tuple(size + low + high for size, (low, high) in zip(shape, self.margins, strict=True))

    def pad(self, image: Term, value: float) -> Term:
        """The image with its margins."""
        if self.padded == image.shape:
            return image
        low, high = zip(*self.margins, strict=True)
        return image.make("pad", value, low=low, high=high)

    def starts(self) -> Iterator[tuple[int, ...]]:
        """The first place of each position, row by row."""
        for at in itertools.product(*map(range, self.kernel)):
            yield (0, *(t * d for t, d in zip(at, self.dilations, strict=True)), 0)

    def read(self, padded: Term, start: tuple[int, ...]) -> Term:
        """What all windows have at one position: [N, counts…, C]."""
        n, c = padded.shape[0], padded.shape[-1]
        rows = zip(start[1:-1], self.counts, self.strides, strict=True)
        stops = (n, *(a + (count - 1) * s + 1 for a, count, s in rows), c)
        return padded.make("slice", starts=start, stops=stops, steps=(1, *self.strides, 1))

    def put(self, t: Term, start: tuple[int, ...]) -> Term:
        """The transpose of `read`, without the margins."""
        whole = unslice(t, start, (1, *self.strides, 1), self.padded)
        starts = tuple(low for low, _ in self.margins)
        stops = tuple(size - high for size, (_, high) in zip(self.padded, self.margins, strict=True))
        if all(m == (0, 0) for m in self.margins):
            return whole
        return whole.make("slice", starts=starts, stops=stops, steps=(1,) * whole.rank)


def added(parts: Sequence[Term]) -> Term:
    """The sum of tensors, in order."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def first_equal(values: Sequence[Term], best: Term) -> list[Term]:
    """For each of `values`, in order, where it is the first that equals `best`."""
    found: list[Term] = []
    free: Term | None = None
    for value in values:
        hit = value.eq(best)
        found.append(hit if free is None else hit & free)
        closed = hit.point("logical_not")
        free = closed if free is None else free & closed
    return found


def patches_gradient(op: Patches, b: Builder, *dy: Value | None) -> Gradients:
    """Every part of the long pixels back in its place."""
    (d,) = terms(b, *dy)
    shape = static_shape(op, op.x)
    counts = static(op, d.shape[1:-1])
    if not math.prod(d.shape):  # type: ignore[arg-type]
        return flows(op, zeros(b, op.x))
    taps = Taps(shape, counts, op.kernel, op.strides, op.dilations, [(0, 0)] * len(counts))
    c, last = shape[-1], d.rank - 1
    parts = [d.slice(last, i * c, (i + 1) * c) for i in range(math.prod(op.kernel))]
    return flows(op, added([taps.put(p, start) for p, start in zip(parts, taps.starts(), strict=True)]))


def dilation_gradient(op: Dilation2D, b: Builder, *dy: Value | None) -> Gradients:
    """To the first position of each window that gives its maximum, and to the filter's number there."""
    d, x, w, y = terms(b, *dy, op.x, op.w, op.result)
    shape, counts = static_shape(op, op.x), static(op, d.shape[1:-1])
    rows = zip(shape[1:-1], op.kernel, op.strides, op.rates, strict=True)
    margins = [concrete_pads(size, k, s, r, op.padding, (0, 0)) for size, k, s, r in rows]
    taps = Taps(shape, counts, op.kernel, op.strides, op.rates, margins)
    padded, starts = taps.pad(x, math.nan), list(taps.starts())
    numbers = w.reshape((len(starts), shape[-1]))
    values = [
        taps.read(padded, start) + numbers.slice(0, i, i + 1).reshape((shape[-1],))
        for i, start in enumerate(starts)
    ]
    given = [hit.where(d, 0) for hit in first_equal(values, y)]
    dx = added([taps.put(g, start) for g, start in zip(given, starts, strict=True)])
    sums = [g.sum((0, 1, 2)).reshape((1, shape[-1])) for g in given]
    dw = sums[0].make("concat", *sums[1:], axis=0) if len(sums) > 1 else sums[0]
    return flows(op, dx, dw.reshape(w.shape))


def max_pool_gradient_gradient(op: MaxPoolGradient, b: Builder, *dy: Value | None) -> Gradients:
    """Of the gradient of a maximum: what is at the places that it went to. x and y only say where that is."""
    d, x, y = terms(b, *dy, op.x, op.y)
    shape, counts = static_shape(op, op.x), static(op, y.shape[1:-1])
    margins = op.margins(shape[1:-1])[1:-1]
    taps = Taps(shape, counts, op.kernel, op.strides, (1,) * len(counts), margins)
    values, given, starts = taps.pad(x, math.nan), taps.pad(d, 0), list(taps.starts())
    read = [taps.read(values, start) for start in starts]
    hits = first_equal(read, y) if tensor(op.x).rank == 4 else [v.eq(y) for v in read]
    parts = [hit.where(taps.read(given, start), 0) for hit, start in zip(hits, starts, strict=True)]
    return flows(op, zeros(b, op.x), zeros(b, op.y), added(parts))
