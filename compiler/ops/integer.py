"""Division with its remainders, and the bits of integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...runtime.errors import DTypeError
from ...runtime.spec import BY_NAME, DType, u8
from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.dims import Dim
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import Gradients, GraphOp, Scalars, flushed, none_flows, require_equal, shape_error, tensor
from .elementwise import Binary, Unary, truncated_division
from .expression import Num
from .gradient import flows, terms


class FloorDiv(Binary, name="graph.floor_div", traits={"fails"}):
    """floor(x / y); of integers, division by zero is the error ARITH."""

    def lower(self, e: Scalars, *v: Any) -> Any:
        x, y = v
        q = Num(e, e.binary("div", x, y), tensor(self.x).dtype)
        if q.dtype.is_float:
            return q.f("floor").v
        if q.dtype.kind == "u":
            return q.v
        rest = Num(e, x, q.dtype) - q * Num(e, y, q.dtype)
        return _apart(rest, Num(e, y, q.dtype)).where(q - 1, q).v

    def evaluate(self, *arrays: Array) -> Array:
        x, y = arrays
        if x.dtype.kind == "f":
            return np.floor(flushed(flushed(x) / flushed(y)))
        q = truncated_division(x, y)
        r = x - q * y
        return q - ((r != 0) & ((r < 0) != (y < 0))).astype(x.dtype)

    gradient = none_flows


class TruncateMod(Binary, name="graph.truncate_mod", traits={"fails"}):
    """What division towards zero leaves, with the sign of x; exact for floats. Integers by 0: the error ARITH."""

    def lower(self, e: Scalars, *v: Any) -> Any:
        x, y = v
        return remainder(e, x, y, tensor(self.x).dtype).v

    def evaluate(self, *arrays: Array) -> Array:
        x, y = arrays
        if x.dtype.kind == "f":
            return np.fmod(flushed(x), flushed(y))
        return x - truncated_division(x, y) * y

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x, y, z = terms(b, *dy, self.x, self.y, self.result)
        return flows(self, d, -d * ((x - z) / y).point("round"))


class FloorMod(TruncateMod, name="graph.floor_mod"):
    """What floor division leaves, with the sign of y; exact for floats. Integers by 0: the error ARITH."""

    def lower(self, e: Scalars, *v: Any) -> Any:
        x, y = v
        r, by = remainder(e, x, y, tensor(self.x).dtype), Num(e, y, tensor(self.x).dtype)
        return r.v if r.dtype.kind == "u" else _apart(r, by).where(r + by, r).v

    def evaluate(self, *arrays: Array) -> Array:
        y = arrays[1]
        r = super().evaluate(*arrays)
        return np.where((r != 0) & ((r < 0) != (y < 0)), r + y, r)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x, y = terms(b, *dy, self.x, self.y)
        return flows(self, d, -d * x.point("floor_div", y))


def remainder(e: Scalars, x: Any, y: Any, dtype: DType) -> Num:
    """x - trunc(x / y) * y."""
    if dtype.is_float:
        return Num(e, e.binary("rem", x, y), dtype)
    p, q = Num(e, x, dtype), Num(e, y, dtype)
    return p - p.op("div", q) * q


def _apart(r: Num, y: Num) -> Num:
    """Whether a remainder is not zero and its sign is another than the divisor's."""
    return r.ne(0) & ((r < 0) ^ (y < 0))


class _Bits(Binary, name=""):
    """An operation on the bits of two integers."""

    kinds = "iu"

    gradient = none_flows


class BitwiseAnd(_Bits, name="graph.bitwise_and", traits={"commutative"}):
    """The bits that both have."""

    scalar = "and"

    def evaluate(self, *arrays: Array) -> Array:
        return np.bitwise_and(*arrays)


class BitwiseOr(_Bits, name="graph.bitwise_or", traits={"commutative"}):
    """The bits that either has."""

    scalar = "or"

    def evaluate(self, *arrays: Array) -> Array:
        return np.bitwise_or(*arrays)


