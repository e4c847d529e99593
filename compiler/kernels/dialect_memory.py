"""MLIR's memref and vector ops that the loops level uses.

Sizes of memref types are symbolic here; MLIR wants an operand for each dynamic one, so the ops that make
views carry them too, in MLIR's order.
"""

from __future__ import annotations

from typing import Union

from ...runtime.spec import DType, bf16, f16, i8, i16, i32, i64, u8, u16, u32, u64
from ..ir.attributes import Attribute, Raw
from ..ir.core import Value
from ..ir.dims import Dim, Sym
from ..ir.opdef import Attr, DefinedOp, Operand, Variadic
from ..ir.types import MemRefType, ScalarType, Type, VectorType

DimAttr = tuple[Union[int, Sym], ...]
_DYNAMIC = -(2**63)
_STORED = {u8: i8, u16: i16, u32: i32, u64: i64, f16: i16, bf16: i16}


def signless(dtype: DType) -> DType:
    """How elements lie in buffers: MLIR's arith has no unsigned types, the op tells the sign; 16-bit floats are
    kept as their bits and computed with as f32."""
    return _STORED.get(dtype, dtype)


def memref(v: Value) -> MemRefType:
    if not isinstance(v.type, MemRefType):
        raise TypeError(f"expected a memref, received {v.type}")
    return v.type


def vector(v: Value) -> VectorType:
    if not isinstance(v.type, VectorType):
        raise TypeError(f"expected a vector, received {v.type}")
    return v.type


def _static(dims: tuple[Dim, ...]) -> Raw:
    inner = ", ".join(str(_DYNAMIC if isinstance(d, Sym) else d) for d in dims)
    return Raw(f"array<i64: {inner}>" if dims else "array<i64>")


class View(DefinedOp, name="memref.view", traits={"pure"}):
    """A dense buffer inside a buffer of bytes, at a byte offset."""

    source = Operand()
    offset = Operand()
    sizes = Variadic()
    shape = Attr(DimAttr)
    dtype = Attr(DType)

    def infer(self) -> tuple[Type, ...]:
        return (MemRefType(self.shape, self.dtype),)


class ReinterpretCast(DefinedOp, name="memref.reinterpret_cast", traits={"pure"}):
    """Another shape and layout of the same buffer; windows may overlap."""

    source = Operand()
    dynamic = Variadic()
    offset = Attr(Union[int, Sym], default=0)  # type: ignore[arg-type]
    shape = Attr(DimAttr)
    strides = Attr(DimAttr)

    def infer(self) -> tuple[Type, ...]:
        return (MemRefType(self.shape, memref(self.source).dtype, self.strides, self.offset),)

    def generic_properties(self) -> dict[str, Attribute]:
        groups = [sum(isinstance(d, Sym) for d in g) for g in ((self.offset,), self.shape, self.strides)]
        return {
            "operandSegmentSizes": Raw(f"array<i32: 1, {groups[0]}, {groups[1]}, {groups[2]}>"),
            "static_offsets": _static((self.offset,)),
            "static_sizes": _static(self.shape),
            "static_strides": _static(self.strides),
        }


class MemLoad(DefinedOp, name="memref.load"):
    """One element."""

    source = Operand()
    indices = Variadic()

    def infer(self) -> tuple[Type, ...]:
        return (ScalarType(memref(self.source).dtype),)


class MemStore(DefinedOp, name="memref.store"):
    """Stores one element."""

    value = Operand()
    target = Operand()
    indices = Variadic()

    def infer(self) -> tuple[Type, ...]:
        return ()


RMW_KINDS = (
    "addf", "addi", "assign", "maximumf", "maxs", "maxu", "minimumf", "mins", "minu", "mulf", "muli", "ori", "andi",
)  # fmt: skip


class AtomicRmw(DefinedOp, name="memref.atomic_rmw"):
    """Reads, changes and writes one element atomically; gives the old value."""

    properties = ("kind",)
    value = Operand()
    target = Operand()
    indices = Variadic()
    kind = Attr(str, choices=RMW_KINDS, enum=True)

    def infer(self) -> tuple[Type, ...]:
        return (self.value.type,)


class Prefetch(DefinedOp, name="memref.prefetch"):
    """Asks for the cache line of an element, which may lie outside of the buffer: into all caches (`locality` 3) or
    all but the first level (2)."""

    source = Operand()
    indices = Variadic()
    write = Attr(bool, default=False)
    locality = Attr(int, default=2)

    def infer(self) -> tuple[Type, ...]:
        return ()

    def generic_properties(self) -> dict[str, Attribute]:
        return {
            "isDataCache": True,
            "isWrite": self.write,
            "localityHint": Raw(f"{self.locality} : i32"),
        }


