"""What an optimizer keeps: its variables, and the learning rate."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...eager import nodes, ops
from ...eager.tensor import Tensor, convert
from ...eager.variable import Variable
from .. import initializers, naming
from ..config import floatx
from .schedules import LearningRateSchedule


class OptimizerState:
    """The variables of an optimizer: how many steps there were, the learning rate, slots for the trained ones."""

    name: str
    built: bool
    use_ema: bool
    gradient_accumulation_steps: int | None
    _variables: list[Variable]
    _trainable_variables: list[Variable]
    _numbers: dict[int, int]
    _averages: list[Variable]
    _accumulators: list[Variable]
    _iterations: Variable
    _learning_rate: Any
    _called: Variable | None

    def _tracked(self, value: Any, name: str) -> Variable:
        made = Variable(value, trainable=False, name=name)
        made.path = f"{self.name}/{name}"
        self._variables.append(made)
        return made

    @property
    def variables(self) -> list[Variable]:
        """All its variables, in the order in which they are saved."""
        return list(self._variables)

    @property
    def iterations(self) -> Any:
        """How many updates were made: a variable int64 []; with accumulation a tensor."""
        if self.gradient_accumulation_steps:
            return ops.floor_divide(self._iterations, self.gradient_accumulation_steps)
        return self._iterations

    @property
    def learning_rate(self) -> Any:
        """The variable that holds it, or what the schedule or function gives now."""
        if isinstance(self._learning_rate, LearningRateSchedule):
            return self._learning_rate(self._iterations)
        if isinstance(self._learning_rate, Variable):
            return self._learning_rate
        return self._learning_rate()

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        if callable(learning_rate):
            if isinstance(self._learning_rate, Variable):
                gone = self._learning_rate
                self._variables = [v for v in self._variables if v is not gone]
            self._learning_rate = learning_rate
        elif isinstance(self._learning_rate, Variable):
            self._learning_rate.assign(learning_rate)
        else:
            raise TypeError(
                "expected an optimizer with a number as learning rate: this one has a "
                f"{'schedule' if isinstance(self._learning_rate, LearningRateSchedule) else 'function'}, not one"
            )

    @property
    def asks_before_steps(self) -> bool:
        """Whether `before_step` does something."""
        return self._called is not None

    def before_step(self) -> None:
        """To be called before each run of a compiled step: a learning rate that is a Python function is asked for its
        present number."""
        if self._called is not None and not isinstance(self._learning_rate, (Variable, LearningRateSchedule)):
            with nodes.tracing(None):
                self._called.assign(float(self._learning_rate()))

    def _rate(self) -> Tensor:
        rate = self.learning_rate
        if isinstance(rate, (Tensor, Variable)) or nodes.current_trace() is None:
            return convert(rate)
        # of a function that gives Python numbers: others next time
        if self._called is None:
            self._called = Variable(np.float32(rate), trainable=False, name="called_learning_rate")
        return self._called.value

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the slots for these variables."""
        if self.use_ema:
            self._averages = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self._accumulators = self.add_optimizer_variables(variables, "gradient_accumulator")
        self._trainable_variables = list(variables)
        self._numbers = {id(v): i for i, v in enumerate(variables)}
        self.built = True

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        name: str | None = None,
        **_: Any,
    ) -> Variable:
        """A new variable of the optimizer."""
        made = initializers.get(initializer)(tuple(shape), dtype=dtype or floatx())
        return self._tracked(made, name or naming.unique("variable"))

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """A new variable of another one's shape and data type, named after it."""
        called = f"{reference_variable.path.replace('/', '_')}_{name or 'var'}"
        return self.add_variable(reference_variable.shape, initializer, reference_variable.dtype, called)

    def add_optimizer_variables(
        self, trainable_variables: Iterable[Variable], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """A new variable for each, a list of them; for a list of names (and initializers) a tuple of lists, the
        variables made by turns."""
        names = [name] if isinstance(name, str) else list(name)
        kinds = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        if len(kinds) != len(names):
            raise ValueError(f"expected an initializer for each of {names}, received {len(kinds)}")
        made: tuple[list[Variable], ...] = tuple([] for _ in names)
        for v in trainable_variables:
            for slots, n, kind in zip(made, names, kinds, strict=True):
                slots.append(self.add_variable_from_reference(v, n, kind))
        return made[0] if isinstance(name, str) else made

    def _get_variable_index(self, variable: Variable) -> int:
        return self._numbers[id(variable)]

    def slot(self, slots: Sequence[Variable], variable: Variable) -> Variable:
        """The one of `slots` that belongs to a variable."""
        return slots[self._numbers[id(variable)]]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets all variables. Raises ValueError where the optimizer is not built or a shape is another."""
        if not self.built:
            raise ValueError("expected an optimizer that is built: call build(variables) first")
        for v, w in zip(self._variables, weights, strict=True):
            if tuple(np.shape(w)) != v.shape:
                raise ValueError(
                    f"optimizer variable {v.path!r}: expected shape {v.shape}, received {np.shape(w)}"
                )
            v.assign(w)

    def save_own_variables(self, store: Any) -> None:
        """Puts the variables into a store, by their numbers."""
        for i, v in enumerate(self._variables):
            store[str(i)] = v.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Takes the variables from a store; with another number of them it warns and leaves them."""
        if len(store.keys()) != len(self._variables):
            warnings.warn(
                f"optimizer {self.name!r} has {len(self._variables)} variables and the saved one {len(store.keys())}: "
                "they are not loaded",
                stacklevel=2,
            )
            return
        for i, v in enumerate(self._variables):
            v.assign(np.asarray(store[str(i)]))
