"""Running sums and products along an axis, and places in sorted rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...runtime.errors import DTypeError
from ...runtime.spec import DType, i32
from ..ir.attributes import Array
from ..ir.core import Builder, Value
from ..ir.opdef import Attr, Operand
from ..ir.types import TensorType, Type
from .base import Gradients, GraphOp, none_flows, normal_axis, require_equal, same_dtype, shape_error, tensor
from .gradient import Term, flows, terms
from .pool import lowest

KINDS = ("sum", "prod", "log_sum_exp")


class Cumulative(GraphOp, name="graph.cumulative"):
    """At every place along `axis` the sum, product or log of the sum of exponentials of what comes up to it;
    before it with `exclusive`, and from the end on with `reverse`. One after the other: sums are in that order."""

    x = Operand()
    axis = Attr(int)
    kind = Attr(str, default="sum", choices=KINDS)
    exclusive = Attr(bool, default=False)
    reverse = Attr(bool, default=False)

    def infer(self) -> tuple[Type, ...]:
        t = tensor(self.x)
        normal_axis(self, self.axis, t.rank)
        if t.dtype.kind == "b" or (self.kind == "log_sum_exp" and not t.dtype.is_float):
            raise DTypeError(f"{self.name} ({self.location}) is not defined for {t.dtype.tf_name}")
        return (t,)

    def evaluate(self, *arrays: Array) -> Array:
        (x,) = arrays
        rows: Any = np.moveaxis(x, self.axis, 0)
        rows = rows[::-1] if self.reverse else rows
        start = {"sum": 0, "prod": 1, "log_sum_exp": -np.inf}[self.kind]
        total = np.full(rows.shape[1:], start, x.dtype)
        out = np.empty_like(rows)
        for k, row in enumerate(rows):
            after = self.step(total, row)
            out[k] = total if self.exclusive else after
            total = after
        out = out[::-1] if self.reverse else out
        return np.ascontiguousarray(np.moveaxis(out, 0, self.axis))

    def step(self, total: Array, x: Array) -> Array:
        """The total with one more."""
        if self.kind == "sum":
            return (total + x).astype(x.dtype)
        if self.kind == "prod":
            return (total * x).astype(x.dtype)
        low, high = np.minimum(total, x), np.maximum(total, x)
        return np.where(low == -np.inf, high, high + np.log1p(np.exp(low - high)))

    def gradient(self, b: Builder, *dy: Value | None) -> Gradients:
        d, x, y = terms(b, *dy, self.x, self.result)
        if self.kind == "sum":
            return flows(self, self._backwards(d))
        if self.kind == "prod":  # TensorFlow's gradient, which is 0 where x is
            found = self._backwards(y * d)
            return flows(self, x.eq(0).where(0, found / x))
        least = lowest(x.dtype)
        parts = [
            (self._backwards((part > 0).where(part.point("log"), least) - y) + x).point("exp")
            for part in (d, -d)
        ]
        return flows(self, parts[0] - parts[1])

    def _backwards(self, t: Term) -> Term:
        """The same for another tensor, from the other end; products as sums."""
        kind = "sum" if self.kind == "prod" else self.kind
        return t.make(
            "cumulative", axis=self.axis, kind=kind, exclusive=self.exclusive, reverse=not self.reverse
        )


class SearchSorted(GraphOp, name="graph.search_sorted"):
    """Where in ascending rows `sorted[b, n]` each of `values[b, m]` would go: in front of its equals, or with `upper`
    behind them."""

    sorted = Operand()
    values = Operand()
    upper = Attr(bool, default=False)
    dtype = Attr(DType, default=i32)

    def infer(self) -> tuple[Type, ...]:
        same_dtype(self, self.sorted, self.values)
        rows, values = tensor(self.sorted), tensor(self.values)
        if rows.rank != 2 or values.rank != 2:
            raise shape_error(self, f"expected two matrices, received {rows} and {values}")
        require_equal(self, rows.shape[0], values.shape[0])
        return (TensorType(values.shape, self.dtype),)

    def evaluate(self, *arrays: Array) -> Array:
        rows, values = arrays
        a, v = rows[:, None, :], values[:, :, None]
        before = ~(v < a) if self.upper else a < v
        return before.sum(-1).astype(self.dtype.numpy)

    gradient = none_flows
