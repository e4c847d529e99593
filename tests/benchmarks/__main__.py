"""Compiles the benchmark's networks, times them, and prints a Markdown table.

    python -m tests.benchmarks                          builds the networks with TensorFlow and Keras
    python -m tests.benchmarks --models DIR             DIR/NAME.pb or DIR/NAME/model.pb instead
    python -m tests.benchmarks --models DIR --against onnxruntime,openvino,tflite --peer-python PATH

Run it from the repository's root, with netwright installed or PYTHONPATH=.view. Every figure comes from a process of
its own, `netwright compile` and `netwright bench`. With --against, DIR/NAME/ also holds the models in the formats of
the other runtimes: *.onnx, *.xml, *.tflite; each takes the first of them that fits the batch size.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .networks import LARGE, NETWORKS, freeze

_PEER_FILES = (".onnx", ".xml", ".tflite")


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    sources = _sources(args)
    with tempfile.TemporaryDirectory() as folder:
        rows: list[dict[str, Any]] = []
        for name in args.networks or [n for n in NETWORKS if sources is None or n in sources]:
            try:
                rows += _network(name, sources, Path(args.keep or folder), args)
            except subprocess.CalledProcessError as e:
                print(f"{name}: {e.stderr.strip()}", file=sys.stderr)
                return 1
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print("\n".join(_markdown(rows, args.against)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--models", metavar="DIR", help="frozen graphs to use instead of building them")
    parser.add_argument("--networks", type=_names, metavar="NAMES", help="only these, with commas")
    parser.add_argument("--threads", type=_numbers, default=[1, 2], metavar="N,…", help="default 1,2")
    parser.add_argument(
        "--batches", type=_numbers, default=[1, 32], metavar="N,…", help="default 1,32; large networks: 1"
    )
    parser.add_argument("--seconds", default="2", metavar="S", help="for each measurement (default 2)")
    parser.add_argument("--against", type=_names, default=[], metavar="PEERS", help="as of netwright bench")
    parser.add_argument("--peer-python", action="append", default=[], metavar="[PEER=]PATH")
    parser.add_argument("--target", metavar="NAME", help="as of netwright compile")
    parser.add_argument("--keep", metavar="DIR", help="keep graphs and libraries in this folder")
    parser.add_argument("--json", metavar="FILE", help="write all figures here")
    return parser


def _names(text: str) -> list[str]:
    return [n for n in text.split(",") if n]


def _numbers(text: str) -> list[int]:
    return [int(n) for n in text.split(",")]


def _sources(args: argparse.Namespace) -> dict[str, Path] | None:
    """The graphs in the folder by name; None where they are to be built."""
    if args.models is None:
        if args.against:
            sys.exit("--against needs --models: a folder that also holds the models for the other runtimes")
        unknown = [n for n in args.networks or () if n not in NETWORKS]
        if unknown:
            sys.exit(f"unknown networks {', '.join(unknown)}; expected some of {', '.join(NETWORKS)}")
        try:
            import keras  # noqa: F401
            import tensorflow  # noqa: F401
        except ImportError as e:
            sys.exit(
                f"building the networks needs TensorFlow and Keras ({e}): install them, or give --models DIR"
            )
        return None
    folder = Path(args.models)
    found = {p.parent.name: p for p in sorted(folder.glob("*/model.pb"))}
    found |= {p.stem: p for p in sorted(folder.glob("*.pb"))}
    missing = [n for n in args.networks or () if n not in found]
    if missing or not (args.networks or set(found) & set(NETWORKS)):
        wanted = ", ".join(missing or NETWORKS)
        sys.exit(
            f"expected {wanted} in {args.models!r} as NAME.pb or NAME/model.pb, found {', '.join(found) or 'none'}"
        )
    return found


def _network(
    name: str, sources: dict[str, Path] | None, folder: Path, args: argparse.Namespace
) -> list[dict[str, Any]]:
    """A row for each batch and number of threads."""
    folder.mkdir(parents=True, exist_ok=True)
    if sources is None:
        graph = folder / f"{name}.pb"
        freeze(name, graph)
    else:
        graph = sources[name]
    library = folder / f"{name}.so"
    target = ["--target", args.target] if args.target else []
    start = time.perf_counter()
    _netwright("compile", graph, "-o", library, *target)
    seconds = time.perf_counter() - start
    # each runtime takes the first that fits: those of a fixed size, which it may know more about, come last
    files = sorted(graph.parent.glob("model*"), key=lambda p: (len(p.name), p.name)) if args.against else []
    peers: list[str | Path] = []
    if args.against:
        peers = ["--against", ",".join(args.against)]
        for p in files:
            peers += ["--model", p] if p.suffix in _PEER_FILES else []
        for p in args.peer_python:
            peers += ["--peer-python", p]
        if "--model" not in peers:
            print(f"{name}: no {' or '.join(_PEER_FILES)} in {graph.parent}: measured alone", file=sys.stderr)
            peers = []
    rows: list[dict[str, Any]] = []
    for batch in args.batches if name not in LARGE else [1]:
        for threads in args.threads:
            print(f"{name}, batch {batch}, {threads} thread(s)", file=sys.stderr, flush=True)
            figures = folder / "figures.json"
            common = ["--batch", batch, "--threads", threads, "--seconds", args.seconds, "--json", figures]
            _netwright("bench", library, *common, *peers, ok=(0, 1))
            found = json.loads(figures.read_text(encoding="utf-8"))
            figures.unlink()
            rows.append({"network": name, "batch": batch, "compile_seconds": seconds, **found})
    return rows


def _netwright(*args: Any, ok: Iterable[int] = (0,)) -> None:
    """Runs the command; code 1 of `bench` may mean that no other runtime could be measured."""
    # a library out of the cache would have been compiled in no time
    env = {**os.environ, "NETWRIGHT_CACHE": ""}
    command = [sys.executable, "-m", "netwright", *map(str, args)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=env)
    if done.returncode not in ok or (done.returncode and done.stderr):
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)


def _markdown(rows: Sequence[dict[str, Any]], against: Sequence[str]) -> list[str]:
    head = ["network", "batch", "threads", "ms", "GFLOP/s", "% of peak", "compile s", "load ms", "library MB"]
    cells = [[*head, *against], ["---", *["---:"] * (len(head) - 1 + len(against))]]
    # the peak is the machine's, not the network's: the best that any measurement saw
    top = _peaks(rows)
    for r in rows:
        share = [] if r["gflops"] is None else [r["gflops"], 100 * r["gflops"] / top[r["threads"]]]
        speed = [f"{share[0]:.1f}", f"{share[1]:.0f}"] if share else ["", ""]
        peers = {p["name"]: f"{p['ratio']:.2f}" for p in r.get("peers", ()) if "problem" not in p}
        cells.append(
            [
                r["network"],
                str(r["batch"]),
                str(r["threads"]),
                f"{r['ms']['p50']:.4g}",
                *speed,
                f"{r['compile_seconds']:.2f}",
                f"{r['load_ms']:.1f}",
                f"{r['library_bytes'] / 1e6:.1f}",
                *(peers.get(n, "–") for n in against),
            ]
        )
    lines = [f"| {' | '.join(c)} |" for c in cells]
    notes = {f"{p['name']}: {p['problem']}" for r in rows for p in r.get("peers", ()) if "problem" in p}
    peaks = ", ".join(f"{v:.0f} GFLOP/s on {n} thread(s)" for n, v in top.items())
    where = f"{_processor()}, {os.cpu_count()} processors, {time.strftime('%Y-%m-%d')}; peak {peaks}"
    return [*lines, "", where, *(f"- {n}" for n in sorted(notes))]


def _peaks(rows: Sequence[dict[str, Any]]) -> dict[int, float]:
    """The best peak that was seen, by threads."""
    out: dict[int, float] = {}
    for r in rows:
        out[r["threads"]] = max(out.get(r["threads"], 0.0), r["peak_gflops"])
    return out


def _processor() -> str:
    """Its name; in a virtual machine often no more than the maker's."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
