"""Division and its remainders, bits of integers, bitcasts."""

from __future__ import annotations

import numpy as np

from ...compiler.ir.core import Op, Value
from ...compiler.ops import elementwise as e
from ...compiler.ops import integer as i
from ...compiler.ops.activation import Floor, Neg
from ...compiler.ops.base import tensor
from ...runtime.spec import DType, bf16, f16, f32, f64, i32, i64
from .context import Context
from .registry import Convert, Malformed, Refused, converts

_BINARY: dict[str, type[Op]] = {
    "BitwiseAnd": i.BitwiseAnd,
    "BitwiseOr": i.BitwiseOr,
    "BitwiseXor": i.BitwiseXor,
    "FloorDiv": i.FloorDiv,
    "FloorMod": i.FloorMod,
    "LeftShift": i.ShiftLeft,
    "Mod": i.TruncateMod,
    "RightShift": i.ShiftRight,
    "TruncateMod": i.TruncateMod,
}


def _binary(cls: type[Op]) -> Convert:
    def convert(c: Context, x: Value, y: Value) -> Value:
        """Elementwise with broadcasting."""
        return c.make(cls, x, y)

    return convert


for _op, _cls in _BINARY.items():
    converts(_op)(_binary(_cls))


@converts("TruncateDiv")
def truncate_div(c: Context, x: Value, y: Value) -> Value:
    """Elementwise with broadcasting, towards zero."""
    q = c.make(e.Div, x, y)
    dtype = tensor(q).dtype
    if not dtype.is_float:
        return q
    up = c.make(Neg, c.make(Floor, c.make(Neg, q)))
    return c.make(e.Select, c.make(e.Less, q, c.scalar(0, dtype)), up, c.make(Floor, q))


@converts("Invert")
def invert(c: Context, x: Value) -> Value:
    """Every bit of integers."""
    dtype = tensor(x).dtype
    ones = -1 if dtype.kind == "i" else 2**dtype.bits - 1
    return c.make(i.BitwiseXor, x, c.scalar(ones, dtype))


@converts("PopulationCount")
def population_count(c: Context, x: Value) -> Value:
    """Elementwise, of integers."""
    return c.make(i.PopulationCount, x)


@converts("Bitcast")
def bitcast(c: Context, x: Value) -> Value:
    """Between data types of any sizes, but not of bool."""
    t, dtype = tensor(x), c.dtype("type")
    if "b" in (t.dtype.kind, dtype.kind):
        raise Refused("a bitcast of bool is not supported")
    ratio = dtype.size // t.dtype.size
    if ratio > 1 and (not t.shape or (isinstance(t.shape[-1], int) and t.shape[-1] != ratio)):
        raise Malformed(f"expected a last axis of {ratio} for {dtype}, found {t}")
    return x if t.dtype == dtype else c.make(i.Bitcast, x, dtype=dtype)


#: what Truncate=true leaves of the digits: the integer of the size, and the digits that are dropped
_DROPPED: dict[tuple[DType, DType], tuple[DType, int]] = {
    (f32, f16): (i32, 13),
    (f64, f16): (i64, 42),
    (f64, f32): (i64, 29),
    (f32, bf16): (i32, 16),
}


def truncated(c: Context, x: Value, to: DType) -> Value:
    """x without the digits that a narrower float cannot hold."""
    dropped = _DROPPED.get((tensor(x).dtype, to))
    if dropped is None:
        return x
    whole, digits = dropped
    mask = c.constant(np.asarray(-(1 << digits), whole.numpy), whole)
    kept = c.make(i.BitwiseAnd, c.make(i.Bitcast, x, dtype=whole), mask)
    return c.make(i.Bitcast, kept, dtype=tensor(x).dtype)
