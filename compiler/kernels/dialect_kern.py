"""The kern dialect: what will run. Buffers, kernels as symbols, and calls of them."""

from __future__ import annotations

from typing import Any, Union

from ...runtime.spec import DType
from ..ir.attributes import Dense, SymbolRef
from ..ir.dims import Dim, Sym, parse_dim
from ..ir.opdef import Attr, DefinedOp, Operand, Variadic
from ..ir.types import MemRefType, Type
from .dialect_memory import memref, signless

DimAttr = tuple[Union[int, Sym], ...]


#: the symbol of scratch buffers that have a part for each thread of the call
THREADS = "threads"


class Alloc(DefinedOp, name="kern.alloc"):
    """A buffer of the arena; `offset` in bytes is filled in by plan-memory."""

    shape = Attr(DimAttr)
    dtype = Attr(DType)
    offset = Attr(Union[int, Sym], default=-1)  # type: ignore[arg-type]
    #: 0 for the arena; a buffer whose size is computed at run time lies in a block reserved after that
    stage = Attr(int, default=0)

    def infer(self) -> tuple[Type, ...]:
        return (MemRefType(self.shape, self.dtype),)


class DefineSymbol(DefinedOp, name="kern.define_size"):
    """Gives a symbol the value of a scalar buffer. A negative one, and `requires` that do not hold, are errors
    with the numbers `site`, `site + 1`, …; then the function ends."""

    source = Operand()
    symbol = Attr(str)
    site = Attr(int)
    requires = Attr(tuple[str, ...], default=())

    def infer(self) -> tuple[Type, ...]:
        return ()


class Reserve(DefinedOp, name="kern.reserve"):
    """Memory for the buffers of a stage: sizes that were not known when the function began."""

    stage = Attr(int)
    bytes = Attr(Union[int, Sym])  # type: ignore[arg-type]
    site = Attr(int, default=0)

    def infer(self) -> tuple[Type, ...]:
        return ()


class Deliver(DefinedOp, name="kern.deliver"):
    """Leaves a result whose sizes the caller could not know in the session, for nw_result to fetch."""

    source = Operand()
    output = Attr(int)

    def infer(self) -> tuple[Type, ...]:
        return ()


class KernConstant(DefinedOp, name="kern.constant", traits={"pure"}):
    """A constant as it lies in the read-only segment, packed; `offset` in bytes is filled in by plan-memory."""

    value = Attr(Dense)

    def infer(self) -> tuple[Type, ...]:
        t = self.value.type
        return (MemRefType(t.shape, signless(t.dtype)),)


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

    `reads` and `writes` describe its buffers in terms of its own `symbols`; `params` are the family's
    literals (strides, tile, split, …). The region, if any, is the pointwise computation on each result element.
    """

    sym_name = Attr(str)
    family = Attr(str)
    algorithm = Attr(str)
    reads = Attr(tuple[dict[str, Any], ...])
    writes = Attr(tuple[dict[str, Any], ...])
    symbols = Attr(tuple[str, ...])
    params = Attr(dict[str, Any])

    @property
    def inputs(self) -> tuple[MemRefType, ...]:
        return tuple(described_buffer(d) for d in self.reads)

    @property
    def outputs(self) -> tuple[MemRefType, ...]:
        return tuple(described_buffer(d) for d in self.writes)

    def infer(self) -> tuple[Type, ...]:
        return ()


def describe_buffer(t: MemRefType) -> dict[str, Any]:
    """A buffer's type as an attribute; the text of a type would lose the names of its sizes."""
    out: dict[str, Any] = {"dtype": t.dtype, "shape": _texts(t.shape)}
    if t.strides is not None:
        out["strides"] = _texts(t.strides)
    return out


def described_buffer(d: dict[str, Any]) -> MemRefType:
    strides = d.get("strides")
    return MemRefType(as_dims(d["shape"]), d["dtype"], None if strides is None else as_dims(strides))


def _texts(dims: tuple[Dim, ...]) -> tuple[int | str, ...]:
    return tuple(d if isinstance(d, int) else str(d) for d in dims)


def as_dims(texts: tuple[int | str | Sym, ...]) -> tuple[Dim, ...]:
    """Dimensions from an attribute that may have been text."""
    return tuple(parse_dim(t) if isinstance(t, str) else t for t in texts)


class KernCall(DefinedOp, name="kern.call"):
    """Runs a kernel on inputs, then outputs. `dims` are the values of its symbols.

    `flops` and `bytes` are for people and reports; `units` is the size of the parallel range, `grain` the
    number of units worth a task of their own. `why` tells what was chosen and what else was considered, `cycles`
    what was predicted for the call, and `error_bound` the largest error over the largest result of an algorithm
    that rounds otherwise than the definition; they stand here so that calls still share kernels.
    """

    buffers = Variadic()
    kernel = Attr(SymbolRef)
    dims = Attr(DimAttr)
    units = Attr(Union[int, Sym])  # type: ignore[arg-type]
    grain = Attr(int, default=1)
    site = Attr(int, default=-1)
    flops = Attr(Union[int, Sym], default=0)  # type: ignore[arg-type]
    bytes = Attr(Union[int, Sym], default=0)  # type: ignore[arg-type]
    why = Attr(str, default="")
    cycles = Attr(Union[int, Sym], default=0)  # type: ignore[arg-type]
    error_bound = Attr(float, default=0.0)

    def infer(self) -> tuple[Type, ...]:
        return ()


class Bands(DefinedOp, name="kern.bands"):
    """Calls for bands of rows, one after the other: what they make of an image for each other stays in the cache.

    A band is `band` of the `rows` rows that all calls but the first make. Windows of `taps` rows, `stride` apart and
    `pad` beyond the edge, read the first call's image, which has `size` rows. The region's calls take ranges of rows
    over all `images`.
    """

    images = Attr(Union[int, Sym])  # type: ignore[arg-type]
    rows = Attr(int)
    band = Attr(int)
    size = Attr(int)
    taps = Attr(int)
    stride = Attr(int)
    pad = Attr(int)

    def infer(self) -> tuple[Type, ...]:
        return ()


class BandView(DefinedOp, name="kern.band_view", traits={"pure"}):
    """In a `kern.bands`: a whole intermediate image, of which `source` [threads, rows, …] holds the band's rows: those
    that windows read (`windows`), or those of the result."""

    source = Operand()
    shape = Attr(DimAttr)
    windows = Attr(bool)

    def infer(self) -> tuple[Type, ...]:
        return (MemRefType(self.shape, memref(self.source).dtype),)


def bytes_of(t: MemRefType) -> Dim:
    """The size of a dense buffer."""
    return t.size * t.dtype.size
