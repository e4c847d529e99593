"""Copies whose result is dense along one axis and whose source along another: tiles are transposed in registers.

A tile of B by B elements is read as B vectors along the source's dense axis and turned by log2(B) rounds of
shuffles: round h exchanges blocks of h lanes between rows that are h apart (Eklundh 1972). Where a few values that
lie together in one buffer lie apart in the other (the channels of a picture, a block of pixels), vectors are
interleaved or taken apart instead. Axes run backwards are read as vectors, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..ir.core import Value
from ..ir.dims import Dim, product
from ..ops.builtin import FuncOp
from ..target import Target
from . import dialect_memory as mem
from .build import Index, LoopBuilder
from .dialect_kern import Kernel
from .family import KernelBuilder, lowers
from .pointwise import Walk, merged_walk

#: elements along the source's dense axis that are one unit
BLOCK = 64
#: at most so many values that lie together are woven; more are transposed
MOST_WOVEN = 4


class Plan(NamedTuple):
    """How a copy is done: `how` is "tiles", "weave", "unweave" or "backwards"; `axis` is the source's dense one."""

    how: str
    axis: int


def plan(walk: Walk) -> Plan | None:
    """The plan for a copy from the second buffer of a walk to the first, where there is one."""
    out, source = walk.strides
    last = len(walk.sizes) - 1
    if out[last] != 1 or source[last] in (0, 1):
        return None
    if source[last] == -1:
        return Plan("backwards", last)
    axis = next((i for i in range(last) if source[i] == 1), None)
    few_of_few = last == 1 and _is_short(walk.sizes[0]) and _is_short(walk.sizes[1])
    if axis is None or few_of_few:
        return None
    few, many = walk.sizes[last], walk.sizes[axis]
    if isinstance(few, int) and few <= MOST_WOVEN and out[axis] == few:
        return Plan("weave", axis)
    if isinstance(many, int) and many <= MOST_WOVEN and source[last] == many:
        return Plan("unweave", axis)
    return Plan("tiles", axis)


def _is_short(size: Dim) -> bool:
    return isinstance(size, int) and size <= MOST_WOVEN


def block_axis(walk: Walk, found: Plan) -> int:
    """The axis of which a unit takes a block."""
    return len(walk.sizes) - 1 if found.how in ("unweave", "backwards") else found.axis


def units(walk: Walk, found: Plan) -> tuple[Dim, int]:
    """The parallel range, and about how many elements a unit has."""
    along = block_axis(walk, found)
    blocks = (walk.sizes[along] + BLOCK - 1) // BLOCK
    whole = _whole(walk, found)
    others = product(d for i, d in enumerate(walk.sizes) if i not in whole)
    inside = product(walk.sizes[i] for i in whole if i != along)
    return others * blocks, BLOCK * (inside if isinstance(inside, int) else 64)


def _whole(walk: Walk, found: Plan) -> tuple[int, ...]:
    """The axes that are walked inside a unit."""
    return tuple(sorted({found.axis, len(walk.sizes) - 1}))


def turned(b: LoopBuilder, lines: Sequence[Value]) -> list[Value]:
    """As many vectors as each has lanes, rows and columns exchanged: by rounds of shuffles of two vectors."""
    out, n = list(lines), len(lines)
    half = n // 2
    while half:
        for i in (i for i in range(n) if not i & half):
            x, y = out[i], out[i + half]
            low = tuple(n + k - half if k & half else k for k in range(n))
            high = tuple(n + k if k & half else k + half for k in range(n))
            out[i], out[i + half] = b(mem.Shuffle, x, y, mask=low), b(mem.Shuffle, x, y, mask=high)
        half //= 2
    return out


@lowers("transpose")
def lower_transpose(kernel: Kernel, target: Target) -> FuncOp:
    """`(x, y, symbols…, lo, hi)`; x may be strided in any way."""
    return _TransposeLowering(kernel, target).function()


