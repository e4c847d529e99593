"""A loops-level module to LLVM text: kernels, entry functions, tables, manifest."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ...runtime.spec import DType
from ..ir.core import Op
from ..ir.dims import DIMS, Dim, parse_dim, symbols_of
from ..ir.types import MemRefType
from ..kernels.dialect_kern import as_dims
from ..kernels.dialect_session import Keep, ReserveBlock
from ..kernels.lower_loops import BLOCKS, entry_symbols
from ..ops.base import split_requirement
from ..ops.builtin import FuncOp, functions
from ..ops.variable import Variable
from ..target import Target
from .emit_core import Affine, EmitterBase
from .emitter import FunctionEmitter
from .native import NativeModule, text_bytes
from .parts import Parts
from .rt_log import add_log
from .rt_own import Own
from .rt_pool import add_pool, declare_pool
from .rt_run import add_run
from .rt_session import add_sessions
from .rt_state import add_states
from .rt_tables import FunctionRow, TensorRow, VariableRow

ROLE = "kern.role"


def is_entry(func: FuncOp) -> bool:
    return any(a.get(ROLE) == "error" for a in func.arg_attrs)


def emit_module(module: Op, target: Target, manifest: dict[str, Any], ready: Callable[[str], None]) -> str:
    """The LLVM text of a whole library. `ready` hears each part of it as soon as it is there: modules on their own,
    to be translated side by side. `manifest` gains what describes functions and variables."""
    native = NativeModule()
    parts = Parts(target, ready)
    rows: list[FunctionRow] = []
    stages, results = _session_rows(module)
    for func in functions(module):
        emitter = FunctionEmitter(target)
        emitter.stages = stages
        if is_entry(func):
            row = function_row(func)
            rows.append(row)
            entry = emitter.entry_function(func)
            plan = plan_text(row, target, emitter.declared)
            parts.keep([entry, entry_text(func, row), plan, *emitter.extra], emitter.declared)
        else:
            kernel = emitter.function(func, linkage="hidden")
            parts.add(func.sym_name, [kernel, *emitter.extra], emitter.declared)
    variables = [
        VariableRow(
            v.sym_name, v.value.dtype, tuple(v.value.array.shape), v.attributes["offset"],
            v.attributes["initial"], v.value.array.nbytes,
        )
        for v in module.body.ops
        if isinstance(v, Variable)
    ]  # fmt: skip
    add_pool(native)
    add_sessions(native, target, Own(stages, results), module.attributes["kern.weights"])
    add_states(native, variables, module.attributes["kern.state"])
    add_log(native)
    add_run(native, rows, module.attributes["kern.sites"], len(variables), Own(stages, results))
    manifest.update(describe(rows, variables))
    manifest["calls"] = list(module.attributes["kern.calls"])
    text = json.dumps(manifest, sort_keys=True, indent=1).encode()
    parts.finish([*declare_pool(native), _manifest_text(text), native.text()])
    return parts.whole()


def _session_rows(module: Op) -> tuple[int, int]:
    """How many stages and kept results a session has rows for."""
    stages = results = 0
    for op in (o for f in functions(module) if is_entry(f) for o in f.walk()):
        if isinstance(op, ReserveBlock):
            stages = max(stages, op.stage)
        elif isinstance(op, Keep):
            results = max(results, op.output + 1)
    return stages, results


def _manifest_text(text: bytes) -> str:
    return (
        f'@nw.manifest = internal constant [{len(text) + 1} x i8] c"{text_bytes(text)}", section ".netwright"\n'
        'define ptr @nw_manifest() "target-cpu"="x86-64" nounwind {\n  ret ptr @nw.manifest\n}'
    )


def _tensor_row(name: str, attrs: dict[str, Any], t: MemRefType) -> TensorRow:
    dtype: DType = attrs["graph.dtype"]
    dims = attrs.get(DIMS)
    shape: tuple[Dim, ...] = t.shape
    if dims is not None:
        shape = tuple(parse_dim(d) if isinstance(d, str) else d for d in dims)
    return TensorRow(name, dtype, shape)


def function_row(func: FuncOp) -> FunctionRow:
    """What the tables say of an entry function."""
    inputs: list[TensorRow] = []
    outputs: list[TensorRow] = []
    for arg, attrs in zip(func.body.args, func.arg_attrs, strict=True):
        role = attrs.get(ROLE)
        if role in ("input", "output") and isinstance(arg.type, MemRefType):
            rows = inputs if role == "input" else outputs
            default = f"{role}_{len(rows)}"
            rows.append(_tensor_row(str(attrs.get("graph.name", default)), attrs, arg.type))
    return FunctionRow(
        func.sym_name,
        tuple(inputs),
        tuple(outputs),
        tuple(entry_symbols(func)),
        as_dims((func.attributes["kern.arena"],))[0],
        func.attributes["kern.requires"],
        bool(func.attributes["kern.writes"]),
    )


def entry_text(func: FuncOp, row: FunctionRow) -> str:
    """The function that unpacks tensors and symbols and calls the entry."""
    lines: list[str] = []
    args: list[str] = []

    def data(array: str, i: int) -> None:
        lines.append(f"  %p{len(args)} = getelementptr i8, ptr %{array}, i64 {32 * i}")
        lines.append(f"  %d{len(args)} = load ptr, ptr %p{len(args)}")
        args.append(f"ptr %d{len(args)}")

    for i in range(len(row.inputs)):
        data("in", i)
    for i in range(len(row.outputs)):
        data("out", i)
    args += ["ptr %error", *(f"ptr %{b}" for b in BLOCKS)]
    for i in range(len(row.symbols)):
        lines.append(f"  %q{i} = getelementptr i64, ptr %symbols, i64 {i}")
        lines.append(f"  %s{i} = load i64, ptr %q{i}")
        args.append(f"i64 %s{i}")
    args += ["i64 %threads", "ptr %team", "ptr %own"]
    body = "\n".join([*lines, f"  call void @fn.{row.name}({', '.join(args)})", "  ret void"])
    params = ["ptr %in", "ptr %out", "ptr %error", *(f"ptr %{b}" for b in BLOCKS), "ptr %symbols"]
    return (
        f"define internal void @{row.name}.entry({', '.join(params)}, i64 %threads, ptr %team, ptr %own) nounwind "
        f'"target-cpu"="x86-64" {{\n{body}\n}}\n'
    )


def plan_text(row: FunctionRow, target: Target, declared: dict[str, str]) -> str:
    """The function that computes, from the symbols, the arena's size, the outputs' sizes, and for each
    requirement its two sides and whether it holds."""
    e = EmitterBase(target)
    for i, s in enumerate(row.symbols):
        slot = e.emit(f"getelementptr i64, ptr %symbols, i64 {i}")
        e.symbols[s] = Affine(((e.emit(f"load i64, ptr {slot}"), 1),))
    wanted: list[Dim] = [row.arena, *(_planned(d, row) for o in row.outputs for d in o.dims)]
    values = [e.materialize(e.dim(d)) for d in wanted]
    for r in row.requires:
        left, relation, right = split_requirement(r)
        a, b = e.materialize(e.dim(left)), e.materialize(e.dim(right))
        holds = e.pure(f"icmp {'sge' if relation == '>=' else 'eq'} i64 {a}, {b}", a, b)
        for side in (a, b) if relation == "~" else ():
            one = e.pure(f"icmp eq i64 {side}, 1", side)
            holds = e.pure(f"or i1 {holds}, {one}", holds, one)
        values += [a, b, e.pure(f"zext i1 {holds} to i64", holds)]
    for i, value in enumerate(values):
        slot = e.emit(f"getelementptr i64, ptr %planned, i64 {i}")
        e.line(f"store i64 {value}, ptr {slot}")
    declared.update(e.declared)
    body = "\n".join([*e.scope.lines, "  ret void"])
    return (
        f"define internal void @{row.name}.plan(ptr %symbols, ptr %planned) nounwind "
        f'"target-cpu"="x86-64" {{\n{body}\n}}\n'
    )


def _planned(d: Dim, row: FunctionRow) -> Dim:
    """A size of an output; -1 when it is known only after the call."""
    return d if symbols_of(d) <= set(row.symbols) else -1


def describe(rows: list[FunctionRow], variables: list[VariableRow]) -> dict[str, Any]:
    """The manifest's part on functions and variables."""

    def tensors(items: tuple[TensorRow, ...]) -> list[dict[str, Any]]:
        return [
            {
                "name": t.name,
                "dtype": t.dtype.tf_name,
                "shape": [d if isinstance(d, int) else str(d) for d in t.dims],
            }
            for t in items
        ]

    return {
        "functions": [
            {
                "name": r.name,
                "inputs": tensors(r.inputs),
                "outputs": tensors(r.outputs),
                "arena": r.arena if isinstance(r.arena, int) else str(r.arena),
                "writes_state": r.writes,
            }
            for r in rows
        ],
        "variables": [{"name": v.name, "dtype": v.dtype.tf_name, "shape": list(v.dims)} for v in variables],
    }
