"""Random numbers: the same ones as TensorFlow's CPU kernels draw.

A stateful op of TensorFlow goes on in its sequence from run to run. Here each run gives the numbers of the first
run of a new session. With both seeds 0 TensorFlow seeds by chance; here the op's name is the seed, so that
different ops draw different numbers, and each run the same ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...compiler.ir.core import Value
from ...compiler.ir.dims import Dim
from ...compiler.ops import elementwise as e
from ...compiler.ops.base import tensor
from ...compiler.ops.builtin import FuncOp
from ...compiler.ops.constant import constant_value
from ...compiler.ops.random_numbers import (
    Random,
    RandomCategorical,
    RandomGamma,
    RandomKey,
    RandomPermutation,
    RandomPoisson,
)
from ...compiler.ops.shape import Concat, Gather, Slice
from ...runtime.spec import DType, bf16, f16, f32, f64, i32, i64, u64
from .context import Context
from .nodes_image import cast
from .registry import Convert, Malformed, Refused, converts

_MASK = (1 << 64) - 1
_PHILOX, _AUTO = 1, 3  # of TensorFlow's algorithms
#: binary digits of uniform numbers
_DIGITS = {f32: 23, f16: 10, bf16: 7, f64: 23}


def seeded(c: Context) -> Value:
    """The state of a stateful op before its first run."""
    region = c.builder.block.region
    if region is None or not isinstance(region.parent, FuncOp):
        raise Refused("random numbers that differ from round to round of a loop are not supported")
    seed, seed2 = c.integer("seed", 0), c.integer("seed2", 0)
    if not seed and not seed2:
        seed2 = int.from_bytes(hashlib.sha256(c.name.encode()).digest()[:8], "little")
    return c.constant(np.array([seed & _MASK, 0, seed2 & _MASK], np.uint64), u64)


def numbers(c: Context, state: Value, shape: Value, kind: str, dtype: DType) -> Value:
    """Floats of a shape; half precision is drawn in float32."""
    if not dtype.is_float:
        raise Refused(f"random numbers of {dtype} are not supported")
    sizes = c.sizes(shape, "shape")
    c.count(sizes)
    wide = dtype if dtype in (f32, f64) else f32
    digits = _DIGITS[dtype] if kind == "uniform" else 23
    made = c.make(Random, state, shape=tuple(sizes), kind=kind, dtype=wide, digits=digits)
    return cast(c, made, dtype)


def integers(c: Context, state: Value, shape: Value, low: Value, high: Value) -> Value:
    """Integers from low to below high."""
    a, b = constant_value(low), constant_value(high)
    if a is not None and b is not None and a.shape == b.shape == () and int(a) >= int(b):
        raise Malformed(f"expected minval below maxval, found {int(a)} and {int(b)}")
    sizes = tuple(c.sizes(shape, "shape"))
    return c.make(Random, state, low, high, shape=sizes, kind="integer", dtype=tensor(low).dtype)


def _stateful(kind: str) -> Convert:
    def convert(c: Context, shape: Value) -> Value:
        """The numbers of a session's first run, in each run; with both seeds 0 the op's name is the seed."""
        return numbers(c, seeded(c), shape, kind, c.dtype("dtype"))

    return convert


def _stateless(kind: str) -> Convert:
    def convert(c: Context, shape: Value, seed: Value) -> Value:
        """With Philox; the seed may be computed at run time."""
        return numbers(c, c.make(RandomKey, seed), shape, kind, c.dtype("dtype", f32))

    return convert


def _stateless_v2(kind: str) -> Convert:
    def convert(c: Context, shape: Value, key: Value, counter: Value, alg: Value) -> Value:
        """With Philox; key and counter may be computed at run time."""
        return numbers(c, joined(c, key, counter, alg), shape, kind, c.dtype("dtype", f32))

    return convert


for _kind, _names in (
    ("uniform", ("RandomUniform", "StatelessRandomUniform")),
    ("normal", ("RandomStandardNormal", "StatelessRandomNormal")),
    ("truncated_normal", ("TruncatedNormal", "StatelessTruncatedNormal")),
):
    converts(_names[0])(_stateful(_kind))
    converts(_names[1])(_stateless(_kind))
    converts(_names[1] + "V2")(_stateless_v2(_kind))


def joined(c: Context, key: Value, counter: Value, alg: Value) -> Value:
    """The state from a key [1] and a counter [2]."""
    if c.number(alg, "alg") not in (_PHILOX, _AUTO):
        raise Refused(f"algorithm {c.number(alg, 'alg')} is not supported")
    if tensor(key).shape != (1,) or tensor(counter).shape != (2,):
        raise Malformed(f"expected a key [1] and a counter [2], found {tensor(key)} and {tensor(counter)}")
    return c.make(Concat, key, counter, axis=0)


def _parts(c: Context, seed: Value) -> list[Value]:
    state = c.make(RandomKey, seed)
    return [c.make(Slice, state, starts=(a,), stops=(b,), steps=(1,)) for a, b in ((0, 1), (1, 3))]


@converts("StatelessRandomGetKeyCounter", outputs=("key", "counter"))
def key_counter(c: Context, seed: Value) -> Sequence[Value]:
    """Of Philox."""
    return _parts(c, seed)


@converts("StatelessRandomGetKeyCounterAlg", outputs=("key", "counter", "alg"))
def key_counter_alg(c: Context, seed: Value) -> Sequence[Value]:
    """Of Philox."""
    return [*_parts(c, seed), c.scalar(_PHILOX, i32)]


@converts("StatelessRandomGetAlg")
def algorithm(c: Context) -> Value:
    """Philox."""
    return c.scalar(_PHILOX, i32)


@converts("RandomUniformInt")
def uniform_int(c: Context, shape: Value, minval: Value, maxval: Value) -> Value:
    """The numbers of a session's first run, in each run; with both seeds 0 the op's name is the seed."""
    return integers(c, seeded(c), shape, minval, maxval)


@converts("StatelessRandomUniformInt")
def stateless_int(c: Context, shape: Value, seed: Value, minval: Value, maxval: Value) -> Value:
    """With Philox."""
    return integers(c, c.make(RandomKey, seed), shape, minval, maxval)


@converts("StatelessRandomUniformIntV2")
def stateless_int_v2(
    c: Context, shape: Value, key: Value, counter: Value, alg: Value, minval: Value, maxval: Value
) -> Value:
    """With Philox."""
    return integers(c, joined(c, key, counter, alg), shape, minval, maxval)


def _bits(c: Context, state: Value, shape: Value) -> Value:
    sizes, dtype = tuple(c.sizes(shape, "shape")), c.dtype("dtype", u64)
    return c.make(Random, state, shape=sizes, kind="bits", dtype=dtype)


@converts("StatelessRandomUniformFullInt")
def stateless_bits(c: Context, shape: Value, seed: Value) -> Value:
    """With Philox."""
    return _bits(c, c.make(RandomKey, seed), shape)


@converts("StatelessRandomUniformFullIntV2")
def stateless_bits_v2(c: Context, shape: Value, key: Value, counter: Value, alg: Value) -> Value:
    """With Philox."""
    return _bits(c, joined(c, key, counter, alg), shape)


@converts("RandomShuffle")
def shuffle(c: Context, value: Value) -> Value:
    """Along the first axis, as in a session's first run."""
    t = tensor(value)
    if not t.rank or t.shape[0] in (0, 1):
        return value
    return c.make(Gather, value, c.make(RandomPermutation, seeded(c), size=t.shape[0]))


