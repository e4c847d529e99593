"""math ops: roots and rounding by intrinsics, all other functions by our own series.

No call of a math library: a loop over vectors would fall apart into scalar calls.
"""

from __future__ import annotations

from collections.abc import Callable

from ...runtime.spec import DType
from ..ir.core import Op
from . import emit_erf, emit_exp, emit_trig
from .emit_chunk import Chunk, Reg
from .emit_vector import VectorEmitter

_INTRINSICS = {"absf": "fabs", "sqrt": "sqrt"}
_ROUNDING = ("floor", "ceil", "roundeven")
_SERIES: dict[str, Callable[[Reg], Reg]] = {
    "exp": emit_exp.exp,
    "expm1": emit_exp.expm1,
    "log": emit_exp.log,
    "log1p": emit_exp.log1p,
    "tanh": emit_exp.tanh,
    "sin": emit_trig.sin,
    "cos": emit_trig.cos,
    "tan": emit_trig.tan,
    "erf": emit_erf.erf,
    "erfc": emit_erf.erfc,
}
_BINARY: dict[str, Callable[[Reg, Reg], Reg]] = {
    "atan2": emit_trig.atan2,
    "copysign": lambda x, y: x.with_sign_of(y),
    "powf": emit_exp.power,
}


class MathEmitter(VectorEmitter):
    """Handlers of the math dialect."""

    def math_unary(self, op: Op) -> None:
        name = op.name.partition(".")[2]
        if name in _INTRINSICS:
            call = _INTRINSICS[name]
            self.elementwise(op, lambda k, d, w, a: self.intrinsic(call, k, d, w, a), *op.operands)
        elif name == "absi":
            self.elementwise(op, self._abs, *op.operands)
        elif name in _ROUNDING:
            self.elementwise(op, lambda k, d, w, a: Reg(Chunk(self, d, w), a).whole(name).name, *op.operands)
        elif name in _SERIES:
            series = _SERIES[name]
            self.elementwise(op, lambda k, d, w, a: series(Reg(Chunk(self, d, w), a)).name, *op.operands)
        else:
            raise self.unsupported(op, "no series for it")

    def math_binary(self, op: Op) -> None:
        series = _BINARY[op.name.partition(".")[2]]

        def make(k: str, d: DType, w: int, a: str, b: str) -> str:
            m = Chunk(self, d, w)
            return series(Reg(m, a), Reg(m, b)).name

        self.elementwise(op, make, *op.operands)

    def _abs(self, k: str, d: DType, w: int, a: str) -> str:
        name = f"@llvm.abs.{f'v{w}' if w else ''}i{d.bits}"
        self.declare(name, f"declare {k} {name}({k}, i1)")
        return self.emit(f"call {k} {name}({k} {a}, i1 false)")
