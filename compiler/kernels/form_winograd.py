"""Convolutions by Winograd's transforms to kernel calls."""

from __future__ import annotations

from collections.abc import Callable

from ..cost.tiles import PANEL
from ..cost.winograd import WinogradChoice, transform
from ..ir.attributes import Array
from ..ir.core import Op, Value
from ..ir.dims import Dim, Sym, ceildiv, product
from .dialect_kern import THREADS
from .dialect_memory import memref
from .family import pack_panels
from .former import Former, Group


def winograd_call(
    f: Former,
    group: Group,
    op: Op,
    choice: WinogradChoice,
    w: Array,
    name: str,
    bordered: Callable[[list[Dim]], Value],
) -> None:
    """One kernel for blocks of tiles. `bordered` gives the image within given spatial sizes, so that whole tiles
    fit; `w` is the filter [r, r, C, K]."""
    m, r = choice.m, w.shape[0]
    t = transform(m, r)
    y = f.result(group.result)
    n, height, width, _ = memref(y).shape
    grid = (n, ceildiv(height, m), ceildiv(width, m))
    x = bordered([d * m + r - 1 for d in grid[1:]])
    channels, threads, dtype = w.shape[2], Sym.symbol(THREADS), memref(y).dtype
    weights = f.constant(pack_panels(t.transformed(w)), f"{name}:winograd{m}", dtype)
    scratch = [
        f.alloc((threads, t.size**2, choice.block, _leading(c, PANEL if i else f.target.lanes)), dtype)
        for i, c in enumerate((channels, w.shape[3]))
    ]
    block_flops = 2.0 * t.size**2 * choice.block * channels * w.shape[3]
    f.call(
        "winograd",
        [x, weights],
        [y, *scratch],
        ceildiv(product(grid), choice.block),
        {"m": m, "r": r, "grid": grid, "block": choice.block, "tile": choice.tile, "slot": True},
        algorithm=f"F({m}x{m}, {r}x{r})",
        group=group,
        unit_cost=(block_flops, 0),
    )


def _leading(columns: int, unit: int) -> int:
    """A row of scratch memory: whole vectors, and rows not a multiple of 4096 bytes apart, which would fall into
    one set of the first-level cache."""
    whole = -(-columns // unit) * unit
    return whole + 16 if whole * 4 % 4096 == 0 else whole
