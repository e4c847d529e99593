"""memref and vector ops: loads, stores, masked tails, tiles and their outer products."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ...runtime.spec import DType
from ..ir.core import Op, Value
from ..ir.types import MemRefType, VectorType
from ..kernels.dialect_memory import OuterProduct, Reduction, ShapeCast, TransferRead, TransferWrite
from .emit_arith import ArithEmitter
from .emit_core import Affine, Mem, Scalars, Vec, llvm_scalar


class VectorEmitter(ArithEmitter):
    """Handlers of the memref and vector dialects."""

    # scalars in memory; a bool takes a byte

    def load_element(self, dtype: DType, pointer: str) -> str:
        if dtype.kind == "b":
            byte = self.emit(f"load i8, ptr {pointer}, align 1")
            return self.emit(f"icmp ne i8 {byte}, 0")
        return self.emit(f"load {llvm_scalar(dtype)}, ptr {pointer}, align {dtype.size}")

    def store_element(self, dtype: DType, pointer: str, value: str) -> None:
        if dtype.kind == "b":
            value = self.emit(f"zext i1 {value} to i8")
            self.line(f"store i8 {value}, ptr {pointer}, align 1")
            return
        self.line(f"store {llvm_scalar(dtype)} {value}, ptr {pointer}, align {dtype.size}")

    def element(self, memref: Value, indices: Iterable[Value]) -> str:
        return self.address(self.memory(memref), self.indices(indices))

    def memref_load(self, op: Op) -> None:
        source, *indices = op.operands
        self.values[op.result] = self.load_element(
            self.memory(source).type.dtype, self.element(source, indices)
        )

    def memref_store(self, op: Op) -> None:
        value, target, *indices = op.operands
        self.store_element(self.memory(target).type.dtype, self.element(target, indices), self.operand(value))

    def memref_prefetch(self, op: Op) -> None:
        source, *indices = op.operands
        write, locality = int(op.attributes["write"]), op.attributes["locality"]
        at = self.element(source, indices)
        self.declared["llvm.prefetch.p0"] = "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)"
        self.line(f"call void @llvm.prefetch.p0(ptr {at}, i32 {write}, i32 {locality}, i32 1)")

    def memref_atomic_rmw(self, op: Op) -> None:
        value, target, *indices = op.operands
        kind = {
            "minu": "umin",
            "maxu": "umax",
            "mins": "min",
            "maxs": "max",
            "addi": "add",
            "assign": "xchg",
        }[op.attributes["kind"]]
        pointer = self.element(target, indices)
        t = self.llvm_type(value.type)
        self.values[op.result] = self.emit(
            f"atomicrmw {kind} ptr {pointer}, {t} {self.operand(value)} monotonic"
        )

    def memref_view(self, op: Op) -> None:
        kind = op.result.type
        if isinstance(kind, MemRefType):
            self.values[op.result] = Mem("", kind, self.memory(op.operands[0]), self.index(op.operands[1]))

    def memref_reinterpret_cast(self, op: Op) -> None:
        source, kind = self.memory(op.operands[0]), op.result.type
        if isinstance(kind, MemRefType):
            self.values[op.result] = replace(source, type=kind)

    # whole vectors

    def load_chunk(self, dtype: DType, width: int, pointer: str) -> str:
        kind = self.vector_type(dtype, width)
        if dtype.kind == "b":
            raw = self.emit(f"load <{width} x i8>, ptr {pointer}, align 1")
            return self.emit(f"icmp ne <{width} x i8> {raw}, zeroinitializer")
        return self.emit(f"load {kind}, ptr {pointer}, align {dtype.size}")

    def store_chunk(self, dtype: DType, width: int, pointer: str, value: str) -> None:
        kind = self.vector_type(dtype, width)
        if dtype.kind == "b":
            value = self.emit(f"zext {kind} {value} to <{width} x i8>")
            kind = f"<{width} x i8>"
        self.line(f"store {kind} {value}, ptr {pointer}, align {dtype.size}")

    def row_pointers(self, mem: Mem, indices: list[Affine], columns: int) -> list[tuple[int, str]]:
        """(width, address) of the chunks of a row, whose elements follow each other."""
        out: list[tuple[int, str]] = []
        place = self.place(mem, indices)
        for w in self.widths(columns):
            out.append((w, self.at(mem, place)))
            place = place.moved(w)
        return out

    def vector_load(self, op: Op) -> None:
        source, *indices = op.operands
        mem, kind = self.memory(source), op.result.type
        if not isinstance(kind, VectorType) or len(kind.shape) != 1:
            raise self.unsupported(op, "loads give vectors of rank 1")
        at = self.indices(indices)
        chunks = [self.load_chunk(kind.dtype, w, p) for w, p in self.row_pointers(mem, at, kind.shape[0])]
        self.values[op.result] = Vec(kind, [chunks])

    def vector_store(self, op: Op) -> None:
        value, target, *indices = op.operands
        mem, vec = self.memory(target), self.chunks(value)
        at = self.indices(indices)
        for (w, p), chunk in zip(self.row_pointers(mem, at, vec.type.shape[-1]), vec.rows[0], strict=True):
            self.store_chunk(vec.type.dtype, w, p, chunk)

    def vector_broadcast(self, op: Op) -> None:
        (x,) = op.operands
        kind = op.result.type
        if not isinstance(kind, VectorType):
            raise self.unsupported(op, "broadcasts give vectors")
        rows = kind.size // kind.shape[-1]
        if isinstance(x.type, VectorType):
            have = self.chunks(x)
            self.values[op.result] = Vec(kind, [list(have.rows[0]) for _ in range(rows)])
            return
        scalar = self.operand(x)
        row = [self.splat(kind.dtype, w, scalar) for w in self.widths(kind.shape[-1])]
        self.values[op.result] = Vec(kind, [list(row) for _ in range(rows)])

    def splat(self, dtype: DType, width: int, scalar: str) -> str:
        """A scalar in all lanes; constants need no instruction."""
        if not scalar.startswith("%"):
            return f"splat ({llvm_scalar(dtype)} {scalar})"
        kind = self.vector_type(dtype, width)
        one = self.pure(f"insertelement {kind} poison, {llvm_scalar(dtype)} {scalar}, i64 0", scalar)
        return self.pure(f"shufflevector {kind} {one}, {kind} poison, <{width} x i32> zeroinitializer", one)

    def vector_shape_cast(self, op: Op) -> None:
        have, kind = self.values[op.operands[0]], op.result.type
        if not isinstance(kind, VectorType):
            raise self.unsupported(op, "shape casts give vectors")
        if isinstance(have, Scalars):
            self.values[op.result] = Scalars(kind, have.items)
        elif isinstance(have, Vec) and self._same_chunks(have.type.shape[-1], kind.shape[-1]):
            flat = [c for row in have.rows for c in row]
            n = len(self.widths(kind.shape[-1]))
            self.values[op.result] = Vec(kind, [flat[i : i + n] for i in range(0, len(flat), n)])
        else:
            raise self.unsupported(op, f"{have.type} to {kind}")

    def _same_chunks(self, a: int, b: int) -> bool:
        return a == b or (a % self.lanes == 0 and b % self.lanes == 0)

    def vector_extract(self, op: Op) -> None:
        have, position = self.values[op.operands[0]], op.attributes["position"]
        if isinstance(have, Scalars):
            self.values[op.result] = have.items[position[-1]]
            return
        vec = self.chunks(op.operands[0])
        if isinstance(op.result.type, VectorType):
            self.values[op.result] = Vec(op.result.type, [vec.rows[position[0]]])
            return
        row = vec.rows[position[0] if len(position) == 2 else 0]
        chunk, lane = divmod(position[-1], self.lanes)
        width = self.widths(vec.type.shape[-1])[chunk]
        kind = self.vector_type(vec.type.dtype, width)
        self.values[op.result] = self.emit(f"extractelement {kind} {row[chunk]}, i64 {lane}")

    def vector_outerproduct(self, op: Op) -> None:
        x, y, acc = op.operands
        right, tile = self.chunks(y), self.chunks(acc)
        dtype = tile.type.dtype
        widths = self.widths(tile.type.shape[-1])
        rows = []
        for r, have in enumerate(tile.rows):
            scalar = self.item(x, r)
            rows.append(
                [
                    self.multiply_add(dtype, w, self.lane_splat(dtype, w, scalar), right.rows[0][c], have[c])
                    for c, w in enumerate(widths)
                ]
            )
        self.values[op.result] = Vec(tile.type, rows)

    def item(self, v: Value, i: int) -> str:
        """Element i of a rank-1 vector."""
        have = self.values[v]
        if isinstance(have, Scalars):
            return have.items[i]
        vec = self.chunks(v)
        chunk, lane = divmod(i, self.lanes)
        kind = self.vector_type(vec.type.dtype, self.widths(vec.type.shape[-1])[chunk])
        return self.emit(f"extractelement {kind} {vec.rows[0][chunk]}, i64 {lane}")

    def lane_splat(self, dtype: DType, width: int, scalar: str) -> str:
        kind = self.vector_type(dtype, width)
        one = self.pure(f"insertelement {kind} poison, {llvm_scalar(dtype)} {scalar}, i64 0", scalar)
        return self.pure(f"shufflevector {kind} {one}, {kind} poison, <{width} x i32> zeroinitializer", one)

    def multiply_add(self, dtype: DType, width: int, a: str, b: str, c: str) -> str:
        kind = self.vector_type(dtype, width)
        if dtype.is_float:
            return self.intrinsic("fmuladd", kind, dtype, width, a, b, c)
        return self.emit(f"add {kind} {c}, {self.emit(f'mul {kind} {a}, {b}')}")

    def vector_reduction(self, op: Op) -> None:
        """Halves the vector until one element is left: the same tree on every target width."""
        if not isinstance(op, Reduction):
            raise self.unsupported(op, "not a reduction")
        vec = self.chunks(op.x)
        dtype = vec.type.dtype
        parts = [(w, c) for w, c in zip(self.widths(vec.type.shape[-1]), vec.rows[0], strict=True)]
        scalars = [
            self.emit(f"extractelement {self.vector_type(dtype, w)} {c}, i64 {lane}")
            for w, c in parts
            for lane in range(w)
        ] if vec.type.shape[-1] & (vec.type.shape[-1] - 1) else []  # fmt: skip
        if scalars:
            self.values[op.result] = self._fold_scalars(op.kind, dtype, scalars)
            return
        while len(parts) > 1:
            half = len(parts) // 2
            parts = [
                (w, self._combine(op.kind, dtype, w, a, parts[i + half][1]))
                for i, (w, a) in enumerate(parts[:half])
            ]
        width, whole = parts[0]
        while width > 1:
            half = width // 2
            kind = self.vector_type(dtype, width)
            low, high = (
                self.emit(f"shufflevector {kind} {whole}, {kind} poison, <{half} x i32> {_lanes(at, half)}")
                for at in (0, half)
            )
            whole = self._combine(op.kind, dtype, half, low, high)
            width = half
        self.values[op.result] = self.emit(f"extractelement {self.vector_type(dtype, 1)} {whole}, i64 0")

    def _fold_scalars(self, kind: str, dtype: DType, items: list[str]) -> str:
        while len(items) > 1:
            rest = items[len(items) // 2 * 2 :]
            items = [
                self._combine(kind, dtype, 0, a, b) for a, b in zip(items[::2], items[1::2], strict=False)
            ]
            items += rest
        return items[0]

    def _combine(self, kind: str, dtype: DType, width: int, a: str, b: str) -> str:
        t = self.vector_type(dtype, width) if width else llvm_scalar(dtype)
        if kind in ("add", "mul"):
            return self.emit(f"{'f' if dtype.is_float else ''}{kind} {t} {a}, {b}")
        name = {"maximumf": "maximum", "minimumf": "minimum", "maxsi": "smax", "minsi": "smin"}.get(kind)
        return self.intrinsic(name or {"maxui": "umax", "minui": "umin"}[kind], t, dtype, width, a, b)

    # slices with tails

    def vector_transfer_read(self, op: Op) -> None:
        if not isinstance(op, TransferRead):
            raise self.unsupported(op, "not a transfer")
        source, *indices, padding = op.operands
        mem, result, axes, in_bounds = self.memory(source), op.result, op.map, op.in_bounds
        kind = result.type
        if not isinstance(kind, VectorType):
            raise self.unsupported(op, "transfers give vectors")
        at = self.indices(indices)
        if mem.type.element_strides[axes[-1]] != 1 or _feeds_columns(result):
            if not all(in_bounds):
                raise self.unsupported(op, "a strided slice must be inside")
            items = [
                self.load_element(kind.dtype, self.address(mem, i)) for i in _positions(at, axes, kind.shape)
            ]
            self.values[result] = Scalars(kind, items)
            return
        fill = self.operand(padding)
        rows = []
        for start in _positions(at, axes[:-1], kind.shape[:-1]):
            pointers = self.row_pointers(mem, start, kind.shape[-1])
            if in_bounds[-1]:
                rows.append([self.load_chunk(kind.dtype, w, p) for w, p in pointers])
            else:
                masks = self.tail_masks(mem, start, axes[-1], kind.shape[-1])
                rows.append(
                    [
                        self.masked_load(kind.dtype, w, p, m, fill)
                        for (w, p), m in zip(pointers, masks, strict=True)
                    ]
                )
        self.values[result] = Vec(kind, rows)

    def vector_transfer_write(self, op: Op) -> None:
        if not isinstance(op, TransferWrite):
            raise self.unsupported(op, "not a transfer")
        value, target, *indices = op.operands
        mem, vec, axes, in_bounds = self.memory(target), self.chunks(value), op.map, op.in_bounds
        at = self.indices(indices)
        dtype, columns = vec.type.dtype, vec.type.shape[-1]
        if mem.type.element_strides[axes[-1]] != 1:
            raise self.unsupported(op, "writes run along the dense dimension")
        starts = _positions(at, axes[:-1], vec.type.shape[:-1])
        for start, row in zip(starts, vec.rows, strict=True):
            pointers = self.row_pointers(mem, start, columns)
            if in_bounds[-1]:
                for (w, p), chunk in zip(pointers, row, strict=True):
                    self.store_chunk(dtype, w, p, chunk)
                continue
            masks = self.tail_masks(mem, start, axes[-1], columns)
            for (w, p), chunk, m in zip(pointers, row, masks, strict=True):
                self.masked_store(dtype, w, p, m, chunk)

    def tail_masks(self, mem: Mem, at: list[Affine], axis: int, columns: int) -> list[str]:
        """For each chunk the lanes that lie inside."""
        left = self.dim(mem.type.shape[axis]).plus(at[axis], -1)
        out, done = [], 0
        for w in self.widths(columns):
            room = self.materialize(left.moved(-done))
            bound = self.splat_i64(w, room)
            lanes = ", ".join(f"i64 {i}" for i in range(w))
            out.append(self.pure(f"icmp slt <{w} x i64> <{lanes}>, {bound}", bound))
            done += w
        return out

    def splat_i64(self, width: int, scalar: str) -> str:
        if not scalar.startswith("%"):
            return f"splat (i64 {scalar})"
        kind = f"<{width} x i64>"
        one = self.pure(f"insertelement {kind} poison, i64 {scalar}, i64 0", scalar)
        return self.pure(f"shufflevector {kind} {one}, {kind} poison, <{width} x i32> zeroinitializer", one)

    def masked_load(self, dtype: DType, w: int, pointer: str, mask: str, padding: str) -> str:
        memory = f"<{w} x i8>" if dtype.kind == "b" else self.vector_type(dtype, w)
        suffix = f"v{w}{'i8' if dtype.kind == 'b' else dtype.name if dtype.is_float else f'i{dtype.bits}'}"
        name = f"@llvm.masked.load.{suffix}.p0"
        self.declare(name, f"declare {memory} {name}(ptr, i32, <{w} x i1>, {memory})")
        if dtype.kind == "b":
            fill = "splat (i8 1)" if padding == "true" else "zeroinitializer"
        else:
            fill = self.splat(dtype, w, padding)
        got = self.emit(
            f"call {memory} {name}(ptr {pointer}, i32 {dtype.size}, <{w} x i1> {mask}, {memory} {fill})"
        )
        return self.emit(f"icmp ne {memory} {got}, zeroinitializer") if dtype.kind == "b" else got

    def masked_store(self, dtype: DType, w: int, pointer: str, mask: str, value: str) -> None:
        memory = f"<{w} x i8>" if dtype.kind == "b" else self.vector_type(dtype, w)
        suffix = f"v{w}{'i8' if dtype.kind == 'b' else dtype.name if dtype.is_float else f'i{dtype.bits}'}"
        name = f"@llvm.masked.store.{suffix}.p0"
        self.declare(name, f"declare void {name}({memory}, ptr, i32, <{w} x i1>)")
        if dtype.kind == "b":
            value = self.emit(f"zext <{w} x i1> {value} to {memory}")
        self.line(f"call void {name}({memory} {value}, ptr {pointer}, i32 {dtype.size}, <{w} x i1> {mask})")


def _feeds_columns(v: Value) -> bool:
    """Whether a vector is only ever the left operand of outer products, which want separate scalars."""
    return bool(v.uses) and all(
        (isinstance(op, OuterProduct) and i == 0) or (isinstance(op, ShapeCast) and _feeds_columns(op.result))
        for op, i in v.uses
    )


def _positions(at: list[Affine], axes: tuple[int, ...], shape: tuple[int, ...]) -> list[list[Affine]]:
    """The start of every row: `at` moved along `axes` by all positions of `shape`, in order."""
    out = [at]
    for axis, size in zip(axes, shape, strict=True):
        moved = []
        for start in out:
            for i in range(size):
                there = list(start)
                there[axis] = there[axis].moved(i)
                moved.append(there)
        out = moved
    return out


def _lanes(start: int, count: int) -> str:
    return "<" + ", ".join(f"i32 {i}" for i in range(start, start + count)) + ">"
