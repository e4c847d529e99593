"""Optimizers that divide by running means, or sums, of squared gradients.

Sources: J. Duchi and others, "Adaptive subgradient methods" (2011); M. Zeiler, "ADADELTA" (2012); T. Tieleman and
G. Hinton, "rmsprop", lecture 6.5 (2012); B. McMahan and others, "Ad click prediction: a view from the trenches" (2013).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from ...eager import ops
from ...eager.tensor import Tensor, cast
from ...eager.variable import Variable
from ..initializers import Constant
from .optimizer import Common, Optimizer


class RMSprop(Optimizer):
    """w - rate * g / sqrt(v + epsilon), v the running mean of g²; `centered` takes the square of the running mean of g
    off v. With momentum, a running sum of these steps is taken."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        name: str | None = None,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, name=name, **common)
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered
        self._velocities: list[Variable] = []
        self._momentums: list[Variable] = []
        self._means: list[Variable] = []

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._velocities = self.add_optimizer_variables(variables, "velocity")
        if self.momentum > 0:
            self._momentums = self.add_optimizer_variables(variables, "momentum")
        if self.centered:
            self._means = self.add_optimizer_variables(variables, "average_gradient")

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        rate = self.shared(variable, learning_rate)
        rho, slot = self.rho, self.slot(self._velocities, variable)
        velocity = self.get(slot) * rho + ops.square(gradient) * (1 - rho)
        self.put(slot, velocity)
        if self.centered:
            slot = self.slot(self._means, variable)
            mean = self.get(slot) * rho + gradient * (1 - rho)
            self.put(slot, mean)
            velocity = velocity - ops.square(mean)
        step = gradient * rate / ops.sqrt(velocity + self.epsilon)
        if self.momentum > 0:
            slot = self.slot(self._momentums, variable)
            step = self.get(slot) * self.momentum + step
            self.put(slot, step)
        self.put(variable, self.get(variable) - step)

    def get_config(self) -> dict[str, Any]:
        own = {"rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon, "centered": self.centered}
        return {**super().get_config(), **own}


class Adagrad(Optimizer):
    """w - rate * g / sqrt(a + epsilon), a the sum of all g², from initial_accumulator_value on."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        name: str | None = None,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, name=name, **common)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon
        self._sums: list[Variable] = []

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._sums = self.add_optimizer_variables(
            variables, "accumulator", Constant(self.initial_accumulator_value)
        )

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        rate = self.shared(variable, learning_rate)
        slot = self.slot(self._sums, variable)
        total = self.get(slot) + ops.square(gradient)
        self.put(slot, total)
        self.put(variable, self.get(variable) - gradient * rate / ops.sqrt(total + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        own = {"initial_accumulator_value": self.initial_accumulator_value, "epsilon": self.epsilon}
        return {**super().get_config(), **own}


class Adadelta(Optimizer):
    """w - rate * d, d = g * rms(d) / rms(g), with running means of d² and g²."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        name: str | None = None,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, name=name, **common)
        self.rho, self.epsilon = rho, epsilon
        self._grads: list[Variable] = []
        self._deltas: list[Variable] = []

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._grads, self._deltas = self.add_optimizer_variables(
            variables, ["accumulated_grad", "accumulated_delta_var"]
        )

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        rate, rho = self.shared(variable, learning_rate), self.rho
        slot, deltas = self.slot(self._grads, variable), self.slot(self._deltas, variable)
        squares = self.get(slot) * rho + ops.square(gradient) * (1 - rho)
        self.put(slot, squares)
        before = self.get(deltas)
        delta = ops.sqrt(before + self.epsilon) * gradient / ops.sqrt(squares + self.epsilon)
        self.put(deltas, before * rho + ops.square(delta) * (1 - rho))
        self.put(variable, self.get(variable) - delta * rate)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rho": self.rho, "epsilon": self.epsilon}


class Ftrl(Optimizer):
    """Follow the regularised leader: weights whose accumulated gradients stay below the strength of l1 are 0.

    Raises ValueError for a strength or initial value below 0, and a power above 0.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        name: str | None = None,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, name=name, **common)
        if learning_rate_power > 0:
            raise ValueError(f"expected learning_rate_power of 0 or less, received {learning_rate_power}")
        for what, value in (
            ("initial_accumulator_value", initial_accumulator_value),
            ("l1_regularization_strength", l1_regularization_strength),
            ("l2_regularization_strength", l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength),
        ):
            if value < 0:
                raise ValueError(f"expected {what} of 0 or more, received {value}")
        self.learning_rate_power, self.beta = learning_rate_power, beta
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self._sums: list[Variable] = []
        self._linears: list[Variable] = []

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        first = Constant(self.initial_accumulator_value)
        self._sums, self._linears = self.add_optimizer_variables(
            variables, ["accumulator", "linear"], [first, "zeros"]
        )

    def scalars(self, rate: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """1 / rate, and twice the strength of l2."""
        return 1.0 / rate, float(self.beta) / rate + 2.0 * self.l2_regularization_strength

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        inverse, squares = self.shared(variable, learning_rate)
        slot, linears = self.slot(self._sums, variable), self.slot(self._linears, variable)
        power, w, before = float(-self.learning_rate_power), self.get(variable), self.get(slot)
        total = before + ops.square(gradient)
        high = ops.power(total, power)
        shrunk = gradient
        if self.l2_shrinkage_regularization_strength:
            shrunk = gradient + w * (2.0 * self.l2_shrinkage_regularization_strength)
        linear = self.get(linears) + shrunk - (high - ops.power(before, power)) * inverse * w
        limit = float(self.l1_regularization_strength)
        kept = ops.clip(linear, -limit, limit) - linear if limit else -linear
        self.put(linears, linear)
        self.put(slot, total)
        self.put(variable, kept / (high * inverse + squares))

    def get_config(self) -> dict[str, Any]:
        names = (
            "learning_rate_power", "initial_accumulator_value", "l1_regularization_strength",
            "l2_regularization_strength", "l2_shrinkage_regularization_strength", "beta",
        )  # fmt: skip
        return {**super().get_config(), **{n: getattr(self, n) for n in names}}


class Adafactor(Optimizer):
    """Squared gradients of matrices are kept as the means of rows and columns; steps are relative to the weights' size.

    Source: N. Shazeer and M. Stern, "Adafactor: adaptive learning rates with sublinear memory cost" (2018).
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        name: str | None = None,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, name=name, **common)
        self.beta_2_decay, self.epsilon_1, self.epsilon_2 = beta_2_decay, epsilon_1, epsilon_2
        self.clip_threshold, self.relative_step = clip_threshold, relative_step
        self._rows: list[Variable] = []
        self._columns: list[Variable] = []
        self._velocities: list[Variable] = []

    def build(self, variables: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        for v in variables:
            # vectors have neither, but numbers stand in their places in Keras' files
            whole = len(v.shape) < 2
            rows, columns = ((), ()) if whole else (v.shape[:-1], (*v.shape[:-2], v.shape[-1]))
            dtype = "int32" if whole else v.dtype
            self._rows.append(self.add_variable(rows, dtype=dtype, name=v.name))
            self._columns.append(self.add_variable(columns, dtype=dtype, name=v.name))
            self._velocities.append(self.add_variable_from_reference(v, "velocity"))

    def scalars(self, rate: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """The step relative to the weights' size, and how much of the old means is kept."""
        return ops.minimum(rate, 1.0 / ops.sqrt(step)), 1.0 - ops.power(step, float(self.beta_2_decay))

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        rho, keep = self.shared(variable, learning_rate)
        w = self.get(variable)
        squares = ops.square(gradient) + self.epsilon_1
        velocity = self._velocity(squares, variable, keep)
        self.put(self.slot(self._velocities, variable), velocity)
        step = gradient / ops.sqrt(velocity)
        limit = ops.maximum(_rms(step) * (1.0 / self.clip_threshold), 1.0)
        alpha = ops.maximum(_rms(w), float(self.epsilon_2)) * rho
        self.put(variable, w - step * cast(alpha / limit, w.dtype))

    def _velocity(self, squares: Tensor, variable: Variable, keep: Tensor) -> Tensor:
        if len(variable.shape) < 2:
            old = self.get(self.slot(self._velocities, variable))
            return old * keep + squares * (1.0 - keep)
        rows, columns = self.slot(self._rows, variable), self.slot(self._columns, variable)
        r = self.get(rows) * keep + ops.mean(squares, axis=-1) * (1.0 - keep)
        c = self.get(columns) * keep + ops.mean(squares, axis=-2) * (1.0 - keep)
        self.put(rows, r)
        self.put(columns, c)
        share = r / ops.mean(r, axis=-1, keepdims=True)
        return ops.expand_dims(share, -1) * ops.expand_dims(c, -2)

    def get_config(self) -> dict[str, Any]:
        names = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")
        return {**super().get_config(), **{n: getattr(self, n) for n in names}}


def _rms(x: Tensor) -> Tensor:
    return ops.sqrt(ops.mean(ops.square(x)))
