"""netwright compile MODEL -o LIBRARY"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...compiler.cache import Cache
from ...compiler.options import CompileOptions
from ...runtime.errors import OptionError
from ..build import build, check_calibration
from .decomposition_table import decomposition_lines
from .options import add_option_arguments, model_from, options_from
from .terminal import Progress

if TYPE_CHECKING:
    from ...compiler.ir.core import Op
    from ...compiler.ir.passes import Observer
    from ..lowrank.spectra import SpectraObserver


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        help="a TensorFlow graph (.pb, .pbtxt), a SavedModel's folder, a Keras model (.keras, .h5), model.py:build, or "
        "IR text (.mlir)",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="the library to write (default: MODEL.so)")
    parser.add_argument("--resources", metavar="DIR", help="where the constants of an .mlir file are")
    parser.add_argument(
        "--verify",
        metavar="FILE",
        help="run library and interpreter on these inputs (.npz by name, or .npy) and print the differences",
    )
    parser.add_argument(
        "--plot",
        metavar="FILE",
        help="draw singular values by layer, with the ranks of --decompose-conv, into this picture (.png, .svg, .pdf)",
    )
    parser.add_argument("--remarks", action="store_true", help="print why passes left things alone")
    add_option_arguments(parser, skip=("threads",))


def run(args: argparse.Namespace) -> int:
    options = options_from(args)
    if args.verify and options.stop_after:
        raise OptionError("--verify needs a library, and --stop-after makes none")
    if args.plot is not None:
        _check_plot(args.plot, options)
    progress = Progress(quiet=options.print_ir_after_all or options.print_ir_after_change)
    try:
        return _compile(args, options, progress)
    finally:
        progress.clear()


def _compile(args: argparse.Namespace, options: CompileOptions, progress: Progress) -> int:
    if options.stop_after:
        return _print_ir(args, options, progress)
    output = args.output or _beside(Path(args.model))
    if os.path.exists(output) and os.path.exists(args.model) and os.path.samefile(output, args.model):
        raise OptionError(f"the library would replace its model {args.model!r}: name another file with -o")
    start = time.perf_counter()
    reference: list[Op] = []
    spectra = _spectra(args.plot)
    observers: list[Observer] = [progress] if spectra is None else [progress, spectra]
    compiled = build(
        args.model,
        output,
        options,
        resources=args.resources,
        observers=observers,
        tell=progress.tell,
        cache=None if args.remarks or args.plot else Cache.from_environment(),
        imported=(lambda module: reference.append(module.clone({}))) if args.verify else None,
    )
    progress.clear()
    for note in compiled.notes:
        print(f"netwright compile: {note}", file=sys.stderr)
    seconds = time.perf_counter() - start
    size = os.path.getsize(output) / 2**20
    target = compiled.manifest["target"]["name"]
    how = "from the cache" if compiled.from_cache else "compiled"
    print(f"{output}: {size:.2f} MiB for {target}, {how} in {seconds:.2f} s")
    for line in decomposition_lines(output, compiled.manifest):
        print(line)
    _print_remarks(compiled.remarks, args.remarks)
    if spectra is not None:
        _draw(spectra, args, options)
    return _verify(output, reference[0], args.verify) if reference else 0


def _check_plot(path: str, options: CompileOptions) -> None:
    """Raises OptionError where --plot has nothing to show, and what `check_picture` does, before time is spent."""
    from ..lowrank.pictures import check_picture

    if options.decompose_conv is None or options.train is not None or options.stop_after:
        raise OptionError(
            "--plot shows the ranks of a library that --decompose-conv makes: give that too, and neither --train nor "
            "--stop-after"
        )
    check_picture(path)


def _spectra(path: str | None) -> SpectraObserver | None:
    if path is None:
        return None
    from ..lowrank.spectra import SpectraObserver

    return SpectraObserver()


def _draw(spectra: SpectraObserver, args: argparse.Namespace, options: CompileOptions) -> None:
    from ..build import model_name
    from ..lowrank.pictures import draw_ranks

    title = f"Singular values by layer: {model_name(args.model)}, {options.decompose_conv}"
    draw_ranks(spectra.spectra(), title, args.plot)


def _print_ir(args: argparse.Namespace, options: CompileOptions, progress: Progress) -> int:
    """The module after `--stop-after`."""
    from ...compiler.driver import observers_for, resolve_target, run_passes
    from ...compiler.ir.printer import print_op
    from ..lowrank.compiling import given_for

    check_calibration(options)
    progress.tell(f"reading {args.model}")
    module = model_from(args, options)
    observers = [progress, *observers_for(options)[0]]
    given = given_for(module, options, progress.tell)
    context = run_passes(module, options, resolve_target(options.target), observers, given)
    progress.clear()
    print(print_op(module), end="")
    _print_remarks(context.remarks, args.remarks)
    return 0


def _beside(model: Path) -> str:
    """The library of a model that none was named for: `model.so` for the file model.pb or the folder `model`."""
    if not model.is_dir():
        return str(model.with_suffix(".so"))
    folder = model if model.name else model.absolute()
    return str(folder.parent / f"{folder.name}.so")


def _print_remarks(remarks: list[Any], wanted: bool) -> None:
    for r in remarks if wanted else ():
        print(f"{r.pass_name}: {r.op_name} ({r.location}): {r.reason}")


def _verify(path: str, reference: Op, file: str) -> int:
    """Prints, for each output, the largest difference between interpreter and library."""
    from ...compiler.ops.interpreter import Interpreter
    from ...runtime import load
    from .arrays import difference, in_order, read_inputs

    model = load(path)
    inputs = in_order(read_inputs([file], model.inputs), model.inputs)
    want = Interpreter(reference).run(inputs)
    got = model.run(dict(zip((s.name for s in model.inputs), inputs, strict=True)))
    worst = 0.0
    for spec, w in zip(model.outputs, want, strict=True):
        d = difference(got[spec.name], w)
        worst = max(worst, d)
        print(f"{spec.name}: max |difference| / max |reference| = {d:.2e}")
    if worst > 1e-4:
        print(f"the library differs from the interpreter by more than 1e-4 ({worst:.2e})", file=sys.stderr)
        return 1
    return 0
