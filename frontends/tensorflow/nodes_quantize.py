"""Quantised numbers, as compositions of elementwise ops: quint8 and the like are the integers that they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, Union

import numpy as np

from ...compiler.ir.core import Op, Value
from ...compiler.ops import activation as act
from ...compiler.ops import elementwise as e
from ...compiler.ops import reduce as r
from ...compiler.ops.base import tensor
from ...compiler.ops.integer import ShiftRight
from ...compiler.ops.matmul import MatMul
from ...runtime.spec import DType, f32, f64, i8, i16, i32, i64, u8, u16
from .context import Context
from .nodes_image import cast
from .registry import Malformed, Refused, converts


@dataclass(frozen=True, eq=False)
class Expr:
    """A value with Python's operators; plain numbers become constants of its data type."""

    c: Context
    v: Value

    @property
    def dtype(self) -> DType:
        return tensor(self.v).dtype

    def like(self, x: Term) -> Value:
        if isinstance(x, Expr):
            return x.v
        return self.c.constant(np.asarray(x).astype(self.dtype.numpy), self.dtype)

    def op(self, cls: type[Op], *others: Term) -> Expr:
        return Expr(self.c, self.c.make(cls, self.v, *(self.like(x) for x in others)))

    def __add__(self, y: Term) -> Expr:
        return self.op(e.Add, y)

    def __sub__(self, y: Term) -> Expr:
        return self.op(e.Sub, y)

    def __mul__(self, y: Term) -> Expr:
        return self.op(e.Mul, y)

    def __truediv__(self, y: Term) -> Expr:
        return self.op(e.Div, y)

    def __rsub__(self, y: Term) -> Expr:
        return Expr(self.c, self.like(y)) - self

    def __rtruediv__(self, y: Term) -> Expr:
        return Expr(self.c, self.like(y)) / self

    def __neg__(self) -> Expr:
        return self.op(act.Neg)

    def max(self, y: Term) -> Expr:
        return self.op(e.Maximum, y)

    def min(self, y: Term) -> Expr:
        return self.op(e.Minimum, y)

    def floor(self) -> Expr:
        return self.op(act.Floor)

    def abs(self) -> Expr:
        return self.op(act.Abs)

    def to(self, dtype: DType) -> Expr:
        return Expr(self.c, cast(self.c, self.v, dtype))

    def less(self, y: Term) -> Expr:
        return self.op(e.Less, y)

    def where(self, yes: Expr, no: Term) -> Expr:
        """Of a bool: `yes` where it holds, else `no`."""
        return Expr(self.c, self.c.make(e.Select, self.v, yes.v, yes.like(no)))

    def rounded(self) -> Expr:
        """To the nearest whole number, halves away from 0."""
        size = self.abs()
        whole = size.floor()
        whole = (size - whole).less(0.5).where(whole, whole + 1)
        return self.less(0).where(-whole, whole)

    def reshape(self, shape: Sequence[int]) -> Expr:
        return Expr(self.c, self.c.reshape(self.v, tuple(shape)))


Term: TypeAlias = Union[Expr, float, int]


def _fake(c: Context, x: Value, low: Expr, high: Expr, reciprocal: bool) -> Value:
    """x rounded to the numbers of a range, which is moved so that 0 is one of them.

    TensorFlow multiplies by the reciprocal of a step where the range is fixed and divides where it is not.
    """
    bits = c.integer("num_bits", 8)
    if not 2 <= bits <= 16:
        raise Malformed(f"expected num_bits from 2 to 16, found {bits}")
    least, most = float(c.flag("narrow_range", False)), float((1 << bits) - 1)
    scale = (high - low) / (most - least)
    zero = (least - low / scale).rounded().max(least).min(most)
    first, last = (least - zero) * scale, (most - zero) * scale
    factor = (most - least) / (high - low)

    def steps(v: Expr) -> Expr:
        return v * factor if reciprocal else v / scale

    inside = Expr(c, x).min(last).max(first)
    shift = (steps(-first) + 0.5).floor()
    made = (steps(inside - first) - shift + 0.5).floor() * scale
    empty = Expr(c, c.make(e.LogicalAnd, low.op(e.Equal, 0).v, high.op(e.Equal, 0).v))
    return empty.where(Expr(c, c.scalar(0, f32)), made).v


@converts("FakeQuantWithMinMaxArgs")
def fake_quant_args(c: Context, x: Value) -> Value:
    """Of 2 to 16 bits."""
    low, high = c.real("min", -6.0), c.real("max", 6.0)
    if low >= high:
        raise Malformed(f"expected min below max, found {low} and {high}")
    limits = [Expr(c, c.constant(np.array(v, np.float32), f32)) for v in (low, high)]
    return _fake(c, x, limits[0], limits[1], True)


