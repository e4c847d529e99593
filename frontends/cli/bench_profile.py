"""The profile of a library: time, operations and bytes of each call of a kernel, by the user's layers."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...runtime.profile import RunRecord
from .bench_measure import Rounds, Subject
from .bench_work import CallRow, Work, open_recorder
from .tables import layer_texts, table, width_of_output

_LEAST_RUNS, _MOST_RUNS = 5, 2000


@dataclass(frozen=True)
class ProfileRow:
    """A call, or a family of calls; `us` is the median over runs of the time in a run, of all its repetitions."""

    call: int
    layer: str
    kernel: str
    family: str
    algorithm: str
    times: int
    us: float
    share: float
    flop: int | None
    bytes: int | None
    gflops: float | None
    gbytes: float | None
    of_roofline: float | None


@dataclass(frozen=True)
class Profile:
    """Rows in the order of the calls, the same by family, and the run that took the median time."""

    rows: list[ProfileRow]
    families: list[ProfileRow]
    run: RunRecord
    runs: int
    #: median over runs of the time from a run's beginning to its last kernel
    us: float

    def data(self) -> dict[str, Any]:
        return {
            "runs": self.runs,
            "us": self.us,
            "calls": [asdict(r) for r in self.rows],
            "families": [
                {k: v for k, v in asdict(r).items() if k not in ("call", "layer", "kernel")}
                for r in self.families
            ],
        }


def take_profile(subject: Subject, rounds: Rounds, seconds: float) -> Profile:
    """Runs the library with a log for about `seconds`."""
    runs: list[RunRecord] = []
    end = time.perf_counter() + seconds
    with open_recorder(subject.model, subject.args) as recorder:
        while len(runs) < _LEAST_RUNS or (time.perf_counter() < end and len(runs) < _MOST_RUNS):
            recorder(*subject.args)
            runs.append(recorder.record)
    ordered = sorted(runs, key=lambda r: r.ns)
    rows = _rows(subject.work, runs, rounds)
    us = float(np.median([r.ns for r in runs])) / 1e3
    return Profile(rows, _families(rows, rounds), ordered[len(ordered) // 2], len(runs), us)


def _rows(work: Work, runs: Sequence[RunRecord], rounds: Rounds) -> list[ProfileRow]:
    totals = [r.totals() for r in runs]
    found: list[tuple[CallRow, int, float]] = []
    for call in sorted({c for t in totals for c in t}):
        # a run that took another branch spent no time in it
        of_runs = [t.get(call, (0, 0)) for t in totals]
        times = round(float(np.median([n for n, _ in of_runs])))
        found.append((work.rows[call], times, float(np.median([ns for _, ns in of_runs])) / 1e3))
    all_us = sum(us for _, _, us in found) or 1.0
    return [
        _row(
            r.number, r.layer, r.kernel, r.family, r.algorithm, n, us, us / all_us,
            None if r.flops is None else n * r.flops, None if r.bytes is None else n * r.bytes, rounds,
        )
        for r, n, us in found
    ]  # fmt: skip


def _row(
    call: int, layer: str, kernel: str, family: str, algorithm: str, times: int, us: float, share: float,
    flop: int | None, moved: int | None, rounds: Rounds,
) -> ProfileRow:  # fmt: skip
    """The row, with speeds, and how near it comes to what peak and bandwidth allow."""
    gflops = flop / us / 1e3 if flop is not None and us else None
    gbytes = moved / us / 1e3 if moved is not None and us else None
    roof = None
    if gflops is not None and gbytes is not None:
        # the time it must take at least over the time it took: min(peak, bandwidth x intensity) in other words,
        # which also holds for a kernel that computes nothing
        roof = max(gflops / rounds.peak, gbytes / rounds.bandwidth)
    return ProfileRow(
        call, layer, kernel, family, algorithm, times, us, share, flop, moved, gflops, gbytes, roof
    )


def _families(rows: Sequence[ProfileRow], rounds: Rounds) -> list[ProfileRow]:
    groups: dict[tuple[str, str], list[ProfileRow]] = {}
    for r in rows:
        groups.setdefault((r.family, r.algorithm), []).append(r)
    made: list[ProfileRow] = []
    for (family, algorithm), group in groups.items():
        us = sum(r.us for r in group)
        flop, moved = _sum([r.flop for r in group]), _sum([r.bytes for r in group])
        times, share = sum(r.times for r in group), sum(r.share for r in group)
        total = _row(-1, "", "", family, algorithm, times, us, share, flop, moved, rounds)
        # of the whole: the time its calls must take at least, each by its own limit
        known = [r.of_roofline for r in group]
        roof = None if None in known or not us else sum(r.us * (r.of_roofline or 0) for r in group) / us
        made.append(ProfileRow(**{**asdict(total), "of_roofline": roof}))
    return sorted(made, key=lambda r: -r.us)


def _sum(values: Sequence[int | None]) -> int | None:
    return None if None in values else sum(v or 0 for v in values)


def _cells(r: ProfileRow) -> list[str]:
    return [
        f"{r.us:.1f}",
        f"{100 * r.share:.1f}",
        _number(r.flop, 1e6),
        _number(r.gflops),
        _number(r.bytes, 1e6),
        _number(r.gbytes),
        _number(r.of_roofline, 0.01, 0),
        str(r.times),
    ]


def _number(value: float | None, unit: float = 1.0, digits: int = 2) -> str:
    """At most `digits` behind the point; a question mark where data decides."""
    if value is None:
        return "?"
    v = value / unit
    return f"{v:.{digits if v < 100 else min(digits, 1)}f}"


_HEAD = ["us", "% time", "MFLOP", "GFLOP/s", "MB", "GB/s", "% roof", "times", "kernel"]


def profile_lines(p: Profile) -> list[str]:
    """The tables; on a terminal layers are shortened to its width, elsewhere they stand in full."""
    kinds = [_kind(r) for r in p.rows]
    numbers = [[str(r.call), *_cells(r), k] for r, k in zip(p.rows, kinds, strict=True)]
    head = ["call", *_HEAD]
    lines = table([head, *numbers], left=(len(head) - 1,))
    # a name out of a model file may not write more than itself to a terminal
    names = [r.layer if r.layer.isprintable() else repr(r.layer) for r in p.rows]
    layers = layer_texts(names, width_of_output(lines))
    out = [f"{line}  {layer}".rstrip() for line, layer in zip(lines, ["layer", *layers], strict=True)]
    families = table([_HEAD, *([*_cells(r), _kind(r)] for r in p.families)], left=(len(_HEAD) - 1,))
    out += ["", *(line.rstrip() for line in families)]
    out += ["", f"{p.runs} runs, {p.us / 1e3:.4f} ms from a run's beginning to its last kernel (median)"]
    return out


def _kind(r: ProfileRow) -> str:
    return r.family if r.algorithm in ("", "direct") else f"{r.family} {r.algorithm}"


def csv_text(p: Profile) -> str:
    """The rows of the calls for a spreadsheet."""
    out = io.StringIO()
    fields = list(ProfileRow.__dataclass_fields__)
    writer = csv.DictWriter(out, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(r) for r in p.rows)
    return out.getvalue()


def trace_data(p: Profile, subject: Subject) -> dict[str, Any]:
    """The run of median time in the Trace Event Format, which Chrome's chrome://tracing and Perfetto show."""
    rows, start = subject.work.rows, p.run.start
    name = Path(subject.model.path).name
    pid = os.getpid()
    common = {"pid": pid, "tid": 1}
    events: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", **common, "args": {"name": f"netwright {name}"}},
        {"ph": "M", "name": "thread_name", **common, "args": {"name": "calls of kernels"}},
    ]
    for c in p.run.calls:
        row = rows[c.call]
        events.append(
            {
                "ph": "X",
                "name": row.kernel,
                "cat": row.family,
                "ts": (c.start - start) / 1e3,
                "dur": c.ns / 1e3,
                **common,
                "args": {
                    "layer": row.layer,
                    "flops": row.flops,
                    "bytes": row.bytes,
                    "algorithm": row.algorithm,
                    "call": row.number,
                },
            }
        )
    return {"displayTimeUnit": "ns", "traceEvents": events}
