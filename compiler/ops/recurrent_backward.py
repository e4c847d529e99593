"""What the gradients of recurrent layers are composed of behind the loop over time: products over all its steps.

Values with a time axis are in the order of the layer's input here.
"""

from __future__ import annotations

import numpy as np

from ...runtime.spec import i32
from ..ir.attributes import Dense
from ..ir.core import Builder, Value
from .base import tensor
from .constant import Constant
from .elementwise import Cast, Greater, Select
from .matmul import MatMul
from .rearrange import Reverse
from .reduce import ReduceSum
from .scan import Cumulative
from .shape import Concat, Reshape, Slice


def rows_of(b: Builder, v: Value) -> Value:
    """[B, T, N] as [B * T, N]."""
    t = tensor(v)
    return b(Reshape, v, shape=(t.shape[0] * t.shape[1], t.shape[2])) if t.rank == 3 else v


def in_time(b: Builder, v: Value, reverse: bool) -> Value:
    """What is in the order of steps in the order of time."""
    return b(Reverse, v, axes=(1,)) if reverse else v


def summed_rows(b: Builder, v: Value) -> Value:
    """The sum over batch and time."""
    return b(ReduceSum, rows_of(b, v), axes=(0,))


def weight_gradient(b: Builder, left: Value, dz: Value) -> Value:
    """The gradient of the matrix that makes z of `left`, by one product over batch and time."""
    return b(MatMul, rows_of(b, left), rows_of(b, dz), transpose_x=True)


def input_gradients(b: Builder, x: Value, w: Value, dz: Value) -> tuple[Value, Value, Value]:
    """The gradients of x, w and b of z = x·w + b."""
    dx = b(Reshape, b(MatMul, rows_of(b, dz), w, transpose_y=True), shape=tensor(x).shape)
    return dx, weight_gradient(b, x, dz), summed_rows(b, dz)


def previous_states(b: Builder, y: Value, h0: Value, reverse: bool, masks: tuple[Value, ...]) -> Value:
    """[B, T, H]: the state in front of every step. It is the output before, and h0 as long as no step was there;
    where a step is not there it may be anything."""
    batch, count, size = tensor(y).shape
    if count == 0:
        return y
    first = b(Reshape, h0, shape=(batch, 1, size))
    others = b(Slice, y, starts=(0, 0, 0), stops=(batch, count - 1, size), steps=(1, 1, 1))
    before = in_time(b, b(Concat, first, others, axis=1), reverse)
    for mask in masks:
        numbers = b(Cast, mask, dtype=i32)
        seen = b(Cumulative, numbers, axis=1, exclusive=True, reverse=reverse)
        begun = b(Greater, seen, b(Constant, value=Dense(np.zeros((), np.int32), "zero")))
        before = b(Select, b(Reshape, begun, shape=(batch, count, 1)), before, first)
    return before
