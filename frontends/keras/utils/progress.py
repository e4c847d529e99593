"""A line that says how far a loop is."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from ...cli.tables import fancy


class Progbar:
    """Prints how many of `target` steps are done, and values beside it.

    `verbose` 0 prints nothing; 1 draws the line anew each time, where somebody looks at it; 2 prints it once at the
    end. Values are averaged over the steps, but those of `stateful_metrics`, which are shown as they are.
    """

    def __init__(
        self, target: int | None, width: int = 20, verbose: int = 1, interval: float = 0.05,
        stateful_metrics: Any = None, unit_name: str = "step",
    ) -> None:  # fmt: skip
        self.target, self.width, self.verbose = target, width, verbose
        self.interval, self.unit_name = interval, unit_name
        self.stateful_metrics = set(stateful_metrics or ())
        self._start = time.perf_counter()
        self._drawn = 0.0
        self._seen = 0
        self._values: dict[str, tuple[float, float]] = {}

    def update(self, current: int, values: Any = None, finalize: bool | None = None) -> None:
        """`current` steps are done; `values`: pairs of a name and a number."""
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        steps = max(current - self._seen, 1)
        for name, value in values or ():
            number = float(np.asarray(value))
            if name in self.stateful_metrics:
                self._values[name] = (number, 1.0)
            else:
                total, count = self._values.get(name, (0.0, 0.0))
                self._values[name] = (total + number * steps, count + steps)
        self._seen = current
        now = time.perf_counter()
        if self.verbose == 1 and fancy(sys.stdout):
            if finalize or now - self._drawn >= self.interval:
                self._drawn = now
                sys.stdout.write("\r\x1b[K" + self._line(now - self._start) + ("\n" if finalize else ""))
                sys.stdout.flush()
        elif self.verbose and finalize:
            print(self._line(now - self._start))

    def add(self, n: int, values: Any = None) -> None:
        """n more steps are done."""
        self.update(self._seen + n, values)

    def _line(self, seconds: float) -> str:
        line = f"{self._seen}/{self.target if self.target is not None else 'Unknown'}"
        if self.target:
            full = min(self.width * self._seen // self.target, self.width)
            line += f" {'━' * full}{'─' * (self.width - full)}"
        each = seconds / max(self._seen, 1)
        unit = (
            f"{each:.0f}s" if each >= 1 else f"{each * 1e3:.0f}ms" if each >= 1e-3 else f"{each * 1e6:.0f}us"
        )
        line += f" {seconds:.0f}s {unit}/{self.unit_name}"
        for name, (total, count) in self._values.items():
            mean = total / max(count, 1.0)
            line += f" - {name}: {mean:.4f}" if abs(mean) > 1e-3 or not mean else f" - {name}: {mean:.4e}"
        return line
