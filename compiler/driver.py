"""From a graph-level module and options to a library: the steps in order, and nothing else."""

from __future__ import annotations

import gc
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..runtime.errors import OptionError, UnsupportedError
from . import kernels, ops, passes  # noqa: F401 - importing registers ops and passes
from .cache import Cache
from .cache_key import library_key, module_digest
from .codegen.link import link
from .codegen.module import emit_module
from .codegen.objects import Objects, emit_assembly
from .codegen.payload import Payload
from .ir.core import Op
from .ir.passes import Observer, Pass, PassContext, PassManager, parse_pipeline, pipeline_text
from .kernels.form_kernels import FormKernels, has_kernel
from .kernels.lower_loops import LowerLoops
from .kernels.plan_memory import PlanMemory
from .ops.constant import Constant
from .options import CompileOptions
from .passes.decompose_conv import DECOMPOSITIONS, parse_decomposition
from .passes.pipelines import GRAPH_PASSES, with_decomposition
from .result import Compiled, from_cache, write_header
from .target import Target, resolve_target

if TYPE_CHECKING:
    from .explain.dump import DumpObserver

#: finds facts for the manifest: given what it says so far, and what makes the library and returns its path
Measure = Callable[[Mapping[str, Any], Callable[[], str]], Mapping[str, Any]]
VERSION = "0.1.0"
#: the attribute of a module with functions for training: which they are, and what was asked for
TRAINING = "graph.train"
MOST_REPEATED = 256 << 20  # bytes of constants whose elements are all one


#: objects that appear between two searches for cycles of garbage while a model is compiled: passes make hundreds of
#: thousands that stay, and going through them again and again takes a quarter of their time
BETWEEN_COLLECTIONS = 1_000_000


