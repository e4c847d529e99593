"""From a graph-level module and options to a library: the steps in order, and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..runtime.errors import UnsupportedError
from . import kernels, ops, passes  # noqa: F401 - importing registers ops and passes
from .codegen.c_header import c_header
from .codegen.link import link
from .codegen.module import emit_assembly, emit_module, emit_object
from .codegen.payload import Payload
from .explain.dump import RESOURCES, DumpObserver, save_array
from .explain.observers import VerifyObserver, print_ir_after
from .ir.core import Op
from .ir.passes import Observer, Pass, PassContext, PassManager, Remark, parse_pipeline, pipeline_text
from .ir.printer import Printer
from .kernels.form_kernels import FormKernels, has_kernel
from .kernels.lower_loops import LowerLoops
from .kernels.plan_memory import PlanMemory
from .options import CompileOptions
from .passes.pipelines import GRAPH_PASSES
from .target import Target, resolve_target

VERSION = "0.1.0"


@dataclass
class Compiled:
    """What a compilation gave: the library's path, its manifest, what passes had to say, and seconds per step."""

    path: str
    manifest: dict[str, Any]
    remarks: list[Remark]
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    llvm: str = ""


def observers_for(options: CompileOptions) -> tuple[list[Observer], DumpObserver | None]:
    """The observers that the options ask for; the dump among them, for the files after the last pass."""
    out: list[Observer] = []
    if options.verify_ir:
        out.append(VerifyObserver())
    if options.print_ir_after_all or options.print_ir_after_change:
        out.append(print_ir_after(sys.stdout, not options.print_ir_after_all))
    dump = DumpObserver(options.dump_ir) if options.dump_ir is not None else None
    return [*out, *([dump] if dump else [])], dump


def default_pipeline() -> tuple[Pass, ...]:
    return (*GRAPH_PASSES, FormKernels(), PlanMemory(), LowerLoops())


def run_passes(
    module: Op, options: CompileOptions, target: Target, observers: Sequence[Observer] = ()
) -> PassContext:
    """Runs the pipeline that the options ask for on `module`, in place."""
    pipeline = parse_pipeline(options.pipeline) if options.pipeline is not None else default_pipeline()
    context = PassContext(target=target, options=options)
    manager = PassManager(pipeline, tuple(observers), options.stop_after, options.skip_pass, write_reproducer)
    manager.run(module, context)
    return context


def write_reproducer(original: Op, before: Sequence[Pass], failing: Pass) -> str:
    """Runs the passes before the failing one again on the original and writes what it then saw, with the
    command that shows the failure."""
    folder = Path(tempfile.mkdtemp(prefix="netwright-reproducer-"))
    module = original.clone({})
    context = PassContext(target=resolve_target("native"))
    for p in before:
        p.run(module, context)
    printer = Printer()
    text = printer.print(module)
    (folder / "resources").mkdir()
    for d in printer.resources.values():
        save_array(folder / "resources" / f"{d.digest}.npy", d.array)
    hashes = json.dumps({k: d.digest for k, d in printer.resources.items()}, sort_keys=True)
    path = folder / "reproducer.mlir"
    command = f"// netwright opt --pass '{failing.text}' {path.name}\n"
    path.write_text(command + text + f"{RESOURCES}{hashes}\n", encoding="utf-8")
    return str(path)


def compile_module(
    module: Op,
    output: str | os.PathLike[str],
    options: CompileOptions | None = None,
    observers: Sequence[Observer] = (),
    name: str = "model",
) -> Compiled:
    """Compiles a graph-level module, which is consumed, into the library `output`."""
    options = options or CompileOptions()
    target = resolve_target(options.target)
    seconds: dict[str, float] = {}
    own, dump = observers_for(options)
    start = time.perf_counter()
    context = run_passes(module, options, target, [*own, *observers])
    seconds["passes"] = time.perf_counter() - start
    manifest: dict[str, Any] = {
        "netwright": VERSION,
        "model": name,
        "target": target.describe(),
        "pipeline": pipeline_text(default_pipeline()) if options.pipeline is None else options.pipeline,
        "weights_bytes": module.attributes["kern.weights"],
        "state_bytes": module.attributes["kern.state"],
    }
    start = time.perf_counter()
    emitted = emit_module(module, target, manifest)
    seconds["emit"] = time.perf_counter() - start
    if dump is not None:
        dump.add_text("llvm.ll", emitted.text)
        dump.add_text("assembly.s", emit_assembly(emitted.text, target))
    if options.header is not None:
        Path(options.header).write_text(c_header(emitted), encoding="utf-8")
    start = time.perf_counter()
    code = emit_object(emitted.text, target)
    seconds["llvm"] = time.perf_counter() - start
    start = time.perf_counter()
    path = os.fspath(output)
    link(code, path, soname=Path(path).name, payload=payload(module), linker=options.linker)
    seconds["link"] = time.perf_counter() - start
    return Compiled(path, manifest, context.remarks, seconds, emitted.text)


def check_module(module: Op) -> None:
    """Raises UnsupportedError that lists every op without a kernel, with its count and places; lowers nothing."""
    missing: dict[str, list[str]] = {}
    for op in module.walk():
        if op.name.startswith("graph.") and not has_kernel(op):
            missing.setdefault(op.name.removeprefix("graph."), []).append(str(op.location))
    if missing:
        rows = [f"{name} x {len(at)}: {', '.join(at[:3])}" for name, at in sorted(missing.items())]
        raise UnsupportedError("operations without a kernel: " + "; ".join(rows), sorted(missing))


def payload(module: Op) -> Payload:
    """The read-only segment: packed constants and variables' initial values at their offsets."""
    import numpy as np

    rows = module.attributes["kern.constants"]
    chunks = [(r["offset"], np.ascontiguousarray(r["value"].array)) for r in rows]
    digest = hashlib.sha256("".join(r["value"].digest for r in rows).encode()).digest()
    return Payload(module.attributes["kern.weights"], chunks, digest=digest)
