"""The kern dialect: what will run. Buffers, kernels as symbols, and calls of them."""

from __future__ import annotations

from typing import Any, Union

from ...runtime.spec import DType
from ..ir.attributes import Dense, SymbolRef
from ..ir.dims import Dim, Sym
from ..ir.opdef import Attr, DefinedOp, Operand, Variadic
from ..ir.types import MemRefType, Type
from .dialect_memory import memref

DimAttr = tuple[Union[int, Sym], ...]


class Alloc(DefinedOp, name="kern.alloc"):
    """A buffer of the arena; `offset` in bytes is filled in by plan-memory."""

    shape = Attr(DimAttr)
    dtype = Attr(DType)

    def infer(self) -> tuple[Type, ...]:
        return (MemRefType(self.shape, self.dtype),)


class KernConstant(DefinedOp, name="kern.constant", traits={"pure"}):
    """A constant as it lies in the read-only segment, packed; `offset` in bytes is filled in by plan-memory."""

    value = Attr(Dense)

    def infer(self) -> tuple[Type, ...]:
        t = self.value.type
        return (MemRefType(t.shape, t.dtype),)


class KernVariable(DefinedOp, name="kern.variable", traits={"pure"}):
    """A variable's place in the state."""

    variable = Attr(SymbolRef)
    shape = Attr(DimAttr)
    dtype = Attr(DType)

    def infer(self) -> tuple[Type, ...]:
        return (MemRefType(self.shape, self.dtype),)


class KernView(DefinedOp, name="kern.view", traits={"pure"}):
    """Another shape and layout of a buffer; offset and strides in elements."""

    source = Operand()
    shape = Attr(DimAttr)
    strides = Attr(DimAttr)
    offset = Attr(Union[int, Sym], default=0)  # type: ignore[arg-type]

    def infer(self) -> tuple[Type, ...]:
        dense = MemRefType(self.shape, memref(self.source).dtype)
        if self.offset == 0 and dense.element_strides == self.strides:
            return (dense,)
        return (MemRefType(self.shape, dense.dtype, self.strides, self.offset),)


class Kernel(DefinedOp, name="kern.kernel", traits={"isolated"}):
    """One kernel, shared by all calls that need the same code.

    `inputs` and `outputs` are its buffers in terms of its own `symbols`; `params` are the family's literals
    (strides, tile, split, …). The region, if any, is the pointwise computation on each result element.
    """

    sym_name = Attr(str)
    family = Attr(str)
    algorithm = Attr(str)
    inputs = Attr(tuple[MemRefType, ...])
    outputs = Attr(tuple[MemRefType, ...])
    symbols = Attr(tuple[str, ...])
    params = Attr(dict[str, Any])

    def infer(self) -> tuple[Type, ...]:
        return ()


class KernCall(DefinedOp, name="kern.call"):
    """Runs a kernel on inputs, then outputs. `dims` are the values of its symbols.

    `flops` and `bytes` are for people and reports; `units` is the size of the parallel range, `grain` the
    number of units worth a task of their own.
    """

    buffers = Variadic()
    kernel = Attr(SymbolRef)
    dims = Attr(DimAttr)
    units = Attr(Union[int, Sym])  # type: ignore[arg-type]
    grain = Attr(int, default=1)
    site = Attr(int, default=-1)
    flops = Attr(Union[int, Sym], default=0)  # type: ignore[arg-type]
    bytes = Attr(Union[int, Sym], default=0)  # type: ignore[arg-type]

    def infer(self) -> tuple[Type, ...]:
        return ()


def bytes_of(t: MemRefType) -> Dim:
    """The size of a dense buffer."""
    return t.size * t.dtype.size
