"""Learning rates that depend on the step. Each is a function of a step (a number, tensor or variable) that gives a
float32 tensor of rank 0; in a compiled step it is part of what is compiled.

Source of the cosine schedules: I. Loshchilov and F. Hutter, "SGDR: Stochastic gradient descent with warm restarts"
(2017).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ....runtime.spec import f32
from ...eager import ops
from ...eager.tensor import Tensor, TensorLike, cast, convert
from ..objects import Names, serialize_keras_object

__all__ = [
    "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay", "LearningRateSchedule",
    "PiecewiseConstantDecay", "PolynomialDecay", "deserialize", "serialize",
]  # fmt: skip


class LearningRateSchedule:
    """A function of the step. Subclasses define `__call__(step)` and `get_config()`."""

    def __call__(self, step: TensorLike) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step)")

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(f"{type(self).__name__} must define get_config() to be saved")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)


def _step(step: TensorLike) -> Tensor:
    return cast(step, f32)


def _positive(steps: float, name: str) -> float:
    if steps <= 0:
        raise ValueError(f"expected {name} to be more than 0, received {steps}")
    return float(steps)


class _Decay(LearningRateSchedule):
    """What ExponentialDecay and InverseTimeDecay have in common."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = None,
    ) -> None:
        _positive(decay_steps, "decay_steps")
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name or type(self).__name__

    def part(self, step: TensorLike) -> Tensor:
        """How many times decay_steps have passed."""
        p = _step(step) / float(self.decay_steps)
        return ops.floor(p) if self.staircase else p

    def get_config(self) -> dict[str, Any]:
        names = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")
        return {n: getattr(self, n) for n in names}


class ExponentialDecay(_Decay):
    """initial_learning_rate * decay_rate ^ (step / decay_steps), with whole exponents for `staircase`."""

    def __call__(self, step: TensorLike) -> Tensor:
        return ops.power(convert(float(self.decay_rate)), self.part(step)) * float(self.initial_learning_rate)


class InverseTimeDecay(_Decay):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps), with whole quotients for `staircase`."""

    def __call__(self, step: TensorLike) -> Tensor:
        return float(self.initial_learning_rate) / (self.part(step) * float(self.decay_rate) + 1.0)


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[i] for steps above boundaries[i - 1] and up to boundaries[i]."""

    def __init__(
        self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"
    ) -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"expected one value more than boundaries, received {len(values)} and {len(boundaries)}"
            )
        self.boundaries, self.values, self.name = boundaries, values, name

    def __call__(self, step: TensorLike) -> Tensor:
        step = convert(step)
        if any(isinstance(b, float) for b in self.boundaries):
            step = _step(step)
        rate = convert(float(self.values[-1]))
        for boundary, value in zip(reversed(self.boundaries), reversed(self.values[:-1]), strict=True):
            rate = ops.where(step <= boundary, float(value), rate)
        return rate

    def get_config(self) -> dict[str, Any]:
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


class PolynomialDecay(LearningRateSchedule):
    """From initial_learning_rate to end_learning_rate in decay_steps, by (1 - step / decay_steps) ^ power; then it
    stays, or with `cycle` goes on towards the next multiple of decay_steps."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        _positive(decay_steps, "decay_steps")
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.end_learning_rate, self.power, self.cycle, self.name = end_learning_rate, power, cycle, name

    def __call__(self, step: TensorLike) -> Tensor:
        at, length = _step(step), float(self.decay_steps)
        if self.cycle:
            rounds = ops.where(at == 0.0, 1.0, ops.ceil(at / length))
            part = at / (rounds * length)
        else:
            part = ops.minimum(at, length) / length
        span = float(self.initial_learning_rate) - float(self.end_learning_rate)
        return ops.power(1.0 - part, float(self.power)) * span + float(self.end_learning_rate)

    def get_config(self) -> dict[str, Any]:
        names = ("initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle", "name")
        return {n: getattr(self, n) for n in names}


class CosineDecay(LearningRateSchedule):
    """Half a cosine from initial_learning_rate to alpha times it in decay_steps. With `warmup_target` it first rises to
    that in warmup_steps, in a straight line, and then falls from there."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        _positive(decay_steps, "decay_steps")
        self.initial_learning_rate, self.decay_steps, self.alpha, self.name = (
            initial_learning_rate, decay_steps, alpha, name,
        )  # fmt: skip
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def __call__(self, step: TensorLike) -> Tensor:
        at, first = _step(step), float(self.initial_learning_rate)
        if self.warmup_target is None:
            return self._falling(at, first)
        warm, target = float(self.warmup_steps), float(self.warmup_target)
        falling = self._falling(at - warm, target)
        if not warm:
            return falling
        return ops.where(at < warm, at * ((target - first) / warm) + first, falling)

    def _falling(self, at: Tensor, start: float) -> Tensor:
        part = ops.minimum(at, float(self.decay_steps)) / float(self.decay_steps)
        half = 0.5 * (1.0 - self.alpha)
        return (ops.cos(part * math.pi) * half + (half + self.alpha)) * start

    def get_config(self) -> dict[str, Any]:
        names = ("initial_learning_rate", "decay_steps", "alpha", "name", "warmup_target", "warmup_steps")
        return {n: getattr(self, n) for n in names}


class CosineDecayRestarts(LearningRateSchedule):
    """Half cosines one after the other: the first of first_decay_steps, each next one t_mul times as long and from a
    rate m_mul times as high."""

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        _positive(first_decay_steps, "first_decay_steps")
        self.initial_learning_rate, self.first_decay_steps = initial_learning_rate, first_decay_steps
        self._t_mul, self._m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def __call__(self, step: TensorLike) -> Tensor:
        part = _step(step) / float(self.first_decay_steps)
        ratio = float(self._t_mul)
        if ratio == 1.0:
            rounds = ops.floor(part)
            part = part - rounds
        else:
            base = convert(ratio)
            rounds = ops.floor(ops.log(1.0 - part * (1.0 - ratio)) / ops.log(base))
            length = ops.power(base, rounds)
            part = (part - (1.0 - length) / (1.0 - ratio)) / length
        height = 0.5 * (1.0 - self.alpha)
        if self._m_mul == 1:
            wave = (ops.cos(part * math.pi) + 1.0) * height
        else:
            wave = (ops.cos(part * math.pi) + 1.0) * ops.power(convert(float(self._m_mul)), rounds) * height
        return (wave + float(self.alpha)) * float(self.initial_learning_rate)

    def get_config(self) -> dict[str, Any]:
        config = {
            n: getattr(self, n) for n in ("initial_learning_rate", "first_decay_steps", "alpha", "name")
        }
        return {**config, "t_mul": self._t_mul, "m_mul": self._m_mul}


_CLASSES = (
    CosineDecay, CosineDecayRestarts, ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay,
)  # fmt: skip
_names = Names("learning rate schedule", {c.__name__: c for c in _CLASSES})
serialize = serialize_keras_object
deserialize = _names.deserialize
