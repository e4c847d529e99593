"""The C interface of a compiled library: layouts, statuses, version. The single source for header, code
generator and loader."""

from __future__ import annotations

import ctypes

ABI_VERSION = 4

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
    "FILE",
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


class Frame(ctypes.Structure):
    """`nw_frame`: the arguments of `nw_run`, and where the tensors' data pointers are kept."""

    _fields_ = [
        ("session", ctypes.c_void_p),
        ("state", ctypes.c_void_p),
        ("inputs", ctypes.c_void_p),
        ("outputs", ctypes.c_void_p),
        ("in_at", ctypes.c_void_p),
        ("out_at", ctypes.c_void_p),
        ("err", ctypes.c_void_p),
        ("cap", ctypes.c_size_t),
        ("function", ctypes.c_int32),
        ("n_in", ctypes.c_int32),
        ("n_out", ctypes.c_int32),
    ]


FRAME: dict[str, int] = {field[0]: getattr(Frame, field[0]).offset for field in Frame._fields_}


class LogEntry(ctypes.Structure):
    """`nw_log_entry`: a call of a kernel has ended; `call` counts the manifest's calls, -1 is the function's
    beginning. `time` is in nanoseconds of CLOCK_MONOTONIC."""

    _fields_ = [("call", ctypes.c_int64), ("time", ctypes.c_int64)]


#: `nw_log`: how many entries there are, how many fit, then the entries
LOG_COUNT, LOG_CAPACITY, LOG_ENTRIES = 0, 8, 16

TENSOR_SIZE = 32
TENSOR_DATA, TENSOR_RANK, TENSOR_DIMS, TENSOR_DTYPE = 0, 8, 16, 24
