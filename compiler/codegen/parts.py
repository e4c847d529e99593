"""A library's code cut into modules of their own, which LLVM translates side by side.

Where the cuts are depends on the code alone, so that a library has the same bytes on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from ..target import Target

#: lines of kernels that are worth a part; LLVM takes about 20 us for each
LINES = 3000
_CALLED = re.compile(r"call void @([\w.]+)\(")
_NAMES = re.compile(r" %\w+")


class Parts:
    """Kernels in parts of at least LINES lines, in order, each of which `ready` hears of; what is left over stands in
    the last part, together with the code around the kernels, which is kept until then."""

    def __init__(self, target: Target, ready: Callable[[str], None]) -> None:
        self._triple = f'target triple = "{target.triple}"'
        self._ready = ready
        #: of each kernel how another part declares it
        self._heads: dict[str, str] = {}
        self._bodies: list[str] = []
        self._open = _Part()
        self._last = _Part()
        self._declared: dict[str, str] = {}

    def add(self, name: str, functions: Iterable[str], declared: dict[str, str]) -> None:
        """A kernel, the first of `functions`, with those of its own."""
        kernel, *others = functions
        self._heads[name] = _NAMES.sub("", "declare" + kernel[len("define") : kernel.index(")") + 1])
        self._open.add([kernel, *others], declared)
        self._open.names.add(name)
        if self._open.lines >= LINES:
            self._close(self._open, [])
            self._open = _Part()

    def keep(self, functions: Iterable[str], declared: dict[str, str]) -> None:
        """Code around the kernels."""
        self._last.add(functions, declared)

    def finish(self, frame: list[str]) -> None:
        """The last part, with the library's own data and functions."""
        self._open.add(self._last.bodies, self._last.declared)
        self._close(self._open, frame)

    def whole(self) -> str:
        """All parts as one module."""
        return "\n".join([self._triple, *self._declared.values(), *self._bodies])

    def _close(self, part: _Part, frame: list[str]) -> None:
        body = "\n".join(part.bodies)
        called = dict.fromkeys(n for n in _CALLED.findall(body) if n in self._heads and n not in part.names)
        heads = [self._heads[n] for n in called]
        self._ready("\n".join([self._triple, *frame, *part.declared.values(), *heads, body]))
        self._declared.update(part.declared)
        self._bodies += [*frame, body]


class _Part:
    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.declared: dict[str, str] = {}
        self.names: set[str] = set()
        self.lines = 0

    def add(self, functions: Iterable[str], declared: dict[str, str]) -> None:
        for text in functions:
            self.bodies.append(text)
            self.lines += text.count("\n")
        self.declared.update(declared)
