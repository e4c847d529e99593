"""What the machine can do at most, measured on the spot: generated loops of multiply-adds and of loads.

They are compiled into this process and run in as many threads as are asked for; ctypes releases the interpreter's lock.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ...runtime.errors import Error
from ..target import Target

#: independent loads in flight, each with a register of its own
_LOADS = 8
#: seconds of a burst, and of all bursts at a time: shorter than a scheduler's slice, so that some are undisturbed
_BURST, _BURSTS = 0.0005, 0.005


class Probe:
    """Peaks of this machine with the vectors of `target`; every burst is short, the best of several counts."""

    def __init__(self, target: Target, threads: int) -> None:
        self.target, self.threads = target, threads
        # Half of the registers or more: latency times throughput of a multiply-add is at most ten vectors.
        self._chains = 24 if target.registers >= 32 else 12
        self._engine, fma, read = _compile(target, self._chains)
        self._fma: Callable[[int, int], None] = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p)(fma)
        self._read: Callable[[int, int, int, int], None] = ctypes.CFUNCTYPE(
            None, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p
        )(read)
        self._sums = [_aligned(self._chains * target.vector_bytes) for _ in range(threads)]
        self._block: list[np.ndarray[Any, Any]] = []
        self.gflops = 0.0
        self.gbytes = 0.0

    def multiply(self) -> None:
        """A few bursts of multiply-adds; `gflops` is the best so far, of all threads together."""
        steps, took = self._best(self._chain)
        self.gflops = max(
            self.gflops, 2 * steps * self._chains * self.target.lanes * self.threads / took / 1e9
        )

    def read(self, size: int) -> None:
        """A few bursts of loads over `size` bytes, split among the threads; `gbytes` is the best so far."""
        step = _LOADS * self.target.vector_bytes
        part = max(size // self.threads // step, 1)
        if not self._block or self._block[0].nbytes != part * step:
            self._block = [_aligned(part * step) for _ in range(self.threads)]
            self.gbytes = 0.0
        times, took = self._best(lambda n: self._sweep(part, n))
        self.gbytes = max(self.gbytes, times * part * step * self.threads / took / 1e9)

    def _best(self, burst: Callable[[int], float]) -> tuple[int, float]:
        """How much of something takes about a burst's time, and the shortest time that it took."""
        count, took = 1, burst(1)
        while took < _BURST / 2:
            count = int(count * min(10.0, max(2.0, _BURST / max(took, 1e-7))))
            took = burst(count)
        more = [burst(count) for _ in range(min(10, int(_BURSTS / took)))]
        return count, min([took, *more])

    def _chain(self, steps: int) -> float:
        return self._together(lambda i: self._fma(steps, self._sums[i].ctypes.data))

    def _sweep(self, part: int, rounds: int) -> float:
        block, sums = self._block, self._sums
        return self._together(lambda i: self._read(rounds, part, block[i].ctypes.data, sums[i].ctypes.data))

    def _together(self, work: Callable[[int], None]) -> float:
        """Seconds until all threads have done their work, from the moment when all were ready."""
        if self.threads == 1:
            start = time.perf_counter()
            work(0)
            return time.perf_counter() - start
        ready = threading.Barrier(self.threads)
        spans = [(0.0, 0.0)] * self.threads
        own = sorted(os.sched_getaffinity(0))

        def body(i: int) -> None:
            if self.threads <= len(own):  # of this thread: the kernel may leave two bursts on one processor
                os.sched_setaffinity(0, [own[i]])
            ready.wait()
            start = time.perf_counter()
            work(i)
            spans[i] = (start, time.perf_counter())

        helpers = [threading.Thread(target=body, args=(i,)) for i in range(self.threads)]
        for t in helpers:
            t.start()
        for t in helpers:
            t.join()
        return max(e for _, e in spans) - min(s for s, _ in spans)


