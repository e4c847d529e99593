"""Which rank each layer gets: within an error for each layer, or a share of the FLOPs of all."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..cost.reasons import cycles_text
from .decomposable import STEP, Layer, Point
from .low_rank import EXACT

#: ranks that are tried beside the multiples of `STEP`
FEW = (1, 2, 3, 4, 6, 8, 10, 12, 14)


@dataclass(frozen=True)
class Wish:
    """A largest relative error of each layer, the share of the FLOPs to keep (0: as the error says), a rank for all
    layers (0: none), and whether slower pairs are taken too."""

    max_error: float = 0.0
    flops: float = 0.0
    rank: int = 0
    force: bool = False

    @property
    def error(self) -> float:
        """What counts as exact is allowed always; a share of FLOPs alone limits no error."""
        return 1.0 if (self.flops or self.rank) and not self.max_error else max(self.max_error, EXACT)


@dataclass(frozen=True)
class Choice:
    """How a layer is decomposed, or that it stays, and why."""

    layer: Layer
    point: Point | None
    reason: str


def choose(layers: Sequence[Layer], wish: Wish, once: bool = False) -> list[Choice]:
    """A choice for each layer. With `once` nothing else will be asked of the layers, so that their factorisations
    need not be kept but for what was chosen."""
    if wish.flops and not wish.rank:
        return _by_flops(layers, wish)
    found: list[Choice] = []
    for layer in layers:
        found.append(_by_rank(layer, wish) if wish.rank else _by_error(layer, wish))
        if once:
            layer.settle(found[-1].point)
    return found


def _taken(layer: Layer, point: Point, full: int) -> Choice:
    cycles = layer.whole()[0]
    return Choice(
        layer, point,
        f"rank {point.rank} of {full}, error {point.error:.2g}: {cycles_text(point.cycles)} cycles instead of "
        f"{cycles_text(cycles)}",
    )  # fmt: skip


def _judged(layer: Layer, points: Iterable[Point], wish: Wish, what: str) -> Choice:
    """The cheapest of these, if it is cheaper than the layer."""
    best = min(points, key=lambda p: (p.cycles, p.flops, p.error))
    cycles = layer.whole()[0]
    if best.cycles >= layer.worth and not wish.force:
        text = f"{what.format(rank=best.rank)} takes {cycles_text(best.cycles)} cycles, the layer {cycles_text(cycles)}"
        return Choice(layer, None, text)
    return _taken(layer, best, layer.full_rank(best.order))


def _hopeless(layer: Layer, wish: Wish) -> Choice | None:
    """That even the smallest ranks are not worth it, which is known without a decomposition."""
    if wish.force or any(layer.most(order, layer.worth) for order in layer.orders):
        return None
    ranks = (*FEW, STEP)
    least = min(
        layer.price(order, min(r, layer.full_rank(order)))[0] for order in layer.orders for r in ranks
    )
    text = f"a pair of rank 1 takes {cycles_text(least)} cycles, the layer {cycles_text(layer.whole()[0])}"
    return Choice(layer, None, text)


def _by_rank(layer: Layer, wish: Wish) -> Choice:
    ranks = {order: min(wish.rank, layer.full_rank(order)) for order in layer.orders}
    cycles = {order: layer.price(order, rank)[0] for order, rank in ranks.items()}
    cheapest = min(cycles.values())
    # without a budget of errors an order that costs more need not be decomposed
    wanted = [o for o, c in cycles.items() if c == cheapest or wish.max_error]
    points = [layer.point(order, ranks[order]) for order in wanted]
    allowed = [p for p in points if p.error <= wish.error]
    if not allowed:
        return Choice(layer, None, f"rank {wish.rank} has an error above {wish.error:g}")
    return _judged(layer, allowed, wish, "rank {rank}")


def _by_error(layer: Layer, wish: Wish) -> Choice:
    if (hopeless := _hopeless(layer, wish)) is not None:
        return hopeless
    points: list[Point] = []
    # low ranks of either order first: a pair that is found spares the whole decomposition of the other order
    for whole, order in itertools.product((False, True), layer.orders):
        if any(p.order == order for p in points):
            continue
        limit = math.inf if wish.force else min([layer.worth, *(p.cycles for p in points)])
        most, factors = layer.most(order, limit), layer.factorizer(order)
        if not most or factors.surely_above(most, wish.error):
            continue
        rank = factors.within(wish.error, most) if whole else factors.few(wish.error, STEP, most)
        if rank is not None:
            points.append(layer.point(order, layer.rounded(order, rank)))
    if not points:
        most = max(layer.most(order, layer.worth) for order in layer.orders)
        text = f"a pair is faster up to rank {most}, whose error is above {wish.error:.2g}"
        return Choice(layer, None, text)
    return _judged(layer, points, wish, f"rank {{rank}}, for an error of at most {wish.error:.2g},")


def _points(layer: Layer, wish: Wish) -> list[Point]:
    """What may stand for a layer, with fewer FLOPs."""
    flops = layer.whole()[1]
    if _hopeless(layer, wish) is not None:
        return []
    found: list[Point] = []
    for order in layer.orders:
        full = layer.full_rank(order)
        for rank in (*(r for r in FEW if r < full), *range(STEP, full, STEP), full):
            cost, work, _ = layer.price(order, rank)
            if work < flops and (cost < layer.worth or wish.force):
                found.append(layer.point(order, rank))
    return [p for p in found if p.error <= wish.error]


def _by_flops(layers: Sequence[Layer], wish: Wish) -> list[Choice]:
    """Takes the steps that save FLOPs for the least error until few enough are left: the lower convex hulls of the
    layers' squared errors over their FLOPs, by slope; of the last step's layer the best rank that suffices."""
    options = [_points(layer, wish) for layer in layers]
    # a layer that cannot be cheaper is none of those whose FLOPs are shared out
    left = float(sum(layer.whole()[1] for layer, points in zip(layers, options, strict=True) if points))
    target = wish.flops * left
    chosen: list[Point | None] = [None] * len(layers)
    steps = [
        (slope, i, point)
        for i, points in enumerate(options)
        for slope, point in _hull(layers[i].whole()[1], points)
    ]
    for _, i, corner in sorted(steps, key=lambda s: (s[0], s[1], -s[2].flops)):
        if left <= target:
            break
        before, point = chosen[i], corner
        others = left - (before.flops if before else layers[i].whole()[1])
        if others + point.flops <= target:
            fits = (p for p in options[i] if others + p.flops <= target)
            point = min(fits, key=lambda p: (p.error, p.cycles))
        chosen[i] = point
        left = others + point.flops
    short = f"; {wish.flops:g} of the FLOPs is out of reach" if left > target else ""
    return [
        _shared(layer, p, bool(points), short)
        for layer, p, points in zip(layers, chosen, options, strict=True)
    ]


def _shared(layer: Layer, point: Point | None, possible: bool, short: str) -> Choice:
    if point is not None:
        made = _taken(layer, point, layer.full_rank(point.order))
        return Choice(layer, point, made.reason + short)
    return Choice(
        layer, None, "the share of FLOPs is kept without it" if possible else "no rank allowed is cheaper"
    )


def _hull(flops: int, points: Sequence[Point]) -> list[tuple[float, Point]]:
    """The corners of the lower convex hull from the layer as it is downwards, each with the squared error that a FLOP
    saved on the way to it costs."""
    x, y = float(flops), 0.0
    found: list[tuple[float, Point]] = []
    rest = list(points)
    while rest:
        slopes = [((p.error**2 - y) / (x - p.flops), p) for p in rest]
        slope, best = min(slopes, key=lambda s: (s[0], s[1].flops))
        found.append((max(slope, found[-1][0] if found else 0.0), best))
        x, y = float(best.flops), best.error**2
        rest = [p for p in rest if p.flops < best.flops]
    return found
