"""What is shown on a terminal only: the step that runs."""

from __future__ import annotations

import os
import sys

from ...compiler.ir.core import Op
from ...compiler.ir.passes import BaseObserver, Pass

_CLEAR = "\r\x1b[K"


class Progress(BaseObserver):
    """One line on standard error that names the running step; nothing where no terminal shows it."""

    def __init__(self) -> None:
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        self.shown = sys.stderr.isatty() and not plain
        self._dirty = False

    def tell(self, step: str) -> None:
        if self.shown:
            sys.stderr.write(f"{_CLEAR}{step} …")
            sys.stderr.flush()
            self._dirty = True

    def before(self, index: int, p: Pass, module: Op) -> None:
        self.tell(p.name)

    def clear(self) -> None:
        if self._dirty:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
            self._dirty = False