def _categories(c: Context, state: Value, logits: Value, num_samples: Value) -> Value:
    t = tensor(logits)
    if t.rank != 2 or 0 in t.shape[1:]:
        raise Malformed(f"expected logits of rank 2 with classes, found {t}")
    (count,) = c.sizes(num_samples, "num_samples")
    if not t.dtype.is_float:
        raise Refused(f"logits of {t.dtype} are not supported")
    wide = cast(c, logits, f64 if t.dtype == f64 else f32)
    return cast(c, c.make(RandomCategorical, state, wide, count=count), c.dtype("output_dtype", i64))


@converts("Multinomial")
def multinomial(c: Context, logits: Value, num_samples: Value) -> Value:
    """As in a session's first run on one thread: TensorFlow's numbers depend on how it splits the rows."""
    return _categories(c, seeded(c), logits, num_samples)


@converts("StatelessMultinomial")
def stateless_multinomial(c: Context, logits: Value, num_samples: Value, seed: Value) -> Value:
    """With Philox, as on one thread."""
    return _categories(c, c.make(RandomKey, seed), logits, num_samples)


def _sampled(c: Context, cls: Any, state: Value, shape: Sequence[Dim], parameter: Value) -> Value:
    """Samples of a shape for each parameter, float64 [shape, parameters' shape]."""
    t = tensor(parameter)
    flat = c.reshape(cast(c, parameter, f64), (c.count(t.shape),))
    return c.reshape(c.make(cls, state, flat, count=c.count(shape)), (*shape, *t.shape))


