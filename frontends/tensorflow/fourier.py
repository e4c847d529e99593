"""Discrete Fourier transforms as products with constant matrices, along the last axis.

X[k] = Σ x[j]·w^(jk) with w = exp(-2πi/n). Short transforms are one product with their matrix. A length n = p·q is
taken apart into transforms of lengths p and q (Cooley and Tukey 1965); what has no factors becomes a convolution, by
transforms of a power of two (Bluestein 1970). Constants are computed in float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...compiler.ir.attributes import Array
from ...compiler.ir.core import Value
from ...compiler.ir.dims import Dim
from ...compiler.ops.base import tensor
from ...compiler.ops.elementwise import Add, Mul, Sub
from ...compiler.ops.matmul import MatMul
from ...compiler.ops.rearrange import Reverse
from ...compiler.ops.shape import Concat, Pad, Slice
from .complex_pairs import zeros
from .context import Context
from .registry import Refused

#: lengths up to which a transform is always one product, and up to which it is where the length has no good factors
DIRECT, PRIME = 128, 512
MOST_LENGTH = 1 << 20

#: a complex tensor; without imaginary part where that is 0
Parts = tuple[Value, Value | None]
Complexes = np.ndarray[Any, np.dtype[np.complex128]]


def roots(products: Array, n: int) -> Complexes:
    """w^products, exact to the last digit or so: exponents are reduced first."""
    return np.exp(-2j * np.pi / n * (products % n))


def transform(c: Context, x: Parts, inverse: bool = False) -> tuple[Value, Value]:
    """The transform of complex numbers. The inverse one changes real and imaginary parts before and after."""
    n = length(tensor(x[0]).shape[-1])
    if not inverse:
        return _forward(c, x, n)
    imag = zeros(c, x[0]) if x[1] is None else x[1]
    imag, real = _forward(c, (imag, x[0]), n)
    scale = c.constant(np.asarray(1 / n, tensor(real).dtype.numpy), tensor(real).dtype)
    return c.make(Mul, real, scale), c.make(Mul, imag, scale)


def length(d: Dim) -> int:
    """A length that a transform can have."""
    if not isinstance(d, int):
        raise Refused("a transform of a length that is known only at run time is not supported")
    if not 0 < d <= MOST_LENGTH:
        raise Refused(f"a transform of length {d} is not supported")
    return d


def half(c: Context, x: Value) -> tuple[Value, Value]:
    """The first n // 2 + 1 numbers of the transform of real ones: the others mirror them."""
    n = length(tensor(x).shape[-1])
    count = n // 2 + 1
    if n <= DIRECT:
        w = roots(np.outer(np.arange(n), np.arange(count)), n)
        return _split(c, _product(c, x, np.concatenate([w.real, w.imag], 1)))
    real, imag = _forward(c, (x, None), n)
    return cut(c, real, 0, count), cut(c, imag, 0, count)


def from_half(c: Context, real: Value, imag: Value, n: int) -> Value:
    """The n real numbers whose transform begins with the given n // 2 + 1 ones."""
    length(n)
    count = n // 2 + 1
    if n <= DIRECT:
        w = roots(np.outer(np.arange(count), np.arange(n)), n)
        weights = np.full((count, 1), 2.0)
        weights[0] = 1
        if n % 2 == 0:
            weights[-1] = 1
        matrix = np.concatenate([w.real * weights, w.imag * weights], 0) / n
        return _product(c, c.make(Concat, real, imag, axis=tensor(real).rank - 1), matrix)
    axis = tensor(real).rank - 1
    mirrored = [c.make(Reverse, cut(c, v, 1, n - count + 1), axes=(axis,)) for v in (real, imag)]
    dtype = tensor(real).dtype
    mirrored[1] = c.make(Mul, mirrored[1], c.scalar(-1, dtype))
    whole = [c.make(Concat, v, m, axis=axis) for v, m in zip((real, imag), mirrored, strict=True)]
    return transform(c, (whole[0], whole[1]), inverse=True)[0]


def cut(c: Context, x: Value, start: int, stop: int) -> Value:
    """A part of the last axis."""
    shape = tensor(x).shape
    zero = (0,) * (len(shape) - 1)
    return c.make(Slice, x, starts=(*zero, start), stops=(*shape[:-1], stop), steps=(1,) * len(shape))


def fitted(c: Context, x: Value, n: int) -> Value:
    """The last axis cut to n elements, or filled up with zeros."""
    of = tensor(x)
    have = of.shape[-1]
    if have == n:
        return x
    if not isinstance(have, int):
        raise Refused("cutting an axis whose length is known only at run time is not supported")
    if have > n:
        return cut(c, x, 0, n)
    low = (0,) * of.rank
    return c.make(Pad, x, c.scalar(0, of.dtype), low=low, high=(*low[1:], n - have))


