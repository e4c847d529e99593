"""nw.reserve and nw_result: memory for sizes known late, and results of such sizes for the caller."""

from __future__ import annotations

from collections.abc import Sequence

from ...runtime.abi import TENSOR_DATA, TENSOR_DIMS, TENSOR_DTYPE, TENSOR_RANK
from .native import Function, NativeModule, V, i32, i64
from .rt_own import Own
from .rt_session import BUSY, fail
from .rt_tables import F_NAME, F_OUT, F_OUTPUTS, F_SIZE, T_DTYPE, T_NAME, T_RANK, T_SIZE


def add_results(m: NativeModule, own: Own, table: V, functions: int) -> None:
    """`nw.block`, `nw.reserve` and `nw_result`."""
    _block(m)
    _reserve(m)
    _result(m, own, table, functions)


#: a large page, from when on one is taken, and the advice to do so
_LARGE, _WORTH, _ADVICE = 2 << 20, 1 << 19, 14


def _block(m: NativeModule) -> None:
    """Memory for intermediate results, or null. Where it fills large pages it asks for such: tables of small pages
    cost time, and small pages from anywhere in memory do not fill a cache evenly."""
    f = Function(m, "nw.block", "ptr", [("i64", "size")])
    size = f["size"]
    with f.when(f.cmp("slt", size, _WORTH)):
        f.ret(f.call("aligned_alloc", i64(64), size))
    whole = f.op("and", f.op("add", size, _LARGE - 1), -_LARGE)
    memory = f.call("aligned_alloc", i64(_LARGE), whole)
    with f.when(f.cmp("ne", memory, 0)):
        f.call("madvise", memory, whole, i32(_ADVICE))
    f.ret(memory)
    f.finish()


def _reserve(m: NativeModule) -> None:
    """The block of a stage's row (block, capacity), at least `need` bytes; null when there is no memory."""
    f = Function(m, "nw.reserve", "ptr", [("ptr", "row"), ("i64", "need")])
    with f.when(f.cmp("sgt", f["need"], f.load("i64", f["row"], 8))):
        f.call("free", f.load("ptr", f["row"]))
        whole = f.op("and", f.op("add", f["need"], 63), -64)
        memory = f.call("ptr nw.block", whole)
        f.store(memory, f["row"])
        f.store(f.select(f.cmp("eq", memory, 0), i64(0), whole), f["row"], 8)
    with f.when(f.cmp("eq", f.load("ptr", f["row"]), 0)), f.when(f.cmp("sle", f["need"], 0)):
        f.store(f.call("aligned_alloc", i64(64), i64(64)), f["row"])
        f.store(i64(64), f["row"], 8)
    f.ret(f.load("ptr", f["row"]))
    f.finish()


_PARAMETERS: Sequence[tuple[str, str]] = (
    ("ptr", "session"), ("i32", "function"), ("i32", "output"), ("ptr", "tensor"), ("ptr", "err"), ("i64", "cap"),
)  # fmt: skip


def _result(m: NativeModule, own: Own, table: V, functions: int) -> None:
    """Sizes of a kept result; with `data`, its elements too."""
    f = Function(m, "nw_result", "i32", list(_PARAMETERS), True)
    session, tensor = f["session"], f["tensor"]
    missing = f.op("or", f.cmp("eq", session, 0), f.cmp("eq", tensor, 0))
    with f.when(missing):
        fail(f, "NULL", "nw_result needs a session and a tensor")
    with f.when(f.cmp("uge", f["function"], functions)):
        fail(f, "INDEX", f"there is no function %d: this library has {functions}", f["function"])
    row = f.item(table, F_SIZE, f["function"])
    with f.when(f.cmp("uge", f["output"], f.load("i32", row, F_OUTPUTS))):
        fail(f, "INDEX", "function '%s' has no output %d", f.load("ptr", row, F_NAME), f["output"])
    want = f.item(f.load("ptr", row, F_OUT), T_SIZE, f["output"])
    with f.when(f.cmp("uge", f["output"], own.results)):
        _nothing(f, want)
    busy = f.at(session, BUSY)
    with f.when(f.cmp("eq", f.exchange(busy, i32(0), i32(1)), 0)):
        fail(f, "BUSY", "the session is in use by another call")
    kept = own.result(f, session, f["output"])
    source = f.load("ptr", kept)
    with f.when(f.cmp("eq", source, 0)):
        f.atomic_store(i32(0), busy)
        _nothing(f, want)
    rank = f.convert(f.load("i32", want, T_RANK), "i64")
    f.store(rank, tensor, TENSOR_RANK)
    f.store(f.load("i32", want, T_DTYPE), tensor, TENSOR_DTYPE)
    with f.when(f.cmp("ne", rank, 0)):
        f.call("memcpy", f.load("ptr", tensor, TENSOR_DIMS), f.at(kept, i64(8)), f.op("mul", rank, 8))
    data = f.load("ptr", tensor, TENSOR_DATA)
    with f.when(f.cmp("ne", data, 0)):
        f.call("memcpy", data, source, f.call("i64 nw.bytes", tensor))
    f.atomic_store(i32(0), busy)
    f.ret(i32(0))
    f.finish()


def _nothing(f: Function, want: V) -> None:
    fail(f, "INDEX", "output '%s' has no result to fetch: its sizes are known before the call, or the last call "
         "did not make it", f.load("ptr", want, T_NAME))  # fmt: skip
