"""arith ops: constants, integer and float arithmetic, comparisons, conversions; scalars and vectors alike."""

from __future__ import annotations

import struct
from collections.abc import Callable

from ...runtime.spec import DType
from ..ir.core import Op, Value
from ..ir.types import IndexType, ScalarType, VectorType
from .emit_convert import float_remainder, narrow_half, to_signed, to_unsigned, widen_half
from .emit_core import Affine, EmitterBase, Scalars, Vec, llvm_scalar

_INTEGER = {
    "addi": "add", "subi": "sub", "muli": "mul", "divsi": "sdiv", "divui": "udiv", "remsi": "srem",
    "remui": "urem", "andi": "and", "ori": "or", "xori": "xor", "shli": "shl", "shrsi": "ashr", "shrui": "lshr",
}  # fmt: skip
_INTEGER_CALL = {"minsi": "smin", "maxsi": "smax", "minui": "umin", "maxui": "umax"}
_FLOAT = {"addf": "fadd", "subf": "fsub", "mulf": "fmul", "divf": "fdiv"}
_FLOAT_CALL = {"maximumf": "maximum", "minimumf": "minimum", "maxnumf": "maxnum", "minnumf": "minnum"}
_CONVERT = {
    "extf": "fpext", "truncf": "fptrunc", "sitofp": "sitofp", "uitofp": "uitofp", "fptosi": "fptosi",
    "fptoui": "fptoui", "extsi": "sext", "extui": "zext", "trunci": "trunc", "bitcast": "bitcast",
}  # fmt: skip


def float_literal(value: float, dtype: DType) -> str:
    """A float constant as LLVM writes it: the bits of the double of the same value."""
    if dtype.name == "f32":
        value = struct.unpack("<f", struct.pack("<f", value))[0]
    return "0x" + struct.pack(">d", value).hex().upper()


def literal(value: float, dtype: DType) -> str:
    if dtype.is_float:
        return float_literal(float(value), dtype)
    if dtype.kind == "b":
        return "true" if value else "false"
    return str(int(value))


