"""Data types and tensor specifications, shared by the runtime and the compiler."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import DTypeError

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True)
class DType:
    """A tensor element type.

    `name` is the IR's spelling (`f32`), `tf_name` TensorFlow's (`float32`), `code` the number in the
    C ABI (`nw_tensor.dtype`), `size` bytes in memory. `kind` is one of "f", "i", "u", "b".
    numpy has no bfloat16: such arrays travel as uint16 bit patterns, or as ml_dtypes.bfloat16.
    """

    name: str
    tf_name: str
    code: int
    size: int
    kind: str

    @property
    def numpy(self) -> np.dtype[Any]:
        """The numpy dtype that holds it (uint16 for bfloat16)."""
        return np.dtype("uint16" if self.name == "bf16" else self.tf_name)

    @property
    def array(self) -> np.dtype[Any]:
        """The dtype of arrays that are handed out: for bfloat16 that of ml_dtypes where it is installed."""
        if self.name == "bf16":
            try:
                return np.dtype(import_module("ml_dtypes").bfloat16)
            except ImportError:
                pass
        return self.numpy

    @property
    def dtype(self) -> np.dtype[Any]:
        """The same, under the name numpy looks for: `np.zeros(3, spec.dtype)` works."""
        return self.numpy

    @property
    def bits(self) -> int:
        return 1 if self.kind == "b" else self.size * 8

    @property
    def is_float(self) -> bool:
        return self.kind == "f"

    @property
    def is_half(self) -> bool:
        """Whether it is a 16-bit float: kept as it is, computed with as float32."""
        return self.kind == "f" and self.size == 2

    @property
    def is_integer(self) -> bool:
        return self.kind in "iu"

    def __hash__(self) -> int:
        return self.code  # types are keys of many tables

    def __str__(self) -> str:
        return self.tf_name

    def __repr__(self) -> str:
        return self.tf_name


f32 = DType("f32", "float32", 1, 4, "f")
f64 = DType("f64", "float64", 2, 8, "f")
f16 = DType("f16", "float16", 3, 2, "f")
bf16 = DType("bf16", "bfloat16", 4, 2, "f")
i8 = DType("i8", "int8", 5, 1, "i")
i16 = DType("i16", "int16", 6, 2, "i")
i32 = DType("i32", "int32", 7, 4, "i")
i64 = DType("i64", "int64", 8, 8, "i")
u8 = DType("ui8", "uint8", 9, 1, "u")
u16 = DType("ui16", "uint16", 10, 2, "u")
u32 = DType("ui32", "uint32", 11, 4, "u")
u64 = DType("ui64", "uint64", 12, 8, "u")
boolean = DType("i1", "bool", 13, 1, "b")

DTYPES: tuple[DType, ...] = (f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64, boolean)
BY_NAME: dict[str, DType] = {d.name: d for d in DTYPES}
BY_CODE: dict[int, DType] = {d.code: d for d in DTYPES}
_BY_TF_NAME: dict[str, DType] = {d.tf_name: d for d in DTYPES}
_BY_DTYPE: dict[Any, DType] = {d.numpy: d for d in DTYPES if d != bf16}


def dtype_of(what: DType | npt.DTypeLike) -> DType:
    """The DType of a DType, a numpy dtype, or a name in TensorFlow's or the IR's spelling.

    Raises DTypeError for anything the compiler has no type for (strings, complex, …).
    """
    if isinstance(what, DType):
        return what
    if isinstance(what, np.dtype) and what in _BY_DTYPE:
        return _BY_DTYPE[what]
    if isinstance(what, str) and what in BY_NAME:
        return BY_NAME[what]
    name = what if isinstance(what, str) else np.dtype(what).name
    found = _BY_TF_NAME.get(name)
    if found is None:
        raise DTypeError(f"expected one of {', '.join(_BY_TF_NAME)} as data type, received {name!r}")
    return found


@dataclass(frozen=True)
class TensorSpec:
    """Name, shape and data type of one input or output; None in `shape` is a size given at run time."""

    name: str
    shape: tuple[int | None, ...]
    dtype: DType

    def __str__(self) -> str:
        dims = ", ".join("?" if d is None else str(d) for d in self.shape)
        return f"{self.name}: {self.dtype.tf_name}[{dims}]"
