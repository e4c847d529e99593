"""netwright bench LIBRARY"""

from __future__ import annotations

import argparse
import time

import numpy as np

from ...runtime import load
from .arrays import random_inputs, read_inputs
from .options import positive


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("library", help="a compiled library (.so)")
    parser.add_argument(
        "--input", action="append", default=[], metavar="NAME=FILE", help="instead of random numbers"
    )
    parser.add_argument(
        "--batch", type=positive, default=1, metavar="N", help="size of unknown dimensions (default 1)"
    )
    parser.add_argument("--threads", type=positive, default=1, metavar="N", help="threads to use (default 1)")
    parser.add_argument(
        "--seconds", type=float, default=2.0, metavar="S", help="how long to measure (default 2)"
    )


def run(args: argparse.Namespace) -> int:
    start = time.perf_counter()
    model = load(args.library, threads=args.threads)
    loaded = time.perf_counter() - start
    if args.input:
        inputs = read_inputs(args.input, model.inputs)
    else:
        inputs = random_inputs(model.inputs, args.batch)
    start = time.perf_counter()
    model.run(inputs)
    first = time.perf_counter() - start
    times: list[float] = []
    end = time.perf_counter() + args.seconds
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        model.run(inputs)
        times.append(time.perf_counter() - start)
    ms = np.percentile(np.array(times) * 1e3, [50, 10, 90, 99])
    print(
        f"load {loaded * 1e3:.1f} ms, first call {first * 1e3:.1f} ms, {len(times)} calls on {args.threads} thread(s)"
    )
    print(f"median {ms[0]:.4f} ms, 10 % below {ms[1]:.4f}, 90 % below {ms[2]:.4f}, 99 % below {ms[3]:.4f}")
    return 0
