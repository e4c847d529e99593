"""Pointwise computations inside kernels: graph ops written as loops-level arithmetic on vectors or scalars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...runtime.abi import STATUS
from ...runtime.errors import UnsupportedError
from ...runtime.spec import DType, boolean, f32, f64, i16, i32, i64, u32
from ..ir.core import Block, Op, Value
from ..ir.types import VectorType
from ..ops.base import GraphOp, tensor
from ..ops.expression import Num
from ..ops.integer import Bitcast
from . import dialect_arith as arith
from . import dialect_memory as mem
from .build import LoopBuilder
from .dialect_memory import signless


class LoopScalars:
    """`ops.base.Scalars` for loops-level values; `dtype` is the graph's dtype of what is computed."""

    def __init__(self, b: LoopBuilder) -> None:
        self.b = b
        self.dtype: DType = f32

    def _like(self, scalar: Value, like: Value) -> Value:
        t = like.type
        return self.b.splat(scalar, t.shape) if isinstance(t, VectorType) else scalar

    def c(self, value: float, like: Any) -> Value:
        dtype = arith.element_dtype(like.type) or f32
        number = float(value) if dtype.is_float else int(value)
        return self._like(self.b.number(number, dtype), like)

    def unary(self, name: str, x: Any) -> Value:
        b, is_float = self.b, self.dtype.is_float
        if name == "neg":
            if is_float:
                return b(arith.FLOAT_UNARY["negf"], x)
            return b(arith.INTEGER["subi"], self.c(0, x), x)
        if name == "abs":
            if self.dtype.kind == "u":
                return x
            return b(arith.MATH_UNARY["absf" if is_float else "absi"], x)
        if name == "not":
            return b(arith.INTEGER["xori"], x, self.c(1 if self.dtype == boolean else -1, x))
        if name == "sigmoid":
            return self._sigmoid(x)
        return b(arith.MATH_UNARY[name], x)

    def _sigmoid(self, x: Value) -> Value:
        """1 / (1 + exp(-x)): exp overflows to infinity for very negative x, which gives 0 as it should."""
        b = self.b
        e = b(arith.MATH_UNARY["exp"], b(arith.FLOAT_UNARY["negf"], x))
        one = self.c(1.0, x)
        return b(arith.FLOAT["divf"], one, b(arith.FLOAT["addf"], e, one))

    def binary(self, name: str, x: Any, y: Any) -> Value:
        d = self.dtype
        if name in ("and", "or", "xor"):
            return self.b(arith.INTEGER[name + "i"], x, y)
        if name == "nextafter":
            return self._next_after(x, y)
        if name in arith.MATH_BINARY:
            return self.b(arith.MATH_BINARY[name], x, y)
        if d.is_float:
            table = {"max": "maximumf", "min": "minimumf"}
            return self.b(arith.FLOAT[table.get(name, name + "f")], x, y)
        if name == "div":
            return self._divide(x, y)
        if name == "shr":
            return self.b(arith.INTEGER["shrsi" if d.kind == "i" else "shrui"], x, y)
        if name in ("max", "min"):
            return self.b(arith.INTEGER[name + ("ui" if d.kind in "ub" else "si")], x, y)
        return self.b(arith.INTEGER[name + "i"], x, y)

    def _next_after(self, x: Value, y: Value) -> Value:
        """Numbers of one sign are in the order of their bits: one more or one less."""
        b, whole = self.b, {2: i16, 4: i32, 8: i64}[self.dtype.size]
        bits = self._convert("bitcast", x, whole)
        zero = self.c(0.0, x)
        away = b(arith.CmpI, self.compare("gt", y, x), self.compare("gt", x, zero), predicate="eq")
        one = self.c(1, bits)
        up, down = (b(arith.INTEGER[n], bits, one) for n in ("addi", "subi"))
        near = self._convert("bitcast", self.select(away, up, down), self.dtype)
        smallest = self._convert("bitcast", one, self.dtype)
        near = self.select(self.compare("eq", x, zero), self.binary("copysign", smallest, y), near)
        near = self.select(self.compare("eq", x, y), y, near)
        near = self.select(self.compare("ne", x, x), x, near)
        return self.select(self.compare("ne", y, y), y, near)

    def compare(self, name: str, x: Any, y: Any) -> Value:
        if self.dtype.is_float:
            return self.b(arith.CmpF, x, y, predicate="une" if name == "ne" else "o" + name)
        if name in ("eq", "ne"):
            return self.b(arith.CmpI, x, y, predicate=name)
        return self.b(arith.CmpI, x, y, predicate=("u" if self.dtype.kind in "ub" else "s") + name)

    def select(self, condition: Any, x: Any, y: Any) -> Value:
        return self.b(arith.SelectOp, condition, x, y)

    def _divide(self, x: Value, y: Value) -> Value:
        """Integers, towards zero. Division by zero gives 0 and notes the error ARITH; the smallest integer by -1
        wraps. Up to 32 bits are divided as floats, whose quotients cannot round up to a whole number."""
        d = self.dtype
        zero = self.compare("eq", y, self.c(0, y))
        if getattr(self.b, "error", None) is not None:  # else the divisor is known not to be zero
            self._report(zero, STATUS["ARITH"])
        if d.size < 8:
            wide = f64 if d.size == 4 else f32
            parts = [Num(self, v, d).to(wide) for v in (x, self.select(zero, self.c(1, y), y))]
            quotient = (parts[0] / parts[1]).to(i64 if d == u32 else i32)
            self.dtype = d
            return self._convert("trunci", quotient.v, d) if quotient.dtype.size > d.size else quotient.v
        negate = None
        if d.kind == "i":
            negate = self.compare("eq", y, self.c(-1, y))
            zero = self.b(arith.INTEGER["ori"], zero, negate)
        safe = self.select(zero, self.c(1, y), y)
        q = self.b(arith.INTEGER["divsi" if d.kind == "i" else "divui"], x, safe)
        return q if negate is None else self.select(negate, self.unary("neg", x), q)

    def _report(self, wrong: Value, status: int) -> None:
        """Notes an error of the kernel where any of the lanes is wrong."""
        report: Callable[[int], None] = getattr(self.b, "report")  # noqa: B009 - of kernels, not of all builders
        if isinstance(wrong.type, VectorType):
            wrong = self.b(mem.Reduction, wrong, kind="maxui")
        with self.b.when(wrong):
            report(status)

    def cast(self, x: Any, to: DType) -> Value:
        """As `ops.elementwise.Cast` says; 16-bit floats are converted by way of f32."""
        have = self.dtype
        if have == to or (signless(have) == signless(to) and not have.is_float and not to.is_float):
            return x
        if have.is_half and to == boolean:
            bits = self._of(i16).binary("and", self.bitcast(x, i16), self.c(0x7FFF, x))
            return self._of(i16).compare("ne", bits, self.c(0, bits))
        if have.is_half:
            bits = x if arith.element_dtype(x.type) == have else self._exactly("bitcast", x, have)
            wide = self.b(arith.CONVERSIONS["extf"], bits, result_types=[arith.with_dtype(x.type, f32)])
            return wide if to == f32 else self._of(f32).cast(wide, to)
        if to.is_half:
            single = x if have == f32 else self.cast(x, f32)
            return self._convert("bitcast", self._exactly("truncf", single, to), i16)
        if to == boolean:
            return self.compare("ne", x, self.c(0, x))
        if have.is_float and to.is_integer and to.size < 4:
            bounds = (
                (0, 2**to.bits - 1) if to.kind == "u" else (-(2 ** (to.bits - 1)), 2 ** (to.bits - 1) - 1)
            )
            whole = self._convert("fptosi", x, i32)
            whole = self.b(arith.INTEGER["maxsi"], whole, self.c(bounds[0], whole))
            return self._convert(
                "trunci", self.b(arith.INTEGER["minsi"], whole, self.c(bounds[1], whole)), to
            )
        return self._convert(_conversion(have, to), x, to)

    def bitcast(self, x: Any, to: DType) -> Any:
        """The same bits as another dtype of the size."""
        stored = signless(to)
        return x if arith.element_dtype(x.type) == stored else self._exactly("bitcast", x, stored)

    def _of(self, dtype: DType) -> LoopScalars:
        other = LoopScalars(self.b)
        other.dtype = dtype
        return other

    def _convert(self, name: str, x: Value, to: DType) -> Value:
        return self._exactly(name, x, signless(to))

    def _exactly(self, name: str, x: Value, to: DType) -> Value:
        return self.b(arith.CONVERSIONS[name], x, result_types=[arith.with_dtype(x.type, to)])


