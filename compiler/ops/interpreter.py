"""The reference interpreter: runs a graph-level module in numpy, op by op, from the ops' own evaluations.

It is the oracle for constant folding, for tests, for `compare` and for `bisect`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...runtime.errors import ExecutionError, InputError, ShapeError, UnsupportedError
from ...runtime.spec import bf16
from ..ir.attributes import Array
from ..ir.bfloat16 import narrow, widen
from ..ir.core import Block, Op, Value
from ..ir.dims import Sym, evaluate_dim, symbols_of
from ..ir.types import TensorType
from .base import GraphOp, holds, split_requirement
from .builtin import FuncOp, functions
from .control import If, While
from .dynamic import DefineSize
from .variable import AssignVariable, ReadVariable, initial_values

#: called after each op with its results, for comparing and tracing
Tracer = Callable[[Op, tuple[Array, ...]], None]


class Interpreter:
    """Runs functions of a module; variables keep their values between runs."""

    def __init__(self, module: Op, tracer: Tracer | None = None) -> None:
        self.module = module
        self.state = initial_values(module)
        self.tracer = tracer

    def run(self, inputs: Sequence[Array], function: str | None = None) -> tuple[Array, ...]:
        """The results of a function (default: the first) for inputs in order.

        Raises ShapeError when sizes contradict each other, ExecutionError where compiled code would stop.
        """
        func = self._function(function)
        if len(inputs) != len(func.body.args):
            raise InputError(f"@{func.sym_name} takes {len(func.body.args)} inputs, received {len(inputs)}")
        env = bind_symbols(func, inputs)
        values: dict[Value, Array] = dict(zip(func.body.args, inputs, strict=True))
        return self._block(func.body, values, env)

    def _function(self, name: str | None) -> FuncOp:
        for f in functions(self.module):
            if name is None or f.sym_name == name:
                return f
        raise InputError(f"the module has no function @{name}")

    def _block(self, block: Block, outer: Mapping[Value, Array], env: dict[str, int]) -> tuple[Array, ...]:
        values = dict(outer)
        remaining = {
            r: len(r.uses) for op in block.ops for r in op.results
        }  # results are dropped after their last use in this block
        for op in block.ops:
            if op.has("terminator"):
                return tuple(values[v] for v in op.operands)
            results = self._op(op, [values[v] for v in op.operands], values, env)
            for r, a in zip(op.results, results, strict=True):
                values[r] = a
            if self.tracer is not None:
                self.tracer(op, results)
            for v in op.operands:
                if v in remaining:
                    remaining[v] -= 1
                    if remaining[v] == 0:
                        values.pop(v, None)
        raise UnsupportedError("a block without terminator cannot be run")

    def _op(
        self, op: Op, args: list[Array], values: Mapping[Value, Array], env: dict[str, int]
    ) -> tuple[Array, ...]:
        for text in op.attributes.get("requires", ()):
            check_requirement(text, env, str(op.location))
        if isinstance(op, If):
            return self._block(op.regions[0 if bool(args[0]) else 1].block, values, env)
        if isinstance(op, While):
            return self._while(op, args, values, env)
        if isinstance(op, ReadVariable):
            return (self.state[op.variable.name].copy(),)
        if isinstance(op, AssignVariable):
            self.state[op.variable.name] = args[0].copy()
            return ()
        if isinstance(op, DefineSize):
            env[op.symbol] = op.value(args[0])
            return ()
        if not isinstance(op, GraphOp):
            raise UnsupportedError(f"{op.name} cannot be interpreted", [op.name])
        return evaluate(op, args, env)

    def _while(
        self, op: While, args: list[Array], values: Mapping[Value, Array], env: dict[str, int]
    ) -> tuple[Array, ...]:
        condition, body = (r.block for r in op.regions)
        carried: tuple[Array, ...] = tuple(args)
        rounds = 0
        while bool(
            self._block(condition, {**values, **dict(zip(condition.args, carried, strict=True))}, env)[0]
        ):
            rounds += 1
            if op.limit and rounds > op.limit:
                raise ExecutionError(f"{op.location}: the loop ran more than {op.limit} rounds", "LIMIT")
            carried = self._block(body, {**values, **dict(zip(body.args, carried, strict=True))}, env)
        return carried


def evaluate(op: GraphOp, args: Sequence[Array], env: Mapping[str, int]) -> tuple[Array, ...]:
    """The results of one op for concrete operands, in the types it declares."""
    moves = op.has("moves")
    given = [a if moves else _computable(a, v) for a, v in zip(args, op.operands, strict=True)]
    try:
        with np.errstate(all="ignore"):
            out = op.evaluate_dims(env, *given) if op.has("symbolic") else op.evaluate(*given)
    except ZeroDivisionError as e:
        raise ExecutionError(f"{op.location}: {e}", "ARITH") from e
    except IndexError as e:
        raise ExecutionError(f"{op.location}: {e}", "INDEX") from e
    results = out if isinstance(out, tuple) else (out,)
    return tuple(_as_declared(r, v, args) for r, v in zip(results, op.results, strict=True))


def _computable(array: Array, value: Value) -> Array:
    """16-bit floats as float32: ops compute with these, and their results are rounded once."""
    if array.dtype == np.float16:
        return array.astype(np.float32)
    is_bf16 = isinstance(value.type, TensorType) and value.type.dtype == bf16
    return widen(array) if is_bf16 and array.dtype == np.uint16 else array


def _as_declared(array: Array, value: Value, args: Sequence[Array]) -> Array:
    """numpy turns 0-d results into scalars and may widen them. An evaluation of float32 ops in float64 (for
    judging errors) is kept in float64."""
    array = np.asarray(array)
    kind = value.type
    if not isinstance(kind, TensorType) or array.dtype == kind.dtype.numpy:
        return array
    wide = array.dtype == np.float64 and kind.dtype.is_float and any(a.dtype == np.float64 for a in args)
    if wide:
        return array
    return narrow(array) if kind.dtype == bf16 else array.astype(kind.dtype.numpy)


def bind_symbols(func: FuncOp, inputs: Sequence[Array]) -> dict[str, int]:
    """Sizes of the symbols from the inputs' shapes."""
    env: dict[str, int] = {}
    for arg, array, attrs in zip(func.body.args, inputs, func.arg_attrs, strict=True):
        kind = arg.type
        name = str(attrs.get("graph.name", arg.hint))
        if not isinstance(kind, TensorType):
            continue
        if array.ndim != kind.rank:
            raise ShapeError(f"input {name!r}: expected rank {kind.rank}, received {array.ndim}")
        for d, size in zip(kind.shape, array.shape, strict=True):
            if isinstance(d, Sym) and symbols_of(d) == {str(d)}:
                env.setdefault(str(d), size)
            if evaluate_dim(d, env) != size:
                raise ShapeError(
                    f"input {name!r}: expected shape {[str(x) for x in kind.shape]}, "
                    f"received {list(array.shape)}"
                )
    return env


def check_requirement(text: str, env: Mapping[str, int], where: str) -> None:
    """Checks a relation that inference could not prove."""
    left, relation, right = split_requirement(text)
    a, b = evaluate_dim(left, env), evaluate_dim(right, env)
    if not holds(relation, a, b):
        raise ShapeError(f"{where}: the sizes do not fit: {text} must hold, here {a} and {b}")


def run_module(module: Op, inputs: Sequence[Any], function: str | None = None) -> tuple[Array, ...]:
    """One run with fresh variables."""
    return Interpreter(module).run([np.asarray(a) for a in inputs], function)
