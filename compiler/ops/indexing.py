"""Elements by index: n-dimensional gather and scatter, counting, inverse permutations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Union

import numpy as np

from ...runtime.errors import DTypeError
from ...runtime.spec import DType, boolean, i32, i64
from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.dims import Dim, Sym, evaluate_dim
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import Env, Gradients, GraphOp, none_flows, require_equal, same_dtype, shape_error, tensor
from .gradient import Term, flows, terms, zeros


def index_depth(op: GraphOp, x: TensorType, indices: TensorType) -> int:
    """How many leading axes of x one row of `indices[..., depth]` chooses from."""
    if not indices.dtype.is_integer:
        raise DTypeError(f"{op.name} ({op.location}): indices must be integers, received {indices}")
    depth = indices.shape[-1] if indices.rank else None
    if not isinstance(depth, int) or depth > x.rank:
        raise shape_error(op, f"the last dimension of indices {indices} is no number of axes of {x}")
    return depth


def flat_indices(x: Array, indices: Array) -> Array:
    """Row numbers of x, whose indexed axes are taken as one; IndexError for an index outside of x."""
    depth = indices.shape[-1]
    sizes = np.array(x.shape[:depth], np.int64)
    wide = indices.astype(np.int64)
    if np.any((wide < 0) | (wide >= sizes)):
        raise IndexError(f"an index is outside of shape {list(x.shape[:depth])}")
    strides = np.array([int(np.prod(sizes[i + 1 :])) for i in range(depth)], np.int64)
    return (wide * strides).sum(-1).reshape(-1)


class Iota(GraphOp, name="graph.iota", traits={"symbolic"}):
    """The numbers 0, 1, …, size - 1."""

    size = Attr(Union[int, Sym])  # type: ignore[arg-type]
    dtype = Attr(DType, default=i32, choices=(i32, i64))

    def infer(self) -> tuple[Type, ...]:
        return (TensorType((self.size,), self.dtype),)

    def evaluate_dims(self, env: Env, *arrays: Array) -> Array:
        return np.arange(evaluate_dim(self.size, env)).astype(self.dtype.numpy)

    gradient = none_flows


class GatherNd(GraphOp, name="graph.gather_nd"):
    """Slices of x by index: result[i...] = x[indices[i..., 0], indices[i..., 1], …].

    An index outside of x is the error INDEX.
    """

    x = Operand()
    indices = Operand()

    def infer(self) -> tuple[Type, ...]:
        x, i = tensor(self.x), tensor(self.indices)
        depth = index_depth(self, x, i)
        return (TensorType((*i.shape[:-1], *x.shape[depth:]), x.dtype),)

    def evaluate(self, *arrays: Array) -> Array:
        x, indices = arrays
        at, rest = flat_indices(x, indices), x.shape[indices.shape[-1] :]
        rows = x.reshape(int(np.prod(x.shape[: indices.shape[-1]])), *rest)
        return rows[at].reshape((*indices.shape[:-1], *rest))

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, indices = terms(b, *dy, self.indices)
        return flows(self, zeros(b, self.x).make("scatter_nd", indices, d, kind="add"), None)


def _lower(a: Array, b: Array) -> Array:
    return np.where(b < a, b, a)


def _higher(a: Array, b: Array) -> Array:
    return np.where(b > a, b, a)


def _new(a: Array, b: Array) -> Array:
    return b


#: what becomes of the old and the new value
UPDATES: dict[str, Callable[[Any, Any], Any]] = {
    "update": _new,
    "add": np.add,
    "sub": np.subtract,
    "min": _lower,
    "max": _higher,
}


class ScatterNd(GraphOp, name="graph.scatter_nd"):
    """x with slices changed: the slice at indices[i...] is combined with updates[i...].

    `kind` says how: replaced, or sum or difference; with "min" or "max" the new one is taken where it is lower or
    higher, so that NaN stays and never comes in. Indices are taken in order: of equal ones the last one wins. An
    index outside of x is the error INDEX.
    """

    x = Operand()
    indices = Operand()
    updates = Operand()
    kind = Attr(str, default="update", choices=tuple(UPDATES))

    def infer(self) -> tuple[Type, ...]:
        x, i, u = tensor(self.x), tensor(self.indices), tensor(self.updates)
        dtype = same_dtype(self, self.x, self.updates)
        if dtype == boolean and self.kind in ("add", "sub"):
            raise DTypeError(f"{self.name} ({self.location}): bools have no {self.kind}")
        depth = index_depth(self, x, i)
        expected: tuple[Dim, ...] = (*i.shape[:-1], *x.shape[depth:])
        if u.rank != len(expected):
            raise shape_error(self, f"updates {u} do not fit slices of {x} at indices {i}")
        for have, want in zip(u.shape, expected, strict=True):
            require_equal(self, have, want)
        return (x,)

    def evaluate(self, *arrays: Array) -> Array:
        x, indices, updates = arrays
        at, depth = flat_indices(x, indices), indices.shape[-1]
        rows = x.reshape(int(np.prod(x.shape[:depth])), *x.shape[depth:]).copy()
        with np.errstate(all="ignore"):
            for k, u in zip(at, updates.reshape(len(at), *x.shape[depth:]), strict=True):
                rows[k] = UPDATES[self.kind](rows[k], u)
        return rows.reshape(x.shape)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, indices = terms(b, *dy, self.indices)
        picked = d.make("gather_nd", indices)
        if self.kind in ("add", "sub"):
            return flows(self, d, None, picked if self.kind == "add" else -picked)
        if self.kind == "update":
            blank = zeros(b, self.updates)
            return flows(self, d.make("scatter_nd", indices, blank, kind="update"), None, picked)
        return self._of_ends(b, d, indices)

    def _of_ends(self, b: Builder, d: Term, indices: Term) -> Gradients:
        """Of minima and maxima: shared by the old and the new numbers that are equal to the result."""
        x, updates, y = terms(b, self.x, self.updates, self.result)
        old = x.eq(y).cast(d.dtype)
        new = updates.eq(y.make("gather_nd", indices)).cast(d.dtype)
        share = d / (old + zeros(b, self.x).make("scatter_nd", indices, new, kind="add"))
        return flows(self, share * old, None, share.make("gather_nd", indices) * new)


class InvertPermutation(GraphOp, name="graph.invert_permutation"):
    """y[x[i]] = i for a permutation x[n] of 0, …, n - 1; anything else is the error INDEX."""

    x = Operand()

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.x)
        if not t.dtype.is_integer:
            raise DTypeError(f"{self.name} ({self.location}): expected integers, received {t}")
        if t.rank != 1:
            raise shape_error(self, f"expected rank 1, received {t}")
        return (t,)

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        if sorted(x.tolist()) != list(range(len(x))):
            raise IndexError(f"the numbers are no permutation of 0..{len(x) - 1}")
        return np.argsort(x).astype(x.dtype)

    gradient = none_flows
