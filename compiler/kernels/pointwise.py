"""Pointwise kernels: any chain of elementwise ops in one loop; also every movement of elements, through views.

Neighbouring dimensions that all buffers walk alike are merged first. The last one that is left is the vector
dimension; when some buffer is strided along it, elements go one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..ir.core import Value
from ..ir.dims import Dim, Sym, product
from ..ir.types import MemRefType
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_memory as mem
from .body import apply_body
from .build import Index
from .dialect_kern import Kernel
from .family import KernelBuilder, lowers

#: elements of one unit of the parallel range when everything merges into one dimension
BLOCK = 4096


@dataclass(frozen=True)
class Walk:
    """A merged iteration space: sizes, and for each buffer a stride per dimension (0: repeats)."""

    sizes: tuple[Dim, ...]
    strides: tuple[tuple[Dim, ...], ...]

    @property
    def contiguous(self) -> bool:
        """Whether every buffer walks the last dimension densely or not at all."""
        return all(s[-1] in (0, 1) for s in self.strides)


def merged_walk(out: MemRefType, inputs: tuple[MemRefType, ...]) -> Walk:
    """The iteration space of a result and the inputs that broadcast to it."""
    rank = out.rank
    rows: list[list[Dim]] = [[*out.element_strides]]
    for t in inputs:
        lead = rank - t.rank
        own = [0 if d == 1 else s for d, s in zip(t.shape, t.element_strides, strict=True)]
        rows.append([0] * lead + own)
    sizes: list[Dim] = []
    merged: list[list[Dim]] = [[] for _ in rows]
    for i, size in enumerate(out.shape):
        if size == 1:
            continue
        strides = [r[i] for r in rows]
        joins = bool(sizes) and all(m[-1] == s * size for m, s in zip(merged, strides, strict=True))
        if joins:
            sizes[-1] = sizes[-1] * size
            for m, s in zip(merged, strides, strict=True):
                m[-1] = s
        else:
            sizes.append(size)
            for m, s in zip(merged, strides, strict=True):
                m.append(s)
    if not sizes:
        sizes = [1]
        merged = [[1], *([0 if t.size == 1 else 1] for t in inputs)]
    return Walk(tuple(sizes), tuple(tuple(m) for m in merged))


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
        self.walk = merged_walk(kernel.outputs[0], kernel.inputs)
        self.width = 2 * target.lanes
        types = (kernel.outputs[0], *kernel.inputs)
        self.views = [
            self._view(v, t, strides)
            for v, t, strides in zip(
                (self.b.outputs[0], *self.b.inputs), types, self.walk.strides, strict=True
            )
        ]

    def _view(self, v: Value, t: MemRefType, strides: tuple[Dim, ...]) -> Value:
        """A buffer over the merged space; size 1 where it repeats."""
        shape = tuple(1 if s == 0 else n for n, s in zip(self.walk.sizes, strides, strict=True))
        fixed = tuple(1 if s == 0 else s for s in strides)
        return self.b.reinterpret(v, shape, fixed, t.offset)

    def function(self) -> FuncOp:
        b, sizes = self.b, self.walk.sizes
        if len(sizes) == 1:
            total = b.dim(sizes[0])
            with b.loop(b.lo, b.hi) as unit:
                lo = b.mul(unit.iv, BLOCK)
                self._row([], lo, b.min(b.add(lo, BLOCK), total))
            return b.finish()
        with b.loop(b.lo, b.hi) as unit:
            self._row(b.unravel(unit.iv, sizes[:-1]), 0, b.dim(sizes[-1]))
        return b.finish()

    def _row(self, outer: list[Index], lo: Index, hi: Index) -> None:
        """One stretch of the last dimension."""
        b = self.b
        if not self.walk.contiguous:
            with b.loop(lo, hi) as i:
                self._scalar([*outer, i.iv])
            return
        span = b.sub(hi, lo)
        end = b.add(lo, b.mul(b.div(span, self.width), self.width))
        with b.loop(lo, end, self.width) as i:
            self._vector([*outer, i.iv], inside=True)
        if not (isinstance(end, int) and isinstance(hi, int) and end == hi):
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

        value = self._body(read)
        b.write(value, self.views[0], where, (last,), inside)

    def _scalar(self, where: list[Index]) -> None:
        b = self.b
        value = self._body(lambda view: b.load(view, *self._at(view, where)))
        b.store(value, self.views[0], *where)

    def _body(self, read: Callable[[Value], Value]) -> Value:
        if not self.kernel.regions:
            return read(self.views[1])
        arguments: list[Callable[[], Value]] = [lambda v=v: read(v) for v in self.views[1:]]
        return apply_body(self.b, self.kernel.body, arguments)[0]


def is_dynamic(d: Dim) -> bool:
    return isinstance(d, Sym)