@contextmanager
def fewer_collections() -> Iterator[None]:
    before = gc.get_threshold()
    if 0 < before[0] < BETWEEN_COLLECTIONS:
        gc.set_threshold(BETWEEN_COLLECTIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@dataclass
class Steps:
    """The steps of a compilation: how long each took; `tell` hears the name of each that begins."""

    tell: Callable[[str], None] | None = None
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        if self.tell is not None:
            self.tell(name)
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start


def observers_for(options: CompileOptions) -> tuple[list[Observer], DumpObserver | None]:
    """The observers that the options ask for; the dump among them, for the files after the last pass."""
    if not (
        options.verify_ir
        or options.print_ir_after_all
        or options.print_ir_after_change
        or options.dump_ir is not None
    ):
        return [], None
    from .explain.dump import DumpObserver
    from .explain.observers import VerifyObserver, print_ir_after

    out: list[Observer] = []
    if options.verify_ir:
        out.append(VerifyObserver())
    if options.print_ir_after_all or options.print_ir_after_change:
        out.append(print_ir_after(sys.stdout, not options.print_ir_after_all))
    dump = DumpObserver(options.dump_ir) if options.dump_ir is not None else None
    return [*out, *([dump] if dump else [])], dump


def default_pipeline(precise: bool = False) -> tuple[Pass, ...]:
    return (*GRAPH_PASSES, FormKernels(precise), PlanMemory(), LowerLoops())


def pass_manager(options: CompileOptions, observers: Sequence[Observer] = ()) -> PassManager:
    """The pipeline that the options ask for."""
    pipeline = (
        parse_pipeline(options.pipeline)
        if options.pipeline is not None
        else default_pipeline(options.precise)
    )
    # what is trained was decomposed before its weights became variables
    if options.decompose_conv is not None and options.train is None:
        if options.pipeline is not None:
            raise OptionError(
                "expected --decompose-conv or --pipeline, received both: write decompose-conv{max-error=0.01} into the "
                "pipeline, before fuse-conv-bias-relu"
            )
        pipeline = with_decomposition(pipeline, parse_decomposition(options.decompose_conv))
    return PassManager(pipeline, tuple(observers), options.stop_after, options.skip_pass)


def run_passes(
    module: Op,
    options: CompileOptions,
    target: Target,
    observers: Sequence[Observer] = (),
    given: Mapping[str, Any] | None = None,
) -> PassContext:
    """Runs the pipeline that the options ask for on `module`, in place; passes find in `given` what is known for them,
    by their names."""
    context = PassContext(target=target, options=options, given=given or {})
    manager = pass_manager(options, observers)
    manager.on_failure = partial(write_reproducer, target=target)
    manager.run(module, context)
    return context


def check_complete(pipeline: Sequence[Pass], module: Op) -> None:
    """Raises OptionError when a pipeline lacks a pass that a library cannot be made without.

    The module of a dump may have gone through some of them.
    """
    planned = "kern.weights" in module.attributes
    kern = any(op.name.startswith("kern.") for op in module.walk())
    done = {FormKernels: kern or planned, PlanMemory: planned, LowerLoops: planned and not kern}
    names = [p.name for p in pipeline]
    if again := [p.name for p, is_done in done.items() if is_done and p.name in names]:
        rest = ",".join(f"{p.level}({p.name})" for p, is_done in done.items() if not is_done)
        raise OptionError(
            f"this IR has been through {again[0]}: give the passes that are left, --pipeline '{rest}'"
        )
    missing = [p.name for p, is_done in done.items() if not is_done and p.name not in names]
    if missing:
        raise OptionError(
            f"the pipeline {pipeline_text(pipeline) or '()'!r} makes no library: it lacks {', '.join(missing)}; "
            "netwright opt and --stop-after show what it does make"
        )


def check_constants(module: Op) -> None:
    """Raises UnsupportedError where constants that repeat one value would fill a library: in the model they
    cost nothing, whatever their size."""
    repeated = [op for op in module.walk() if isinstance(op, Constant) and not any(op.value.array.strides)]
    total = sum(op.value.array.nbytes for op in repeated)
    if total > MOST_REPEATED:
        largest = max(repeated, key=lambda op: op.value.array.nbytes)
        raise UnsupportedError(
            f"expected constants of one repeated value to fill at most {MOST_REPEATED >> 20} MB, found "
            f"{total >> 20} MB, the largest in {largest.location}: {largest.value.type}",
            ["Const"],
        )


def write_reproducer(original: Op, before: Sequence[Pass], failing: Pass, target: Target) -> str:
    """Runs the passes before the failing one again on the original and writes what it then saw, with the
    command that shows the failure."""
    from .explain.dump import save_ir
    from .ir.printer import Printer

    folder = Path(tempfile.mkdtemp(prefix="netwright-reproducer-"))
    module = original.clone({})
    context = PassContext(target=target)
    for p in before:
        p.run(module, context)
    printer = Printer()
    text = printer.print(module)
    path = folder / "reproducer.mlir"
    command = f"// netwright opt --target {target.name} --pass '{failing.text}' {path.name}\n"
    save_ir(path, command + text, printer.resources)
    return str(path)


@fewer_collections()
def compile_module(
    module: Op,
    output: str | os.PathLike[str],
    options: CompileOptions | None = None,
    observers: Sequence[Observer] = (),
    name: str = "model",
    tell: Callable[[str], None] | None = None,
    cache: Cache | None = None,
    key: str | None = None,
    given: Mapping[str, Any] | None = None,
    measure: Measure | None = None,
) -> Compiled:
    """Compiles a graph-level module, which is consumed, into the library `output`.

    `tell` hears the names of the steps as they begin: passes, emit, llvm, link. With a `cache` the library may
    come from there, when no observer hears of a pass; `key` is its key there if the caller knows it. `given` is for
    passes, by their names. `measure` gets the manifest, and a function that makes the library as it would be and
    returns its path; what it finds goes into the manifest.
    """
    options = options or CompileOptions()
    target = resolve_target(options.target)
    step = Steps(tell)
    soname = Path(output).name
    pipeline = pass_manager(options).plan()
    check_complete(pipeline, module)
    check_constants(module)
    if (
        options.decompose_conv is not None
        and options.train is not None
        and DECOMPOSITIONS not in module.attributes
    ):
        raise OptionError(
            "expected a module that was decomposed before its weights became variables, beside --decompose-conv and "
            "--train: compile the model itself"
        )
    if cache is not None and options.cacheable:
        key = key or library_key(module_digest(module), options, target, name, soname)
        if (found := from_cache(cache, key, output, options)) is not None:
            return found
    else:
        key = None
    own, dump = observers_for(options)
    with step("passes"):
        context = run_passes(module, options, target, [*own, *observers], given)
    manifest: dict[str, Any] = {
        "netwright": VERSION,
        "model": name,
        "target": target.describe(),
        "pipeline": pipeline_text(pipeline),
        "weights_bytes": module.attributes["kern.weights"],
        "state_bytes": module.attributes["kern.state"],
    }
    if TRAINING in module.attributes:
        manifest["train"] = module.attributes[TRAINING]
    if DECOMPOSITIONS in module.attributes:
        rows = module.attributes[DECOMPOSITIONS]
        manifest["decompositions"] = [{"output_error": None, **row} for row in rows]
    if measure is not None:
        manifest.update(_measured(module, target, manifest, step, measure))
    with Objects(target) as objects:
        with step("emit"):
            text = emit_module(module, target, manifest, objects.add)
        with step("llvm"):
            code = objects.finish()
    if dump is not None:
        dump.add_text("llvm.ll", text)
        dump.add_text("assembly.s", emit_assembly(text, target))
    if options.header is not None:
        write_header(options.header, manifest)
    path = os.fspath(output)
    keep = partial(cache.store, key) if cache is not None and key is not None else None
    with step("link"):
        link(code, path, soname=soname, payload=payload(module), linker=options.linker, finished=keep)
    module.body.dissolve()
    notes = cache.notes if cache is not None else []
    return Compiled(path, manifest, context.remarks, step.seconds, text, notes=notes)


def _measured(
    module: Op,
    target: Target,
    manifest: Mapping[str, Any],
    step: Steps,
    measure: Measure,
) -> Mapping[str, Any]:
    """What `measure` finds in the library as it would be."""
    with tempfile.TemporaryDirectory(prefix="netwright-") as folder, step("measure"):

        def trial() -> str:
            path = os.path.join(folder, "trial.so")
            with Objects(target) as objects:
                emit_module(module, target, dict(manifest), objects.add)
                link(objects.finish(), path, soname="trial.so", payload=payload(module))
            return path

        return measure(manifest, trial)


def check_module(module: Op) -> None:
    """Raises UnsupportedError that lists every op without a kernel, with its count and places; lowers nothing."""
    missing: dict[str, list[str]] = {}
    for op in module.walk():
        if op.name.startswith("graph.") and not has_kernel(op):
            missing.setdefault(op.name.removeprefix("graph."), []).append(str(op.location))
    if missing:
        rows = [f"{name} x {len(at)}: {', '.join(at[:3])}" for name, at in sorted(missing.items())]
        more = [
            {"op": name, "count": len(at), "nodes": at, "reason": "there is no kernel for it"}
            for name, at in sorted(missing.items())
        ]
        raise UnsupportedError("operations without a kernel: " + "; ".join(rows), sorted(missing), more)


def payload(module: Op) -> Payload:
    """The read-only segment: packed constants and variables' initial values at their offsets."""
    import numpy as np

    rows = module.attributes["kern.constants"]
    chunks = [(r["offset"], np.ascontiguousarray(r["value"].array)) for r in rows]
    digest = hashlib.sha256("".join(r["value"].digest for r in rows).encode()).digest()
    return Payload(module.attributes["kern.weights"], chunks, digest=digest)