class VectorBroadcast(DefinedOp, name="vector.broadcast", traits={"pure"}):
    """A scalar to all elements, or a vector to all rows."""

    x = Operand()


class VectorLoad(DefinedOp, name="vector.load"):
    """A vector of consecutive elements of the last dimension, all inside."""

    source = Operand()
    indices = Variadic()


class VectorStore(DefinedOp, name="vector.store"):
    """Stores consecutive elements, all inside."""

    value = Operand()
    target = Operand()
    indices = Variadic()

    def infer(self) -> tuple[Type, ...]:
        return ()


class TransferRead(DefinedOp, name="vector.transfer_read"):
    """A slice of a buffer as a vector: vector dimension i runs along memref dimension map[i].

    The last operand is the value for places outside; `in_bounds[i]` false says that there may be some.
    """

    source = Operand()
    rest = Variadic()
    map = Attr(tuple[int, ...])
    in_bounds = Attr(tuple[bool, ...])

    properties = ("in_bounds",)

    @property
    def indices(self) -> tuple[Value, ...]:
        return self.rest[:-1]

    @property
    def padding(self) -> Value:
        return self.rest[-1]

    def generic_properties(self) -> dict[str, Attribute]:
        return {
            "permutation_map": affine_map(len(self.indices), self.map),
            "operandSegmentSizes": Raw(f"array<i32: 1, {len(self.indices)}, 1, 0>"),
        }


class TransferWrite(DefinedOp, name="vector.transfer_write"):
    """Writes a vector to a slice of a buffer; what falls outside is dropped."""

    value = Operand()
    target = Operand()
    indices = Variadic()
    map = Attr(tuple[int, ...])
    in_bounds = Attr(tuple[bool, ...])

    properties = ("in_bounds",)

    def infer(self) -> tuple[Type, ...]:
        return ()

    def generic_properties(self) -> dict[str, Attribute]:
        return {
            "permutation_map": affine_map(len(self.indices), self.map),
            "operandSegmentSizes": Raw(f"array<i32: 1, 1, {len(self.indices)}, 0>"),
        }


def affine_map(rank: int, dims: tuple[int, ...]) -> Raw:
    inputs = ", ".join(f"d{i}" for i in range(rank))
    return Raw(f"affine_map<({inputs}) -> ({', '.join(f'd{d}' for d in dims)})>")


class OuterProduct(DefinedOp, name="vector.outerproduct", traits={"pure"}):
    """acc + x ⊗ y: the step of a matrix product on a tile of accumulators."""

    x = Operand()
    y = Operand()
    acc = Operand()

    def infer(self) -> tuple[Type, ...]:
        return (self.acc.type,)

    def generic_properties(self) -> dict[str, Attribute]:
        return {"kind": Raw("#vector.kind<add>")}


class VectorExtract(DefinedOp, name="vector.extract", traits={"pure"}):
    """One row of a tile, or one element of a vector."""

    x = Operand()
    position = Attr(tuple[int, ...])

    def infer(self) -> tuple[Type, ...]:
        t = vector(self.x)
        rest = t.shape[len(self.position) :]
        return (VectorType(rest, t.dtype) if rest else ScalarType(t.dtype),)

    def generic_properties(self) -> dict[str, Attribute]:
        return {"static_position": _static(self.position)}


class Shuffle(DefinedOp, name="vector.shuffle", traits={"pure"}):
    """Chosen elements of two vectors; those of the second are counted on from the first."""

    properties = ("mask",)
    x = Operand()
    y = Operand()
    mask = Attr(tuple[int, ...])

    def infer(self) -> tuple[Type, ...]:
        return (VectorType((len(self.mask),), vector(self.x).dtype),)


class ShapeCast(DefinedOp, name="vector.shape_cast", traits={"pure"}):
    """The same elements in another vector shape."""

    x = Operand()


class Reduction(DefinedOp, name="vector.reduction", traits={"pure"}):
    """All elements of a vector to one, pairwise."""

    x = Operand()
    kind = Attr(str, choices=("add", "mul", "maximumf", "minimumf", "maxsi", "minsi", "maxui", "minui"))

    def infer(self) -> tuple[Type, ...]:
        return (ScalarType(vector(self.x).dtype),)

    def generic_properties(self) -> dict[str, Attribute]:
        return {"kind": Raw(f"#vector.kind<{self.kind}>")}
