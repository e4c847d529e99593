"""Ops that move elements without computing: reshape, transpose, pad, concat, slice, broadcast, gather."""

from __future__ import annotations

from typing import Union

import numpy as np

from ...runtime.errors import DTypeError
from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.dims import Dim, Sym, ceildiv, dim_bcast, product
from ..ir.opdef import Attr, Operand, Variadic
from ..ir.types import TensorType, Type
from .base import (
    Env,
    Gradients,
    GraphOp,
    concrete,
    dims_text,
    normal_axis,
    require_at_least,
    require_broadcast,
    require_equal,
    same_dtype,
    shape_error,
    tensor,
)
from .gradient import Term, flows, row_offsets, terms, unslice

DimAttr = tuple[Union[int, Sym], ...]


class Reshape(GraphOp, name="graph.reshape", traits={"symbolic"}):
    """The same elements in row-major order under another shape."""

    x = Operand()
    shape = Attr(DimAttr)

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.x)
        before, after = t.size, product(self.shape)
        if before != after:
            if not isinstance(before, Sym) and not isinstance(after, Sym):
                raise shape_error(self, f"{dims_text(t.shape)} has no reshape to {dims_text(self.shape)}")
            require_equal(self, before, after)
        return (TensorType(self.shape, t.dtype),)

    def evaluate_dims(self, env: Env, *arrays: Array) -> Array:
        return arrays[0].reshape(concrete(self.shape, env))

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x = terms(b, *dy, self.x)
        return flows(self, d.reshape(x.shape))


class BroadcastTo(GraphOp, name="graph.broadcast_to", traits={"symbolic"}):
    """x repeated to a larger shape."""

    x = Operand()
    shape = Attr(DimAttr)

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.x)
        aligned = self.shape[len(self.shape) - t.rank :]
        if t.rank > len(self.shape):
            raise shape_error(self, f"{t} cannot be broadcast to rank {len(self.shape)}")
        for have, want in zip(t.shape, aligned, strict=True):
            if isinstance(have, Sym) and have != want:
                require_broadcast(self, have, want)
                require_equal(self, dim_bcast(have, want), want)
            elif have != 1:
                require_equal(self, have, want)
        return (TensorType(self.shape, t.dtype),)

    def evaluate_dims(self, env: Env, *arrays: Array) -> Array:
        return np.broadcast_to(arrays[0], concrete(self.shape, env))

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        return flows(self, *terms(b, *dy))


class Transpose(GraphOp, name="graph.transpose"):
    """Axes in another order: result axis i is x's axis permutation[i]."""

    x = Operand()
    permutation = Attr(tuple[int, ...])

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.x)
        if sorted(self.permutation) != list(range(t.rank)):
            raise shape_error(self, f"{list(self.permutation)} does not order the axes of rank {t.rank}")
        return (TensorType(tuple(t.shape[p] for p in self.permutation), t.dtype),)

    def evaluate(self, *arrays: Array) -> Array:
        return np.transpose(arrays[0], self.permutation)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        (d,) = terms(b, *dy)
        return flows(self, d.transpose(self.permutation.index(i) for i in range(d.rank)))


class Pad(GraphOp, name="graph.pad", traits={"symbolic"}):
    """x with `value` around it: `low[i]` in front of axis i, `high[i]` behind."""

    x = Operand()
    value = Operand()
    low = Attr(DimAttr)
    high = Attr(DimAttr)

    def infer(self) -> tuple[Type, ...]:
        dtype = same_dtype(self, self.x, self.value)
        t = tensor(self.x)
        wrong = any(isinstance(d, int) and d < 0 for d in (*self.low, *self.high))
        if len(self.low) != t.rank or len(self.high) != t.rank or wrong:
            raise shape_error(self, f"paddings {list(self.low)}, {list(self.high)} do not fit rank {t.rank}")
        if tensor(self.value).shape != ():
            raise shape_error(self, "the padding value must be a scalar")
        for d in (*self.low, *self.high):
            require_at_least(self, d, 0, f"a padding of {d} is negative")
        shape = tuple(d + a + b for d, a, b in zip(t.shape, self.low, self.high, strict=True))
        return (TensorType(shape, dtype),)

    def evaluate_dims(self, env: Env, *arrays: Array) -> Array:
        x, value = arrays
        if not x.ndim:  # which numpy refuses
            return x
        around = tuple(zip(concrete(self.low, env), concrete(self.high, env), strict=True))
        return np.pad(x, around, constant_values=value[()])

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x = terms(b, *dy, self.x)
        stops = tuple(low + size for low, size in zip(self.low, x.shape, strict=True))
        return flows(self, d.make("slice", starts=self.low, stops=stops, steps=(1,) * d.rank), None)