class ArithEmitter(EmitterBase):
    """Handlers of the arith dialect."""

    def arith_constant(self, op: Op) -> None:
        n = op.attributes["value"]
        if isinstance(n.type, IndexType):
            self.values[op.result] = Affine((), int(n.value))
        else:
            self.values[op.result] = literal(n.value, n.type.dtype)

    # one function for each chunk or scalar

    def elementwise(self, op: Op, make: Callable[..., str], *operands: Value) -> None:
        """Applies `make(llvm type, dtype, width or 0, *registers)` to scalars, or to all chunks of vectors."""
        first = operands[0].type
        if isinstance(first, VectorType):
            vecs = [self.chunks(v) for v in operands]
            widths = self.widths(first.shape[-1])
            rows = [
                [
                    make(self.vector_type(first.dtype, w), first.dtype, w, *[v.rows[r][c] for v in vecs])
                    for c, w in enumerate(widths)
                ]
                for r in range(len(vecs[0].rows))
            ]
            result = op.result.type
            if not isinstance(result, VectorType):
                raise self.unsupported(op, "a vector operand gives a vector")
            self.values[op.result] = Vec(result, rows)
            return
        dtype = first.dtype if isinstance(first, ScalarType) else None
        kind = llvm_scalar(dtype) if dtype else "i64"
        self.values[op.result] = make(kind, dtype, 0, *[self.operand(v) for v in operands])

    def chunks(self, v: Value) -> Vec:
        """A vector as registers; separate scalars are put together."""
        have = self.values[v]
        if isinstance(have, Vec):
            return have
        if not isinstance(have, Scalars):
            raise TypeError(f"{v.type} is no vector")
        rows, items, dtype = [], list(have.items), have.type.dtype
        for w in self.widths(have.type.shape[-1]):
            kind, chunk = self.vector_type(dtype, w), "poison"
            for lane in range(w):
                item = items.pop(0)
                chunk = self.emit(f"insertelement {kind} {chunk}, {llvm_scalar(dtype)} {item}, i64 {lane}")
            rows.append(chunk)
        vec = Vec(have.type, [rows])
        self.values[v] = vec
        return vec

    def intrinsic(self, name: str, kind: str, dtype: DType, width: int, *args: str) -> str:
        """A call of an overloaded LLVM intrinsic with operands and result of one type."""
        suffix = (f"v{width}" if width else "") + _suffix(dtype)
        full = f"@llvm.{name}.{suffix}"
        if full not in self.declared:
            self.declare(full, f"declare {kind} {full}({', '.join([kind] * len(args))})")
        return self.emit(f"call {kind} {full}({', '.join([f'{kind} {a}' for a in args])})")

    def arith_integer(self, op: Op) -> None:
        name = op.name.partition(".")[2]
        x, y = op.operands
        if isinstance(x.type, IndexType):
            self._index(op, name, x, y)
            return
        if name in _INTEGER_CALL:
            call = _INTEGER_CALL[name]
            self.elementwise(op, lambda k, d, w, a, b: self.intrinsic(call, k, d, w, a, b), x, y)
            return
        self.elementwise(op, lambda k, d, w, a, b: self.emit(f"{_INTEGER[name]} {k} {a}, {b}"), x, y)

    def _index(self, op: Op, name: str, x: Value, y: Value) -> None:
        a, b = self.index(x), self.index(y)
        if name in ("addi", "subi"):
            self.values[op.result] = a.plus(b, 1 if name == "addi" else -1)
            return
        if name == "muli":
            self.values[op.result] = self.multiply(a, b)
            return
        if not a.terms and not b.terms:
            folded = _fold(name, a.constant, b.constant)
            if folded is not None:
                self.values[op.result] = Affine((), folded)
                return
        p, q = self.materialize(a), self.materialize(b)
        if name in _INTEGER_CALL:
            call = f"@llvm.{_INTEGER_CALL[name]}.i64"
            self.declare(call, f"declare i64 {call}(i64, i64)")
            self.values[op.result] = self.pure(f"call i64 {call}(i64 {p}, i64 {q})", p, q)
            return
        if name in ("floordivsi", "ceildivsi"):
            # the generators use them for sizes alone, which are not negative
            up = self.materialize(a.plus(b).moved(-1)) if name == "ceildivsi" else p
            name, p = "divui", up
        text = f"{_INTEGER[name]} i64 {p}, {q}"
        safe = not b.terms or ("div" not in name and "rem" not in name)
        self.values[op.result] = self.pure(text, p, q) if safe else self.emit(text)

    def arith_float(self, op: Op) -> None:
        name = op.name.partition(".")[2]
        if name in _FLOAT_CALL:
            call = _FLOAT_CALL[name]
            self.elementwise(op, lambda k, d, w, a, b: self.intrinsic(call, k, d, w, a, b), *op.operands)
            return
        if name == "remf":
            self.elementwise(op, lambda k, d, w, a, b: float_remainder(self, d, w, a, b), *op.operands)
            return
        self.elementwise(op, lambda k, d, w, a, b: self.emit(f"{_FLOAT[name]} {k} {a}, {b}"), *op.operands)

    def arith_negf(self, op: Op) -> None:
        self.elementwise(op, lambda k, d, w, a: self.emit(f"fneg {k} {a}"), *op.operands)

    def math_fma(self, op: Op) -> None:
        self.elementwise(
            op, lambda k, d, w, a, b, c: self.intrinsic("fmuladd", k, d, w, a, b, c), *op.operands
        )

    def arith_cmpi(self, op: Op) -> None:
        predicate = op.attributes["predicate"]
        if isinstance(op.operands[0].type, IndexType):
            a, b = (self.operand(v) for v in op.operands)
            self.values[op.result] = self.pure(f"icmp {predicate} i64 {a}, {b}", a, b)
            return
        self.elementwise(op, lambda k, d, w, a, b: self.emit(f"icmp {predicate} {k} {a}, {b}"), *op.operands)

    def arith_cmpf(self, op: Op) -> None:
        predicate = op.attributes["predicate"]
        self.elementwise(op, lambda k, d, w, a, b: self.emit(f"fcmp {predicate} {k} {a}, {b}"), *op.operands)

    def arith_select(self, op: Op) -> None:
        condition, x, y = op.operands
        if isinstance(x.type, VectorType) and isinstance(condition.type, VectorType):

            def make(k: str, d: DType, w: int, a: str, b: str, c: str) -> str:
                return self.emit(f"select <{w} x i1> {c}, {k} {a}, {k} {b}")

            self.elementwise(op, make, x, y, condition)
            return
        c, a, b = (self.operand(v) for v in (condition, x, y))
        kind = self.llvm_type(x.type)
        self.values[op.result] = self.emit(f"select i1 {c}, {kind} {a}, {kind} {b}")

    def arith_convert(self, op: Op) -> None:
        (x,) = op.operands
        to, have = op.result.type, x.type
        name = op.name.partition(".")[2]
        if name == "index_cast":
            self._index_cast(op, x)
            return
        target = to.dtype if isinstance(to, (ScalarType, VectorType)) else None
        if target is None:
            raise self.unsupported(op, f"{have} to {to}")

        def make(k: str, d: DType, w: int, a: str) -> str:
            out = self.vector_type(target, w) if w else llvm_scalar(target)
            if name in ("fptosi", "fptoui"):
                make_int = to_signed if name == "fptosi" else to_unsigned
                return make_int(self, d, target, w, a)
            if name == "extf" and d.size == 2:
                return widen_half(self, d, w, a)
            if name == "truncf" and target.size == 2:
                return narrow_half(self, target, w, a)
            return self.emit(f"{_CONVERT[name]} {k} {a} to {out}")

        self.elementwise(op, make, x)

    def _index_cast(self, op: Op, x: Value) -> None:
        if isinstance(x.type, IndexType):
            kind = self.llvm_type(op.result.type)
            a = self.operand(x)
            self.values[op.result] = a if kind == "i64" else self.emit(f"trunc i64 {a} to {kind}")
            return
        kind = self.llvm_type(x.type)
        a = self.operand(x)
        name = a if kind == "i64" else self.emit(f"sext {kind} {a} to i64")
        self.values[op.result] = Affine(((name, 1),)) if name.startswith("%") else Affine((), int(name))


def _suffix(dtype: DType) -> str:
    return dtype.name if dtype.is_float else f"i{dtype.bits}"


def _fold(name: str, a: int, b: int) -> int | None:
    if name in ("divui", "divsi", "floordivsi"):
        return a // b if b > 0 and a >= 0 else None
    if name == "ceildivsi":
        return -(-a // b) if b > 0 and a >= 0 else None
    if name in ("remui", "remsi"):
        return a % b if b > 0 and a >= 0 else None
    if name in ("minsi", "minui"):
        return min(a, b)
    if name in ("maxsi", "maxui"):
        return max(a, b)
    return None
