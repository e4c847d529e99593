"""Pictures of decompositions, drawn with matplotlib: singular values by layer, time against error over budgets."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ...runtime.errors import InputError, UnsupportedError
from .spectra import LayerSpectrum

#: singular values below it are rounding
LEAST = 1e-8
INK, KEPT, FILL, MARK, PALE = "#1f3b63", "#8a8f98", "#c9daf0", "#c8452f", "#d9dce1"
DPI = 140


def figure(width: float, height: float) -> Any:
    """An empty figure of so many inches. UnsupportedError where matplotlib is not installed."""
    try:
        made = import_module("matplotlib.figure").Figure(figsize=(width, height), dpi=DPI)
        # saved without a display, whatever the user's settings
        import_module("matplotlib.backends.backend_agg").FigureCanvasAgg(made)
    except ModuleNotFoundError as e:
        if (e.name or "").partition(".")[0] != "matplotlib":
            raise
        raise UnsupportedError(
            "--plot draws with matplotlib, which is not installed: pip install 'netwright[plot]'"
        ) from e
    return made


def check_picture(path: str) -> None:
    """Raises what `save` would, before time is spent on what is drawn: UnsupportedError where matplotlib is not
    installed, InputError for a file that it cannot write."""
    kinds = figure(1, 1).canvas.get_supported_filetypes()
    ending = os.path.splitext(path)[1][1:].lower()
    if ending not in kinds:
        raise InputError(
            f"cannot draw into {path!r}: expected a file name that ends in {', '.join(sorted(kinds))}"
        )
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise InputError(f"cannot draw into {path!r}: there is no folder {folder!r}")


def save(made: Any, path: str) -> None:
    """Writes the picture. InputError where that fails."""
    try:
        made.savefig(path)
    except OSError as e:
        raise InputError(f"cannot write {path!r}: {e.strerror}") from e


def _bare(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)


def _short(text: str, width: int) -> str:
    """A text without what lies behind its middle."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 3
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def _titles(layers: Sequence[str]) -> list[str]:
    """Of layers that are several nodes the first; without the scopes that all begin with."""
    parts = [layer.split(" + ")[0].split("/") for layer in layers]
    shared = 0
    while len(parts) > 1 and all(len(p) > shared + 1 and p[shared] == parts[0][shared] for p in parts):
        shared += 1
    return ["/".join(p[shared:]) for p in parts]


def draw_ranks(spectra: Sequence[LayerSpectrum], title: str, path: str) -> None:
    """A panel for each layer: its singular values as shares of the largest, those that are kept marked.

    InputError where there is no layer to draw.
    """
    if not spectra:
        raise InputError(
            f"there is nothing to draw into {path!r}: the model has no layer that could be decomposed"
        )
    count = len(spectra)
    columns = 2 if count == 4 else min(count, 3 if count <= 9 else 4 if count <= 20 else 6)
    rows = math.ceil(count / columns)
    wide, high = (3.6, 2.6) if columns <= 3 else (3.1, 2.3) if columns == 4 else (2.5, 2.0)
    made = figure(max(columns * wide, 5.5), rows * high + 0.7)
    made.set_layout_engine("constrained")
    made.suptitle(title, fontsize=11, x=0.01, ha="left")
    grid = made.subplots(rows, columns, squeeze=False, sharey=True)
    least = min(float(s.values[s.values > LEAST].min(initial=1.0)) for s in spectra)
    names = _titles([s.layer for s in spectra])
    for i, axes in enumerate(grid.flat):
        if i >= count:
            axes.set_visible(False)
            continue
        _panel(axes, spectra[i], _short(names[i], round(wide * 11)), max(least / 2, LEAST))
        if i % columns == 0:
            axes.set_ylabel("σ / largest σ", fontsize=8)
        if i + columns >= count:
            axes.set_xlabel("number of the singular value", fontsize=8)
    save(made, path)


def _panel(axes: Any, s: LayerSpectrum, name: str, least: float) -> None:
    full = len(s.values)
    numbers, values = range(1, full + 1), s.values.clip(least / 10)
    axes.set_yscale("log")
    axes.set_ylim(least, 1.6)
    axes.set_xlim(1 - 0.02 * full, full * 1.02)
    axes.xaxis.get_major_locator().set_params(integer=True)
    _bare(axes)
    axes.tick_params(labelsize=7)
    few = {"marker": ".", "markersize": 4} if full <= 40 else {}
    axes.plot(numbers, values, color=INK if s.rank else KEPT, linewidth=1.4, **few)
    if s.rank:
        axes.fill_between(numbers[: s.rank], values[: s.rank], least, color=FILL, linewidth=0)
        axes.axvline(s.rank, color=MARK, linewidth=1.2)
        axes.plot([s.rank], [values[s.rank - 1]], "o", color=MARK, markersize=4)
    axes.set_title(name, fontsize=8, loc="left", pad=14, fontweight="bold")
    what = f"rank {s.rank} of {full}" if s.rank else f"stays, full rank {full}"
    axes.text(
        0, 1.02, f"{s.kernel}: {what}", transform=axes.transAxes, fontsize=7, color=MARK if s.rank else KEPT
    )


