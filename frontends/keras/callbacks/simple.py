"""Callbacks of a few lines: functions as callbacks, learning rates by epoch, a stop where the loss is no number."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .callback import Callback

_HOOKS = (
    "on_epoch_begin",
    "on_epoch_end",
    "on_train_begin",
    "on_train_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)


class LambdaCallback(Callback):
    """Functions as hooks, by the hooks' names. Raises TypeError for a name that is none."""

    def __init__(self, *args: Any, **hooks: Any) -> None:
        super().__init__()
        given = {**dict(zip(_HOOKS, args, strict=False)), **hooks}
        for name, function in given.items():
            if not name.startswith("on_") or not hasattr(Callback, name):
                raise TypeError(f"LambdaCallback: there is no hook {name!r}")
            if function is not None:
                setattr(self, name, function)


class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch to what `schedule(epoch, rate)`, or `schedule(epoch)`, gives.

    Raises ValueError for what is no number.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule, self.verbose = schedule, verbose

    def _rate(self) -> float:
        optimizer: Any = getattr(self.model, "optimizer", None)
        if not hasattr(optimizer, "learning_rate"):
            raise ValueError("expected a model whose optimizer has a learning_rate")
        return float(np.asarray(optimizer.learning_rate))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        before = self._rate()
        both = len(inspect.signature(self.schedule).parameters) > 1
        rate: Any = self.schedule(epoch, before) if both else self.schedule(epoch)
        value = np.asarray(rate)
        if value.ndim or value.dtype.kind != "f":
            raise ValueError(
                f"expected a float from the schedule of LearningRateScheduler, received {rate!r}"
            )
        model: Any = self.model
        model.optimizer.learning_rate = float(value)
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {float(value)}.")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs["learning_rate"] = self._rate()


class TerminateOnNaN(Callback):
    """Stops the training where the loss is infinite or not a number."""

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or np.isfinite(loss):
            return
        text = f"Batch {batch}: Invalid loss, terminating training"
        if self.raise_error:
            raise RuntimeError(text)
        print(text)
        self.model.stop_training = True
