"""Nested lists, tuples and dictionaries of tensors, and what is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def leaves(structure: Any) -> Iterator[Any]:
    """What is in a structure, in order; dictionaries by their keys' order."""
    if isinstance(structure, dict):
        for k in structure:
            yield from leaves(structure[k])
    elif isinstance(structure, (list, tuple)):
        for v in structure:
            yield from leaves(v)
    else:
        yield structure


def rebuilt(structure: Any, change: Callable[[Any], Any]) -> Any:
    """The same structure with every leaf changed."""
    if isinstance(structure, dict):
        return {k: rebuilt(v, change) for k, v in structure.items()}
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*(rebuilt(v, change) for v in structure))
    if isinstance(structure, (list, tuple)):
        return type(structure)(rebuilt(v, change) for v in structure)
    return change(structure)


def packed(structure: Any, values: Any) -> Any:
    """The structure with its leaves replaced by values, in order."""
    source = iter(values)
    return rebuilt(structure, lambda _: next(source))
