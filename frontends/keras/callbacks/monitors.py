"""Callbacks that watch one number and act when it gets better, or does not."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from .callback import Callback

_MODES = ("auto", "min", "max")


class MonitorCallback(Callback):
    """One that watches `monitor`. `mode`: "min" and "max" say what is better; "auto" asks the metric of that name.

    `min_delta`: less than that is no improvement.
    """

    def __init__(
        self, monitor: str = "val_loss", mode: str = "auto", best: float | None = None, min_delta: float = 0.0
    ) -> None:
        super().__init__()
        if mode not in _MODES:
            warnings.warn(f"{type(self).__name__}: mode {mode!r} is not known, 'auto' is taken", stacklevel=3)
            mode = "auto"
        self.monitor, self.mode, self.best, self.min_delta = monitor, mode, best, abs(min_delta)
        self._sign = {"min": -1, "max": 1}.get(mode, 0)

    def sign(self) -> int:
        """1 where larger is better, -1 where smaller is. Raises ValueError where that cannot be told."""
        if not self._sign:
            name = self.monitor.removeprefix("val_")
            metrics = list(getattr(self.model, "metrics", None) or ())
            found = next((m for m in metrics if getattr(m, "name", None) == name), None)
            direction = getattr(found, "_direction", None)
            if direction is not None:
                self._sign = 1 if direction == "up" else -1
            elif name == "loss" or name.endswith("_loss") or found is not None:
                self._sign = -1
            else:
                raise ValueError(
                    f"{type(self).__name__}: whether {self.monitor!r} should be large or small is not known: "
                    "pass mode='max' or mode='min'"
                )
        return self._sign

    def improved(self, value: float, reference: float | None) -> bool:
        """Whether a value is better than another."""
        return reference is None or self.sign() * (value - reference) > self.min_delta

    def value(self, logs: Any) -> float | None:
        """The number that is watched; None, and a warning, where it is not among the logs."""
        found = (logs or {}).get(self.monitor)
        if found is None:
            there = ", ".join(logs or ()) or "nothing"
            warnings.warn(f"{type(self).__name__}: no {self.monitor!r} is there, but {there}", stacklevel=3)
        return found


class EarlyStopping(MonitorCallback):
    """Stops the training when `monitor` has not become better for `patience` epochs.

    `baseline`: what it has to be better than at first. `restore_best_weights` gives the model the weights of its best
    epoch. Epochs before `start_from_epoch` do not count.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        current = self.value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            # of the first epoch, if none gets better
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self.improved(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.improved(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by `factor` when `monitor` has not become better for `patience` epochs; then waits
    `cooldown` epochs. It does not go below `min_lr`. Raises ValueError for a factor of 1 or more."""

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ValueError(f"expected factor below 1, received {factor}")
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs: Any = None) -> None:
        self.wait = self.cooldown_counter = 0
        self.best = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        optimizer = self.model.optimizer
        rate = float(np.asarray(optimizer.learning_rate))
        if logs is not None:
            logs["learning_rate"] = rate
        current = self.value(logs)
        if current is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improved(current, self.best):
            self.best, self.wait = current, 0
        elif self.cooldown_counter <= 0:
            self.wait += 1
            if self.wait >= self.patience and rate > np.float32(self.min_lr):
                lower = max(rate * self.factor, self.min_lr)
                optimizer.learning_rate = lower
                if self.verbose:
                    print(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {lower}.")
                self.cooldown_counter, self.wait = self.cooldown, 0


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights alone, after each epoch or every `save_freq` batches.

    `filepath` may have the names of logs in it, and {epoch}, {batch}: "{epoch:02d}-{val_loss:.2f}.keras".
    `save_best_only`: where `monitor` became better, from `initial_value_threshold` on. Raises ValueError for other
    endings than ".keras", and ".weights.h5" for weights.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath, self.verbose, self.save_freq = os.fspath(filepath), verbose, save_freq
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int)):
            raise ValueError(f"expected save_freq 'epoch' or a number of batches, received {save_freq!r}")
        endings = (".weights.h5",) if save_weights_only else (".keras", ".h5")
        if not self.filepath.endswith(endings):
            raise ValueError(f"expected filepath to end in {' or '.join(endings)}, received {self.filepath}")
        self._epoch = self._seen = 0
        self._last: int | None = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.save_freq == "epoch":
            return
        self._seen += batch + 1 if self._last is None or batch <= self._last else batch - self._last
        self._last = batch
        if self._seen >= self.save_freq:
            self._seen = 0
            self._save(self._epoch, batch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, None, logs or {})

    def _save(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> None:
        places = dict(logs, epoch=epoch + 1, **({} if batch is None else {"batch": batch + 1}))
        try:
            path = self.filepath.format(**places)
        except KeyError as error:
            raise KeyError(
                f"filepath {self.filepath!r} asks for {error}; there are {', '.join(places)}"
            ) from error
        if not self._should(epoch, logs, path):
            return
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)

    def _should(self, epoch: int, logs: dict[str, Any], path: str) -> bool:
        if not self.save_best_only:
            self._tell(epoch, f"saving model to {path}")
            return True
        current = self.value(logs)
        if current is None:
            return True
        before = "None" if self.best is None else f"{self.best:.5f}"
        if not self.improved(current, self.best):
            self._tell(epoch, f"{self.monitor} did not improve from {before}")
            return False
        self._tell(epoch, f"{self.monitor} improved from {before} to {current:.5f}, saving model to {path}")
        self.best = current
        return True

    def _tell(self, epoch: int, text: str) -> None:
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: {text}")
