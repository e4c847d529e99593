"""Sliding windows: output sizes and padding, as TensorFlow defines them."""

from __future__ import annotations

import numpy as np

from ..ir.attributes import Array
from ..ir.core import Op
from ..ir.dims import Dim, Sym, ceildiv, floordiv
from .base import require_at_least, shape_error

PADDINGS = ("SAME", "VALID", "EXPLICIT")


def output_size(
    op: Op, size: Dim, kernel: int, stride: int, dilation: int, padding: str, pads: tuple[int, int]
) -> Dim:
    """How many windows fit into one dimension."""
    if stride < 1 or dilation < 1 or kernel < 1:
        raise shape_error(op, f"window {kernel}, stride {stride} and dilation {dilation} must be positive")
    if padding == "SAME":
        return ceildiv(size, stride)
    room = size + (sum(pads) if padding == "EXPLICIT" else 0) - ((kernel - 1) * dilation + 1)
    require_at_least(op, room, 0, f"a window of {(kernel - 1) * dilation + 1} does not fit into {size}")
    return floordiv(room, stride) + 1


def same_pads(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """SAME padding of one dimension, the larger half at the end."""
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def concrete_pads(
    size: int, kernel: int, stride: int, dilation: int, padding: str, pads: tuple[int, int]
) -> tuple[int, int]:
    """The zeros in front of and behind one dimension of a given size."""
    if padding == "SAME":
        return same_pads(size, kernel, stride, dilation)
    return pads if padding == "EXPLICIT" else (0, 0)


def static_pads(
    size: Dim, kernel: int, stride: int, dilation: int, padding: str, pads: tuple[int, int]
) -> tuple[int, int] | None:
    """The padding where it does not depend on a symbol; SAME with stride 1 never does."""
    if padding != "SAME" or stride == 1 or not isinstance(size, Sym):
        # with stride 1 the padding is the same for every size
        known = size if isinstance(size, int) else 1 << 20
        return concrete_pads(known, kernel, stride, dilation, padding, pads)
    return None


def patches(x: Array, kernel: tuple[int, ...], strides: tuple[int, ...], dilations: tuple[int, ...]) -> Array:
    """A view [N, O…, K…, C] of the windows of a padded channels-last array, over any number of axes."""
    n, *sizes, c = x.shape
    axes = list(zip(sizes, kernel, strides, dilations, strict=True))
    counts = [max((size - (k - 1) * d - 1) // s + 1, 0) for size, k, s, d in axes]
    first, *steps, last = x.strides
    return np.lib.stride_tricks.as_strided(
        x,
        (n, *counts, *kernel, c),
        (
            first,
            *(step * s for step, s in zip(steps, strides, strict=True)),
            *(step * d for step, d in zip(steps, dilations, strict=True)),
            last,
        ),
        writeable=False,
    )


def padded_windows(
    x: Array,
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    padding: str,
    pads: tuple[int, ...],
    fill: float = 0,
) -> Array:
    """The windows of a channels-last array [N, size…, C], its padding filled: [N, O…, K…, C]."""
    around = [
        concrete_pads(size, k, s, d, padding, (pads[2 * i], pads[2 * i + 1]))
        for i, (size, k, s, d) in enumerate(zip(x.shape[1:-1], kernel, strides, dilations, strict=True))
    ]
    return patches(np.pad(x, ((0, 0), *around, (0, 0)), constant_values=fill), kernel, strides, dilations)
