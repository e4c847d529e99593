"""Non-maximum suppression, box by box; see `ops/detection.py`. A class of an image is a unit."""

from __future__ import annotations

from collections.abc import Callable

from ...runtime.spec import boolean, f32, i32, i64
from ..ir.core import Value
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..target import Target
from .build import Index
from .dialect_kern import Kernel
from .family import lowers
from .philox import repeat_while
from .scalar import ScalarBuilder


@lowers("nms")
def lower_nms(kernel: Kernel, target: Target) -> FuncOp:
    """`(boxes [N, B, Q, 4], scores [N, B, C], threshold, least, [sigma,] indices [N, C, M], scores [N, C, M],
    valid [N, C], left [N, C, B], seen [N, C, B])`; the last two are for the kernel itself: each box's score, and
    how many of those chosen it has been compared with, -1 for one that is out."""
    b = ScalarBuilder(kernel)
    classes = kernel.inputs[1].shape[2]
    with b.loop(b.lo, b.hi) as unit:
        suppression = _Suppression(b, *b.unravel(unit.iv, (kernel.inputs[1].shape[0], classes)))
        suppression.start()
        count = suppression.soft() if len(b.inputs) > 4 else suppression.hard()
        suppression.end(count)
    return b.finish()


class _Suppression:
    """One class of one image."""

    def __init__(self, b: ScalarBuilder, image: Index, kind: Index) -> None:
        self.b, self.image, self.kind = b, image, kind
        kernel = b.kernel
        self.boxes = b.dim(kernel.inputs[1].shape[1])
        self.most = b.dim(kernel.outputs[0].shape[2])
        self.own = 0 if kernel.inputs[0].shape[2] == 1 else kind
        self.threshold, self.least = b.get(b.inputs[2], f32), b.get(b.inputs[3], f32)
        self.chosen, self.values, self.valid, self.left, self.seen = b.outputs

    def at(self, i: Index) -> list[Index]:
        return [self.image, self.kind, i]

    def start(self) -> None:
        b = self.b
        with b.loop(0, self.boxes) as i:
            score = b.get(b.inputs[1], f32, self.image, i.iv, self.kind)
            b.put(score, self.left, *self.at(i.iv))
            b.put((score > self.least).where(b.c(0, i32), -1), self.seen, *self.at(i.iv))

    def end(self, count: Num) -> None:
        """Zeros behind those chosen."""
        b = self.b
        b.put(count.to(i32), self.valid, self.image, self.kind)
        with b.loop(b.index(count), self.most) as i:
            b.put(b.c(0, i32), self.chosen, *self.at(i.iv))
            b.put(b.c(0, f32), self.values, *self.at(i.iv))

    def overlap(self, i: Index, j: Index) -> Num:
        b = self.b
        if b.kernel.params["given"]:
            return b.get(b.inputs[0], f32, self.image, i, self.own, j)
        low: list[list[Num]] = []
        high: list[list[Num]] = []
        for box in (i, j):
            c = [b.get(b.inputs[0], f32, self.image, box, self.own, k) for k in range(4)]
            low.append([c[0].min(c[2]), c[1].min(c[3])])
            high.append([c[0].max(c[2]), c[1].max(c[3])])
        areas = [(h[0] - g[0]) * (h[1] - g[1]) for g, h in zip(low, high, strict=True)]
        sides = [(high[0][k].min(high[1][k]) - low[0][k].max(low[1][k])).max(0) for k in range(2)]
        common = sides[0] * sides[1]
        some = (areas[0] > 0) & (areas[1] > 0)
        return some.where(common / some.where(areas[0] + areas[1] - common, 1), 0)

    def choose(self, i: Num, score: Num, count: Num) -> None:
        where = self.at(self.b.index(count))
        self.b.put(i.to(i32), self.chosen, *where)
        self.b.put(score, self.values, *where)

    def close(self, i: Index) -> None:
        self.b.put(self.b.c(-1, i32), self.seen, *self.at(i))

    def hard(self) -> Num:
        """Those that overlap the one chosen last fall out while the next is looked for."""
        b = self.b

        def step(count: Num, last: Num) -> tuple[Num, list[Num]]:
            def look(i: Index, best: Num, top: Num) -> list[Num]:
                def stays() -> list[Num]:
                    over = b.either(
                        last >= 0, lambda: [self.overlap(i, b.index(last)) > self.threshold], lambda: [_no(b)]
                    )[0]
                    with b.when(over.v):
                        self.close(i)
                    score = b.get(self.left, f32, *self.at(i))
                    better = ~over & (best.eq(-1) | (score > top))
                    return [better.where(b.of_index(i), best), better.where(score, top)]

                is_open = b.get(self.seen, i32, *self.at(i)) >= 0
                return b.either(is_open, stays, lambda: [best, top])

            best, top = b.repeat(0, self.boxes, [b.c(-1, i64), b.c(0, f32)], look)
            found = best >= 0
            with b.when(found.v):
                self.choose(best, top, count)
                self.close(b.index(best))
            count = count + found.to(i64)
            return found & (count < b.of_index(self.most)), [count, best]

        return self.unless_none(lambda: repeat_while(b, [b.c(0, i64), b.c(-1, i64)], step)[0])

    def unless_none(self, run: Callable[[], Num]) -> Num:
        """`run` where any may be chosen at all."""
        b = self.b
        return b.either(b.holds("sgt", self.most, 0), lambda: [run()], lambda: [b.c(0, i64)])[0]

    def soft(self) -> Num:
        """A box's score is brought up to date when its turn comes, by those chosen since, the latest first."""
        b = self.b
        sigma = b.get(b.inputs[4], f32)
        is_soft = sigma > 0
        scale = is_soft.where(-0.5 / is_soft.where(sigma, 1), 0)

        def look(i: Index, best: Num, top: Num) -> list[Num]:
            score = b.get(self.left, f32, *self.at(i))
            better = (b.get(self.seen, i32, *self.at(i)) >= 0) & (best.eq(-1) | (score > top))
            return [better.where(b.of_index(i), best), better.where(score, top)]

        def step(count: Num) -> tuple[Num, list[Num]]:
            best, top = b.repeat(0, self.boxes, [b.c(-1, i64), b.c(0, f32)], look)

            def judge() -> list[Num]:
                return [self.updated(best, top, count, scale, is_soft)]

            (count_after,) = b.either(best >= 0, judge, lambda: [count])
            return (best >= 0) & (count_after < b.of_index(self.most)), [count_after]

        return self.unless_none(lambda: repeat_while(b, [b.c(0, i64)], step)[0])

    def updated(self, i: Num, before: Num, count: Num, scale: Num, is_soft: Num) -> Num:
        """The number chosen after one box's turn."""
        b = self.b
        at = b.index(i)
        seen = b.get(self.seen, i32, *self.at(at)).to(i64)

        def compare(k: Index, score: Num, out: Num) -> list[Num]:
            def one() -> list[Num]:
                other = b.get(self.chosen, i32, *self.at(b.sub(b.index(count), b.add(k, 1))))
                overlap = self.overlap(at, b.index(other))
                hard = ~is_soft & (overlap > self.threshold)
                now = score * (scale * overlap * overlap).f("exp")
                return [now, hard | (now <= self.least)]

            return b.either(out, lambda: [score, out], one)

        score, out = b.repeat(0, b.index(count - seen), [before, _no(b)], compare)
        same = ~out & score.eq(before)
        with b.when(same.v):
            self.choose(i, score, count)
        b.put(score, self.left, *self.at(at))
        after = count + same.to(i64)
        b.put((out | same).where(b.c(-1, i32), after.to(i32)), self.seen, *self.at(at))
        return after


