"""How the product in a step of a recurrent layer is cut."""

from __future__ import annotations

from ..ir.dims import Dim
from ..target import Target

#: of a vector through sigmoid or tanh and what is done with it, as measured
ACTIVATION_CYCLES = 22


def recurrent_tile(target: Target, batch: Dim, columns: int, size: int = 4) -> tuple[int, int]:
    """Rows and vectors of a tile of the step's product. A thread's rows are known at run time only, but for a batch
    of 1, whose row takes so many columns at a time that eight accumulators hide the latency of multiply-adds."""
    share = max(1, size // 4)
    if batch == 1:
        vectors = 1
        while vectors < 8 and 2 * vectors <= target.registers // 2 and vectors * target.lanes < columns:
            vectors *= 2
        return 1, max(1, vectors // share)
    tall, vectors = target.short_tile(columns)
    rows = min(tall, batch) if isinstance(batch, int) else tall
    return rows, max(1, vectors // share)


def step_cycles(target: Target, batch: Dim, depth: int, columns: int, values: int, size: int = 4) -> int:
    """Predicted cycles of one step of one row: its product with `depth` x `columns` weights, and `values` numbers
    that go through an activation."""
    rows, vectors = recurrent_tile(target, batch, columns, size)
    wide = vectors * target.lanes
    registers = vectors * max(1, size // 4)
    one = max(rows * registers / target.fma_per_cycle, (rows + registers) / 2, 4.5) + 0.5
    product = one * depth * -(-columns // wide) / rows
    return round(product + ACTIVATION_CYCLES * -(-values * size // target.vector_bytes)) + 1
