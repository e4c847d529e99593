"""Constants: tensors of numbers, and small integer tensors whose elements are symbolic sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...runtime.spec import DType, i32
from ..ir.attributes import Array, Dense
from ..ir.core import Value
from ..ir.dims import Dim, Sym, evaluate_dim
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import Env, GraphOp, none_flows, tensor


class Constant(GraphOp, name="graph.constant", traits={"constant"}):
    """A tensor known at compile time."""

    value = Attr(Dense)

    def infer(self) -> tuple[Type, ...]:
        return (self.value.type,)

    def evaluate(self, *arrays: Array) -> Array:
        return self.value.array

    gradient = none_flows


class Dims(GraphOp, name="graph.dims", traits={"symbolic"}):
    """A small integer tensor of sizes, some of them symbols; `shape` is its own shape."""

    value = Attr(tuple[Dim, ...])
    shape = Attr(tuple[int, ...])
    dtype = Attr(DType, default=i32)

    def infer(self) -> tuple[Type, ...]:
        return (TensorType(self.shape, self.dtype),)

    def evaluate_dims(self, env: Env, *arrays: Array) -> Array:
        values = [evaluate_dim(d, env) for d in self.value]
        return np.array(values, self.dtype.numpy).reshape(self.shape)

    gradient = none_flows


class Shape(GraphOp, name="graph.shape", traits={"symbolic"}):
    """The sizes of a tensor as a tensor of rank 1."""

    x = Operand()
    dtype = Attr(DType, default=i32)

    def infer(self) -> tuple[Type, ...]:
        return (TensorType((tensor(self.x).rank,), self.dtype),)

    def evaluate_dims(self, env: Env, *arrays: Array) -> Array:
        return np.array(arrays[0].shape, self.dtype.numpy)

    gradient = none_flows


def constant_value(v: Value) -> Array | None:
    """The array, when `v` is a constant."""
    return v.definer.value.array if isinstance(v.definer, Constant) else None


def known_sizes(v: Value) -> np.ndarray[Any, np.dtype[np.object_]] | None:
    """The elements of an integer tensor as dimensions, when all are known, symbols included."""
    op = v.definer
    if isinstance(op, Constant) and op.value.dtype.is_integer:
        return op.value.array.astype(object)
    if isinstance(op, Dims):
        out = np.empty(len(op.value), object)
        out[:] = op.value
        return out.reshape(op.shape)
    if isinstance(op, Shape):
        shape = tensor(op.x).shape
        out = np.empty(len(shape), object)
        out[:] = shape
        return out
    return None


def is_symbolic(values: Any) -> bool:
    return any(isinstance(d, Sym) for d in np.asarray(values, object).reshape(-1))
