"""What ops say of their gradients, for documentation and for tests."""

from __future__ import annotations

from ..ir.core import Op
from ..ops.base import GraphOp, none_flows
from ..ops.control import If


def declared_gradient(cls: type[Op]) -> str:
    """One of: "yes"; "none", nothing flows through the op; "no", it is refused; nothing, of what does not compute."""
    if issubclass(cls, If):
        return "yes"
    if not issubclass(cls, GraphOp):
        return "" if "terminator" in cls.traits or "effect" in cls.traits else "no"
    if cls.gradient is none_flows:
        return "none"
    return "no" if cls.gradient is GraphOp.gradient else "yes"
