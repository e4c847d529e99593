"""How far results in float32 are from exact ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from netwright.compiler.ir.core import Op, Value
from netwright.compiler.ops.constant import Constant
from netwright.compiler.ops.interpreter import Interpreter

from .helpers import Array


class _Wide(Interpreter):
    """Constants of float32 as float64, so that nothing is computed in float32."""

    def _op(
        self, op: Op, args: list[Array], values: Mapping[Value, Array], env: dict[str, int]
    ) -> tuple[Array, ...]:
        results = super()._op(op, args, values, env)
        return tuple(map(_wide, results)) if isinstance(op, Constant) else results


def _wide(x: Array) -> Array:
    return x.astype(np.float64) if x.dtype == np.float32 else x


def exact(module: Op, inputs: Sequence[Array]) -> Array:
    """The first result of a graph whose constants and inputs are exact, computed in float64."""
    found = _Wide(module).run([_wide(x) for x in inputs])[0]
    assert found.dtype == np.float64
    return found


def error(got: Any, want: Array) -> float:
    """Largest difference over largest reference."""
    return float(np.abs(np.asarray(got, np.float64) - want).max() / np.abs(want).max())
