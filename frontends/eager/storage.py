"""Memory of variables: aligned as compiled code wants it, never moved."""

from __future__ import annotations

import itertools

import numpy as np

from ...compiler.ir.attributes import Array
from ...compiler.ir.types import TensorType

ALIGNMENT = 64
_numbers = itertools.count()


class Storage:
    """The array of one variable, which compiled functions read and write in place. `number` is unique."""

    __slots__ = ("address", "array", "number")

    def __init__(self, type: TensorType) -> None:
        shape = tuple(d for d in type.shape if isinstance(d, int))
        dtype = type.dtype.numpy
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        block = np.zeros(size + 2 * ALIGNMENT, np.uint8)
        start = -block.ctypes.data % ALIGNMENT
        self.array: Array = block[start : start + size].view(dtype).reshape(shape)
        self.address = block.ctypes.data + start
        self.number = next(_numbers)
