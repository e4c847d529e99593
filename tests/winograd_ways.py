"""Convolutions computed in a certain way, whatever the cost model thinks of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from netwright.compiler.cost import winograd as cost
from netwright.compiler.ir.core import Builder, Op, Value
from netwright.compiler.ir.dims import Dim
from netwright.compiler.ops.activation import Relu
from netwright.compiler.ops.conv import Conv2D
from netwright.compiler.ops.elementwise import Add
from netwright.runtime import Model

from .helpers import constant, graph, n, tensor


@dataclass(frozen=True)
class Way:
    """Tiles of a block, 0 for none; parts at least in which channels are taken, 0 for filters that are stored
    transformed."""

    families: tuple[str, ...]
    block: int
    parts: int

    def force(
        self, monkeypatch: pytest.MonkeyPatch, *transforms: tuple[tuple[int, int], tuple[int, int]]
    ) -> None:
        """Only F(m, taps) of `transforms` are left, computed in this way."""

        def only(plan: Any) -> list[cost.WinogradChoice]:
            whole = plan.channels
            fits = [n for n in range(cost.UNROLL, whole + 1, cost.UNROLL) if whole % n == 0]
            chunk = max(n for n in fits if whole // n >= self.parts) if self.parts else 0
            return [plan._choice(self.block, chunk, 1 << 20)._replace(cycles=1.0)]

        monkeypatch.setattr(cost, "LEAST_CYCLES", 0)
        monkeypatch.setattr(cost, "TRIED", {taps: (m,) for m, taps in transforms})
        monkeypatch.setattr(cost._Plan, "all", only)


WAYS = {
    "stored, in blocks": Way(("winograd_blocks",), 5, 0),
    "stored, in stages": Way(("winograd_input", "winograd_product", "winograd_output"), 0, 0),
    "by groups of columns": Way(("winograd_input", "winograd"), 0, 1),
    "by groups, in parts": Way(("winograd_input", "winograd"), 0, 2),
    "in blocks": Way(("winograd",), 7, 1),
    "in blocks and parts": Way(("winograd",), 4, 4),
}
TRANSFORMS = [(m, taps) for taps, ms in cost.TRIED.items() for m in ms]


def families(model: Model) -> set[str]:
    rows: Any = model.manifest["calls"]
    return {r["family"] for r in rows if r["family"].startswith("winograd") or r["family"] == "conv2d"}


def convolution(
    image: Sequence[Dim], columns: int, taps: Sequence[int], body: str = "bias relu", batch: Dim = n,
    padding: str = "SAME", pads: tuple[int, ...] = (0, 0, 0, 0),
) -> Op:  # fmt: skip
    """A convolution of [batch, *image] with what `body` names behind it."""
    rng = np.random.default_rng(columns)
    scale = 1 / np.sqrt(float(image[-1]) * taps[0] * taps[1])  # type: ignore[arg-type]
    filters = (rng.normal(size=(*taps, int(image[-1]), columns)) * scale).astype(np.float32)

    def make(b: Builder, x: Value, *residual: Value) -> Value:
        y = b(
            Conv2D, x, constant(b, filters, "w"), strides=(1, 1), dilations=(1, 1), padding=padding, pads=pads
        )
        if "bias" in body:
            y = b(Add, y, constant(b, rng.normal(size=columns).astype(np.float32), "bias"))
        if residual:
            y = b(Add, y, residual[0])
        return b(Relu, y) if "relu" in body else y

    types = [tensor(batch, *image)]
    if "residual" in body:
        types.append(tensor(batch, *image[:2], columns))
    return graph(make, types)
