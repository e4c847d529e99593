"""Large products of matrices known at run time to kernel calls."""

from __future__ import annotations

from ..cost.gemm import choose_gemm
from ..cost.tiles import split_columns, split_rows
from ..ir.core import Value
from ..ir.dims import Sym, product
from .dialect_kern import THREADS
from .dialect_memory import memref
from .former import Former, Group
from .gemm import _padded, row_of


def gemm_call(f: Former, x: Value, w: Value, y: Value, turned_x: bool, turned_w: bool, group: Group | None = None, cost_of=None, location=None, shown=None):
    xt, wt, yt = memref(x), memref(w), memref(y)
    m, n = int(product(yt.shape[:-1])), int(yt.shape[-1])
    k = int(product(xt.shape[:-1]) if turned_x else xt.shape[-1])
    c = choose_gemm(f.target, m, n, k, turned_x, turned_w, xt.rank == 2, 0)
    lanes = f.target.lanes
    wide = c.tile[1] * lanes
    tiles = split_rows(m, c.tile[0])
    count = tiles.count + tiles.rest_count
    cols = split_columns(n, wide, lanes)
    groups = cols.full + (1 if cols.tail else 0)
    size = 0
    if c.w == "copied":
        size += c.groups * c.step * wide
    if c.x == "tiles":
        size += c.tiles * c.step * _padded(c.tile[0])
    elif c.x == "rows":
        size += c.tiles * c.tile[0] * row_of(c.step)
    memory = [f.alloc((Sym.symbol(THREADS), -(-size // 16) * 16), xt.dtype)] if size else []
    sums = y
    f.call(
        "gemm", [x, w], [sums, *memory], c.parts * -(-count // c.tiles) * -(-groups // c.groups),
        {"transpose_x": turned_x, "transpose_y": turned_w, "tile": c.tile, "block": (c.tiles, c.groups, c.step),
         "parts": c.parts, "x": c.x, "w": c.w, "order": c.order, **({"slot": True} if memory else {})},
        group=group, cost_of=cost_of, location=location, shown=shown,
        unit_cost=(2.0 * m * n * k / (c.parts * -(-count // c.tiles) * -(-groups // c.groups)), 0), why=c.why,
    )
