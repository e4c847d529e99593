"""How the product in a step of a recurrent layer is cut."""

from __future__ import annotations

from ..ir.dims import Dim
from ..target import Target
from .tiles import product_cycles

#: tiles of rows that a batch has at least, so that threads can share it, if they have so many rows
LEAST_TILES, LEAST_ROWS = 4, 4
#: of a vector through sigmoid or tanh and what is done with it, as measured
ACTIVATION_CYCLES = 22


def recurrent_tile(target: Target, batch: Dim, columns: int, size: int = 4) -> tuple[int, int]:
    """Rows and vectors of a tile of the step's product. Of a batch of known size a task takes whole tiles. The row of a
    batch of 1 takes so many columns at a time that eight accumulators hide the latency of multiply-adds."""
    share = max(1, size // 4)
    if batch == 1:
        vectors = 1
        while vectors < 8 and 2 * vectors <= target.registers // 2 and vectors * target.lanes < columns:
            vectors *= 2
        return 1, max(1, vectors // share)
    if isinstance(batch, int):
        most = min(max(LEAST_ROWS, -(-batch // LEAST_TILES)), (target.registers - 1) // share - 1)
        tiles = [(h, recurrent_vectors(target, h, columns, size)) for h in range(1, min(batch, most) + 1)]
        return min(tiles, key=lambda t: -(-batch // t[0]) * _cycles(target, t, columns, size))
    tall, vectors = target.short_tile(columns)
    return tall, max(1, vectors // share)


def recurrent_vectors(target: Target, rows: int, columns: int, size: int = 4) -> int:
    """Vectors of a tile of so many rows."""
    most = (target.registers - 1) // (rows + 1)
    fits = [v for v in (4, 2, 1) if v * max(1, size // 4) <= most]
    return min(fits or [1], key=lambda v: _cycles(target, (rows, v), columns, size))


def _cycles(target: Target, tile: tuple[int, int], columns: int, size: int) -> float:
    """Cycles of a step of the sum for as many rows as a tile has."""
    groups = -(-columns // (tile[1] * target.lanes))
    return groups * product_cycles(target, tile[0], tile[1] * max(1, size // 4))


def step_cycles(target: Target, batch: Dim, depth: int, columns: int, values: int, size: int = 4) -> int:
    """Predicted cycles of one step of one row: its product with `depth` x `columns` weights, and `values` numbers
    that go through an activation."""
    rows, vectors = recurrent_tile(target, batch, columns, size)
    wide = vectors * target.lanes
    registers = vectors * max(1, size // 4)
    one = max(rows * registers / target.fma_per_cycle, (rows + registers) / 2, 4.5) + 0.5
    product = one * depth * -(-columns // wide) / rows
    return round(product + ACTIVATION_CYCLES * -(-values * size // target.vector_bytes)) + 1