@converts("FakeQuantWithMinMaxVars")
def fake_quant_vars(c: Context, x: Value, low: Value, high: Value) -> Value:
    """Of 2 to 16 bits; the range may be computed at run time."""
    return _fake(c, x, Expr(c, low), Expr(c, high), False)


@converts("FakeQuantWithMinMaxVarsPerChannel")
def fake_quant_per_channel(c: Context, x: Value, low: Value, high: Value) -> Value:
    """A range for each index of the last axis, of 2 to 16 bits."""
    if tensor(low).rank != 1 or tensor(high).rank != 1 or not tensor(x).rank:
        raise Malformed(f"expected a range for each channel, found {tensor(low)} and {tensor(high)}")
    return _fake(c, x, Expr(c, low), Expr(c, high), False)


def _per_axis(c: Context, axis: int, rank: int, v: Value) -> Expr:
    """A number, or one for each index of an axis."""
    t = tensor(v)
    if axis < 0 or t.rank == 0:
        return Expr(c, c.reshape(v, ()))
    if axis >= rank or t.rank != 1:
        raise Malformed(f"expected numbers along axis {axis} of rank {rank}, found {t}")
    return Expr(c, c.reshape(v, tuple(t.shape[0] if i == axis else 1 for i in range(rank))))


def _scale_to_ends(low: Expr, high: Expr, first: int, last: int) -> tuple[Expr, Expr]:
    """The largest scale under which the range fits from `first` to `last`, by its lower end and by its upper."""
    most = float(np.finfo(low.dtype.numpy).max)

    def side(limit: int, end: Expr) -> Expr:
        fits = Expr(low.c, low.c.make(e.Greater, (end * limit).v, end.like(0)))
        return fits.where(Expr(low.c, end.like(limit)) / end, most)

    return side(first, low), side(last, high)


def _quantize_and_dequantize(c: Context, x: Value, low: Value, high: Value, bits: int) -> Value:
    t = tensor(x)
    if t.dtype not in (f32, f64):
        raise Refused(f"numbers of {t.dtype} are not supported")
    signed, given, axis = c.flag("signed_input", True), c.flag("range_given", False), c.integer("axis", -1)
    if not 1 <= bits <= 62:
        raise Malformed(f"expected num_bits from 1 to 62, found {bits}")
    first = (-(1 << (bits - 1)) + c.flag("narrow_range", False)) if signed else 0
    last = (1 << (bits - 1 if signed else bits)) - 1
    if given:
        start, end = (_per_axis(c, axis, t.rank, v) for v in (low, high))
    else:
        axes = tuple(i for i in range(t.rank) if axis < 0 or i != axis)
        kept = axis >= 0
        start = Expr(c, c.make(r.ReduceMin, x, axes=axes, keep_dims=kept))
        end = Expr(c, c.make(r.ReduceMax, x, axes=axes, keep_dims=kept))
    a, b = _scale_to_ends(start, end, first, last)
    by_low = a.less(b)
    scale = by_low.where(a, b)
    inverse = by_low.where(start / first if first else end / last, end / last)
    y = Expr(c, x)
    if given:
        y = y.min(by_low.where(inverse * last, end)).max(by_low.where(start, inverse * first))
    mode = c.text("round_mode", "HALF_TO_EVEN")
    if mode not in ("HALF_TO_EVEN", "HALF_UP"):
        raise Refused(f"round_mode {mode!r} is not supported")
    y = y * scale
    y = y.op(act.Round) if mode == "HALF_TO_EVEN" else (y + 0.5).floor()
    return (y * inverse).v


@converts("QuantizeAndDequantizeV2", "QuantizeAndDequantizeV4")
def quantize_and_dequantize(c: Context, x: Value, low: Value, high: Value) -> Value:
    """float32 and float64; all roundings, along an axis or not, with a range or the numbers' own."""
    return _quantize_and_dequantize(c, x, low, high, c.integer("num_bits", 8))


@converts("QuantizeAndDequantizeV3")
def quantize_and_dequantize_v3(c: Context, x: Value, low: Value, high: Value, num_bits: Value) -> Value:
    """The same; the number of bits must be known."""
    return _quantize_and_dequantize(c, x, low, high, c.number(num_bits, "num_bits"))


