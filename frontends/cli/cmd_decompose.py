"""netwright decompose MODEL"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import asdict
from typing import Any

import numpy as np

from ...compiler.driver import compile_module
from ...compiler.ir.core import Op
from ...compiler.options import CompileOptions
from ...compiler.passes.decompose_conv import parse_decomposition
from ...compiler.passes.decomposition import row_of
from ...compiler.passes.rank_choice import Choice, Wish
from ...runtime import Model, load
from ...runtime.errors import ExecutionError, InputError, OptionError
from ..build import model_name
from ..lowrank.calibration import Calibration, random_calibration, read_calibration
from ..lowrank.calibration import moments as moments_of
from ..lowrank.pictures import check_picture, draw_curve, draw_ranks
from ..lowrank.quality import Quality, quality
from ..lowrank.spectra import spectra_of
from ..lowrank.study import Study
from .arrays import Array, save_text
from .bench_measure import pinned
from .cmd_bench import seconds
from .decompose_measure import Times, compare, layer_lines, layer_times, one_call, whole_line
from .decomposition_table import decomposition_lines
from .options import add_option_arguments, model_from, options_from, positive
from .sweep import USUAL, SweepRow, csv_text, curve, parse_budgets, sweep_lines, sweep_row
from .terminal import Progress

#: the budget where none is given
_BUDGET = "max-error=0.01"
#: the options of a compilation that have a meaning here
_OPTIONS = ("inputs", "outputs", "signature", "batch", "target", "precise", "decompose_conv", "calibrate")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a model file, as netwright compile takes it; no library is written")
    parser.add_argument("--sweep", action="store_true", help="compare several budgets: a line for each")
    parser.add_argument(
        "--budgets",
        metavar="LIST",
        help=f"the budgets of --sweep between commas; numbers are max-errors (default {USUAL})",
    )
    parser.add_argument(
        "--plot",
        metavar="FILE",
        help="draw singular values by layer, or with --sweep time against error, into this picture (.png, .svg, .pdf)",
    )
    parser.add_argument("--csv", metavar="FILE", help="write the rows of --sweep here")
    parser.add_argument("--json", metavar="FILE", help="write all figures here")
    parser.add_argument("--threads", type=positive, default=1, metavar="N", help="threads to use (default 1)")
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=2.0,
        metavar="S",
        help="how long to measure each budget (default 2)",
    )
    parser.add_argument("--resources", metavar="DIR", help="where the constants of an .mlir file are")
    add_option_arguments(parser, only=_OPTIONS)


def run(args: argparse.Namespace) -> int:
    _check(args)
    progress = Progress()
    try:
        lines = _run(args, options_from(args), progress)
    finally:
        progress.clear()
    print("\n".join(lines))
    return 0


def _check(args: argparse.Namespace) -> None:
    """Raises OptionError or InputError for what cannot be, before time is spent."""
    if args.sweep and args.decompose_conv is not None:
        raise OptionError(
            "expected --decompose-conv or --sweep, received both: --budgets names those of a sweep"
        )
    for name in ("budgets", "csv"):
        if getattr(args, name) is not None and not args.sweep:
            raise OptionError(f"--{name} needs --sweep too")
    if args.plot is not None:
        check_picture(args.plot)


def _run(args: argparse.Namespace, options: CompileOptions, progress: Progress) -> list[str]:
    progress.tell(f"reading {args.model}")
    module = model_from(args, options)
    if options.calibrate is not None:
        calibration = read_calibration(options.calibrate, module)
        text = f"{calibration.samples} samples of {options.calibrate}"
    else:
        calibration = random_calibration(module)
        text = f"{calibration.samples} random samples"
    with tempfile.TemporaryDirectory(prefix="netwright-") as folder:
        trial = Trial(args, options, progress, folder, module, calibration)
        lines = sweep(trial) if args.sweep else single(trial)
    return [*lines, f"samples: {text}"]


class Trial:
    """A model, the samples it is tried on, and its library before anything is decomposed."""

    def __init__(
        self, args: argparse.Namespace, options: CompileOptions, progress: Progress, folder: str, module: Op,
        calibration: Calibration,
    ) -> None:  # fmt: skip
        self.args, self.progress, self.calibration = args, progress, calibration
        self.name = model_name(args.model)
        self.budgets = (
            parse_budgets(args.budgets or USUAL)
            if args.sweep
            else [(text := options.decompose_conv or _BUDGET, parse_decomposition(text).wish)]
        )
        self._plain, self._folder = options.replace(decompose_conv=None, calibrate=None), folder
        self._made = 0
        seen = None
        if args.calibrate is not None:
            progress.tell("running the samples")
            # layers that no pair is faster for are seen too if one is forced
            forced = any(wish.force for _, wish in self.budgets)
            seen = moments_of(
                module, calibration, options.replace(decompose_conv="max-error=0" + " force" * forced)
            )
        self._study = Study(module, self._plain, seen)
        self.before = self._library(module.clone({}), "before")

    @property
    def layers(self) -> int:
        """How many could be decomposed."""
        return len(self._study.layers)

    def choices(self, budget: str, wish: Wish) -> list[Choice]:
        self.progress.tell(f"decomposing: {budget}")
        return self._study.choices(wish)

    def decomposed(self, choices: list[Choice]) -> Model:
        return self._library(self._study.decomposed(choices), "after")

    def _library(self, module: Op, what: str) -> Model:
        # a library that is loaded stands for whatever is loaded from the same path later
        self._made += 1
        path = os.path.join(self._folder, f"{what}{self._made}.so")
        compile_module(module, path, self._plain, name=self.name, tell=self.progress.tell)
        model = load(path, threads=self.args.threads)
        os.unlink(path)  # it lives as long as the model
        return model

    @property
    def one_call(self) -> list[Array]:
        return one_call(self.calibration, self.before)

    def measured(self, after: Model) -> tuple[Times, Quality]:
        self.progress.tell("measuring")
        try:
            found = quality(self.before, after, self.calibration)
        except ExecutionError as e:
            if self.args.calibrate is not None:
                raise
            raise InputError(
                f"the model does not take random inputs ({e}): give it others with --calibrate FILE.npz"
            ) from e
        with pinned(self.args.threads):
            return compare(self.before, after, self.one_call, self.args.seconds), found


def single(trial: Trial) -> list[str]:
    """What one budget gives: the layers, their times, and what it does to the whole model."""
    args = trial.args
    ((budget, wish),) = trial.budgets
    choices = trial.choices(budget, wish)
    rows = [{"output_error": None, **row_of(c)} for c in choices]
    lines = decomposition_lines(args.model, {"decompositions": rows})
    data: dict[str, Any] = {"model": trial.name, "budget": budget, "threads": args.threads, "layers": rows}
    if any(c.point is not None for c in choices):
        after = trial.decomposed(choices)
        times, found = trial.measured(after)
        with pinned(args.threads):
            layers = layer_times(trial.before, after, trial.one_call, rows, args.seconds)
        lines += ["", *layer_lines(layers), "", whole_line(times, args.threads)]
        lines += quality_lines(found)
        data |= {
            "times": asdict(times),
            "layer_times": [asdict(t) | {"ratio": t.ratio} for t in layers],
            "quality": asdict(found),
        }
    if args.plot is not None:
        draw_ranks(spectra_of(choices), f"Singular values by layer: {trial.name}, {budget}", args.plot)
    if args.json is not None:
        save_text(args.json, json.dumps(data, indent=1) + "\n")
    return lines


def quality_lines(found: Quality) -> list[str]:
    """What became of the results."""
    lines = [f"end-to-end error: {found.error:.1e} (relative change of the outputs, 2-norm)"]
    if found.accuracy_before is not None and found.accuracy_after is not None:
        lines.append(f"accuracy: {found.accuracy_after:.2%}, before {found.accuracy_before:.2%}")
    return lines


def sweep(trial: Trial) -> list[str]:
    """A row for each budget; budgets that choose the same are measured once."""
    args = trial.args
    rows: list[SweepRow] = []
    known: dict[Any, tuple[Times, Quality]] = {}
    for budget, wish in trial.budgets:
        choices = trial.choices(budget, wish)
        key = tuple((c.point.order, c.point.rank) if c.point else None for c in choices)
        if key not in known:
            after = trial.decomposed(choices) if any(key) else trial.before
            known[key] = trial.measured(after)
        rows.append(sweep_row(budget, [row_of(c) for c in choices], *known[key]))
    before = float(np.median([t.before for t, _ in known.values()]))
    accuracy = next(q.accuracy_before for _, q in known.values())
    if args.plot is not None:
        title = f"Time against error, by budget: {trial.name}, {args.threads} thread(s)"
        draw_curve(curve(rows, before), before, accuracy, title, args.plot)
    if args.csv is not None:
        save_text(args.csv, csv_text(rows))
    if args.json is not None:
        data = {
            "model": trial.name, "threads": args.threads, "layers": trial.layers, "before_ms": before,
            "before_accuracy": accuracy, "budgets": [asdict(r) for r in rows],
        }  # fmt: skip
        save_text(args.json, json.dumps(data, indent=1) + "\n")
    return sweep_lines(rows, trial.layers, before, accuracy)