@converts("RandomPoisson", "RandomPoissonV2")
def poisson(c: Context, shape: Value, rate: Value) -> Value:
    """The numbers of a session's first run, in each run; with both seeds 0 the op's name is the seed."""
    dtype = c.dtype("dtype", tensor(rate).dtype if c.node.op == "RandomPoisson" else i64)
    made = _sampled(c, RandomPoisson, seeded(c), c.sizes(shape, "shape"), rate)
    return _whole(c, made, dtype)


def _whole(c: Context, x: Value, dtype: DType) -> Value:
    """Poisson numbers in their data type; as integers infinity is 0."""
    if dtype.is_integer:
        infinite = c.make(e.Equal, x, c.constant(np.array(np.inf), f64))
        x = c.make(e.Select, infinite, c.scalar(0, f64), x)
    return cast(c, x, dtype)


@converts("RandomGamma")
def gamma(c: Context, shape: Value, alpha: Value) -> Value:
    """The numbers of a session's first run, in each run; with both seeds 0 the op's name is the seed."""
    made = _sampled(c, RandomGamma, seeded(c), c.sizes(shape, "shape"), alpha)
    return cast(c, made, tensor(alpha).dtype)


def _front(c: Context, shape: Value, parameter: Value) -> list[Dim]:
    """What a result's shape has in front of the parameters' own."""
    sizes, own = c.sizes(shape, "shape"), tensor(parameter).shape
    lead = len(sizes) - len(own)
    if lead < 0 or tuple(sizes[lead:]) != own:
        raise Refused(f"parameters {tensor(parameter)} that are broadcast to {sizes} are not supported")
    return sizes[:lead]


@converts("StatelessRandomGammaV2")
def stateless_gamma(c: Context, shape: Value, seed: Value, alpha: Value) -> Value:
    """With Philox; the shape ends with alpha's."""
    made = _sampled(c, RandomGamma, c.make(RandomKey, seed), _front(c, shape, alpha), alpha)
    return cast(c, made, tensor(alpha).dtype)


@converts("StatelessRandomGammaV3")
def stateless_gamma_v3(
    c: Context, shape: Value, key: Value, counter: Value, alg: Value, alpha: Value
) -> Value:
    """With Philox; the shape ends with alpha's."""
    made = _sampled(c, RandomGamma, joined(c, key, counter, alg), _front(c, shape, alpha), alpha)
    return cast(c, made, tensor(alpha).dtype)


@converts("StatelessRandomPoisson")
def stateless_poisson(c: Context, shape: Value, seed: Value, lam: Value) -> Value:
    """With Philox; the shape ends with the rates'."""
    made = _sampled(c, RandomPoisson, c.make(RandomKey, seed), _front(c, shape, lam), lam)
    return _whole(c, made, c.dtype("dtype"))
