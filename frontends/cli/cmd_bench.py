"""netwright bench LIBRARY"""

from __future__ import annotations

import argparse
import json
import math
from typing import Any

from ...runtime.errors import OptionError
from .arrays import save_text
from .bench_measure import Contender, Subject, figures, measure, pinned, vector_bytes_of
from .bench_peers import FORMATS, Peers, peer_lines
from .bench_profile import csv_text, profile_lines, take_profile, trace_data
from .options import positive

#: the library's own name among those that are timed
_OURS = "netwright"


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
        "--seconds", type=seconds, default=2.0, metavar="S", help="how long to measure (default 2)"
    )
    parser.add_argument("--profile", action="store_true", help="show where the time goes, layer by layer")
    parser.add_argument("--json", metavar="FILE", help="write all figures here")
    parser.add_argument("--csv", metavar="FILE", help="write the profile's rows here")
    parser.add_argument(
        "--trace", metavar="FILE", help="write a run here, for chrome://tracing or ui.perfetto.dev"
    )
    parser.add_argument(
        "--against",
        type=_peers,
        default=[],
        metavar="NAMES",
        help=f"time other runtimes beside it: {', '.join(FORMATS)}",
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="FILE",
        help="the model in their format; may be repeated, the first that fits is taken",
    )
    parser.add_argument(
        "--peer-python",
        action="append",
        default=[],
        metavar="[PEER=]PATH",
        help="a Python that has their packages (default: this one); may be repeated",
    )


def seconds(text: str) -> float:
    """The type of --seconds."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, received {text}")
    return value


def _peers(text: str) -> list[str]:
    names = list(dict.fromkeys(n for n in text.split(",") if n))
    unknown = [n for n in names if n not in FORMATS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(FORMATS)}, received {text!r}")
    return names


def run(args: argparse.Namespace) -> int:
    if bool(args.against) != bool(args.model):
        given, lacking = ("--against", "--model FILE") if args.against else ("--model", "--against NAMES")
        raise OptionError(f"{given} needs {lacking} too")
    with pinned(args.threads) as cpus:
        subject = Subject(args.library, args.threads, args.input, args.batch)
        with Peers(args.against, args.model, args.peer_python, subject, args.threads, cpus) as peers:
            return _measure(args, subject, peers)


def _measure(args: argparse.Namespace, subject: Subject, peers: Peers) -> int:
    contenders: dict[str, Contender] = {_OURS: subject, **peers.ready}
    width = vector_bytes_of(subject.model.manifest)
    rounds = measure(contenders, subject.work, width, args.threads, args.seconds)
    data = figures(subject, rounds, _OURS) | {"threads": args.threads, "vector_bytes": width}
    print("\n".join(_lines(data)))
    if args.against:
        data["peers"] = peers.data(rounds, _OURS)
        peers.close()
        print("\n" + "\n".join(peer_lines(data["ms"]["p50"], data["peers"])))
    if args.profile or args.trace or args.csv:
        profile = take_profile(subject, rounds, args.seconds)
        data["profile"] = profile.data()
        if args.profile:
            print("\n" + "\n".join(profile_lines(profile)))
        if args.csv:
            save_text(args.csv, csv_text(profile))
        if args.trace:
            save_text(args.trace, json.dumps(trace_data(profile, subject), indent=1) + "\n")
    if args.json:
        save_text(args.json, json.dumps(data, indent=1) + "\n")
    measured = any("problem" not in p for p in data.get("peers", ()))
    return 0 if measured or not args.against else 1


def _lines(d: dict[str, Any]) -> list[str]:
    ms = d["ms"]
    middle = [f"{p} % {ms[f'p{p}']:.4f}" for p in (10, 90, 99)]
    speed = "speed: unknown, as data decides how much is computed"
    if d["flop"] is not None:
        speed = (
            f"speed: {d['gflops']:.1f} GFLOP/s, {100 * d['of_peak']:.1f} % of the peak of {d['peak_gflops']:.1f} "
            f"(multiply-adds in {d['vector_bytes']}-byte vectors), at {d['flop'] / 1e6:.4g} MFLOP a call"
        )
    return [
        f"load {d['load_ms']:.1f} ms, first call {d['first_call_ms']:.1f} ms, {d['calls']} calls "
        f"on {d['threads']} thread(s)",
        f"median {ms['p50']:.4f} ms, min {ms['min']:.4f}, {', '.join(middle)}",
        speed,
        f"memory: {d['read_gbytes']:.1f} GB/s, when {d['read_bytes'] / 2**20:.2f} MiB are read again and again: "
        "the size of weights and intermediate results",
    ]
