"""How far it is: a line that moves on a terminal, a plain line for each epoch elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Any

import numpy as np

from ...cli.tables import fancy
from .callback import Callback

_CLEAR = "\r\x1b[K"
_WIDTH = 20
#: seconds between two drawings
_OFTEN = 0.1


def _numbers(logs: dict[str, Any]) -> str:
    parts: list[str] = []
    for name, value in logs.items():
        array = np.asarray(value, np.float64)
        shown = [f"{v:.4f}" if abs(v) > 1e-3 or not v else f"{v:.4e}" for v in array.ravel()]
        parts.append(f"{name}: {shown[0] if not array.ndim else '[' + ', '.join(shown) + ']'}")
    return " - ".join(parts)


class ProgbarLogger(Callback):
    """`verbose` 1 (of the loop's params) draws a bar on a terminal; 2, or no terminal, writes a line for each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self._begin = self._drawn = 0.0
        self._done = 0
        self._title = ""
        self._training = False

    @property
    def _moving(self) -> bool:
        return (self.params or {}).get("verbose", 1) in (1, True) and fancy(sys.stdout)

    def _start(self, title: str = "") -> None:
        self._begin, self._drawn, self._done, self._title = time.perf_counter(), 0.0, 0, title
        if title and self._moving:
            print(title)

    def _step(self, batch: int, logs: Any) -> None:
        self._done = batch + 1
        now = time.perf_counter()
        if self._moving and now - self._drawn >= _OFTEN:
            self._drawn = now
            width = shutil.get_terminal_size().columns
            sys.stdout.write(_CLEAR + self._line(logs or {})[: width - 1])
            sys.stdout.flush()

    def _line(self, logs: dict[str, Any]) -> str:
        seconds, total = time.perf_counter() - self._begin, (self.params or {}).get("steps")
        each = seconds / max(self._done, 1)
        speed = (
            f"{each:.0f}s/step"
            if each >= 1
            else f"{each * 1e3:.0f}ms/step"
            if each >= 1e-3
            else f"{each * 1e6:.0f}us/step"
        )
        count = f"{self._done}/{total or 'Unknown'}"
        if total:
            full = min(_WIDTH * self._done // total, _WIDTH)
            left = max(total - self._done, 0) * each
            count += f" {'━' * full}{'─' * (_WIDTH - full)} {seconds if self._done >= total else left:.0f}s"
        return " - ".join(t for t in (f"{count} {speed}", _numbers(logs)) if t)

    def _finish(self, logs: Any) -> None:
        if self._moving:
            sys.stdout.write(_CLEAR + self._line(logs or {}) + "\n")
            sys.stdout.flush()
            return
        seconds = time.perf_counter() - self._begin
        steps = f"{self._done}/{self._done}" if self._done else ""
        print(" - ".join(t for t in (self._title, steps, f"{seconds:.2f}s", _numbers(logs or {})) if t))

    def on_train_begin(self, logs: Any = None) -> None:
        self._training = True

    def on_train_end(self, logs: Any = None) -> None:
        self._training = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        epochs = (self.params or {}).get("epochs")
        self._start(f"Epoch {epoch + 1}/{epochs}" if epochs else f"Epoch {epoch + 1}")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._step(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._finish(logs)

    def on_test_begin(self, logs: Any = None) -> None:
        if not self._training:
            self._start()

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        if not self._training:
            self._step(batch, logs)

    def on_test_end(self, logs: Any = None) -> None:
        if not self._training:
            self._finish(logs)

    def on_predict_begin(self, logs: Any = None) -> None:
        self._start()

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        # what was predicted is no number to show
        self._step(batch, None)

    def on_predict_end(self, logs: Any = None) -> None:
        self._finish(None)