class _TransposeLowering:
    def __init__(self, kernel: Kernel, target: Target) -> None:
        self.b = b = KernelBuilder(kernel)
        self.walk = merged_walk(kernel.outputs[0], kernel.inputs)
        found = plan(self.walk)
        if found is None:
            raise TypeError("no transposition")
        self.plan = found
        self.axis, self.last = found.axis, len(self.walk.sizes) - 1
        self.dtype = kernel.outputs[0].dtype
        self.lanes = max(min(target.lanes, target.vector_bytes // self.dtype.size), 2)
        out, source = self.walk.strides
        if found.how == "backwards":
            source = (*source[:-1], 1)
        self.y = b.reinterpret(b.outputs[0], self.walk.sizes, out)
        self.x = b.reinterpret(b.inputs[0], self.walk.sizes, source)

    def function(self) -> FuncOp:
        b, walk = self.b, self.walk
        along = block_axis(walk, self.plan)
        inside = _whole(walk, self.plan)
        outer = [i for i in range(len(walk.sizes)) if i not in inside]
        blocks = (walk.sizes[along] + BLOCK - 1) // BLOCK
        size = b.dim(walk.sizes[along])
        with b.loop(b.lo, b.hi) as unit:
            *rest, block = b.unravel(unit.iv, [*(walk.sizes[i] for i in outer), blocks])
            where: list[Index] = [0] * len(walk.sizes)
            for i, v in zip(outer, rest, strict=True):
                where[i] = v
            lo = b.mul(block, BLOCK)
            hi = b.min(b.add(lo, BLOCK), size)
            full = b.add(lo, b.mul(b.div(b.sub(hi, lo), self.lanes), self.lanes))
            getattr(self, "_" + self.plan.how)(where, lo, full, hi)
        return b.finish()

    # one element, or a vector, at a place

    def _at(self, where: list[Index], **moved: Index) -> list[Index]:
        at = list(where)
        if "axis" in moved:
            at[self.axis] = moved["axis"]
        if "last" in moved:
            at[self.last] = moved["last"]
        return at

    def _one(self, where: list[Index], axis: Index, last: Index) -> None:
        at = self._at(where, axis=axis, last=last)
        self.b.store(self.b.load(self.x, *at), self.y, *at)

    def _shuffle(self, x: Value, y: Value, mask: Sequence[int]) -> Value:
        return self.b(mem.Shuffle, x, y, mask=tuple(mask))

    # the ways to copy

    def _tiles(self, where: list[Index], lo: Index, full: Index, hi: Index) -> None:
        b, n = self.b, self.lanes
        columns = b.dim(self.walk.sizes[self.last])
        whole = b.mul(b.div(columns, n), n)
        width, height = self._rest(self.last), self._rest(self.axis)
        with b.loop(0, whole, n) as column:
            with b.loop(lo, full, n) as row:
                self._tile(where, row.iv, column.iv, n, n)
            self._row_rest(where, full, hi, column.iv, n, height)
        if width:
            with b.loop(lo, full, n) as row:
                self._tile(where, row.iv, whole, n, width)
            self._row_rest(where, full, hi, whole, width, height)
        elif width is None:
            with b.loop(lo, hi) as row, b.loop(whole, columns) as column:
                self._one(where, row.iv, column.iv)

    def _rest(self, axis: int) -> int | None:
        """What whole vectors leave of an axis; None where that is known only at run time."""
        size = self.walk.sizes[axis]
        return size % self.lanes if isinstance(size, int) else None

    def _row_rest(
        self, where: list[Index], full: Index, hi: Index, column: Index, n: int, rest: int | None
    ) -> None:
        """The rows of a block that fill no vector."""
        b = self.b
        if rest:
            with b.when(b.compare("slt", full, hi)):
                self._tile(where, full, column, rest, n)
        elif rest is None:
            with b.loop(full, hi) as row, b.loop(0, n) as i:
                self._one(where, row.iv, b.add(column, i.iv))

    def _tile(self, where: list[Index], row: Index, column: Index, height: int, width: int) -> None:
        """`height` rows (the source's dense axis) by `width` columns, at most a vector each."""
        b, n = self.b, self.lanes
        lines: list[Value] = []
        for i in range(width):
            at = self._at(where, axis=row, last=b.add(column, i))
            line = b.read(self.x, at, (height,), (self.axis,))
            lines.append(line if height == n else self._shuffle(line, line, [k % height for k in range(n)]))
        lines += [lines[0]] * (n - width)
        lines = turned(b, lines)
        for i in range(height):
            line = lines[i] if width == n else self._shuffle(lines[i], lines[i], range(width))
            b.write(line, self.y, self._at(where, axis=b.add(row, i), last=column), (self.last,))

    def _weave(self, where: list[Index], lo: Index, full: Index, hi: Index) -> None:
        """A few dense rows of the source become one of the result, element by element in turn."""
        b, n = self.b, self.lanes
        few = int(self.walk.sizes[self.last])  # type: ignore[arg-type]
        y = self._flat(self.y, self.walk.strides[0], self.axis, few)
        with b.loop(lo, full, n) as row:
            lines = [
                b.read(self.x, self._at(where, axis=row.iv, last=i), (n,), (self.axis,)) for i in range(few)
            ]
            for k in range(few):
                places = [divmod(k * n + i, few) for i in range(n)]
                line = self._chosen(lines, [(which, lane) for lane, which in places])
                at = self._at(where, axis=b.add(b.mul(row.iv, few), k * n), last=0)
                b.write(line, y, at, (self.axis,))
        with b.loop(full, hi) as row:
            for i in range(few):
                self._one(where, row.iv, i)

    def _unweave(self, where: list[Index], lo: Index, full: Index, hi: Index) -> None:
        """One dense row of the source becomes a few of the result, which take its elements in turn."""
        b, n = self.b, self.lanes
        few = int(self.walk.sizes[self.axis])  # type: ignore[arg-type]
        x = self._flat(self.x, self.walk.strides[1], self.last, few)
        with b.loop(lo, full, n) as column:
            first = b.mul(column.iv, few)
            lines = [
                b.read(x, self._at(where, axis=0, last=b.add(first, k * n)), (n,), (self.last,))
                for k in range(few)
            ]
            for i in range(few):
                line = self._chosen(lines, [divmod(k * few + i, n) for k in range(n)])
                b.write(line, self.y, self._at(where, axis=i, last=column.iv), (self.last,))
        with b.loop(full, hi) as column:
            for i in range(few):
                self._one(where, i, column.iv)

    def _flat(self, view: Value, strides: Sequence[Dim], axis: int, few: int) -> Value:
        """A buffer with the few values that lie together taken into an axis, which is dense."""
        shape = [d * few if i == axis else d for i, d in enumerate(self.walk.sizes)]
        return self.b.reinterpret(view, shape, [1 if i == axis else s for i, s in enumerate(strides)])

    def _chosen(self, lines: Sequence[Value], places: Sequence[tuple[int, int]]) -> Value:
        """A vector of elements (vector, lane) of several ones: each is brought in by a shuffle of two."""
        n = len(places)
        line = self._shuffle(
            lines[0], lines[1 % len(lines)], [lane + n * (w == 1) if w < 2 else 0 for w, lane in places]
        )
        for which in range(2, len(lines)):
            mask = [n + lane if w == which else k for k, (w, lane) in enumerate(places)]
            line = self._shuffle(line, lines[which], mask)
        return line

    def _backwards(self, where: list[Index], lo: Index, full: Index, hi: Index) -> None:
        """The source's last axis backwards: its address is that of the last element."""
        b, n = self.b, self.lanes

        def place(i: Index, behind: int) -> list[Index]:
            return self._at(where, last=b.sub(b.sub(0, i), behind))

        with b.loop(lo, full, n) as i:
            line = b.read(self.x, place(i.iv, n - 1), (n,), (self.last,))
            line = self._shuffle(line, line, range(n - 1, -1, -1))
            b.write(line, self.y, self._at(where, last=i.iv), (self.last,))
        with b.loop(full, hi) as i:
            b.store(b.load(self.x, *place(i.iv, 0)), self.y, *self._at(where, last=i.iv))
