"""Tables of numbers and names, cut to the width of a terminal where there is one."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Container, Sequence
from typing import TextIO


def fancy(stream: TextIO) -> bool:
    """Whether a person looks at it who has not asked for plain text."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not plain


def table(rows: Sequence[Sequence[str]], left: Container[int] = ()) -> list[str]:
    """Columns beside each other, numbers to the right; `left` names the columns of words."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines: list[str] = []
    for row in rows:
        cells = [
            c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells))
    return lines


def width_of_output(lines: Sequence[str]) -> int | None:
    """Columns left on the terminal beside these lines; None where text stands in full."""
    if not fancy(sys.stdout):
        return None
    return max(16, shutil.get_terminal_size().columns - max(map(len, lines)) - 2)


def layer_texts(layers: Sequence[str], width: int | None) -> list[str]:
    """Names of layers cut to a width: without the scope that all share, then the first node and how many more,
    then without its middle."""
    if width is None:
        return list(layers)
    nodes = [layer.split(" + ") for layer in layers]
    scopes = [n.split("/")[:-1] for names in nodes for n in names if n]
    shared = 0
    while scopes and all(len(s) > shared and s[shared] == scopes[0][shared] for s in scopes):
        shared += 1
    return [_fit(["/".join(n.split("/")[shared:]) for n in names], width) for names in nodes]


def _fit(names: Sequence[str], width: int) -> str:
    whole = " + ".join(names)
    if len(whole) <= width:
        return whole
    more = f" +{len(names) - 1}" if len(names) > 1 else ""
    room = width - len(more)
    first = names[0]
    if len(first) > room:
        tail = room // 2
        first = f"{first[: room - tail - 1]}…{first[len(first) - tail :]}"
    return first + more
