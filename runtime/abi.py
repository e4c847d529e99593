"""The C interface of a compiled library: layouts, statuses, version. The single source for header, code
generator and loader."""

from __future__ import annotations

import ctypes

ABI_VERSION = 1

#: statuses that functions return; the names are also `ExecutionError.status`
STATUSES = (
    "OK",
    "SHAPE",
    "DTYPE",
    "NULL",
    "INDEX",
    "ARITH",
    "NOMEM",
    "CPU",
    "BUSY",
    "VERSION",
    "LIMIT",
    "OVERLAP",
)
STATUS = {name: code for code, name in enumerate(STATUSES)}

#: bytes for the sentence that explains a status
ERROR_BYTES = 512
#: the largest rank of an input or output
MAX_RANK = 8


class Tensor(ctypes.Structure):
    """`nw_tensor`: dense, row-major; `dims` has `rank` entries; `dtype` is `DType.code`."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("rank", ctypes.c_int64),
        ("dims", ctypes.POINTER(ctypes.c_int64)),
        ("dtype", ctypes.c_int32),
    ]


TENSOR_SIZE = 32
TENSOR_DATA, TENSOR_RANK, TENSOR_DIMS, TENSOR_DTYPE = 0, 8, 16, 24
