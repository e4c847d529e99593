"""Constant tables that the generic entry points read: functions, tensors, variables, error sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...runtime.spec import DType
from ..ir.dims import Dim, Sym
from .native import NULL, NativeModule, V, i32, i64

# offsets in a tensor's row
T_NAME, T_DTYPE, T_RANK, T_DIMS, T_SIZE = 0, 8, 12, 16, 24
# offsets in a function's row
F_NAME, F_INPUTS, F_OUTPUTS, F_IN, F_OUT, F_SYMBOLS, F_WRITES = 0, 8, 12, 16, 24, 32, 36
F_PLAN, F_ENTRY, F_REQUIRES, F_REQUIRED, F_SIZE = 40, 48, 56, 64, 72
# offsets in a variable's row
S_NAME, S_DTYPE, S_RANK, S_DIMS, S_OFFSET, S_INITIAL, S_BYTES, S_SIZE = 0, 8, 12, 16, 24, 32, 40, 48


@dataclass(frozen=True)
class TensorRow:
    name: str
    dtype: DType
    dims: tuple[Dim, ...]


@dataclass(frozen=True)
class FunctionRow:
    """One callable function: what it takes and gives, and its symbols in order."""

    name: str
    inputs: tuple[TensorRow, ...]
    outputs: tuple[TensorRow, ...]
    symbols: tuple[str, ...]
    arena: Dim
    requires: tuple[str, ...]
    writes: bool


@dataclass(frozen=True)
class VariableRow:
    name: str
    dtype: DType
    dims: tuple[int, ...]
    offset: int
    initial: int
    bytes: int


def _dim(d: Dim, symbols: Sequence[str]) -> int:
    """A size, or -1 - k for symbol k; other expressions, which only outputs have, are computed by the plan."""
    if isinstance(d, Sym):
        return -1 - symbols.index(str(d)) if str(d) in symbols else -(1 << 62)
    return d


def _tensors(m: NativeModule, name: str, rows: Sequence[TensorRow], symbols: Sequence[str]) -> V:
    fields: list[V] = []
    for i, row in enumerate(rows):
        dims = m.array(f"{name}.{i}.dims", "i64", [i64(_dim(d, symbols)) for d in row.dims])
        fields += [m.string(row.name), i32(row.dtype.code), i32(len(row.dims)), dims]
    return m.table(name, fields) if rows else NULL


def function_table(m: NativeModule, rows: Sequence[FunctionRow]) -> V:
    fields: list[V] = []
    for row in rows:
        requires = m.array(f"{row.name}.requires", "ptr", [m.string(r) for r in row.requires])
        fields += [
            m.string(row.name),
            i32(len(row.inputs)),
            i32(len(row.outputs)),
            _tensors(m, f"{row.name}.inputs", row.inputs, row.symbols),
            _tensors(m, f"{row.name}.outputs", row.outputs, row.symbols),
            i32(len(row.symbols)),
            i32(int(row.writes)),
            V("ptr", f"@{row.name}.plan"),
            V("ptr", f"@{row.name}.entry"),
            requires,
            i64(len(row.requires)),
        ]
    return m.table("nw.functions", fields)


def variable_table(m: NativeModule, rows: Sequence[VariableRow]) -> V:
    fields: list[V] = []
    for i, row in enumerate(rows):
        dims = m.array(f"nw.variables.{i}.dims", "i64", [i64(d) for d in row.dims])
        fields += [
            m.string(row.name), i32(row.dtype.code), i32(len(row.dims)), dims,
            i64(row.offset), i64(row.initial), i64(row.bytes),
        ]  # fmt: skip
    return m.table("nw.variables", fields) if rows else NULL
