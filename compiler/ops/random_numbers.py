"""Random numbers as TensorFlow's CPU kernels draw them: Philox 4x32-10 with a key and a counter.

A state is uint64 [3]: the key, and the counter's low and high half. One value of the counter gives a block of
four 32-bit words; results take blocks by their place, so that any part of them can be drawn alone. Sources:
J. Salmon and others, "Parallel random numbers: as easy as 1, 2, 3" (2011); G. Box and M. Muller, "A note on the
generation of random normal deviates" (1958); W. Hörmann, "The transformed rejection method for generating
Poisson random variables" (1993); G. Marsaglia and W. Tsang, "A simple method for generating gamma variables"
(2000).
"""

from __future__ import annotations

import math
from typing import Union

import numpy as np

from ...runtime.errors import DTypeError
from ...runtime.spec import DType, f32, f64, i32, i64, u32, u64
from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.dims import Sym
from ..ir.opdef import Attr, Operand, Variadic
from ..ir.types import TensorType, Type
from .base import (
    Env,
    Gradients,
    GraphOp,
    NoGradient,
    concrete,
    none_flows,
    require_equal,
    shape_error,
    tensor,
)

DimAttr = tuple[Union[int, Sym], ...]

STATE = TensorType((3,), u64)
ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
#: blocks set aside for each result, or for four, where their number is not known beforehand
RESERVED = 256
KINDS = ("uniform", "normal", "truncated_normal", "bits", "integer")
#: truncated normals are nearer to 0
TRUNCATION = 2.0


def philox(key: int, low: Array, high: Array) -> Array:
    """The words [..., 4] of Philox 4x32-10 for counters given as uint64 halves."""
    mask = np.uint64(0xFFFFFFFF)
    shift = np.uint64(32)
    x = [low & mask, low >> shift, high & mask, high >> shift]
    k = [key & 0xFFFFFFFF, key >> 32]
    for _ in range(ROUNDS):
        a, b = x[0] * np.uint64(MULTIPLIERS[0]), x[2] * np.uint64(MULTIPLIERS[1])
        x = [(b >> shift) ^ x[1] ^ np.uint64(k[0]), b & mask, (a >> shift) ^ x[3] ^ np.uint64(k[1]), a & mask]
        k = [(key_word + w) & 0xFFFFFFFF for key_word, w in zip(k, WEYL, strict=True)]
    return np.stack(x, axis=-1).astype(np.uint32)


def blocks(state: Array, skip: Array) -> Array:
    """The words [..., 4] of the blocks `skip` after the state's."""
    skip = np.asarray(skip, np.uint64)
    low = state[1] + skip
    return philox(int(state[0]), low, state[2] + (low < skip).astype(np.uint64))


def unit_floats(words: Array, dtype: DType, digits: int) -> Array:
    """Floats in [0, 1) with `digits` binary digits, of a word each, or of two for float64."""
    if dtype == f64:
        whole = (words[..., 0::2].astype(np.uint64) & np.uint64(0xFFFFF)) << np.uint64(32) | words[..., 1::2]
        return whole.astype(np.float64) * 2.0**-52
    return (words & np.uint32((1 << digits) - 1)).astype(np.float32) * np.float32(2.0**-digits)


def normal_pairs(u: Array) -> Array:
    """Standard normals [..., 2k] from uniform numbers [..., 2k], by Box and Muller, sine first."""
    f = u.dtype.type
    radius = np.sqrt(f(-2) * np.log(np.maximum(u[..., 0::2], f(1e-7))))
    angle = (2 * np.pi * u[..., 1::2].astype(np.float64)).astype(u.dtype)
    return np.stack([np.sin(angle) * radius, np.cos(angle) * radius], axis=-1).reshape(u.shape)


def wide_words(words: Array) -> Array:
    """Pairs of words as uint64, the low one first."""
    return words[..., 0::2].astype(np.uint64) | words[..., 1::2].astype(np.uint64) << np.uint64(32)


