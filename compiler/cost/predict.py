"""Cycles of a convolution or product with constant weights by the kernel that would run, for passes that compare graphs
before any kernel is formed."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

from ..target import Target
from .choose import choose_conv, choose_matmul, depthwise_tile
from .dot import LEAST_LANES, MOST_COLUMNS, direct_cycles, dot_cycles, dot_lanes
from .reasons import depthwise_reason, product_reason
from .winograd import choose_winograd


class ConvShape(NamedTuple):
    """A 2-D convolution: its result [N, H, W, O], its filter [KH, KW, C / groups, O], and how that slides."""

    out: tuple[int, ...]
    filter: tuple[int, ...]
    strides: tuple[int, ...] = (1, 1)
    dilations: tuple[int, ...] = (1, 1)
    groups: int = 1
    #: bytes of an element
    size: int = 4

    @property
    def flops(self) -> int:
        """Two for each multiply-add."""
        return 2 * math.prod(self.out) * math.prod(self.filter[:-1])


@lru_cache(maxsize=8192)
def conv_cycles(target: Target, s: ConvShape, precise: bool = False) -> int:
    """Cycles of all images: by Winograd's transforms where those are chosen and not `precise`, each channel on its own
    where there is one for each group, else directly."""
    *kernel, c, o = s.filter
    if s.groups == 1 and not precise and s.size == 4 and {*s.strides, *s.dilations} == {1}:
        direct = choose_conv(target, s.out, c, o, tuple(kernel), s.strides, False).cycles
        if o <= MOST_COLUMNS:
            direct = min(direct, dot_cycles(target, s.out, kernel[0], kernel[1] * c, o, 4))
        choice = choose_winograd(target, s.out, c, o, (kernel[0], kernel[1]), direct)
        if choice is not None:
            return round(sum(choice.stages))
    if c == 1 and o // s.groups < target.lanes and s.groups > 4:
        return _depthwise_cycles(target, s)
    return s.groups * s.out[0] * _direct_cycles(target, s)


def _depthwise_cycles(target: Target, s: ConvShape) -> int:
    """Several results of a channel are computed one after the other, and moved to their places."""
    many = s.filter[-1] // s.groups
    part = (*s.out[:-1], s.groups)
    why = depthwise_reason(
        target, part, math.prod(s.filter[:2]), depthwise_tile(target, s.filter[-1], s.filter[1]), False
    )
    cycles = why.cycles if isinstance(why.cycles, int) else 0
    moved = 2 * s.size * math.prod(part) / target.far_bytes_per_cycle if many > 1 else 0
    return round(many * (cycles + moved))


def _direct_cycles(target: Target, s: ConvShape) -> int:
    """Of one group of one image."""
    kh, kw, c, o = s.filter
    columns = o // s.groups
    out = (1, *s.out[1:-1], columns)
    flat = {kh, kw, *s.strides} == {1} and s.groups == 1
    choice = choose_conv(target, out, c, columns, (kh, kw), s.strides, flat)
    if columns > MOST_COLUMNS or dot_lanes(target, s.size) < LEAST_LANES:
        return round(choice.cycles)
    dense = s.dilations[1] == 1 and s.groups == 1
    rows, inner = (kh, kw * c) if dense else (kh * kw, c)
    dot = dot_cycles(target, out, rows, inner, columns, s.size)
    lanes = dot_lanes(target, s.size)
    other = direct_cycles(target, choice.tile, lanes, rows * inner, choice.cycles, s.size)
    return round(dot if dot < other else choice.cycles)


@lru_cache(maxsize=8192)
def product_cycles(target: Target, rows: int, columns: int, depth: int, size: int = 4) -> int:
    """Cycles of [rows, depth] times constant weights [depth, columns]."""
    if columns == 1:  # bound by reading the matrix
        return round(max(size * rows * depth / target.far_bytes_per_cycle, 1))
    tile, _ = choose_matmul(target, rows, columns, depth, size)
    cycles = product_reason(target, rows, columns, depth, tile, size, True).cycles
    return cycles if isinstance(cycles, int) else 0
