"""Optimizers that follow the gradient or a running mean of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from ...eager import ops
from ...eager.tensor import Tensor
from ...eager.variable import Variable
from .optimizer import Common, Optimizer


class SGD(Optimizer):
    """w - rate * g; with momentum w + v, v = momentum * v - rate * g; by Nesterov w + momentum * v - rate * g.

    Raises ValueError for a momentum that is not from 0 to 1.
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        name: str | None = None,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, name=name, **common)
        if isinstance(momentum, bool) or not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ValueError(f"expected momentum to be a number from 0 to 1, received {momentum!r}")
        self.momentum, self.nesterov = float(momentum), nesterov
        self.momentums: list[Variable] = []

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        if self.momentum:
            self.momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        rate = self.shared(variable, learning_rate)
        if not self.momentum:
            self.put(variable, self.get(variable) - gradient * rate)
            return
        slot = self.slot(self.momentums, variable)
        step = gradient * rate
        m = self.get(slot) * self.momentum - step
        self.put(slot, m)
        self.put(variable, self.get(variable) + (m * self.momentum - step if self.nesterov else m))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}


class Lion(Optimizer):
    """w - rate * sign(beta_1 * m + (1 - beta_1) * g), then m = beta_2 * m + (1 - beta_2) * g.

    Source: X. Chen and others, "Symbolic discovery of optimization algorithms" (2023).
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        name: str | None = None,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, name=name, **common)
        if not 0 < beta_1 <= 1:
            raise ValueError(f"expected beta_1 above 0 and up to 1, received {beta_1}")
        self.beta_1, self.beta_2 = beta_1, beta_2
        self._momentums: list[Variable] = []

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        rate = self.shared(variable, learning_rate)
        slot = self.slot(self._momentums, variable)
        m = self.get(slot)
        self.put(
            variable, self.get(variable) - rate * ops.sign(m * self.beta_1 + gradient * (1.0 - self.beta_1))
        )
        self.put(slot, m * self.beta_2 + gradient * (1.0 - self.beta_2))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}
