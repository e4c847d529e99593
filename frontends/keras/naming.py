"""Names that Keras gives to objects: in snake case, numbered where one is taken, and joined to paths."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

_given: Counter[str] = Counter()
_local = threading.local()


def snake_case(name: str) -> str:
    """`MaxNorm` as `max_norm`, `L1L2` as `l1l2`, `AUC` as `auc`."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def unique(prefix: str) -> str:
    """The prefix, with a number from its second use on: dense, dense_1, dense_2."""
    number = _given[prefix]
    _given[prefix] += 1
    return f"{prefix}_{number}" if number else prefix


def automatic(cls: type) -> str:
    """A name for an object of a class that was given none."""
    return unique(snake_case(cls.__name__))


def reset() -> None:
    """Forgets which names were given."""
    _given.clear()


def _scopes() -> list[str]:
    if not hasattr(_local, "scopes"):
        _local.scopes = []
    return _local.scopes


@contextmanager
def scope(name: str) -> Iterator[None]:
    """What is named inside of it belongs to `name`."""
    scopes = _scopes()
    scopes.append(name)
    try:
        yield
    finally:
        scopes.pop()


def path(name: str) -> str:
    """A name after those of the scopes it is in: `model/dense/kernel`; `model/dense/` for the empty one."""
    return "/".join([*_scopes(), name])


def count(prefix: str) -> int:
    """How often a prefix was asked for, this time counted."""
    _given[prefix] += 1
    return _given[prefix]
