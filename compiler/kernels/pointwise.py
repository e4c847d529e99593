"""Pointwise kernels: any elementwise ops in one loop, which may write several results of the same shape; also every
movement of elements, through views. A result may lie where an input of its shape does: of each vector all inputs are
read before the first result is written.

Neighbouring dimensions that all buffers walk alike are merged first. The last one that is left is the vector
dimension; when some buffer is strided along it, elements go one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...runtime.spec import boolean
from ..ir.core import Value
from ..ir.dims import Dim, Sym, dim_min, product
from ..ir.types import MemRefType
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_arith as arith
from . import dialect_memory as mem
from .body import apply_body
from .build import Index
from .dialect_kern import Kernel
from .family import KernelBuilder, lowers

#: elements of one unit of the parallel range when everything merges into one dimension
BLOCK = 4096


class Walk(NamedTuple):
    """A merged iteration space: sizes, and for each buffer a stride per dimension (0: repeats).

    `unproved` are sizes of inputs and of the result that differ where an input's turns out to be 1 and repeats;
    its stride is then a formula that becomes 0. `plain` are the strides for the case that all of them are equal.
    """

    sizes: tuple[Dim, ...]
    strides: tuple[tuple[Dim, ...], ...]
    plain: tuple[tuple[Dim, ...], ...]
    unproved: tuple[tuple[Dim, Dim], ...] = ()

    @staticmethod
    def contiguous(strides: tuple[tuple[Dim, ...], ...]) -> bool:
        """Whether every buffer walks the last dimension densely or not at all."""
        return all(s[-1] in (0, 1) for s in strides)


def repeating(stride: Dim, size: Dim, whole: Dim) -> Dim:
    """The stride of a buffer whose size broadcasts to `whole`: 0 where the size is 1, or turns out to be."""
    if size == 1:
        return 0
    return stride if size == whole else stride * dim_min(size - 1, 1)


def merged_walk(out: MemRefType, inputs: tuple[MemRefType, ...]) -> Walk:
    """The iteration space of a result and the inputs that broadcast to it."""
    rank = out.rank
    rows: list[list[Dim]] = [[*out.element_strides]]
    plain: list[list[Dim]] = [[*out.element_strides]]
    unproved: dict[tuple[Dim, Dim], None] = {}
    for t in inputs:
        lead = rank - t.rank
        pairs = list(zip(t.shape, out.shape[lead:], strict=True))
        unproved.update(dict.fromkeys((d, whole) for d, whole in pairs if d not in (1, whole)))
        for columns, wanted in ((plain, [(d, d) for d in t.shape]), (rows, pairs)):
            own = [repeating(s, *p) for s, p in zip(t.element_strides, wanted, strict=True)]
            columns.append([0] * lead + own)
    sizes: list[Dim] = []
    merged: list[list[Dim]] = [[] for _ in rows]
    direct: list[list[Dim]] = [[] for _ in rows]
    for i, size in enumerate(out.shape):
        if size == 1:
            continue
        joins = bool(sizes) and all(m[-1] == r[i] * size for m, r in zip(merged, rows, strict=True))
        if joins:
            sizes[-1] = sizes[-1] * size
        else:
            sizes.append(size)
        for columns, own in ((merged, rows), (direct, plain)):
            for m, r in zip(columns, own, strict=True):
                m[len(sizes) - 1 :] = [r[i]]
    if not sizes:
        sizes = [1]
        merged = [[1], *([0 if t.size == 1 else 1] for t in inputs)]
        direct = merged
    strides, equal = (tuple(tuple(m) for m in columns) for columns in (merged, direct))
    return Walk(tuple(sizes), strides, equal, tuple(unproved))


def units(out: MemRefType, inputs: tuple[MemRefType, ...]) -> tuple[Dim, int]:
    """The parallel range, and about how many elements a unit has."""
    w = merged_walk(out, inputs)
    if len(w.sizes) == 1:
        return (w.sizes[0] + BLOCK - 1) // BLOCK, BLOCK
    inner = w.sizes[-1]
    return product(w.sizes[:-1]), inner if isinstance(inner, int) else 64


@lowers("pointwise")
def lower_pointwise(kernel: Kernel, target: Target) -> FuncOp:
    return _PointwiseLowering(kernel, target).function()


class _PointwiseLowering:
    def __init__(self, kernel: Kernel, target: Target) -> None:
        self.kernel = kernel
        self.b = KernelBuilder(kernel)
        first, *others = kernel.outputs
        self.walk = merged_walk(first, (*others, *kernel.inputs))
        self.width = 2 * target.lanes
        self.strides = self.walk.strides
        self.views: list[Value] = []

    def _choose(self, strides: tuple[tuple[Dim, ...], ...]) -> None:
        """The views of the buffers by their strides."""
        types = (*self.kernel.outputs, *self.kernel.inputs)
        buffers = (*self.b.outputs, *self.b.inputs)
        self.strides = strides
        self.views = [self._view(v, t, s) for v, t, s in zip(buffers, types, strides, strict=True)]

    def _view(self, v: Value, t: MemRefType, strides: tuple[Dim, ...]) -> Value:
        """A buffer over the merged space; size 1 where it repeats."""
        shape = tuple(1 if s == 0 else n for n, s in zip(self.walk.sizes, strides, strict=True))
        fixed = tuple(1 if s == 0 else s for s in strides)
        return self.b.reinterpret(v, shape, fixed, t.offset)

    def function(self) -> FuncOp:
        """The loops; twice where sizes are not proved equal: for equal ones and for those that repeat."""
        b, unproved = self.b, self.walk.unproved
        equal = [b.compare("eq", b.dim(d), b.dim(whole)) for d, whole in unproved]
        if not equal:
            self._loops(self.walk.strides)
            return b.finish()
        every = equal[0]
        for e in equal[1:]:
            every = b(arith.INTEGER["andi"], every, e)
        with b.when(every):
            self._loops(self.walk.plain)
        with b.when(b(arith.INTEGER["xori"], every, b.number(1, boolean))):
            self._loops(self.walk.strides)
        return b.finish()

    def _loops(self, strides: tuple[tuple[Dim, ...], ...]) -> None:
        b, sizes = self.b, self.walk.sizes
        self._choose(strides)
        if sizes == (1,):
            with b.loop(b.lo, b.hi):
                self._scalar([0])
            return
        if len(sizes) == 1:
            total = b.dim(sizes[0])
            with b.loop(b.lo, b.hi) as unit:
                lo = b.mul(unit.iv, BLOCK)
                self._row([], lo, b.min(b.add(lo, BLOCK), total))
            return
        with b.loop(b.lo, b.hi) as unit:
            self._row(b.unravel(unit.iv, sizes[:-1]), 0, b.dim(sizes[-1]))

    def _row(self, outer: list[Index], lo: Index, hi: Index) -> None:
        """One stretch of the last dimension."""
        b = self.b
        if not Walk.contiguous(self.strides):
            with b.loop(lo, hi) as i:
                self._scalar([*outer, i.iv])
            return
        span = b.sub(hi, lo)
        end = b.add(lo, b.mul(b.div(span, self.width), self.width))
        with b.loop(lo, end, self.width) as i:
            self._vector([*outer, i.iv], inside=True)
        if b.error is not None:  # lanes past the end would report errors
            with b.loop(end, hi) as i:
                self._scalar([*outer, i.iv])
        elif not (isinstance(end, int) and isinstance(hi, int) and end == hi):
            with b.when(b.compare("slt", end, hi)):
                self._vector([*outer, end], inside=False)

    def _at(self, view: Value, where: list[Index]) -> list[Index]:
        return [0 if d == 1 else i for d, i in zip(mem.memref(view).shape, where, strict=True)]

    def _vector(self, where: list[Index], inside: bool) -> None:
        b, last = self.b, len(where) - 1

        def read(view: Value) -> Value:
            at = self._at(view, where)
            if mem.memref(view).shape[-1] == 1 and self.walk.sizes[-1] != 1:
                return b.splat(b.load(view, *at), (self.width,))
            return b.read(view, at, (self.width,), (last,), inside)

        for value, target in zip(self._body(read), self.results, strict=True):
            b.write(value, target, where, (last,), inside)

    def _scalar(self, where: list[Index]) -> None:
        b = self.b
        values = self._body(lambda view: b.load(view, *self._at(view, where)))
        for value, target in zip(values, self.results, strict=True):
            b.store(value, target, *where)

    @property
    def results(self) -> list[Value]:
        return self.views[: len(self.kernel.outputs)]

    def _body(self, read: Callable[[Value], Value]) -> list[Value]:
        """The values of all results; every input is read before any of them is written."""
        inputs = self.views[len(self.kernel.outputs) :]
        if not self.kernel.regions:
            return [read(inputs[0])]
        arguments: list[Callable[[], Value]] = [lambda v=v: read(v) for v in inputs]
        return apply_body(self.b, self.kernel.body, arguments)


def is_dynamic(d: Dim) -> bool:
    return isinstance(d, Sym)
