"""The report of everything in a graph that cannot be compiled."""

from __future__ import annotations

import difflib

from ...runtime.errors import UnsupportedError
from .registry import Missing, supported_ops
from .surgery import TF1_CONTROL_FLOW
from .wire import shorten

MOST_LINES = 50
_SHOWN = 3  # nodes of each line
_MOST_REASON = 400


def reason_for(op: str) -> str:
    """Why an op type without converter cannot be compiled."""
    if op in TF1_CONTROL_FLOW:
        return "control flow of TensorFlow 1 is not supported"
    near = difflib.get_close_matches(op, sorted(supported_ops()), 1, 0.75)
    return f"this op is not supported; the nearest that is: {near[0]}" if near else "this op is not supported"


class Obstacles:
    """What stands in the way, each with its node, in the order in which it was met."""

    def __init__(self) -> None:
        self._found: dict[Missing, None] = {}

    def add(self, missing: Missing) -> None:
        self._found[missing] = None

    def raise_if_any(self, where: str, named: bool) -> None:
        """UnsupportedError with one line for each op type and reason; `named`: the user chose the outputs."""
        if not self._found:
            return
        lines: dict[tuple[str, str], list[str]] = {}
        for m in self._found:
            lines.setdefault((m.op, m.reason), []).append(m.node)
        ops = sorted({m.op for m in self._found})
        text = [
            f"  {op} x {len(nodes)} ({_names(nodes)}): {reason[:_MOST_REASON]}"
            for (op, reason), nodes in sorted(lines.items())
        ]
        if len(text) > MOST_LINES:
            text[MOST_LINES:] = [f"  and {len(text) - MOST_LINES} more lines"]
        advice = "" if named else ", or name the outputs you need if these nodes are not part of them"
        rows = [
            {"op": op, "count": len(nodes), "nodes": nodes, "reason": reason}
            for (op, reason), nodes in sorted(lines.items())
        ]
        raise UnsupportedError(
            f"{where}: expected nodes that can be compiled, found others{advice}:\n" + "\n".join(text),
            ops,
            rows,
        )


def _names(nodes: list[str]) -> str:
    shown = [shorten(name, 80) for name in nodes[:_SHOWN]]
    return ", ".join([*shown, *(["…"] if len(nodes) > _SHOWN else [])])