def _limits(dtype: DType) -> tuple[int, int]:
    if dtype not in (i8, u8, i16, u16, i32):
        raise Refused(f"quantised numbers of {dtype} are not supported")
    info = np.iinfo(dtype.numpy)
    return int(info.min), int(info.max)


@converts("QuantizeV2", outputs=("output", "output_min", "output_max"))
def quantize(c: Context, x: Value, low: Value, high: Value) -> Sequence[Value]:
    """To 8 and 16 bits. What TensorFlow leaves to oneDNN is done as oneDNN does it: quint8 with MIN_FIRST, and 8
    bits with SCALED and HALF_TO_EVEN, without narrow_range and axis."""
    dtype, mode, axis = c.dtype("T"), c.text("mode", "MIN_COMBINED"), c.integer("axis", -1)
    rounding, narrow = c.text("round_mode", "HALF_AWAY_FROM_ZERO"), c.flag("narrow_range", False)
    first, last = _limits(dtype)
    if dtype == i32:
        raise Refused("quantising to qint32 is not supported")
    rank = tensor(x).rank
    start, end = (_per_axis(c, axis, rank, v) for v in (low, high))
    least = start.abs().max(end.abs()).max(1.0) * c.real("ensure_minimum_range", 0.01)
    start = start.min(0.0)
    end = end.max(0.0).max(start + least)
    y = Expr(c, x)
    onednn = axis < 0 and not narrow
    if mode == "MIN_COMBINED":
        scale = float(last - first) / (end - start)
        y = ((y.min(end).max(start) - start) * scale - (0 if first >= 0 else -first)).rounded()
    elif mode == "MIN_FIRST" and dtype == u8 and onednn:
        y = ((y - start) * (255.0 / (end - start))).op(act.Round)
    elif mode == "MIN_FIRST":
        scale = (1.0 / _step(start, end, dtype.bits)).to(f32)
        y = (y * scale).rounded() - (start * scale).rounded() + first
    elif mode == "SCALED":
        if onednn and rounding == "HALF_TO_EVEN" and dtype in (i8, u8):
            end = start.abs().max(end.abs())
            scale = (255.0 if dtype == u8 else 127.5) / end
            start = end * 0.0 if dtype == u8 else -end
        else:
            scale = _smaller(_scale_to_ends(start, end, first + narrow, last))
            start, end = float(first + narrow) / scale, float(last) / scale
            y = y.min(end).max(start)
        y = y * scale
        y = y.op(act.Round) if rounding == "HALF_TO_EVEN" else y.rounded()
    else:
        raise Refused(f"mode {mode!r} is not supported")
    whole = y.max(first).min(last).to(i32).to(dtype)
    shape = () if axis < 0 else (tensor(x).shape[axis],)
    return [whole.v, c.reshape(start.v, shape), c.reshape(end.v, shape)]


def _smaller(sides: tuple[Expr, Expr]) -> Expr:
    return sides[0].min(sides[1])


@converts("Dequantize")
def dequantize(c: Context, x: Value, low: Value, high: Value) -> Value:
    """All modes, along an axis or not."""
    mode, axis, narrow = c.text("mode", "MIN_COMBINED"), c.integer("axis", -1), c.flag("narrow_range", False)
    dtype = tensor(x).dtype
    first, last = _limits(dtype)
    start, end = (_per_axis(c, axis, tensor(x).rank, v) for v in (low, high))
    y = Expr(c, x).to(f32)
    if mode == "MIN_COMBINED":
        half = 0.0 if first >= 0 else float(last - first + 1) / 2
        made = (y + half) * ((end - start) / float(np.float32(last) - np.float32(first))) + start
    elif mode == "MIN_FIRST":
        made = _stands_for(Expr(c, x), start, end)
    elif mode == "SCALED":
        if narrow and first == 0:
            raise Refused("narrow_range of unsigned numbers is not supported")
        if first == 0:
            scale = end / float(last)
        else:
            scale = (start / float(first + narrow)).max(end / float(last))
        made = y * scale
    else:
        raise Refused(f"mode {mode!r} is not supported")
    return cast(c, made.v, c.dtype("dtype", f32))


def _step(start: Expr, end: Expr, bits: int) -> Expr:
    """The distance, in float64, of the numbers that a range is divided into."""
    steps = float(1 << bits)
    return (end.to(f64) - start.to(f64)) * (steps / (steps - 1)) / steps


