"""Sorting along the last axis."""

from __future__ import annotations

import heapq
from typing import Union

import numpy as np

from ...runtime.errors import DTypeError
from ...runtime.spec import DType, boolean, i32
from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.dims import Sym, product
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import Env, Gradients, GraphOp, concrete, require_at_least, shape_error, tensor
from .gradient import flows, row_offsets, terms


class TopK(GraphOp, name="graph.top_k", traits={"symbolic"}):
    """The k largest elements along the last axis and their positions, largest first; of equal ones the one that
    comes first. NaN counts as larger than any number; -0 equals 0.

    Not `sorted`, which needs known sizes with 1 < k < the last axis: in the order of a binary heap, the smallest in
    front. It is made of the first k + 1 elements and loses its first one; each later element that is larger than
    the first one takes its place: that one is removed, then the new one added.
    """

    x = Operand()
    k = Attr(Union[int, Sym])  # type: ignore[arg-type]
    index_dtype = Attr(DType, default=i32)
    sorted = Attr(bool, default=True)

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.x)
        if t.rank < 1:
            raise shape_error(self, "a scalar has no order")
        if t.dtype == boolean or not self.index_dtype.is_integer:
            raise DTypeError(f"{self.name} ({self.location}) of {t} with {self.index_dtype} is not defined")
        require_at_least(self, self.k, 0, f"a number of elements may not be {self.k}")
        why = f"the last axis must have {self.k} elements or more, received {t}"
        require_at_least(self, t.shape[-1], self.k, why)
        if not self.sorted and not (isinstance(t.shape[-1], int) and 1 < self.k < t.shape[-1]):
            raise shape_error(
                self, f"the heap's order needs known sizes and 1 < k < {t.shape[-1]}, received {self.k}"
            )
        shape = (*t.shape[:-1], self.k)
        return TensorType(shape, t.dtype), TensorType(shape, self.index_dtype)

    def evaluate_dims(self, env: Env, *arrays: Array) -> tuple[Array, ...]:
        (x,) = arrays
        (k,) = concrete((self.k,), env)
        n = x.shape[-1]
        if not self.sorted:
            order = np.empty((*x.shape[:-1], k), np.int64)
            for row, out in zip(x.reshape(-1, n), order.reshape(-1, k), strict=True):
                out[:] = _heap(row, k)
            return np.take_along_axis(x, order, -1), order.astype(self.index_dtype.numpy)
        # ascending and stable from the other end is descending, with earlier positions first among equals
        order = (n - 1 - np.argsort(x[..., ::-1], axis=-1, kind="stable"))[..., ::-1][..., :k]
        return np.take_along_axis(x, order, -1), order.astype(self.index_dtype.numpy)

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x, at = terms(b, dy[0], self.x, self.results[1])
        rows, size = product(x.shape[:-1]), x.shape[-1]
        at = row_offsets(at.reshape((rows, self.k)), size)
        flat = d.reshape((rows * self.k, 1)).add_rows(at.reshape((rows * self.k,)), rows * size)
        return flows(self, flat.reshape(x.shape))


def _heap(x: Array, k: int) -> list[int]:
    """The positions of the k largest elements in the order of a heap whose first element is the smallest."""
    items = [(bool(v != v), v, -i) if v == v else (True, 0, -i) for i, v in enumerate(x.tolist())]
    heap = items[: k + 1]
    heapq.heapify(heap)
    heapq.heappop(heap)
    for item in items[k + 1 :]:
        if item > heap[0]:
            heapq.heappop(heap)
            heapq.heappush(heap, item)
    return [-i for _, _, i in heap]
