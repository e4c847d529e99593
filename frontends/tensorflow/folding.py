"""Arithmetic on sizes, done while a graph is imported.

Shapes that a graph computes (Shape, StridedSlice, Pack, Reshape, …) must be known to give types to what
follows. So every small integer or bool result that follows from constants and sizes is replaced at once
by a constant, or by `graph.dims` where symbols are in it. Floats are left to the compiler's own folding,
except where such a result is computed from them.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...compiler.ir.attributes import Array
from ...compiler.ir.core import Builder, Value
from ...compiler.ir.dims import Dim, Sym
from ...compiler.ir.types import TensorType
from ...compiler.ops.base import GraphOp
from ...compiler.ops.constant import constant_value
from ...compiler.ops.interpreter import evaluate
from ...compiler.passes.fold_constants import add_sizes
from ...compiler.passes.shared import add_constant
from ...compiler.passes.symbolic_sizes import MOST_ELEMENTS, fold_sizes, is_candidate
from ...runtime.errors import ExecutionError

MOST_STEPS = 64  # float ops that are evaluated for one result
MOST_TEXT = 1000  # characters of one symbolic size; a graph that computes with larger ones is not sane


def fold(op: GraphOp) -> Value | None:
    """The result of `op` as a constant or `graph.dims` in front of it; None when it is no known size."""
    kind = op.result.type
    if not isinstance(kind, TensorType) or kind.dtype.is_float:
        return None
    if not all(isinstance(v.type, TensorType) and is_small(v.type) for v in (op.result, *op.operands)):
        return None
    arrays = constants_of(op)
    builder = Builder.at(op)
    try:
        if arrays is not None:
            (array,) = evaluate(op, arrays, {})
            return add_constant(builder, array, kind.dtype, op.result.hint, op.result.hint)
        sizes = fold_sizes(op) if is_candidate(op) else None
    except (ExecutionError, ZeroDivisionError, IndexError, KeyError):
        return None  # it fails, which is left for run time, or an attribute of it is a symbol
    if sizes is None or any(is_unwieldy(d) for d in sizes.reshape(-1)):
        return None
    return add_sizes(builder, sizes, op.result)


def is_small(kind: TensorType) -> bool:
    """Whether a tensor may hold sizes."""
    total = 1
    for d in kind.shape:
        if isinstance(d, Sym):
            return False
        total *= d
    return total <= MOST_ELEMENTS


def is_unwieldy(d: Dim) -> bool:
    """Whether a size has grown beyond what a sane graph computes."""
    return isinstance(d, Sym) and len(str(d)) > MOST_TEXT


def constants_of(op: GraphOp) -> list[Array] | None:
    """The operands' values when all are known and small; floats are computed for it."""
    return _values(op.operands, [MOST_STEPS])


def _values(operands: Sequence[Value], steps: list[int]) -> list[Array] | None:
    arrays: list[Array] = []
    for v in operands:
        array = _value(v, steps)
        if array is None:
            return None
        arrays.append(array)
    return arrays


def _value(v: Value, steps: list[int]) -> Array | None:
    known = constant_value(v)
    if known is not None:
        return known if known.size <= MOST_ELEMENTS else None
    op = v.definer
    is_float = isinstance(v.type, TensorType) and v.type.dtype.is_float and is_small(v.type)
    if not is_float or not isinstance(op, GraphOp) or op.has("symbolic") or not op.operands:
        return None  # integers that are not constant by now have been tried
    steps[0] -= 1
    if steps[0] < 0 or len(op.results) != 1:
        return None
    arrays = _values(op.operands, steps)
    return None if arrays is None else evaluate(op, arrays, {})[0]


def known_array(v: Value) -> Array | None:
    """The values of a constant, however large, or of a small float that follows from constants."""
    array = constant_value(v)
    if array is not None:
        return array
    try:
        return _value(v, [MOST_STEPS])
    except (ExecutionError, ZeroDivisionError, IndexError):
        return None
