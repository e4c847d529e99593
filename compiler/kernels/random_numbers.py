"""Random numbers; see `ops/random_numbers.py`. Each result's words follow from its place: units may be split."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ...runtime.spec import DType, boolean, f32, f64, i32, i64, u32, u64
from ..ir.dims import product
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..ops.random_numbers import RESERVED, SCRAMBLE, TRUNCATION
from ..target import Target
from .build import Index
from .dialect_kern import Kernel
from .family import lowers
from .philox import (
    Philox,
    Stream,
    normal_pairs,
    remainder,
    repeat_while,
    unit_floats,
    wide_words,
    wrapped,
)
from .scalar import ScalarBuilder
from .series import log_gamma

#: groups of results in one unit
BLOCK = 256


@lowers("random_key")
def lower_random_key(kernel: Kernel, target: Target) -> FuncOp:
    """`(seed, state)`."""
    b = ScalarBuilder(kernel)
    low, high = (b.get(b.inputs[0], kernel.params["dtype"], k).to(i64) for k in (0, 1))
    low, high = (Num(x.e, x.v, u64) for x in (low, high))
    scramble = wrapped(low, SCRAMBLE)
    mixed = wide_words(Philox(b, scramble, low, high).words(b.c(0, u64)))
    for k, x in enumerate((mixed[0], b.c(0, u64), mixed[1])):
        b.put(x, b.outputs[0], k)
    return b.finish()


@lowers("random")
def lower_random(kernel: Kernel, target: Target) -> FuncOp:
    """`(state, [low, high,] y)`; a block of groups, whose numbers are drawn together, is a unit."""
    b = ScalarBuilder(kernel)
    dtype: DType = kernel.params["dtype"]
    total = product(kernel.outputs[0].shape)
    y = b.dense(b.outputs[0], (total,))
    state, bounds = Philox.of(b), [b.get(v, dtype) for v in b.inputs[1:]]
    group = 4 // (dtype.size // 4)
    groups = b.div(b.add(b.dim(total), group - 1), group)
    with b.loop(b.lo, b.hi) as unit:
        first = b.mul(unit.iv, BLOCK)
        with b.loop(first, b.min(b.add(first, BLOCK), groups)) as i:
            for k, x in enumerate(_group(b, state, i.iv, bounds)):
                at = b.add(b.mul(i.iv, group), k)
                with b.when(b.compare("slt", at, b.dim(total))):
                    b.put(x, y, at)
    return b.finish()


def _group(b: ScalarBuilder, state: Philox, i: Index, bounds: list[Num]) -> list[Num]:
    """The numbers that are drawn together."""
    p = b.kernel.params
    dtype: DType = p["dtype"]
    if p["kind"] == "truncated_normal":
        return _truncated(b, state, i, dtype, p["digits"])
    words = state.words(b.of_index(i, u64))
    if dtype.is_float:
        u = unit_floats(words, dtype, p["digits"])
        return u if p["kind"] == "uniform" else normal_pairs(u)
    if dtype.size == 8:
        words = wide_words(words)
    if p["kind"] == "bits":
        return words
    low, high = (Num(x.e, x.v, words[0].dtype) for x in bounds)
    span = (bounds[1] > bounds[0]).where(high - low, 1)
    return [low + remainder(w, span) for w in words]


def _truncated(b: ScalarBuilder, state: Philox, i: Index, dtype: DType, digits: int) -> list[Num]:
    """Normals from blocks of the group's own, until there are enough that are near 0."""
    group = 4 // (dtype.size // 4)
    base = b.of_index(i, u64) * (RESERVED * group // 4)

    def step(skip: Num, count: Num, *found: Num) -> tuple[Num, list[Num]]:
        kept = list(found)
        for x in normal_pairs(unit_floats(state.words(base + skip), dtype, digits)):
            near = abs(x) < TRUNCATION
            kept = [(near & count.eq(k)).where(x, old) for k, old in enumerate(kept)]
            count = count + near.to(i32)
        return count < group, [skip + 1, count, *kept]

    start = [b.c(0, u64), b.c(0, i32), *[b.c(0, dtype)] * group]
    return repeat_while(b, start, step)[2:]


@lowers("random_permutation")
def lower_random_permutation(kernel: Kernel, target: Target) -> FuncOp:
    """`(state, y)`; one unit."""
    b = ScalarBuilder(kernel)
    state, y, n = Philox.of(b), b.outputs[0], b.dim(kernel.outputs[0].shape[0])
    with b.loop(0, n) as i:
        b.put(b.of_index(i.iv, i32), y, i.iv)
    with b.loop(0, b.div(b.add(n, 2), 4)) as block:
        for k, word in enumerate(state.words(b.of_index(block.iv, u64))):
            i = b.add(b.mul(block.iv, 4), k)
            with b.when(b.compare("slt", i, b.sub(n, 1))):
                left = b.of_index(b.sub(n, i), u32)
                j = b.add(i, b.index(remainder(word, left).to(u64)))
                here, there = b.get(y, i32, i), b.get(y, i32, j)
                b.put(there, y, i)
                b.put(here, y, j)
    return b.finish()


@lowers("random_categorical")
def lower_random_categorical(kernel: Kernel, target: Target) -> FuncOp:
    """`(state, logits, sums, y)`; a row is a unit."""
    b = ScalarBuilder(kernel)
    dtype: DType = kernel.params["dtype"]
    state = Philox.of(b)
    y = b.outputs[1]
    classes, count = b.dim(kernel.inputs[1].shape[1]), b.dim(kernel.outputs[1].shape[1])
    with b.loop(b.lo, b.hi) as row:
        total = _running_sums(b, row.iv, dtype, classes)
        with b.loop(0, count) as sample:
            place = b.add(b.mul(row.iv, count), sample.iv)
            u = unit_floats(state.words(b.of_index(b.div(place, 2), u64)), f64, 52)
            drawn = b.holds("eq", b.rem(place, 2), 0).where(u[0], u[1]) * total
            (found,) = _upper_bound(b, row.iv, drawn, classes)
            b.put(found, y, row.iv, sample.iv)
    return b.finish()


def _running_sums(b: ScalarBuilder, row: Index, dtype: DType, classes: Index) -> Num:
    """Writes the sums of exp(logit) up to each class; gives the last one."""
    logits, sums = b.inputs[1], b.outputs[0]

    def highest(k: Index, top: Num) -> list[Num]:
        x = b.get(logits, dtype, row, k)
        return [((x - x).eq(0) & (x > top)).where(x, top)]

    lowest = -3.4028234663852886e38 if dtype == f32 else -1.7976931348623157e308
    (top,) = b.repeat(0, classes, [b.c(lowest, dtype)], highest)

    def add(k: Index, total: Num) -> list[Num]:
        x = b.get(logits, dtype, row, k)
        total = total + (x - x).eq(0).where((x.to(f64) - top.to(f64)).f("exp"), 0)
        b.put(total, sums, row, k)
        return [total]

    return b.repeat(0, classes, [b.c(0, f64)], add)[0]


def _upper_bound(b: ScalarBuilder, row: Index, x: Num, classes: Index) -> list[Num]:
    """The first class whose sum is larger than x; the number of classes where there is none."""
    end = b.of_index(classes)

    def search() -> list[Num]:
        def halve(low: Num, high: Num) -> tuple[Num, list[Num]]:
            middle = low + _half(high - low)
            passed = b.get(b.outputs[0], f64, row, b.index(middle)) <= x
            low, high = passed.where(middle + 1, low), passed.where(high, middle)
            return low < high, [low, high]

        return repeat_while(b, [b.c(0, i64), end], halve)[:1]

    return b.either(end > 0, search, lambda: [b.c(0, i64)])


def _half(x: Num) -> Num:
    """x / 2 of a number that is not negative, cut off."""
    return (x.to(f64) * 0.5).f("floor").to(i64)


@lowers("random_sampled")
def lower_random_sampled(kernel: Kernel, target: Target) -> FuncOp:
    """`(state, parameters, y [count, parameters])`; a sample is a unit."""
    b = ScalarBuilder(kernel)
    state, count = Philox.of(b), b.dim(kernel.outputs[0].shape[0])
    draw = {"poisson": _poisson, "gamma": _gamma}[kernel.params["kind"]]
    with b.loop(b.lo, b.hi) as unit:
        p, sample = b.div(unit.iv, count), b.rem(unit.iv, count)
        made = draw(b, partial(Stream, b, state, unit.iv), b.get(b.inputs[1], f64, p))
        b.put(made, b.outputs[0], sample, p)
    return b.finish()


Begin = Callable[[], Stream]


def _poisson(b: ScalarBuilder, begin: Begin, rate: Num) -> Num:
    infinity = float("inf")
    odd = ~(rate < infinity)  # infinity and NaN stay what they are

    def known() -> list[Num]:
        return [rate]

    def drawn() -> list[Num]:
        return b.either(rate < 10, lambda: [_multiply(b, begin(), rate)], lambda: [_reject(b, begin(), rate)])

    return b.either(odd, known, drawn)[0]


def _multiply(b: ScalarBuilder, stream: Stream, rate: Num) -> Num:
    least = (-rate.max(0)).f("exp")
    held = stream.values()

    def step(product_: Num, count: Num, *values: Num) -> tuple[Num, list[Num]]:
        stream.hold(values)
        product_ = product_ * stream.take()
        more = ~(product_ <= least)
        return more, [product_, more.where(count + 1, count), *stream.values()]

    return repeat_while(b, [b.c(1, f64), b.c(0, f64), *held], step)[1]


def _reject(b: ScalarBuilder, stream: Stream, rate: Num) -> Num:
    scale = rate.f("sqrt") * 2.53 + 0.931
    a = scale * 0.02483 - 0.059
    held = stream.values()

    def step(_: Num, *values: Num) -> tuple[Num, list[Num]]:
        stream.hold(values)
        u = stream.take() - 0.5
        v = stream.take()
        us = 0.5 - abs(u)
        k = ((a * 2 / us + scale) * u + rate + 0.43).f("floor")
        quick = (us >= 0.07) & (v <= 0.9277 - 3.6224 / (scale - 2))
        hopeless = (k < 0) | ((us < 0.013) & (v > us))
        left = (v * (1.1239 + 1.1328 / (scale - 3.4)) / (a / (us * us) + scale)).f("log")
        right = k * rate.f("log") - rate - log_gamma(k.max(0) + 1)
        done = quick | (~hopeless & (left <= right))
        return ~done, [k, *stream.values()]

    return repeat_while(b, [b.c(0, f64), *held], step)[0]


def _gamma(b: ScalarBuilder, begin: Begin, shape: Num) -> Num:
    def exponential() -> list[Num]:
        return [-_log1p(-begin().take())]

    def other() -> list[Num]:
        return b.either(shape > 0, lambda: [_squeeze(b, begin(), shape)], lambda: [b.c(float("nan"), f64)])

    return b.either(shape.eq(1), exponential, other)[0]


def _log1p(x: Num) -> Num:
    """log(1 + x): the rounding of 1 + x is made good to first order (Kahan)."""
    y = x + 1
    return y.eq(1).where(x, y.f("log") * x / y.eq(1).where(1.0 + 0 * x, y - 1))


def _squeeze(b: ScalarBuilder, stream: Stream, shape: Num) -> Num:
    less = shape < 1
    d = shape + less.where(shape.like(2 / 3), -1 / 3)
    held = stream.values()

    def step(_: Num, *values: Num) -> tuple[Num, list[Num]]:
        stream.hold(values)
        x = stream.take("normal")
        v = x / (d.f("sqrt") * 3) + 1
        before = stream.values()

        def judge() -> list[Num]:
            stream.hold(before)
            cube, u, square = v * v * v, stream.take(), x * x
            done = u < 1 - square * square * 0.0331
            done = done | (u.f("log") < square * 0.5 + d * (1 - cube + cube.f("log")))
            return [~done, d * cube, *stream.values()]

        def again() -> list[Num]:
            return [Num(b.scalars, b.number(1, boolean), boolean), v, *before]

        more, made, *after = b.either(v > 0, judge, again)
        return more, [made, *after]

    made, *after = repeat_while(b, [b.c(0, f64), *held], step)
    stream.hold(after)

    def boosted() -> list[Num]:
        u = stream.take()
        return [u.eq(0).where(u, made * (u.f("log") / shape).f("exp"))]

    return b.either(less, boosted, lambda: [made])[0]
