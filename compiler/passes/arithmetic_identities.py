"""Identities of arithmetic, logic, selection and casts that hold for every bit pattern, NaN and -0.0 too."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...runtime.spec import DType, boolean
from ..ir.core import Op, Value
from ..ops import activation as a
from ..ops import elementwise as e
from ..ops.base import tensor
from ..ops.constant import Constant, Dims
from ..ops.norm import Softmax
from .identities import Replacement, Site, identity, one_value
from .shared import dense_of, float64_of

_NEVER_NEGATIVE = (a.Abs, a.Exp, a.Sigmoid, a.Square, e.SquaredDifference, Softmax)


def _is(v: Value, number: float) -> bool:
    one = one_value(v)
    return one is not None and bool(one == number)


def _is_negative_zero(v: Value) -> bool:
    return _is(v, 0) and bool(np.signbit(one_value(v)))


def never_negative_zero(v: Value) -> bool:
    """Whether no element of `v` can be -0.0."""
    op = v.definer
    if not tensor(v).dtype.is_float or isinstance(op, _NEVER_NEGATIVE):
        return True
    if isinstance(op, e.Cast):
        return not tensor(op.x).dtype.is_float
    if isinstance(op, e.Add):  # a sum is -0.0 only when both of its terms are
        return any(_without_negative_zero(x) for x in op.operands)
    return False


def _without_negative_zero(v: Value) -> bool:
    dense = dense_of(v)
    if dense is None:
        return False
    if not dense.dtype.is_float:
        return True
    one = one_value(v)
    values = float64_of(dense) if one is None else np.asarray(one)
    return not bool(np.any((values == 0) & np.signbit(values)))


@identity(e.Add)
def add_zero(s: Site, op: e.Add) -> Replacement:
    for zero, x in ((op.y, op.x), (op.x, op.y)):
        if not _is(zero, 0):
            continue
        if _is_negative_zero(zero) or never_negative_zero(x):
            return s.forward(x)
        s.refuse("x + 0.0 is not x where x is -0.0")
    return None


@identity(e.Sub)
def sub_zero(s: Site, op: e.Sub) -> Replacement:
    if _is(op.y, 0) and (never_negative_zero(op.x) or not _is_negative_zero(op.y)):
        return s.forward(op.x)
    return None


@identity(e.Mul)
def mul_by_one(s: Site, op: e.Mul) -> Replacement:
    if _is(op.y, 1):
        return s.forward(op.x)
    return s.forward(op.y) if _is(op.x, 1) else None


@identity(e.Div)
def div_by_one(s: Site, op: e.Div) -> Replacement:
    return s.forward(op.x) if _is(op.y, 1) else None


@identity(e.StopGradient)
def gradient_stopped(s: Site, op: e.StopGradient) -> Replacement:
    """Gradients are taken before."""
    return s.forward(op.x)


@identity(a.Neg, e.LogicalNot)
def twice_inverse(s: Site, op: Any) -> Replacement:
    inner = op.x.definer
    return s.forward(inner.operands[0]) if type(inner) is type(op) else None


@identity(a.Abs, a.Relu, a.Relu6, a.Floor)
def twice_same(s: Site, op: Any) -> Replacement:
    return s.forward(op.x) if type(op.x.definer) is type(op) else None


@identity(e.Maximum, e.Minimum, e.LogicalAnd, e.LogicalOr)
def with_itself(s: Site, op: Any) -> Replacement:
    return s.forward(op.x) if op.x is op.y else None


@identity(e.LogicalAnd, e.LogicalOr)
def logic_with_constant(s: Site, op: Any) -> Replacement:
    deciding = isinstance(op, e.LogicalOr)
    for known, other in ((op.y, op.x), (op.x, op.y)):
        one = one_value(known)
        if one is not None:
            return s.forward(known if bool(one) == deciding else other)
    return None


@identity(e.Select)
def select_known(s: Site, op: e.Select) -> Replacement:
    if op.x is op.y:
        return s.forward(op.x)
    one = one_value(op.condition)
    return None if one is None else s.forward(op.x if bool(one) else op.y)


@identity(trait="commutative")
def constant_to_the_right(s: Site, op: Op) -> Replacement:
    left, right = op.operands
    if _is_known(left) and not _is_known(right):
        return s(type(op), right, left, **op.attributes)
    return None


def _is_known(v: Value) -> bool:
    return isinstance(v.definer, (Constant, Dims))


@identity(e.Cast)
def cast_of_cast(s: Site, op: e.Cast) -> Replacement:
    if tensor(op.x).dtype == op.dtype:
        return s.forward(op.x)
    inner = op.x.definer
    if not isinstance(inner, e.Cast):
        return None
    first, middle, last = tensor(inner.x).dtype, inner.dtype, op.dtype
    if not holds_all(middle, first):
        if first == last or holds_all(last, first):
            s.refuse(f"the cast by way of {middle.tf_name} loses what {first.tf_name} holds")
        return None
    # out of range, floats become integers in other ways than integers do
    if middle.is_float and last.is_integer and not holds_all(last, first):
        return None
    s.through(inner)
    return s(e.Cast, inner.x, dtype=last)


#: bits of the significand, smallest and largest exponent of the last place
_FLOATS = {"f16": (11, -24, 16), "bf16": (8, -133, 128), "f32": (24, -149, 128), "f64": (53, -1074, 1024)}


def holds_all(wide: DType, narrow: DType) -> bool:
    """Whether every value of `narrow` is one of `wide`."""
    if wide == narrow or narrow == boolean:
        return True
    if wide == boolean:
        return False
    if narrow.is_float:
        if not wide.is_float:
            return False
        (p, low, high), (q, least, most) = _FLOATS[wide.name], _FLOATS[narrow.name]
        return p >= q and low <= least and high >= most
    bits = narrow.bits - (narrow.kind == "i")
    if wide.is_float:
        return bits <= _FLOATS[wide.name][0] and bits < _FLOATS[wide.name][2]
    return wide.bits - (wide.kind == "i") >= bits and (wide.kind == "i" or narrow.kind == "u")
