"""Constant folding by the reference interpreter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...runtime.errors import ExecutionError
from ...runtime.spec import DType
from ..ir.attributes import Array, splat_value
from ..ir.core import Builder, Op, Value
from ..ir.dims import Sym
from ..ir.passes import Pass, PassContext
from ..ir.rewrite import erase_if_dead
from ..ir.types import TensorType
from ..ops.base import GraphOp
from ..ops.constant import Constant, Dims, constant_value, is_symbolic
from ..ops.interpreter import evaluate
from ..ops.shape import BroadcastTo, Reshape, Slice, Transpose
from .shared import add_constant, name_at
from .symbolic_sizes import Sizes, fold_sizes, is_candidate

#: repeated values are written out for an op that needs them all, up to this many bytes
MOST_EXPANDED = 1 << 20
_VIEWS = (BroadcastTo, Reshape, Slice, Transpose)


@dataclass(frozen=True)
class FoldConstants(Pass):
    """Evaluates ops whose operands are constants, and arithmetic on sizes, at compile time."""

    name = "fold-constants"
    max_bytes: int = 64 << 20

    def run(self, module: Op, context: PassContext) -> None:
        for op in module.walk():
            if not isinstance(op, GraphOp) or isinstance(op, Constant) or op.has("effect"):
                continue
            try:
                values = self.fold(op, context)
            except (ExecutionError, ZeroDivisionError, IndexError) as e:
                context.refuse(self.name, op, f"it fails, which is left for run time: {e}")
                continue
            if values is not None:
                operands = [d for v in op.operands if (d := v.definer)]
                op.replace_with(*values)
                for d in operands:
                    erase_if_dead(d)
                context.count(self.name)

    def fold(self, op: GraphOp, context: PassContext) -> list[Value] | None:
        """New constants in place of the op's results; None when they are not known."""
        b = Builder.at(op)
        constants = [a for v in op.operands if (a := constant_value(v)) is not None]
        if len(constants) == len(op.operands) and not isinstance(op, Dims):
            arrays = self.evaluate(op, constants, context)
            if arrays is None:
                return None
            types = [r.type for r in op.results]
            return [
                add_constant(b, a, t.dtype, name_at(op.location) or r.hint, r.hint)
                for a, t, r in zip(arrays, types, op.results, strict=True)
                if isinstance(t, TensorType)
            ]
        sizes = fold_sizes(op) if is_candidate(op) else None
        if sizes is None or (isinstance(op, Dims) and is_symbolic(op.value)):
            return None
        return [add_sizes(b, sizes, op.result)]

    def evaluate(self, op: GraphOp, arrays: list[Array], context: PassContext) -> tuple[Array, ...] | None:
        """The results for constant operands, unless they are not known or too large."""
        if not has_evaluation(op) or not all(is_static(r) for r in op.results):
            return None
        splats = [splat_value(a) for a in arrays]
        if arrays and op.has("pointwise") and all(s is not None for s in splats):
            return tuple(
                np.broadcast_to(a, [d for d in r.type.shape if isinstance(d, int)])
                for a, r in zip(evaluate(op, [np.asarray(s) for s in splats], {}), op.results, strict=True)
                if isinstance(r.type, TensorType)
            )
        moved = isinstance(op, _VIEWS) and all(s is not None for s in splats)
        reason = None if moved else self.too_large(op, arrays)
        if reason is not None:
            context.refuse(self.name, op, reason)
            return None
        try:
            return evaluate(op, arrays, {})
        except KeyError:  # an attribute of the op is a symbol
            return None

    def too_large(self, op: GraphOp, arrays: list[Array]) -> str | None:
        """Why the op is left alone, when its result would make the model larger than it is."""
        given = sum(stored_bytes(a) for a in arrays)
        result = sum(result_bytes(r) for r in op.results)
        if result > max(given, self.max_bytes):
            return f"its result of {result} bytes is larger than its operands and than max-bytes={self.max_bytes}"
        repeated = sum(a.nbytes for a in arrays if stored_bytes(a) < a.nbytes)
        if repeated > MOST_EXPANDED:
            return f"an operand that is one value repeated would need {repeated} bytes"
        return None


def add_sizes(b: Builder, sizes: Sizes, like: Value) -> Value:
    """A constant, or `graph.dims` where some sizes are symbols."""
    dtype = _dtype(like)
    if not is_symbolic(sizes):
        return add_constant(b, sizes.astype(dtype.numpy), dtype, hint=like.hint)
    v = b(Dims, value=tuple(sizes.reshape(-1)), shape=sizes.shape, dtype=dtype)
    v.hint = like.hint
    return v


def _dtype(v: Value) -> DType:
    if not isinstance(v.type, TensorType):
        raise TypeError(f"expected a tensor, received {v.type}")
    return v.type.dtype


def is_static(v: Value) -> bool:
    return isinstance(v.type, TensorType) and v.type.is_static


def has_evaluation(op: GraphOp) -> bool:
    """Whether the op declares a reference evaluation."""
    cls = type(op)
    return cls.evaluate is not GraphOp.evaluate or cls.evaluate_dims is not GraphOp.evaluate_dims


def stored_bytes(array: Array) -> int:
    """The memory behind an array: a value repeated counts once."""
    n = array.itemsize
    for size, stride in zip(array.shape, array.strides, strict=True):
        n *= size if stride else 1
    return n


def result_bytes(v: Value) -> int:
    size = v.type.size if isinstance(v.type, TensorType) else 0
    return 0 if isinstance(size, Sym) else size * _dtype(v).size