@dataclass(frozen=True)
class CurvePoint:
    """What a budget gives: milliseconds of a call, the end-to-end error, and accuracy."""

    budget: str
    ms: float
    error: float
    accuracy: float | None = None


def draw_curve(
    points: Sequence[CurvePoint], before_ms: float, before_accuracy: float | None, title: str, path: str
) -> None:
    """Time against end-to-end error, a point for each budget; below, with labels, accuracy.

    Budgets that change nothing have no place on a logarithmic axis: the dashed line is theirs.
    """
    moved = sorted((p for p in points if p.error > 0), key=lambda p: p.error)
    labelled = before_accuracy is not None
    made = figure(7.2, 6.6 if labelled else 4.4)
    made.set_layout_engine("constrained")
    made.suptitle(title, fontsize=11, x=0.01, ha="left")
    panels = made.subplots(2 if labelled else 1, 1, squeeze=False, sharex=True)[:, 0]
    _trade(
        panels[0],
        moved,
        [p.ms for p in moved],
        before_ms,
        f"as it is: {before_ms:.3g} ms",
        "milliseconds a call",
    )
    panels[0].set_ylim(0, max([before_ms, *(p.ms for p in moved)]) * 1.18)
    share = panels[0].secondary_yaxis(
        "right", functions=(lambda ms: ms / before_ms * 100, lambda part: part * before_ms / 100)
    )
    share.set_ylabel("% of the original's time", fontsize=9)
    share.tick_params(labelsize=8)
    if before_accuracy is not None:
        known = [p for p in moved if p.accuracy is not None]
        accuracies = [100 * (p.accuracy or 0.0) for p in known]
        before = 100 * before_accuracy
        _trade(panels[1], known, accuracies, before, f"as it is: {before:.2f} %", "accuracy, %")
        low, high = min([before, *accuracies]), max([before, *accuracies])
        room = max(high - low, 1.0) * 0.22
        panels[1].set_ylim(low - room, high + room)
    panels[-1].set_xlabel("end-to-end error: relative change of the outputs, 2-norm", fontsize=9)
    save(made, path)


def _trade(
    axes: Any, points: Sequence[CurvePoint], values: Sequence[float], before: float, text: str, label: str
) -> None:
    """One panel: the points joined, each with its budget, and a line for the model as it is."""
    _bare(axes)
    axes.tick_params(labelsize=8)
    axes.set_ylabel(label, fontsize=9)
    axes.axhline(before, color=KEPT, linestyle="--", linewidth=1.2)
    axes.annotate(
        text, (1, before), xycoords=("axes fraction", "data"), xytext=(-2, 3), textcoords="offset points",
        ha="right", fontsize=8, color=KEPT,
    )  # fmt: skip
    if not points:
        axes.text(0.5, 0.5, "no budget changes the model", transform=axes.transAxes, ha="center", color=KEPT)
        return
    axes.set_xscale("log")
    errors = [p.error for p in points]
    axes.set_xlim(min(errors) / 2, max(errors) * 2)
    axes.plot(errors, values, color=INK, linewidth=1.4, marker="o", markersize=5, markerfacecolor=MARK)
    for error, value, budgets in _together(points, values):
        axes.annotate(
            budgets, (error, value), xytext=(0, -12), textcoords="offset points", fontsize=7.5, ha="center",
            color=INK, bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )  # fmt: skip


def _together(points: Sequence[CurvePoint], values: Sequence[float]) -> list[tuple[float, float, str]]:
    """The labels: one for points at the same error, such as budgets that choose the same ranks."""
    found: list[tuple[float, float, list[str]]] = []
    for p, value in zip(points, values, strict=True):
        if found and p.error <= found[-1][0] * 1.02:
            found[-1][2].append(p.budget)
        else:
            found.append((p.error, value, [p.budget]))
    return [
        (error, value, budgets[0] if len(budgets) == 1 else f"{budgets[0]} to {budgets[-1]}")
        for error, value, budgets in found
    ]
