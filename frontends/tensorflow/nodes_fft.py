"""Fourier transforms, and complex numbers inside of a graph whose ends are real."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...compiler.ir.core import Value
from ...compiler.ops import activation as a
from ...compiler.ops import elementwise as e
from ...compiler.ops import trigonometry as t
from ...compiler.ops.base import tensor
from ...compiler.ops.shape import BroadcastTo
from . import fourier
from .complex_pairs import Pair, converts_complex, is_zero, pair, part_type, zeros
from .context import Context
from .registry import CONVERTERS, Malformed, converts

_AXES = {"": 1, "2D": 2, "3D": 3}


# Transforms.


def _axes(c: Context) -> int:
    """How many axes the node's op transforms, by its name."""
    return _AXES[c.node.op.partition("FFT")[2]]


@converts_complex(*(f"{b}{i}FFT{d}" for b in ("", "Batch") for i in ("", "I") for d in _AXES))
def fft(c: Context, x: Pair) -> Pair:
    """Of complex numbers that are computed from real ones; lengths known at compile time."""
    inverse = "IFFT" in c.node.op
    real, imag = x.real, x.imag
    for axis in range(-1, -1 - _axes(c), -1):
        real, imag = _along(c, real, imag, axis, inverse)
    return pair(c, real, imag)


def _along(c: Context, real: Value, imag: Value, axis: int, inverse: bool) -> tuple[Value, Value]:
    if tensor(real).rank < -axis:
        raise Malformed(f"expected {-axis} axes or more, found {tensor(real)}")
    known_real = is_zero(imag)
    moved = fourier.along(c, [real] if known_real else [real, imag], axis)
    made = fourier.transform(c, (moved[0], None if known_real else moved[1]), inverse)
    back = fourier.along(c, made, axis)
    return back[0], back[1]


def _lengths(c: Context, v: Value) -> list[int]:
    wanted = [fourier.length(d) for d in c.sizes(v, "fft_length")]
    if len(wanted) != _axes(c):
        raise Malformed(f"expected {_axes(c)} lengths, found {len(wanted)}")
    return wanted


def _fitted(c: Context, x: Value, sizes: list[int]) -> Value:
    """The last axes cut, or filled up with zeros."""
    if tensor(x).rank < len(sizes):
        raise Malformed(f"expected {len(sizes)} axes or more, found {tensor(x)}")
    for axis, size in zip(range(-len(sizes), 0), sizes, strict=True):
        x = fourier.along(c, [fourier.fitted(c, fourier.along(c, [x], axis)[0], size)], axis)[0]
    return x


@converts("RFFT", "RFFT2D", "RFFT3D")
def rfft(c: Context, x: Value, lengths: Value) -> Pair:
    """Of lengths known at compile time; the complex result must become real inside of the graph."""
    real, imag = fourier.half(c, _fitted(c, x, _lengths(c, lengths)))
    for axis in range(-2, -1 - _axes(c), -1):
        real, imag = _along(c, real, imag, axis, False)
    return pair(c, real, imag)