class RandomKey(GraphOp, name="graph.random_key"):
    """The state for a seed of two integers, scrambled, as TensorFlow's stateless ops have it."""

    seed = Operand()

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.seed)
        if t.dtype not in (i32, i64, u32, u64) or t.rank != 1:
            raise shape_error(self, f"a seed must be two integers, received {t}")
        require_equal(self, t.shape[0], 2)
        return (STATE,)

    def evaluate(self, *arrays: Array) -> Array:
        (seed,) = arrays
        low, high = (np.asarray(int(s) & 0xFFFFFFFFFFFFFFFF, np.uint64) for s in seed)
        mixed = wide_words(philox(SCRAMBLE, low, high))
        return np.array([mixed[0], 0, mixed[1]], np.uint64)

    gradient = none_flows


#: the key with which seeds are scrambled
SCRAMBLE = 0x02461E29 << 32 | 0x3EC8F720


class _Random(GraphOp, name=""):
    """An op that draws from a state."""

    state = Operand()

    def check_state(self) -> None:
        if tensor(self.state) != STATE:
            raise shape_error(self, f"the state must be {STATE}, received {tensor(self.state)}")


class Random(_Random, name="graph.random", traits={"symbolic"}):
    """Independent numbers of a shape.

    uniform: in [0, 1), with `digits` binary digits (23 for float32, 52 for float64); normal: mean 0, deviation 1;
    truncated_normal: the same, drawn again until within 2; bits: any integers; integer: from bounds[0] to
    below bounds[1], two scalars; where the second is not larger, the first.
    """

    bounds = Variadic()
    shape = Attr(DimAttr)
    kind = Attr(str, choices=KINDS)
    dtype = Attr(DType)
    digits = Attr(int, default=23)

    def infer(self) -> tuple[Type, ...]:
        self.check_state()
        whole = self.kind in ("bits", "integer")
        allowed = (i32, i64, u32, u64) if whole else (f32, f64)
        if self.dtype not in allowed:
            raise DTypeError(
                f"{self.name} ({self.location}): {self.kind} is not defined for {self.dtype.tf_name}"
            )
        if len(self.bounds) != (2 if self.kind == "integer" else 0):
            raise shape_error(self, f"{self.kind} does not take {len(self.bounds)} bounds")
        if any(tensor(v) != TensorType((), self.dtype) for v in self.bounds):
            raise shape_error(self, f"bounds must be scalars of {self.dtype.tf_name}")
        if self.dtype != f64 and not 1 <= self.digits <= 23:
            raise shape_error(self, f"floats have 1 to 23 digits, received {self.digits}")
        return (TensorType(self.shape, self.dtype),)

    def evaluate_dims(self, env: Env, *arrays: Array) -> Array:
        shape = concrete(self.shape, env)
        total = math.prod(shape)
        group = 4 // (self.dtype.size // 4)
        count = -(-total // group)
        if self.kind == "truncated_normal":
            made = self._truncated(arrays[0], count, group)
        else:
            made = self._numbers(blocks(arrays[0], np.arange(count)), *arrays[1:])
        return made.reshape(-1)[:total].reshape(shape)

    def _numbers(self, words: Array, *bounds: Array) -> Array:
        if self.dtype.is_float:
            u = unit_floats(words, self.dtype, self.digits)
            return u if self.kind == "uniform" else normal_pairs(u)
        words = wide_words(words) if self.dtype.size == 8 else words
        if self.kind == "bits":
            return words.view(self.dtype.numpy)
        low, high = (b.astype(words.dtype) for b in bounds)
        span = np.where(bounds[1] > bounds[0], high - low, words.dtype.type(1))
        return (low + words % span).view(self.dtype.numpy)

    def _truncated(self, state: Array, count: int, group: int) -> Array:
        """Each group has blocks of its own, from which normals are taken until it is full."""
        out = np.zeros((count, group), self.dtype.numpy)
        full = np.zeros(count, np.int64)
        base = np.arange(count, dtype=np.uint64) * np.uint64(RESERVED * group // 4)
        at = 0
        while (open_ := np.flatnonzero(full < group)).size:
            words = blocks(state, base[open_] + np.uint64(at))
            made = normal_pairs(unit_floats(words, self.dtype, self.digits))
            for column in made.T:
                fits = (np.abs(column) < TRUNCATION) & (full[open_] < group)
                out[open_[fits], full[open_][fits]] = column[fits]
                full[open_] += fits
            at += 1
        return out

    gradient = none_flows


class RandomPermutation(_Random, name="graph.random_permutation", traits={"symbolic"}):
    """The numbers 0 to size - 1, int32, shuffled: place i changes with one of the places from i on."""

    size = Attr(Union[int, Sym])  # type: ignore[arg-type]

    def infer(self) -> tuple[Type, ...]:
        self.check_state()
        return (TensorType((self.size,), i32),)

    def evaluate_dims(self, env: Env, *arrays: Array) -> Array:
        (n,) = concrete((self.size,), env)
        out = np.arange(n, dtype=np.int32)
        words = blocks(arrays[0], np.arange((n + 3) // 4)).reshape(-1)
        for i in range(n - 1):
            j = i + int(words[i]) % (n - i)
            out[[i, j]] = out[[j, i]]
        return out

    gradient = none_flows


class RandomCategorical(_Random, name="graph.random_categorical", traits={"symbolic"}):
    """For each row of logits [rows, classes] `count` classes, int64, drawn by exp(logit).

    Logits that are not finite are never drawn; with none left, the result is the number of classes.
    """

    logits = Operand()
    count = Attr(Union[int, Sym])  # type: ignore[arg-type]

    def infer(self) -> tuple[Type, ...]:
        self.check_state()
        t = tensor(self.logits)
        if t.rank != 2 or t.dtype not in (f32, f64):
            raise shape_error(self, f"expected float logits [rows, classes], received {t}")
        return (TensorType((t.shape[0], self.count), i64),)

    def evaluate_dims(self, env: Env, *arrays: Array) -> Array:
        state, logits = arrays
        (count,) = concrete((self.count,), env)
        rows = len(logits)
        words = blocks(state, np.arange((rows * count + 1) // 2))
        u = unit_floats(words, f64, 52).reshape(-1)[: rows * count].reshape(rows, count)
        x = np.where(np.isfinite(logits), logits, -np.inf).astype(np.float64)
        top = np.max(x, axis=1, keepdims=True, initial=np.finfo(logits.dtype).min)
        sums = np.cumsum(np.exp(x - top), axis=1)
        if not sums.shape[1]:
            return np.zeros((rows, count), np.int64)
        found: list[Array] = [
            np.searchsorted(s, v * s[-1], side="right") for s, v in zip(sums, u, strict=True)
        ]
        return np.asarray(found, np.int64).reshape(rows, count)

    gradient = none_flows


class _Stream:
    """Numbers for results that each have blocks of their own; some results may draw while others wait.

    A block gives two float64, of which the second is taken first.
    """

    def __init__(self, state: Array, count: int) -> None:
        self.state = state
        self.base = np.arange(count, dtype=np.uint64) * np.uint64(RESERVED)
        self.used = np.zeros(count, np.uint64)  # blocks
        self.left = {kind: np.zeros(count, np.int64) for kind in ("uniform", "normal")}
        self.pairs = {kind: np.zeros((count, 2)) for kind in ("uniform", "normal")}

    def take(self, which: Array, kind: str = "uniform") -> Array:
        """One number for each result in `which`."""
        left, pairs = self.left[kind], self.pairs[kind]
        empty = which[left[which] == 0]
        u = unit_floats(blocks(self.state, self.base[empty] + self.used[empty]), f64, 52)
        pairs[empty] = u if kind == "uniform" else normal_pairs(u)
        self.used[empty] += np.uint64(1)
        left[empty] = 2
        left[which] -= 1
        return pairs[which, left[which]]


class _Sampled(_Random, name="", traits={"symbolic"}):
    """`count` samples for each parameter, float64 [count, parameters]."""

    parameter = Operand()
    count = Attr(Union[int, Sym])  # type: ignore[arg-type]

    def infer(self) -> tuple[Type, ...]:
        self.check_state()
        t = tensor(self.parameter)
        if t.rank != 1 or t.dtype != f64:
            raise shape_error(self, f"expected float64 parameters of rank 1, received {t}")
        return (TensorType((self.count, t.shape[0]), f64),)

    def evaluate_dims(self, env: Env, *arrays: Array) -> Array:
        (count,) = concrete((self.count,), env)
        p = np.repeat(arrays[1], count)
        made = self.draw(_Stream(arrays[0], len(p)), p)
        return made.reshape(len(arrays[1]), count).T

    def draw(self, stream: _Stream, p: Array) -> Array:
        """A sample for each parameter."""
        raise NotImplementedError


class RandomPoisson(_Sampled, name="graph.random_poisson"):
    """Poisson numbers by their rates: below 10 by multiplying uniform numbers (Knuth), else by Hörmann's PTRS.

    A negative rate gives 0, infinity gives infinity; one that is not a number gives NaN, where TensorFlow hangs.
    """

    def draw(self, stream: _Stream, p: Array) -> Array:
        out = np.where(p == np.inf, np.inf, np.nan)
        self._multiply(stream, p, np.flatnonzero(p < 10), out)
        self._reject(stream, p, np.flatnonzero((p >= 10) & np.isfinite(p)), out)
        return out

    def _multiply(self, stream: _Stream, p: Array, which: Array, out: Array) -> None:
        product_, drawn, least = np.ones(len(p)), np.zeros(len(p)), np.exp(-np.maximum(p, 0))
        while which.size:
            product_[which] *= stream.take(which)
            done = product_[which] <= least[which]
            out[which[done]] = drawn[which[done]]
            which = which[~done]
            drawn[which] += 1

    def _reject(self, stream: _Stream, p: Array, which: Array, out: Array) -> None:
        while which.size:
            mu = p[which]
            b = 0.931 + 2.53 * np.sqrt(mu)
            a = -0.059 + 0.02483 * b
            u, v = stream.take(which) - 0.5, stream.take(which)
            us = 0.5 - np.abs(u)
            k = np.floor((2 * a / us + b) * u + mu + 0.43)
            quick = (us >= 0.07) & (v <= 0.9277 - 3.6224 / (b - 2))
            hopeless = (k < 0) | ((us < 0.013) & (v > us))
            left = np.log(v * (1.1239 + 1.1328 / (b - 3.4)) / (a / (us * us) + b))
            log_gamma = np.array([math.lgamma(x + 1) if x >= 0 else 0.0 for x in k])
            done = quick | (~hopeless & (left <= -mu + k * np.log(mu) - log_gamma))
            out[which[done]] = k[done]
            which = which[~done]

    gradient = none_flows


class RandomGamma(_Sampled, name="graph.random_gamma"):
    """Gamma numbers of scale 1 by their shapes, by Marsaglia and Tsang; shape 1 by the exponential's inverse.

    A shape that is not positive gives NaN.
    """

    def draw(self, stream: _Stream, p: Array) -> Array:
        out = np.full(len(p), np.nan)
        one = np.flatnonzero(p == 1)
        out[one] = -np.log1p(-stream.take(one))
        which = np.flatnonzero((p > 0) & (p != 1))
        while which.size:
            small = p[which] < 1
            d = p[which] + np.where(small, 2 / 3, -1 / 3)
            x = stream.take(which, "normal")
            v = 1 + x / (3 * np.sqrt(d))
            some = v > 0
            which, small, d, x, v = which[some], small[some], d[some], x[some], v[some]
            retry = np.setdiff1d(np.flatnonzero((p > 0) & (p != 1) & np.isnan(out)), which)
            v = v * v * v
            u = stream.take(which)
            done = (u < 1 - 0.0331 * x**4) | (np.log(u) < 0.5 * x * x + d * (1 - v + np.log(v)))
            fine, made = which[done], (d * v)[done]
            boost: Array = small[done]
            less: Array = fine[boost]
            made[boost] *= stream.take(less) ** (1 / p[less])
            out[fine] = made
            which = np.union1d(retry, which[~done])
        return out

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        why = "the derivative of a gamma number by its shape is not implemented"
        return None, NoGradient(why)
