"""Times of a model before and after its layers were decomposed, taken in turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...runtime import Model
from ...runtime.profile import RunRecord
from ..lowrank.samples import Calibration, batches
from .arrays import Array, in_order
from .bench_measure import Rounds, timed
from .bench_work import open_recorder
from .calls import calls_of
from .tables import layer_texts, table, width_of_output

#: runs with a log at least and at most, of each model
_LEAST_RUNS, _MOST_RUNS = 8, 500


@dataclass(frozen=True)
class Times:
    """Median milliseconds of a call, and the median over rounds of the ratio of medians."""

    before: float
    after: float
    ratio: float
    rounds: int


@dataclass(frozen=True)
class LayerTimes:
    """Microseconds of a layer's kernels in a run, the lower quartile over runs: kernels are short, and a disturbed run
    is slower in some of them only."""

    layer: str
    predicted: float
    before: float
    after: float

    @property
    def ratio(self) -> float:
        return self.after / self.before


def one_call(calibration: Calibration, model: Model) -> list[Array]:
    """Of these samples what one call takes, in the order of the inputs: one where the batch is open."""
    first = next(iter(batches(calibration, model.inputs, 1)))
    return in_order(first.inputs, model.inputs)


def compare(before: Model, after: Model, args: Sequence[Array], seconds: float) -> Times:
    """Both models on the same inputs in about `seconds`, by turns."""
    rounds, count = Rounds(), min(20, max(5, round(seconds / 0.1)))
    pair = [("before", before), ("after", after)]
    for i in range(count):
        for name, model in pair if i % 2 else pair[::-1]:
            rounds.add(name, timed(lambda model=model: model(*args), seconds / count / 2))
    return Times(
        rounds.milliseconds("before")["p50"], rounds.milliseconds("after")["p50"],
        rounds.ratio("after", "before"), count,
    )  # fmt: skip


def layer_times(
    before: Model, after: Model, args: Sequence[Array], rows: Sequence[Mapping[str, Any]], seconds: float
) -> list[LayerTimes]:
    """Of each layer with a row that was decomposed, by the kernels' logs; layers that no kernel names are left out."""
    made = [r for r in rows if r["decision"] == "decomposed"]
    calls = [[_calls(m, r["layer"]) for r in made] for m in (before, after)]
    runs: list[list[RunRecord]] = [[], []]
    with open_recorder(before, args) as first, open_recorder(after, args) as second:
        spent = 0
        while len(runs[0]) < _LEAST_RUNS or (spent < seconds * 1e9 and len(runs[0]) < _MOST_RUNS):
            for recorder, found in zip((first, second), runs, strict=True):
                recorder(*args)
                found.append(recorder.record)
                spent += found[-1].ns
    out: list[LayerTimes] = []
    for i, r in enumerate(made):
        a, b = (_microseconds(records, numbers[i]) for records, numbers in zip(runs, calls, strict=True))
        if a > 0 and b > 0:
            out.append(LayerTimes(r["layer"], r["cycles_after"] / max(r["cycles_before"], 1), a, b))
    return out


def _calls(model: Model, layer: str) -> set[int]:
    """The numbers of the calls of a layer's kernels; an epilogue is the kernel's that it is fused into."""
    names = set(layer.split(" + "))
    return {
        i
        for i, c in enumerate(calls_of(model.path, model.manifest, ("layer",)))
        if names <= set(c["layer"].split(" + "))
    }


def _microseconds(runs: Sequence[RunRecord], calls: set[int]) -> float:
    return float(np.percentile([sum(c.ns for c in run.calls if c.call in calls) for run in runs], 25)) / 1e3


def layer_lines(times: Sequence[LayerTimes]) -> list[str]:
    """A table of the layers: times measured, their ratio, and the one that was predicted."""
    if not times:
        return []
    cells = [["us", "before", "ratio", "predicted"]]
    cells += [[f"{t.after:.1f}", f"{t.before:.1f}", f"{t.ratio:.2f}", f"{t.predicted:.2f}"] for t in times]
    lines = table(cells)
    names = [t.layer if t.layer.isprintable() else repr(t.layer) for t in times]
    layers = layer_texts(names, width_of_output(lines))
    return [f"{line}  {layer}" for line, layer in zip(lines, ["layer", *layers], strict=True)]


def whole_line(times: Times, threads: int) -> str:
    return (
        f"whole model: {times.after:.4f} ms a call, before {times.before:.4f}: {times.ratio:.2f} of the time (median "
        f"of {times.rounds} rounds in turns, {threads} thread(s))"
    )
