"""Pointwise computations inside kernels: graph ops written as loops-level arithmetic on vectors or scalars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...runtime.errors import UnsupportedError
from ...runtime.spec import DType, boolean, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64
from ..ir.core import Block, Value
from ..ir.types import TensorType, VectorType
from ..ops.base import GraphOp, tensor
from . import dialect_arith as arith
from . import dialect_memory as mem
from .build import LoopBuilder

_SIGNLESS = {u8: i8, u16: i16, u32: i32, u64: i64}


def signless(dtype: DType) -> DType:
    """MLIR's arith has no unsigned types: the op tells the sign."""
    return _SIGNLESS.get(dtype, dtype)


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
        if d.is_float:
            table = {"max": "maximumf", "min": "minimumf"}
            return self.b(arith.FLOAT[table.get(name, name + "f")], x, y)
        if name == "div":
            raise UnsupportedError("integer division is no plain pointwise step", ["graph.div"])
        if name in ("max", "min"):
            return self.b(arith.INTEGER[name + ("ui" if d.kind in "ub" else "si")], x, y)
        return self.b(arith.INTEGER[name + "i"], x, y)

    def compare(self, name: str, x: Any, y: Any) -> Value:
        if self.dtype.is_float:
            return self.b(arith.CmpF, x, y, predicate="une" if name == "ne" else "o" + name)
        if name in ("eq", "ne"):
            return self.b(arith.CmpI, x, y, predicate=name)
        return self.b(arith.CmpI, x, y, predicate=("u" if self.dtype.kind in "ub" else "s") + name)

    def select(self, condition: Any, x: Any, y: Any) -> Value:
        return self.b(arith.SelectOp, condition, x, y)

    def cast(self, x: Any, to: DType) -> Value:
        have = self.dtype
        if signless(have) == signless(to):
            return x
        if to == boolean:
            return self.compare("ne", x, self.c(0, x))
        if have.is_float and to.is_integer and to not in (i32, i64, u64):
            # narrow integers wrap: convert to a wide one first, as C++ compilers do
            wide = i64 if to == u32 else i32
            return self._convert("trunci", self._convert("fptosi", x, wide), to)
        return self._convert(_conversion(have, to), x, to)

    def _convert(self, name: str, x: Value, to: DType) -> Value:
        return self.b(arith.CONVERSIONS[name], x, result_types=[arith.with_dtype(x.type, signless(to))])


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
    """Whether an op may stand in a body: pointwise, and without errors of its own."""
    if not isinstance(op, GraphOp) or not op.has("pointwise"):
        return False
    result = op.result.type
    if isinstance(result, TensorType) and op.name == "graph.div":
        return result.dtype.is_float
    dtypes = [tensor(v).dtype for v in (*op.operands, op.result)]
    return all(d in (f32, f64, boolean) or d.is_integer for d in dtypes)


__all__ = ["LoopScalars", "apply_body", "is_plain_pointwise", "mem", "signless"]
