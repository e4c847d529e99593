"""Callbacks that write down what happened."""

from __future__ import annotations

import csv
import os
from typing import Any

import numpy as np

from .callback import Callback


class History(Callback):
    """The logs of all epochs: `history` is a list for each name, `epoch` the epochs' numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self


class CSVLogger(Callback):
    """A file with a line for each epoch. `append` goes on with a file that is there; else it begins anew."""

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename, self.sep, self.append = os.fspath(filename), separator, append
        self.keys: list[str] | None = None
        self._file: Any = None
        self._writer: Any = None
        self._header = True

    def on_train_begin(self, logs: Any = None) -> None:
        if self.append:
            self._header = not os.path.exists(self.filename) or not os.path.getsize(self.filename)
        self._file = open(self.filename, "a" if self.append else "w", newline="")  # noqa: SIM115
        self._writer = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = logs or {}
        if self.keys is None:
            names = sorted(logs)
            # of the validation, which may come later
            missing = [] if any(n.startswith("val_") for n in names) else [f"val_{n}" for n in names]
            self.keys = names + missing
        if self._writer is None:
            self._writer = csv.DictWriter(self._file, ["epoch", *self.keys], delimiter=self.sep)
            if self._header:
                self._writer.writeheader()
        row = {k: _plain(logs[k]) if k in logs else "NA" for k in self.keys}
        self._writer.writerow({"epoch": epoch, **row})
        self._file.flush()

    def on_train_end(self, logs: Any = None) -> None:
        if self._file is not None:
            self._file.close()
        self._file = self._writer = None


def _plain(value: Any) -> Any:
    array = np.asarray(value)
    return array.item() if not array.ndim else "[" + ", ".join(map(str, array.ravel().tolist())) + "]"
