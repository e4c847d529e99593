"""The loops over batches: fit, evaluate, predict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...eager.structure import leaves, packed
from .data import data_of, split


class Means:
    """The means of a step's losses over an epoch, each batch weighted by its size; metrics as they are."""

    def __init__(self, losses: Sequence[str]) -> None:
        self._losses = set(losses)
        self._total: dict[str, float] = {}
        self._count = 0.0
        self._logs: dict[str, float] = {}

    def add(self, logs: dict[str, Any], size: int) -> dict[str, float]:
        self._count += size
        for k, v in logs.items():
            value = float(v)
            if k in self._losses:
                self._total[k] = self._total.get(k, 0.0) + value * size
                value = self._total[k] / self._count
            self._logs[k] = value
        return dict(self._logs)

    @property
    def logs(self) -> dict[str, float]:
        return dict(self._logs)


class Loops:
    """fit, evaluate and predict on top of a model's compiled steps."""

    def fit(
        self: Any,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: Any = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> Any:
        """Trains for so many passes over the data; a History of the losses and metrics of each epoch."""
        self._check_compiled("fit")
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split((x, y, sample_weight), validation_split)
            validation_data = tuple(validation_data)
        data = data_of(x, y, sample_weight, batch_size, steps_per_epoch, shuffle, class_weight)
        steps = steps_per_epoch or data.steps
        calls = _callbacks(self, callbacks, verbose, epochs, steps)
        self.stop_training = False
        calls.on_train_begin()
        logs: dict[str, float] = {}
        for epoch in range(initial_epoch, epochs):
            self.reset_metrics()
            calls.on_epoch_begin(epoch)
            logs = self._epoch(data, steps, calls)
            if self.optimizer is not None and epoch == epochs - 1:
                self.optimizer.finalize_variable_values(self.trainable_variables)
            if validation_data is not None and _validates(epoch, validation_freq):
                logs |= self._validate(validation_data, validation_batch_size or batch_size, validation_steps)
            calls.on_epoch_end(epoch, logs)
            data.end()
            if self.stop_training:
                break
        calls.on_train_end(logs)
        return self.history

    def _epoch(self: Any, data: Any, steps: int | None, calls: Any) -> dict[str, float]:
        means: Means | None = None
        for number, batch in enumerate(data.epoch()):
            if steps is not None and number >= steps:
                break
            calls.on_train_batch_begin(number)
            logs = self._run_step(self._step("train", batch), batch, "train")
            means = means or Means(self.loss_names)
            shown = _sorted(means.add(logs, _size(batch)))
            calls.on_train_batch_end(number, shown)
            if self.stop_training:
                break
        if means is None:
            raise ValueError("Unexpected result of `train_function`: there was no batch to train on.")
        return _sorted(means.logs)

    def _validate(self: Any, given: Any, batch_size: int | None, steps: int | None) -> dict[str, float]:
        if isinstance(given, (tuple, list)):
            x, y, w = (*given, None, None)[:3]
        else:
            x, y, w = given, None, None
        found = self.evaluate(
            x, y, batch_size, verbose=0, sample_weight=w, steps=steps, return_dict=True, _inner=True
        )
        return {f"val_{k}": v for k, v in _sorted(found).items()}

    def evaluate(
        self: Any,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        _inner: bool = False,
    ) -> Any:
        """The loss and the metrics on data: a number, a list, or a dictionary."""
        self._check_compiled("evaluate")
        data = data_of(x, y, sample_weight, batch_size, steps)
        steps = steps or data.steps
        calls = _callbacks(self, callbacks, 0 if _inner else verbose, 1, steps, testing=True)
        self.reset_metrics()
        calls.on_test_begin()
        means: Means | None = None
        for number, batch in enumerate(data.epoch()):
            if steps is not None and number >= steps:
                break
            calls.on_test_batch_begin(number)
            step = self._step("test", batch)
            logs = step.structured(step(batch))
            means = means or Means(self.loss_names)
            calls.on_test_batch_end(number, means.add(logs, _size(batch)))
        if means is None:
            raise ValueError("expected data to evaluate on, received none")
        calls.on_test_end(means.logs)
        if return_dict:
            return _sorted(means.logs)
        values = list(means.logs.values())
        return values[0] if len(values) == 1 else values

    def predict(
        self: Any,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs for all samples, computed batch by batch. A list of plain numbers is one array."""
        data = data_of(x, None, None, batch_size, steps)
        steps = steps or data.steps
        calls = _callbacks(self, callbacks, verbose, 1, steps, testing=True)
        calls.on_predict_begin()
        found: list[list[Any]] = []
        structure: Any = None
        for number, batch in enumerate(data.epoch()):
            if steps is not None and number >= steps:
                break
            calls.on_predict_batch_begin(number)
            batch = (batch[0], None, None)
            step = self._step("predict", batch)
            structure = step.result
            found.append(step(batch))
            calls.on_predict_batch_end(number, {"outputs": found[-1]})
        calls.on_predict_end()
        if not found:
            raise ValueError("expected data to predict on, received none")
        return packed(structure, [np.concatenate(parts) for parts in zip(*found, strict=True)])


def _sorted(logs: dict[str, float]) -> dict[str, float]:
    """By name, as Keras hands them to callbacks."""
    return dict(sorted(logs.items()))


def _size(batch: Any) -> int:
    return next((len(a) for a in leaves(batch) if a is not None and a.ndim), 1)


def _validates(epoch: int, frequency: Any) -> bool:
    return (epoch + 1) % frequency == 0 if isinstance(frequency, int) else epoch + 1 in frequency


def _callbacks(
    model: Any, given: Any, verbose: Any, epochs: int, steps: int | None, testing: bool = False
) -> Any:
    """The callbacks of a loop: the user's, the history, the progress bar."""
    from ..callbacks import CallbackList

    if isinstance(given, CallbackList):
        return given
    if verbose == "auto":
        verbose = 1
    return CallbackList(
        given,
        add_history=not testing,
        add_progbar=bool(verbose),
        verbose=verbose,
        epochs=epochs,
        steps=steps,
        model=model,
    )