class Concat(GraphOp, name="graph.concat"):
    """The operands one after the other along `axis`."""

    xs = Variadic()
    axis = Attr(int)

    def infer(self) -> tuple[Type, ...]:
        if not self.xs:
            raise shape_error(self, "nothing to concatenate")
        dtype = same_dtype(self, *self.xs)
        first = tensor(self.xs[0])
        axis = normal_axis(self, self.axis, first.rank)
        total: Dim = 0
        for v in self.xs:
            t = tensor(v)
            if t.rank != first.rank:
                raise shape_error(self, f"ranks {first.rank} and {t.rank} differ")
            for i, (a, b) in enumerate(zip(first.shape, t.shape, strict=True)):
                if i != axis:
                    require_equal(self, a, b)
            total = total + t.shape[axis]
        return (TensorType((*first.shape[:axis], total, *first.shape[axis + 1 :]), dtype),)

    def evaluate(self, *arrays: Array) -> Array:
        return np.concatenate(arrays, axis=self.axis)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        (d,) = terms(b, *dy)
        axis = self.axis % d.rank
        at: Dim = 0
        parts: list[Term] = []
        for v in self.xs:
            size = tensor(v).shape[axis]
            parts.append(d.slice(axis, at, at + size))
            at = at + size
        return flows(self, *parts)


class Slice(GraphOp, name="graph.slice", traits={"symbolic"}):
    """x[start:stop:step] on every axis; starts and stops counted from the front, steps positive."""

    x = Operand()
    starts = Attr(DimAttr)
    stops = Attr(DimAttr)
    steps = Attr(tuple[int, ...])

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.x)
        if not len(self.starts) == len(self.stops) == len(self.steps) == t.rank:
            raise shape_error(self, f"starts, stops and steps must have the rank, {t.rank}")
        out: list[Dim] = []
        for size, a, b, s in zip(t.shape, self.starts, self.stops, self.steps, strict=True):
            wrong = f"{a}:{b}:{s} is no slice of a dimension of {size}"
            if s < 1:
                raise shape_error(self, wrong)
            for high, low in ((a, 0), (b, a), (size, b)):
                require_at_least(self, high, low, wrong)
            out.append(ceildiv(b - a, s))
        return (TensorType(tuple(out), t.dtype),)

    def evaluate_dims(self, env: Env, *arrays: Array) -> Array:
        starts, stops = concrete(self.starts, env), concrete(self.stops, env)
        return arrays[0][tuple(slice(a, b, s) for a, b, s in zip(starts, stops, self.steps, strict=True))]

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x = terms(b, *dy, self.x)
        return flows(self, unslice(d, self.starts, self.steps, x.shape))


class Gather(GraphOp, name="graph.gather"):
    """Slices of x by index along an axis: result[b..., o..., i..., j...] = x[b..., o..., indices[b..., i...], j...],
    where b are the first `batch_dims` axes, which x and indices share, and o the others in front of `axis`.

    An index outside of x is the error INDEX.
    """

    x = Operand()
    indices = Operand()
    axis = Attr(int, default=0)
    batch_dims = Attr(int, default=0)

    def infer(self) -> tuple[Type, ...]:
        x, i = tensor(self.x), tensor(self.indices)
        if not i.dtype.is_integer:
            raise DTypeError(f"{self.name} ({self.location}): indices must be integers, received {i}")
        if x.rank < 1:
            raise shape_error(self, "a scalar has no rows")
        axis = normal_axis(self, self.axis, x.rank)
        if not 0 <= self.batch_dims <= min(axis, i.rank):
            raise shape_error(
                self, f"batch_dims {self.batch_dims} do not fit axis {axis} of {x} and indices {i}"
            )
        for a, b in zip(x.shape[: self.batch_dims], i.shape[: self.batch_dims], strict=True):
            require_equal(self, a, b)
        shape = (*x.shape[:axis], *i.shape[self.batch_dims :], *x.shape[axis + 1 :])
        return (TensorType(shape, x.dtype),)

    def evaluate(self, *arrays: Array) -> Array:
        x, indices = arrays
        axis, batch = self.axis % x.ndim, self.batch_dims
        if np.any((indices < 0) | (indices >= x.shape[axis])):
            raise IndexError(f"an index is outside of 0..{x.shape[axis] - 1}")
        if not batch:
            return np.take(x, indices, axis=axis)
        count = int(np.prod(x.shape[:batch]))
        tables, lists = x.reshape(count, *x.shape[batch:]), indices.reshape(count, *indices.shape[batch:])
        shape = (*x.shape[:axis], *indices.shape[batch:], *x.shape[axis + 1 :])
        rows = [np.take(t, i, axis=axis - batch) for t, i in zip(tables, lists, strict=True)]
        return np.array(rows, x.dtype).reshape(shape)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        """The rows of dy, added up by their indices."""
        d, x, at = terms(b, *dy, self.x, self.indices)
        axis, k = self.axis % x.rank, self.batch_dims
        lead, outer, inner = product(x.shape[:k]), product(x.shape[k:axis]), product(x.shape[axis + 1 :])
        count, size = product(at.shape[k:]), x.shape[axis]
        rows = d.reshape((lead, outer, count, inner)).transpose((0, 2, 1, 3))
        at = row_offsets(at.reshape((lead, count)), size) if k else at
        made = rows.reshape((lead * count, outer * inner)).add_rows(at.reshape((lead * count,)), lead * size)
        return flows(
            self, made.reshape((lead, size, outer, inner)).transpose((0, 2, 1, 3)).reshape(x.shape), None
        )
