"""What is assigned to an object's attributes, alone or in lists and dictionaries, and belongs to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def found(value: Any, wanted: Callable[[Any], bool]) -> Iterator[Any]:
    """The wanted objects in a value, which may be a list, tuple or dictionary of them."""
    if wanted(value):
        yield value
    elif isinstance(value, (list, tuple, set)):
        for v in value:
            yield from found(v, wanted)
    elif isinstance(value, dict):
        for v in value.values():
            yield from found(v, wanted)


def distinct(items: Iterator[Any] | list[Any]) -> list[Any]:
    """Each object once, in order; by identity."""
    seen: dict[int, Any] = {}
    for item in items:
        seen.setdefault(id(item), item)
    return list(seen.values())
