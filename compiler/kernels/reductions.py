"""Reductions of floats, several over the same elements at once, of what pointwise ops make of their inputs: nothing
between is stored, and each input is read once.

Kept and reduced dimensions that every input walks alike are merged. When the last one is kept, vectors run across it
and several rows are summed side by side; else they run along the reduced one and are folded at the end.

With params["rows"] the first reduced dimension is cut into parts of so many elements. Each result then has one more
dimension in front, its parts, and another kernel reduces these. Parts follow from sizes alone, so that results do not
depend on threads; and a sum of sums rounds less than one long sum.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

from ..ir.core import Value
from ..ir.types import MemRefType
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_arith as arith
from . import dialect_memory as mem
from .body import apply_body
from .build import Index
from .dialect_kern import Kernel
from .family import KernelBuilder, lowers
from .reduce import Reducer

#: kept elements of a unit, where the last dimension is kept
COLUMNS = 64


class Space(NamedTuple):
    """Merged dimensions: whether each is reduced, sizes, and for each input its strides (0: repeats)."""

    reduced: tuple[bool, ...]
    sizes: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]

    @property
    def kept(self) -> tuple[int, ...]:
        return tuple(d for d, r in zip(self.sizes, self.reduced, strict=True) if not r)

    @property
    def first(self) -> int:
        """The first reduced dimension."""
        return self.reduced.index(True)

    @property
    def outer(self) -> tuple[int, ...]:
        """The kept dimensions but a last one, along which vectors run."""
        return self.kept if self.reduced[-1] else self.kept[:-1]

    @property
    def blocks(self) -> int:
        """How many units share the last dimension."""
        return 1 if self.reduced[-1] else -(-self.sizes[-1] // COLUMNS)


def merged_space(shape: tuple[int, ...], axes: tuple[int, ...], inputs: tuple[MemRefType, ...]) -> Space:
    """The space of `shape` with `axes` reduced, for inputs that broadcast to it."""
    rows: list[list[int]] = []
    for t in inputs:
        own = [0 if d == 1 else int(s) for d, s in zip(t.shape, t.element_strides, strict=True)]  # type: ignore[arg-type]
        rows.append([0] * (len(shape) - len(own)) + own)
    reduced: list[bool] = []
    sizes: list[int] = []
    merged: list[list[int]] = [[] for _ in rows]
    for i, size in enumerate(shape):
        if size == 1:
            continue
        joins = bool(sizes) and reduced[-1] == (i in axes)
        joins = joins and all(m[-1] == r[i] * size for m, r in zip(merged, rows, strict=True))
        if joins:
            sizes[-1] *= size
        else:
            sizes.append(size)
            reduced.append(i in axes)
        for m, r in zip(merged, rows, strict=True):
            m[len(sizes) - 1 :] = [r[i]]
    if not any(reduced):  # one element is reduced to itself
        sizes.append(1)
        reduced.append(True)
        for m in merged:
            m.append(0)
    return Space(tuple(reduced), tuple(sizes), tuple(tuple(m) for m in merged))


@lowers("reductions")
def lower_reductions(kernel: Kernel, target: Target) -> FuncOp:
    return ReductionLowering(kernel, target).function()


class ReductionLowering:
    """Sums and the like of `_values`, over a part of the space."""

    def __init__(self, kernel: Kernel, target: Target) -> None:
        self.b = b = KernelBuilder(kernel)
        self.kernel = kernel
        p: dict[str, Any] = kernel.params
        self.space = space = merged_space(p["shape"], p["axes"], kernel.inputs)
        self.rows: int = p.get("rows", 0)
        self.parts = -(-space.sizes[space.first] // self.rows) if self.rows else 1
        dtype = kernel.outputs[0].dtype
        self.dtype = dtype
        self.reducers = [Reducer(kind, dtype) for kind in p["kinds"]]
        self.divisor = prod(d for d, r in zip(space.sizes, space.reduced, strict=True) if r)
        self.register = target.vector_bytes // max(dtype.size, 4)
        self.inputs = [
            b.reinterpret(
                v,
                [1 if s == 0 else n for n, s in zip(space.sizes, strides, strict=True)],
                [s or 1 for s in strides],
            )
            for v, strides in zip(b.inputs, space.strides, strict=True)
        ]
        kept = (*((self.parts,) if self.rows else ()), *space.kept) or (1,)
        dense = MemRefType(kept, dtype).element_strides
        self.outputs = [b.reinterpret(v, kept, dense) for v in b.outputs]

    def function(self) -> FuncOp:
        b, space = self.b, self.space
        with b.loop(b.lo, b.hi) as unit:
            *outer, part, block = b.unravel(unit.iv, (*space.outer, self.parts, space.blocks))
            lo: Index = 0
            hi: Index = space.sizes[space.first]
            if self.rows:
                lo = b.mul(part, self.rows)
                hi = b.min(b.add(lo, self.rows), hi)
            where = [part] if self.rows else []
            if space.reduced[-1]:
                self._along(where, outer, lo, hi)
            else:
                self._across(where, outer, b.mul(block, COLUMNS), lo, hi)
        return b.finish()

    # values of the pointwise ops

    def _read(self, view: Value, at: list[Index], width: int, inside: bool) -> Value:
        shape = mem.memref(view).shape
        own = [0 if d == 1 else i for d, i in zip(shape, at, strict=True)]
        last = len(shape) - 1
        if shape[last] == 1 and self.space.sizes[last] != 1:
            return self.b.splat(self.b.load(view, *own), (width,))
        return self.b.read(view, own, (width,), (last,), inside)

    def _values(self, at: list[Index], width: int, inside: bool, fixed: dict[int, Value]) -> list[Value]:
        """What is reduced, at these places; `fixed` are inputs that were read before."""

        def argument(i: int) -> Callable[[], Value]:
            return lambda: fixed[i] if i in fixed else self._read(self.inputs[i], at, width, inside)

        return apply_body(self.b, self.kernel.body, [argument(i) for i in range(len(self.inputs))])

    def _fixed(self, at: list[Index], width: int, inside: bool) -> dict[int, Value]:
        """The inputs that repeat along all reduced dimensions."""
        space = self.space
        return {
            i: self._read(v, at, width, inside)
            for i, (v, strides) in enumerate(zip(self.inputs, space.strides, strict=True))
            if not any(s for s, r in zip(strides, space.reduced, strict=True) if r)
        }

    # loops

    def _starts(self, width: int, count: int = 1) -> list[Value]:
        b = self.b
        dtype = self.kernel.outputs[0].dtype
        return [b.splat(b.number(r.start, dtype), (width,)) for r in self.reducers for _ in range(count)]

    def _combine(self, accs: list[Value], values: list[Value]) -> list[Value]:
        return [r.combine(self.b, a, v) for r, a, v in zip(self.reducers, accs, values, strict=True)]

    def _place(self, outer: list[Index]) -> list[Index]:
        """An index of the whole space: the kept ones given, the others 0."""
        kept = iter(outer)
        *front, _ = self.space.reduced
        return [*(0 if r else next(kept) for r in front), 0]

    def _nest(
        self, at: list[Index], dims: list[int], lo: Index, hi: Index, accs: list[Value],
        inner: Callable[[list[Index], list[Value]], list[Value]],
    ) -> list[Value]:  # fmt: skip
        """Loops over the reduced dimensions `dims`, of the first of all only over lo..hi."""
        if not dims:
            return inner(at, accs)
        g, *rest = dims
        bounds = (lo, hi) if g == self.space.first else (0, self.space.sizes[g])
        with self.b.loop(*bounds, 1, accs) as loop:
            place = [*at[:g], loop.iv, *at[g + 1 :]]
            loop.yielded = tuple(self._nest(place, rest, lo, hi, list(loop.carried), inner))
        return list(loop.results)

    def _across(self, where: list[Index], outer: list[Index], first: Index, lo: Index, hi: Index) -> None:
        """Up to COLUMNS neighbouring kept elements."""
        b, size = self.b, self.space.sizes[-1]
        end = b.min(b.add(first, COLUMNS), size)
        wide = min(4 * self.register, COLUMNS)
        if size >= wide:
            whole = b.add(first, b.mul(b.div(b.sub(end, first), wide), wide))
            with b.loop(first, whole, wide) as c:
                self._columns(where, outer, c.iv, wide, True, lo, hi)
        else:
            whole = first
        if size % wide:
            with b.loop(whole, end, self.register) as c:
                self._columns(where, outer, c.iv, self.register, size % self.register == 0, lo, hi)

    def _columns(
        self, where: list[Index], outer: list[Index], column: Index, width: int, inside: bool, lo: Index, hi: Index
    ) -> None:  # fmt: skip
        place = [*where, *outer, column]
        totals = self._column_totals(outer, column, width, inside, lo, hi)
        for reducer, total, out in zip(self.reducers, totals, self.outputs, strict=True):
            self.b.write(self._mean(reducer, total), out, place, (len(place) - 1,), inside)

    def _column_totals(
        self, outer: list[Index], column: Index, width: int, inside: bool, lo: Index, hi: Index
    ) -> list[Value]:
        """Each reduction of neighbouring kept elements."""
        b, space = self.b, self.space
        at = self._place(outer)
        at[-1] = column
        fixed = self._fixed(at, width, inside)
        *dims, inner = (g for g, r in enumerate(space.reduced) if r)
        side = max(1, 4 * self.register // width)
        bounds = (lo, hi) if inner == space.first else (0, space.sizes[inner])

        def rows(at: list[Index], accs: list[Value]) -> list[Value]:
            begin, stop = bounds
            whole = b.add(begin, b.mul(b.div(b.sub(stop, begin), side), side))

            def row(i: Index, u: int, own: list[Value]) -> list[Value]:
                place = [*at[:inner], b.add(i, u), *at[inner + 1 :]]
                return self._combine(own, self._values(place, width, inside, fixed))

            with b.loop(begin, whole, side, accs) as many:
                each = [row(many.iv, u, list(many.carried[u::side])) for u in range(side)]
                many.yielded = tuple(each[u][r] for r in range(len(self.reducers)) for u in range(side))
            accs = list(many.results)
            if side == 1:
                return accs
            with b.loop(whole, stop, 1, accs[::side]) as single:
                single.yielded = tuple(row(single.iv, 0, list(single.carried)))
            accs[::side] = single.results
            return accs

        accs = self._nest(at, dims, lo, hi, self._starts(width, side), rows)
        totals: list[Value] = []
        for r, reducer in enumerate(self.reducers):
            total, *others = accs[r * side : (r + 1) * side]
            for other in others:
                total = reducer.combine(b, total, other)
            totals.append(total)
        return totals

    def _along(self, where: list[Index], outer: list[Index], lo: Index, hi: Index) -> None:
        """One kept element."""
        totals = self._row_totals(outer, lo, hi)
        for reducer, total, out in zip(self.reducers, totals, self.outputs, strict=True):
            self.b.store(self._mean(reducer, total), out, *([*where, *outer] or [0]))

    def _row_totals(self, outer: list[Index], lo: Index, hi: Index) -> list[Value]:
        """Each reduction of one kept element."""
        b, space, last = self.b, self.space, len(self.space.sizes) - 1
        size, wide, small = space.sizes[-1], 4 * self.register, self.register
        at = self._place(outer)
        fixed = [self._fixed(at, w, True) for w in (wide, small)]
        dims = [g for g, r in enumerate(space.reduced) if r and g != last]
        count = len(self.reducers)
        whole = size // wide * wide

        def step(at: list[Index], i: Index, width: int, inside: bool, accs: list[Value]) -> list[Value]:
            values = self._values([*at[:-1], i], width, inside, fixed[0 if width == wide else 1])
            if not inside:
                values = [self._kept(r, v, size % small) for r, v in zip(self.reducers, values, strict=True)]
            return self._combine(accs, values)

        def rest(at: list[Index], accs: list[Value]) -> list[Value]:
            i = whole
            while i < size:
                accs = step(at, i, small, i + small <= size, accs)
                i += small
            return accs

        def stretch(at: list[Index], accs: list[Value]) -> list[Value]:
            begin, end = (lo, hi) if space.first == last else (0, size)
            large, little = accs[:count], accs[count:]
            if whole:
                with b.loop(begin, b.min(end, whole), wide, large) as loop:
                    loop.yielded = tuple(step(at, loop.iv, wide, True, list(loop.carried)))
                large = list(loop.results)
            if whole < size:
                ends = b.compare("eq", b.idx(end), size)
                cut = space.first == last and self.rows
                little = (
                    list(b.choose(ends, lambda: rest(at, little), lambda: little))
                    if cut
                    else rest(at, little)
                )
            return [*large, *little]

        accs = self._nest(at, dims, lo, hi, [*self._starts(wide), *self._starts(small)], stretch)
        totals: list[Value] = []
        for r, reducer in enumerate(self.reducers):
            parts = [accs[r]] if whole else []
            parts += [accs[count + r]] if whole < size else []
            total, *others = (reducer.fold(b, v) for v in parts)
            for other in others:
                total = reducer.combine(b, total, other)
            totals.append(total)
        return totals

    def _kept(self, reducer: Reducer, value: Value, lanes: int) -> Value:
        """`value` with what the reduction starts from behind its first lanes."""
        width = mem.vector(value).shape[0]
        start = self.b.splat(self.b.number(reducer.start, mem.vector(value).dtype), (width,))
        mask = tuple(i if i < lanes else width + i for i in range(width))
        return self.b(mem.Shuffle, value, start, mask=mask)

    def _mean(self, reducer: Reducer, total: Value) -> Value:
        """Divided for a mean; of parts, when they come together."""
        if reducer.kind != "mean" or self.rows:
            return total
        b = self.b
        count = b.number(float(self.divisor), reducer.dtype)
        shape = getattr(total.type, "shape", None)
        return b(arith.FLOAT["divf"], total, b.splat(count, shape) if shape else count)
