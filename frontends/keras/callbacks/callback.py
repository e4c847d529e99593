"""Callbacks: what is called while a model is trained, evaluated or used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_MODES = ("train", "test", "predict")


class Callback:
    """Subclasses define the hooks they have use for. `logs` are dicts of names and numbers, `self.model` is the model,
    `self.params` says how many epochs and steps there will be."""

    def __init__(self) -> None:
        self.params: dict[str, Any] | None = None
        self._model: Any = None
        self.validation_data: Any = None

    @property
    def model(self) -> Any:
        return self._model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def set_model(self, model: Any) -> None:
        self._model = model

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """After an epoch, with its losses and metrics, those of the validation as val_…"""

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Another name of on_train_batch_begin."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Another name of on_train_batch_end."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.on_batch_end(batch, logs)

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a batch of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a batch of an evaluation."""

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a batch of a prediction."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a batch of a prediction."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Any = None) -> None:
        """After the last epoch, with its logs."""

    def on_test_begin(self, logs: Any = None) -> None:
        """Before an evaluation."""

    def on_test_end(self, logs: Any = None) -> None:
        """After an evaluation, with its logs."""

    def on_predict_begin(self, logs: Any = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Any = None) -> None:
        """After a prediction."""


def _overrides(callback: Any, hook: str) -> bool:
    kind = type(callback)
    names = [hook, hook.replace("_train_", "_")] if "_train_batch_" in hook else [hook]
    return any(getattr(kind, n, None) is not getattr(Callback, n) or n in vars(callback) for n in names)


class CallbackList(Callback):
    """Several callbacks as one, called in order. `add_history` adds a History, `add_progbar` a ProgbarLogger, unless
    there is one; `params` (verbose, epochs, steps) and the model are handed to all."""

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        from .progress import ProgbarLogger
        from .records import History

        given = (
            callbacks if isinstance(callbacks, (list, tuple)) else [] if callbacks is None else [callbacks]
        )
        self.callbacks: list[Any] = list(_flat(given))
        for c in self.callbacks:
            if not isinstance(c, Callback) and not hasattr(c, "on_epoch_end"):
                raise TypeError(f"expected callbacks, received a {type(c).__name__}")
        self._history = next((c for c in self.callbacks if isinstance(c, History)), None)
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        if add_history and self._history is None:
            self._history = History()
            self.callbacks.append(self._history)
        self._called: dict[str, list[Any]] = {}
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    def append(self, callback: Any) -> None:
        self.callbacks.append(callback)
        self._called.clear()

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params(params)
        for c in self.callbacks:
            c.set_params(params)

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        if self._history is not None:
            model.history = self._history
        for c in self.callbacks:
            c.set_model(model)

    def _with(self, hook: str) -> Iterable[Any]:
        """The hooks of those callbacks that define one: steps are many and short."""
        found = self._called.get(hook)
        if found is None:
            chosen = [c for c in self.callbacks if not isinstance(c, Callback) or _overrides(c, hook)]
            found = self._called[hook] = [getattr(c, hook) for c in chosen if hasattr(c, hook)]
        return found


def _flat(given: Iterable[Any]) -> Iterable[Any]:
    for c in given:
        if isinstance(c, (list, tuple)):
            yield from _flat(c)
        else:
            yield c


def _without_number(hook: str) -> Any:
    def call(self: CallbackList, logs: Any = None) -> None:
        for f in self._with(hook):  # pyright: ignore[reportPrivateUsage]
            f(logs if logs is not None else {})

    return call


def _with_number(hook: str) -> Any:
    def call(self: CallbackList, number: int, logs: Any = None) -> None:
        for f in self._with(hook):  # pyright: ignore[reportPrivateUsage]
            f(number, logs if logs is not None else {})

    return call


for _when in ("begin", "end"):
    for _mode in _MODES:
        setattr(CallbackList, f"on_{_mode}_{_when}", _without_number(f"on_{_mode}_{_when}"))
        setattr(CallbackList, f"on_{_mode}_batch_{_when}", _with_number(f"on_{_mode}_batch_{_when}"))
    setattr(CallbackList, f"on_epoch_{_when}", _with_number(f"on_epoch_{_when}"))
    setattr(CallbackList, f"on_batch_{_when}", _with_number(f"on_train_batch_{_when}"))
