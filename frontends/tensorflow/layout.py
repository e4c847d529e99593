"""Data formats and windows: attributes in a format's own order, images brought to channels last and back."""

from __future__ import annotations

from collections.abc import Sequence

from ...compiler.ir.core import Value
from ...compiler.ops.base import tensor
from .context import Context
from .registry import Malformed, Refused

#: data formats by the number of dimensions of what they describe
FORMATS = ("NHWC", "NCHW", "NDHWC", "NCDHW")


class Layout:
    """Where batch, channels and spatial axes are in a node's data format."""

    def __init__(self, c: Context, rank: int) -> None:
        self.c = c
        self.rank = rank
        self.name = c.text("data_format", "NHWC" if rank != 5 else "NDHWC")
        if self.name not in FORMATS:
            raise Refused(f"data format {self.name!r} is not supported")
        self.channels_first = self.name[1] == "C"
        self.spatial = tuple(range(2, rank)) if self.channels_first else tuple(range(1, rank - 1))

    def last(self, x: Value) -> Value:
        """x with channels last."""
        if not self.channels_first or self.rank < 3:
            return x
        return self.c.transpose(x, (0, *range(2, self.rank), 1))

    def back(self, y: Value) -> Value:
        """y, which has channels last, in the node's format."""
        if not self.channels_first or self.rank < 3:
            return y
        return self.c.transpose(y, (0, self.rank - 1, *range(1, self.rank - 1)))

    def spatial_values(self, key: str, values: Sequence[int]) -> tuple[int, ...]:
        """The entries of a window's attribute for the spatial axes; those for the others must be 1."""
        if len(values) != self.rank:
            raise Malformed(f"expected {self.rank} numbers as {key!r}, found {list(values)}")
        others = [v for i, v in enumerate(values) if i not in self.spatial]
        if any(v != 1 for v in others):
            raise Refused(f"{key} {list(values)} beyond height and width is not supported")
        return tuple(values[i] for i in self.spatial)

    def pads(self) -> tuple[str, tuple[int, ...]]:
        """Padding and, where it is explicit, the numbers in front of and behind each spatial axis."""
        padding = self.c.text("padding")
        if padding in ("SAME", "VALID"):
            return padding, (0,) * (2 * len(self.spatial))
        if padding != "EXPLICIT":
            raise Malformed(f"expected padding SAME, VALID or EXPLICIT, found {padding!r}")
        given = self.c.integers("explicit_paddings", ())
        if len(given) != 2 * self.rank or min(given) < 0:
            raise Malformed(f"expected {2 * self.rank} numbers as 'explicit_paddings', found {list(given)}")
        pairs = [given[2 * i : 2 * i + 2] for i in range(self.rank)]
        if any(any(pair) for i, pair in enumerate(pairs) if i not in self.spatial):
            raise Refused("explicit_paddings beyond height and width are not supported")
        return padding, tuple(p for i in self.spatial for p in pairs[i])


def image_layout(c: Context, x: Value, rank: int = 4) -> Layout:
    """The layout of a node that works on images of rank 4, or on volumes of rank 5."""
    if tensor(x).rank != rank:
        raise Malformed(f"expected images of rank {rank}, found {tensor(x)}")
    return Layout(c, rank)