def _conversion(have: DType, to: DType) -> str:
    if have.is_float and to.is_float:
        return "extf" if to.size > have.size else "truncf"
    if have.is_float:
        return "fptoui" if to.kind == "u" else "fptosi"
    if to.is_float:
        return "sitofp" if have.kind == "i" else "uitofp"
    if to.bits > have.bits:
        return "extsi" if have.kind == "i" else "extui"
    return "trunci"


def apply_body(
    b: LoopBuilder,
    body: Block,
    arguments: list[Callable[[], Value]],
    given: dict[Value, Value] | None = None,
) -> list[Value]:
    """The yielded values of a kernel's body; arguments are read when first used, `given` results kept."""
    values: dict[Value, Value] = dict(given or {})
    scalars = LoopScalars(b)

    def value(v: Value) -> Value:
        if v not in values:
            values[v] = arguments[body.args.index(v)]()
        return values[v]

    for op in body.ops:
        if op.has("terminator"):
            return [value(v) for v in op.operands]
        if not isinstance(op, GraphOp) or not op.has("pointwise"):
            raise UnsupportedError(f"{op.name} cannot be part of a kernel's body", [op.name])
        if op.result in values:
            continue
        scalars.dtype = tensor(op.operands[-1]).dtype
        values[op.result] = op.lower(scalars, *(value(v) for v in op.operands))
    raise UnsupportedError("a kernel's body yields nothing")


def is_plain_pointwise(op: object) -> bool:
    """Whether an op may stand in a body."""
    if not isinstance(op, GraphOp) or not op.has("pointwise"):
        return False
    if isinstance(op, Bitcast):
        return op.same_size
    return op.name != "graph.pow" or tensor(op.result).dtype.is_float


def may_fail(op: Op) -> bool:
    """Whether an op's step may end in an error, which only kernels of pointwise ops alone can note."""
    return isinstance(op, GraphOp) and op.has("fails") and tensor(op.result).dtype.is_integer


__all__ = ["LoopScalars", "apply_body", "is_plain_pointwise", "may_fail", "mem", "signless"]
