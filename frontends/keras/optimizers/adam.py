"""Adam and its relatives: steps by running means of gradients over those of their squares.

Sources: D. Kingma and J. Ba, "Adam: a method for stochastic optimization" (2015); I. Loshchilov and F. Hutter,
"Decoupled weight decay regularization" (2019); T. Dozat, "Incorporating Nesterov momentum into Adam" (2016);
Y. You and others, "Large batch optimization for deep learning" (2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from ...eager import ops
from ...eager.tensor import Tensor, as_dtype, cast, convert
from ...eager.variable import Variable
from ..config import floatx
from .optimizer import Common, Optimizer


class _Moments(Optimizer):
    """One with running means of gradients (beta_1) and of something else (beta_2)."""

    second = "velocity"

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        name: str | None = None,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, name=name, **common)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self._momentums: list[Variable] = []
        self._velocities: list[Variable] = []

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", self.second])

    def power(self, base: float, step: Tensor) -> Tensor:
        """base ^ step, of rank 0."""
        return ops.power(convert(float(base), step.type.dtype), step)

    def rest(self, beta: float, dtype: str) -> float:
        """1 - beta."""
        return 1 - beta

    def momentum(self, gradient: Tensor, variable: Variable) -> Tensor:
        """The new running mean of gradients."""
        slot = self.slot(self._momentums, variable)
        m = self.get(slot)
        m = m + (gradient - m) * self.rest(self.beta_1, variable.dtype)
        self.put(slot, m)
        return m

    def velocity(self, gradient: Tensor, variable: Variable) -> Tensor:
        """The new running mean of squared gradients."""
        slot = self.slot(self._velocities, variable)
        v = self.get(slot)
        v = v + (ops.square(gradient) - v) * self.rest(self.beta_2, variable.dtype)
        self.put(slot, v)
        return v

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


class Adam(_Moments):
    """w - alpha * m / (sqrt(v) + epsilon), alpha = rate * sqrt(1 - beta_2^t) / (1 - beta_1^t); with `amsgrad` by the
    largest v so far."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        name: str | None = None,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, name, **common)
        self.amsgrad = amsgrad
        self._highest: list[Variable] = []

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        if self.amsgrad:
            self._highest = self.add_optimizer_variables(variables, "velocity_hat")

    def scalars(self, rate: Tensor, step: Tensor) -> Tensor:
        return rate * ops.sqrt(1.0 - self.power(self.beta_2, step)) / (1.0 - self.power(self.beta_1, step))

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        alpha = self.shared(variable, learning_rate)
        m, v = self.momentum(gradient, variable), self.velocity(gradient, variable)
        if self.amsgrad:
            slot = self.slot(self._highest, variable)
            v = ops.maximum(self.get(slot), v)
            self.put(slot, v)
        self.put(variable, self.get(variable) - m * alpha / (ops.sqrt(v) + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "amsgrad": self.amsgrad}


class AdamW(Adam):
    """Adam with weight decay. Raises ValueError where that is None."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        name: str | None = None,
        **common: Any,
    ) -> None:
        if weight_decay is None:
            raise ValueError("expected a number as weight_decay of AdamW, received None")
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, name, weight_decay=weight_decay, **common
        )


class Adamax(_Moments):
    """w - rate / (1 - beta_1^t) * m / (u + epsilon), u = max(beta_2 * u, |g|)."""

    second = "norm"

    def scalars(self, rate: Tensor, step: Tensor) -> Tensor:
        return rate / (1.0 - self.power(self.beta_1, step))

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        alpha = self.shared(variable, learning_rate)
        m, slot = self.momentum(gradient, variable), self.slot(self._velocities, variable)
        u = ops.maximum(self.get(slot) * self.beta_2, ops.abs(gradient))
        self.put(slot, u)
        self.put(variable, self.get(variable) - m * alpha / (u + self.epsilon))


class Nadam(_Moments):
    """Adam with Nesterov's momentum, whose strength grows with the steps."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        name: str | None = None,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, name, **common)
        self._product: Variable | None = None

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        dtype = variables[0].dtype if variables else floatx()
        self._product = self._tracked(np.ones((), as_dtype(dtype).numpy), "u_product")

    def rest(self, beta: float, dtype: str) -> float:
        """1 - beta in the variables' data type, as Keras has it here: 0.001 comes out as 0.00100005."""
        kind = as_dtype(dtype).numpy.type
        return float(kind(1) - kind(beta))

    def _strength(self, step: Tensor) -> Tensor:
        return (1.0 - self.power(0.96, step) * 0.5) * self.beta_1

    def before_updates(self, grads: list[Tensor], variables: list[Variable], learning_rate: Tensor) -> None:
        product = self._product
        if product is None:
            raise ValueError("expected an optimizer that is built: call build(variables) first")
        self.put(product, self.get(product) * self._strength(cast(self.iterations + 1, product.dtype)))

    def scalars(self, rate: Tensor, step: Tensor) -> Any:
        """The factors of m and g, and that of v."""
        now, after = self._strength(step), self._strength(step + 1.0)
        product = cast(self.get(self._product), step.dtype) if self._product is not None else now
        of_m = rate * after / (1.0 - product * after)
        of_g = rate * (1.0 - now) / (1.0 - product)
        return of_m, of_g, 1.0 / (1.0 - self.power(self.beta_2, step))

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        of_m, of_g, of_v = self.shared(variable, learning_rate)
        m, v = self.momentum(gradient, variable), self.velocity(gradient, variable)
        self.put(
            variable, self.get(variable) - (m * of_m + gradient * of_g) / (ops.sqrt(v * of_v) + self.epsilon)
        )


class Lamb(_Moments):
    """Adam's steps, each made as large relative to its weight's norm as the learning rate says."""

    def scalars(self, rate: Tensor, step: Tensor) -> Any:
        first = 1.0 / (1.0 - self.power(self.beta_1, step))
        return rate, first, 1.0 / (1.0 - self.power(self.beta_2, step))

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        rate, of_m, of_v = self.shared(variable, learning_rate)
        m, v = self.momentum(gradient, variable), self.velocity(gradient, variable)
        w = self.get(variable)
        step = m * of_m / (ops.sqrt(v * of_v) + self.epsilon)
        size, length = ops.sqrt(ops.sum(ops.square(w))), ops.sqrt(ops.sum(ops.square(step)))
        both = ops.logical_and(size > 0.0, length > 0.0)
        ratio = ops.where(both, size / ops.where(both, length, 1.0), 1.0)
        self.put(variable, w - step * (ratio * rate))
