"""Ops that scale and shift each channel by constants, read in float64."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..ir.attributes import Array
from ..ir.core import Op, Value
from ..ops.base import tensor
from ..ops.elementwise import Add, Mul, Sub
from ..ops.norm import BatchNorm
from .shared import dense_of, float64_of, where


class Affine(NamedTuple):
    """x * scale + offset, by channel in float64. `scales` and `shifts` tell which of the two the ops did."""

    scale: Array
    offset: Array
    scales: bool = False
    shifts: bool = False

    def then(self, after: Affine) -> Affine:
        """This one, followed by `after`."""
        with np.errstate(all="ignore"):
            return Affine(
                self.scale * after.scale,
                self.offset * after.scale + after.offset,
                self.scales or after.scales,
                self.shifts or after.shifts,
            )

    @property
    def is_finite(self) -> bool:
        return bool(np.isfinite(self.scale).all() and np.isfinite(self.offset).all())


def identity(channels: int) -> Affine:
    return Affine(np.ones(channels), np.zeros(channels))


def affine_step(op: Op, x: Value, channels: int) -> Affine | str | None:
    """What `op` does to `x`; the reason why that is not known; None when it is no such op."""
    if isinstance(op, BatchNorm):
        return _statistics(op) if op.x is x and all(v is not x for v in op.operands[1:]) else None
    if not isinstance(op, (Add, Sub, Mul)) or (isinstance(op, Sub) and op.x is not x):
        return None
    other = op.y if op.x is x else op.x
    dense = dense_of(other)
    if dense is None or not dense.dtype.is_float:
        return None
    shape = dense.array.shape
    if op.result.type != x.type or (shape and shape[-1] not in (1, channels)):
        return f"its constant of shape {list(shape)} does not fit {channels} channels"
    if any(n != 1 for n in shape[:-1]):
        return f"its constant of shape {list(shape)} is not one number a channel"
    values = np.broadcast_to(float64_of(dense).reshape(-1), (channels,))
    if isinstance(op, Mul):
        return Affine(values, np.zeros(channels), scales=True)
    return Affine(np.ones(channels), -values if isinstance(op, Sub) else values, shifts=True)


def _statistics(op: BatchNorm) -> Affine | str:
    given = statistics(op)
    if isinstance(given, str):
        return given
    scale, offset, mean, variance = given
    with np.errstate(all="ignore"):
        factor = scale / np.sqrt(variance + op.epsilon)
        return Affine(factor, offset - mean * factor, scales=True, shifts=True)


def statistics(op: BatchNorm) -> tuple[Array, Array, Array, Array] | str:
    """scale, offset, mean and variance in float64, or the reason why they are not known."""
    found: list[Array] = []
    for name, v in zip(("scale", "offset", "mean", "variance"), op.operands[1:], strict=True):
        dense = dense_of(v)
        if dense is None:
            return f"its {name} is computed, not constant"
        if not dense.dtype.is_float:
            return f"its {name} is no float"
        found.append(float64_of(dense))
    scale, offset, mean, variance = found
    return scale, offset, mean, variance


def channels_of(v: Value) -> int | None:
    """The size of the last axis, when it is a number."""
    size = tensor(v).shape[-1] if tensor(v).rank else None
    return size if isinstance(size, int) else None


def scaled_by(op: Op) -> bool:
    """Whether `op` multiplies by constants: what a user would expect to see folded."""
    return isinstance(op, BatchNorm) or (isinstance(op, Mul) and any(dense_of(v) for v in op.operands))


def not_sole(x: Value, wanted: Op) -> str:
    """The reason that names another user of `x`."""
    other = next((u for u in x.users if u is not wanted), None)
    producer = x.definer
    made_by = where(producer) if producer else "its operand"
    return f"the result of {made_by} is also used by {where(other)}" if other else f"it uses {made_by} twice"
