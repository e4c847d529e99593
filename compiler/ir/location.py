"""Where an op comes from: the user's layer, node or source line. Locations survive every rewrite."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Location:
    """Names of layers or nodes, or source positions `(file, line, column)`; several when ops were fused."""

    parts: tuple[str | tuple[str, int, int], ...] = ()

    @staticmethod
    def name(name: str) -> Location:
        return Location((name,))

    @staticmethod
    def file(path: str, line: int, column: int = 0) -> Location:
        return Location(((path, line, column),))

    @staticmethod
    def fused(*locations: Location) -> Location:
        """All parts in order, each once."""
        return Location(tuple(dict.fromkeys(p for loc in locations for p in loc.parts)))

    def __str__(self) -> str:
        """As a person reads it: `conv1/Conv2D` or `a + b`."""
        return " + ".join(p if isinstance(p, str) else f"{p[0]}:{p[1]}" for p in self.parts) or "?"


UNKNOWN = Location()
