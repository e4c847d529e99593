"""nw_log and nw.mark: a session notes when each call of a kernel ended, for those who measure."""

from __future__ import annotations

from ...runtime.abi import LOG_CAPACITY, LOG_COUNT, LOG_ENTRIES
from .native import Function, NativeModule, i32, i64
from .rt_session import LOG

_CLOCK_MONOTONIC = 1


def add_log(m: NativeModule) -> None:
    """`nw_log` and `nw.mark`."""
    f = Function(m, "nw_log", "void", [("ptr", "session"), ("ptr", "log")], True)
    with f.when(f.cmp("ne", f["session"], 0)):
        f.store(f["log"], f["session"], LOG)
    f.finish()
    f = Function(m, "nw.mark", "void", [("ptr", "log"), ("i64", "call")])
    log = f["log"]
    count = f.load("i64", log, LOG_COUNT)
    with f.when(f.cmp("slt", count, f.load("i64", log, LOG_CAPACITY))):
        now = f.var("ptr", size=16)
        f.call("clock_gettime", i32(_CLOCK_MONOTONIC), now)
        entry = f.item(f.at(log, i64(LOG_ENTRIES)), 16, count)
        f.store(f["call"], entry)
        f.store(f.op("add", f.op("mul", f.load("i64", now), 1_000_000_000), f.load("i64", now, 8)), entry, 8)
        f.store(f.op("add", count, 1), log, LOG_COUNT)
    f.finish()
