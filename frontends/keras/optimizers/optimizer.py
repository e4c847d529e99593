"""What optimizers have in common: the learning rate, clipping, weight decay, averages, accumulation."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, TypedDict

import numpy as np

from ...eager import ops
from ...eager.tensor import Tensor, TensorLike, as_dtype, cast, convert
from ...eager.variable import Variable
from .. import naming
from ..config import floatx
from ..objects import deserialize_keras_object, serialize_keras_object
from .state import OptimizerState


class Common(TypedDict, total=False):
    """The arguments that all optimizers have."""

    weight_decay: float | None
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None


class Optimizer(OptimizerState):
    """Changes variables by their gradients. Subclasses define `build(variables)`, which makes their slots, and
    `update_step(gradient, variable, learning_rate)`.

    `learning_rate`: a number, a LearningRateSchedule, or a function without arguments. `weight_decay`: times the
    learning rate, that part of each variable is taken away. `clipnorm` limits each gradient's norm, `global_clipnorm`
    that of all together, `clipvalue` each number; one of the three. `use_ema` keeps moving averages of the variables,
    which take their place every `ema_overwrite_frequency` steps and in `finalize_variable_values`.
    `loss_scale_factor`: gradients are those of a loss times this. `gradient_accumulation_steps`: that many steps'
    gradients are averaged before the variables change.
    """

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.pop("decay", None) is not None:
            warnings.warn(
                "the argument `decay` is ignored: use a schedule as the learning rate", stacklevel=3
            )
        if kwargs:
            raise ValueError(f"{type(self).__name__} has no argument {', '.join(sorted(kwargs))}")
        _check_clipping(clipnorm, clipvalue, global_clipnorm)
        _check_averages(use_ema, ema_momentum, ema_overwrite_frequency)
        if gradient_accumulation_steps and gradient_accumulation_steps < 2:
            raise ValueError(
                f"expected gradient_accumulation_steps of 2 or more, received {gradient_accumulation_steps}"
            )
        self.name = name or naming.automatic(type(self))
        self.weight_decay, self.loss_scale_factor = weight_decay, loss_scale_factor
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema, self.ema_momentum, self.ema_overwrite_frequency = (
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
        )
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.built = False
        self._variables: list[Variable] = []
        self._trainable_variables: list[Variable] = []
        self._numbers: dict[int, int] = {}
        self._averages: list[Variable] = []
        self._accumulators: list[Variable] = []
        self._undecayed: tuple[set[int], re.Pattern[str] | None] = (set(), None)
        #: what is known of variables' new values in a step, and numbers that all updates share
        self._new: dict[Variable, Tensor] = {}
        self._shared: dict[str, Any] = {}
        self._called: Variable | None = None
        self._iterations = self._tracked(np.zeros((), np.int64), "iteration")
        self._learning_rate: Any = learning_rate
        if not callable(learning_rate):
            if isinstance(learning_rate, (bool, str)) or not isinstance(
                learning_rate, (int, float, np.number)
            ):
                raise ValueError(
                    "expected a number, a LearningRateSchedule or a function as learning_rate, "
                    f"received {learning_rate!r}"
                )
            start = np.asarray(learning_rate, as_dtype(floatx()).numpy)
            self._learning_rate = self._tracked(start, "learning_rate")

    # what a step does

    def get(self, variable: Variable) -> Tensor:
        """A variable's value within a step, with what the step did so far."""
        found = self._new.get(variable)
        return variable.value if found is None else found

    def put(self, variable: Variable, value: Tensor) -> None:
        """A variable's value from now on in a step; it is assigned when the step ends."""
        self._new[variable] = cast(value, variable.dtype)

    def assign(self, variable: Variable, value: TensorLike) -> None:
        variable.assign(value)

    def assign_add(self, variable: Variable, value: TensorLike) -> None:
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: TensorLike) -> None:
        variable.assign_sub(value)

    def scalars(self, rate: Tensor, step: Tensor) -> Any:
        """What all updates of a step share, from the learning rate and the number of the step, counted from 1: tensors
        of rank 0, so that the update of a weight is one pass over it."""
        return rate

    def shared(self, variable: Variable, learning_rate: TensorLike) -> Any:
        """`scalars` in the variable's data type, made once for a step."""
        dtype = variable.dtype
        if dtype not in self._shared:
            step = cast(self.iterations + 1, dtype)
            self._shared[dtype] = self.scalars(cast(learning_rate, dtype), step)
        return self._shared[dtype]

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        raise NotImplementedError(
            f"{type(self).__name__} must define update_step(gradient, variable, learning_rate)"
        )

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Any:
        """One step, for pairs of a gradient and its variable."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """One step. `grads`: a gradient for each variable, or None; without variables for those it was built for.

        Raises ValueError for variables that it was not built for, and where all gradients are None.
        """
        if not len(grads):
            return
        found = self._with_gradients(list(grads), self._for(grads, trainable_variables))
        self._new, self._shared = {}, {}
        try:
            self._apply([cast(convert(g), v.dtype) for g, v in found], [v for _, v in found])
            for v, value in self._new.items():
                v.assign(value)
        finally:
            self._new, self._shared = {}, {}

    def _for(self, grads: Sequence[Any], variables: Sequence[Variable] | None) -> list[Variable]:
        if variables is None:
            if not self.built:
                raise ValueError(
                    "expected an optimizer that is built: call build(variables), or hand the variables over"
                )
            variables = self._trainable_variables
        variables = list(variables)
        if not self.built:
            self.build(variables)
        if len(grads) != len(variables):
            raise ValueError(
                f"expected a gradient for each of {len(variables)} variables, received {len(grads)}"
            )
        for v in variables:
            if id(v) not in self._numbers:
                raise ValueError(
                    f"expected variables that the optimizer was built for, received {v.path!r}: make another optimizer"
                )
        return variables

    def _with_gradients(self, grads: list[Any], variables: list[Variable]) -> list[tuple[Any, Variable]]:
        missing = [v.path for g, v in zip(grads, variables, strict=True) if g is None]
        if len(missing) == len(variables):
            raise ValueError("expected a gradient for a variable, received None for all of them")
        if missing:
            warnings.warn(
                f"no gradients for {', '.join(missing)}: these variables do not change", stacklevel=4
            )
        return [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]

    def _apply(self, grads: list[Tensor], variables: list[Variable]) -> None:
        if self.loss_scale_factor is not None:
            grads = [g * (1.0 / self.loss_scale_factor) for g in grads]
        if self.gradient_accumulation_steps:
            self._accumulate(grads, variables, self.gradient_accumulation_steps)
        else:
            self._update(grads, variables)
        if self.use_ema:
            self._average()
        for v in variables:
            if v.constraint is not None:
                self.put(v, convert(v.constraint(self.get(v))))
        self.put(self._iterations, self._iterations.value + 1)

    def _update(self, grads: list[Tensor], variables: list[Variable]) -> None:
        rate = self._rate()
        grads = self._clipped(grads)
        if self.weight_decay is not None:
            for v in variables:
                if self._use_weight_decay(v):
                    value = self.get(v)
                    self.put(v, value - value * (cast(rate, v.dtype) * float(self.weight_decay)))
        self.before_updates(grads, variables, rate)
        for g, v in zip(grads, variables, strict=True):
            self.update_step(g, v, rate)

    def before_updates(self, grads: list[Tensor], variables: list[Variable], learning_rate: Tensor) -> None:
        """Called in each step before the variables' updates."""

    def _accumulate(self, grads: list[Tensor], variables: list[Variable], steps: int) -> None:
        now = ops.equal((self._iterations.value + 1) % steps, 0)
        held = [
            v
            for v in (*self._variables, *variables)
            if v is not self._iterations and v is not self._learning_rate
        ]
        before = {v: self.get(v) for v in held}
        sums = [g + self.get(self.slot(self._accumulators, v)) for g, v in zip(grads, variables, strict=True)]
        self._update([s * (1.0 / steps) for s in sums], variables)
        for v, old in before.items():
            new = self.get(v)
            if new.ref != old.ref:
                self.put(v, ops.where(now, new, old))
        for s, v in zip(sums, variables, strict=True):
            self.put(self.slot(self._accumulators, v), ops.where(now, 0.0, s))

    def _clipped(self, grads: list[Tensor]) -> list[Tensor]:
        if self.clipnorm:
            return [g * _scale(ops.sqrt(ops.sum(ops.square(g))), self.clipnorm) for g in grads]
        if self.global_clipnorm:
            total = ops.sqrt(_sum([ops.sum(ops.square(g)) for g in grads]))
            # not a number, if that is what the norm is or if it is infinite
            scale = _scale(total, self.global_clipnorm) + (total - total)
            return [g * cast(scale, g.dtype) for g in grads]
        if self.clipvalue:
            return [ops.clip(g, -float(self.clipvalue), float(self.clipvalue)) for g in grads]
        return grads

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """These variables, and those whose names have one of these patterns in them, do not decay.

        Raises ValueError once the optimizer is built.
        """
        if self.built:
            raise ValueError(
                "expected an optimizer that is not built yet: exclude_from_weight_decay comes before"
            )
        pattern = "|".join(sorted(set(var_names or ())))
        self._undecayed = ({id(v) for v in var_list or ()}, re.compile(pattern) if pattern else None)

    def _use_weight_decay(self, variable: Variable) -> bool:
        excluded, pattern = self._undecayed
        return id(variable) not in excluded and not (pattern is not None and pattern.search(variable.name))

    def _average(self) -> None:
        count = convert(self.iterations)
        replace = None
        if self.ema_overwrite_frequency:
            replace = ops.equal((count + 1) % self.ema_overwrite_frequency, 0)
        for v, average in zip(self._trainable_variables, self._averages, strict=True):
            momentum = ops.where(
                ops.not_equal(count, 0), convert(float(self.ema_momentum), as_dtype(v.dtype)), 0.0
            )
            value = self.get(v)
            mean = momentum * self.get(average) + (1.0 - momentum) * value
            self.put(average, mean)
            if replace is not None:
                self.put(v, ops.where(replace, mean, value))

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """With `use_ema`, gives the variables their moving averages."""
        if self.use_ema:
            self.overwrite_model_variables_with_average_value(var_list)

    def overwrite_model_variables_with_average_value(self, trainable_variables: Sequence[Variable]) -> None:
        """Gives the variables their moving averages. Raises ValueError for other variables than it was built for."""
        if len(trainable_variables) != len(self._averages):
            raise ValueError(f"expected {len(self._averages)} variables, received {len(trainable_variables)}")
        for v, average in zip(trainable_variables, self._averages, strict=True):
            v.assign(average)

    def scale_loss(self, loss: Tensor) -> Tensor:
        """The loss times loss_scale_factor, of which gradients are to be taken."""
        return loss if self.loss_scale_factor is None else loss * float(self.loss_scale_factor)

    def get_config(self) -> dict[str, Any]:
        rate = self._learning_rate
        names = (
            "weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema", "ema_momentum",
            "ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps",
        )  # fmt: skip
        learning_rate: Any = (
            float(rate.numpy()) if isinstance(rate, Variable) else serialize_keras_object(rate)
        )
        return {"name": self.name, "learning_rate": learning_rate, **{n: getattr(self, n) for n in names}}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        rate = config.get("learning_rate")
        if isinstance(rate, dict):
            config = {**config, "learning_rate": deserialize_keras_object(rate, custom_objects)}
        return cls(**config)


def _scale(norm: Tensor, limit: float) -> Tensor:
    """By what a gradient of this norm is multiplied to have the limit at most."""
    return float(limit) / ops.maximum(norm, float(limit))


def _sum(parts: Sequence[Tensor]) -> Tensor:
    total = parts[0]
    for p in parts[1:]:
        total = total + p
    return total


def _check_clipping(*given: float | None) -> None:
    if sum(g is not None for g in given) > 1:
        raise ValueError(
            "expected one of clipnorm, clipvalue and global_clipnorm, received "
            + ", ".join(
                f"{n}={g}" for n, g in zip(("clipnorm", "clipvalue", "global_clipnorm"), given, strict=True)
            )
        )


def _check_averages(used: bool, momentum: float, frequency: Any) -> None:
    if not used:
        return
    if not 0 <= momentum <= 1:
        raise ValueError(f"expected ema_momentum from 0 to 1, received {momentum}")
    if frequency and (not isinstance(frequency, int) or frequency < 1):
        raise ValueError(
            f"expected ema_overwrite_frequency to be None or an integer of 1 or more, received {frequency}"
        )
