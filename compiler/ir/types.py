"""Types of values: tensors, memrefs, vectors, scalars, index, functions; MLIR's names and text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias, Union

from ...runtime.spec import DType
from .dims import Dim, Sym, product


def _dims_text(shape: tuple[Dim, ...]) -> str:
    return "".join("?x" if isinstance(d, Sym) else f"{d}x" for d in shape)


@dataclass(frozen=True)
class TensorType:
    """A value tensor. Dynamic dimensions are symbols; the text shows them as `?`."""

    shape: tuple[Dim, ...]
    dtype: DType

    @cached_property
    def _hash(self) -> int:
        return hash((self.shape, self.dtype))

    def __hash__(self) -> int:
        return self._hash  # types are keys everywhere

    @property
    def rank(self) -> int:
        return len(self.shape)

    @cached_property
    def size(self) -> Dim:
        """The number of elements."""
        return product(self.shape)

    @property
    def is_static(self) -> bool:
        return not any(isinstance(d, Sym) for d in self.shape)

    def __str__(self) -> str:
        return f"tensor<{_dims_text(self.shape)}{self.dtype.name}>"


@dataclass(frozen=True)
class MemRefType:
    """A buffer; `strides` in elements (None: dense, row-major), `offset` in elements from its pointer.

    Integer element types are signless (`i8` for uint8), as in MLIR's arith.
    """

    shape: tuple[Dim, ...]
    dtype: DType
    strides: tuple[Dim, ...] | None = None
    offset: Dim = 0

    @property
    def rank(self) -> int:
        return len(self.shape)

    @cached_property
    def element_strides(self) -> tuple[Dim, ...]:
        """The strides, also of a dense buffer."""
        if self.strides is not None:
            return self.strides
        return tuple(product(self.shape[i + 1 :]) for i in range(len(self.shape)))

    @cached_property
    def size(self) -> Dim:
        return product(self.shape)

    def __str__(self) -> str:
        layout = ""
        if self.strides is not None:
            inner = ", ".join("?" if isinstance(s, Sym) else str(s) for s in self.strides)
            off = "?" if isinstance(self.offset, Sym) else str(self.offset)
            layout = f", strided<[{inner}]" + (f", offset: {off}>" if off != "0" else ">")
        return f"memref<{_dims_text(self.shape)}{self.dtype.name}{layout}>"


@dataclass(frozen=True)
class VectorType:
    """A fixed-size vector; accumulator tiles are 2-D."""

    shape: tuple[int, ...]
    dtype: DType

    @property
    def size(self) -> int:
        n = 1
        for d in self.shape:
            n *= d
        return n

    def __str__(self) -> str:
        return f"vector<{''.join(f'{d}x' for d in self.shape)}{self.dtype.name}>"


@dataclass(frozen=True)
class ScalarType:
    """One number in a register."""

    dtype: DType

    def __str__(self) -> str:
        return self.dtype.name


@dataclass(frozen=True)
class IndexType:
    """Sizes and subscripts; 64 bits."""

    def __str__(self) -> str:
        return "index"


@dataclass(frozen=True)
class FunctionType:
    """Types of arguments and results."""

    inputs: tuple[Type, ...]
    results: tuple[Type, ...]

    def __str__(self) -> str:
        out = ", ".join(map(str, self.results))
        return f"({', '.join(map(str, self.inputs))}) -> " + (out if len(self.results) == 1 else f"({out})")


Type: TypeAlias = Union[TensorType, MemRefType, VectorType, ScalarType, IndexType, FunctionType]
index = IndexType()
