"""Every exception netwright raises on purpose, each with its meaning.

A message says what was expected, what was received, where, and what to do. The compiler
re-exports these names; they live here because the runtime ships without the compiler.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Error(Exception):
    """Base of all errors netwright raises on purpose."""


class InputError(Error, ValueError):
    """An argument is wrong: an unknown name, a missing input, a buffer that cannot be used."""


class ShapeError(InputError):
    """A shape or rank does not fit."""


class DTypeError(InputError):
    """A data type does not fit."""


class OptionError(Error, ValueError):
    """A compiler option, pass name or pipeline text is wrong."""


class UnsupportedError(Error):
    """The model needs something netwright does not do; `ops` names the op types in the way.

    `rows` says more of each, as far as known: `op`, `count`, `nodes` (all their names) and `reason`.
    """

    def __init__(self, message: str, ops: Iterable[str] = (), rows: Iterable[dict[str, Any]] = ()) -> None:
        super().__init__(message)
        self.ops = tuple(ops)
        self.rows: list[dict[str, Any]] = list(rows)
        if not self.rows:
            self.rows = [{"op": op, "count": 1, "nodes": (), "reason": message} for op in self.ops]


class FormatError(Error):
    """A file is truncated, inconsistent or not of the kind it was given as."""


class ParseError(FormatError):
    """IR text cannot be read; the message carries line, column and a caret."""


class VerifyError(Error):
    """A module breaks the law of the IR."""


class PassError(Error):
    """A pass failed; `reproducer` is the path of a file that shows it again, if one was written."""

    def __init__(self, message: str, reproducer: str | None = None) -> None:
        super().__init__(message)
        self.reproducer = reproducer


class ArtifactError(Error):
    """A compiled library cannot be loaded: not ours, another version, or made for another CPU."""


class ExecutionError(Error):
    """A compiled function stopped with a status; `status` is its name (INDEX, ARITH, LIMIT, …)."""

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


class BusyError(ExecutionError):
    """State or session is in exclusive use by another call."""


#: what code that was not made for the input at hand raises: readers of untrusted files turn it into an Error
UNFORESEEN = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
