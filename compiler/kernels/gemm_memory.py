"""Where large products put their operands together: a thread's memory."""

from __future__ import annotations

from ..cost.gemm import GemmChoice
from ..ir.core import Value
from ..target import Target
from . import dialect_memory as mem
from .ahead import LINE
from .family import KernelBuilder


def thread_memory(b: KernelBuilder, target: Target) -> tuple[Value | None, Value | None]:
    """Views of the kernel's last buffer, [threads, numbers]: panels [threads, groups, steps, columns] of w; tiles
    [threads, tiles, steps, rows] or rows [threads, rows, steps] of x. None of what is read where it lies."""
    p, memory = b.kernel.params, b.outputs[-1]
    threads, size = mem.memref(memory).shape
    tiles, groups, step = (int(d) for d in p["block"])
    high, width = p["tile"][0], p["tile"][1] * target.lanes
    w, x, used = None, None, 0
    if p["w"] == "copied":
        long = panel_rows(target, step)
        used = groups * long * width
        w = b.reinterpret(memory, (threads, groups, long, width), (size, long * width, width, 1))
    if p["x"] == "tiles":
        x = b.reinterpret(memory, (threads, tiles, step, high), (size, step * high, high, 1), used)
    elif p["x"] == "rows":
        x = b.reinterpret(memory, (threads, tiles * high, step), (size, row_of(step), 1), used)
    return w, x


def memory_size(target: Target, choice: GemmChoice) -> int:
    """Numbers of a thread's memory."""
    high, width = choice.tile[0], choice.tile[1] * target.lanes
    size = choice.groups * panel_rows(target, choice.step) * width if choice.w == "copied" else 0
    if choice.x == "tiles":
        size += choice.tiles * choice.step * high
    elif choice.x == "rows":
        size += choice.tiles * high * row_of(choice.step)
    return -(-size // LINE) * LINE


def panel_rows(target: Target, step: int) -> int:
    """Rows of a panel: whole vectors of rows are written to it where the operand is turned around."""
    return -(-step // target.lanes) * target.lanes


def row_of(step: int) -> int:
    """How far rows of so many numbers are put apart: never a multiple of 4096 bytes."""
    return -(-step // LINE) * LINE + LINE
