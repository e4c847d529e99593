"""From a graph-level module and options to a library: the steps in order, and nothing else."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import kernels, ops, passes  # noqa: F401 - importing registers ops and passes
from .codegen.link import link
from .codegen.module import emit_module, emit_object
from .codegen.payload import Payload
from .ir.core import Op
from .ir.passes import Observer, Pass, PassContext, PassManager, Remark, parse_pipeline, pipeline_text
from .kernels.form_kernels import FormKernels
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


def default_pipeline() -> tuple[Pass, ...]:
    return (*GRAPH_PASSES, FormKernels(), PlanMemory(), LowerLoops())


def run_passes(
    module: Op, options: CompileOptions, target: Target, observers: Sequence[Observer] = ()
) -> PassContext:
    """Runs the pipeline that the options ask for on `module`, in place."""
    pipeline = parse_pipeline(options.pipeline) if options.pipeline is not None else default_pipeline()
    context = PassContext(target=target, options=options)
    PassManager(pipeline, tuple(observers), options.stop_after, options.skip_pass).run(module, context)
    return context


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
    start = time.perf_counter()
    context = run_passes(module, options, target, observers)
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
    start = time.perf_counter()
    code, _ = emit_object(emitted.text, target)
    seconds["llvm"] = time.perf_counter() - start
    start = time.perf_counter()
    path = os.fspath(output)
    link(code, path, soname=Path(path).name, payload=payload(module), linker=options.linker)
    seconds["link"] = time.perf_counter() - start
    return Compiled(path, manifest, context.remarks, seconds, emitted.text)


def payload(module: Op) -> Payload:
    """The read-only segment: packed constants and variables' initial values at their offsets."""
    import numpy as np

    rows = module.attributes["kern.constants"]
    chunks = [(r["offset"], np.ascontiguousarray(r["value"].array)) for r in rows]
    digest = hashlib.sha256("".join(r["value"].digest for r in rows).encode()).digest()
    return Payload(module.attributes["kern.weights"], chunks, digest=digest)