def _no(b: ScalarBuilder) -> Num:
    return Num(b.scalars, b.number(0, boolean), boolean)


@lowers("nms_merge")
def lower_nms_merge(kernel: Kernel, target: Target) -> FuncOp:
    """`(boxes [N, B, Q, 4], indices [N, C, M], scores [N, C, M], valid [N, C], boxes [N, T, 4], scores [N, T],
    classes [N, T], valid [N], next [N, C])`; an image is a unit. `next` counts what is taken of each class."""
    b = ScalarBuilder(kernel)
    classes = b.dim(kernel.inputs[1].shape[1])
    with b.loop(b.lo, b.hi) as unit:
        with b.loop(0, classes) as k:
            b.put(b.c(0, i32), b.outputs[4], unit.iv, k.iv)
        total = b.dim(kernel.outputs[1].shape[1])
        (count,) = b.repeat(0, total, [b.c(0, i32)], lambda i, count: [_take_best(b, unit.iv, i, count)])
        b.put(count, b.outputs[3], unit.iv)
    return b.finish()


def _take_best(b: ScalarBuilder, image: Index, place: Index, count: Num) -> Num:
    """Moves the best of the classes' first ones to a place of the result; zeros where there is none."""
    indices, scores, valid = b.inputs[1:4]
    taken: Value = b.outputs[4]
    own = b.kernel.inputs[0].shape[2] != 1

    def look(k: Index, best: Num, top: Num) -> list[Num]:
        first = b.get(taken, i32, image, k)

        def compare() -> list[Num]:
            score = b.get(scores, f32, image, k, b.index(first))
            better = best.eq(-1) | (score > top)
            return [better.where(b.of_index(k), best), better.where(score, top)]

        return b.either(first < b.get(valid, i32, image, k), compare, lambda: [best, top])

    best, top = b.repeat(0, b.dim(b.kernel.inputs[1].shape[1]), [b.c(-1, i64), b.c(0, f32)], look)
    found = best >= 0

    def box() -> list[Num]:
        kind = b.index(best)
        first = b.get(taken, i32, image, kind)
        b.put(first + 1, taken, image, kind)
        i = b.index(b.get(indices, i32, image, kind, b.index(first)))
        return [b.get(b.inputs[0], f32, image, i, kind if own else 0, k) for k in range(4)]

    corners = b.either(found, box, lambda: [b.c(0, f32)] * 4)
    for k, x in enumerate(corners):
        b.put(x.max(0).min(1) if b.kernel.params["clip"] else x, b.outputs[0], image, place, k)
    b.put(top, b.outputs[1], image, place)
    b.put(best.max(0).to(f32), b.outputs[2], image, place)
    return count + found.to(i32)
