"""Writing loops-level functions: index arithmetic that folds, loops as context managers, views of buffers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from ...runtime.spec import DType, f32, i32
from ..ir.attributes import Number, SymbolRef
from ..ir.core import Block, Builder, Op, Region, Value
from ..ir.dims import DIMS, Dim, Sym
from ..ir.types import FunctionType, MemRefType, ScalarType, Type, VectorType, index
from ..ops.builtin import FuncOp, ReturnOp
from . import dialect_arith as arith
from . import dialect_control as scf
from . import dialect_memory as mem

Index: TypeAlias = int | Value

SYMBOL = "kern.symbol"


class LoopNest:
    """A loop being written: its variable, carried values, and after the end its results."""

    def __init__(self, iv: Value, carried: tuple[Value, ...]) -> None:
        self.iv = iv
        self.carried = carried
        self.yielded: tuple[Value, ...] = ()
        self.results: tuple[Value, ...] = ()


class LoopBuilder(Builder):
    """A builder for one loops-level function."""

    def __init__(self, func: FuncOp) -> None:
        super().__init__(func.body)
        self.func = func
        self.symbols: dict[str, Value] = {}
        self._constants: dict[tuple[float | int | str, str], Value] = {}
        self._splats: dict[Value, dict[tuple[int, ...], Value]] = {}
        self._last_constant: Op | None = None
        self._sums: dict[tuple[Block, Index, Index], Value] = {}
        self._dims: dict[str, Index] = {}
        for arg, attrs in zip(func.body.args, func.arg_attrs, strict=True):
            if SYMBOL in attrs:
                self.symbols[attrs[SYMBOL]] = arg

    # constants stand at the beginning of the function, each once

    def number(self, value: float, dtype: DType | None) -> Value:
        """A constant scalar; of type index when dtype is None."""
        key = (value if value == value and value != 0 else repr(value), dtype.name if dtype else "")
        known = self._constants.get(key)
        if known is not None:
            return known
        constant = self._first(
            arith.ArithConstant(value=Number(value, ScalarType(dtype) if dtype else index))
        )
        self._constants[key] = constant
        self._splats[constant] = {}
        return constant

    def _first(self, op: Op) -> Value:
        """The result of a new op, put behind the constants so far."""
        entry = self.func.body
        entry.insert(op, self._last_constant.next if self._last_constant else entry.first)
        self._last_constant = op
        return op.result

    def idx(self, x: Index) -> Value:
        return self.number(x, None) if isinstance(x, int) else x

    def add(self, a: Index, b: Index) -> Index:
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if a == 0:
            return b
        if b == 0:
            return a
        # the places of neighbouring elements are sums again and again
        key = (self.block, a, b)
        if key not in self._sums:
            self._sums[key] = self(arith.INTEGER["addi"], self.idx(a), self.idx(b))
        return self._sums[key]

    def sub(self, a: Index, b: Index) -> Index:
        if isinstance(a, int) and isinstance(b, int):
            return a - b
        return a if b == 0 else self(arith.INTEGER["subi"], self.idx(a), self.idx(b))

    def mul(self, a: Index, b: Index) -> Index:
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        if a == 0 or b == 0:
            return 0
        if a == 1:
            return b
        return a if b == 1 else self(arith.INTEGER["muli"], self.idx(a), self.idx(b))

    def div(self, a: Index, b: Index) -> Index:
        """floor(a / b) of numbers that are not negative."""
        if isinstance(a, int) and isinstance(b, int):
            return a // b
        return a if b == 1 else self(arith.INTEGER["divui"], self.idx(a), self.idx(b))

    def rem(self, a: Index, b: Index) -> Index:
        """a mod b of numbers that are not negative."""
        if isinstance(a, int) and isinstance(b, int):
            return a % b
        return 0 if b == 1 else self(arith.INTEGER["remui"], self.idx(a), self.idx(b))

    def min(self, a: Index, b: Index) -> Index:
        if isinstance(a, int) and isinstance(b, int):
            return min(a, b)
        return a if a is b else self(arith.INTEGER["minsi"], self.idx(a), self.idx(b))

    def max(self, a: Index, b: Index) -> Index:
        if isinstance(a, int) and isinstance(b, int):
            return max(a, b)
        return a if a is b else self(arith.INTEGER["maxsi"], self.idx(a), self.idx(b))

    def unravel(self, i: Index, sizes: Sequence[Dim]) -> list[Index]:
        """The indices of element `i` of a row-major array of these sizes."""
        out: list[Index] = []
        for k, d in enumerate(reversed(sizes)):
            size = self.dim(d)
            last = k == len(sizes) - 1
            out.append(i if last else self.rem(i, size))
            i = i if last else self.div(i, size)
        return out[::-1]

    def compare(self, predicate: str, a: Index, b: Index) -> Value:
        return self(arith.CmpI, self.idx(a), self.idx(b), predicate=predicate)

    def dim(self, d: Dim) -> Index:
        """A dimension as an index: a number, or arithmetic on the function's symbols."""
        if not isinstance(d, Sym):
            return d
        key = str(d)
        if key in self.symbols:
            return self.symbols[key]
        total: Index = 0
        for factors, c in d.terms.items():
            part: Index = c
            for f in factors:
                part = self.mul(part, self._atom(d, f))
            total = self.add(total, part)
        return total

    def _atom(self, d: Sym, factor: str) -> Index:
        atom = d.atoms[factor]
        if not atom.args:
            return self.symbols[atom.name]
        a, b = (self.dim(x) for x in atom.args)
        if atom.name == "bcast":
            return self(arith.SelectOp, self.compare("eq", b, 1), self.idx(a), self.idx(b))
        return {"floordiv": self.div, "max": self.max, "min": self.min}[atom.name](a, b)

    # control flow

    @contextmanager
    def inside(self, block: Block) -> Iterator[None]:
        """Ops go to the end of `block` meanwhile."""
        kept = (self.block, self.before)
        self.block, self.before = block, None
        try:
            yield
        finally:
            self.block, self.before = kept

    @contextmanager
    def loop(
        self, lower: Index, upper: Index, step: Index = 1, carried: Sequence[Value] = ()
    ) -> Iterator[LoopNest]:
        """`with b.loop(0, n) as l:` uses `l.iv` and `l.carried`, sets `l.yielded`, reads `l.results` later."""
        block = Block([index, *(v.type for v in carried)])
        nest = LoopNest(block.args[0], tuple(block.args[1:]))
        operands = [self.idx(lower), self.idx(upper), self.idx(step)]
        with self.inside(block):
            yield nest
            self.create(scf.ScfYield, *nest.yielded)
        op = self.create(scf.ScfFor, *operands, *carried, regions=[Region(block)])
        nest.results = op.results

    @contextmanager
    def parallel(self, count: Index) -> Iterator[Value]:
        """Rounds that may run at the same time."""
        block = Block([index])
        bounds = (self.idx(0), self.idx(count), self.idx(1))
        with self.inside(block):
            yield block.args[0]
            self.create(scf.ScfReduce)
        self.create(scf.ScfParallel, *bounds, regions=[Region(block)])

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """Ops that run when the condition holds."""
        block, other = Block(), Block()
        with self.inside(block):
            yield
            self.create(scf.ScfYield)
        other.insert(scf.ScfYield())
        self.create(scf.ScfIf, condition, regions=[Region(block), Region(other)])

    def choose(
        self, condition: Value, yes: Callable[[], Sequence[Value]], no: Callable[[], Sequence[Value]]
    ) -> tuple[Value, ...]:
        """The values that `yes` gives where the condition holds, else those of `no`; only that one runs."""
        blocks: list[Block] = []
        for make in (yes, no):
            blocks.append(Block())
            with self.inside(blocks[-1]):
                self.create(scf.ScfYield, *make())
        return self.create(scf.ScfIf, condition, regions=[Region(b) for b in blocks]).results

    def switch(self, selector: Index, cases: Sequence[int]) -> list[Block]:
        """Blocks to fill, the default's first; each gets its terminator here and is filled before it."""
        blocks = [Block() for _ in range(len(cases) + 1)]
        for b in blocks:
            b.insert(scf.ScfYield())
        self.create(
            scf.IndexSwitch, self.idx(selector), cases=tuple(cases), regions=[Region(b) for b in blocks]
        )
        return blocks

    @contextmanager
    def filling(self, block: Block) -> Iterator[None]:
        """Ops go in front of the block's terminator."""
        kept = (self.block, self.before)
        self.block, self.before = block, block.last
        try:
            yield
        finally:
            self.block, self.before = kept

    def call(self, callee: str, *args: Value) -> None:
        self.create(scf.Call, *args, callee=SymbolRef(callee))

    # memory

    def reinterpret(
        self, source: Value, shape: Sequence[Dim], strides: Sequence[Dim], offset: Dim = 0
    ) -> Value:
        """Another view of a buffer; dynamic sizes become operands."""
        dynamic = [self.idx(self.dim(d)) for d in (offset, *shape, *strides) if isinstance(d, Sym)]
        return self(
            mem.ReinterpretCast, source, *dynamic, offset=offset, shape=tuple(shape), strides=tuple(strides)
        )

    def load(self, source: Value, *indices: Index) -> Value:
        return self(mem.MemLoad, source, *map(self.idx, indices))

    def store(self, value: Value, target: Value, *indices: Index) -> None:
        self.create(mem.MemStore, value, target, *map(self.idx, indices))

    def prefetch(self, source: Value, *indices: Index, write: bool = False, locality: int = 2) -> None:
        at = map(self.idx, indices)
        self.create(mem.Prefetch, source, *at, write=write, locality=locality)

    def read(
        self,
        source: Value,
        indices: Sequence[Index],
        shape: tuple[int, ...],
        axes: tuple[int, ...],
        inside: bool = True,
        padding: float = 0.0,
    ) -> Value:
        """A slice as a vector of `shape` along `axes`; with inside=False the last axis may run over the end."""
        t = mem.memref(source)
        fill = self.number(padding if t.dtype.is_float else int(padding), t.dtype)
        bounds = (True,) * (len(shape) - 1) + (inside,)
        return self(
            mem.TransferRead,
            source,
            *map(self.idx, indices),
            fill,
            map=axes,
            in_bounds=bounds,
            result_types=[VectorType(shape, t.dtype)],
        )

    def write(
        self,
        value: Value,
        target: Value,
        indices: Sequence[Index],
        axes: tuple[int, ...],
        inside: bool = True,
    ) -> None:
        shape = mem.vector(value).shape
        bounds = (True,) * (len(shape) - 1) + (inside,)
        self.create(mem.TransferWrite, value, target, *map(self.idx, indices), map=axes, in_bounds=bounds)

    def splat(self, x: Value, shape: tuple[int, ...]) -> Value:
        """`x` in all elements; a constant's vector stands with the constants."""
        kind = VectorType(shape, arith.element_dtype(x.type) or i32)
        known = self._splats.get(x)
        if known is None:
            return self(mem.VectorBroadcast, x, result_types=[kind])
        if shape not in known:
            known[shape] = self._first(mem.VectorBroadcast(x, result_types=[kind]))
        return known[shape]

    def shape_cast(self, x: Value, shape: tuple[int, ...]) -> Value:
        t = mem.vector(x)
        return x if t.shape == shape else self(mem.ShapeCast, x, result_types=[VectorType(shape, t.dtype)])


def new_kernel_function(
    name: str, buffers: Sequence[tuple[str, MemRefType]], indices: Sequence[tuple[str, str]]
) -> LoopBuilder:
    """A function with buffer arguments, then index arguments `(name, symbol or "")`."""
    types: list[Type] = [*(t for _, t in buffers), *[index] * len(indices)]
    names = [n for n, _ in buffers] + [n for n, _ in indices]
    attrs: list[dict[str, object]] = []
    for _, t in buffers:
        dynamic = any(isinstance(d, Sym) for d in t.shape)
        attrs.append({DIMS: tuple(d if isinstance(d, int) else str(d) for d in t.shape)} if dynamic else {})
    for _, s in indices:
        attrs.append({SYMBOL: s} if s else {})
    block = Block(types, names)
    func = FuncOp(
        regions=[Region(block)],
        sym_name=name,
        function_type=FunctionType(tuple(types), ()),
        arg_attrs=tuple(attrs),
        res_attrs=(),
    )
    return LoopBuilder(func)


def finish(b: LoopBuilder) -> FuncOp:
    b.func.body.insert(ReturnOp())
    return b.func


__all__ = ["Index", "LoopBuilder", "LoopNest", "f32", "finish", "new_kernel_function"]
