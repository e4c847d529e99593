"""The types of a kernel's buffers and steps in its own symbols, so that equal kernels are found and shared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from ..ir.dims import Dim, Sym, substitute
from ..ir.types import MemRefType, TensorType, Type

#: a buffer's or tensor's type
T = TypeVar("T", bound=Type)
#: how many elements a kernel of `alike` buffers has
COUNT = Sym.symbol("s0")


def renamed(value: Any, env: dict[str, Dim]) -> Any:
    """Dimensions, alone or in tuples, with other symbols; anything else as it is."""
    if isinstance(value, Sym):
        return substitute(value, env)
    return tuple(renamed(v, env) for v in value) if isinstance(value, tuple) else value


def renamed_type(t: T, env: dict[str, Dim]) -> T:
    """The same for a type. An offset is the caller's business: it passes the address."""
    if isinstance(t, MemRefType):
        return MemRefType(renamed(t.shape, env), t.dtype, renamed(t.strides, env))  # type: ignore[return-value]
    return TensorType(renamed(t.shape, env), t.dtype) if isinstance(t, TensorType) else t  # type: ignore[return-value]


def alike(types: Sequence[MemRefType]) -> int:
    """The number of elements, more than one, that dense buffers have; others have one. 0 where that is not so.

    A pointwise kernel needs to know nothing else of them: it takes their number as an argument and is shared by calls
    on buffers of other sizes."""
    sizes = {t.size for t in types} - {1}
    if len(sizes) != 1 or any(
        t.element_strides != MemRefType(t.shape, t.dtype).element_strides for t in types
    ):
        return 0
    (size,) = sizes
    return size if isinstance(size, int) and size > 1 else 0


def counted_type(t: T) -> T:
    """The type of COUNT elements, or of one."""
    if not isinstance(t, (MemRefType, TensorType)):
        return t
    return type(t)((1,) if t.size == 1 else (COUNT,), t.dtype)  # type: ignore[return-value]
