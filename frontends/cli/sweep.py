"""What budgets give: a row for each, as table, CSV, JSON and points of a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...compiler.passes.decompose_conv import parse_decomposition
from ...compiler.passes.rank_choice import Wish
from ...runtime.errors import OptionError
from ..lowrank.pictures import CurvePoint
from ..lowrank.quality import Quality
from .decompose_measure import Times
from .tables import table

#: largest errors of layers that are tried where none are given
USUAL = "0.001,0.002,0.005,0.01,0.02,0.05,0.1,0.2,0.5"


@dataclass(frozen=True)
class SweepRow:
    """A budget: how many layers were decomposed, what is left of the FLOPs, parameters and predicted cycles of all
    layers that were considered, the median milliseconds of a call, their share of the original's, the end-to-end error,
    and the accuracy where there are labels."""

    budget: str
    decomposed: int
    flops: float
    parameters: float
    predicted: float
    ms: float
    ratio: float
    error: float
    accuracy: float | None


def parse_budgets(text: str) -> list[tuple[str, Wish]]:
    """`0.01,0.1`, `flops=0.5,flops=0.25`, `0.1 force`: budgets between commas, a number alone being a max-error.

    Raises OptionError for what is none.
    """
    found: list[tuple[str, Wish]] = []
    for part in text.split(","):
        name = " ".join(part.split())
        if not name:
            raise OptionError(f"--budgets: expected budgets between commas, as 0.01,0.1, received {text!r}")
        words = [f"max-error={w}" if _is_number(w) else w for w in name.split()]
        try:
            wish = parse_decomposition(" ".join(words)).wish
        except OptionError as e:
            raise OptionError(f"--budgets: {str(e).removeprefix('--decompose-conv: ')}") from None
        if name not in dict(found):
            found.append((name, wish))
    return found


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def share(rows: Sequence[dict[str, Any]], what: str) -> float:
    """What is left of the FLOPs, parameters or cycles of the layers that have rows."""
    before = sum(r[f"{what}_before"] for r in rows)
    return sum(r[f"{what}_after"] for r in rows) / before if before else 1.0


def sweep_row(budget: str, rows: Sequence[dict[str, Any]], times: Times, found: Quality) -> SweepRow:
    """The row of a budget that gave these rows of layers, times and errors."""
    made = sum(r["decision"] == "decomposed" for r in rows)
    flops, parameters, cycles = (share(rows, what) for what in ("flops", "parameters", "cycles"))
    # without a layer decomposed it is the same library, timed twice
    ratio = times.ratio if made else 1.0
    return SweepRow(
        budget, made, flops, parameters, cycles, times.after, ratio, found.error, found.accuracy_after
    )


def sweep_lines(rows: Sequence[SweepRow], layers: int, before_ms: float, accuracy: float | None) -> list[str]:
    """The table, and what its columns are shares of."""
    head = ["budget", "layers", "% FLOPs", "% params", "% predicted", "% time", "ms", "error"]
    cells = [[*head, "accuracy"] if accuracy is not None else head]
    whole = ["as it is", "", "100.0", "100.0", "100.0", "100.0", f"{before_ms:.4f}", "0"]
    cells.append([*whole, f"{accuracy:.2%}"] if accuracy is not None else whole)
    for r in rows:
        parts = [f"{100 * v:.1f}" for v in (r.flops, r.parameters, r.predicted, r.ratio)]
        row = [r.budget, str(r.decomposed), *parts, f"{r.ms:.4f}", f"{r.error:.1e}" if r.error else "0"]
        cells.append([*row, f"{r.accuracy:.2%}"] if r.accuracy is not None else row)
    return [
        *(line.rstrip() for line in table(cells, left=(0,))),
        f"FLOPs, parameters and predicted cycles are those of the {layers} layers that were considered, time and error "
        "those of the whole model",
    ]


def csv_text(rows: Sequence[SweepRow]) -> str:
    """The rows for a spreadsheet."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(SweepRow.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(r) for r in rows)
    return out.getvalue()


def curve(rows: Sequence[SweepRow], before_ms: float) -> list[CurvePoint]:
    """Milliseconds beside the same original for all, by their ratios: the machine may have slowed down in between."""
    return [CurvePoint(r.budget, r.ratio * before_ms, r.error, r.accuracy) for r in rows]
