"""What is shown on a terminal only: the step that runs, and for how long."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence

from ...compiler.ir.core import Op
from ...compiler.ir.passes import BaseObserver, Pass
from .tables import fancy

_CLEAR = "\r\x1b[K"
_TICK = 0.2  # seconds


class Progress(BaseObserver):
    """One line on standard error that names the running step, with a clock that ticks while the step says
    nothing; nothing where no terminal shows it, and nothing where `quiet`."""

    def __init__(self, quiet: bool = False) -> None:
        self.shown = fancy(sys.stderr) and not quiet
        self._begin = time.perf_counter()
        self._step = ""
        self._passes = 0
        # Held while the line is written: the clock is a thread of its own.
        self._lock = threading.Lock()
        self._clock: threading.Thread | None = None
        self._over = threading.Event()

    def tell(self, step: str) -> None:
        if not self.shown:
            return
        with self._lock:
            self._step = step
            self._draw()
        if self._clock is None:
            self._over.clear()
            self._clock = threading.Thread(target=self._tick, name="netwright-progress", daemon=True)
            self._clock.start()

    def start(self, module: Op, passes: Sequence[Pass]) -> None:
        self._passes = len(passes)

    def before(self, index: int, p: Pass, module: Op) -> None:
        self.tell(f"pass {index + 1} of {self._passes}: {p.name}")

    def clear(self) -> None:
        """Takes the line away; what is written next stands alone."""
        if self._clock is not None:
            self._over.set()
            self._clock.join()
            self._clock = None
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()

    def _tick(self) -> None:
        while not self._over.wait(_TICK):
            with self._lock:
                self._draw()

    def _draw(self) -> None:
        line = f"{time.perf_counter() - self._begin:5.1f} s  {self._step} …"
        try:
            width = os.get_terminal_size(sys.stderr.fileno()).columns
        except (OSError, ValueError):
            width = 0
        # A line that wraps could not be cleared. A terminal that does not know its width says 0.
        sys.stderr.write(_CLEAR + line[: (width or 80) - 1])
        sys.stderr.flush()