def _product(c: Context, x: Value, matrix: Array) -> Value:
    dtype = tensor(x).dtype
    if tensor(x).rank == 1:
        return c.reshape(_product(c, c.reshape(x, (1, *tensor(x).shape)), matrix), (matrix.shape[1],))
    return c.make(MatMul, x, c.constant(np.ascontiguousarray(matrix, dtype.numpy), dtype))


def _split(c: Context, x: Value) -> tuple[Value, Value]:
    """The two halves of the last axis."""
    size = int(tensor(x).shape[-1])  # type: ignore[arg-type]
    return cut(c, x, 0, size // 2), cut(c, x, size // 2, size)


def _forward(c: Context, x: Parts, n: int) -> tuple[Value, Value]:
    p = _factor(n)
    if n <= DIRECT or (p == 1 and n <= PRIME):
        return _direct(c, x, n)
    return _bluestein(c, x, n) if p == 1 else _factored(c, x, p, n // p)


def _factor(n: int) -> int:
    """The largest factor of n that is not above its root; 1 where there is none worth while."""
    for p in range(math.isqrt(n), 3, -1):
        if n % p == 0:
            return p
    return 1


def _direct(c: Context, x: Parts, n: int) -> tuple[Value, Value]:
    w = roots(np.outer(np.arange(n), np.arange(n)), n)
    rows = np.concatenate([w.real, w.imag], 1)
    if x[1] is None:
        return _split(c, _product(c, x[0], rows))
    both = c.make(Concat, x[0], x[1], axis=tensor(x[0]).rank - 1)
    return _split(c, _product(c, both, np.concatenate([rows, np.concatenate([-w.imag, w.real], 1)])))


def _factored(c: Context, x: Parts, p: int, q: int) -> tuple[Value, Value]:
    """x[q·a + b] over a, then over b: X[k + p·l] = Σ_b w^(bk)·(Σ_a x[q·a + b]·u^(ak))·v^(bl)."""
    lead = tensor(x[0]).shape[:-1]
    rank = len(lead)
    apart = (*range(rank), rank + 1, rank)

    def turned(v: Value, rows: int, columns: int) -> Value:
        return c.transpose(c.reshape(v, (*lead, rows, columns)), apart)

    inner = _forward(c, (turned(x[0], p, q), None if x[1] is None else turned(x[1], p, q)), p)
    twisted = times(c, inner, roots(np.outer(np.arange(q), np.arange(p)), p * q))
    outer = _forward(c, (turned(twisted[0], q, p), turned(twisted[1], q, p)), q)
    real, imag = (c.reshape(turned(v, p, q), (*lead, p * q)) for v in outer)
    return real, imag


def times(c: Context, x: Parts, w: Complexes) -> tuple[Value, Value]:
    """The product with complex constants."""
    dtype = tensor(x[0]).dtype
    a, b = (c.constant(np.ascontiguousarray(v, dtype.numpy), dtype) for v in (w.real, w.imag))
    if x[1] is None:
        return c.make(Mul, x[0], a), c.make(Mul, x[0], b)
    real = c.make(Sub, c.make(Mul, x[0], a), c.make(Mul, x[1], b))
    return real, c.make(Add, c.make(Mul, x[0], b), c.make(Mul, x[1], a))


def _bluestein(c: Context, x: Parts, n: int) -> tuple[Value, Value]:
    """jk = (j² + k² - (k - j)²) / 2 makes the sum a convolution with h[m] = w^(-m²/2)."""
    size = 1 << (2 * n - 2).bit_length()
    m = np.arange(n)
    chirp = roots(m * m, 2 * n)
    h = np.zeros(size, np.complex128)
    h[:n] = chirp.conj()
    h[size - n + 1 :] = chirp[1:].conj()[::-1]
    real, imag = (fitted(c, v, size) for v in times(c, x, chirp))
    spectrum = times(c, transform(c, (real, imag)), np.fft.fft(h))
    real, imag = transform(c, spectrum, inverse=True)
    return times(c, (cut(c, real, 0, n), cut(c, imag, 0, n)), chirp)


def along(c: Context, xs: Sequence[Value], axis: int) -> list[Value]:
    """Tensors with an axis, counted from the end, moved to the end; and back, for it is an exchange."""
    rank = tensor(xs[0]).rank
    order = list(range(rank))
    order[axis], order[-1] = order[-1], order[axis]
    return list(xs) if axis == -1 else [c.transpose(x, order) for x in xs]
