"""The layers that were decomposed, or not, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...runtime.errors import ArtifactError
from .tables import layer_texts, table, width_of_output

#: what a row of the manifest's `decompositions` must say
_TEXTS = ("layer", "kernel", "order", "decision", "reason")
_COUNTS = (
    "rank", "full_rank", "cycles_before", "cycles_after", "flops_before", "flops_after", "parameters_before",
    "parameters_after",
)  # fmt: skip


def decomposition_lines(path: str, manifest: Mapping[str, Any]) -> list[str]:
    """A line for each layer that was considered, and one for all; nothing where no decomposition was asked for. Raises
    ArtifactError for a damaged manifest."""
    rows: Any = manifest.get("decompositions")
    if rows is None:
        return []
    if not isinstance(rows, list) or not all(_fits(r) for r in rows):
        raise ArtifactError(
            f"the decompositions in the manifest of {path!r} are damaged: compile the model again"
        )
    cells = [
        [
            "rank",
            "error",
            "output",
            "kcycles",
            "before",
            "MFLOP",
            "before",
            "params",
            "before",
            "kernel",
            "as",
        ]
    ]
    cells += [_cells(r) for r in rows]
    head, *lines = table(cells, left=(9, 10))
    layers = layer_texts([_plain(r["layer"]) for r in rows], width_of_output(lines))
    out = [f"{head}  layer"] if rows else []
    for r, line, layer in zip(rows, lines, layers, strict=True):
        out.append(f"{line}  {layer}".rstrip())
        if r["decision"] != "decomposed":
            out.append(f"      {_plain(r['reason'])}")
    made = sum(r["decision"] == "decomposed" for r in rows)
    cycles, flops, parameters = (_share(rows, what) for what in ("cycles", "flops", "parameters"))
    out.append(
        f"{made} of {len(rows)} layers decomposed; of their predicted cycles {cycles} are left, of FLOPs {flops}, of "
        f"parameters {parameters}"
    )
    return [*out, *quality_lines(path, manifest.get("quality"))]


def quality_lines(path: str, found: Any) -> list[str]:
    """What was measured of the whole model, if it was. Raises ArtifactError for a damaged manifest."""
    if found is None:
        return []
    numbers = ("error", "accuracy_before", "accuracy_after")
    if (
        not isinstance(found, dict)
        or not all(isinstance(found.get(k), (int, float, type(None))) for k in numbers)
        or not isinstance(found.get("samples"), int)
        or found.get("inputs") not in ("random", "given")
    ):
        raise ArtifactError(f"the quality in the manifest of {path!r} is damaged: compile the model again")
    error, before, after = (found[k] for k in numbers)
    text = "without bounds" if error is None else f"{error:.2g}"
    what = "random inputs" if found["inputs"] == "random" else "samples"
    lines = [f"relative error of the model's results on {found['samples']} {what}: {text}"]
    if before is not None and after is not None:
        lines.append(f"accuracy on them: {before:.2%} before, {after:.2%} after")
    return lines


def _fits(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and all(isinstance(row.get(k), str) for k in _TEXTS)
        and all(isinstance(row.get(k), int) for k in _COUNTS)
        and isinstance(row.get("weight_error"), (int, float))
        and isinstance(row.get("output_error"), (int, float, type(None)))
    )


def _cells(r: Mapping[str, Any]) -> list[str]:
    kept = r["decision"] != "decomposed"
    output = r["output_error"]
    return [
        f"{r['rank']}/{r['full_rank']}" if not kept else "-",
        "" if kept else f"{r['weight_error']:.1e}",
        "" if kept or output is None else f"{output:.1e}",
        f"{r['cycles_after'] / 1e3:.1f}",
        f"{r['cycles_before'] / 1e3:.1f}",
        f"{r['flops_after'] / 1e6:.2f}",
        f"{r['flops_before'] / 1e6:.2f}",
        str(r["parameters_after"]),
        str(r["parameters_before"]),
        _plain(r["kernel"]),
        _plain(r["order"]) if r["order"] else "as it is",
    ]


def _share(rows: list[dict[str, Any]], what: str) -> str:
    before = sum(r[f"{what}_before"] for r in rows)
    return f"{sum(r[f'{what}_after'] for r in rows) / before:.0%}" if before else "all"


def _plain(text: str) -> str:
    """A text out of a file may not write more than itself to a terminal."""
    return text if text.isprintable() else repr(text)
