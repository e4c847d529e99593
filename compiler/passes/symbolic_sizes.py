"""Evaluates ops on small integer tensors whose elements are symbolic sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from ...runtime.spec import boolean, i32, i64
from ..ir.core import Op, Value
from ..ir.dims import Atom, Dim, Sym, dim_max, dim_min, floordiv
from ..ir.types import TensorType
from ..ops import elementwise as e
from ..ops import integer as i
from ..ops.activation import Neg
from ..ops.base import GraphOp
from ..ops.constant import Constant, Dims, Shape, constant_value, known_sizes
from ..ops.rearrange import Reverse
from ..ops.reduce import ReduceProd, ReduceSum
from ..ops.shape import BroadcastTo, Concat, Gather, Reshape, Slice, Transpose

#: object arrays of ints and `Sym`s, or of bools
Sizes: TypeAlias = npt.NDArray[np.object_]

#: tensors with more elements are data, not sizes
MOST_ELEMENTS = 256


class Undecided(Exception):
    """The answer depends on the symbols' values."""


def least(d: Dim) -> int | None:
    """A number that `d` is never below, its symbols being sizes (0 or more); None when there is none."""
    if not isinstance(d, Sym):
        return d
    total = 0
    for factors, coefficient in d.terms.items():
        bound = coefficient
        for f in factors:
            low = _least_of_atom(d.atoms[f])
            if low is None or low < 0 or coefficient < 0:
                return None
            bound *= low
        total += bound
    return total


def _least_of_atom(a: Atom) -> int | None:
    bounds = [least(x) for x in a.args]
    known = [b for b in bounds if b is not None]
    if a.name == "max" and a.args:
        return max(known, default=None)
    if a.name == "min" and a.args:
        return min(known) if len(known) == len(bounds) else None
    if a.args:  # floordiv; divisors are positive
        return 0 if bounds[0] is not None and bounds[0] >= 0 else None
    return 0


def _at_least(d: Dim, bound: int) -> bool:
    low = least(d)
    return low is not None and low >= bound


def _divide(a: Dim, b: Dim) -> Dim:
    """Division towards zero; ZeroDivisionError when `b` is 0."""
    if isinstance(a, int) and isinstance(b, int):
        q = abs(a) // abs(b)
        return q if (a < 0) == (b < 0) else -q
    if not _at_least(b, 1):
        raise Undecided
    q = floordiv(a, b)
    if not _at_least(a, 0) and q * b != a:  # below zero, floor is not towards zero
        raise Undecided
    return q


def _floor_divide(a: Dim, b: Dim) -> Dim:
    """floor(a / b); ZeroDivisionError when `b` is 0."""
    if not (isinstance(a, int) and isinstance(b, int)) and not _at_least(b, 1):
        raise Undecided
    return floordiv(a, b)


def _less(a: Dim, b: Dim) -> bool:
    if _at_least(b - a, 1):
        return True
    if _at_least(a - b, 0):
        return False
    raise Undecided


def _equal(a: Dim, b: Dim) -> bool:
    if a == b:
        return True
    if _at_least(a - b, 1) or _at_least(b - a, 1):
        return False
    raise Undecided


_ELEMENTWISE: dict[type[Op], Callable[[Any, Any], Any]] = {
    e.Div: _divide,
    i.FloorDiv: _floor_divide,
    i.FloorMod: lambda a, b: a - _floor_divide(a, b) * b,
    i.TruncateMod: lambda a, b: a - _divide(a, b) * b,
    e.Maximum: dim_max,
    e.Minimum: dim_min,
    e.Less: _less,
    e.LessEqual: lambda a, b: not _less(b, a),
    e.Greater: lambda a, b: _less(b, a),
    e.GreaterEqual: lambda a, b: not _less(a, b),
    e.Equal: _equal,
    e.NotEqual: lambda a, b: not _equal(a, b),
}
#: their reference evaluations work on objects as they do on numbers
_EVALUATED = (
    e.Add, e.Sub, e.Mul, Neg, Concat, Slice, Reshape, Reverse, BroadcastTo, Transpose, ReduceProd, ReduceSum
)  # fmt: skip


def _elements(v: Value) -> Sizes | None:
    kind = v.type
    if not isinstance(kind, TensorType) or not isinstance(kind.size, int) or kind.size > MOST_ELEMENTS:
        return None
    if kind.dtype == boolean:
        known = constant_value(v)
        return None if known is None else known.astype(object)
    return known_sizes(v)


def _compute(op: Op, operands: list[Sizes]) -> Any:
    if type(op) in _ELEMENTWISE:
        return np.frompyfunc(_ELEMENTWISE[type(op)], 2, 1)(*operands)
    if isinstance(op, e.Select):
        return np.where(operands[0].astype(bool), *operands[1:])
    if isinstance(op, e.Cast):
        return operands[0] if op.dtype in (i32, i64) else None
    if isinstance(op, Gather):
        indices = constant_value(op.indices)
        return None if indices is None else op.evaluate(operands[0], indices)
    if isinstance(op, _EVALUATED):
        return op.evaluate_dims({}, *operands) if op.has("symbolic") else op.evaluate(*operands)
    return None


def is_candidate(op: Op) -> bool:
    """Whether `fold_sizes` might do something: quick."""
    if isinstance(op, (Dims, Shape)):
        return True
    return isinstance(op, GraphOp) and any(
        isinstance(v.definer, (Dims, Shape)) or constant_value(v) is not None for v in op.operands
    )


def fold_sizes(op: GraphOp) -> Sizes | None:
    """The result of an op on sizes, some of them symbols; None when it is no such op or undecided.

    Raises what the evaluation raises for a division by zero or a bad index.
    """
    kind = op.result.type if len(op.results) == 1 else None
    if not isinstance(kind, TensorType) or kind.dtype not in (i32, i64, boolean):
        return None
    if not isinstance(kind.size, int) or kind.size > MOST_ELEMENTS:
        return None
    if isinstance(op, (Dims, Shape)):
        known = known_sizes(op.result)
        return known if known is not None and _fits(known, kind) else None
    operands = [_elements(v) for v in op.operands]
    if any(o is None for o in operands) or all(isinstance(v.definer, Constant) for v in op.operands):
        return None
    try:
        result = _compute(op, cast("list[Sizes]", operands))
    except (Undecided, KeyError):  # KeyError: an attribute of the op is itself a symbol
        return None
    if result is None:
        return None
    out = np.empty(np.shape(result), object)
    out[...] = result
    return out if _fits(out, kind) else None


def _fits(values: Sizes, kind: TensorType) -> bool:
    """Whether the numbers are within the dtype: else the op's arithmetic wraps, which symbols do not."""
    if kind.dtype == boolean:
        return True
    info = np.iinfo(kind.dtype.numpy)
    return all(isinstance(d, Sym) or info.min <= d <= info.max for d in values.reshape(-1))
