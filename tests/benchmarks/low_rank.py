"""Times convolutions beside the pairs of one-dimensional ones that have a half and a quarter of their FLOPs.

    python -m tests.benchmarks.low_rank                    5x5 and 7x7 kernels, one thread
    python -m tests.benchmarks.low_rank --kernels 3,5,7 --channels 32,64,128 --sizes 14,28 --batch 8

Each layer is compiled three times: as the compiler chooses (Winograd's transforms included), by the direct kernel
(`precise`), and as a pair. Calls take turns; figures are medians, ratios those of a pair to the direct kernel and to
the faster of the two others. Run it from the repository's root, with netwright installed or PYTHONPATH=.view.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import netwright as nw
import numpy as np
from netwright import keras

FACTORS = (2, 4)


@dataclass(frozen=True)
class Case:
    """A square convolution of as many channels as results."""

    kernel: int
    channels: int
    size: int
    batch: int

    def rank(self, factor: int) -> int:
        """The largest rank whose pair has that many times fewer FLOPs at least; a multiple of 16 where there is one, as
        decompose-conv takes them."""
        rank = self.kernel * self.channels // (2 * factor)
        return max(rank // 16 * 16 or rank, 1)

    def layers(self, rank: int) -> list[Any]:
        make, n = keras.layers.Conv2D, self.kernel
        if not rank:
            return [make(self.channels, n, padding="same", activation="relu")]
        return [
            make(rank, (1, n), padding="same", use_bias=False),
            make(self.channels, (n, 1), padding="same", activation="relu"),
        ]

    def compiled(self, path: Path, rank: int = 0, precise: bool = False) -> Callable[..., Any]:
        model = keras.Sequential([keras.Input((self.size, self.size, self.channels)), *self.layers(rank)])
        return nw.compile(model, path, batch=self.batch, threads=1, precise=precise)


def medians(calls: Sequence[Callable[..., Any]], x: Any, seconds: float) -> list[float]:
    """Of calls that take turns, in milliseconds."""
    for call in calls:
        call(x)
    times: list[list[float]] = [[] for _ in calls]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 5:
        for call, taken in zip(calls, times, strict=True):
            start = time.perf_counter()
            call(x)
            taken.append(time.perf_counter() - start)
    return [1e3 * float(np.median(t)) for t in times]


def row(case: Case, seconds: float) -> str:
    x = np.random.default_rng(0).normal(size=(case.batch, case.size, case.size, case.channels))
    with tempfile.TemporaryDirectory() as folder:
        calls = [case.compiled(Path(folder, f"{precise}.so"), precise=precise) for precise in (False, True)]
        calls += [case.compiled(Path(folder, f"{f}.so"), case.rank(f)) for f in FACTORS]
        chosen, direct, *pairs = medians(calls, x.astype(np.float32), seconds)
    n, best = case.kernel, min(chosen, direct)
    parts = [f"{p:.3f} | {p / direct:.2f} | {p / best:.2f}" for p in pairs]
    return (
        f"| {n}x{n}, {case.channels} channels, {case.size}x{case.size} | {chosen:.3f} | {direct:.3f} | "
        f"{' | '.join(parts)} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.low_rank",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    for name, default in (("kernels", "5,7"), ("channels", "64,128"), ("sizes", "14,28")):
        parser.add_argument(f"--{name}", type=_numbers, default=_numbers(default), metavar="N,…")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each layer (default 2)")
    args = parser.parse_args()
    heads = [f"{f}x fewer FLOPs (ms) | of direct | of best" for f in FACTORS]
    print(f"| layer | as chosen (ms) | direct (ms) | {' | '.join(heads)} |")
    print("|---" * (3 + 3 * len(FACTORS)) + "|")
    for kernel, channels, size in itertools.product(args.kernels, args.channels, args.sizes):
        print(row(Case(kernel, channels, size, args.batch), args.seconds), flush=True)


def _numbers(text: str) -> list[int]:
    return [int(n) for n in text.split(",")]


if __name__ == "__main__":
    main()
