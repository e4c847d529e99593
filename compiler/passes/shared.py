"""What several passes need: blocks of a module, constants, and what a new op inherits from those it replaces."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...runtime.spec import DType, bf16
from ..ir.attributes import Array, Dense, splat_value
from ..ir.bfloat16 import narrow, widen
from ..ir.core import Block, Builder, Op, OpT, Value
from ..ir.location import Location
from ..ops.constant import Constant


def blocks(module: Op) -> Iterator[Block]:
    """Every block of the module, outer ones first."""
    for op in module.walk():
        for region in op.regions:
            yield from region.blocks


def where(op: Op) -> str:
    """How a reason names an op."""
    return f"{op.name} ({op.location})"


def inherit(new: OpT, *replaced: Op) -> OpT:
    """Gives `new` the locations of the ops it stands for, and what they required of sizes at run time."""
    new.location = Location.fused(*(op.location for op in replaced))
    required = dict.fromkeys(new.attributes.get("requires", ()))
    for op in replaced:
        required.update(dict.fromkeys(op.attributes.get("requires", ())))
    if required:
        new.attributes["requires"] = tuple(required)
    return new


def dense_of(v: Value) -> Dense | None:
    """The constant that `v` is, or None."""
    return v.definer.value if isinstance(v.definer, Constant) else None


def name_at(location: Location, suffix: str = "") -> str:
    """A name for a constant that an op brings about: the op's own."""
    name = next((p for p in location.parts if isinstance(p, str)), "")
    return f"{name}/{suffix}" if name and suffix else name


def add_constant(b: Builder, array: Array, dtype: DType, name: str = "", hint: str = "") -> Value:
    """A new constant; one repeated value is stored once."""
    one = splat_value(array)
    if one is not None and array.size > 1:
        array = np.broadcast_to(np.asarray(one), array.shape)
    v = b(Constant, value=Dense(array, name, dtype))
    v.hint = hint
    return v


def float64_of(value: Dense) -> Array:
    """A constant of floats in float64."""
    array = widen(value.array) if value.dtype == bf16 else value.array
    return array.astype(np.float64)


def rounded(array: Array, dtype: DType) -> Array:
    """float64 rounded once to a float type."""
    with np.errstate(all="ignore"):
        return narrow(array) if dtype == bf16 else np.asarray(array.astype(dtype.numpy))
