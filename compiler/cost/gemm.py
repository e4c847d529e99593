"""How a product of matrices known at run time is cut into blocks."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..target import Target
from .reasons import Why
from .tiles import split_columns, split_rows


@dataclass(frozen=True)
class GemmChoice:
    tile: tuple[int, int]
    order: str
    tiles: int
    groups: int
    step: int
    parts: int
    x: str
    w: str
    why: Why


def choose_gemm(
    target: Target, m: int, n: int, k: int, turned_x: bool, turned_w: bool, even: bool, row_bytes: int
) -> GemmChoice:
    def env(name, default):
        v = os.environ.get("G_" + name)
        return default if v is None else type(default)(v) if not isinstance(default, tuple) else tuple(map(int, v.split("x")))
    tile = env("tile", (14, 2))
    cut, columns = split_rows(m, tile[0]), split_columns(n, tile[1] * target.lanes, target.lanes)
    tiles, groups = cut.count + cut.rest_count, columns.full + (1 if columns.tail else 0)
    step = env("step", 256)
    step = min(k, step)
    blocks = -(-k // step)
    step = -(-(-(-k // blocks)) // 4) * 4
    step = min(step, k)
    return GemmChoice(tile, env("order", "columns"), min(tiles, env("tiles", 30)), min(groups, env("groups", 16)), step,
                      env("parts", 1), env("x", "tiles" if turned_x else "lies"), env("w", "copied"), Why(""))
