"""Compiling with decompose-conv: what the layers see goes into the pass, what comes of it into the manifest."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

from ...compiler.driver import compile_module
from ...compiler.ir.core import Op
from ...compiler.options import CompileOptions
from ...compiler.passes.decompose_conv import DecomposeConv, parse_decomposition
from ...compiler.result import Compiled
from ...runtime import load
from ...runtime.errors import ArtifactError, Error
from .calibration import Calibration, moments, random_calibration, read_calibration
from .quality import Quality, quality

#: the manifest's entry on what a decomposition does to the model's results
QUALITY = "quality"


def calibration_for(module: Op, options: CompileOptions) -> Calibration:
    """The samples that the options name, or random ones."""
    if options.calibrate is not None:
        return read_calibration(options.calibrate, module)
    return random_calibration(module)


def given_for(
    module: Op,
    options: CompileOptions,
    tell: Callable[[str], None] | None = None,
    calibration: Calibration | None = None,
) -> dict[str, Any]:
    """What passes are given: what the layers see of the file to calibrate with, if one was named."""
    if options.calibrate is None or options.decompose_conv is None:
        return {}
    parse_decomposition(options.decompose_conv)  # says what is wrong with it before any work
    if tell is not None:
        tell("calibrating")
    return {DecomposeConv.name: moments(module, calibration or calibration_for(module, options), options)}


def compile_decomposed(
    module: Op,
    output: str | os.PathLike[str],
    options: CompileOptions,
    tell: Callable[[str], None] | None = None,
    **more: Any,
) -> Compiled:
    """`compile_module` for options with `decompose_conv`. The manifest's `quality` has the relative error of the
    model's results that it brings about, and with labels their accuracy; a note says why where that is not measured."""
    calibration = calibration_for(module, options)
    given = given_for(module, options, tell, calibration)
    original = module.clone({})
    notes: list[str] = []

    def measure(manifest: Mapping[str, Any], trial: Callable[[], str]) -> Mapping[str, Any]:
        if tell is not None:
            tell("measuring the model's error")
        try:
            found = _quality(original, manifest, trial, options, calibration)
        except ArtifactError as e:  # compiled for another machine
            notes.append(f"the model's error is not measured: {e}")
            return {}
        except Error as e:
            if options.calibrate is not None:
                raise
            notes.append(f"the model's error is not measured: it does not take random inputs ({e})")
            return {}
        return {QUALITY: row_of(found, calibration, options)}

    compiled = compile_module(module, output, options, tell=tell, given=given, measure=measure, **more)
    compiled.notes = [*compiled.notes, *notes]
    return compiled


def _quality(
    original: Op,
    manifest: Mapping[str, Any],
    trial: Callable[[], str],
    options: CompileOptions,
    calibration: Calibration,
) -> Quality:
    """Of the decomposed model beside the original one, which is compiled for it; where nothing was decomposed both are
    the same."""
    rows = manifest.get("decompositions", ())
    changed = any(r["decision"] == "decomposed" for r in rows)
    if not changed and calibration.labels is None:
        return Quality(0.0)
    after = load(trial())
    if not changed:
        return quality(after, after, calibration)
    with tempfile.TemporaryDirectory(prefix="netwright-") as folder:
        path = os.path.join(folder, "original.so")
        compile_module(original, path, undecomposed(options), name="original")
        return quality(load(path), after, calibration)


def undecomposed(options: CompileOptions) -> CompileOptions:
    """The same options without decomposition, and without what is written or printed beside the library."""
    return options.replace(
        decompose_conv=None,
        calibrate=None,
        header=None,
        dump_ir=None,
        print_ir_after_all=False,
        print_ir_after_change=False,
        skip_pass=tuple(p for p in options.skip_pass if p != DecomposeConv.name),
    )


def row_of(found: Quality, calibration: Calibration, options: CompileOptions) -> dict[str, Any]:
    """The manifest's entry, to four digits: more depend on the machine. An error without bounds is None."""

    def rounded(x: float | None) -> float | None:
        return None if x is None or x == float("inf") else float(f"{x:.4g}")

    return {
        "error": rounded(found.error),
        "accuracy_before": rounded(found.accuracy_before),
        "accuracy_after": rounded(found.accuracy_after),
        "samples": calibration.samples,
        "inputs": "random" if options.calibrate is None else "given",
    }
