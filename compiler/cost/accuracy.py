"""How far results may be from exact ones where an algorithm rounds otherwise than the definition does.

Bounds are relative to the largest result, for operands of normal distribution. A single op may differ by `LAW` from
another computation in float32; an algorithm with a larger bound is not used unasked. A direct convolution of 256
channels by 3x3 taps errs by 4e-7 in this measure.
"""

from __future__ import annotations

import math
from typing import NamedTuple

#: largest difference over largest result that is allowed for a single op
LAW = 1e-5
#: channels of the measurements behind `WINOGRAD`
CHANNELS = 256
#: bounds are so many times what was measured
SAFETY = 2.0


class Error(NamedTuple):
    """Measured against float64: root of the mean square over the results' deviation, and largest over largest."""

    rms: float
    largest: float


#: Winograd's transforms by outputs and taps, in our kernels, which sum 64 channels at a time: the largest values of
#: six images, for all targets, with filters stored transformed and transformed on the way
WINOGRAD: dict[tuple[tuple[int, int], tuple[int, int]], Error] = {
    ((2, 2), (3, 3)): Error(2.8e-7, 3.2e-7),
    ((4, 4), (3, 3)): Error(8.2e-7, 1.6e-6),
    ((2, 2), (5, 5)): Error(9.4e-7, 1.2e-6),
    ((1, 2), (1, 3)): Error(2.1e-7, 2.8e-7),
    ((2, 1), (3, 1)): Error(2.1e-7, 2.8e-7),
    ((1, 4), (1, 3)): Error(3.8e-7, 6.9e-7),
    ((4, 1), (3, 1)): Error(3.8e-7, 6.9e-7),
    ((1, 4), (1, 7)): Error(1.8e-6, 3.1e-6),
    ((4, 1), (7, 1)): Error(1.8e-6, 3.1e-6),
}


def error_bound(m: tuple[int, int], taps: tuple[int, int], channels: int) -> float:
    """Of F(m, taps). Sums over more channels round more often; over fewer, the transforms' own errors stay."""
    measured = WINOGRAD.get((m, taps))
    if measured is None:
        return math.inf
    return float(f"{SAFETY * measured.largest * max(1.0, math.sqrt(channels / CHANNELS)):.1e}")


#: gradients of filters by Winograd's transforms, by the sides of the tiles of dy and taps: the largest values of six
#: pairs of images and gradients, for all targets, with sums of 64 tiles of which 40 are added in each of two parts
WINOGRAD_GRADIENT: dict[tuple[tuple[int, int], tuple[int, int]], Error] = {
    ((2, 2), (3, 3)): Error(3.9e-7, 5.8e-7),
    ((4, 4), (3, 3)): Error(9.2e-7, 1.5e-6),
    ((2, 2), (5, 5)): Error(1.3e-6, 3.7e-6),
    ((2, 4), (5, 5)): Error(2.1e-6, 4.93e-6),
    ((4, 2), (5, 5)): Error(2.1e-6, 4.93e-6),
}
#: additions one after the other in these measurements
ADDED = 106


def gradient_error_bound(m: tuple[int, int], taps: tuple[int, int], added: int) -> float:
    """Of the gradient of a filter of `taps` by tiles of `m` numbers of dy, where a point is the result of `added`
    additions one after the other."""
    measured = WINOGRAD_GRADIENT.get((m, taps))
    if measured is None:
        return math.inf
    return float(f"{SAFETY * measured.largest * max(1.0, math.sqrt(added / ADDED)):.1e}")
