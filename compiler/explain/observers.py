"""Observers that a pipeline calls between passes: verify, time, print."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TextIO

from ..ir.core import Op
from ..ir.passes import BaseObserver, Pass, PassContext
from ..ir.printer import print_op
from ..ir.verify import verify


class VerifyObserver(BaseObserver):
    """Checks the law of the IR before the first pass and after each one."""

    def start(self, module: Op, passes: Sequence[Pass]) -> None:
        verify(module)

    def after(self, index: int, p: Pass, module: Op, context: PassContext) -> None:
        verify(module)


@dataclass
class TimeObserver(BaseObserver):
    """Measures passes. `seconds` holds the name and time of each, in the order of the pipeline."""

    seconds: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])
    _started: float = 0.0

    @property
    def total(self) -> float:
        """The time of all passes, without that of observers."""
        return sum(s for _, s in self.seconds)

    def before(self, index: int, p: Pass, module: Op) -> None:
        self._started = time.perf_counter()

    def after(self, index: int, p: Pass, module: Op, context: PassContext) -> None:
        self.seconds.append((p.name, time.perf_counter() - self._started))


@dataclass
class PrintObserver(BaseObserver):
    """Writes the module to `stream` after each pass, or only after passes that changed it."""

    stream: TextIO
    only_changes: bool = False
    generic: bool = False
    _last: str = ""

    def start(self, module: Op, passes: Sequence[Pass]) -> None:
        self._last = print_op(module, self.generic)

    def after(self, index: int, p: Pass, module: Op, context: PassContext) -> None:
        text = print_op(module, self.generic)
        if self.only_changes and text == self._last:
            self.stream.write(f"// -----// IR after {p.text}: no change //----- //\n")
        else:
            self.stream.write(f"// -----// IR after {p.text} //----- //\n{text}")
        self._last = text


def print_ir_after(stream: TextIO, only_changes: bool = False, generic: bool = False) -> PrintObserver:
    """The observer behind `--print-ir-after-all`, and with `only_changes` `--print-ir-after-change`."""
    return PrintObserver(stream, only_changes, generic)
