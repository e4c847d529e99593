"""numpy arrays as the library's tensors, without copies where layout and dtype agree."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import numpy as np

from .abi import MAX_RANK, Tensor
from .errors import DTypeError, InputError, ShapeError
from .spec import DType, TensorSpec, dtype_of

#: numpy.typing has a name for it, but takes longer to import than the rest of this package
Array: TypeAlias = np.ndarray[tuple[Any, ...], np.dtype[Any]]
_I64 = ctypes.POINTER(ctypes.c_int64)


class Tensors:
    """`nw_tensor[]` over arrays, which it keeps alive."""

    def __init__(self, arrays: Sequence[Array], dtypes: Sequence[DType]) -> None:
        self.arrays = list(arrays)
        self.dims: list[Any] = []
        self.table = (Tensor * max(len(arrays), 1))()
        for t, a, d in zip(self.table, arrays, dtypes, strict=False):
            if a.ndim > MAX_RANK:
                raise ShapeError(f"expected at most {MAX_RANK} dimensions, received {a.ndim}")
            dims = (ctypes.c_int64 * max(a.ndim, 1))(*a.shape)
            self.dims.append(dims)
            t.data, t.rank, t.dims, t.dtype = a.ctypes.data, a.ndim, ctypes.cast(dims, _I64), d.code

    @staticmethod
    def blank(count: int) -> Tensors:
        """Tensors without data whose sizes are to be filled in."""
        out = Tensors([], [])
        out.table = (Tensor * max(count, 1))()
        for t in out.table:
            dims = (ctypes.c_int64 * MAX_RANK)()
            out.dims.append(dims)
            t.dims = ctypes.cast(dims, _I64)
        return out

    def shapes(self, count: int) -> tuple[tuple[int, ...], ...]:
        """The sizes of the first `count` tensors."""
        return tuple(
            tuple(int(d) for d in dims[: t.rank])
            for t, dims, _ in zip(self.table, self.dims, range(count), strict=False)
        )


def input_array(spec: TensorSpec, value: Any, what: str = "input") -> Array:
    """A dense array of the input's dtype. Numbers and lists are converted, arrays of another dtype are not."""
    if not isinstance(value, np.ndarray):
        value = np.asarray(value, spec.dtype.numpy)
    array = cast(Array, value)
    if not array.flags.c_contiguous:
        array = np.ascontiguousarray(array)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype != spec.dtype.numpy and array.dtype.name != spec.dtype.tf_name:
        raise DTypeError(
            f"{what} {spec.name!r}: expected {spec.dtype.tf_name}, received {array.dtype}; "
            f"convert it with .astype({spec.dtype.tf_name!r})"
        )
    return array


def output_array(spec: TensorSpec, value: Any) -> Array:
    """An array that a result can be written into."""
    if not isinstance(value, np.ndarray):
        raise InputError(
            f"output {spec.name!r}: expected an array to write into, received {type(value).__name__}"
        )
    array = cast(Array, value)
    if not array.dtype.isnative:
        raise InputError(f"output {spec.name!r}: expected an array of this machine's byte order")
    if not array.flags.c_contiguous or not array.flags.writeable:
        raise InputError(
            f"output {spec.name!r}: expected a writable C-contiguous array, received one that is "
            + ("read-only" if array.flags.c_contiguous else f"strided by {array.strides}")
        )
    return array


def code_of(array: Array, wanted: DType) -> DType:
    """The dtype to tell the library: that of the array, but uint16 patterns pass as bfloat16."""
    same = array.dtype == wanted.numpy or array.dtype.name == wanted.tf_name
    return wanted if same else dtype_of(array.dtype)