@converts_complex("IRFFT", "IRFFT2D", "IRFFT3D")
def irfft(c: Context, x: Pair, lengths: Value) -> Value:
    """Of complex numbers that are computed from real ones; lengths known at compile time."""
    *others, last = _lengths(c, lengths)
    real, imag = (_fitted(c, v, [*others, last // 2 + 1]) for v in (x.real, x.imag))
    for axis in range(-_axes(c), -1):
        real, imag = _along(c, real, imag, axis, True)
    return fourier.from_half(c, real, imag, last)


# From real numbers to complex ones and back.


@converts("Complex")
def make_complex(c: Context, real: Value, imag: Value) -> Pair:
    """With broadcasting; the result must become real inside of the graph."""
    if tensor(real).dtype != tensor(imag).dtype:
        raise Malformed(f"expected parts of one data type, found {tensor(real)} and {tensor(imag)}")
    shape = tensor(c.make(e.Add, real, imag)).shape
    real, imag = (
        v if tensor(v).shape == shape else c.make(BroadcastTo, v, shape=shape) for v in (real, imag)
    )
    return pair(c, real, imag)


@converts_complex("Cast")
def cast(c: Context, x: Pair) -> Value | Pair:
    """To a complex type, or to a real one: the real part."""
    part = part_type(c, "DstT")
    dtype = part or c.dtype("DstT")
    real, imag = (v if tensor(v).dtype == dtype else c.make(e.Cast, v, dtype=dtype) for v in (x.real, x.imag))
    return real if part is None else pair(c, real, imag)


@converts_complex("Real")
def real_part(c: Context, x: Pair) -> Value:
    """The real part."""
    return x.real


@converts_complex("Imag")
def imaginary_part(c: Context, x: Pair) -> Value:
    """The imaginary part."""
    return x.imag


@converts_complex("ComplexAbs")
def absolute(c: Context, x: Pair) -> Value:
    """Without overflow."""
    real, imag = c.make(a.Abs, x.real), c.make(a.Abs, x.imag)
    top = c.make(e.Maximum, real, imag)
    dtype = tensor(top).dtype
    parts = [c.make(a.Square, c.make(e.Div, v, top)) for v in (real, imag)]
    size = c.make(e.Mul, top, c.make(a.Sqrt, c.make(e.Add, *parts)))
    plain = c.make(
        e.LogicalOr,
        c.make(e.Equal, top, c.scalar(0, dtype)),
        c.make(e.Equal, top, c.constant(np.array(np.inf, dtype.numpy), dtype)),
    )
    return c.make(e.Select, plain, top, size)


@converts_complex("Angle")
def angle(c: Context, x: Pair) -> Value:
    """From -π to π."""
    return c.make(t.Atan2, x.imag, x.real)


# Arithmetic.


@converts_complex("Conj")
def conjugate(c: Context, x: Pair) -> Pair:
    """Elementwise."""
    return pair(c, x.real, c.make(a.Neg, x.imag))


@converts_complex("ZerosLike")
def zeros_like(c: Context, x: Pair) -> Pair:
    """Zeros."""
    return pair(c, zeros(c, x.real), zeros(c, x.real))


@converts_complex("Square")
def square(c: Context, x: Pair) -> Pair:
    """Elementwise."""
    return multiply(c, x, x)


@converts_complex("Mul")
def multiply(c: Context, x: Pair, y: Pair) -> Pair:
    """Elementwise with broadcasting."""
    return _bilinear(c, x, y, lambda p, q: c.make(e.Mul, p, q))


@converts_complex("MatMul", "BatchMatMul", "BatchMatMulV2")
def products(c: Context, x: Pair, y: Pair) -> Pair:
    """Of complex matrices, either side transposed or adjoint."""
    x = conjugate(c, x) if c.flag("adj_x", False) else x
    y = conjugate(c, y) if c.flag("adj_y", False) else y
    return _bilinear(c, x, y, lambda p, q: CONVERTERS[c.node.op].convert(c, p, q))


def _bilinear(c: Context, x: Pair, y: Pair, product: Any) -> Pair:
    real = c.make(e.Sub, product(x.real, y.real), product(x.imag, y.imag))
    return pair(c, real, c.make(e.Add, product(x.real, y.imag), product(x.imag, y.real)))


@converts_complex("Div", "RealDiv")
def divide(c: Context, x: Pair, y: Pair) -> Pair:
    """Elementwise with broadcasting."""
    top = multiply(c, x, conjugate(c, y))
    below = c.make(e.Add, c.make(a.Square, y.real), c.make(a.Square, y.imag))
    return pair(c, c.make(e.Div, top.real, below), c.make(e.Div, top.imag, below))


@converts_complex("Exp")
def exponential(c: Context, x: Pair) -> Pair:
    """Elementwise."""
    size = c.make(a.Exp, x.real)
    return pair(c, c.make(e.Mul, size, c.make(t.Cos, x.imag)), c.make(e.Mul, size, c.make(t.Sin, x.imag)))