def _stands_for(x: Expr, start: Expr, end: Expr) -> Expr:
    """The float32 numbers that integers stand for; the range's beginning is rounded to a multiple of a step."""
    first, _ = _limits(x.dtype)
    step = _step(start, end, x.dtype.bits)
    narrow = step.to(f32)
    base = ((start / narrow).rounded() * narrow).to(f64)
    made = (base + (x.to(f64) - float(first)) * step).to(f32)
    return start.op(e.Equal, end).where(Expr(x.c, x.c.make(e.Add, start.v, (made * 0.0).v)), made)


def _zero(x: Expr, start: Expr, end: Expr) -> Expr:
    """The integer, int32, that stands for 0."""
    first, _ = _limits(x.dtype)
    scale = 1.0 / _step(start, end, x.dtype.bits)
    at = (first - (start.to(f64) * scale).rounded()).to(i32)
    return start.op(e.Equal, end).where(Expr(x.c, at.like(first)), at)


@converts("QuantizedMatMul", outputs=("out", "min_out", "max_out"))
def quantized_matmul(
    c: Context, x: Value, y: Value, min_x: Value, max_x: Value, min_y: Value, max_y: Value
) -> Sequence[Value]:
    """Sums in int32, without an activation."""
    if c.dtype("Toutput", i32) != i32:
        raise Refused("a result of another type than qint32 is not supported")
    ends = [Expr(c, c.reshape(v, ())) for v in (min_x, max_x, min_y, max_y)]
    sides = [Expr(c, v) for v in (x, y)]
    shifted = [
        s.to(i32) - _zero(s, low, high) for s, low, high in zip(sides, ends[::2], ends[1::2], strict=True)
    ]
    made = c.make(
        MatMul,
        *(s.v for s in shifted),
        transpose_x=c.flag("transpose_a", False),
        transpose_y=c.flag("transpose_b", False),
    )
    steps = [float((1 << s.dtype.bits) - 1) for s in sides]
    level = ((ends[1] - ends[0]) / steps[0]) * ((ends[3] - ends[2]) / steps[1])
    low, high = _limits(i32)
    return [made, (level * float(low)).v, (level * float(high)).v]


@converts("RequantizationRange", outputs=("output_min", "output_max"))
def requantization_range(c: Context, x: Value, low: Value, high: Value) -> Sequence[Value]:
    """The range that the numbers take, 0 included."""
    start, end = Expr(c, low), Expr(c, high)
    axes = tuple(range(tensor(x).rank))
    least, most = (Expr(c, c.make(cls, x, axes=axes)) for cls in (r.ReduceMin, r.ReduceMax))
    return [_stands_for(least, start, end).min(0.0).v, _stands_for(most, start, end).v]


@converts("Requantize", outputs=("output", "output_min", "output_max"))
def requantize(
    c: Context, x: Value, low: Value, high: Value, new_low: Value, new_high: Value
) -> Sequence[Value]:
    """From qint32 to qint8, and to quint8 in TensorFlow's fixed-point arithmetic."""
    dtype = c.dtype("out_type")
    ends = [Expr(c, c.reshape(v, ())) for v in (low, high, new_low, new_high)]
    if tensor(x).dtype != i32 or dtype not in (u8, i8):
        raise Refused(f"requantising {tensor(x).dtype} to {dtype} is not supported")
    if dtype == u8:
        made = _fixed_point(Expr(c, x), *ends)
    else:
        number = _stands_for(Expr(c, x), ends[0], ends[1]).to(f64)
        scale = 1.0 / _step(ends[2], ends[3], 8)
        whole = (number * scale).rounded() - (ends[2].to(f64) * scale).rounded() - 128
        made = whole.max(-128).min(127).to(i32)
    return [made.to(dtype).v, ends[2].v, ends[3].v]


def _fixed_point(x: Expr, low: Expr, high: Expr, new_low: Expr, new_high: Expr) -> Expr:
    """int32 numbers in a new range of 8 bits, with 16 bits behind the point."""
    one = float(1 << 16)
    have, want = high - low, new_high - new_low
    none = want.op(e.Equal, 0)
    divisor = none.where(Expr(x.c, want.like(1)), want)
    scale = (have.to(f64) * (255.0 * one) / divisor.to(f64)).to(i64)
    middle = ((low + high) / 2.0 * (255.0 / divisor) * one).to(i64)
    start = (new_low.to(f64) * (255.0 * one) / divisor.to(f64)).to(i64)
    scale, middle, start = (none.where(Expr(x.c, v.like(0)), v) for v in (scale, middle, start))
    wide = (x.to(i64) * scale).op(ShiftRight, 32) + middle - start + (1 << 15)
    return wide.op(ShiftRight, 16).max(0).min(255).to(i32)