def _aligned(size: int) -> np.ndarray[Any, Any]:
    """Ones on a cache line's boundary: pages that were never written would all be one page of zeros."""
    raw = np.ones(size // 4 + 16, np.float32)
    skip = -raw.ctypes.data % 64 // 4
    return raw[skip : skip + size // 4]


def _compile(target: Target, chains: int) -> tuple[Any, int, int]:
    """The engine that holds the code, and the addresses of the two loops."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    # LLVM would halve the widest vectors for the sake of other code's clock
    features = "-prefer-256-bit" if target.vector_bytes == 64 else ""
    machine = llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.name, features=features, opt=2, jit=True
    )
    try:
        module = llvm.parse_assembly(_multiply_text(target, chains) + _read_text(target))
        module.verify()
        engine = llvm.create_mcjit_compiler(module, machine)
        engine.finalize_object()
    except RuntimeError as e:
        raise Error(f"LLVM refuses the loops that measure the machine: {e}") from e
    return engine, engine.get_function_address("nw_fma"), engine.get_function_address("nw_read")


def _multiply_text(target: Target, chains: int) -> str:
    """acc = acc * 0.5 + 1, `chains` times beside each other: nearing 2, never denormal.

    Where the target has no fused operation it is a product and a sum, which is that target's peak.
    """
    kind, n = f"<{target.lanes} x float>", range(chains)
    name = f"@llvm.fmuladd.v{target.lanes}f32"
    half, one = (f"splat (float {v})" for v in ("5.0e-01", "1.0e+00"))
    lines = [
        f"declare {kind} {name}({kind}, {kind}, {kind})",
        "define void @nw_fma(i64 %n, ptr %at) {",
        "entry:",
        *(f"  %p{i} = getelementptr {kind}, ptr %at, i64 {i}" for i in n),
        *(f"  %s{i} = load {kind}, ptr %p{i}" for i in n),
        "  br label %loop",
        "loop:",
        "  %k = phi i64 [ 0, %entry ], [ %next, %loop ]",
        *(f"  %a{i} = phi {kind} [ %s{i}, %entry ], [ %b{i}, %loop ]" for i in n),
        *(f"  %b{i} = call {kind} {name}({kind} %a{i}, {kind} {half}, {kind} {one})" for i in n),
        "  %next = add i64 %k, 1",
        "  %more = icmp slt i64 %next, %n",
        "  br i1 %more, label %loop, label %done",
        "done:",
        *(f"  store {kind} %b{i}, ptr %p{i}" for i in n),
        "  ret void",
        "}\n",
    ]
    return "\n".join(lines)


def _read_text(target: Target) -> str:
    """Loads all of a block `times` times, and keeps a bitwise sum so that no load can be left out."""
    kind, n = f"<{target.lanes} x i32>", range(_LOADS)
    lines = [
        "define void @nw_read(i64 %times, i64 %n, ptr %at, ptr %sum) {",
        "entry:",
        "  br label %again",
        "again:",
        "  %t = phi i64 [ 0, %entry ], [ %t.next, %end ]",
        *(f"  %s{i} = phi {kind} [ zeroinitializer, %entry ], [ %b{i}, %end ]" for i in n),
        "  br label %loop",
        "loop:",
        "  %k = phi i64 [ 0, %again ], [ %next, %loop ]",
        *(f"  %a{i} = phi {kind} [ %s{i}, %again ], [ %b{i}, %loop ]" for i in n),
        f"  %first = mul i64 %k, {_LOADS}",
    ]
    for i in n:
        lines += [
            f"  %j{i} = add i64 %first, {i}",
            f"  %p{i} = getelementptr {kind}, ptr %at, i64 %j{i}",
            f"  %v{i} = load {kind}, ptr %p{i}",
            f"  %b{i} = xor {kind} %a{i}, %v{i}",
        ]
    lines += [
        "  %next = add i64 %k, 1",
        "  %more = icmp slt i64 %next, %n",
        "  br i1 %more, label %loop, label %end",
        "end:",
        "  %t.next = add i64 %t, 1",
        "  %t.more = icmp slt i64 %t.next, %times",
        "  br i1 %t.more, label %again, label %done",
        "done:",
        *(f"  %q{i} = getelementptr {kind}, ptr %sum, i64 {i}" for i in n),
        *(f"  store {kind} %b{i}, ptr %q{i}" for i in n),
        "  ret void",
        "}\n",
    ]
    return "\n".join(lines)
