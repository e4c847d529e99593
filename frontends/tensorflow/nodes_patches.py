"""Windows of images and volumes as long pixels, and concatenations that need no axis of their own."""

from __future__ import annotations

from collections.abc import Sequence

from ...compiler.ir.core import Value
from ...compiler.ir.dims import Dim, ceildiv, dim_max, floordiv
from ...compiler.ops.base import tensor
from ...compiler.ops.rearrange import Patches
from ...compiler.ops.shape import Concat
from ...compiler.ops.windows import static_pads
from .context import Context
from .nodes_rearrange import padded
from .registry import Malformed, Refused, converts


@converts("ExtractImagePatches")
def extract_image_patches(c: Context, x: Value) -> Value:
    """Windows over height and width, SAME and VALID."""
    return _patches(c, x, 4, c.integers("rates"))


@converts("ExtractVolumePatches")
def extract_volume_patches(c: Context, x: Value) -> Value:
    """Windows over depth, height and width, SAME and VALID."""
    return _patches(c, x, 5, (1,) * 5)


def _patches(c: Context, x: Value, rank: int, rates: Sequence[int]) -> Value:
    kernel, strides = c.integers("ksizes"), c.integers("strides")
    if tensor(x).rank != rank or {len(kernel), len(strides), len(rates)} != {rank}:
        raise Malformed(f"expected a tensor and windows of rank {rank}, found {tensor(x)} and {list(kernel)}")
    if min(*kernel, *strides, *rates) < 1:
        raise Malformed(
            f"expected windows, strides and rates of 1 and above, found {list(kernel)}, {list(strides)}"
        )
    if any(v[0] != 1 or v[-1] != 1 for v in (kernel, strides, rates)):
        raise Refused("windows over the batch or the channels are not supported")
    windows = list(zip(kernel, strides, rates, strict=True))[1:-1]
    padding = c.text("padding")
    if padding not in ("SAME", "VALID"):
        raise Malformed(f"expected padding SAME or VALID, found {padding!r}")
    if padding == "SAME":
        around = [same_padding(d, *w) for d, w in zip(tensor(x).shape[1:-1], windows, strict=True)]
        x = padded(c, x, [(0, 0), *around, (0, 0)])
    sizes, steps, spread = (tuple(w[i] for w in windows) for i in range(3))
    return c.make(Patches, x, kernel=sizes, strides=steps, dilations=spread)


def same_padding(size: Dim, kernel: int, stride: int, dilation: int) -> tuple[Dim, Dim]:
    """SAME padding of one axis, also where it is known only at run time."""
    known = static_pads(size, kernel, stride, dilation, "SAME", (0, 0))
    if known is not None:
        return known
    total = dim_max((ceildiv(size, stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return floordiv(total, 2), total - floordiv(total, 2)


@converts("ParallelConcat")
def parallel_concat(c: Context, first: Value, *rest: Value) -> Value:
    """Along the first axis."""
    return c.make(Concat, first, *rest, axis=0) if rest else first
