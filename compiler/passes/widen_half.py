"""16-bit floats: what computes on them becomes float32 ops between casts, each rounded once."""

from __future__ import annotations

from ...runtime.spec import DType, f32
from ..ir.core import Builder, Op, Value
from ..ir.passes import Pass, PassContext
from ..ir.types import TensorType
from ..ops import shape
from ..ops.base import GraphOp
from ..ops.constant import Constant
from ..ops.elementwise import Cast, Select
from .shared import add_constant, dense_of, float64_of

#: they move elements as they are; so do ops of the trait "moves"
MOVES = (Constant, Cast, Select, shape.BroadcastTo, shape.Concat, shape.Gather, shape.Pad, shape.Reshape, shape.Slice,
         shape.Transpose)  # fmt: skip


class WidenHalf(Pass):
    """Computes with 16-bit floats as float32, rounded after every op."""

    name = "widen-half"

    def run(self, module: Op, context: PassContext) -> None:
        for op in list(module.walk()):
            if computes_with_half(op):
                widen(op)
                context.count(self.name)


def half_of(v: Value) -> DType | None:
    """The dtype of a value when it is a 16-bit float."""
    return v.type.dtype if isinstance(v.type, TensorType) and v.type.dtype.is_half else None


def computes_with_half(op: Op) -> bool:
    """Whether an op would have to compute with 16-bit floats."""
    if not isinstance(op, GraphOp) or isinstance(op, MOVES) or op.has("moves"):
        return False
    return any(half_of(v) for v in (*op.operands, *op.results))


def widen(op: Op) -> None:
    """The op on float32, with casts around it."""
    b = Builder.at(op)
    new = op.clone({v: _widened(b, v) for v in dict.fromkeys(op.operands) if half_of(v)})
    for key, value in new.attributes.items():
        if isinstance(value, DType) and value.is_half:
            new.attributes[key] = f32
    b.insert(new)
    for old, result in zip(op.results, new.results, strict=True):
        dtype = half_of(old)
        if dtype is None:
            old.replace_with(result)
            continue
        if isinstance(result.type, TensorType):
            result.type = TensorType(result.type.shape, f32)
        rounded = b(Cast, result, dtype=dtype)
        rounded.hint, result.hint = old.hint, ""
        old.replace_with(rounded)
    op.erase()


def _widened(b: Builder, v: Value) -> Value:
    dense = dense_of(v)
    if dense is None:
        return b(Cast, v, dtype=f32)
    return add_constant(b, float64_of(dense).astype("float32"), f32, dense.name, v.hint)
