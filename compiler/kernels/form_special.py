"""Functions that iterate number by number to kernel calls."""

from __future__ import annotations

from typing import Any

from ..ops.base import tensor
from ..ops.gamma import Betainc, Igamma, Zeta
from ..ops.power import Pow
from .former import Former, Group, forms


@forms(Igamma, Betainc, Zeta)
def form_iterated(f: Former, group: Group) -> None:
    op = group.last
    params: dict[str, Any] = {"upper": op.upper} if isinstance(op, Igamma) else {}
    _call(f, group, op.name.removeprefix("graph."), params)


@forms(Pow)
def form_integer_pow(f: Former, group: Group) -> None:
    """Powers of floats are pointwise."""
    _call(f, group, "integer_pow", {"error": True})


def _call(f: Former, group: Group, family: str, params: dict[str, Any]) -> None:
    op = group.last
    y = tensor(op.result)
    f.call(
        family,
        [f.buffer(v) for v in op.operands],
        [f.result(op.result)],
        y.size,
        {"dtype": y.dtype, **params},
        cost_of=[op],
        unit_cost=(5000.0, 3.0 * y.dtype.size),
        location=op.location,
    )
