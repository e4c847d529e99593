"""Complex numbers while a graph is imported: pairs of real tensors, which no module ever sees.

A pair is what stands for a complex result. It is also a `Missing`: where it reaches something that takes no pairs,
or an output, it is an obstacle by name. Converters for complex operands have a table of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...compiler.ir.core import Value
from ...compiler.ops.base import tensor
from ...compiler.ops.constant import constant_value
from ...compiler.ops.elementwise import Cast
from ...compiler.ops.shape import BroadcastTo
from ...runtime.spec import DType, f32, f64
from .context import Context, resolve
from .registry import COMPLEX_CONVERTERS, CONVERTERS, Convert, Converter, Missing, register
from .tensors import OtherType

#: TensorFlow's complex types and those of their parts
PARTS = {"complex64": f32, "complex128": f64}
#: ops that do to a complex tensor what they do to its parts
BY_PARTS = (
    "Add", "AddN", "AddV2", "BatchToSpaceND", "BroadcastTo", "Concat", "ConcatV2", "ExpandDims", "Gather",
    "GatherNd", "GatherV2", "Identity", "IdentityN", "Mean", "Neg", "Pack", "Pad", "PreventGradient",
    "Reshape", "ReverseV2", "Roll", "Select", "SelectV2", "Slice", "Snapshot", "Split", "SplitV", "Squeeze",
    "StopGradient", "StridedSlice", "Sub", "Sum", "Tile", "Transpose", "Unpack",
)  # fmt: skip
NO_PAIRS = "complex operands are not supported"
#: ops that ask for nothing but a shape
OF_SHAPES = ("Rank", "Shape", "ShapeN", "Size")


@dataclass(frozen=True)
class Pair(Missing):
    """A complex tensor: its parts, of one shape and data type."""

    real: Value
    imag: Value


def pair(c: Context, real: Value, imag: Value) -> Pair:
    """A complex result of this node."""
    why = "complex numbers are supported only where real ones are made of them"
    return Pair(c.node.op, c.name, why, real, imag)


def converts_complex(*ops: str) -> Any:
    """Registers a converter for nodes of these types that have complex operands, which it gets as pairs."""
    return lambda function: register(COMPLEX_CONVERTERS, function, ops)


def complex_converter(op: str) -> Converter | None:
    """How a node with complex operands is converted, if it can be. Lazy converters see missing ones."""
    found, base = COMPLEX_CONVERTERS.get(op), CONVERTERS.get(op)
    if found is not None or base is None or (base.lazy and op not in BY_PARTS):
        return found or base
    if op in OF_SHAPES:
        return replace(base, convert=_of_real_parts(base.convert))
    return replace(base, convert=_by_parts(base.convert)) if op in BY_PARTS else None


def _of_real_parts(convert: Convert) -> Convert:
    def run(c: Context, *operands: Any) -> Any:
        return convert(c, *(v.real if isinstance(v, Pair) else v for v in operands))

    return run


def _by_parts(convert: Convert) -> Convert:
    def run(c: Context, *operands: Any) -> Any:
        made = [
            convert(c, *(getattr(v, part) if isinstance(v, Pair) else v for v in operands))
            for part in ("real", "imag")
        ]
        if any(isinstance(m, Missing) for m in made):
            return next(m for m in made if isinstance(m, Missing))
        lists: list[Sequence[Value]] = [m if isinstance(m, (tuple, list)) else [m] for m in made]
        return [pair(c, real, imag) for real, imag in zip(*lists, strict=True)]

    return run


def part_type(c: Context, key: str) -> DType | None:
    """The data type of the parts, if an attribute is a complex type."""
    found = resolve(c.node.attrs.get(key), c.scope.attrs)
    return PARTS.get(found.name) if isinstance(found, OtherType) else None


def constant_pair(c: Context, dtype: OtherType) -> Pair | None:
    """A complex constant; None for other types."""
    part = PARTS.get(dtype.name)
    if part is None:
        return None
    array = c.tensor("value").array()
    return pair(c, c.constant(array.real.copy(), part), c.constant(array.imag.copy(), part))


def cast_to_complex(c: Context, x: Value) -> Pair | None:
    """A cast of real numbers to a complex type; None if that is not what the node is."""
    part = part_type(c, "DstT")
    if part is None:
        return None
    x = x if tensor(x).dtype == part else c.make(Cast, x, dtype=part)
    return pair(c, x, zeros(c, x))


def zeros(c: Context, like: Value) -> Value:
    """Zeros of the same shape and data type."""
    return c.make(BroadcastTo, c.scalar(0, tensor(like).dtype), shape=tensor(like).shape)


def is_zero(v: Value) -> bool:
    """Whether a tensor is known to be 0 everywhere."""
    source = v.definer.x if isinstance(v.definer, BroadcastTo) else v
    array = constant_value(source)
    return array is not None and array.size <= 1 and not array.any()
