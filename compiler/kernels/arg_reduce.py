"""The place of the largest or smallest element along an axis, the first of equals; NaN is passed over.

Where elements beside each other are compared with their own kind, a unit is up to 64 of these. Along the last axis
a unit is a row: each lane keeps the best of the elements it met, and the lowest place of the best lanes wins.
"""

from __future__ import annotations

from ...runtime.spec import DType, i32
from ..ir.core import Value
from ..ir.types import MemRefType
from ..ops.builtin import FuncOp
from ..ops.expression import Num
from ..target import Target
from . import dialect_memory as mem
from .body import signless
from .build import Index
from .dialect_kern import Kernel
from .family import lowers
from .reduce import Reducer
from .scalar import ScalarBuilder

#: elements of a unit
BLOCK = 64
#: lanes along a row, whose numbers are an input of the kernel
LANES = 16


@lowers("arg_reduce")
def lower_arg_reduce(kernel: Kernel, target: Target) -> FuncOp:
    """`(x[outer, k, inner], lanes, y[outer, inner])`."""
    return _Lowering(kernel, target).function()


class _Lowering:
    def __init__(self, kernel: Kernel, target: Target) -> None:
        self.b = ScalarBuilder(kernel)
        self.dtype: DType = kernel.params["dtype"]
        self.out: DType = kernel.params["index"]
        self.kind: str = kernel.params["kind"]
        self.reducer = Reducer(self.kind, self.dtype)
        self.shape = kernel.inputs[0].shape
        self.width = 2 * target.lanes

    def function(self) -> FuncOp:
        b = self.b
        outer, _, inner = self.shape
        if inner == 1:
            x = b.reinterpret(
                b.inputs[0], self.shape[:2], MemRefType(self.shape[:2], self.dtype).element_strides
            )
            y = b.reinterpret(b.outputs[0], (outer,), (1,))
            with b.loop(b.lo, b.hi) as unit:
                b.put(self._along(x, unit.iv), y, unit.iv)
            return b.finish()
        chunks = b.div(b.add(b.dim(inner), BLOCK - 1), BLOCK)
        with b.loop(b.lo, b.hi) as unit:
            at, first = b.div(unit.iv, chunks), b.mul(b.rem(unit.iv, chunks), BLOCK)
            end = b.min(b.add(first, BLOCK), b.dim(inner))
            with b.loop(first, end, self.width) as loop:
                place = self._across(at, loop.iv)
                b.write(place.v, b.outputs[0], [at, loop.iv], (1,), False)
        return b.finish()

    def _start(self, width: int) -> list[Value]:
        b = self.b
        start = b.number(self.reducer.start, signless(self.dtype))
        return [b.splat(start, (width,)), b.splat(b.number(0, i32), (width,))]

    def _better(self, x: Value, best: Value) -> Num:
        s = self.b.scalars
        return Num(s, x, self.dtype).is_("gt" if self.kind == "max" else "lt", Num(s, best, self.dtype))

    def _step(self, x: Value, k: Index, best: Value, place: Value) -> tuple[Value, Value]:
        b, s = self.b, self.b.scalars
        better = self._better(x, best)
        here = b.splat(b.of_index(k, i32).v, mem.vector(place).shape)
        taken = better.where(Num(s, x, self.dtype), Num(s, best, self.dtype))
        return taken.v, better.where(Num(s, here, i32), Num(s, place, i32)).v

    def _across(self, at: Index, column: Index) -> Num:
        b, size = self.b, self.b.dim(self.shape[1])
        with b.loop(0, size, 1, self._start(self.width)) as loop:
            x = b.read(b.inputs[0], [at, loop.iv, column], (self.width,), (2,), False)
            loop.yielded = self._step(x, loop.iv, *loop.carried)
        return Num(b.scalars, loop.results[1], i32).to(self.out)

    def _along(self, x: Value, row: Index) -> Num:
        b, s, size = self.b, self.b.scalars, self.b.dim(self.shape[1])
        with b.loop(0, size, LANES, self._start(LANES)) as loop:
            v = b.read(x, [row, loop.iv], (LANES,), (1,), False, self.reducer.start)
            loop.yielded = self._step(v, loop.iv, *loop.carried)
        best, place = loop.results
        top = self.reducer.fold(b, best)
        equal = Num(s, best, self.dtype).eq(Num(s, b.splat(top, (LANES,)), self.dtype))
        lanes = Num(s, b.read(b.inputs[1], [0], (LANES,), (0,)), i32)
        # a lane that met nothing better than the start holds place 0, which is right when no lane did
        found = Num(s, place, i32) + lanes
        last = Num(s, b.splat(b.number(2**31 - 1, i32), (LANES,)), i32)
        lowest = b(mem.Reduction, equal.where(found, last).v, kind="minsi")
        nothing = Num(s, top, self.dtype).eq(b.c(self.reducer.start, self.dtype))
        return nothing.where(b.c(0, i32), Num(s, lowest, i32)).to(self.out)
