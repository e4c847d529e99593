"""bfloat16 in numpy, which has none: arrays of bit patterns, computed in float32, rounded once per op."""

from __future__ import annotations

import numpy as np

from .attributes import Array


def widen(bits: Array) -> Array:
    """The float32 values of bit patterns."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def narrow(values: Array) -> Array:
    """The bit patterns of floats, rounded once to the nearest, ties to even; NaN stays NaN."""
    with np.errstate(all="ignore"):
        single = np.asarray(values, np.float32)
        bits = single.view(np.uint32).copy()
        # what float64 has beyond float32 is kept as one sticky bit below the rounding position
        inexact = (single != values) & np.isfinite(single) & ~np.isnan(values)
        too_far = inexact & (np.abs(single) > np.abs(values))
    bits = np.where(too_far, bits - np.uint32(1), bits)
    bits = np.where(inexact, bits | np.uint32(1), bits)
    odd = (bits >> np.uint32(16)) & np.uint32(1)
    rounded = ((bits + np.uint32(0x7FFF) + odd) >> np.uint32(16)).astype(np.uint16)
    quiet = ((bits >> np.uint32(16)) | np.uint32(0x40)).astype(np.uint16)
    return np.where(np.isnan(single), quiet, rounded)