class BitwiseXor(_Bits, name="graph.bitwise_xor", traits={"commutative"}):
    """The bits that one of both has."""

    scalar = "xor"

    def evaluate(self, *arrays: Array) -> Array:
        return np.bitwise_xor(*arrays)


class ShiftLeft(_Bits, name="graph.shift_left"):
    """x with its bits moved up by y, which is taken to the nearest of 0 … bits - 1."""

    scalar = "shl"

    def lower(self, e: Scalars, *v: Any) -> Any:
        x, y = (Num(e, a, tensor(self.x).dtype) for a in v)
        return x.op(self.scalar, y.max(0).min(y.dtype.bits - 1)).v

    def evaluate(self, *arrays: Array) -> Array:
        x, y = arrays
        return np.left_shift(x, shift_amount(y))


class ShiftRight(ShiftLeft, name="graph.shift_right"):
    """x with its bits moved down by y, taken to the nearest of 0 … bits - 1; signed integers keep their sign."""

    scalar = "shr"

    def evaluate(self, *arrays: Array) -> Array:
        x, y = arrays
        return np.right_shift(x, shift_amount(y))


def shift_amount(y: Array) -> Array:
    return np.clip(y, 0, y.dtype.itemsize * 8 - 1).astype(y.dtype)


class PopulationCount(Unary, name="graph.population_count"):
    """How many bits are set, as uint8."""

    kinds = "iu"

    def infer(self) -> tuple[Type, ...]:
        super().infer()
        return (TensorType(tensor(self.x).shape, u8),)

    def lower(self, e: Scalars, *v: Any) -> Any:
        """Sums of neighbouring bits, pairs, fours, …"""
        d = tensor(self.x).dtype
        x = Num(e, v[0], BY_NAME[f"ui{d.bits}"])
        width = 1
        while width < d.bits:
            mask = sum(((1 << width) - 1) << at for at in range(0, d.bits, 2 * width))
            x = (x & mask) + (x.op("shr", width) & mask)
            width *= 2
        return x.to(u8).v

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        octets = np.ascontiguousarray(x).view(np.uint8).reshape(*x.shape, x.dtype.itemsize)
        return np.unpackbits(octets, axis=-1).sum(-1, dtype=np.uint8)

    gradient = none_flows


class Bitcast(GraphOp, name="graph.bitcast", traits={"moves", "pointwise"}):
    """The same bytes as another dtype. Narrower elements get an axis of their own at the end, which wider ones take
    away; the first of them has the lowest bits."""

    x = Operand()
    dtype = Attr(DType)

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.x)
        if "b" in (t.dtype.kind, self.dtype.kind):
            raise DTypeError(f"{self.name} ({self.location}) is not defined for bool")
        have, want = t.dtype.size, self.dtype.size
        shape: tuple[Dim, ...] = t.shape
        if have > want:
            shape = (*shape, have // want)
        elif have < want:
            if not shape:
                raise shape_error(self, f"a scalar of {t.dtype.tf_name} is no {self.dtype.tf_name}")
            require_equal(self, shape[-1], want // have)
            shape = shape[:-1]
        return (TensorType(shape, self.dtype),)

    @property
    def same_size(self) -> bool:
        """Whether elements keep their places."""
        return tensor(self.x).dtype.size == self.dtype.size

    def lower(self, e: Scalars, *v: Any) -> Any:
        return e.bitcast(v[0], self.dtype)

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        t = self.result.type
        if not isinstance(t, TensorType):
            raise TypeError("a tensor's type")
        sizes = x.shape if x.dtype.itemsize >= t.dtype.size else x.shape[:-1]
        if x.dtype.itemsize > t.dtype.size:
            sizes = (*sizes, x.dtype.itemsize // t.dtype.size)
        return np.ascontiguousarray(x).reshape(-1).view(t.dtype.numpy).reshape(sizes)

    gradient = none_flows
