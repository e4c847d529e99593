"""Logs as event files, which TensorBoard shows."""

from __future__ import annotations

import os
import time
from importlib import import_module
from typing import Any

import numpy as np

from .callback import Callback


def _writer(folder: str) -> Any:
    """An object with add_scalar and add_histogram. Raises ModuleNotFoundError where no writer is installed."""
    try:
        return import_module("tensorboardX").SummaryWriter(folder)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the callback TensorBoard needs tensorboardX to write event files: pip install 'netwright[tensorboard]'"
        ) from error


class TensorBoard(Callback):
    """Event files under `log_dir`: epoch_loss and the like in `train`, those of the validation in `validation`.

    `update_freq`: "epoch", "batch", or every so many batches batch_loss and the like. `histogram_freq`: every so many
    epochs the weights' distributions. `write_steps_per_second` adds how many steps a second took. Raises ValueError for
    options that are not built: write_images, profile_batch, embeddings_freq.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: Any = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        for name, value in (
            ("write_images", write_images),
            ("profile_batch", profile_batch),
            ("embeddings_freq", embeddings_freq),
            ("embeddings_metadata", embeddings_metadata),
        ):
            if value:
                raise ValueError(f"TensorBoard: {name} is not built here, received {value!r}")
        self.log_dir, self.histogram_freq, self.write_graph = os.fspath(log_dir), histogram_freq, write_graph
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self._writers: dict[str, Any] = {}
        self._steps = 0

    def _to(self, which: str) -> Any:
        if which not in self._writers:
            self._writers[which] = _writer(os.path.join(self.log_dir, which))
        return self._writers[which]

    def on_train_begin(self, logs: Any = None) -> None:
        self._to("train")
        self._steps = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._steps += 1
        if self.update_freq != "epoch" and self._steps % self.update_freq == 0:
            for name, value in (logs or {}).items():
                self._to("train").add_scalar(f"batch_{name}", float(np.asarray(value).mean()), self._steps)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._before = time.perf_counter(), self._steps

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        for name, value in (logs or {}).items():
            which, plain = ("validation", name[4:]) if name.startswith("val_") else ("train", name)
            self._to(which).add_scalar(f"epoch_{plain}", float(np.asarray(value).mean()), epoch)
        if self.write_steps_per_second:
            start, steps = self._before
            speed = (self._steps - steps) / max(time.perf_counter() - start, 1e-9)
            self._to("train").add_scalar("epoch_steps_per_second", speed, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for v in self.model.weights:
                self._to("train").add_histogram(v.path, v.numpy(), epoch)
        for w in self._writers.values():
            w.flush()

    def on_train_end(self, logs: Any = None) -> None:
        for w in self._writers.values():
            w.close()
        self._writers.clear()
