"""Vectors along the last, dense dimension of images."""

from __future__ import annotations

from collections.abc import Callable

from ...runtime.spec import DType
from ..ir.core import Value
from ..ops.expression import Num
from .build import Index, LoopBuilder
from .dialect_memory import memref
from .scalar import ScalarBuilder


def across(b: LoopBuilder, channels: Index, wide: int, body: Callable[[Index, int, bool], None]) -> None:
    """`body(first channel, width, inside)` for vectors that cover all channels: of `wide` channels, then one
    of exactly the rest where that is known, else one that may run over the end."""
    whole = b.mul(b.div(channels, wide), wide)
    with b.loop(0, whole, wide) as c:
        body(c.iv, wide, True)
    if isinstance(channels, int):
        if channels % wide:
            body(whole, channels % wide, True)
        return
    with b.loop(whole, channels, wide) as c:
        body(c.iv, wide, False)


def get_row(
    b: ScalarBuilder, source: Value, dtype: DType, where: list[Index], width: int, inside: bool
) -> Num:
    """A vector of the last dimension; `dtype` is the graph's."""
    last = memref(source).rank - 1
    return Num(b.scalars, b.read(source, where, (width,), (last,), inside), dtype)


def put_row(b: ScalarBuilder, x: Num, target: Value, where: list[Index], inside: bool) -> None:
    b.write(x.v, target, where, (memref(target).rank - 1,), inside)


def splat(b: ScalarBuilder, x: Num, width: int) -> Num:
    """A number in all lanes."""
    return Num(b.scalars, b.splat(x.v, (width,)), x.dtype)
