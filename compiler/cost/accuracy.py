"""How far results may be from exact ones where an algorithm rounds otherwise than the definition does.

Bounds are relative to the largest result, for operands of normal distribution. The law for a single op is 1e-5
against another float32 computation, so that an algorithm with a larger bound is not used unasked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

LAW = 1e-5
"""Largest difference over largest result that is allowed for a single op."""

CHANNELS = 256
"""Channels of the measurements behind `WINOGRAD`."""

SAFETY = 1.5
"""What bounds are larger than measured by."""


@dataclass(frozen=True)
class Error:
    """Measured against float64: root of the mean square over the results' deviation, and largest over largest."""

    rms: float
    largest: float


#: Winograd's transforms by outputs and taps, over 256 channels, in our kernels
WINOGRAD: dict[tuple[tuple[int, int], tuple[int, int]], Error] = {}


def error_bound(m: tuple[int, int], taps: tuple[int, int], channels: int) -> float:
    """Of F(m, taps). Sums over more channels round more often; over fewer, the transforms' own errors stay."""
    measured = WINOGRAD.get((m, taps))
    if measured is None:
        return math.inf
    return float(f"{SAFETY * measured.largest * max(1.0, math.sqrt(channels / CHANNELS)):.1e}")
