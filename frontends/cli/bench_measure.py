"""Times calls in rounds, and in the same rounds what the machine can do at most."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from ...compiler.codegen.probe import Probe
from ...compiler.target import TARGETS, native_name
from ...runtime import Model, load
from .arrays import Array, in_order, random_inputs, read_inputs
from .bench_work import Work, open_recorder, work_of

PERCENTILES = (10, 50, 90, 99)
#: calls timed in a round at least
_LEAST_CALLS = 2
#: a larger block says no more of the memory
_MOST_READ = 256 << 20


@contextmanager
def pinned(threads: int) -> Iterator[list[int]]:
    """On the first `threads` processors that this process may use, so that nothing moves while it is timed."""
    before = os.sched_getaffinity(0)
    chosen = sorted(before)[:threads]
    try:
        os.sched_setaffinity(0, chosen)
        yield chosen
    finally:
        os.sched_setaffinity(0, before)


class Contender(Protocol):
    """Something that is timed."""

    def run(self, seconds: float) -> list[float]:
        """Seconds of each of the calls that were made in about `seconds`, after one that is not counted."""
        ...


def timed(call: Callable[[], object], seconds: float, least: int = _LEAST_CALLS) -> list[float]:
    """Seconds of each call, one after the other, after one that warms the caches."""
    call()
    times: list[float] = []
    clock = time.perf_counter
    end = clock() + seconds
    while True:
        start = clock()
        call()
        now = clock()
        times.append(now - start)
        if now >= end and len(times) >= least:
            return times


class Subject:
    """The library that is measured, with its inputs."""

    def __init__(self, path: str, threads: int, items: Sequence[str], batch: int) -> None:
        start = time.perf_counter()
        self.model: Model = load(path, threads=threads)
        self.load_seconds = time.perf_counter() - start
        specs = self.model.inputs
        self.inputs = read_inputs(items, specs) if items else random_inputs(specs, batch)
        self.args: list[Array] = in_order(self.inputs, specs)
        start = time.perf_counter()
        # by names, which checks them
        self.results = self.model.run(self.inputs)
        self.first_seconds = time.perf_counter() - start
        self.work: Work = work_of(self.model, self.args)
        with open_recorder(self.model, self.args) as recorder:
            self.flops, self.bytes = self.work.totals(recorder.record)

    def run(self, seconds: float) -> list[float]:
        return timed(lambda: self.model(*self.args), seconds)


@dataclass
class Rounds:
    """What the rounds gave: times of each contender by round, and the machine's limits."""

    times: dict[str, list[list[float]]] = field(default_factory=lambda: dict[str, list[list[float]]]())
    peak: float = 0.0
    bandwidth: float = 0.0
    read_bytes: int = 0

    def add(self, name: str, times: list[float]) -> None:
        self.times.setdefault(name, []).append(times)

    def milliseconds(self, name: str) -> dict[str, float]:
        """Minimum and percentiles over all calls of all rounds."""
        flat = np.array([t for r in self.times[name] for t in r]) * 1e3
        values = np.percentile(flat, PERCENTILES)
        return {
            "min": float(flat.min()),
            **{f"p{p}": float(v) for p, v in zip(PERCENTILES, values, strict=True)},
        }

    def calls(self, name: str) -> int:
        return sum(len(r) for r in self.times[name])

    def ratio(self, name: str, to: str) -> float:
        """How many times as long as another: the median over rounds of the ratio of medians, because a machine
        that slows down for a while slows both."""
        pairs = zip(self.times[name], self.times[to], strict=False)
        return float(np.median([np.median(a) / np.median(b) for a, b in pairs]))


def measure(
    contenders: dict[str, Contender], work: Work, vector_bytes: int, threads: int, seconds: float
) -> Rounds:
    """Contenders take turns in rounds, each for `seconds` in all; bursts that show the limits lie between."""
    count = min(20, max(3, round(seconds / 0.2)))
    probe = Probe(next(t for t in TARGETS.values() if t.vector_bytes == vector_bytes), threads)
    out = Rounds(read_bytes=min(max(work.working_set, 1 << 15), _MOST_READ))
    for _ in range(count):
        # some bursts are disturbed, so there are enough of them also where the rounds are few
        for _ in range(max(1, 10 // count)):
            probe.multiply()
        probe.read(out.read_bytes)
        for name, contender in list(contenders.items()):
            times = contender.run(seconds / count)
            if times:
                out.add(name, times)
            else:  # it has failed, and says why itself
                del contenders[name]
                out.times.pop(name, None)
    out.peak, out.bandwidth = probe.gflops, probe.gbytes
    return out


def vector_bytes_of(manifest: dict[str, Any]) -> int:
    """The width of the library's vectors; that of this machine where the manifest names a target unknown here."""
    name = manifest["target"]["name"]
    return TARGETS[name if name in TARGETS else native_name()].vector_bytes


def figures(subject: Subject, rounds: Rounds, name: str) -> dict[str, Any]:
    """All that was found out, for people and programs."""
    ms = rounds.milliseconds(name)
    flops = subject.flops
    gflops = None if flops is None else flops / ms["p50"] / 1e6
    manifest = subject.model.manifest
    return {
        "library": subject.model.path,
        "library_bytes": os.path.getsize(subject.model.path),
        "model": manifest["model"],
        "netwright": manifest["netwright"],
        "target": manifest["target"]["name"],
        "inputs": {
            s.name: {"dtype": str(s.dtype), "shape": list(a.shape)}
            for s, a in zip(subject.model.inputs, subject.args, strict=True)
        },
        "load_ms": subject.load_seconds * 1e3,
        "first_call_ms": subject.first_seconds * 1e3,
        "calls": rounds.calls(name),
        "ms": ms,
        "flop": flops,
        "bytes": subject.bytes,
        "gflops": gflops,
        "peak_gflops": rounds.peak,
        "of_peak": None if gflops is None else gflops / rounds.peak,
        "read_bytes": rounds.read_bytes,
        "read_gbytes": rounds.bandwidth,
    }
