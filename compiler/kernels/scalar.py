"""Kernels whose work goes element by element: expressions on numbers instead of ops on registers.

What moves or selects by index, sorts, counts or iterates has no use for vectors; its code should read like
the definition in the op's documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...runtime.spec import DType, boolean, i64
from ..ir.core import Block, Region, Value
from ..ir.dims import Dim
from ..ir.types import MemRefType, ScalarType, index
from ..ops.expression import Num
from . import dialect_arith as arith
from . import dialect_control as scf
from . import dialect_memory as mem
from .body import LoopScalars
from .build import Index
from .dialect_kern import Kernel
from .family import KernelBuilder


class ScalarBuilder(KernelBuilder):
    """A KernelBuilder that computes with `Num`s."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(kernel)
        self.scalars = LoopScalars(self)

    def c(self, value: float, dtype: DType) -> Num:
        """A constant."""
        return Num(self.scalars, self.number(float(value) if dtype.is_float else int(value), dtype), dtype)

    def get(self, buffer: Value, dtype: DType, *where: Index) -> Num:
        """An element; `dtype` is the graph's, for buffers do not tell signed from unsigned."""
        return Num(self.scalars, self.load(buffer, *where), dtype)

    def put(self, x: Num, buffer: Value, *where: Index) -> None:
        """Stores an element."""
        self.store(x.v, buffer, *where)

    def index(self, x: Num) -> Value:
        """An integer as an index, its sign kept."""
        wide = x.to(i64)
        return self(arith.CONVERSIONS["index_cast"], wide.v, result_types=[index])

    def of_index(self, i: Index, dtype: DType = i64) -> Num:
        """An index as a number."""
        wide = self(arith.CONVERSIONS["index_cast"], self.idx(i), result_types=[ScalarType(i64)])
        return Num(self.scalars, wide, i64).to(dtype)

    def holds(self, predicate: str, a: Index, b: Index) -> Num:
        """A comparison of indices ("eq", "slt", "ult", …) as a bool."""
        return Num(self.scalars, self.compare(predicate, a, b), boolean)

    def dense(self, buffer: Value, shape: Sequence[Dim]) -> Value:
        """A dense buffer under another shape."""
        t = mem.memref(buffer)
        strides = MemRefType(tuple(shape), t.dtype).element_strides
        return self.reinterpret(buffer, shape, strides, t.offset)

    def repeat(
        self,
        lower: Index,
        upper: Index,
        start: Sequence[Num],
        body: Callable[..., Sequence[Num]],
        step: Index = 1,
    ) -> list[Num]:
        """`body(i, *values)` gives the next values, from `start` on, for i from lower to below upper."""
        with self.loop(lower, upper, step, [x.v for x in start]) as loop:
            values = [Num(self.scalars, v, x.dtype) for v, x in zip(loop.carried, start, strict=True)]
            loop.yielded = tuple(x.v for x in body(loop.iv, *values))
        return [Num(self.scalars, v, x.dtype) for v, x in zip(loop.results, start, strict=True)]

    def until(self, start: Sequence[Num], step: Callable[..., tuple[Num, Sequence[Num]]]) -> list[Num]:
        """`step(*values)` gives whether that was the last round, and the next values, from `start` on. The code
        must end by itself: nothing else stops it."""
        first = [self.c(1, boolean), *start]
        before, after = (Block([x.v.type for x in first]) for _ in range(2))
        with self.inside(before):
            self.create(scf.ScfCondition, before.args[0], *before.args)
        with self.inside(after):
            values = [Num(self.scalars, v, x.dtype) for v, x in zip(after.args[1:], start, strict=True)]
            done, following = step(*values)
            self.create(scf.ScfYield, (~done).v, *(x.v for x in following))
        op = self.create(scf.ScfWhile, *(x.v for x in first), regions=[Region(before), Region(after)])
        return [Num(self.scalars, v, x.dtype) for v, x in zip(op.results[1:], start, strict=True)]

    def either(
        self, condition: Num, yes: Callable[[], Sequence[Num]], no: Callable[[], Sequence[Num]]
    ) -> list[Num]:
        """The values of one branch; only that one runs."""
        dtypes: list[DType] = []

        def values(make: Callable[[], Sequence[Num]]) -> Callable[[], Sequence[Value]]:
            def run() -> Sequence[Value]:
                made = make()
                dtypes[:] = [x.dtype for x in made]
                return [x.v for x in made]

            return run

        results = self.choose(condition.v, values(yes), values(no))
        return [Num(self.scalars, v, d) for v, d in zip(results, dtypes, strict=True)]
