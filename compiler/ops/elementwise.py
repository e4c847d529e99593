"""Arithmetic, comparison, logic, selection and casts, elementwise with numpy's broadcasting."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ...runtime.errors import DTypeError
from ...runtime.spec import DType, bf16, boolean, i32
from ..ir.attributes import Array
from ..ir.bfloat16 import narrow
from ..ir.core import Builder, Value
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import Gradients, GraphOp, Scalars, broadcast_shapes, flushed, none_flows, same_dtype, tensor
from .gradient import chosen, flows, minus, terms


class Unary(GraphOp, name="", traits={"pointwise"}):
    """One operand; the result has its type. `scalar` names the operation of `Scalars.unary`."""

    x = Operand()
    kinds: ClassVar[str] = "fiu"
    scalar: ClassVar[str] = ""

    def lower(self, e: Scalars, *v: Any) -> Any:
        return e.unary(self.scalar, *v)

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.x)
        if t.dtype.kind not in self.kinds:
            raise DTypeError(f"{self.name} ({self.location}) is not defined for {t.dtype.tf_name}")
        return (t,)


class Binary(GraphOp, name="", traits={"pointwise"}):
    """Two operands of one dtype that broadcast; the result has that dtype."""

    x = Operand()
    y = Operand()
    kinds: ClassVar[str] = "fiu"
    scalar: ClassVar[str] = ""

    def lower(self, e: Scalars, *v: Any) -> Any:
        return e.binary(self.scalar, *v)

    def infer(self) -> tuple[Type, ...]:
        dtype = same_dtype(self, self.x, self.y)
        if dtype.kind not in self.kinds:
            raise DTypeError(f"{self.name} ({self.location}) is not defined for {dtype.tf_name}")
        return (TensorType(broadcast_shapes(self, tensor(self.x).shape, tensor(self.y).shape), dtype),)


class Compare(Binary, name=""):
    """A comparison; the result is bool."""

    kinds = "fiub"

    def infer(self) -> tuple[Type, ...]:
        (t,) = super().infer()
        return (TensorType(t.shape, boolean),) if isinstance(t, TensorType) else (t,)

    def lower(self, e: Scalars, *v: Any) -> Any:
        return e.compare(self.scalar, *v)

    gradient = none_flows


class Add(Binary, name="graph.add", traits={"commutative"}):
    """x + y."""

    scalar = "add"

    def evaluate(self, *arrays: Array) -> Array:
        return np.add(*arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        (d,) = terms(b, *dy)
        return flows(self, d, d)


class Sub(Binary, name="graph.sub"):
    """x - y."""

    scalar = "sub"

    def evaluate(self, *arrays: Array) -> Array:
        return np.subtract(*arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        (d,) = terms(b, *dy)
        return flows(self, d, minus(d, self.y))


class Mul(Binary, name="graph.mul", traits={"commutative"}):
    """x * y."""

    scalar = "mul"

    def evaluate(self, *arrays: Array) -> Array:
        return flushed(np.multiply(*map(flushed, arrays)))

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x, y = terms(b, *dy, self.x, self.y)
        return flows(self, d * y, d * x)


class Div(Binary, name="graph.div", traits={"fails"}):
    """x / y for floats; integers divide towards zero, and division by zero is the error ARITH."""

    scalar = "div"

    def evaluate(self, *arrays: Array) -> Array:
        x, y = arrays
        if x.dtype.kind == "f":
            with np.errstate(all="ignore"):
                return flushed(np.divide(flushed(x), flushed(y)))
        return truncated_division(x, y)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, y, z = terms(b, *dy, self.y, self.result)
        dx = d / y
        return flows(self, dx, minus(dx * z, self.y))


def truncated_division(x: Array, y: Array) -> Array:
    """Integer division towards zero; the smallest integer divided by -1 wraps; ZeroDivisionError on zero."""
    if np.any(y == 0):
        raise ZeroDivisionError("integer division by zero")
    if x.dtype.kind == "u":
        return np.floor_divide(x, y)
    with np.errstate(all="ignore"):
        wrapped = np.where(y == -1, np.negative(x), np.zeros_like(x))
        safe = np.where(y == -1, np.ones_like(y), y)
        q = np.floor_divide(x, safe)
        q = q + ((np.remainder(x, safe) != 0) & ((x < 0) != (safe < 0))).astype(x.dtype)
        return np.where(y == -1, wrapped, q).astype(x.dtype)


class Maximum(Binary, name="graph.maximum", traits={"commutative"}):
    """The larger one; NaN when either is NaN."""

    scalar = "max"

    def evaluate(self, *arrays: Array) -> Array:
        return np.maximum(*arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x, y = terms(b, *dy, self.x, self.y)
        return flows(self, *chosen(x >= y, d))


class Minimum(Binary, name="graph.minimum", traits={"commutative"}):
    """The smaller one; NaN when either is NaN."""

    scalar = "min"

    def evaluate(self, *arrays: Array) -> Array:
        return np.minimum(*arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x, y = terms(b, *dy, self.x, self.y)
        return flows(self, *chosen(x <= y, d))


class SquaredDifference(Binary, name="graph.squared_difference"):
    """(x - y)²."""

    def lower(self, e: Scalars, *v: Any) -> Any:
        d = e.binary("sub", *v)
        return e.binary("mul", d, d)

    def evaluate(self, *arrays: Array) -> Array:
        d = np.subtract(*arrays)
        return d * d

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x, y = terms(b, *dy, self.x, self.y)
        dx = d * 2 * (x - y)
        return flows(self, dx, minus(dx, self.y))


class Equal(Compare, name="graph.equal", traits={"commutative"}):
    """x == y; NaN equals nothing."""

    scalar = "eq"

    def evaluate(self, *arrays: Array) -> Array:
        return np.equal(*map(flushed, arrays))


class NotEqual(Compare, name="graph.not_equal", traits={"commutative"}):
    """x != y; NaN differs from everything."""

    scalar = "ne"

    def evaluate(self, *arrays: Array) -> Array:
        return np.not_equal(*map(flushed, arrays))


class Less(Compare, name="graph.less"):
    """x < y."""

    scalar = "lt"

    def evaluate(self, *arrays: Array) -> Array:
        return np.less(*map(flushed, arrays))


class LessEqual(Compare, name="graph.less_equal"):
    """x <= y."""

    scalar = "le"

    def evaluate(self, *arrays: Array) -> Array:
        return np.less_equal(*map(flushed, arrays))


class Greater(Compare, name="graph.greater"):
    """x > y."""

    scalar = "gt"

    def evaluate(self, *arrays: Array) -> Array:
        return np.greater(*map(flushed, arrays))


class GreaterEqual(Compare, name="graph.greater_equal"):
    """x >= y."""

    scalar = "ge"

    def evaluate(self, *arrays: Array) -> Array:
        return np.greater_equal(*map(flushed, arrays))


class LogicalAnd(Binary, name="graph.logical_and", traits={"commutative"}):
    """x and y, of bools."""

    kinds = "b"
    scalar = "and"

    def evaluate(self, *arrays: Array) -> Array:
        return np.logical_and(*arrays)

    gradient = none_flows


class LogicalOr(Binary, name="graph.logical_or", traits={"commutative"}):
    """x or y, of bools."""

    kinds = "b"
    scalar = "or"

    def evaluate(self, *arrays: Array) -> Array:
        return np.logical_or(*arrays)

    gradient = none_flows


class LogicalNot(Unary, name="graph.logical_not"):
    """not x, of bools."""

    kinds = "b"
    scalar = "not"

    def evaluate(self, *arrays: Array) -> Array:
        return np.logical_not(*arrays)

    gradient = none_flows


class Select(GraphOp, name="graph.select", traits={"pointwise"}):
    """x where condition, else y; all three broadcast."""

    condition = Operand()
    x = Operand()
    y = Operand()

    def lower(self, e: Scalars, *v: Any) -> Any:
        return e.select(*v)

    def infer(self) -> tuple[Type, ...]:
        dtype = same_dtype(self, self.x, self.y)
        if tensor(self.condition).dtype != boolean:
            raise DTypeError(f"{self.name} ({self.location}): the condition must be bool")
        shapes = [tensor(v).shape for v in (self.condition, self.x, self.y)]
        return (TensorType(broadcast_shapes(self, *shapes), dtype),)

    def evaluate(self, *arrays: Array) -> Array:
        return np.where(*arrays)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, condition = terms(b, *dy, self.condition)
        return flows(self, None, *chosen(condition, d))


class StopGradient(Unary, name="graph.stop_gradient"):
    """x, which counts as a constant where gradients are taken. Removed by `canonicalize`."""

    kinds = "fiub"
    gradient = none_flows

    def lower(self, e: Scalars, *v: Any) -> Any:
        return v[0]

    def evaluate(self, *arrays: Array) -> Array:
        return arrays[0]


class Cast(GraphOp, name="graph.cast", traits={"pointwise"}):
    """To another dtype: integers wrap, anything to bool is `!= 0`, 16-bit floats are made from float32.

    Floats become integers towards zero. Out of range, and NaN: the smallest number of int32 and int64; of uint32
    and uint64 the highest bit alone, but numbers that a signed integer of the size holds wrap; narrower types take
    the int32 and then the nearest number they hold. This is what TensorFlow's vector code does.
    """

    x = Operand()
    dtype = Attr(DType)

    def lower(self, e: Scalars, *v: Any) -> Any:
        (x,) = v
        return e.cast(x, self.dtype)

    def infer(self) -> tuple[Type, ...]:
        return (TensorType(tensor(self.x).shape, self.dtype),)

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        with np.errstate(all="ignore"):
            if self.dtype == boolean:
                return (x if tensor(self.x).dtype.is_half else flushed(x)) != 0
            if self.dtype.is_float:
                single = x if x.dtype == np.float32 or self.dtype.size > 2 else x.astype(np.float32)
                return narrow(single) if self.dtype == bf16 else single.astype(self.dtype.numpy)
            if x.dtype.kind == "f":
                return _to_integer(x, self.dtype)
            return x.astype(self.dtype.numpy)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        (d,) = terms(b, *dy)
        dtype = tensor(self.x).dtype
        return (d.cast(dtype).v if dtype.is_float else None,)


def _to_integer(x: Array, to: DType) -> Array:
    if to.size < 4:
        low, high = np.iinfo(to.numpy).min, np.iinfo(to.numpy).max
        return np.clip(_to_integer(x, i32), low, high).astype(to.numpy)
    half = 2.0 ** (to.bits - 1)
    signed = np.dtype(f"int{to.bits}")
    low = np.where(np.abs(x) < half, x, -half).astype(signed)
    if to.kind == "i":
        return low
    fits = (x >= half) & (x < 2 * half)
    high = np.where(fits, x - half, 0).astype(signed).view(to.numpy) + to.numpy.type(2 ** (to.bits - 1))
    return np.where(fits, high, low.view(to.numpy))
